// SPDX-License-Identifier: BSD-2-Clause
/* Calls that move bytes from file to file: copy_file_range, splice, sendfile, tee, vmsplice. */
#include "sonde-work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define FROM_SIZE 10000

/* One side of a copy: the file, and where the call is told to begin, if it is; no file: the caller's memory. */
struct side {
	const struct wfile *file;
	s64 *at;
	s64 before; /* where it began */
};

static bool is_readable(const s64 *at)
{
	return (uintptr_t)at >= PAGE;
}

static void look(struct side *s)
{
	if (!s->file)
		return;
	if (!s->at)
		s->before = SYS(SYS_lseek, s->file->fd, 0, SEEK_CUR);
	else
		s->before = is_readable(s->at) ? *s->at : -1;
}

static void claim_offset(struct claim *c, const char *key, const struct side *s, s64 ret)
{
	s64 done = ret > 0 ? ret : 0;
	bool known;

	if (s->at) /* the call may have changed what it had no right to */
		known = ret != -EFAULT;
	else
		known = !s->file->no_pos && s->before >= 0 &&
			SYS(SYS_lseek, s->file->fd, 0, SEEK_CUR) == s->before + done;
	if (known)
		claim_num(c, key, s->before);
	else
		claim_null(c, key);
}

static const char *tag_of(const struct side *from, const struct side *to)
{
	struct stat st;

	if ((!from->file || from->file->no_path) && (!to->file || to->file->no_path))
		return "pipes";
	return !SYS(SYS_fstat, to->file->fd, &st) && S_ISBLK(st.st_mode) ? "dev" : "file";
}

static const char *key_of(const char *prefix, const char *key)
{
	static char name[32];

	(void)snprintf(name, sizeof(name), "%s%s", prefix, key);
	return name;
}

static void claim_side(struct claim *c, const char *prefix, const struct side *s, s64 ret)
{
	static const struct wfile memory = { .fd = -1, .no_path = true };

	claim_file_as(c, prefix, s->file ? s->file : &memory);
	claim_bool(c, key_of(prefix, "unlinked"), s->file && s->file->unlinked);
	if (s->file) {
		claim_num(c, key_of(prefix, "fd"), s->file->fd);
		claim_offset(c, key_of(prefix, "offset"), s, ret);
	} else {
		claim_null(c, key_of(prefix, "fd"));
		claim_null(c, key_of(prefix, "offset"));
	}
}

/* flags NULL: the call has none. len -1: what is asked for cannot be read. */
static void claim_copy(const char *call, const struct side *from, const struct side *to, s64 len,
		       const char *flags, s64 ret)
{
	struct claim c;

	claim_row(&c, "vfs_copy");
	claim_str(&c, "call", call);
	claim_str(&c, "origin", "user");
	claim_str(&c, "tag", tag_of(from, to));
	if (len < 0)
		claim_null(&c, "requested_bytes");
	else
		claim_num(&c, "requested_bytes", len);
	claim_str(&c, "splice_flags", flags);
	claim_ret(&c, ret);
	if (ret < 0)
		claim_null(&c, "bytes");
	else
		claim_num(&c, "bytes", ret);
	claim_bool(&c, "restarted", false);
	claim_side(&c, "", from, ret);
	claim_side(&c, "to_", to, ret);
	claim_end(&c);
}

static void do_copy(struct side from, struct side to, s64 len, int flags)
{
	s64 ret;

	look(&from);
	look(&to);
	ret = SYS(SYS_copy_file_range, from.file->fd, from.at, to.file->fd, to.at, len, flags);
	claim_copy("copy_file_range", &from, &to, len, flags ? "SPLICE_F_MOVE" : "", ret);
}

/* By the files' own positions, or from and to where the variables say. */
#define FILE(f) ((struct side){ .file = &(f) })
#define AT(f, value) ((struct side){ .file = &(f), .at = &(s64){ value } })
#define BY(f, pointer) ((struct side){ .file = &(f), .at = (pointer) })

static void copy_forms(const struct wfile *from, const struct wfile *to)
{
	const s64 far = (5ll << 30) + 12345;
	s64 both = 700;

	do_copy(FILE(*from), FILE(*to), 100, 0);
	do_copy(AT(*from, 500), FILE(*to), 200, 0);
	do_copy(FILE(*from), AT(*to, 1000), 300, 0);
	do_copy(AT(*from, 2000), AT(*to, 3000), 400, 0);
	do_copy(BY(*from, &both), BY(*to, &both), 50, 0);
	do_copy(FILE(*from), FILE(*to), 60, 0);
	/* The end of the file cuts, then gives nothing. */
	do_copy(AT(*from, FROM_SIZE - 100), FILE(*to), PAGE, 0);
	do_copy(AT(*from, FROM_SIZE), AT(*to, 10), PAGE, 0);
	do_copy(AT(*from, 2 * FROM_SIZE), FILE(*to), PAGE, 0);
	/* Nothing asked for. */
	do_copy(FILE(*from), FILE(*to), 0, 0);
	do_copy(AT(*from, 7), AT(*to, 8), 0, 0);
	/* In one file, through one descriptor. */
	do_copy(FILE(*from), AT(*from, FROM_SIZE + 1), 70, 0);
	/* Beyond 4 GiB. */
	do_copy(AT(*from, 1), AT(*to, far), 80, 0);
	do_copy(AT(*to, far), AT(*to, 11), 80, 0);
}

static void copy_failures(const struct wfile *from, const struct wfile *to)
{
	struct wfile closed = { .fd = 900 }, negative = { .fd = -1 }, dir, reader, append;
	s64 *fixed = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fixed == MAP_FAILED)
		die("no memory");
	wfile_open(&dir, work_dir, O_RDONLY | O_DIRECTORY, 0);
	dir.no_pos = true;
	wfile_open(&reader, to->path, O_RDONLY, 0);
	wfile_open(&append, to->path, O_WRONLY | O_APPEND, 0);
	window_begin();
	do_copy(FILE(closed), FILE(*to), 100, 0);
	do_copy(FILE(*from), FILE(closed), 100, 0);
	do_copy(AT(*from, 5), FILE(negative), 100, 0);
	do_copy(FILE(negative), FILE(closed), 100, 0);
	/* Opened for the other direction, and for the end. */
	do_copy(FILE(*from), FILE(reader), 100, 0);
	do_copy(FILE(*from), FILE(append), 100, 0);
	do_copy(FILE(dir), FILE(*to), 100, 0);
	do_copy(FILE(*from), FILE(dir), 100, 0);
	/* Onto itself, below zero, with flags. */
	do_copy(AT(*from, 0), AT(*from, 10), 100, 0);
	do_copy(FILE(*from), FILE(*from), 100, 0);
	do_copy(AT(*from, -5), AT(*to, 10), 100, 0);
	do_copy(AT(*from, 5), AT(*to, 10), 100, 1);
	/* What cannot be read, and what cannot be changed. */
	do_copy(BY(*from, (s64 *)8), FILE(*to), 100, 0);
	do_copy(FILE(*from), BY(*to, (s64 *)8), 100, 0);
	do_copy(BY(*from, fixed), FILE(*to), 100, 0);
}

/* What is no regular file is neither read nor written. */
static void copy_pipes(const struct wfile *from, const struct wfile *to)
{
	struct wfile in, out;
	int p[2];

	if (pipe(p))
		die("cannot make a pipe");
	in = (struct wfile){ .fd = p[0], .no_path = true, .no_pos = true };
	out = (struct wfile){ .fd = p[1], .no_path = true, .no_pos = true };
	do_copy(FILE(in), FILE(*to), 100, 0);
	do_copy(FILE(*from), FILE(out), 100, 0);
	do_copy(FILE(in), FILE(out), 100, 0);
}

void work_rw_copy(void)
{
	const char *name = param_str("dev", NULL);
	struct wfile from, to, gone, dev;

	make_file(in_dir("copy-from"), FROM_SIZE);
	make_file(in_dir("copy-to"), 0);
	make_file(in_dir("copy-gone"), 100);
	wfile_open(&from, in_dir("copy-from"), O_RDWR, 0);
	wfile_open(&to, in_dir("copy-to"), O_RDWR, 0);
	wfile_open(&gone, in_dir("copy-gone"), O_RDWR, 0);
	copy_failures(&from, &to);
	copy_forms(&from, &to);
	copy_pipes(&from, &to);
	do_copy(FILE(from), FILE(gone), 90, 0);
	(void)SYS(SYS_unlinkat, AT_FDCWD, gone.path, 0);
	gone.unlinked = true;
	do_copy(FILE(from), FILE(gone), 91, 0);
	do_copy(AT(gone, 3), FILE(to), 92, 0);
	if (name) {
		wfile_open(&dev, name, O_RDWR, 0);
		do_copy(FILE(from), FILE(dev), 93, 0);
		do_copy(AT(from, 4), AT(dev, 5), 94, 0);
	}
	window_end();
	(void)unlink(to.path);
}

/* ---- through pipes ---- */

static void do_splice(struct side from, struct side to, s64 len, int flags, const char *text)
{
	s64 ret;

	look(&from);
	look(&to);
	ret = SYS(SYS_splice, from.file->fd, from.at, to.file->fd, to.at, len, flags);
	claim_copy("splice", &from, &to, len, text, ret);
}

static void do_sendfile(struct side from, struct side to, s64 len)
{
	s64 ret;

	look(&from);
	look(&to);
	ret = SYS(SYS_sendfile, to.file->fd, from.file->fd, from.at, len);
	claim_copy("sendfile", &from, &to, len, NULL, ret);
}

static void do_tee(struct side from, struct side to, s64 len, int flags, const char *text)
{
	s64 ret;

	look(&from);
	look(&to);
	ret = SYS(SYS_tee, from.file->fd, to.file->fd, len, flags);
	claim_copy("tee", &from, &to, len, text, ret);
}

/* Memory to a pipe, or from it; len as in claim_copy(). */
static void do_vmsplice(struct side from, struct side to, const struct iovec *v, int nr, s64 len)
{
	int fd = (from.file ? from.file : to.file)->fd;
	s64 ret;

	look(&from);
	look(&to);
	ret = SYS(SYS_vmsplice, fd, v, nr, 2 /* SPLICE_F_NONBLOCK */);
	claim_copy("vmsplice", &from, &to, len, "SPLICE_F_NONBLOCK", ret);
}

#define MEMORY ((struct side){})
#define NONBLOCK 2, "SPLICE_F_NONBLOCK"

struct pipe_ends {
	struct wfile in, out;
};

static struct pipe_ends make_pipe(void)
{
	int p[2];

	if (pipe(p))
		die("cannot make a pipe");
	return (struct pipe_ends){ { .fd = p[0], .no_path = true, .no_pos = true },
				   { .fd = p[1], .no_path = true, .no_pos = true } };
}

static void splice_forms(const struct wfile *from, const struct wfile *to)
{
	struct pipe_ends a = make_pipe(), b = make_pipe();
	struct wfile closed = { .fd = 900 };
	s64 both = 700;

	do_splice(FILE(*from), FILE(a.out), 100, 0, "");
	do_splice(AT(*from, 500), FILE(a.out), 200, 1, "SPLICE_F_MOVE");
	do_splice(BY(*from, &both), FILE(a.out), 50, 4, "SPLICE_F_MORE");
	do_splice(FILE(a.in), FILE(b.out), 60, 8, "SPLICE_F_GIFT");
	do_splice(FILE(a.in), FILE(*to), 70, 0, "");
	do_splice(FILE(a.in), AT(*to, 5000), 220, NONBLOCK);
	do_splice(FILE(b.in), BY(*to, &both), PAGE, 0, "");
	/* Nothing there, the end of the file, nothing asked for. */
	do_splice(FILE(a.in), FILE(*to), PAGE, NONBLOCK);
	do_splice(AT(*from, FROM_SIZE - 10), FILE(a.out), PAGE, 0, "");
	do_splice(AT(*from, FROM_SIZE), FILE(a.out), PAGE, 0, "");
	do_splice(FILE(*from), FILE(*to), 0, 0, "");
	/* No pipe; where a pipe has no place; what cannot be read; no such flag; no such file. */
	do_splice(FILE(*from), FILE(*to), 100, 0, "");
	do_splice(AT(a.in, 5), FILE(*to), 100, 0, "");
	do_splice(BY(*from, (s64 *)8), FILE(a.out), 100, 0, "");
	do_splice(FILE(*from), FILE(a.out), 100, 0x13, "SPLICE_F_MOVE|SPLICE_F_NONBLOCK|0x10");
	do_splice(FILE(closed), FILE(a.out), 100, 0, "");
	do_splice(FILE(a.in), FILE(closed), 100, 0, "");
}

static void sendfile_forms(const struct wfile *from, const struct wfile *to,
			   const struct wfile *append)
{
	struct wfile closed = { .fd = 900 }, socket;
	struct pipe_ends a = make_pipe();
	s64 at = 300;
	int s[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s))
		die("cannot make sockets");
	socket = (struct wfile){ .fd = s[0], .no_path = true, .no_pos = true };
	do_sendfile(FILE(*from), FILE(*to), 100);
	do_sendfile(AT(*from, 600), FILE(*to), 200);
	do_sendfile(BY(*from, &at), FILE(socket), 300);
	do_sendfile(BY(*from, &at), FILE(a.out), 400);
	do_sendfile(AT(*from, FROM_SIZE - 10), FILE(*to), PAGE);
	do_sendfile(AT(*from, FROM_SIZE), FILE(*to), PAGE);
	do_sendfile(FILE(*from), FILE(*to), 0);
	do_sendfile(FILE(*from), FILE(*append), 100);
	do_sendfile(BY(*from, (s64 *)8), FILE(*to), 100);
	do_sendfile(AT(*from, -3), FILE(*to), 100);
	do_sendfile(FILE(closed), FILE(*to), 100);
	do_sendfile(FILE(*from), FILE(closed), 100);
}

static void pipe_forms(const struct wfile *file)
{
	struct pipe_ends a = make_pipe(), b = make_pipe();
	struct wfile closed = { .fd = 900 };
	char *memory =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec v[3] = { { memory, 10 }, { memory + PAGE, 20 }, { memory, 30 } };

	if (memory == MAP_FAILED)
		die("no memory");
	memset(memory, 1, 2 * PAGE);
	do_vmsplice(MEMORY, FILE(a.out), v, 3, 60);
	do_tee(FILE(a.in), FILE(b.out), 40, 0, "");
	do_tee(FILE(a.in), FILE(b.out), PAGE, NONBLOCK);
	do_vmsplice(FILE(b.in), MEMORY, v, 2, 30);
	do_vmsplice(FILE(b.in), MEMORY, v, 0, 0);
	do_tee(FILE(a.in), FILE(a.out), PAGE, 0, "");
	do_tee(FILE(a.in), FILE(*file), PAGE, 0, "");
	do_tee(FILE(closed), FILE(b.out), PAGE, 0, "");
	do_vmsplice(MEMORY, FILE(*file), v, 1, 10);
	do_vmsplice(MEMORY, FILE(closed), v, 1, 10);
	do_vmsplice(MEMORY, FILE(a.out), (struct iovec *)8, 1, -1);
	do_vmsplice(MEMORY, FILE(a.out), v, 5000, -1);
}

void work_rw_splice(void)
{
	struct wfile from, to, append;

	make_file(in_dir("splice-from"), FROM_SIZE);
	make_file(in_dir("splice-to"), 0);
	wfile_open(&from, in_dir("splice-from"), O_RDWR, 0);
	wfile_open(&to, in_dir("splice-to"), O_RDWR, 0);
	wfile_open(&append, to.path, O_WRONLY | O_APPEND, 0);
	window_begin();
	splice_forms(&from, &to);
	sendfile_forms(&from, &to, &append);
	pipe_forms(&to);
	window_end();
	(void)unlink(to.path);
}
