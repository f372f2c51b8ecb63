// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#include "enrich/procfs.h"
#include "enrich/state.h"

/* Questions to /proc in a second of records; one takes about 20 us. */
#define ASK_BUDGET 1000u
#define BUDGET_NS 1000000000ull

/* The initial pid namespace, whose numbers records carry; linux/proc_ns.h: PROC_PID_INIT_INO. */
#define INITIAL_PID_NS "pid:[4026531836]"

static bool in_initial_pid_ns(void)
{
	char link[64];
	ssize_t n = readlink("/proc/self/ns/pid", link, sizeof(link) - 1);

	if (n < 0)
		return false;
	link[n] = '\0';
	return !strcmp(link, INITIAL_PID_NS);
}

static void open_cgroups(struct enrich *e)
{
	_cleanup_(buf_done) struct buf text = {};
	const char *best = NULL;
	struct procfs_mount m;
	char *next;

	if (procfs_read(e->proc_fd, "self/mountinfo", MAX_PROC_FILE, &text) < 0)
		return;
	next = text.data;
	while (procfs_next_mount(&next, &m)) {
		if (!strcmp(m.fs_type, "cgroup"))
			e->has_v1 = true;
		/* Better one that shows the whole tree than one that shows a part. */
		if (!strcmp(m.fs_type, "cgroup2") && (!best || !strcmp(m.root, "/")))
			best = m.point;
	}
	if (best)
		(void)cgroup_attach(&e->cgroups, best);
}

void live_open(struct enrich *e)
{
	e->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e->proc_fd < 0)
		return;
	e->budget = ASK_BUDGET;
	open_cgroups(e);
	e->asks_tasks = in_initial_pid_ns();
}

/* When a thread began, CLOCK_MONOTONIC, from its ticks since boot; up to a tick too early. */
static u64 start_ns_of(u64 start_ticks)
{
	struct timespec boot, mono;
	u64 asleep_ns, ns;

	(void)clock_gettime(CLOCK_MONOTONIC, &mono);
	(void)clock_gettime(CLOCK_BOOTTIME, &boot);
	asleep_ns = (u64)((boot.tv_sec - mono.tv_sec) * 1000000000ll + boot.tv_nsec - mono.tv_nsec);
	if (__builtin_mul_overflow(start_ticks, 1000000000ull / (u64)sysconf(_SC_CLK_TCK), &ns))
		return UINT64_MAX;
	return ns > asleep_ns ? ns - asleep_ns : 0;
}

/* Reads /proc/pid/name, or /proc/pid/task/tid/name if tid is not 0, into e->scratch. */
static int read_file(struct enrich *e, u32 pid, u32 tid, const char *name, size_t max)
{
	char path[64];

	if (tid)
		(void)snprintf(path, sizeof(path), "%u/task/%u/%s", pid, tid, name);
	else
		(void)snprintf(path, sizeof(path), "%u/%s", pid, name);
	return procfs_read(e->proc_fd, path, max, clean_scratch(e));
}

/* The container that the version 1 hierarchies tell, each on a line "number:controllers:path". */
static const struct istr *container_of_v1(struct enrich *e, char *text)
{
	const struct istr *s = NULL;
	char *line, *path;

	while (!s && (line = strsep(&text, "\n"))) {
		path = strchr(line, ':');
		path = path ? strchr(path + 1, ':') : NULL;
		if (path)
			s = cgroup_container_name(&e->pool, path + 1, strlen(path + 1));
	}
	return s;
}

static void read_comm(struct enrich *e, struct thread *t)
{
	struct buf *b = &e->scratch;
	size_t len;

	if (read_file(e, t->proc->pid, t->tid, "comm", 256) < 0 || !b->len)
		return;
	len = b->len - 1; /* a newline ends it */
	/* For a worker /proc adds to its name what it works on. */
	if (t->proc->is_kthread && !strncmp(b->data, "kworker/", 8) &&
	    strncmp(b->data, "kworker/R-", 10))
		len = MIN(len, strcspn(b->data, "+-"));
	task_set(&e->tasks, &t->comm, enrich_intern(e, b->data, MIN(len, (size_t)MAX_COMM)));
}

/* Reads what /proc tells of one thread and puts it where the thread knows nothing yet. */
static void read_task(struct enrich *e, struct thread *t)
{
	struct proc *p = t->proc;
	struct buf *b = &e->scratch;

	if (!t->comm)
		read_comm(e, t);
	if (!p->cmdline && !p->is_kthread && !read_file(e, p->pid, 0, "cmdline", MAX_ARGS) &&
	    b->len)
		p->cmdline = enrich_intern(e, b->data, procfs_join_args(b->data, b->len));
	if (e->has_v1 && !p->v1_asked && !read_file(e, p->pid, 0, "cgroup", MAX_PROC_FILE))
		task_set(&e->tasks, &p->container, container_of_v1(e, b->data));
	p->v1_asked = true;
}

static bool is_complete(const struct enrich *e, const struct thread *t)
{
	const struct proc *p = t->proc;

	return t->comm && p->has_ppid && (p->cmdline || p->is_kthread) &&
	       (p->v1_asked || !e->has_v1);
}

static bool may_ask(struct enrich *e, u64 now_ns)
{
	if (now_ns < e->budget_ns || now_ns - e->budget_ns > BUDGET_NS) {
		e->budget_ns = now_ns;
		e->budget = ASK_BUDGET;
	}
	if (!e->budget)
		return false;
	e->budget--;
	return true;
}

/* An answer that was none is remembered, too, and forgotten like the dead. */
static void end_unknown(struct enrich *e, struct thread *t, u64 start_ns, u64 now_ns)
{
	t->since_ns = start_ns;
	if (LIST_FIRST(&t->proc->threads) == t && !LIST_NEXT(t, sibling))
		task_end_proc(&e->tasks, t->proc, now_ns);
	else
		task_end_one(&e->tasks, t, now_ns);
}

static bool read_stat(struct enrich *e, u32 pid, u32 tid, struct procfs_stat *ret)
{
	bool answered = !read_file(e, pid, tid, "stat", 4096) &&
			!procfs_parse_stat(e->scratch.data, e->scratch.len, ret);

	e->proc_asked++;
	e->proc_answered += answered;
	return answered;
}

bool live_is_reused(struct enrich *e, const struct thread *t)
{
	struct procfs_stat stat;

	return e->asks_tasks && t->since_ns && read_stat(e, t->proc->pid, t->tid, &stat) &&
	       start_ns_of(stat.start_ticks) > t->since_ns + START_TOLERANCE_NS;
}

struct thread *live_settle(struct enrich *e, const struct sn_hdr *hdr, u64 start_ns,
			   struct thread *t)
{
	u64 latest_ns = t && t->since_ns ? t->since_ns + START_TOLERANCE_NS : start_ns;
	u32 pid = hdr->pid, tid = hdr->tid;
	struct procfs_stat stat;
	bool answered;

	if (t && (t->gone_ns || !e->asks_tasks || is_complete(e, t))) {
		t->settled = true;
		return t;
	}
	if (!e->asks_tasks || !pid || !tid || !may_ask(e, hdr->ts))
		return t;
	/* Somebody else may have the number by now. */
	answered = read_stat(e, pid, tid, &stat) && start_ns_of(stat.start_ticks) <= latest_ns;
	if (!t) {
		t = task_get(&e->tasks, pid, tid, hdr->ts);
		if (!t)
			return NULL;
		if (!answered)
			end_unknown(e, t, start_ns, hdr->ts);
	}
	t->settled = true;
	if (!answered)
		return t;
	if (!t->proc->has_ppid) {
		t->proc->ppid = stat.ppid;
		t->proc->has_ppid = true;
		t->proc->is_kthread = stat.is_kthread;
	}
	read_task(e, t);
	enrich_make_room(e);
	return task_newest(&e->tasks, pid, tid);
}
