// SPDX-License-Identifier: BSD-2-Clause
/* Processes and threads: how they begin, what they become, how they end. */
#include "sonde-work.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static char bytes[PAGE];

static pid_t gettid_raw(void)
{
	return (pid_t)SYS(SYS_gettid);
}

/* A file that children may inherit. */
static struct wfile inherited(void)
{
	const char *path = in_dir("proc");
	struct wfile f;

	make_file(path, PAGE);
	wfile_open(&f, path, O_RDONLY, 0);
	return f;
}

static int run_child(void (*body)(void *), void *arg)
{
	return reap(spawn(body, arg));
}

/* ---- children ---- */

struct chain {
	struct wfile file;
	u64 left;
};

static void chain_link(void *arg)
{
	struct chain *chain = arg;
	u64 left = chain->left--;

	do_io("pread64", &chain->file, bytes, 10 + left, (s64)left);
	if (left > 1)
		run_child(chain_link, chain);
	do_io("pread64", &chain->file, bytes, 100 + left, (s64)left);
	_exit((int)left);
}

void work_proc_chain(void)
{
	struct chain chain = { inherited(), param_num("depth", 3) };

	window_begin();
	do_io("pread64", &chain.file, bytes, 10, 0);
	run_child(chain_link, &chain);
	window_end();
}

void work_proc_tree(void)
{
	u64 nr = param_num("n", 3);
	struct chain chain = { inherited(), 1 };

	window_begin();
	do_io("pread64", &chain.file, bytes, 1, 0);
	for (u64 i = 0; i < nr; i++)
		run_child(chain_link, &chain);
	do_io("pread64", &chain.file, bytes, 2, 0);
	window_end();
}

/* ---- threads ---- */

struct moving {
	struct wfile file;
	pthread_barrier_t turn;
};

static void read_while_moved(void *arg)
{
	struct moving *m = arg;

	for (int i = 0; i < 3; i++)
		do_io("pread64", &m->file, bytes, 10, i);
	pthread_barrier_wait(&m->turn);
	pthread_barrier_wait(&m->turn);
	for (int i = 0; i < 3; i++)
		do_io("pread64", &m->file, bytes, 20, i);
}

/* A process moves with all its threads, and the rows of each say where it is. */
void work_proc_moved(void)
{
	struct moving m = { .file = inherited() };
	const char *to = param_str("to", "/");
	char text[4096];
	struct worker *w;
	struct stat st;
	int fd, n;

	snprintf(text, sizeof(text), "%s/cgroup.procs", to);
	fd = open(text, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || stat(to, &st))
		die("to= is no cgroup");
	pthread_barrier_init(&m.turn, NULL, 2);
	window_begin();
	w = worker_start("moved", read_while_moved, &m);
	pthread_barrier_wait(&m.turn);
	do_io("pread64", &m.file, bytes, 30, 0);
	n = snprintf(text, sizeof(text), "%d", getpid());
	if (SYS(SYS_write, fd, text, n) != n)
		die("cannot move to %s", to);
	do_io("pread64", &m.file, bytes, 40, 0);
	pthread_barrier_wait(&m.turn);
	worker_join(w);
	window_end();
	snprintf(text, sizeof(text), "\"cgroup\":%llu", (unsigned long long)st.st_ino);
	claim_count("vfs_read", 4, text);
}

struct crowd {
	pthread_barrier_t born;
	unsigned int nr, done;
	bool leader_first;
};

static void crowd_member(void *arg)
{
	struct crowd *crowd = arg;

	pthread_barrier_wait(&crowd->born);
	if (crowd->leader_first)
		usleep(10000);
	/* At one moment, so that more than one of them sees that none is left. */
	__atomic_add_fetch(&crowd->done, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&crowd->done, __ATOMIC_RELAXED) < crowd->nr)
		;
}

static void crowd_process(void *arg)
{
	struct crowd *crowd = arg;
	struct worker *workers[64];

	for (unsigned int i = 0; i < crowd->nr; i++)
		workers[i] = worker_start(NULL, crowd_member, crowd);
	pthread_barrier_wait(&crowd->born);
	if (crowd->leader_first)
		(void)SYS(SYS_exit, 9); /* the leader only; the others live on */
	for (unsigned int i = 0; i < crowd->nr; i++)
		worker_join(workers[i]);
	_exit(5);
}

static void crowd_run(unsigned int nr, bool leader_first)
{
	struct crowd crowd = { .nr = nr, .leader_first = leader_first };

	pthread_barrier_init(&crowd.born, NULL, nr + 1);
	run_child(crowd_process, &crowd);
}

void work_proc_threads(void)
{
	unsigned int nr = (unsigned int)param_num("threads", 10);
	u64 rounds = param_num("rounds", 1);

	if (nr > 60)
		die("too many threads");
	window_begin();
	for (u64 i = 0; i < rounds; i++) {
		crowd_run(nr, false);
		crowd_run(nr, true);
	}
	window_end();
}

/* ---- exec ---- */

struct exec {
	const char *file;
	char *const *argv;
	pid_t *old_tid; /* of the thread that does it, when it is not the leader */
};

static void exec_now(void *arg)
{
	const struct exec *e = arg;
	char *const no_env[] = { NULL };

	if (e->old_tid)
		*e->old_tid = gettid_raw();
	(void)SYS(SYS_execve, e->file, e->argv, no_env);
	die("cannot run %s", e->file);
}

static void exec_by_thread(void *arg)
{
	worker_join(worker_start("execs", exec_now, arg));
}

/* The row of an exec: the name it gives, and its arguments, of which 1 KiB is kept. */
static void claim_exec(const struct exec *e, pid_t pid, pid_t old_tid)
{
	const char *base = strrchr(e->file, '/');
	char args[8192], comm[16];
	size_t len = 0;
	struct claim c;

	for (char *const *a = e->argv; *a; a++) {
		size_t n = strlen(*a) + 1;

		if (len + n > sizeof(args))
			die("too many arguments");
		memcpy(args + len, *a, n);
		len += n;
	}
	snprintf(comm, sizeof(comm), "%s", base ? base + 1 : e->file);
	claim_row_of(&c, "proc_exec", pid, pid, NULL);
	claim_num(&c, "old_tid", old_tid);
	claim_str(&c, "file", e->file);
	claim_str(&c, "new_comm", comm);
	claim_bool(&c, "args_cut", len > 1024);
	claim_mem(&c, "args", args, len > 1024 ? 1024 : len);
	claim_end(&c);
}

static void run_exec(const char *file, char *const *argv, bool by_thread)
{
	struct exec e = { file, argv, shared_memory(sizeof(pid_t)) };
	pid_t pid = spawn(by_thread ? exec_by_thread : exec_now, &e);

	reap(pid);
	claim_exec(&e, pid, *e.old_tid);
}

/* This program under another name. */
static const char *alias(const char *name)
{
	const char *path = in_dir(name);

	(void)unlink(path);
	if (symlink(work_self, path))
		die("cannot make %s", path);
	return path;
}

#define ARGV(...) ((char *const[]){ (char *)"@exit", __VA_ARGS__, NULL })

void work_proc_exec(void)
{
	char *many[2 + 120 + 1] = { (char *)"@exit", (char *)"4" };
	const char *odd = alias("odd name, 16+ bytes");
	const char *plain = alias("plain");
	char long_arg[1500];

	for (int i = 0; i < 120; i++)
		if (asprintf(&many[2 + i], "argument-%d", i) < 0)
			die("no memory");
	memset(long_arg, 'L', sizeof(long_arg) - 1);
	long_arg[sizeof(long_arg) - 1] = '\0';
	window_begin();
	run_exec(plain, ARGV((char *)"0"), false);
	run_exec(odd, ARGV((char *)"1", (char *)"a b", (char *)"", (char *)"\"q\",\n", (char *)""),
		 false);
	run_exec(plain, ARGV((char *)"2", (char *)"not utf-8: \xfe", (char *)"caf\xc3\xa9"), false);
	run_exec(plain, ARGV((char *)"3", long_arg), false);
	run_exec(plain, many, false);
	run_exec("plain", ARGV((char *)"5"), false);
	window_end();
}

void work_proc_exec_thread(void)
{
	const char *plain = alias("plain");

	window_begin();
	run_exec(plain, ARGV((char *)"6"), true);
	run_exec(plain, ARGV((char *)"7"), false);
	window_end();
}

void work_proc_storm(void)
{
	u64 nr = param_num("n", 1000);
	struct wfile f = inherited();
	const char *file = alias("storm");
	char fd[16], count[32];
	struct claim c;

	snprintf(fd, sizeof(fd), "%d", f.fd);
	window_begin();
	for (u64 i = 0; i < nr; i++) {
		char *argv[] = { (char *)"@read", fd, (char *)"1", count, NULL };
		struct exec e = { file, argv, NULL };
		pid_t pid;

		snprintf(count, sizeof(count), "storm-%llu", (unsigned long long)i);
		pid = spawn(exec_now, &e);
		reap(pid);
		claim_exec(&e, pid, pid);
		claim_row_of(&c, "vfs_read", pid, pid, "storm");
		claim_str(&c, "call", "pread64");
		claim_num(&c, "ret", 64);
		claim_num(&c, "ppid", getpid());
		claim_str(&c, "path", f.path);
		claim_end(&c);
	}
	window_end();
	for (int i = 0; i < 2; i++) {
		claim_kind(&c, "filled");
		claim_str(&c, "event", i ? "vfs_read" : "proc_exit");
		claim_str(&c, "field", "cmdline");
		claim_str(&c, "like", "@read * 1 storm-*");
		claim_num(&c, "percent", 99);
		claim_end(&c);
	}
}

/* ---- names of threads ---- */

static void rename_self(const char *from, const char *to)
{
	if (SYS(SYS_prctl, PR_SET_NAME, to))
		die("cannot rename a thread");
	claim_rename(from, to);
}

static void rename_thread(void *arg)
{
	struct wfile *f = arg;

	do_io("pread64", f, bytes, 1, 0);
	rename_self("thread", "thread\xff\n");
	do_io("pread64", f, bytes, 2, 0);
}

void work_proc_rename(void)
{
	struct wfile f = inherited();

	(void)SYS(SYS_prctl, PR_SET_NAME, "main");
	window_begin();
	do_io("pread64", &f, bytes, 3, 0);
	rename_self("main", "main, \"odd\"");
	do_io("pread64", &f, bytes, 4, 0);
	worker_join(worker_start("thread", rename_thread, &f));
	rename_self("main, \"odd\"", "fifteen-bytes-x");
	do_io("pread64", &f, bytes, 5, 0);
	window_end();
}

static void late_by_rename(void *arg)
{
	struct wfile *f = arg;

	for (int i = 0; i < 3; i++)
		do_io("pread64", f, bytes, 1, 0);
	rename_self("sonde-work", "late-name");
	for (int i = 0; i < 4; i++)
		do_io("pread64", f, bytes, 2, 0);
	rename_self("late-name", "other");
	do_io("pread64", f, bytes, 3, 0);
}

void work_proc_late(void)
{
	struct wfile f = inherited();
	const char *file = alias("late-exec");
	char fd[16];
	char *argv[] = { (char *)"@read", fd, (char *)"5", NULL };
	struct exec e = { file, argv, NULL };
	struct claim c;
	pid_t pid;

	snprintf(fd, sizeof(fd), "%d", f.fd);
	window_begin();
	do_io("pread64", &f, bytes, 4, 0);
	pid = spawn(exec_now, &e);
	reap(pid);
	claim_exec(&e, pid, pid);
	for (int i = 0; i < 5; i++) {
		claim_row_of(&c, "vfs_read", pid, pid, "late-exec");
		claim_num(&c, "ret", 64);
		claim_end(&c);
	}
	run_child(late_by_rename, &f);
	window_end();
}

/* ---- ends ---- */

static void end_by_code(void *arg)
{
	_exit((int)(long)arg);
}

static void end_by_signal(void *arg)
{
	struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	signal((int)(long)arg, SIG_DFL);
	(void)SYS(SYS_kill, getpid(), arg);
	_exit(1);
}

static void end_by_fault(void *arg)
{
	struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	*(volatile char *)arg = 1;
}

void work_proc_ends(void)
{
	static const long codes[] = { 0, 1, 42, 127, 255 };
	static const long signals[] = { SIGKILL, SIGTERM, SIGABRT, SIGINT, SIGUSR1 };

	window_begin();
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		run_child(end_by_code, (void *)codes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		run_child(end_by_signal, (void *)signals[i]);
	run_child(end_by_fault, (void *)16);
	window_end();
}

void work_proc_status(void)
{
	u64 sig = param_num("signal", 0);

	window_begin();
	window_end();
	if (sig)
		end_by_signal((void *)(long)sig);
	_exit((int)param_num("code", 7));
}

void work_proc_busy(void)
{
	u64 ms = param_num("ms", 1000);
	struct wfile f = inherited();

	window_begin();
	for (u64 i = 0; i < ms; i++) {
		do_io("pread64", &f, bytes, 64, 0);
		usleep(1000);
	}
	window_end();
}
