// SPDX-License-Identifier: BSD-2-Clause
/* Requests to a disk that nobody else uses: dev=, a whole disk but for block_part. */
#include "sonde-work.h"
#include "uring.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

static char bytes[1 << 20] __attribute__((aligned(PAGE)));

struct disk {
	struct wfile file;
	char dev[32]; /* of the whole disk */
	u64 first;    /* sector of it where file begins */
	u64 size;
	const char *kind; /* rq, or bio */
	int cpu;          /* where this thread stays; -1: anywhere */
};

static struct disk open_named(const char *key, int flags)
{
	const char *path = param_str(key, NULL);
	struct disk d = { .kind = param_str("kind", "rq"), .cpu = -1 };
	struct stat st;

	if (!path)
		die("%s= is missing", key);
	wfile_open(&d.file, path, flags, 0);
	if (fstat(d.file.fd, &st) || !S_ISBLK(st.st_mode))
		die("%s is no disk", path);
	snprintf(d.dev, sizeof(d.dev), "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	if (ioctl(d.file.fd, BLKGETSIZE64, &d.size))
		die("cannot ask %s for its size", path);
	return d;
}

static struct disk open_disk(int flags)
{
	return open_named("dev", flags);
}

/* A row of one request. op is the name of the operation it belongs to, or NULL. */
static void claim_block(const struct disk *d, const char *blk_op, u64 offset, u64 size,
			const char *op)
{
	struct claim c;
	char ref[32];

	claim_row(&c, "block_io");
	claim_num(&c, "ppid", getppid());
	claim_str(&c, "blk_op", blk_op);
	claim_num(&c, "sector", (s64)(d->first + offset / 512));
	claim_num(&c, "bytes", (s64)size);
	claim_str(&c, "dev", d->dev);
	claim_str(&c, "blk_kind", d->kind);
	claim_num(&c, "error", 0);
	claim_null(&c, "errno");
	claim_num(&c, "parts", 1);
	claim_num(&c, "requeues", 0);
	if (!strcmp(d->kind, "bio"))
		claim_null(&c, "device_ns");
	if (d->cpu >= 0)
		claim_num(&c, "submit_cpu", d->cpu);
	if (op) {
		snprintf(ref, sizeof(ref), "$%s", op);
		claim_str(&c, "op", ref);
	}
	claim_end(&c);
}

/* One direct operation, its row, and the row of its request. */
static void direct_io(const struct disk *d, const char *call, u64 offset, u64 size)
{
	static unsigned int nr;
	char op[16];

	snprintf(op, sizeof(op), "op%u", nr++);
	if (do_io_op(call, &d->file, bytes, size, (s64)offset, op) != (s64)size)
		die("%s of %llu bytes at %llu failed", call, (unsigned long long)size,
		    (unsigned long long)offset);
	claim_block(d, strstr(call, "write") ? "write" : "read", offset, size, op);
}

void work_block_rw(void)
{
	u64 nr = param_num("n", 100), size = param_num("bytes", 4096),
	    at = param_num("from", 0) * 512;
	struct disk d = open_disk(O_RDWR | O_DIRECT | (param_num("dsync", 0) ? O_DSYNC : 0));

	if (at + nr * size > d.size || size > sizeof(bytes))
		die("the disk is too small");
	window_begin();
	for (u64 i = 0; i < nr; i++)
		direct_io(&d, "pwrite64", at + i * size, size);
	for (u64 i = 0; i < nr; i++)
		direct_io(&d, "pread64", at + i * size, size);
	window_end();
	claim_distinct("block_io", "rq", "");
}

void work_block_two(void)
{
	struct disk d = open_disk(O_RDWR | O_DIRECT),
		    other = open_named("other", O_RDWR | O_DIRECT);

	window_begin();
	for (u64 i = 0; i < param_num("n", 10); i++) {
		direct_io(&d, "pwrite64", i * 4096, 4096);
		direct_io(&other, "pwrite64", i * 4096, 4096);
	}
	window_end();
}

void work_block_sizes(void)
{
	struct disk d = open_disk(O_RDWR | O_DIRECT);

	window_begin();
	for (u64 i = 1; i <= param_num("n", 10); i++)
		direct_io(&d, i % 2 ? "pwrite64" : "pread64", i * 65536, i * 4096);
	window_end();
}

/* On each cpu that this thread may use. */
void work_block_cpus(void)
{
	struct disk d = open_disk(O_RDWR | O_DIRECT);
	u64 nr = param_num("n", 10), at = 0;
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all))
		die("cannot ask for the cpus");
	window_begin();
	for (d.cpu = 0; d.cpu < CPU_SETSIZE; d.cpu++) {
		if (!CPU_ISSET(d.cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(d.cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one))
			die("cannot go to cpu %d", d.cpu);
		for (u64 i = 0; i < nr; i++)
			direct_io(&d, "pread64", at++ % 256 * 4096, 4096);
	}
	window_end();
}

struct crowd {
	const struct disk *disk;
	u64 nr, at;
	void *bytes;
};

static void read_in_crowd(void *arg)
{
	struct crowd *crowd = arg;

	for (u64 i = 0; i < crowd->nr; i++) {
		u64 at = crowd->at + i * PAGE;

		if (SYS(SYS_pread64, crowd->disk->file.fd, crowd->bytes, PAGE, at) != PAGE)
			die("a read failed");
		claim_block(crowd->disk, "read", at, PAGE, NULL);
	}
}

void work_block_crowd(void)
{
	struct disk d = open_disk(O_RDONLY | O_DIRECT);
	u64 threads = param_num("threads", 4), nr = param_num("n", 100);
	struct worker *workers[64];
	struct crowd crowds[64];

	if (threads > ARRAY_SIZE(crowds) || threads * PAGE > sizeof(bytes) ||
	    threads * nr * PAGE > d.size)
		die("too many threads, or too small a disk");
	if (param_num("one_cpu", 0))
		stay_on_this_cpu();
	window_begin();
	for (u64 i = 0; i < threads; i++) {
		crowds[i] = (struct crowd){ &d, nr, i * nr * PAGE, bytes + i * PAGE };
		workers[i] = worker_start("crowd", read_in_crowd, &crowds[i]);
	}
	for (u64 i = 0; i < threads; i++)
		worker_join(workers[i]);
	window_end();
}

/* What is read ahead; the first sectors may be known since the disk was made. */
void work_block_ahead(void)
{
	enum { FROM = 1 << 20, LEN = 1 << 20 };
	struct disk d = open_disk(O_RDONLY);

	window_begin();
	if (posix_fadvise(d.file.fd, FROM, LEN, POSIX_FADV_WILLNEED))
		die("cannot have it read ahead");
	do_io("pread64", &d.file, bytes, LEN, FROM);
	window_end();
	claim_sum("block_io", "bytes", LEN, "\"blk_op\":\"read\"");
}

void work_block_part(void)
{
	struct disk d = open_disk(O_RDWR | O_DIRECT);

	d.first = param_num("first", 2048);
	snprintf(d.dev, sizeof(d.dev), "%s", param_str("disk", "?"));
	window_begin();
	for (u64 i = 0; i < param_num("n", 10); i++)
		direct_io(&d, "pwrite64", i * 4096, 4096);
	window_end();
}

static void switch_off(const char *path)
{
	char state[128];
	FILE *f;

	snprintf(state, sizeof(state), "/sys/block/%s/device/state", strrchr(path, '/') + 1);
	f = fopen(state, "we");
	if (!f || fputs("offline\n", f) < 0 || fclose(f))
		die("cannot switch %s off", path);
}

/* The requests fail before the disk has them. */
void work_block_offline(void)
{
	u64 nr = param_num("n", 10);
	struct disk d = open_disk(O_RDONLY | O_DIRECT);
	struct claim c;

	switch_off(param_str("dev", ""));
	window_begin();
	for (u64 i = 0; i < nr; i++) {
		if (SYS(SYS_pread64, d.file.fd, bytes, 4096, i * 8192) != -EIO)
			die("a read of a disk that is off did not fail");
		claim_row(&c, "block_io");
		claim_num(&c, "ppid", getppid());
		claim_str(&c, "blk_op", "read");
		claim_num(&c, "sector", (s64)(i * 16));
		claim_num(&c, "bytes", 4096);
		claim_str(&c, "dev", d.dev);
		claim_str(&c, "blk_kind", "rq");
		claim_num(&c, "error", -EIO);
		claim_str(&c, "errno", "EIO");
		claim_null(&c, "device_ns");
		claim_null(&c, "queue_ns");
		claim_end(&c);
	}
	window_end();
}

/*
 * The disk has the first half of what is read, and says so; then it has no more. What is read
 * before does not fail.
 */
void work_block_cut(void)
{
	u64 at = param_num("at", 65536);
	struct disk d = open_disk(O_RDONLY | O_DIRECT);
	struct claim c;

	window_begin();
	direct_io(&d, "pread64", 0, 4096);
	(void)SYS(SYS_pread64, d.file.fd, bytes, 4096, at - 2048);
	window_end();
	claim_row(&c, "block_io");
	claim_str(&c, "blk_op", "read");
	claim_num(&c, "sector", (s64)(at - 2048) / 512);
	claim_num(&c, "bytes", 4096);
	claim_str(&c, "dev", d.dev);
	claim_num(&c, "parts", 2);
	claim_num(&c, "requeues", 1);
	claim_num(&c, "error", -EIO);
	claim_end(&c);
}

void work_block_end(void)
{
	struct disk d = open_disk(O_RDWR | O_DIRECT);
	u64 last = d.size / 4096 * 4096 - 4096;

	window_begin();
	direct_io(&d, "pread64", last, 4096);
	direct_io(&d, "pwrite64", last, 4096);
	direct_io(&d, "pread64", last - 65536, 65536);
	window_end();
}

/* Hands nr requests over at once, stride bytes apart or, backwards, -stride, and waits for all. */
static void submit(const struct disk *d, int opcode, u64 nr, u64 size, s64 stride)
{
	struct io_event *events = calloc(nr, sizeof(*events));
	struct iocb *iocbs = calloc(nr, sizeof(*iocbs)), **list = calloc(nr, sizeof(*list));
	aio_context_t ctx = 0;
	u64 done = 0;

	if (!events || !iocbs || !list || SYS(SYS_io_setup, nr, &ctx) < 0)
		die("no memory");
	for (u64 i = 0; i < nr; i++) {
		iocbs[i].aio_fildes = (unsigned int)d->file.fd;
		iocbs[i].aio_lio_opcode = (unsigned short)opcode;
		iocbs[i].aio_buf = (u64)(uintptr_t)(bytes + i * size);
		iocbs[i].aio_nbytes = size;
		iocbs[i].aio_offset = (s64)(stride < 0 ? nr - 1 - i : i) * llabs(stride);
		list[i] = &iocbs[i];
	}
	if (SYS(SYS_io_submit, ctx, nr, list) != (s64)nr)
		die("cannot submit");
	while (done < nr) {
		s64 n = SYS(SYS_io_getevents, ctx, nr - done, nr - done, events, NULL);

		if (n <= 0)
			die("cannot wait for requests");
		for (s64 i = 0; i < n; i++)
			if (events[i].res != (s64)size)
				die("a request failed");
		done += (u64)n;
	}
	(void)SYS(SYS_io_destroy, ctx);
	free(events);
	free(iocbs);
	free(list);
}

/* Whose requests are others then: a scheduler has its own. */
static void set_scheduler(const char *path, const char *name)
{
	char file[128];
	FILE *f;

	snprintf(file, sizeof(file), "/sys/block/%s/queue/scheduler", strrchr(path, '/') + 1);
	f = fopen(file, "we");
	if (!f || fputs(name, f) < 0 || fclose(f))
		skip("%s cannot have the scheduler %s", path, name);
}

void work_block_switch(void)
{
	static const char *const schedulers[] = { "none", "mq-deadline" };
	u64 nr = param_num("n", 100), rounds = param_num("rounds", 20);
	struct disk d = open_disk(O_RDONLY | O_DIRECT);

	if (nr * 4096 > sizeof(bytes))
		die("too many requests");
	window_begin();
	for (u64 i = 0; i < rounds; i++) {
		set_scheduler(d.file.path, schedulers[i % 2]);
		submit(&d, IOCB_CMD_PREAD, nr, 4096, 8192);
	}
	window_end();
	for (u64 i = 0; i < rounds * nr; i++)
		claim_block(&d, "read", i % nr * 8192, 4096, NULL);
}

void work_block_same(void)
{
	struct disk d = open_disk(O_RDWR | O_DIRECT);
	u64 nr = param_num("n", 8), rounds = param_num("rounds", 20);
	u64 size = param_num("bytes", 4096);

	if (nr * size > sizeof(bytes))
		die("too many requests");
	/* Memory that threads share is a file's to the kernel. */
	if (param_num("shared", 0) && mmap(bytes, sizeof(bytes), PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != bytes)
		die("no memory");
	window_begin();
	for (u64 i = 0; i < rounds; i++)
		submit(&d, IOCB_CMD_PREAD, nr, size, 0);
	window_end();
	for (u64 i = 0; i < rounds * nr; i++)
		claim_block(&d, "read", 0, size, NULL);
	claim_count("block_io", rounds * nr, "");
	claim_distinct("block_io", "rq", "");
}

/* Not so near to one another that they are merged. */
static void read_apart(void *arg)
{
	for (u64 i = 0; i < 10; i++)
		submit(arg, IOCB_CMD_PREAD, 40, 4096, 65536);
}

void work_block_merge(void)
{
	struct disk d = open_disk(O_RDWR | O_DIRECT);
	u64 nr = param_num("n", 16), size = param_num("bytes", 4096);
	struct claim c;

	if (nr * size > sizeof(bytes))
		die("too many bytes");
	window_begin();
	submit(&d, IOCB_CMD_PWRITE, nr, size, param_num("down", 0) ? -(s64)size : (s64)size);
	/* The kernel's memory for bios is used again, soonest by the same cpu. */
	if (param_num("others", 0))
		reap(spawn(read_apart, &d));
	window_end();
	/* However they were joined, each byte was written once. */
	claim_sum("block_io", "bytes", nr * size, "\"blk_op\":\"write\"");
	claim_distinct("block_io", "sector", "\"blk_op\":\"write\"");
	claim_kind(&c, "cover");
	claim_str(&c, "event", "block_io");
	claim_num(&c, "from_sector", 0);
	claim_num(&c, "bytes", (s64)(nr * size));
	claim_num(&c, "at_most", (s64)(param_num("merged", 0) ? nr - 1 : nr));
	claim_end(&c);
}

/* A ring of one entry: what it reads is read by a thread that the kernel makes for it. */
/* So much that the disk has to do that what comes after it is merged where it waits. */
void work_block_busy(void)
{
	enum { FAR = 200, NEAR = 32, NR = FAR + NEAR };
	static struct iocb iocbs[NR];
	static struct io_event events[NR];
	struct disk d = open_disk(O_RDWR | O_DIRECT);
	aio_context_t ctx = 0;
	s64 n;

	if (SYS(SYS_io_setup, NR, &ctx) < 0)
		die("no memory");
	window_begin();
	for (int i = 0; i < NR; i++) {
		struct iocb *one = &iocbs[i];

		*one = (struct iocb){
			.aio_fildes = (unsigned int)d.file.fd,
			.aio_lio_opcode = IOCB_CMD_PWRITE,
			.aio_buf = (u64)(uintptr_t)bytes,
			.aio_nbytes = i < FAR ? 65536 : 4096,
			.aio_offset = i < FAR ? (1 << 20) + i * 131072 : (NR - 1 - i) * 4096,
		};
		if (SYS(SYS_io_submit, ctx, 1, &one) != 1)
			die("cannot submit");
	}
	for (s64 done = 0; done < NR; done += n) {
		n = SYS(SYS_io_getevents, ctx, NR - done, NR - done, events, NULL);
		if (n <= 0)
			die("cannot wait for requests");
	}
	window_end();
	claim_sum("block_io", "bytes", FAR * 65536 + NEAR * 4096, "\"blk_op\":\"write\"");
}

void work_block_uring(void)
{
	struct disk d = open_disk(O_RDONLY | O_DIRECT);
	u64 nr = param_num("n", 10);
	struct io_uring_cqe end;
	struct uring u;

	uring_open(&u, 1, 0);
	window_begin();
	for (u64 i = 0; i < nr; i++) {
		*uring_put(&u) = (struct io_uring_sqe){
			.opcode = IORING_OP_READ,
			.flags = IOSQE_ASYNC,
			.fd = d.file.fd,
			.addr = (u64)(uintptr_t)bytes,
			.len = 4096,
			.off = i * 8192,
		};
		uring_submit(&u, 1);
		if (!uring_take(&u, &end) || end.res != 4096)
			die("cannot read by io_uring");
	}
	window_end();
	claim_count("block_io", nr, "\"blk_op\":\"read\",\"bytes\":4096");
	claim_distinct("block_io", "sector", "");
}

void work_block_discard(void)
{
	struct disk d = open_disk(O_RDWR | O_DIRECT);
	u64 ranges[][2] = { { 0, 1 << 20 }, { 4 << 20, 65536 }, { 8 << 20, 4096 } };

	window_begin();
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		if (ioctl(d.file.fd, BLKDISCARD, ranges[i])) {
			if (errno == EOPNOTSUPP)
				skip("the disk cannot discard");
			die("cannot discard");
		}
	window_end();
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		claim_block(&d, "discard", ranges[i][0], ranges[i][1], NULL);
}

/* fsync(2), its row, and the row of the flush it is for the disk. */
static void flush(const struct disk *d)
{
	static unsigned int nr;
	char op[16], ref[17];
	struct claim c;

	snprintf(op, sizeof(op), "sync%u", nr++);
	snprintf(ref, sizeof(ref), "$%s", op);
	if (fsync(d->file.fd))
		die("cannot sync");
	claim_row(&c, "vfs_fsync");
	claim_str(&c, "call", "fsync");
	claim_num(&c, "fd", d->file.fd);
	claim_ret(&c, 0);
	claim_file(&c, &d->file);
	claim_let(&c, "op", op);
	claim_end(&c);
	claim_row(&c, "block_io");
	claim_num(&c, "ppid", getppid());
	claim_str(&c, "blk_op", "flush");
	claim_num(&c, "bytes", 0);
	claim_str(&c, "dev", d->dev);
	claim_num(&c, "error", 0);
	claim_str(&c, "op", ref);
	claim_end(&c);
}

void work_block_flush(void)
{
	struct disk d = open_disk(O_RDWR | O_DIRECT);
	u64 nr = param_num("n", 10);

	window_begin();
	for (u64 i = 0; i < nr; i++) {
		direct_io(&d, "pwrite64", i * 4096, 4096);
		flush(&d);
	}
	window_end();
}

struct others {
	struct disk *disk;
	u64 nr;
};

static void write_and_flush(void *arg)
{
	struct others *o = arg;

	for (u64 i = 0; i < o->nr; i++) {
		direct_io(o->disk, "pwrite64", 65536 + i * 4096, 4096);
		flush(o->disk);
	}
}

/* Who asks only for the first process must not be told of the other's flushes. */
void work_block_others(void)
{
	struct disk d = open_disk(O_RDWR | O_DIRECT);
	struct disk theirs = open_disk(O_RDWR | O_DIRECT | (param_num("dsync", 0) ? O_DSYNC : 0));
	struct others o = { &theirs, param_num("n", 10) };

	window_begin();
	direct_io(&d, "pwrite64", 0, 4096);
	flush(&d);
	reap(spawn(write_and_flush, &o));
	window_end();
}

static void read_as_nobody(void *arg)
{
	static const char comm[] = "blk-nobody";

	(void)SYS(SYS_prctl, PR_SET_NAME, comm);
	claim_rename("sonde-work", comm);
	if (SYS(SYS_setresgid, 65534, 65534, 65534) || SYS(SYS_setresuid, 65534, 65534, 65534))
		die("cannot become nobody");
	for (u64 i = 0; i < param_num("n", 10); i++)
		direct_io(arg, "pread64", 65536 + i * 4096, 4096);
}

void work_block_nobody(void)
{
	struct disk d = open_disk(O_RDWR | O_DIRECT);

	window_begin();
	for (u64 i = 0; i < param_num("n", 10); i++)
		direct_io(&d, "pread64", i * 4096, 4096);
	reap(spawn(read_as_nobody, &d));
	window_end();
}

void work_block_buffered(void)
{
	struct disk d = open_disk(O_RDWR);
	u64 size = param_num("bytes", 1 << 20);
	struct claim c;

	if (size > d.size)
		die("the disk is too small");
	window_begin();
	for (u64 i = 0; i < size / 4096; i++)
		do_io("pwrite64", &d.file, bytes, 4096, (s64)(i * 4096));
	if (fsync(d.file.fd))
		die("cannot sync");
	window_end();
	claim_sum("block_io", "bytes", size, "\"blk_op\":\"write\"");
	claim_kind(&c, "cover");
	claim_str(&c, "event", "block_io");
	claim_num(&c, "from_sector", 0);
	claim_num(&c, "bytes", (s64)size);
	claim_num(&c, "at_most", (s64)(size / 4096));
	claim_end(&c);
}

void work_block_flood(void)
{
	struct disk d = open_disk(O_RDWR | O_DIRECT);
	u64 nr = param_num("n", 20000);

	window_begin();
	for (u64 i = 0; i < nr; i++)
		if (SYS(SYS_pread64, d.file.fd, bytes, 4096, i % 1024 * 4096) != 4096)
			die("cannot read");
	window_end();
	usleep(RING_IS_EMPTY_US);
	claim_count("block_io", nr, "");
	claim_sum("block_io", "bytes", nr * 4096, "");
}
