// SPDX-License-Identifier: BSD-2-Clause
/* Reads, writes and syncs that end after the call that asked for them: io_uring and AIO. */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "sonde-work.h"
#include "uring.h"

static char bytes[1 << 20] __attribute__((aligned(PAGE)));

#define FILE_SIZE 65536

/* Newer than the headers. */
#define OP_READV_FIXED 60
#define OP_WRITEV_FIXED 61

/* Before 5.19 the kernel shows less of a request: not its descriptor, and not where it ended. */
static bool sees_less;

static struct wfile fresh(const char *name, int flags)
{
	const char *path = in_dir(name);
	struct wfile f;

	make_file(path, FILE_SIZE);
	wfile_open(&f, path, flags, 0);
	return f;
}

static void claim_flags_of(struct claim *c, const struct wfile *f)
{
	s64 flags = SYS(SYS_fcntl, f->fd, F_GETFL);

	if (flags >= 0) {
		claim_bool(c, "direct", f->flags & O_DIRECT);
		claim_flags(c, "file_flags", (int)flags);
	} else {
		claim_null(c, "direct");
		claim_null(c, "file_flags");
	}
}

/* What a request has to give: what it asked for, and where it was done. */
struct want {
	const char *event, *call;
	const struct wfile *file;
	s64 requested; /* -1: not claimed */
	s64 offset;
	bool at_position; /* the offset is where the file stood or ended; not asked for */
	bool or_null;     /* the offset is not seen by each hook */
	bool no_fd;
};

static void claim_request(const struct want *w, s64 ret)
{
	bool is_sync = !strcmp(w->event, "vfs_fsync");
	struct claim c;
	char text[64];

	snprintf(text, sizeof(text), "{\"offset\":[%lld,null]}", (long long)w->offset);
	claim_row(&c, w->event);
	claim_str(&c, "call", w->call);
	claim_ret(&c, ret);
	claim_str(&c, "origin", "user");
	claim_file(&c, w->file);
	if (w->no_fd || (sees_less && !strncmp(w->call, "io_uring", 8)))
		claim_null(&c, "fd");
	else
		claim_num(&c, "fd", w->file->fd);
	if (is_sync) {
		claim_end(&c);
		return;
	}
	claim_flags_of(&c, w->file);
	if (w->requested >= 0)
		claim_num(&c, "requested_bytes", w->requested);
	if (ret < 0)
		claim_null(&c, "bytes");
	else
		claim_num(&c, "bytes", ret);
	if (w->at_position && sees_less)
		claim_null(&c, "offset");
	else if (w->or_null)
		claim_json(&c, "any", text);
	else
		claim_num(&c, "offset", w->offset);
	claim_end(&c);
}

/* ---- io_uring ---- */

static void open_ring(struct uring *u, unsigned int entries, unsigned int flags)
{
	uring_open(u, entries, flags);
	sees_less = !(u->params.features & IORING_FEAT_LINKED_FILE);
}

static s64 do_uring(struct uring *u, const struct io_uring_sqe *sqe)
{
	struct io_uring_cqe end;

	*uring_put(u) = *sqe;
	uring_submit(u, 1);
	if (!uring_take(u, &end))
		die("a request of io_uring did not end");
	return end.res;
}

#define ADDR(p) ((u64)(uintptr_t)(p))

static const struct iovec three[3] = { { bytes, 1 }, { bytes, 0 }, { bytes + 1, 2999 } };

static void uring_rw(struct uring *u, const struct wfile *f)
{
	static const struct {
		uint8_t opcode;
		const char *event, *call;
	} kinds[] = {
		{ IORING_OP_READ, "vfs_read", "io_uring_read" },
		{ IORING_OP_READV, "vfs_read", "io_uring_readv" },
		{ IORING_OP_READ_FIXED, "vfs_read", "io_uring_read_fixed" },
		{ IORING_OP_WRITE, "vfs_write", "io_uring_write" },
		{ IORING_OP_WRITEV, "vfs_write", "io_uring_writev" },
		{ IORING_OP_WRITE_FIXED, "vfs_write", "io_uring_write_fixed" },
		{ OP_READV_FIXED, "vfs_read", "io_uring_readv_fixed" },
		{ OP_WRITEV_FIXED, "vfs_write", "io_uring_writev_fixed" },
	};
	s64 ret;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		bool vectors = strstr(kinds[i].call, "readv") || strstr(kinds[i].call, "writev");
		struct want w = { kinds[i].event, kinds[i].call, f, vectors ? 3000 : 4096,
				  (s64)i * 4096 };
		struct io_uring_sqe sqe = {
			.opcode = kinds[i].opcode,
			.fd = f->fd,
			.addr = vectors ? ADDR(three) : ADDR(bytes),
			.len = vectors ? ARRAY_SIZE(three) : 4096,
			.off = i * 4096,
			.user_data = i,
		};

		ret = do_uring(u, &sqe);
		if (kinds[i].opcode < OP_READV_FIXED ||
		    ret != -EINVAL) /* before 6.15 there are none */
			claim_request(&w, ret);
	}
}

/* The ring chooses the buffer: what stands for the vectors is one, and its length. */
static void uring_select(struct uring *u, const struct wfile *f)
{
	struct iovec any = { NULL, 500 };
	struct want w = { "vfs_read", "io_uring_readv", f, sees_less ? -1 : 500, 1024 };
	struct io_uring_sqe sqe = { .opcode = IORING_OP_PROVIDE_BUFFERS,
				    .fd = 1,
				    .addr = ADDR(bytes),
				    .len = 4096,
				    .buf_group = 7 };

	if (do_uring(u, &sqe) < 0)
		die("io_uring does not take a buffer");
	sqe = (struct io_uring_sqe){ .opcode = IORING_OP_READV,
				     .flags = IOSQE_BUFFER_SELECT,
				     .fd = f->fd,
				     .addr = ADDR(&any),
				     .len = 1,
				     .off = 1024,
				     .buf_group = 7 };
	claim_request(&w, do_uring(u, &sqe));
}

static void uring_syncs(struct uring *u, const struct wfile *f)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_FSYNC, .fd = f->fd };
	struct want w = { "vfs_fsync", "io_uring_fsync", f };
	struct claim c;
	s64 ret;

	claim_request(&w, do_uring(u, &sqe));
	sqe.fsync_flags = IORING_FSYNC_DATASYNC;
	w.call = "io_uring_fdatasync";
	claim_request(&w, do_uring(u, &sqe));
	sqe = (struct io_uring_sqe){
		.opcode = IORING_OP_SYNC_FILE_RANGE,
		.fd = f->fd,
		.off = 4096,
		.len = 8192,
		.sync_range_flags = 2 /* SYNC_FILE_RANGE_WRITE */,
	};
	ret = do_uring(u, &sqe);
	claim_row(&c, "vfs_fsync");
	claim_str(&c, "call", "io_uring_sync_file_range");
	claim_ret(&c, ret);
	claim_num(&c, "offset", 4096);
	claim_num(&c, "length", 8192);
	claim_str(&c, "sync_flags", "SYNC_FILE_RANGE_WRITE");
	claim_file(&c, f);
	claim_end(&c);
}

/* At the file's position, at its end, and what fails or gives less. */
static void uring_edges(struct uring *u, const struct wfile *f, const struct wfile *append,
			const struct wfile *writer)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_READ, .fd = f->fd, .addr = ADDR(bytes), .len = 100, .off = -1
	};
	struct want w = { "vfs_read", "io_uring_read", f, 100, 1000, .at_position = true };

	(void)SYS(SYS_lseek, f->fd, 1000, SEEK_SET);
	claim_request(&w, do_uring(u, &sqe));
	w.offset = 1100;
	claim_request(&w, do_uring(u, &sqe));
	sqe.off = FILE_SIZE - 40;
	w.offset = FILE_SIZE - 40;
	w.at_position = false;
	claim_request(&w, do_uring(u, &sqe)); /* 40 */
	sqe.off = w.offset = FILE_SIZE + 5;
	claim_request(&w, do_uring(u, &sqe)); /* 0 */
	sqe.fd = writer->fd;
	sqe.off = w.offset = 7;
	w.file = writer;
	if (do_uring(u, &sqe) != -EBADF)
		die("a file was read that is open for writing");
	if (!sees_less) /* there it is refused */
		claim_request(&w, -EBADF);
	sqe.fd = f->fd;
	sqe.addr = 8;
	w.file = f;
	claim_request(&w, do_uring(u, &sqe)); /* EFAULT */
	sqe = (struct io_uring_sqe){ .opcode = IORING_OP_WRITE,
				     .fd = append->fd,
				     .addr = ADDR(bytes),
				     .len = 30,
				     .off = 9 };
	w =
		(struct want){ "vfs_write", "io_uring_write", append,
			       30,          FILE_SIZE,        .at_position = true };
	claim_request(&w, do_uring(u, &sqe));
	w.offset += 30;
	claim_request(&w, do_uring(u, &sqe));
}

/* By the number that a file has in the ring's own table; direct; synchronous. */
static void uring_fixed(struct uring *u, const struct wfile *f, const struct wfile *direct)
{
	int fds[2] = { f->fd, direct->fd };
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_READ,
		.flags = IOSQE_FIXED_FILE,
		.fd = 1,
		.addr = ADDR(bytes),
		.len = 4096,
		.off = 8192,
	};
	struct want w = { "vfs_read", "io_uring_read", direct, 4096, 8192, .no_fd = true };

	if (SYS(SYS_io_uring_register, u->fd, IORING_REGISTER_FILES, fds, 2) < 0)
		die("cannot register files");
	claim_request(&w, do_uring(u, &sqe));
	sqe.flags = 0;
	sqe.fd = direct->fd;
	w.no_fd = false;
	claim_request(&w, do_uring(u, &sqe));
}

void work_uring_forms(void)
{
	struct wfile f = fresh("uring", O_RDWR), writer = fresh("uring-writer", O_WRONLY);
	struct wfile append = fresh("uring-append", O_RDWR | O_APPEND);
	struct wfile direct = fresh("uring-direct", O_RDWR | O_DIRECT);
	struct iovec whole = { bytes, sizeof(bytes) };
	struct uring u;

	open_ring(&u, 8, 0);
	if (SYS(SYS_io_uring_register, u.fd, IORING_REGISTER_BUFFERS, &whole, 1) < 0)
		die("cannot register a buffer");
	window_begin();
	uring_rw(&u, &f);
	uring_edges(&u, &f, &append, &writer);
	uring_fixed(&u, &f, &direct);
	uring_select(&u, &f);
	uring_syncs(&u, &f);
	/* What is none of these gives no row. */
	do_uring(&u, &(struct io_uring_sqe){ .opcode = IORING_OP_NOP });
	window_end();
}

void work_uring_refused(void)
{
	struct wfile f = fresh("uring-refused", O_RDWR), closed = { .fd = 900 };
	struct want read = { "vfs_read", "io_uring_read", &closed, 10, 20 };
	struct want write = { "vfs_write", "io_uring_write", &f, 11, 21 };
	struct want sync = { "vfs_fsync", "io_uring_fsync", &f };
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_READ, .fd = 900, .addr = ADDR(bytes), .len = 10, .off = 20
	};
	struct uring u;

	open_ring(&u, 8, 0);
	window_begin();
	claim_request(&read, do_uring(&u, &sqe));
	sqe = (struct io_uring_sqe){ .opcode = IORING_OP_WRITE,
				     .fd = f.fd,
				     .addr = ADDR(bytes),
				     .len = 11,
				     .off = 21,
				     .rw_flags = 1 << 30 };
	claim_request(&write, do_uring(&u, &sqe));
	sqe = (struct io_uring_sqe){ .opcode = IORING_OP_FSYNC,
				     .fd = f.fd,
				     .fsync_flags = 1 << 30 };
	claim_request(&sync, do_uring(&u, &sqe));
	window_end();
}

/* Each waits for the one before; that one of them finds the end of the file ends the chain. */
void work_uring_links(void)
{
	struct wfile f = fresh("uring-links", O_RDWR);
	u64 n = param_num("n", 20), failed = 0;
	struct io_uring_cqe end;
	char where[96];
	struct stat st;
	struct uring u;

	open_ring(&u, 8, 0);
	window_begin();
	for (u64 i = 0; i < n; i++) {
		for (u64 k = 0; k < 4; k++)
			*uring_put(&u) = (struct io_uring_sqe){
				.opcode = k == 1 ? IORING_OP_READ : IORING_OP_WRITE,
				.flags = k < 3 ? IOSQE_IO_LINK : 0,
				.fd = f.fd,
				.addr = ADDR(bytes),
				.len = 64,
				.off = k == 1 ? FILE_SIZE : 64 * k,
				.user_data = k + 1,
			};
		uring_submit(&u, 4);
		while (uring_take(&u, &end))
			failed += end.res == -ECANCELED;
	}
	window_end();
	if (failed != 2 * n)
		die("%llu requests were cancelled, not %llu", (unsigned long long)failed,
		    (unsigned long long)(2 * n));
	claim_count("vfs_write", n, "\"ret\":64,\"offset\":0");
	if (fstat(f.fd, &st))
		die("cannot ask for a file");
	for (int offset = 128; offset <= 192; offset += 64) {
		snprintf(where, sizeof(where), "\"errno\":\"ECANCELED\",\"offset\":%d,\"ino\":%llu",
			 offset, (unsigned long long)st.st_ino);
		claim_count("vfs_write", n, where);
	}
	claim_count("vfs_write", 3 * n, "");
	claim_sum("vfs_read", "bytes", 0, "");
	claim_count("vfs_read", n, "");
}

void work_uring_skip(void)
{
	struct wfile f = fresh("uring-skip", O_RDWR);
	u64 n = param_num("n", 10);
	struct io_uring_cqe end;
	struct uring u;

	open_ring(&u, 8, 0);
	if (!(u.params.features & IORING_FEAT_CQE_SKIP))
		skip("this kernel tells of every request");
	window_begin();
	for (u64 i = 0; i < n; i++) {
		*uring_put(&u) = (struct io_uring_sqe){
			.opcode = IORING_OP_WRITE,
			.flags = IOSQE_CQE_SKIP_SUCCESS,
			.fd = f.fd,
			.addr = ADDR(bytes),
			.len = 64,
		};
		uring_submit(&u, 0);
	}
	if (uring_take(&u, &end))
		die("a request ended with %d", end.res);
	window_end();
	claim_count("vfs_write", n, "");
}

/* More than the ring can tell of: the kernel keeps what is left over until there is room. */
void work_uring_full(void)
{
	struct wfile f = fresh("uring-full", O_RDWR);
	u64 n = param_num("n", 64), taken = 0;
	struct io_uring_cqe end;
	struct uring u;

	open_ring(&u, 4, 0);
	window_begin();
	/* What comes behind the reads has their memory and their user_data again. */
	for (u64 i = 0; i < 3 * n; i++) {
		*uring_put(&u) = (struct io_uring_sqe){ .opcode = i < n       ? IORING_OP_READ
								  : i < 2 * n ? IORING_OP_NOP
									      : IORING_OP_WRITE,
							.fd = f.fd,
							.addr = ADDR(bytes),
							.len = i < n ? 64 : 65,
							.user_data = i % n };
		uring_submit(&u, 0);
	}
	while (taken < 3 * n) {
		uring_submit(&u, 1);
		while (uring_take(&u, &end))
			taken++;
	}
	window_end();
	claim_count("vfs_read", n, "");
	claim_count("vfs_write", n, "");
}

/* Reads of a pipe that nobody has written to yet. */
void work_uring_same(void)
{
	u64 n = param_num("n", 8), taken = 0;
	struct io_uring_cqe end;
	struct uring u;
	int p[2];

	if (pipe(p))
		die("cannot make a pipe");
	open_ring(&u, 64, 0);
	window_begin();
	for (u64 i = 0; i < n; i++)
		*uring_put(&u) = (struct io_uring_sqe){
			.opcode = IORING_OP_READ, .fd = p[0], .addr = ADDR(bytes), .len = 10
		};
	/* These end while the reads wait. */
	for (u64 i = 0; i < n; i++)
		*uring_put(&u) = (struct io_uring_sqe){ .opcode = IORING_OP_NOP };
	uring_submit(&u, 0);
	for (u64 i = 0; i < n; i++)
		if (write(p[1], bytes, 10) != 10)
			die("cannot write to a pipe");
	while (taken < n) {
		uring_submit(&u, 1);
		while (uring_take(&u, &end))
			taken += end.res == 10;
	}
	window_end();
	claim_count("vfs_read", n, "");
}

static void claim_deep(const char *prefix, u64 n)
{
	char where[64];

	usleep(RING_IS_EMPTY_US);
	snprintf(where, sizeof(where), "\"call\":\"%sread\",\"ret\":4096", prefix);
	claim_count("vfs_read", n / 2, where);
	claim_sum("vfs_read", "bytes", n / 2 * 4096, where);
	claim_distinct("vfs_read", "offset", where);
	claim_count("vfs_read", n / 2, "");
	snprintf(where, sizeof(where), "\"call\":\"%swrite\",\"ret\":4096", prefix);
	claim_count("vfs_write", n / 2, where);
	claim_sum("vfs_write", "bytes", n / 2 * 4096, where);
	claim_distinct("vfs_write", "offset", where);
	claim_count("vfs_write", n / 2, "");
}

/* Places in a mixed order, each once. */
static u64 place(u64 i, u64 n)
{
	return i / 2 * 7919 % (n / 2) * 4096;
}

static struct wfile deep_file(const char *path, u64 n)
{
	struct wfile f;

	make_file(path, 4096);
	wfile_open(&f, path, O_RDWR | O_DIRECT, 0);
	if (ftruncate(f.fd, (off_t)(n / 2 * 4096)))
		die("cannot make a large file");
	usleep(RING_IS_EMPTY_US);
	return f;
}

void work_uring_deep(void)
{
	u64 n = param_num("n", 2000), depth = param_num("depth", 64), begun = 0, ended = 0;
	const char *path = in_dir("uring-deep");
	struct io_uring_cqe end;
	struct wfile f;
	struct uring u;

	f = deep_file(path, n);
	open_ring(&u, (unsigned int)depth, 0);
	window_begin();
	while (ended < n) {
		while (begun < n && begun - ended < depth) {
			*uring_put(&u) = (struct io_uring_sqe){
				.opcode = begun % 2 ? IORING_OP_READ : IORING_OP_WRITE,
				.flags = begun % 5 ? 0 : IOSQE_ASYNC,
				.fd = f.fd,
				.addr = ADDR(bytes) + begun % 2 * 4096,
				.len = 4096,
				.off = place(begun, n),
				.user_data = begun + 1,
			};
			begun++;
		}
		uring_submit(&u, 1);
		while (uring_take(&u, &end)) {
			if (end.res != 4096)
				die("a request ended with %d", end.res);
			ended++;
		}
	}
	window_end();
	claim_deep("io_uring_", n);
}

void work_uring_threads(void)
{
	struct wfile f = fresh("uring-threads", O_RDWR);
	struct want w = { "vfs_read", "io_uring_read", &f, 512, 0 };
	struct io_uring_sqe sqe = { .opcode = IORING_OP_READ, .addr = ADDR(bytes), .len = 512 };
	struct uring async, polled;
	struct io_uring_cqe end;
	struct claim c;

	sqe.fd = f.fd;
	open_ring(&async, 4, 0);
	open_ring(&polled, 4, IORING_SETUP_SQPOLL);
	if (SYS(SYS_io_uring_register, async.fd, IORING_REGISTER_FILES, &f.fd, 1) < 0)
		die("cannot register a file");
	window_begin();
	for (int i = 0; i < 6; i++) {
		w.no_fd = i % 2;
		sqe.flags = IOSQE_ASYNC | (w.no_fd ? IOSQE_FIXED_FILE : 0);
		sqe.fd = w.no_fd ? 0 : f.fd;
		w.offset = i * 1024;
		sqe.off = (u64)w.offset;
		claim_request(&w, do_uring(&async, &sqe));
	}
	sqe.flags = 0;
	sqe.fd = f.fd;
	for (int i = 0; i < 5; i++) {
		sqe.off = (u64)i * 2048;
		*uring_put(&polled) = sqe;
		uring_submit(&polled, 1);
		while (!uring_take(&polled, &end))
			usleep(1000);
		claim_row_of(&c, "vfs_read", getpid(), 0, NULL);
		claim_str(&c, "call", "io_uring_read");
		claim_ret(&c, end.res);
		claim_num(&c, "offset", i * 2048);
		claim_file(&c, &f);
		claim_end(&c);
	}
	window_end();
}

/* ---- AIO ---- */

static aio_context_t open_aio(unsigned int nr)
{
	aio_context_t ctx = 0;

	if (SYS(SYS_io_setup, nr, &ctx) < 0)
		skip("this kernel has no AIO");
	return ctx;
}

static s64 do_aio(aio_context_t ctx, struct iocb *one)
{
	struct io_event event;

	if (SYS(SYS_io_submit, ctx, 1, &one) != 1)
		die("AIO did not take a request");
	if (SYS(SYS_io_getevents, ctx, 1, 1, &event, NULL) != 1)
		die("a request of AIO did not end");
	return event.res;
}

static void aio_rw(aio_context_t ctx, const struct wfile *f)
{
	static const struct {
		uint16_t opcode;
		const char *event, *call;
	} kinds[] = {
		{ IOCB_CMD_PREAD, "vfs_read", "aio_pread" },
		{ IOCB_CMD_PREADV, "vfs_read", "aio_preadv" },
		{ IOCB_CMD_PWRITE, "vfs_write", "aio_pwrite" },
		{ IOCB_CMD_PWRITEV, "vfs_write", "aio_pwritev" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		bool vectors = i % 2;
		struct want w = { kinds[i].event, kinds[i].call, f, vectors ? 3000 : 4096,
				  (s64)i * 4096 };
		struct iocb one = {
			.aio_lio_opcode = kinds[i].opcode,
			.aio_fildes = (unsigned int)f->fd,
			.aio_buf = vectors ? ADDR(three) : ADDR(bytes),
			.aio_nbytes = vectors ? ARRAY_SIZE(three) : 4096,
			.aio_offset = (s64)i * 4096,
		};

		claim_request(&w, do_aio(ctx, &one));
	}
}

/* At the end of the file, beyond it, and what fails. */
static void aio_edges(aio_context_t ctx, const struct wfile *f, const struct wfile *append)
{
	struct want w = { "vfs_read", "aio_pread", f, 100, FILE_SIZE - 40 };
	struct iocb one = { .aio_lio_opcode = IOCB_CMD_PREAD,
			    .aio_fildes = (unsigned int)f->fd,
			    .aio_buf = ADDR(bytes),
			    .aio_nbytes = 100,
			    .aio_offset = FILE_SIZE - 40 };

	claim_request(&w, do_aio(ctx, &one)); /* 40 */
	one.aio_buf = 8;
	claim_request(&w, do_aio(ctx, &one)); /* EFAULT */
	one = (struct iocb){ .aio_lio_opcode = IOCB_CMD_PWRITE,
			     .aio_fildes = (unsigned int)append->fd,
			     .aio_buf = ADDR(bytes),
			     .aio_nbytes = 30,
			     .aio_offset = 9 };
	w = (struct want){ "vfs_write", "aio_pwrite", append, 30, FILE_SIZE, .or_null = true };
	claim_request(&w, do_aio(ctx, &one));
}

/* Alone; and after one that is taken, before one that nobody looks at then. */
static void aio_refused(aio_context_t ctx, const struct wfile *f)
{
	struct iocb bad = { .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = 900 }, *alone = &bad;
	struct iocb good = { .aio_lio_opcode = IOCB_CMD_PREAD,
			     .aio_fildes = (unsigned int)f->fd,
			     .aio_buf = ADDR(bytes),
			     .aio_nbytes = 200,
			     .aio_offset = 300 };
	struct iocb late = good, *many[3] = { &good, &bad, &late };
	struct want w = { "vfs_read", "aio_pread", f, 200, 300 };
	struct io_event events[3];

	if (SYS(SYS_io_submit, ctx, 1, &alone) != -EBADF)
		die("AIO took a request of no file");
	if (SYS(SYS_io_submit, ctx, 3, many) != 1)
		die("AIO took not just one of three");
	if (SYS(SYS_io_getevents, ctx, 1, 3, events, NULL) != 1)
		die("of AIO not just one ended");
	claim_request(&w, events[0].res);
	/* What was looked at by nobody may be asked for again. */
	claim_request(&w, do_aio(ctx, &late));
}

void work_aio_forms(void)
{
	struct wfile f = fresh("aio", O_RDWR), direct = fresh("aio-direct", O_RDWR | O_DIRECT);
	struct wfile append = fresh("aio-append", O_RDWR | O_APPEND);
	aio_context_t ctx = open_aio(8);
	static const char *const syncs[] = { "aio_fsync", "aio_fdsync" };

	window_begin();
	aio_rw(ctx, &f);
	aio_edges(ctx, &f, &append);
	aio_refused(ctx, &f);
	for (int i = 0; i < 2; i++) {
		struct iocb one = { .aio_lio_opcode = i ? IOCB_CMD_FDSYNC : IOCB_CMD_FSYNC,
				    .aio_fildes = (unsigned int)f.fd };
		struct iocb two = { .aio_lio_opcode = i ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
				    .aio_fildes = (unsigned int)direct.fd,
				    .aio_buf = ADDR(bytes),
				    .aio_nbytes = 4096,
				    .aio_offset = 8192 };
		struct want sync = { "vfs_fsync", syncs[i], &f };
		struct want rw = { i ? "vfs_write" : "vfs_read", i ? "aio_pwrite" : "aio_pread",
				   &direct, 4096, 8192 };

		claim_request(&sync, do_aio(ctx, &one));
		claim_request(&rw, do_aio(ctx, &two));
	}
	window_end();
}

/* What the kernel and the user share of a ring. */
struct aio_ring {
	unsigned int id, nr, head, tail, magic, features[2], header_length;
	struct io_event events[];
};

/* Reads whose ends the user takes from the ring's memory; then the iocb is used for what is no row. */
void work_aio_taken(void)
{
	struct wfile f = fresh("aio-taken", O_RDWR);
	u64 n = param_num("n", 10);
	struct aio_ring *ring;
	struct iocb one, *ones = &one;
	struct io_event end;
	aio_context_t ctx;
	int p[2];

	if (pipe(p) || write(p[1], "x", 1) != 1)
		die("cannot make a pipe");
	ctx = open_aio(8);
	ring = (struct aio_ring *)(uintptr_t)ctx;
	window_begin();
	for (u64 i = 0; i < n; i++) {
		one = (struct iocb){ .aio_lio_opcode = IOCB_CMD_PREAD,
				     .aio_fildes = (unsigned int)f.fd,
				     .aio_buf = ADDR(bytes),
				     .aio_nbytes = 100 };
		if (SYS(SYS_io_submit, ctx, 1, &ones) != 1)
			die("AIO did not take a request");
		while (__atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) == ring->head)
			usleep(100);
		if (ring->events[ring->head].res != 100)
			die("a request of AIO ended otherwise");
		__atomic_store_n(&ring->head, (ring->head + 1) % ring->nr, __ATOMIC_RELEASE);
		one = (struct iocb){ .aio_lio_opcode = IOCB_CMD_POLL,
				     .aio_fildes = (unsigned int)p[0],
				     .aio_buf = POLLIN };
		if (SYS(SYS_io_submit, ctx, 1, &ones) != 1 ||
		    SYS(SYS_io_getevents, ctx, 1, 1, &end, NULL) != 1)
			die("AIO does not poll");
	}
	window_end();
	claim_count("vfs_read", n, "");
}

void work_aio_deep(void)
{
	enum { MOST = 256 };
	static struct iocb iocbs[MOST];
	static struct io_event events[MOST];
	u64 n = param_num("n", 2000), depth = param_num("depth", 64), begun = 0, ended = 0;
	struct iocb *many[MOST], *unused[MOST];
	const char *path = in_dir("aio-deep");
	aio_context_t ctx = open_aio(MOST);
	u64 nr_unused = 0;
	struct wfile f;
	s64 nr;

	f = deep_file(path, n);
	for (u64 i = 0; i < depth && i < MOST; i++)
		unused[nr_unused++] = &iocbs[i];
	window_begin();
	while (ended < n) {
		for (nr = 0; nr_unused && begun < n; nr++, begun++) {
			many[nr] = unused[--nr_unused];
			*many[nr] = (struct iocb){
				.aio_lio_opcode = begun % 2 ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE,
				.aio_fildes = (unsigned int)f.fd,
				.aio_buf = ADDR(bytes) + begun % 2 * 4096,
				.aio_nbytes = 4096,
				.aio_offset = (s64)place(begun, n),
			};
		}
		if (nr && SYS(SYS_io_submit, ctx, nr, many) != nr)
			die("AIO did not take all requests");
		nr = SYS(SYS_io_getevents, ctx, 1, MOST, events, NULL);
		for (s64 i = 0; i < nr; i++, ended++) {
			if (events[i].res != 4096)
				die("a request ended with %lld", (long long)events[i].res);
			unused[nr_unused++] = (struct iocb *)(uintptr_t)events[i].obj;
		}
	}
	window_end();
	claim_deep("aio_p", n);
}
