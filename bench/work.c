// SPDX-License-Identifier: BSD-2-Clause
/*
 * Loops of system calls to measure tracers with. Prints its thread ids, waits
 * at a gate until the tracer is there, runs, and prints what it did. Every
 * thread exists before the gate, so that tracers can attach to all of them.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/macro.h"

#define NS_PER_S 1000000000ULL
#define TICK_NS 1000000ULL
#define MAX_THREADS 64
/* Long enough that its two looks at the clock do not count, short enough to be left alone. */
#define BLOCK_CALLS 1000
#define IO_BYTES 64
#define FILE_BYTES 65536
#define PAGES 256
#define PAGE_BYTES 4096

struct worker;

struct mode {
	const char *name;
	void (*setup)(struct worker *w);
	void (*run)(struct worker *w, u64 nr_loops);
	/* How many calls a loop makes, and how many of them are file operations. */
	unsigned int nr_calls, nr_vfs_calls;
	const char *help;
};

struct worker {
	const struct mode *mode;
	pthread_t thread;
	int cpu;
	pid_t tid;
	u64 nr_loops;
	u64 loops_per_s;
	u64 start_ns, end_ns;
	/* Of each whole block of calls. */
	u64 *block_ns;
	size_t nr_blocks;
	char path[4096];
	char new_path[4096];
	char data[FILE_BYTES];
	int fd;
	/* The other end of the connection, for modes that have one. */
	int peer_fd;
	u64 next_offset;
};

static pthread_barrier_t gate;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench-work: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void want(bool is_true, const char *what)
{
	if (!is_true)
		die(what);
}

static u64 now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (u64)t.tv_sec * NS_PER_S + (u64)t.tv_nsec;
}

static void pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	want(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

static void rw_setup(struct worker *w)
{
	w->fd = open(w->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	want(w->fd >= 0, w->path);
	want(write(w->fd, w->data, FILE_BYTES) == FILE_BYTES, "write");
	want(!unlink(w->path), "unlink");
}

static off_t next_offset(struct worker *w)
{
	return (off_t)(w->next_offset++ & 7) * 4096;
}

static void rw_run(struct worker *w, u64 nr_loops)
{
	while (nr_loops--) {
		off_t at = next_offset(w);

		want(pread(w->fd, w->data, IO_BYTES, at) == IO_BYTES, "pread");
		want(pwrite(w->fd, w->data, IO_BYTES, at) == IO_BYTES, "pwrite");
	}
}

static void read_run(struct worker *w, u64 nr_loops)
{
	while (nr_loops--)
		want(pread(w->fd, w->data, IO_BYTES, next_offset(w)) == IO_BYTES, "pread");
}

static void null_run(struct worker *w, u64 nr_loops)
{
	while (nr_loops--)
		(void)syscall(SYS_getppid);
}

static void files_run(struct worker *w, u64 nr_loops)
{
	struct stat st;
	int fd;

	while (nr_loops--) {
		fd = open(w->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		want(fd >= 0, w->path);
		want(write(fd, w->data, IO_BYTES) == IO_BYTES, "write");
		want(!close(fd), "close");
		fd = open(w->path, O_RDONLY | O_CLOEXEC);
		want(fd >= 0, w->path);
		want(read(fd, w->data, IO_BYTES) == IO_BYTES, "read");
		want(!close(fd), "close");
		want(!stat(w->path, &st), "stat");
		want(!rename(w->path, w->new_path), "rename");
		want(!unlink(w->new_path), "unlink");
	}
}

/* An open file is read at its position: none of these calls says where. */
static void known_run(struct worker *w, u64 nr_loops)
{
	while (nr_loops--) {
		int fd = open(w->path, O_RDONLY | O_CLOEXEC);

		want(fd >= 0, w->path);
		want(read(fd, w->data, IO_BYTES) == IO_BYTES, "read");
		want(!close(fd), "close");
	}
}

static void known_setup(struct worker *w)
{
	w->fd = open(w->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	want(w->fd >= 0, w->path);
	want(write(w->fd, w->data, FILE_BYTES) == FILE_BYTES, "write");
}

static void tcp_setup(struct worker *w)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int one = 1, listener;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	want(listener >= 0, "socket");
	want(!bind(listener, (struct sockaddr *)&addr, sizeof(addr)), "bind");
	want(!listen(listener, 1), "listen");
	want(!getsockname(listener, (struct sockaddr *)&addr, &len), "getsockname");

	w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	want(w->fd >= 0, "socket");
	want(!connect(w->fd, (struct sockaddr *)&addr, len), "connect");
	w->peer_fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	want(w->peer_fd >= 0, "accept");
	want(!setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), "setsockopt");
	want(!setsockopt(w->peer_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), "setsockopt");
	(void)close(listener);
}

static void tcp_run(struct worker *w, u64 nr_loops)
{
	while (nr_loops--) {
		want(write(w->fd, w->data, IO_BYTES) == IO_BYTES, "write");
		want(read(w->fd, w->data, IO_BYTES) == IO_BYTES, "read");
	}
}

static void *tcp_peer(void *arg)
{
	struct worker *w = arg;
	char data[IO_BYTES];

	pin(w->cpu);
	w->tid = gettid();
	pthread_barrier_wait(&gate);
	pthread_barrier_wait(&gate);
	for (u64 i = 0; i < w->nr_loops; i++) {
		want(read(w->peer_fd, data, IO_BYTES) == IO_BYTES, "read");
		want(write(w->peer_fd, data, IO_BYTES) == IO_BYTES, "write");
	}
	return NULL;
}

static void pages_setup(struct worker *w)
{
	w->fd = open(w->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	want(w->fd >= 0, w->path);
	want(!ftruncate(w->fd, PAGES * PAGE_BYTES), "ftruncate");
	want(!posix_fadvise(w->fd, 0, 0, POSIX_FADV_RANDOM), "posix_fadvise");
	want(!unlink(w->path), "unlink");
}

static void pages_run(struct worker *w, u64 nr_loops)
{
	while (nr_loops--) {
		for (int i = 0; i < PAGES; i++)
			want(pread(w->fd, w->data, 1, i * PAGE_BYTES) == 1, "pread");
		want(!posix_fadvise(w->fd, 0, 0, POSIX_FADV_DONTNEED), "posix_fadvise");
	}
}

/* clang-format off */
static const struct mode modes[] = {
	{ "rw",    rw_setup,  rw_run,    2, 2, "pread and pwrite of 64 cached bytes" },
	{ "read",  rw_setup,  read_run,  1, 1, "pread of 64 cached bytes" },
	{ "null",  NULL,      null_run,  1, 0, "getppid" },
	{ "files", NULL,      files_run, 9, 9, "open write close open read close stat rename unlink" },
	{ "known", known_setup, known_run, 3, 3, "open read close of one file" },
	{ "tcp",   tcp_setup, tcp_run,   4, 4, "64 bytes there and back between two threads" },
	/* What is called a call here is a page that comes or goes. */
	{ "pages", pages_setup, pages_run, 2 * PAGES, PAGES, "pages of a hole, read one by one, and dropped" },
};
/* clang-format on */

/*
 * A millisecond's share of loops, then sleep until the next one is due: spinning
 * would take the CPU that the tracer needs.
 */
static void run_paced(struct worker *w)
{
	u64 per_tick = MAX(w->loops_per_s * TICK_NS / NS_PER_S, 1);
	u64 tick_ns = per_tick * NS_PER_S / w->loops_per_s;
	u64 due_ns = now_ns(CLOCK_MONOTONIC);

	for (u64 left = w->nr_loops; left;) {
		u64 nr = MIN(left, per_tick);
		struct timespec due;

		w->mode->run(w, nr);
		left -= nr;
		due_ns += tick_ns;
		due.tv_sec = (time_t)(due_ns / NS_PER_S);
		due.tv_nsec = (long)(due_ns % NS_PER_S);
		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
	}
}

static u64 loops_per_block(const struct worker *w)
{
	return MAX(BLOCK_CALLS / w->mode->nr_calls, 1);
}

static void run_blocks(struct worker *w)
{
	u64 per_block = loops_per_block(w), from_ns = now_ns(CLOCK_MONOTONIC), to_ns;

	for (size_t i = 0; i < w->nr_blocks; i++, from_ns = to_ns) {
		w->mode->run(w, per_block);
		to_ns = now_ns(CLOCK_MONOTONIC);
		w->block_ns[i] = to_ns - from_ns;
	}
	w->mode->run(w, w->nr_loops % per_block);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	pin(w->cpu);
	w->tid = gettid();
	pthread_barrier_wait(&gate);
	pthread_barrier_wait(&gate);
	w->start_ns = now_ns(CLOCK_MONOTONIC);
	if (w->loops_per_s)
		run_paced(w);
	else
		run_blocks(w);
	w->end_ns = now_ns(CLOCK_MONOTONIC);
	return NULL;
}

static int parse_u64(const char *text, u64 *ret)
{
	u64 n = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || n > UINT64_MAX / 10 - 1)
			return -EINVAL;
		n = n * 10 + (u64)(*text - '0');
	}
	*ret = n;
	return 0;
}

/* "0,1" starts two threads, each on its own CPU. */
static int parse_cpus(char *text, int *cpus, unsigned int *ret_nr)
{
	unsigned int nr = 0;
	char *next;
	u64 cpu;

	while ((next = strsep(&text, ","))) {
		if (nr == MAX_THREADS || parse_u64(next, &cpu) < 0 || cpu >= CPU_SETSIZE)
			return -EINVAL;
		cpus[nr++] = (int)cpu;
	}
	*ret_nr = nr;
	return 0;
}

static const struct mode *find_mode(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (!strcmp(modes[i].name, name))
			return &modes[i];
	}
	return NULL;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: bench-work [-n CALLS] [-r CALLS_PER_S] [-c CPU,...] [-d DIR] [-w] MODE\n"
		"All numbers are per thread; one thread runs on each CPU of -c.\n"
		"-w prints the thread ids and waits for a line on stdin.\n");
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		fprintf(stderr, "  %-6s %s\n", modes[i].name, modes[i].help);
	return 2;
}

static void wait_for_go(const struct worker *workers, unsigned int nr, const struct worker *peer)
{
	char line[16];

	printf("pid %d threads", getpid());
	for (unsigned int i = 0; i < nr; i++)
		printf(" %d", workers[i].tid);
	if (peer)
		printf(" %d", peer->tid);
	printf("\n");
	fflush(stdout);
	want(read(STDIN_FILENO, line, sizeof(line)) > 0, "nobody opened the gate");
}

static int compare_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

/* What a call costs in the quiet quarter of the blocks; 0 where there are none. */
static double quiet_ns_per_call(const struct mode *mode, const struct worker *workers,
				unsigned int nr)
{
	size_t nr_blocks = workers->nr_blocks, nr_all = nr_blocks * nr;
	double ns;
	u64 *all;

	if (!nr_all || workers->loops_per_s)
		return 0;
	all = calloc(nr_all, sizeof(*all));
	want(all, "memory");
	for (unsigned int i = 0; i < nr; i++)
		memcpy(all + i * nr_blocks, workers[i].block_ns, nr_blocks * sizeof(*all));
	qsort(all, nr_all, sizeof(*all), compare_u64);
	ns = (double)all[nr_all / 4] / (double)(loops_per_block(workers) * mode->nr_calls);
	free(all);
	return ns;
}

static void print_result(const struct mode *mode, const struct worker *workers, unsigned int nr,
			 u64 cpu_ns)
{
	u64 start_ns = UINT64_MAX, end_ns = 0, nr_loops = 0, wall_ns;

	for (unsigned int i = 0; i < nr; i++) {
		start_ns = MIN(start_ns, workers[i].start_ns);
		end_ns = MAX(end_ns, workers[i].end_ns);
		nr_loops += workers[i].nr_loops;
	}
	wall_ns = end_ns - start_ns;
	printf("{\"mode\": \"%s\", \"threads\": %u, \"calls\": %llu, \"vfs_calls\": %llu, "
	       "\"wall_ns\": %llu, \"ns_per_call\": %.2f, \"cpu_ns_per_call\": %.2f, "
	       "\"quiet_ns_per_call\": %.2f}\n",
	       mode->name, nr, (unsigned long long)(nr_loops * mode->nr_calls),
	       (unsigned long long)(nr_loops * mode->nr_vfs_calls), (unsigned long long)wall_ns,
	       (double)wall_ns * nr / (double)(nr_loops * mode->nr_calls),
	       (double)cpu_ns / (double)(nr_loops * mode->nr_calls),
	       quiet_ns_per_call(mode, workers, nr));
}

static void prepare(struct worker *w, const struct mode *mode, unsigned int i, const char *dir)
{
	w->mode = mode;
	w->fd = w->peer_fd = -1;
	memset(w->data, 'x', sizeof(w->data));
	want(snprintf(w->path, sizeof(w->path), "%s/work-%d-%u", dir, getpid(), i) <
		     (int)sizeof(w->path) - 4,
	     "path");
	snprintf(w->new_path, sizeof(w->new_path), "%.4091s-new", w->path);
	if (mode->setup)
		mode->setup(w);
}

int main(int argc, char **argv)
{
	static struct worker workers[MAX_THREADS];
	struct worker peer = {};
	int opt, cpus[MAX_THREADS] = { -1 };
	u64 nr_calls = 1000 * 1000, calls_per_s = 0, cpu_ns;
	const struct mode *mode;
	const char *dir = ".";
	unsigned int nr = 1;
	bool is_gated = false, has_peer;

	while ((opt = getopt(argc, argv, "n:r:c:d:w")) != -1) {
		if (opt == 'n' && !parse_u64(optarg, &nr_calls))
			continue;
		if (opt == 'r' && !parse_u64(optarg, &calls_per_s))
			continue;
		if (opt == 'c' && !parse_cpus(optarg, cpus, &nr))
			continue;
		if (opt == 'd')
			dir = optarg;
		else if (opt == 'w')
			is_gated = true;
		else
			return usage();
	}
	mode = optind + 1 == argc ? find_mode(argv[optind]) : NULL;
	has_peer = mode && mode->setup == tcp_setup;
	if (!mode || nr_calls < mode->nr_calls || (has_peer && nr > 1))
		return usage();

	pthread_barrier_init(&gate, NULL, nr + has_peer + 1);
	for (unsigned int i = 0; i < nr; i++) {
		prepare(&workers[i], mode, i, dir);
		workers[i].cpu = cpus[i];
		workers[i].nr_loops = nr_calls / mode->nr_calls;
		workers[i].loops_per_s = calls_per_s / mode->nr_calls;
		workers[i].nr_blocks = workers[i].nr_loops / loops_per_block(&workers[i]);
		/* Touched here: a page fault on the way would be measured. */
		workers[i].block_ns = malloc((workers[i].nr_blocks + 1) * sizeof(u64));
		want(workers[i].block_ns, "memory");
		memset(workers[i].block_ns, 0xff, workers[i].nr_blocks * sizeof(u64));
		want(!pthread_create(&workers[i].thread, NULL, work, &workers[i]),
		     "pthread_create");
	}
	if (has_peer) {
		peer = workers[0];
		want(!pthread_create(&peer.thread, NULL, tcp_peer, &peer), "pthread_create");
	}

	pthread_barrier_wait(&gate);
	if (is_gated)
		wait_for_go(workers, nr, has_peer ? &peer : NULL);
	cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	pthread_barrier_wait(&gate);
	for (unsigned int i = 0; i < nr; i++)
		pthread_join(workers[i].thread, NULL);
	if (has_peer)
		pthread_join(peer.thread, NULL);
	print_result(mode, workers, nr, now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns);
	for (unsigned int i = 0; i < nr; i++)
		free(workers[i].block_ns);
	for (unsigned int i = 0; i < nr && mode->setup == known_setup; i++)
		(void)unlink(workers[i].path);
	return 0;
}
