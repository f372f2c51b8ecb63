// SPDX-License-Identifier: BSD-2-Clause
/* Opens, closes, syncs, and what happens to names. */
#include "sonde-work.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static char bytes[PAGE];

/* An open that works, and is closed again. */
static void open_and_close(const struct open_try *t)
{
	struct wfile f;
	s64 ret = do_open(t, &f);

	if (ret < 0) {
		errno = (int)-ret;
		die("%s of %s failed", t->call, t->name);
	}
	do_close(&f);
}

/* An open that does not. */
static void open_fails(int with, const struct open_try *t)
{
	struct wfile f;
	s64 ret = do_open(t, &f);

	if (ret != -with) {
		errno = (int)-ret;
		die("%s of %.99s should fail with %s", t->call, t->name, strerrorname_np(with));
	}
}

#define OPENS(...) open_and_close(&(struct open_try){ __VA_ARGS__ })
#define FAILS(with, ...) open_fails(with, &(struct open_try){ __VA_ARGS__ })

/* open_by_handle_at(2) of an existing file, and of one that never was. */
static void open_by_handle(int dir, const char *path)
{
	struct {
		struct file_handle h;
		unsigned char room[128];
	} handle = { .h.handle_bytes = 128 };
	int mount_id;
	struct claim c;
	struct wfile f = { .path = path };
	s64 ret = SYS(SYS_name_to_handle_at, AT_FDCWD, path, &handle, &mount_id, 0);

	if (ret == -EOPNOTSUPP)
		return;
	for (int bad = 0; bad < 2; bad++) {
		if (bad)
			handle.h.handle_type = 77;
		ret = SYS(SYS_open_by_handle_at, dir, &handle, O_RDONLY);
		if (ret == -EPERM)
			return;
		claim_row(&c, "vfs_open");
		claim_str(&c, "call", "open_by_handle_at");
		claim_ret(&c, ret);
		claim_str(&c, "mode", "0000");
		claim_null(&c, "name");
		f.fd = (int)ret;
		if (ret >= 0)
			claim_file(&c, &f);
		else
			claim_null(&c, "ino");
		claim_end(&c);
		if (ret >= 0)
			do_close(&f);
	}
}

void work_open_forms(void)
{
	const char *plain = in_dir("plain"), *made = in_dir("made"), *sub = in_dir("sub");
	const char *below = in_dir("sub/below"), *target = in_dir("target");
	struct wfile tmp;
	int dir, subdir;

	make_file(plain, 10);
	make_file(target, 10);
	(void)mkdir(sub, 0755);
	make_file(below, 10);
	(void)unlink(in_dir("link"));
	if (symlink("target", in_dir("link")))
		die("cannot make a symbolic link");
	dir = open(work_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	subdir = open(sub, O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)unlink(made);

	window_begin();
	OPENS(.call = "open", .name = plain, .path = plain);
	OPENS(.call = "open", .name = plain, .flags = O_RDWR | O_APPEND | O_CLOEXEC, .path = plain);
	OPENS(.call = "openat", .dirfd = AT_FDCWD, .name = plain, .flags = O_WRONLY | O_NOATIME,
	      .path = plain);
	OPENS(.call = "openat", .dirfd = dir, .name = "plain", .flags = O_SYNC | O_RDWR,
	      .path = plain);
	OPENS(.call = "openat", .dirfd = subdir, .name = "below", .flags = O_DSYNC | O_RDWR,
	      .path = below);
	OPENS(.call = "openat", .dirfd = subdir, .name = "../plain", .path = plain);
	OPENS(.call = "open", .name = "sub/../sub/./below", .path = below);
	OPENS(.call = "open", .name = "plain", .flags = O_NONBLOCK | O_NOCTTY, .path = plain);
	OPENS(.call = "openat2", .dirfd = dir, .name = "plain", .flags = O_RDWR | O_TRUNC,
	      .path = plain);
	OPENS(.call = "openat2", .dirfd = subdir, .name = "below", .resolve = RESOLVE_BENEATH,
	      .path = below);
	OPENS(.call = "creat", .name = made, .mode = 0640, .path = made);
	(void)unlink(made);
	OPENS(.call = "openat", .dirfd = AT_FDCWD, .name = made, .flags = O_CREAT | O_EXCL | O_RDWR,
	      .mode = 0604, .path = made);
	(void)unlink(made);
	OPENS(.call = "openat2", .dirfd = dir, .name = "made", .flags = O_CREAT | O_WRONLY,
	      .mode = 0755, .path = made);
	/* The mode means nothing without O_CREAT. */
	OPENS(.call = "open", .name = plain, .mode = 0777, .path = plain);
	OPENS(.call = "open", .name = plain, .flags = O_PATH, .path = plain);
	OPENS(.call = "openat", .dirfd = AT_FDCWD, .name = sub, .flags = O_DIRECTORY, .path = sub);
	OPENS(.call = "open", .name = in_dir("link"), .path = target);
	/* A file without a name. */
	if (do_open(&(struct open_try){ .call = "openat",
					.dirfd = AT_FDCWD,
					.name = work_dir,
					.flags = O_TMPFILE | O_RDWR,
					.mode = 0600 },
		    &tmp) >= 0) {
		tmp.unlinked = true;
		do_io("write", &tmp, bytes, 100, 0);
		do_close(&tmp);
	}
	open_by_handle(dir, plain);
	window_end();
}

static void open_without_rights(void *arg)
{
	const char *secret = arg;

	if (SYS(SYS_setresgid, 65534, 65534, 65534) || SYS(SYS_setresuid, 65534, 65534, 65534))
		die("cannot become nobody");
	FAILS(EACCES, .call = "open", .name = secret, .path = secret);
	FAILS(EACCES, .call = "openat", .dirfd = AT_FDCWD, .name = "secret", .flags = O_RDWR,
	      .path = secret);
}

/* Opens in /proc and /sys that fail, by name and by directory. */
void work_open_pseudo(void)
{
	int dir = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		die("there is no /proc");
	window_begin();
	FAILS(ENOENT, .call = "open", .name = "/proc/4194305/stat", .path = "/proc/4194305/stat");
	FAILS(ENOENT, .call = "openat", .dirfd = AT_FDCWD, .name = "/sys/none",
	      .path = "/sys/none");
	FAILS(ENOENT, .call = "openat", .dirfd = dir, .name = "none");
	window_end();
}

static void look_at(const char *name)
{
	struct wfile f;

	do_open(&(struct open_try){ .call = "open", .name = name }, &f);
	if (f.fd < 0)
		die("cannot open %s", name);
	do_io("read", &f, bytes, 100, 0);
	do_close(&f);
}

/* Files of /proc and /sys, opened, read and closed. */
void work_open_proc(void)
{
	window_begin();
	look_at("/proc/self/comm");
	look_at("/proc/uptime");
	look_at("/sys/devices/system/cpu/online");
	window_end();
}

void work_open_errors(void)
{
	const char *plain = in_dir("plain"), *none = in_dir("none"), *loop = in_dir("loop");
	const char *secret = in_dir("secret"), *below = in_dir("plain/below");
	const char *none_below = in_dir("none/below");
	const char *long_path;
	char long_name[300];
	struct rlimit old, low;
	int dir, file;

	make_file(plain, 10);
	make_file(secret, 10);
	(void)chmod(secret, 0600);
	(void)unlink(none);
	(void)unlink(loop);
	if (symlink("loop", loop))
		die("cannot make a symbolic link");
	memset(long_name, 'n', 256);
	long_name[256] = '\0';
	long_path = in_dir(long_name);
	dir = open(work_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	file = open(plain, O_RDONLY | O_CLOEXEC);

	window_begin();
	FAILS(ENOENT, .call = "open", .name = none, .path = none);
	FAILS(ENOENT, .call = "openat", .dirfd = AT_FDCWD, .name = "none", .path = none);
	FAILS(ENOENT, .call = "openat", .dirfd = dir, .name = "none", .flags = O_RDWR,
	      .path = none);
	FAILS(ENOENT, .call = "openat2", .dirfd = dir, .name = "none", .path = none);
	FAILS(ENOENT, .call = "creat", .name = none_below, .mode = 0644, .path = none_below);
	FAILS(ENOENT, .call = "openat", .dirfd = AT_FDCWD, .name = none_below,
	      .flags = O_CREAT | O_WRONLY, .mode = 0600, .path = none_below);
	FAILS(ENOTDIR, .call = "open", .name = below, .path = below);
	FAILS(ENOTDIR, .call = "open", .name = plain, .flags = O_DIRECTORY, .path = plain);
	FAILS(ENOTDIR, .call = "openat", .dirfd = file, .name = "x");
	FAILS(ELOOP, .call = "open", .name = loop, .path = loop);
	FAILS(ELOOP, .call = "open", .name = loop, .flags = O_NOFOLLOW, .path = loop);
	FAILS(EEXIST, .call = "open", .name = plain, .flags = O_CREAT | O_EXCL, .mode = 0644,
	      .path = plain);
	FAILS(EISDIR, .call = "open", .name = work_dir, .flags = O_WRONLY, .path = work_dir);
	FAILS(EISDIR, .call = "creat", .name = work_dir, .mode = 0644, .path = work_dir);
	FAILS(ENAMETOOLONG, .call = "open", .name = long_name, .path = long_path);
	FAILS(EBADF, .call = "openat", .dirfd = 901, .name = "x");
	FAILS(EFAULT, .call = "openat", .dirfd = AT_FDCWD, .name = (void *)8, .unreadable = true);
	FAILS(EINVAL, .call = "openat2", .dirfd = dir, .name = "plain", .resolve = 1ull << 40,
	      .path = plain);
	FAILS(EXDEV, .call = "openat2", .dirfd = dir, .name = "../x", .resolve = RESOLVE_BENEATH);
	if (!getuid())
		reap(spawn(open_without_rights, (void *)secret));
	if (!getrlimit(RLIMIT_NOFILE, &old)) {
		low = (struct rlimit){ 3, old.rlim_max };
		(void)setrlimit(RLIMIT_NOFILE, &low);
		FAILS(EMFILE, .call = "open", .name = plain, .path = plain);
		(void)setrlimit(RLIMIT_NOFILE, &old);
	}
	window_end();
}

/* ---- names ---- */

static void use_name(const char *name)
{
	const char *path = in_dir(name);
	struct wfile f;

	if (do_open(&(struct open_try){ .call = "openat",
					.dirfd = AT_FDCWD,
					.name = path,
					.flags = O_CREAT | O_RDWR,
					.mode = 0644,
					.path = path },
		    &f) < 0)
		die("cannot make %s", path);
	do_io("write", &f, bytes, 10, 0);
	do_io("pread64", &f, bytes, 5, 0);
	do_close(&f);
	(void)unlink(path);
	/* And as the name of what is not there. */
	FAILS(ENOENT, .call = "open", .name = path, .path = path);
}

void work_open_names(void)
{
	char longest[256];

	memset(longest, 'x', 255);
	longest[255] = '\0';
	window_begin();
	use_name("a line\nand another");
	use_name("\"quoted\", with, commas");
	use_name("from -> to");
	use_name("back\\slash\ttab \x1b[31m");
	use_name("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7");
	use_name("no utf-8: \xff here");
	use_name(" leading and trailing ");
	use_name("-o");
	use_name("=1+1");
	use_name("(deleted)");
	use_name(longest);
	window_end();
}

void work_open_deep(void)
{
	u64 depth = param_num("depth", 40), len = param_num("len", 8);
	size_t room = strlen(work_dir) + depth * (len + 1) + 16, at;
	char *path = malloc(room), component[256];
	struct wfile f;
	struct claim c;
	const char *from;

	if (!path || len > 255)
		die("no memory");
	strcpy(path, work_dir);
	at = strlen(path);
	for (u64 i = 0; i < depth; i++) {
		memset(component, 'a' + (char)(i % 26), len);
		component[len] = '\0';
		at += (size_t)sprintf(path + at, "/%s", component);
		if (mkdir(component, 0755) && errno != EEXIST)
			die("cannot make a directory");
		if (chdir(component))
			die("cannot go into a directory");
	}
	strcpy(path + at, "/leaf");
	make_file("leaf", 100);
	window_begin();
	if (room < 4000) {
		do_open(&(struct open_try){ .call = "open", .name = path, .path = path }, &f);
	} else {
		wfile_open(&f, "leaf", O_RDONLY, 0);
		claim_row(&c, "vfs_open");
		claim_ret(&c, f.fd);
		claim_end(&c);
	}
	if (strlen(path) <= 255 && depth <= 40) {
		f.path = path;
		do_io("pread64", &f, bytes, 100, 0);
	} else {
		/* Whole, or its end and a word that the front is missing. */
		f.path = NULL;
		do_io("pread64", &f, bytes, 100, 0);
		from = path + strlen(path) - (strlen(path) < 200 ? strlen(path) : 200);
		claim_row(&c, "vfs_read");
		c.len = 0;
		claim_kind(&c, "name");
		claim_str(&c, "event", "vfs_read");
		claim_str(&c, "whole", path);
		claim_str(&c, "end", from);
		claim_end(&c);
	}
	window_end();
	(void)chdir(work_dir);
}

/* Reads through the file, whose path is claimed to be one of the two. */
static void read_as(struct wfile *f, const char *path, const char *or_path)
{
	struct claim c;
	s64 ret = SYS(SYS_pread64, f->fd, bytes, 10);

	claim_row(&c, "vfs_read");
	claim_str(&c, "call", "pread64");
	claim_num(&c, "fd", f->fd);
	claim_ret(&c, ret);
	claim_bool(&c, "unlinked", f->unlinked);
	f->path = NULL;
	claim_file(&c, f);
	claim_either(&c, "path", path, or_path);
	claim_end(&c);
}

void work_open_moving(void)
{
	const char *old = in_dir("moving-old"), *new = in_dir("moving-new");
	const char *gone = in_dir("moving-gone"), *a = in_dir("moving-a"), *b = in_dir("moving-b");
	const char *dir = in_dir("moving-dir"), *dir2 = in_dir("moving-dir2");
	const char *in = in_dir("moving-dir/in"), *in2 = in_dir("moving-dir2/in");
	struct wfile f, g;

	(void)unlink(in2);
	(void)rmdir(dir2);
	(void)unlink(b);
	make_file(old, 100);
	make_file(gone, 100);
	make_file(a, 100);
	(void)mkdir(dir, 0755);
	make_file(in, 100);

	window_begin();
	/* Renamed while open. */
	do_open(&(struct open_try){ .call = "open", .name = old, .path = old }, &f);
	read_as(&f, old, old);
	if (rename(old, new))
		die("cannot rename");
	read_as(&f, new, new);
	f.path = NULL;
	do_close(&f);
	OPENS(.call = "open", .name = new, .path = new);
	FAILS(ENOENT, .call = "open", .name = old, .path = old);

	/* Its directory renamed while open. */
	do_open(&(struct open_try){ .call = "open", .name = in, .path = in }, &f);
	read_as(&f, in, in);
	if (rename(dir, dir2))
		die("cannot rename");
	read_as(&f, in2, in2);
	f.path = NULL;
	do_close(&f);

	/* Unlinked while open: the name it had is right, and none as well. */
	do_open(&(struct open_try){ .call = "open", .name = gone, .path = gone }, &f);
	(void)unlink(gone);
	f.unlinked = true;
	read_as(&f, gone, NULL);
	f.path = NULL;
	do_close(&f);

	/* The name is used again for another file. */
	do_open(&(struct open_try){ .call = "creat", .name = gone, .mode = 0644, .path = gone },
		&f);
	do_io("write", &f, bytes, 3, 0);
	do_close(&f);

	/* Two names of one file. */
	if (link(a, b))
		die("cannot link");
	do_open(&(struct open_try){ .call = "open", .name = a, .path = a }, &f);
	do_open(&(struct open_try){ .call = "open", .name = b, .path = b, .or_path = a }, &g);
	read_as(&f, a, b);
	read_as(&g, b, a);
	f.path = g.path = NULL;
	do_close(&f);
	do_close(&g);
	(void)unlink(a);
	do_open(&(struct open_try){ .call = "open", .name = b, .path = b }, &g);
	read_as(&g, b, b);
	do_close(&g);
	window_end();
}

/* A mount that was taken away while we are in it: its files have no path from the root. */
static void use_lost_mount(void)
{
	struct wfile f;

	do_open(
		&(struct open_try){
			.call = "open",
			.name = "lost",
			.flags = O_CREAT | O_RDWR,
			.mode = 0600,
			.path = "/lost",
		},
		&f);
	do_io("write", &f, bytes, 7, 0);
	f.path = NULL;
	do_close(&f);
}

static void use_bind_mount(void *arg)
{
	const char *from = in_dir("bind-from"), *to = in_dir("bind-to");
	const char *lost = in_dir("bind-lost");
	const char *inner = in_dir("bind-from/file"), *outer = in_dir("bind-to/file");
	struct wfile f;

	(void)arg;
	(void)mkdir(from, 0755);
	(void)mkdir(to, 0755);
	(void)mkdir(lost, 0755);
	make_file(inner, 100);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(from, to, NULL, MS_BIND, NULL) || mount("none", lost, "tmpfs", 0, NULL) ||
	    chdir(lost) || umount2(lost, MNT_DETACH))
		_exit(77);
	window_begin();
	do_open(
		&(struct open_try){
			.call = "open", .name = outer, .path = outer, .or_path = inner },
		&f);
	read_as(&f, outer, inner);
	f.path = NULL;
	do_close(&f);
	do_open(
		&(struct open_try){
			.call = "open", .name = inner, .path = inner, .or_path = outer },
		&f);
	read_as(&f, inner, outer);
	f.path = NULL;
	do_close(&f);
	use_lost_mount();
	window_end();
}

void work_open_bind(void)
{
	int status = reap(spawn(use_bind_mount, NULL));

	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip("no mount namespace of our own");
	if (status)
		die("a child failed");
}

/* ---- close and sync ---- */

/* The row of a file whose last descriptor goes with the next call. */
static void claim_release(const struct wfile *f)
{
	struct claim c;

	claim_row(&c, "vfs_release");
	claim_file(&c, f);
	claim_bool(&c, "unlinked", f->unlinked);
	claim_end(&c);
}

void work_close_forms(void)
{
	const char *path = in_dir("close");
	struct wfile f, copy, bad = { .fd = 902 }, minus = { .fd = -1 };

	make_file(path, 10);
	window_begin();
	do_open(&(struct open_try){ .call = "open", .name = path, .path = path }, &f);
	claim_release(&f);
	do_close(&f);
	f.fd = 903;
	do_close(&f);
	do_close(&bad);
	do_close(&minus);
	/* Two descriptors of one open file: two closes. */
	do_open(&(struct open_try){ .call = "open", .name = path, .path = path }, &f);
	copy = f;
	copy.fd = dup(f.fd);
	do_close(&f);
	do_io("pread64", &copy, bytes, 10, 0);
	claim_release(&copy);
	do_close(&copy);
	/* dup3 and close_range close too, but not by close(2). */
	do_open(&(struct open_try){ .call = "open", .name = path, .path = path }, &f);
	do_open(&(struct open_try){ .call = "open", .name = path, .path = path }, &copy);
	claim_release(&copy);
	(void)SYS(SYS_dup3, f.fd, copy.fd, 0);
	(void)SYS(436 /* close_range */, copy.fd, copy.fd, 0);
	claim_release(&f);
	do_close(&f);
	window_end();
}

static void do_sync(const char *call, long nr, const struct wfile *f, s64 off, s64 len, int flags)
{
	s64 ret = f ? SYS(nr, f->fd, off, len, flags) : SYS(nr);
	struct claim c;

	claim_row(&c, "vfs_fsync");
	claim_str(&c, "call", call);
	claim_ret(&c, ret);
	if (f) {
		claim_num(&c, "fd", f->fd);
		claim_file(&c, f);
	} else {
		claim_null(&c, "fd");
		claim_null(&c, "ino");
		claim_null(&c, "path");
	}
	if (nr == SYS_sync_file_range) {
		claim_num(&c, "offset", off);
		claim_num(&c, "length", len);
		if (flags == 7)
			claim_str(&c, "sync_flags",
				  "SYNC_FILE_RANGE_WAIT_BEFORE|SYNC_FILE_RANGE_WRITE|"
				  "SYNC_FILE_RANGE_WAIT_AFTER");
	} else {
		claim_null(&c, "offset");
		claim_null(&c, "length");
		claim_null(&c, "sync_flags");
	}
	claim_end(&c);
}

void work_sync_forms(void)
{
	const char *path = in_dir("sync");
	struct wfile f, bad = { .fd = 904 };

	make_file(path, 0);
	wfile_open(&f, path, O_RDWR, 0);
	window_begin();
	for (int i = 0; i < 3; i++) {
		do_io("pwrite64", &f, bytes, sizeof(bytes), (s64)(i * sizeof(bytes)));
		do_sync("fsync", SYS_fsync, &f, 0, 0, 0);
		do_io("pwrite64", &f, bytes, sizeof(bytes), 0);
		do_sync("fdatasync", SYS_fdatasync, &f, 0, 0, 0);
	}
	do_io("pwrite64", &f, bytes, sizeof(bytes), 0);
	do_sync("sync_file_range", SYS_sync_file_range, &f, 0, 4096, 7);
	do_sync("sync_file_range", SYS_sync_file_range, &f, 4096, 0, 2);
	do_sync("sync_file_range", SYS_sync_file_range, &f, -1, 0, 0);
	do_sync("syncfs", SYS_syncfs, &f, 0, 0, 0);
	do_sync("fsync", SYS_fsync, &bad, 0, 0, 0);
	do_sync("fdatasync", SYS_fdatasync, &bad, 0, 0, 0);
	do_sync("sync_file_range", SYS_sync_file_range, &bad, 0, 1, 0);
	if (param_num("all", 1))
		do_sync("sync", SYS_sync, NULL, 0, 0, 0);
	window_end();
}

void work_file_flood(void)
{
	static const char *const events[] = { "vfs_open",  "vfs_write", "vfs_copy",
					      "vfs_fsync", "vfs_close", "vfs_release" };
	const char *path = in_dir("flood");
	u64 nr = param_num("n", 50000);

	make_file(path, PAGE);
	flood_begin();
	for (u64 i = 0; i < nr; i++) {
		int fd = (int)SYS(SYS_openat, AT_FDCWD, path, O_RDWR);
		s64 from = 0, to = 64;

		flood_round(i, nr);
		if (fd < 0 || SYS(SYS_pwrite64, fd, bytes, 64, 0) != 64 ||
		    SYS(SYS_copy_file_range, fd, &from, fd, &to, 64) != 64 || SYS(SYS_fsync, fd) ||
		    SYS(SYS_close, fd))
			die("a call failed");
	}
	flood_end();
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		claim_count(events[i], nr, "");
}

/* ---- more new names than there is room for ---- */

struct names {
	u64 from, to;
	bool make;
};

static void open_names_of(void *arg)
{
	const struct names *n = arg;
	char path[PATH_MAX];
	int fd;

	for (u64 i = n->from; i < n->to; i++) {
		snprintf(path, sizeof(path), "%s/name-%llu", work_dir, (unsigned long long)i);
		fd = (int)SYS(SYS_openat, AT_FDCWD, path, n->make ? O_CREAT | O_WRONLY : O_RDONLY,
			      0644);
		if (fd < 0 || SYS(SYS_close, fd))
			die("cannot open %s", path);
	}
}

static void nothing(void *arg)
{
	(void)arg;
}

/* What becomes of processes is seen all the same. */
void work_open_crowd(void)
{
	u64 nr = param_num("n", 40000), threads = param_num("threads", 3);
	u64 forks = param_num("forks", 300);
	struct worker *workers[8];
	struct names names[8];
	pid_t children[1000];

	if (threads > ARRAY_SIZE(workers) || forks > ARRAY_SIZE(children))
		die("too many threads or children");
	open_names_of(&(struct names){ 0, nr, true });
	window_begin();
	usleep(RING_IS_EMPTY_US);
	for (u64 i = 0; i < threads; i++) {
		names[i] = (struct names){ nr * i / threads, nr * (i + 1) / threads, false };
		workers[i] = worker_start("opener", open_names_of, &names[i]);
	}
	for (u64 i = 0; i < forks; i++)
		children[i] = spawn(nothing, NULL);
	for (u64 i = 0; i < forks; i++)
		reap(children[i]);
	for (u64 i = 0; i < threads; i++)
		worker_join(workers[i]);
	window_end();
}
