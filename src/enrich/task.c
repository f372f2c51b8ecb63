// SPDX-License-Identifier: BSD-2-Clause
#include "enrich/task.h"

#include <errno.h>

#include "base/macro.h"

/*
 * Work that a dying task still does after its end was recorded: closing files,
 * and what that writes. Later than this its number means somebody else.
 */
#define AFTERLIFE_NS 1000000000ull
#define FIRST_BUCKETS 1024u

int task_init(struct tasks *ts, struct intern *pool, u32 max_threads)
{
	*ts = (struct tasks){
		.pool = pool,
		.max_threads = max_threads,
		.nr_buckets = FIRST_BUCKETS,
		.threads = calloc(FIRST_BUCKETS, sizeof(struct thread *)),
		.procs = calloc(FIRST_BUCKETS, sizeof(struct proc *)),
	};
	TAILQ_INIT(&ts->living);
	TAILQ_INIT(&ts->gone);
	return ts->threads && ts->procs ? 0 : -ENOMEM;
}

/* Numbers are handed out in sequence, so their low bits spread best as they are. */
static struct thread **thread_bucket(const struct tasks *ts, u32 tid)
{
	return &ts->threads[tid & (ts->nr_buckets - 1)];
}

static struct proc **proc_bucket(const struct tasks *ts, u32 pid)
{
	return &ts->procs[pid & (ts->nr_buckets - 1)];
}

static void free_proc(struct tasks *ts, struct proc *p)
{
	struct proc **at = proc_bucket(ts, p->pid);

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	task_set(ts, &p->cmdline, NULL);
	task_set(ts, &p->container, NULL);
	free(p);
	ts->nr_procs--;
}

static void free_thread(struct tasks *ts, struct thread *t)
{
	struct thread **at = thread_bucket(ts, t->tid);
	struct proc *p = t->proc;

	if (ts->last == t)
		ts->last = NULL;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	if (t->gone_ns)
		TAILQ_REMOVE(&ts->gone, t, age);
	else
		TAILQ_REMOVE(&ts->living, t, age);
	LIST_REMOVE(t, sibling);
	task_set(ts, &t->comm, NULL);
	free(t);
	ts->nr_threads--;
	if (LIST_EMPTY(&p->threads))
		free_proc(ts, p);
}

void task_done(struct tasks *ts)
{
	struct thread *t;

	if (ts->threads && ts->procs)
		while ((t = TAILQ_FIRST(&ts->gone)) || (t = TAILQ_FIRST(&ts->living)))
			free_thread(ts, t);
	free(ts->threads);
	free(ts->procs);
	*ts = (struct tasks){};
}

struct thread *task_find_slow(struct tasks *ts, u32 pid, u32 tid, u64 start_ns)
{
	struct thread *t;

	for (t = *thread_bucket(ts, tid); t; t = t->next) {
		if (t->tid != tid || t->proc->pid != pid || start_ns < t->since_ns)
			continue;
		if (!t->gone_ns) {
			ts->last = t;
			ts->last_key = (u64)pid << 32 | tid;
			return t;
		}
		return start_ns <= t->gone_ns + AFTERLIFE_NS ? t : NULL;
	}
	return NULL;
}

struct thread *task_newest(const struct tasks *ts, u32 pid, u32 tid)
{
	struct thread *t = *thread_bucket(ts, tid);

	while (t && (t->tid != tid || t->proc->pid != pid))
		t = t->next;
	return t;
}

struct proc *task_proc(const struct tasks *ts, u32 pid)
{
	struct proc *p = *proc_bucket(ts, pid);

	while (p && p->pid != pid)
		p = p->next;
	return p;
}

static struct thread *living_thread(const struct tasks *ts, u32 tid)
{
	struct thread *t = *thread_bucket(ts, tid);

	while (t && (t->tid != tid || t->gone_ns))
		t = t->next;
	return t;
}

/* Keeps the order in the buckets, which says what is newer. */
static bool grow(struct tasks *ts)
{
	u32 nr = ts->nr_buckets * 2;
	struct thread **threads = calloc(nr, sizeof(*threads)), **t_at, *t;
	struct proc **procs = calloc(nr, sizeof(*procs)), **p_at, *p;

	if (!threads || !procs) {
		free(threads);
		free(procs);
		return false;
	}
	for (u32 i = 0; i < ts->nr_buckets; i++) {
		while ((t = ts->threads[i])) {
			ts->threads[i] = t->next;
			t->next = NULL;
			for (t_at = &threads[t->tid & (nr - 1)]; *t_at; t_at = &(*t_at)->next)
				;
			*t_at = t;
		}
		while ((p = ts->procs[i])) {
			ts->procs[i] = p->next;
			p->next = NULL;
			for (p_at = &procs[p->pid & (nr - 1)]; *p_at; p_at = &(*p_at)->next)
				;
			*p_at = p;
		}
	}
	free(ts->threads);
	free(ts->procs);
	ts->threads = threads;
	ts->procs = procs;
	ts->nr_buckets = nr;
	return true;
}

static struct proc *new_proc(struct tasks *ts, u32 pid)
{
	struct proc *p = calloc(1, sizeof(*p)), **bucket = proc_bucket(ts, pid);

	if (!p)
		return NULL;
	p->pid = pid;
	p->next = *bucket;
	*bucket = p;
	ts->nr_procs++;
	return p;
}

struct thread *task_get(struct tasks *ts, u32 pid, u32 tid, u64 now_ns)
{
	struct thread *t = living_thread(ts, tid), **bucket, *older;
	struct proc *p;

	if (t && t->proc->pid == pid)
		return t;
	if (t)
		task_end_thread(ts, t, now_ns);
	while (ts->nr_threads >= ts->max_threads && task_drop(ts))
		;
	if (ts->nr_threads >= ts->nr_buckets)
		(void)grow(ts); /* if not, it is slower and still right */

	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	p = task_proc(ts, pid);
	if (!p || p->is_gone)
		p = new_proc(ts, pid);
	if (!p) {
		free(t);
		return NULL;
	}
	bucket = thread_bucket(ts, tid);
	for (older = *bucket; older && older->tid != tid; older = older->next)
		;
	t->since_ns = older ? older->gone_ns : 0;
	t->tid = tid;
	t->proc = p;
	t->used = true;
	t->next = *bucket;
	*bucket = t;
	LIST_INSERT_HEAD(&p->threads, t, sibling);
	TAILQ_INSERT_TAIL(&ts->living, t, age);
	ts->nr_threads++;
	return t;
}

void task_end_one(struct tasks *ts, struct thread *t, u64 now_ns)
{
	if (t->gone_ns)
		return;
	t->gone_ns = MAX(now_ns, 1u);
	TAILQ_REMOVE(&ts->living, t, age);
	TAILQ_INSERT_TAIL(&ts->gone, t, age);
}

void task_end_proc(struct tasks *ts, struct proc *p, u64 now_ns)
{
	struct thread *t;

	p->is_gone = true;
	for (t = LIST_FIRST(&p->threads); t; t = LIST_NEXT(t, sibling))
		task_end_one(ts, t, now_ns);
}

void task_end_thread(struct tasks *ts, struct thread *t, u64 now_ns)
{
	if (t->tid == t->proc->pid)
		task_end_proc(ts, t->proc, now_ns);
	else
		task_end_one(ts, t, now_ns);
}

struct thread *task_begin(struct tasks *ts, u32 pid, u32 tid, u64 now_ns)
{
	struct thread *t = living_thread(ts, tid);
	struct proc *p = task_proc(ts, pid);

	if (t)
		task_end_thread(ts, t, now_ns);
	if (p && pid == tid && !p->is_gone)
		task_end_proc(ts, p, now_ns);
	t = task_get(ts, pid, tid, now_ns);
	if (!t)
		return NULL;
	t->since_ns = now_ns;
	if (pid == tid)
		t->proc->is_told = true;
	return t;
}

void task_reap(struct tasks *ts, u64 before_ns)
{
	struct thread *t;

	while ((t = TAILQ_FIRST(&ts->gone)) && t->gone_ns < before_ns)
		free_thread(ts, t);
}

bool task_drop_gone(struct tasks *ts)
{
	struct thread *t = TAILQ_FIRST(&ts->gone);

	if (!t)
		return false;
	free_thread(ts, t);
	ts->dropped++;
	return true;
}

bool task_drop(struct tasks *ts)
{
	struct thread *t;

	if (task_drop_gone(ts))
		return true;
	while ((t = TAILQ_FIRST(&ts->living)) && t->used) {
		t->used = false;
		TAILQ_REMOVE(&ts->living, t, age);
		TAILQ_INSERT_TAIL(&ts->living, t, age);
	}
	if (!t)
		return false;
	free_thread(ts, t);
	ts->dropped++;
	return true;
}
