// SPDX-License-Identifier: BSD-2-Clause
/*
 * What is done while instructions are counted. In a guest that counts them a
 * nanosecond is one instruction of any cpu, so what an eighth of many short chunks
 * stay below is exact, whatever the tracer does between them or on another cpu.
 *
 *	icount-loop FILE DISK [GATE [KERNEL-DISK]]
 *
 * Prints its pid, waits for the gate to appear, and prints that of each work per
 * operation. What is read from the last disk a thread of the kernel reads from a file.
 * Without arguments it ends: what is executed again and again is itself.
 */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define IO_BYTES 64
#define PAGE 4096
#define CHUNKS 301

static const char *file_name;
static int file, disk, cached_disk, kernel_disk = -1;
static char *page, *mapped;

static void check(int ok)
{
	if (!ok)
		exit(1);
}

static void read_and_write(void)
{
	check(pread(file, page, IO_BYTES, 0) == IO_BYTES);
	check(pwrite(file, page, IO_BYTES, 0) == IO_BYTES);
}

static void open_and_close(void)
{
	int fd = open(file_name, O_RDONLY | O_CLOEXEC);

	check(fd >= 0 && !close(fd));
}

static void sync_file(void)
{
	check(!fdatasync(file));
}

static void read_disk(void)
{
	check(pread(disk, page, PAGE, 0) == PAGE);
}

/* From the page cache. */
static void read_page(void)
{
	check(pread(cached_disk, page, IO_BYTES, PAGE) == IO_BYTES);
}

/* Into the page cache, and out of it. */
static void fill_page(void)
{
	check(pread(cached_disk, page, IO_BYTES, 0) == IO_BYTES);
	check(!posix_fadvise(cached_disk, 0, PAGE, POSIX_FADV_DONTNEED));
}

static void map_and_unmap(void)
{
	void *at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0);

	check(at != MAP_FAILED && !munmap(at, PAGE));
}

/* A page of a file that is in memory; it is given up for the next time, which is a call. */
static void touch_page(void)
{
	(void)*(volatile char *)mapped;
	check(!madvise(mapped, PAGE, MADV_DONTNEED));
}

static void fork_and_exit(void)
{
	pid_t pid = vfork(); /* without page tables to copy the rest is the same each time */

	if (!pid)
		_exit(0);
	check(pid > 0 && waitpid(pid, NULL, 0) == pid);
}

static void execute(void)
{
	pid_t pid = vfork();

	if (!pid) {
		execl("/proc/self/exe", "icount-loop", (char *)NULL);
		_exit(1);
	}
	check(pid > 0 && waitpid(pid, NULL, 0) == pid);
}

static void read_kernel_disk(void)
{
	check(pread(kernel_disk, page, PAGE, 0) == PAGE && !fdatasync(kernel_disk));
}

static void copy(void)
{
	off_t from = 0, to = IO_BYTES;

	check(copy_file_range(file, &from, file, &to, IO_BYTES, 0) == IO_BYTES);
}

static void make_and_remove(void)
{
	check(!mkdir("/tmp/name", 0755) && !rmdir("/tmp/name"));
}

static void show_and_set(void)
{
	struct stat st;

	check(!stat(file_name, &st) && !fchmod(file, 0600));
}

static void read_by_aio(void)
{
	static aio_context_t aio;
	struct iocb one = { .aio_lio_opcode = IOCB_CMD_PREAD,
			    .aio_fildes = (unsigned int)file,
			    .aio_buf = (unsigned long)page,
			    .aio_nbytes = IO_BYTES },
		    *ones = &one;
	struct io_event end;

	check(aio || !syscall(SYS_io_setup, 1, &aio));
	check(syscall(SYS_io_submit, aio, 1, &ones) == 1);
	check(syscall(SYS_io_getevents, aio, 1, 1, &end, NULL) == 1 && end.res == IO_BYTES);
}

/* A ring of one request, which is never changed. */
static struct uring {
	int fd;
	unsigned int *tail, *head; /* of what is asked for, and of what has ended */
} uring = { .fd = -1 };

static void *map_ring(size_t size, off_t what)
{
	void *p =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, uring.fd, what);

	check(p != MAP_FAILED);
	return p;
}

static void open_uring(void)
{
	struct io_uring_params p = { 0 };
	char *sq, *cq;

	uring.fd = (int)syscall(SYS_io_uring_setup, 1, &p);
	check(uring.fd >= 0);
	sq = map_ring(p.sq_off.array + sizeof(int), IORING_OFF_SQ_RING);
	cq = map_ring(p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
		      IORING_OFF_CQ_RING);
	uring.tail = (unsigned int *)(sq + p.sq_off.tail);
	uring.head = (unsigned int *)(cq + p.cq_off.head);
	*(struct io_uring_sqe *)map_ring(sizeof(struct io_uring_sqe),
					 IORING_OFF_SQES) = (struct io_uring_sqe){
		.opcode = IORING_OP_READ, .fd = file, .addr = (unsigned long)page, .len = IO_BYTES
	};
}

static void read_by_uring(void)
{
	if (uring.fd < 0)
		open_uring();
	__atomic_fetch_add(uring.tail, 1, __ATOMIC_RELEASE);
	check(syscall(SYS_io_uring_enter, uring.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1);
	__atomic_fetch_add(uring.head, 1, __ATOMIC_RELEASE);
}

/* clang-format off */
static const struct work {
	const char *name;
	void (*run)(void);
	int runs, ops; /* of a chunk, and of a run */
} works[] = {
	{ "rw", read_and_write, 25, 2 },
	{ "open", open_and_close, 10, 2 },
	{ "fsync", sync_file, 25, 1 },
	{ "block", read_disk, 10, 1 },
	{ "hit", read_page, 25, 1 },
	{ "page", fill_page, 10, 2 },
	{ "map", map_and_unmap, 10, 2 },
	{ "fault", touch_page, 10, 1 },
	{ "copy", copy, 10, 1 },
	{ "aio", read_by_aio, 10, 1 },
	{ "uring", read_by_uring, 10, 1 },
	{ "fork", fork_and_exit, 2, 1 },
	{ "exec", execute, 2, 1 },
	{ "name", make_and_remove, 10, 2 },
	{ "attr", show_and_set, 10, 2 },
	{ "kernel", read_kernel_disk, 2, 2 },
};
/* clang-format on */

static long now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return x < y ? -1 : x > y;
}

static void measure(const struct work *w)
{
	static long chunk[CHUNKS];

	for (int i = 0; i < 40 * w->runs; i++)
		w->run();
	for (int i = 0; i < CHUNKS; i++) {
		chunk[i] = now_ns();
		for (int k = 0; k < w->runs; k++)
			w->run();
		chunk[i] = now_ns() - chunk[i];
	}
	qsort(chunk, CHUNKS, sizeof(chunk[0]), by_value);
	printf("%s %.1f\n", w->name, (double)chunk[CHUNKS / 8] / w->runs / w->ops);
	(void)fflush(stdout);
}

/* A child that another cpu runs would not be counted the same each time. */
static void stay_on_one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	check(!sched_setaffinity(0, sizeof(set), &set));
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	stay_on_one_cpu();
	page = aligned_alloc(PAGE, PAGE);
	check(page != NULL);
	for (int i = 0; i < PAGE; i++)
		page[i] = 0;
	file_name = argv[1];
	file = open(file_name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	check(file >= 0 && write(file, page, PAGE) == PAGE);
	mapped = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0);
	check(mapped != MAP_FAILED);
	disk = open(argv[2], O_RDONLY | O_DIRECT | O_CLOEXEC);
	cached_disk = open(argv[2], O_RDONLY | O_CLOEXEC);
	check(disk >= 0 && cached_disk >= 0);
	check(!posix_fadvise(cached_disk, 0, 0, POSIX_FADV_RANDOM));
	if (argc > 4)
		kernel_disk = open(argv[4], O_RDONLY | O_DIRECT | O_CLOEXEC);
	printf("%d\n", getpid());
	(void)fflush(stdout);
	while (argc > 3 && access(argv[3], F_OK))
		(void)usleep(10000);
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++)
		if (works[i].run != read_kernel_disk || kernel_disk >= 0)
			measure(&works[i]);
	return 0;
}
