// SPDX-License-Identifier: BSD-2-Clause
/* Reads and writes. */
#include "sonde-work.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

static char bytes[1 << 20] __attribute__((aligned(PAGE)));

static const char *const reads[] = { "read", "pread64", "readv", "preadv", "preadv2" };
static const char *const writes[] = { "write", "pwrite64", "writev", "pwritev", "pwritev2" };

/* A file in the directory, made and opened. */
static struct wfile fresh(const char *name, u64 size, int flags)
{
	const char *path = in_dir(name);
	struct wfile f;

	make_file(path, size);
	wfile_open(&f, path, flags, 0);
	return f;
}

/* The forms that take flags, with flags. */
static void flagged(const struct wfile *f)
{
	static const struct {
		long nr;
		const char *call, *event, *text;
		int flags;
	} tries[] = {
		{ SYS_preadv2, "preadv2", "vfs_read", "RWF_NOWAIT", RWF_NOWAIT },
		{ SYS_pwritev2, "pwritev2", "vfs_write", "RWF_DSYNC", RWF_DSYNC },
		{ SYS_pwritev2, "pwritev2", "vfs_write", "RWF_DSYNC|RWF_SYNC",
		  RWF_SYNC | RWF_DSYNC },
	};
	struct iovec iov = { bytes, 50 };
	struct claim c;

	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		s64 ret = SYS(tries[i].nr, f->fd, &iov, 1, 70, 0, tries[i].flags);

		claim_row(&c, tries[i].event);
		claim_str(&c, "call", tries[i].call);
		claim_num(&c, "fd", f->fd);
		claim_num(&c, "requested_bytes", 50);
		claim_ret(&c, ret);
		claim_num(&c, "offset", 70);
		claim_str(&c, "rwf", tries[i].text);
		claim_end(&c);
	}
}

void work_rw_forms(void)
{
	struct wfile f = fresh("forms", 8192, O_RDWR);

	window_begin();
	for (size_t i = 0; i < ARRAY_SIZE(reads); i++)
		do_io(reads[i], &f, bytes, 100 + i, (s64)(1000 * i));
	for (size_t i = 0; i < ARRAY_SIZE(writes); i++)
		do_io(writes[i], &f, bytes, 200 + i, (s64)(1000 * i));
	/* Offset -1 of the flagged forms means the file's own position. */
	do_io("preadv2", &f, bytes, 300, -1);
	do_io("pwritev2", &f, bytes, 301, -1);
	flagged(&f);
	window_end();
}

/* Bad memory and bad descriptors. */
static void rw_bad(struct wfile *f)
{
	struct wfile closed = { .fd = 900 }, negative = { .fd = -1 }, huge = { .fd = 1 << 30 };
	struct wfile writer, path_only;
	const char *path = in_dir("edges-w");
	struct claim c;
	s64 ret;

	make_file(path, 100);
	wfile_open(&writer, path, O_WRONLY, 0);
	wfile_open(&path_only, path, O_PATH, 0);
	window_begin();
	do_io("read", f, (void *)8, 64, 0);
	do_io("pread64", f, (void *)8, 64, 128);
	do_io("write", f, (void *)8, 64, 0);
	do_io("pwrite64", f, (void *)8, 64, 128);
	for (size_t i = 0; i < ARRAY_SIZE(reads); i++) {
		do_io(reads[i], &closed, bytes, 64, 5);
		do_io(writes[i], &closed, bytes, 64, 5);
	}
	do_io("read", &negative, bytes, 64, 0);
	do_io("write", &huge, bytes, 64, 0);
	/* Opened for the other direction. */
	do_io("read", &writer, bytes, 64, 0);
	/* A path is no file to read: that the descriptor names something may or may not show. */
	ret = SYS(SYS_read, path_only.fd, bytes, 64);
	claim_row(&c, "vfs_read");
	claim_str(&c, "call", "read");
	claim_num(&c, "fd", path_only.fd);
	claim_ret(&c, ret);
	claim_end(&c);
	/* Below zero: no offset. */
	do_io("pread64", f, bytes, 64, -5);
	/* Vectors that cannot be read, and more of them than the kernel takes. */
	for (int i = 0; i < 2; i++) {
		ret = SYS(SYS_readv, f->fd, i ? (void *)bytes : (void *)8, i ? 2000 : 2);
		claim_row(&c, "vfs_read");
		claim_str(&c, "call", "readv");
		claim_num(&c, "fd", f->fd);
		claim_null(&c, "requested_bytes");
		claim_ret(&c, ret);
		claim_file(&c, f);
		claim_end(&c);
	}
}

void work_rw_edges(void)
{
	struct wfile f = fresh("edges", 1000, O_RDWR);
	struct wfile append = fresh("edges-append", 500, O_RDWR | O_APPEND);
	struct wfile sparse = fresh("edges-sparse", 0, O_RDWR);
	struct wfile dir;
	const s64 far = (5ll << 30) + 12345;

	wfile_open(&dir, work_dir, O_RDONLY | O_DIRECTORY, 0);
	rw_bad(&f);
	/* The end of the file cuts, then gives nothing. */
	do_io("pread64", &f, bytes, 400, 900);
	do_io("pread64", &f, bytes, 400, 1000);
	do_io("pread64", &f, bytes, 400, 5000);
	do_io("read", &f, bytes, 4096, 0);
	do_io("read", &f, bytes, 4096, 0);
	/* Nothing asked for. */
	for (size_t i = 0; i < ARRAY_SIZE(reads); i++) {
		do_io(reads[i], &f, bytes, 0, 10);
		do_io(writes[i], &f, bytes, 0, 10);
	}
	/* Appended: at the end, wherever the call says. */
	do_io("write", &append, bytes, 11, 0);
	do_io("writev", &append, bytes, 13, 0);
	do_io("pwrite64", &append, bytes, 19, 0);
	do_io("pwritev", &append, bytes, 21, 7);
	do_io("pwritev2", &append, bytes, 22, 7);
	do_io("pwritev2", &append, bytes, 23, -1);
	do_io("pwrite64", &append, bytes, 0, 0);
	do_io("read", &append, bytes, 64, 0);
	(void)SYS(SYS_lseek, append.fd, 3, SEEK_SET);
	do_io("read", &append, bytes, 64, 0);
	do_io("write", &append, bytes, 17, 0);
	/* Beyond 4 GiB. */
	do_io("pwrite64", &sparse, bytes, 77, far);
	do_io("pread64", &sparse, bytes, 200, far - 100);
	(void)SYS(SYS_lseek, sparse.fd, far + 10, SEEK_SET);
	do_io("write", &sparse, bytes, 5, 0);
	do_io("read", &sparse, bytes, 100, 0);
	do_io("preadv", &sparse, bytes, 33, far);
	do_io("pwritev", &sparse, bytes, 34, far);
	/* A directory is no file to read. */
	dir.no_pos = true;
	do_io("read", &dir, bytes, 64, 0);
	window_end();
	(void)unlink(sparse.path);
}

void work_rw_sizes(void)
{
	struct wfile f = fresh("sizes", 0, O_RDWR);

	window_begin();
	for (size_t size = 1; size <= sizeof(bytes); size *= 2)
		do_io("pwrite64", &f, bytes, size, (s64)size);
	for (size_t size = 1; size <= sizeof(bytes); size *= 2)
		do_io("pread64", &f, bytes, size, (s64)size);
	window_end();
}

/* ---- what has no position ---- */

/*
 * What a slow read waits for comes this long after its thread was about to read, and what the
 * row tells is at least the other: an emulated cpu can stand still for a while in between.
 */
#define LATE_MS 500
#define SLOW_NS 100000000

struct late_write {
	int fd;
	atomic_bool reads;
};

static void sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
		;
}

/* A read that waits for its bytes, which another thread sends. */
static void send_late(void *arg)
{
	struct late_write *late = arg;
	struct wfile f = { .fd = late->fd, .no_pos = true };

	while (!late->reads)
		sleep_ms(1);
	sleep_ms(LATE_MS);
	do_io("write", &f, bytes, 9, 0);
}

static void ring(int sig)
{
	(void)sig;
}

/* A read that an alarm interrupts; flags of sigaction(2). */
static void interrupt(const struct wfile *f, int flags, s64 ret)
{
	struct sigaction sa = { .sa_handler = ring, .sa_flags = flags };
	struct itimerval later = { .it_value.tv_usec = LATE_MS * 1000 };
	struct claim c;

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &later, NULL);
	if (SYS(SYS_read, f->fd, bytes, 64) != -EINTR)
		die("a read was not interrupted");
	claim_row(&c, "vfs_read");
	claim_str(&c, "call", "read");
	claim_num(&c, "fd", f->fd);
	claim_num(&c, "requested_bytes", 64);
	claim_ret(&c, ret);
	claim_null(&c, "bytes");
	claim_bool(&c, "restarted", ret == -512);
	claim_min(&c, "dur_ns", SLOW_NS);
	claim_end(&c);
}

void work_rw_pipes(void)
{
	struct timeval a_minute = { .tv_sec = 60 };
	struct wfile in, out, sock, other, zero, null, stat;
	struct late_write late;
	struct worker *w;
	struct claim c;
	int p[2], s[2];
	s64 ret;

	if (pipe(p) || socketpair(AF_UNIX, SOCK_STREAM, 0, s))
		die("cannot make a pipe");
	in = (struct wfile){ .fd = p[0], .no_pos = true };
	out = (struct wfile){ .fd = p[1], .flags = O_WRONLY, .no_pos = true };
	sock = (struct wfile){ .fd = s[0], .flags = O_RDWR, .no_pos = true };
	other = (struct wfile){ .fd = s[1], .flags = O_RDWR, .no_pos = true };
	wfile_open(&zero, "/dev/zero", O_RDONLY, 0);
	wfile_open(&null, "/dev/null", O_WRONLY, 0);
	wfile_open(&stat, "/proc/self/stat", O_RDONLY, 0);
	stat.path = NULL; /* its name has the process's number in it */
	zero.no_pos = null.no_pos = true;
	setsockopt(sock.fd, SOL_SOCKET, SO_RCVTIMEO, &a_minute, sizeof(a_minute));

	window_begin();
	do_io("write", &out, bytes, 100, 0);
	do_io("read", &in, bytes, 60, 0);
	do_io("readv", &in, bytes, 400, 0);
	do_io("pread64", &in, bytes, 10, 0);
	do_io("write", &other, bytes, 50, 0);
	do_io("read", &sock, bytes, 4096, 0);
	do_io("read", &zero, bytes, 4096, 0);
	do_io("write", &null, bytes, 4096, 0);
	do_io("read", &stat, bytes, 10, 0);

	late = (struct late_write){ out.fd };
	w = worker_start("late", send_late, &late);
	late.reads = true;
	ret = SYS(SYS_read, in.fd, bytes, 64);
	claim_row(&c, "vfs_read");
	claim_str(&c, "call", "read");
	claim_num(&c, "fd", in.fd);
	claim_ret(&c, ret);
	claim_null(&c, "offset");
	claim_str(&c, "tag", "slow");
	claim_min(&c, "dur_ns", SLOW_NS);
	claim_end(&c);
	worker_join(w);

	/*
	 * Whether a call is made again is decided when the signal is delivered: what
	 * the kernel's call itself returned says "make it again" in both cases.
	 */
	interrupt(&in, 0, -512);
	interrupt(&sock, 0, -EINTR);
	window_end();
}

/* ---- threads ---- */

struct shared {
	struct wfile file;
	u64 nr;
};

static void read_shared(void *arg)
{
	struct shared *s = arg;
	char own[64];
	struct claim c;

	for (u64 i = 0; i < s->nr; i++) {
		s64 ret = SYS(SYS_read, s->file.fd, own, sizeof(own));

		claim_row(&c, "vfs_read");
		claim_str(&c, "call", "read");
		claim_num(&c, "fd", s->file.fd);
		claim_num(&c, "requested_bytes", sizeof(own));
		claim_ret(&c, ret);
		claim_str(&c, "path", s->file.path);
		claim_end(&c);
	}
}

void work_rw_shared(void)
{
	u64 threads = param_num("threads", 2), nr = param_num("reads", 200);
	struct shared s = { .nr = nr };
	struct worker *workers[64];
	char where[64];

	if (threads > ARRAY_SIZE(workers))
		die("too many threads");
	s.file = fresh("shared", threads * nr * 64, O_RDONLY);
	window_begin();
	for (u64 i = 0; i < threads; i++)
		workers[i] = worker_start("reader", read_shared, &s);
	for (u64 i = 0; i < threads; i++)
		worker_join(workers[i]);
	window_end();
	snprintf(where, sizeof(where), "\"fd\":%d", s.file.fd);
	/* Each byte was read once: an offset is told once, or is not known. */
	claim_distinct("vfs_read", "offset", where);
	claim_sum("vfs_read", "ret", threads * nr * 64, where);
}

struct swap {
	struct wfile files[2];
	int fd;
	u64 nr;
	volatile u64 turn, done;
};

/* Puts the other file in the descriptor's place at about the moment when it is read. */
static void swap_files(void *arg)
{
	struct swap *s = arg;

	for (u64 i = 1; i <= s->nr; i++) {
		while (s->turn < i)
			;
		for (volatile u64 k = 0; k < i % 400; k++)
			;
		if (SYS(SYS_dup3, s->files[i & 1].fd, s->fd, 0) != s->fd)
			die("cannot put a file in a descriptor's place");
		s->done = i;
	}
}

/* Reads the first byte, or copies it and reads the copy. */
static s64 take_byte(int fd, const struct wfile *copy, char *ret)
{
	s64 from = 0, to = 0;

	if (!copy)
		return SYS(SYS_pread64, fd, ret, 1, 0);
	if (SYS(SYS_copy_file_range, fd, &from, copy->fd, &to, 1, 0) != 1)
		return -1;
	return SYS(SYS_pread64, copy->fd, ret, 1, 0);
}

/* The byte that is read says which of them it was. */
void work_rw_swap(void)
{
	struct swap s = { .nr = param_num("n", 20000) };
	bool copies = param_num("copy", 0);
	struct wfile copy;
	struct worker *w;
	struct claim c;
	char byte;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip("there is one cpu");
	for (int i = 0; i < 2; i++) {
		s.files[i] = fresh(i ? "swap-b" : "swap-a", 0, O_RDWR);
		if (SYS(SYS_write, s.files[i].fd, i ? "b" : "a", 1) != 1)
			die("cannot write");
	}
	s.fd = dup(s.files[0].fd);
	if (copies)
		copy = fresh("swap-copy", 0, O_RDWR);
	window_begin();
	w = worker_start("swap", swap_files, &s);
	for (u64 i = 1; i <= s.nr; i++) {
		s.turn = i;
		if (take_byte(s.fd, copies ? &copy : NULL, &byte) != 1)
			die("cannot read");
		while (s.done < i)
			;
		claim_row(&c, copies ? "vfs_copy" : "vfs_read");
		claim_num(&c, "fd", s.fd);
		claim_num(&c, "ret", 1);
		if (copies)
			claim_str(&c, "to_path", copy.path);
		claim_either(&c, "path", s.files[byte == 'b'].path, NULL);
		claim_end(&c);
	}
	worker_join(w);
	window_end();
}

struct flood {
	int fd;
	u64 nr, size;
	char bytes[4096];
};

static void flood(void *arg)
{
	struct flood *f = arg;
	struct claim c;

	for (u64 i = 0; i < f->nr; i++)
		if (SYS(SYS_pread64, f->fd, f->bytes, f->size, 0) != (s64)f->size)
			die("a read failed");
	claim_row(&c, "vfs_read");
	claim_num(&c, "repeat", (s64)f->nr);
	claim_str(&c, "call", "pread64");
	claim_num(&c, "fd", f->fd);
	claim_num(&c, "requested_bytes", (s64)f->size);
	claim_ret(&c, (s64)f->size);
	claim_num(&c, "offset", 0);
	claim_end(&c);
}

void work_rw_flood(void)
{
	u64 threads = param_num("threads", 1), nr = param_num("n", 100000);
	u64 size = param_num("bytes", 64);
	struct wfile f = fresh("flood", PAGE, O_RDONLY);
	struct worker *workers[64];
	struct flood *floods;

	if (threads > ARRAY_SIZE(workers) || size > PAGE)
		die("too many threads or bytes");
	floods = calloc(threads, sizeof(*floods));
	if (!floods)
		die("no memory");
	if (param_num("one_cpu", 0))
		stay_on_this_cpu();
	window_begin();
	for (u64 i = 0; i < threads; i++) {
		floods[i].fd = f.fd;
		floods[i].nr = nr;
		floods[i].size = size;
		workers[i] = worker_start("flood", flood, &floods[i]);
	}
	for (u64 i = 0; i < threads; i++)
		worker_join(workers[i]);
	window_end();
	usleep(RING_IS_EMPTY_US);
	claim_count("vfs_read", threads * nr, "");
	claim_sum("vfs_read", "ret", threads * nr * size, "");
}

/* ---- the disk behind ---- */

void work_rw_direct(void)
{
	u64 nr = param_num("n", 16), size = param_num("bytes", 4096);
	struct wfile f;

	if (size > sizeof(bytes))
		die("too many bytes");
	f.fd = open(in_dir("direct"), O_RDWR | O_CREAT | O_DIRECT, 0644);
	if (f.fd < 0)
		skip("no direct I/O in %s", work_dir);
	close(f.fd);
	wfile_open(&f, in_dir("direct"), O_RDWR | O_DIRECT, 0);
	window_begin();
	for (u64 i = 0; i < nr; i++)
		do_io("pwrite64", &f, bytes, size, (s64)(i * size));
	for (u64 i = 0; i < nr; i++)
		do_io("pread64", &f, bytes, size, (s64)(i * size));
	/* Unaligned: refused by most file systems, and then a row as well. */
	do_io("pread64", &f, bytes + 1, size, 0);
	window_end();
}

/* How many pages of the file the page cache holds. */
static size_t resident(int fd, size_t size)
{
	unsigned char pages[1024];
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	size_t nr = 0;

	if (map == MAP_FAILED || size > sizeof(pages) * PAGE || mincore(map, size, pages))
		die("cannot ask the page cache");
	munmap(map, size);
	for (size_t i = 0; i < size / PAGE; i++)
		nr += pages[i] & 1;
	return nr;
}

void work_rw_cold(void)
{
	u64 size = param_num("bytes", 1 << 20);
	struct wfile f = fresh("cold", size, O_RDONLY);
	size_t left;

	if (size > sizeof(bytes))
		die("too many bytes");
	if (fsync(f.fd) || posix_fadvise(f.fd, 0, 0, POSIX_FADV_DONTNEED))
		die("cannot empty the page cache");
	left = resident(f.fd, size);
	if (left)
		skip("%zu pages of a file in %s stay in memory", left, work_dir);
	window_begin();
	do_io_op("pread64", &f, bytes, size, 0, "cold");
	window_end();
	/* All it read came by requests that carry its operation id and its name. */
	claim_sum("block_io", "bytes", size, "\"op\":\"$cold\",\"blk_op\":\"read\"");
	{
		char where[8192];

		snprintf(where, sizeof(where), "\"op\":\"$cold\",\"path\":\"%s\"", f.path);
		claim_sum("block_io", "bytes", size, where);
	}
}

struct before {
	struct wfile file;
	pthread_barrier_t gate;
};

static void read_before(void *arg)
{
	struct before *b = arg;
	char own[64];

	pthread_barrier_wait(&b->gate);
	for (int i = 0; i < 3; i++)
		do_io("pread64", &b->file, own, 10, i);
}

void work_rw_before(void)
{
	unsigned int threads = (unsigned int)param_num("threads", 4);
	struct worker *workers[64];
	struct before b;

	if (threads > ARRAY_SIZE(workers))
		die("too many threads");
	b.file = fresh("before", 4096, O_RDWR);
	pthread_barrier_init(&b.gate, NULL, threads + 1);
	for (unsigned int i = 0; i < threads; i++)
		workers[i] = worker_start("before", read_before, &b);
	window_begin();
	pthread_barrier_wait(&b.gate);
	do_io("pread64", &b.file, bytes, 10, 20);
	do_io("pwrite64", &b.file, bytes, 30, 40);
	do_io("read", &b.file, bytes, 50, 0);
	for (unsigned int i = 0; i < threads; i++)
		worker_join(workers[i]);
	do_close(&b.file);
	window_end();
}

/* ---- the other table ---- */

#ifdef __x86_64__
static long ia32(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(nr), "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

static void try_ia32(void *arg)
{
	(void)arg;
	(void)ia32(20, 0, 0, 0);
}
#endif

void work_rw_compat(void)
{
#ifdef __x86_64__
	struct wfile f = fresh("compat", 4096, O_RDWR);
	char *low = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (low == MAP_FAILED)
		die("no memory");
	if (reap(spawn(try_ia32, NULL)))
		skip("this kernel has no 32-bit system calls");
	window_begin();
	do_io("pread64", &f, bytes, 11, 0);
	/* read, write, close and getpid there are close, stat, lstat... and writev here. */
	for (int i = 0; i < 10; i++) {
		if (ia32(3, f.fd, (long)low, 100) != 100 || ia32(20, 0, 0, 0) != getpid() ||
		    ia32(4, f.fd, (long)low, 50) != 50)
			die("a 32-bit system call failed");
		(void)ia32(6, 9999, 0, 0);
		(void)ia32(17, f.fd, (long)low, 8);
	}
	do_io("pread64", &f, bytes, 12, 0);
	/* A file that was met is renamed. */
	f.path = in_dir("compat-renamed");
	snprintf(low, PAGE / 2, "%s", in_dir("compat"));
	snprintf(low + PAGE / 2, PAGE / 2, "%s", f.path);
	if (ia32(38, (long)low, (long)low + PAGE / 2, 0))
		die("a 32-bit system call failed");
	do_io("pread64", &f, bytes, 13, 0);
	window_end();
#else
	skip("32-bit system calls are made on x86-64 only");
#endif
}
