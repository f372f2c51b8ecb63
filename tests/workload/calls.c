// SPDX-License-Identifier: BSD-2-Clause
/* System calls with the rows they make. Each goes to the kernel as it is written here. */
#include "sonde-work.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>

/* ---- processes and threads ---- */

static void claim_fork(pid_t child_pid, pid_t child_tid)
{
	struct claim c;

	if (!in_window())
		return;
	claim_row(&c, "proc_fork");
	claim_num(&c, "child_pid", child_pid);
	claim_num(&c, "child_tid", child_tid);
	claim_end(&c);
}

/* From what waitpid(2) told. */
static void claim_exit(pid_t pid, int status)
{
	struct claim c;
	char name[32];

	if (!in_window())
		return;
	claim_row_of(&c, "proc_exit", pid, 0, NULL);
	if (WIFSIGNALED(status)) {
		snprintf(name, sizeof(name), "SIG%s", sigabbrev_np(WTERMSIG(status)));
		claim_str(&c, "signal", name);
		claim_null(&c, "code");
	} else {
		claim_num(&c, "code", WEXITSTATUS(status));
		claim_null(&c, "signal");
	}
	claim_end(&c);
}

void claim_rename(const char *from, const char *to)
{
	struct claim c;

	claim_row_of(&c, "proc_rename", getpid(), (pid_t)SYS(SYS_gettid), NULL);
	claim_str(&c, "old_comm", from);
	claim_str(&c, "new_comm", to);
	claim_end(&c);
}

pid_t spawn(void (*body)(void *), void *arg)
{
	pid_t pid = (pid_t)SYS(SYS_clone, SIGCHLD);

	if (pid < 0)
		die("cannot fork");
	if (!pid) {
		claim_process();
		body(arg);
		_exit(0);
	}
	claim_fork(pid, pid);
	return pid;
}

int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("cannot wait for %d", pid);
	claim_exit(pid, status);
	return status;
}

struct worker {
	pthread_t thread;
	const char *comm;
	void (*body)(void *);
	void *arg;
	pid_t tid;    /* set when the thread has its name */
	bool is_told; /* its rows are claimed, it may go on */
};

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	char old[16];

	if (w->comm) {
		(void)SYS(SYS_prctl, PR_GET_NAME, old);
		(void)SYS(SYS_prctl, PR_SET_NAME, w->comm);
		if (in_window())
			claim_rename(old, w->comm);
	}
	__atomic_store_n(&w->tid, (pid_t)SYS(SYS_gettid), __ATOMIC_RELEASE);
	while (!__atomic_load_n(&w->is_told, __ATOMIC_ACQUIRE))
		usleep(100);
	w->body(w->arg);
	return NULL;
}

void stay_on_this_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot stay on one cpu");
}

struct worker *worker_start(const char *comm, void (*body)(void *), void *arg)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		die("no memory");
	w->comm = comm;
	w->body = body;
	w->arg = arg;
	errno = pthread_create(&w->thread, NULL, worker_main, w);
	if (errno)
		die("cannot make a thread");
	while (!__atomic_load_n(&w->tid, __ATOMIC_ACQUIRE))
		usleep(100);
	claim_fork(getpid(), w->tid);
	__atomic_store_n(&w->is_told, true, __ATOMIC_RELEASE);
	return w;
}

void worker_join(struct worker *w)
{
	pthread_join(w->thread, NULL);
	free(w);
}

/* ---- files ---- */

#define KERNEL_O_LARGEFILE 0100000 /* 0 to programs of 64 bits */

const char *file_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "regular";
	case S_IFDIR:
		return "directory";
	case S_IFBLK:
		return "block";
	case S_IFCHR:
		return "character";
	case S_IFIFO:
		return "pipe";
	case S_IFSOCK:
		return "socket";
	case S_IFLNK:
		return "symlink";
	default:
		return "anonymous";
	}
}

/* The name of the file system, where tests know it. */
static const char *fs_of(int fd)
{
	struct statfs fs;

	if (SYS(SYS_fstatfs, fd, &fs) < 0)
		return NULL;
	switch (fs.f_type) {
	case EXT4_SUPER_MAGIC:
		return "ext4";
	case TMPFS_MAGIC:
		return "tmpfs";
	case PROC_SUPER_MAGIC:
		return "proc";
	default:
		return NULL;
	}
}

/* prefix and name together, until the next call. */
static const char *key_of(const char *prefix, const char *name)
{
	static _Thread_local char key[32];

	snprintf(key, sizeof(key), "%s%s", prefix, name);
	return key;
}

void claim_file_as(struct claim *c, const char *prefix, const struct wfile *f)
{
	static const char *const keys[] = { "fs_magic", "ino", "dev", "gen", "file_type", "path" };
	const char *fs;
	struct stat st;
	char dev[32];

	if (f->fd < 0 || SYS(SYS_fstat, f->fd, &st) < 0) {
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
			claim_null(c, key_of(prefix, keys[i]));
		return;
	}
	claim_num(c, key_of(prefix, "ino"), (s64)st.st_ino);
	snprintf(dev, sizeof(dev), "%u:%u", major(st.st_dev), minor(st.st_dev));
	claim_str(c, key_of(prefix, "dev"), dev);
	claim_str(c, key_of(prefix, "file_type"), file_type(st.st_mode));
	fs = fs_of(f->fd);
	if (fs)
		claim_str(c, key_of(prefix, "fs_magic"), fs);
	if (f->path || f->no_path)
		claim_str(c, key_of(prefix, "path"), f->path);
}

void claim_file(struct claim *c, const struct wfile *f)
{
	claim_file_as(c, "", f);
}

void wfile_open(struct wfile *f, const char *path, int flags, int mode)
{
	memset(f, 0, sizeof(*f));
	f->fd = (int)SYS(SYS_openat, AT_FDCWD, path, flags, mode);
	if (f->fd < 0) {
		errno = -f->fd;
		die("cannot open %s", path);
	}
	f->flags = flags;
	f->path = path;
}

/* ---- reads and writes ---- */

static const struct io_call {
	const char *name;
	long nr;
	bool writes, positioned, vectored, flagged;
} io_calls[] = {
	{ "read", SYS_read },
	{ "pread64", SYS_pread64, .positioned = true },
	{ "readv", SYS_readv, .vectored = true },
	{ "preadv", SYS_preadv, .positioned = true, .vectored = true },
	{ "preadv2", SYS_preadv2, .positioned = true, .vectored = true, .flagged = true },
	{ "write", SYS_write, .writes = true },
	{ "pwrite64", SYS_pwrite64, .writes = true, .positioned = true },
	{ "writev", SYS_writev, .writes = true, .vectored = true },
	{ "pwritev", SYS_pwritev, .writes = true, .positioned = true, .vectored = true },
	{ "pwritev2", SYS_pwritev2, .writes = true, .positioned = true, .vectored = true,
	  .flagged = true },
};

static const struct io_call *find_call(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(io_calls); i++)
		if (!strcmp(io_calls[i].name, name))
			return &io_calls[i];
	die("no call %s", name);
}

/* Up to three vectors: a byte, nothing, the rest. */
static int cut(struct iovec iov[3], void *buf, size_t len)
{
	iov[0] = (struct iovec){ buf, len ? 1 : 0 };
	iov[1] = (struct iovec){ buf, 0 };
	iov[2] = (struct iovec){ (char *)buf + iov[0].iov_len, len - iov[0].iov_len };
	return 3;
}

static void claim_offset(struct claim *c, const struct io_call *call, const struct wfile *f,
			 s64 before, s64 off, s64 ret)
{
	struct stat st;

	if (call->writes && f->flags & O_APPEND && !f->no_pos) {
		/* At the end, wherever the call says. */
		if (ret >= 0 && !SYS(SYS_fstat, f->fd, &st))
			claim_num(c, "offset", st.st_size - ret);
	} else if (call->positioned && !(call->flagged && off == -1)) {
		/* A file without a position: what a position means there is not said. */
		if (!f->no_pos)
			claim_num(c, "offset", off);
	} else if (before < 0 || f->no_pos) {
		claim_null(c, "offset");
	} else {
		claim_num(c, "offset", before);
	}
}

/* Which pages of the file are in memory. */
static void look_at_pages(const struct wfile *f, unsigned char in[MAX_MAPPED])
{
	if (f->map && (f->nr_mapped > MAX_MAPPED || mincore(f->map, f->nr_mapped * PAGE, in)))
		die("mincore fails");
}

/* in: which were in memory before the call. */
static void claim_hits(struct claim *c, const struct io_call *call, const struct wfile *f,
		       const unsigned char in[MAX_MAPPED], s64 before, s64 off, s64 ret)
{
	s64 at = call->positioned && !(call->flagged && off == -1) ? off : before, hits = 0, nr = 0;
	struct stat st;

	if (f->no_hits || (f->map && ret < 0)) {
		claim_null(c, "hit_pages");
		claim_null(c, "miss_pages");
	} else if (f->map) {
		if (call->writes && f->flags & O_APPEND && !SYS(SYS_fstat, f->fd, &st))
			at = st.st_size - ret;
		for (s64 i = at / PAGE; ret && i <= (at + ret - 1) / PAGE; i++, nr++)
			hits += in[i] & 1;
		claim_num(c, "hit_pages", hits);
		claim_num(c, "miss_pages", nr - hits);
	}
}

s64 do_io_op(const char *name, const struct wfile *f, void *buf, size_t len, s64 off,
	     const char *op)
{
	const struct io_call *call = find_call(name);
	s64 before = SYS(SYS_lseek, f->fd, 0, SEEK_CUR), ret, flags;
	unsigned char in_memory[MAX_MAPPED];
	struct iovec iov[3];
	struct claim c;

	look_at_pages(f, in_memory);
	if (call->vectored)
		ret = sys(call->nr, f->fd, (long)iov, cut(iov, buf, len), off, 0, 0);
	else
		ret = sys(call->nr, f->fd, (long)buf, (long)len, off, 0, 0);

	claim_row(&c, call->writes ? "vfs_write" : "vfs_read");
	claim_str(&c, "call", name);
	claim_num(&c, "fd", f->fd);
	claim_num(&c, "requested_bytes", (s64)len);
	claim_ret(&c, ret);
	if (ret < 0)
		claim_null(&c, "bytes");
	else
		claim_num(&c, "bytes", ret);
	claim_bool(&c, "restarted", ret <= -512 && ret >= -516);
	claim_str(&c, "origin", "user");
	claim_offset(&c, call, f, before, off, ret);
	claim_hits(&c, call, f, in_memory, before, off, ret);
	claim_file(&c, f);
	claim_bool(&c, "unlinked", f->unlinked);
	flags = SYS(SYS_fcntl, f->fd, F_GETFL);
	if (flags >= 0) {
		claim_bool(&c, "direct", f->flags & O_DIRECT);
		claim_flags(&c, "file_flags", (int)flags);
	} else {
		claim_null(&c, "direct");
		claim_null(&c, "file_flags");
	}
	if (!call->flagged)
		claim_null(&c, "rwf");
	if (op)
		claim_let(&c, "op", op);
	claim_end(&c);
	return ret;
}

s64 do_io(const char *call, const struct wfile *f, void *buf, size_t len, s64 off)
{
	return do_io_op(call, f, buf, len, off, NULL);
}

/* ---- open and close ---- */

s64 do_close(const struct wfile *f)
{
	struct claim c;
	s64 ret;

	claim_row(&c, "vfs_close");
	claim_file(&c, f);
	claim_num(&c, "fd", f->fd);
	claim_bool(&c, "unlinked", f->unlinked);
	ret = SYS(SYS_close, f->fd);
	claim_ret(&c, ret);
	claim_end(&c);
	return ret;
}

void claim_flags(struct claim *c, const char *key, int flags)
{
	static const struct {
		int bits;
		const char *name;
	} names[] = {
		{ O_TMPFILE, "O_TMPFILE" },     { O_SYNC, "O_SYNC" },
		{ O_CREAT, "O_CREAT" },         { O_EXCL, "O_EXCL" },
		{ O_NOCTTY, "O_NOCTTY" },       { O_TRUNC, "O_TRUNC" },
		{ O_APPEND, "O_APPEND" },       { O_NONBLOCK, "O_NONBLOCK" },
		{ O_DSYNC, "O_DSYNC" },         { O_DIRECT, "O_DIRECT" },
		{ O_DIRECTORY, "O_DIRECTORY" }, { O_NOFOLLOW, "O_NOFOLLOW" },
		{ O_NOATIME, "O_NOATIME" },     { O_CLOEXEC, "O_CLOEXEC" },
		{ O_PATH, "O_PATH" },           { KERNEL_O_LARGEFILE, "O_LARGEFILE" },
	};
	static const char *const access[] = { "O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE" };
	char text[256];

	strcpy(text, access[flags & O_ACCMODE]);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].bits && (flags & names[i].bits) == names[i].bits) {
			strcat(strcat(text, "|"), names[i].name);
			flags &= ~names[i].bits;
		}
	claim_str(c, key, text);
}

static s64 open_by(const struct open_try *t, int *ret_flags)
{
	struct {
		u64 flags, mode, resolve;
	} how = { (u64)t->flags, (u64)t->mode, t->resolve };

	*ret_flags = t->flags;
#ifdef SYS_open
	if (!strcmp(t->call, "open"))
		return SYS(SYS_open, t->name, t->flags, t->mode);
#endif
	if (!strcmp(t->call, "openat"))
		return SYS(SYS_openat, t->dirfd, t->name, t->flags, t->mode);
	if (!strcmp(t->call, "openat2"))
		return SYS(SYS_openat2, t->dirfd, t->name, &how, sizeof(how));
#ifdef SYS_creat
	if (!strcmp(t->call, "creat")) {
		*ret_flags = O_CREAT | O_WRONLY | O_TRUNC;
		return SYS(SYS_creat, t->name, t->mode);
	}
#endif
	die("no call %s", t->call);
}

static void claim_failed_open(struct claim *c, const struct open_try *t)
{
	bool at_dirfd = t->dirfd != AT_FDCWD && !strncmp(t->call, "openat", 6);
	struct stat st;

	claim_null(c, "fd");
	claim_null(c, "ino");
	claim_null(c, "file_type");
	if (t->unreadable) {
		claim_null(c, "name");
		claim_null(c, "path");
		return;
	}
	claim_str(c, "name", t->name);
	if (t->path)
		claim_str(c, "path", t->path);
	if (t->name[0] == '/')
		claim_null(c, "dir_ino");
	else if (at_dirfd ? SYS(SYS_fstat, t->dirfd, &st) >= 0 : stat(".", &st) >= 0)
		claim_num(c, "dir_ino", (s64)st.st_ino);
	else
		claim_null(c, "dir_ino");
}

#ifdef SYS_open
static const struct open_try *as_possible(const struct open_try *t, struct open_try *room)
{
	(void)room;
	return t;
}
#else
/* Where there is only openat(2). */
static const struct open_try *as_possible(const struct open_try *t, struct open_try *room)
{
	if (!strncmp(t->call, "openat", 6))
		return t;
	*room = *t;
	room->call = "openat";
	room->dirfd = AT_FDCWD;
	if (!strcmp(t->call, "creat"))
		room->flags = O_CREAT | O_WRONLY | O_TRUNC;
	return room;
}
#endif

s64 do_open(const struct open_try *t, struct wfile *ret)
{
	struct open_try room;
	struct claim c;
	char mode[16];
	s64 fd;
	int flags;

	t = as_possible(t, &room);
	fd = open_by(t, &flags);
	memset(ret, 0, sizeof(*ret));
	ret->fd = (int)fd;
	ret->flags = flags;
	ret->path = t->path;

	claim_row(&c, "vfs_open");
	claim_str(&c, "call", t->call);
	claim_ret(&c, fd);
	claim_str(&c, "origin", "user");
	if (!t->unreadable || !strcmp(t->call, "openat"))
		claim_flags(&c, "flags", flags);
	snprintf(mode, sizeof(mode), "0%03o",
		 flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? t->mode & 07777 : 0);
	claim_str(&c, "mode", mode);
	if (fd < 0) {
		claim_failed_open(&c, t);
	} else {
		if (t->or_path)
			ret->path = NULL;
		claim_num(&c, "fd", fd);
		claim_null(&c, "name");
		claim_null(&c, "dir_ino");
		claim_file(&c, ret);
		if (t->or_path)
			claim_either(&c, "path", t->path, t->or_path);
	}
	claim_end(&c);
	return fd;
}
