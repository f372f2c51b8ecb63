// SPDX-License-Identifier: BSD-2-Clause
/*
 * Calls about one file, by a descriptor or by a name: stat, chmod, chown, utimes, truncate, fallocate,
 * getdents, chdir and their like. With resolved=1 claims say where the kernel found that names lead.
 */
#include "sonde-work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

static bool resolved;

/* Looked at before the window: to look is itself one of these calls. */
static struct known {
	const char *path;
	struct stat st;
} stats[8];

static void look_at(const char *path)
{
	struct known *k = stats;

	while (k->path)
		k++;
	k->path = path;
	if (lstat(path, &k->st))
		die("no %s", path);
}

static const struct stat *stat_of(const char *path)
{
	for (const struct known *k = stats; path && k->path; k++)
		if (!strcmp(k->path, path))
			return &k->st;
	return NULL;
}

struct attr_try {
	const char *event, *call;
	int fd;            /* of the file, or where the name begins; 0 is AT_FDCWD */
	const char *given; /* NULL: by the descriptor */
	bool unreadable;   /* the name */
	/* What a name is found to lead to, absolute; NULL: the call fails before security modules are asked. */
	const char *leads;
	bool always; /* that is known even where they are not seen */
	int flags;
	const char *flags_text;
	bool has_flags;
	long a, b;        /* what is asked for: see call_it() */
	const char *mask; /* of statx */
	bool null_name;   /* by the descriptor, with NULL for a name */
	bool unlinked;
	bool empty_name; /* with an empty one */
};

static char buffer[4096];

static s64 by_name(const struct attr_try *t, const char *name)
{
	int fd = t->fd ?: AT_FDCWD;

#define IS(what) (!strcmp(t->call, what))
#ifdef SYS_stat
	if (IS("stat"))
		return SYS(SYS_stat, name, buffer);
	if (IS("lstat"))
		return SYS(SYS_lstat, name, buffer);
	if (IS("chmod"))
		return SYS(SYS_chmod, name, t->a);
	if (IS("chown"))
		return SYS(SYS_chown, name, t->a, t->b);
	if (IS("lchown"))
		return SYS(SYS_lchown, name, t->a, t->b);
	if (IS("utime"))
		return SYS(SYS_utime, name, NULL);
	if (IS("utimes"))
		return SYS(SYS_utimes, name, NULL);
	if (IS("futimesat"))
		return SYS(SYS_futimesat, fd, name, NULL);
#endif
	if (IS("newfstatat"))
		return SYS(SYS_newfstatat, fd, name, buffer, t->flags);
	if (IS("statx"))
		return SYS(SYS_statx, fd, name, t->flags, t->a, buffer);
	if (IS("fchmodat"))
		return SYS(SYS_fchmodat, fd, name, t->a);
	if (IS("fchownat"))
		return SYS(SYS_fchownat, fd, name, t->a, t->b, t->flags);
	if (IS("utimensat"))
		return SYS(SYS_utimensat, fd, name, NULL, t->flags);
	if (IS("truncate"))
		return SYS(SYS_truncate, name, t->a);
	if (IS("chdir"))
		return SYS(SYS_chdir, name);
	die("no call %s by name", t->call);
}

static s64 call_it(const struct attr_try *t)
{
	if (t->given || t->unreadable)
		return by_name(t, t->unreadable ? (const char *)8 : t->given);
	if (t->null_name || t->empty_name)
		return by_name(t, t->empty_name ? "" : NULL);
	if (IS("fstat"))
		return SYS(SYS_fstat, t->fd, buffer);
	if (IS("fchmod"))
		return SYS(SYS_fchmod, t->fd, t->a);
	if (IS("fchown"))
		return SYS(SYS_fchown, t->fd, t->a, t->b);
	if (IS("ftruncate"))
		return SYS(SYS_ftruncate, t->fd, t->a);
	if (IS("fallocate"))
		return SYS(SYS_fallocate, t->fd, t->flags, t->a, t->b);
	if (IS("getdents64"))
		return SYS(SYS_getdents64, t->fd, buffer, t->a);
#ifdef SYS_getdents
	if (IS("getdents"))
		return SYS(SYS_getdents, t->fd, buffer, t->a);
#endif
	if (IS("fchdir"))
		return SYS(SYS_fchdir, t->fd);
	die("no call %s by descriptor", t->call);
}

/* Where a directory's descriptor leads, or the working directory. */
static const char *path_of_fd(int fd)
{
	static char path[PAGE];
	char link[32] = "/proc/self/cwd";
	ssize_t len;

	if (fd)
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return NULL;
	path[len] = '\0';
	if (len > 10 && !strcmp(path + len - 10, " (deleted)"))
		path[len - 10] = '\0';
	return path;
}

static void claim_dev(struct claim *c, const char *key, dev_t dev)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%u:%u", major(dev), minor(dev));
	claim_str(c, key, text);
}

static const char *kind_of(mode_t mode)
{
	return S_ISDIR(mode) ? "directory" : S_ISLNK(mode) ? "symlink" : "regular";
}

/* The file is known: st; NULL, it is not. */
static void claim_inode(struct claim *c, const struct stat *st)
{
	if (!st) {
		claim_null(c, "ino");
		claim_null(c, "dev");
		claim_null(c, "gen");
		claim_null(c, "file_type");
		return;
	}
	claim_num(c, "ino", (s64)st->st_ino);
	claim_dev(c, "dev", st->st_dev);
	claim_str(c, "file_type", kind_of(st->st_mode));
}

static void claim_where(struct claim *c, const char *path, const char *known)
{
	claim_str(c, "path", path);
	claim_str(c, "path_known", known);
}

static void claim_no_dir(struct claim *c)
{
	claim_null(c, "dir_ino");
	claim_null(c, "dir_dev");
	claim_null(c, "dir_gen");
}

/* base: where relative names began. */
static void claim_as_given(struct claim *c, const struct attr_try *t, const char *base)
{
	const struct stat *st = stat_of(base);
	char joined[2 * PAGE];

	claim_inode(c, NULL);
	claim_null(c, "fd");
	claim_str(c, "name", t->given && *t->given ? t->given : NULL);
	if (t->given && *t->given == '/') {
		claim_no_dir(c);
		claim_where(c, t->given, "given");
	} else if (t->given && *t->given && st) {
		claim_num(c, "dir_ino", (s64)st->st_ino);
		claim_dev(c, "dir_dev", st->st_dev);
		(void)snprintf(joined, sizeof(joined), "%s/%s", base, t->given);
		claim_where(c, joined, "joined");
	} else {
		claim_no_dir(c);
		claim_where(c, NULL, "unknown");
	}
}

static bool is_event(const struct attr_try *t, const char *name)
{
	return !strcmp(t->event, name);
}

static void claim_file_of(struct claim *c, const struct attr_try *t, const char *base)
{
	bool by_fd = !t->given && !t->unreadable;
	const char *path = t->leads;

	if (!by_fd && !(t->leads && (resolved || t->always))) {
		claim_as_given(c, t, base);
		return;
	}
	if (by_fd)
		path = path_of_fd(t->fd);
	if (!is_event(t, "vfs_fallocate") &&
	    !is_event(t, "vfs_readdir")) { /* by a descriptor alone */
		claim_null(c, "name");
		claim_no_dir(c);
	}
	if (by_fd)
		claim_num(c, "fd", t->fd ?: AT_FDCWD);
	else
		claim_null(c, "fd");
	claim_inode(c, stat_of(path));
	claim_where(c, path, t->unlinked ? "unlinked" : path ? "exact" : "unknown");
}

static void claim_asked(struct claim *c, const struct attr_try *t, s64 pos)
{
	bool owners = strstr(t->call, "chown");
	char mode[16];

	if (is_event(t, "vfs_getattr") || is_event(t, "vfs_setattr"))
		claim_str(c, "at_flags",
			  t->has_flags ? (t->flags_text ? t->flags_text : "") : NULL);
	if (is_event(t, "vfs_getattr"))
		claim_str(c, "statx_mask", IS("statx") ? t->mask : NULL);
	if (is_event(t, "vfs_setattr")) {
		(void)snprintf(mode, sizeof(mode), "0%03lo", t->a);
		claim_str(c, "mode", strstr(t->call, "chmod") ? mode : NULL);
		if (owners) {
			claim_num(c, "to_uid", t->a & 0xffffffff);
			claim_num(c, "to_gid", t->b & 0xffffffff);
		} else {
			claim_null(c, "to_uid");
			claim_null(c, "to_gid");
		}
	}
	if (is_event(t, "vfs_truncate"))
		claim_num(c, "length", t->a);
	if (is_event(t, "vfs_fallocate")) {
		claim_str(c, "falloc_flags", t->flags_text ? t->flags_text : "");
		claim_num(c, "offset", t->a);
		claim_num(c, "length", t->b);
	}
	if (is_event(t, "vfs_readdir")) {
		claim_num(c, "requested_bytes", t->a);
		if (pos >= 0)
			claim_num(c, "offset", pos);
		else
			claim_null(c, "offset");
	}
}

static void do_attr(const struct attr_try *t)
{
	char *base =
		path_of_fd(t->given ? t->fd : 0) ? strdup(path_of_fd(t->given ? t->fd : 0)) : NULL;
	s64 pos = t->fd ? SYS(SYS_lseek, t->fd, 0, SEEK_CUR) : -1, ret;
	struct claim c;

	ret = call_it(t);
	claim_row(&c, t->event);
	claim_str(&c, "call", t->call);
	claim_str(&c, "origin", "user");
	claim_ret(&c, ret);
	claim_str(&c, "tag",
		  (t->given || t->unreadable) && !t->leads ? "given"
		  : t->given && !t->always                 ? "found"
							   : "known");
	claim_file_of(&c, t, base);
	claim_bool(&c, "unlinked", t->unlinked);
	claim_asked(&c, t, pos);
	claim_end(&c);
	free(base);
}

#define TRY(...) do_attr(&(struct attr_try){ __VA_ARGS__ })
#define GETATTR(call_, ...) TRY(.event = "vfs_getattr", .call = call_, __VA_ARGS__)
#define SETATTR(call_, ...) TRY(.event = "vfs_setattr", .call = call_, __VA_ARGS__)
#define TRUNCATE(call_, ...) TRY(.event = "vfs_truncate", .call = call_, __VA_ARGS__)
#define FALLOCATE(...) TRY(.event = "vfs_fallocate", .call = "fallocate", __VA_ARGS__)
#define READDIR(call_, ...) TRY(.event = "vfs_readdir", .call = call_, __VA_ARGS__)
#define CHDIR(call_, ...) TRY(.event = "vfs_chdir", .call = call_, __VA_ARGS__)
#define FLAGS(value, text) .has_flags = true, .flags = (value), .flags_text = (text)
#define NO_FLAGS FLAGS(0, "")
#define EMPTY FLAGS(AT_EMPTY_PATH, "AT_EMPTY_PATH"), .empty_name = true

static void getattrs(int d, int file, int gone, int to_file)
{
#ifdef SYS_stat
	GETATTR("stat", .given = "file", .leads = in_dir("file"));
	GETATTR("stat", .given = in_dir("to-d/../file"), .leads = in_dir("file"));
	GETATTR("stat", .given = "to-file", .leads = in_dir("file"));
	GETATTR("lstat", .given = "to-file", .leads = in_dir("to-file"));
	GETATTR("stat", .given = "to-d/", .leads = in_dir("d"));
	GETATTR("stat", .given = "loop");
#endif
	GETATTR("fstat", .fd = file);
	GETATTR("fstat", .fd = 900);
	GETATTR("newfstatat", .given = "inside", .fd = d, .leads = in_dir("d/inside"), NO_FLAGS);
	GETATTR("newfstatat", .given = "to-file", .leads = in_dir("to-file"),
		FLAGS(AT_SYMLINK_NOFOLLOW, "AT_SYMLINK_NOFOLLOW"));
	GETATTR("newfstatat", .given = ".", .leads = work_dir, NO_FLAGS);
	GETATTR("newfstatat", .fd = file, EMPTY);
	GETATTR("newfstatat", .fd = d, EMPTY);
	GETATTR("newfstatat", .given = "file", .leads = in_dir("file"),
		FLAGS(AT_EMPTY_PATH, "AT_EMPTY_PATH"));
	GETATTR("statx", .given = "file", .leads = in_dir("file"), NO_FLAGS, .a = 0x7ff,
		.mask = "STATX_TYPE|STATX_MODE|STATX_NLINK|STATX_UID|STATX_GID|STATX_ATIME|STATX_MTIME|STATX_CTIME|"
			"STATX_INO|STATX_SIZE|STATX_BLOCKS");
	GETATTR("newfstatat", EMPTY);
	GETATTR("fstat", .fd = AT_FDCWD);
	GETATTR("fstat", .fd = gone, .unlinked = true);
	GETATTR("fstat", .fd = to_file);
	GETATTR("statx", .fd = file, EMPTY, .a = 0x200, .mask = "STATX_SIZE");
	GETATTR("newfstatat", .given = "none", NO_FLAGS);
	GETATTR("newfstatat", .given = "file/below", NO_FLAGS);
	GETATTR("newfstatat", .given = "inside", .fd = 900, NO_FLAGS);
	GETATTR("newfstatat", .given = "", NO_FLAGS);
	GETATTR("newfstatat", .unreadable = true, NO_FLAGS);
	GETATTR("newfstatat", .given = "file", FLAGS(1, "0x1"));
}

static void setattrs(int d, int file)
{
#ifdef SYS_chmod
	SETATTR("chmod", .given = "to-file", .leads = in_dir("file"), .a = 0640);
	SETATTR("chown", .given = "to-file", .leads = in_dir("file"), .a = 0, .b = -1);
	SETATTR("lchown", .given = "to-file", .leads = in_dir("to-file"), .a = -1, .b = 0);
	SETATTR("utime", .given = "file");
	SETATTR("utimes", .given = in_dir("file"));
	SETATTR("futimesat", .given = "inside", .fd = d);
#endif
	SETATTR("fchmod", .fd = file, .a = 04711);
	SETATTR("fchmod", .fd = 900, .a = 0600);
	SETATTR("fchmod", .fd = AT_FDCWD, .a = 0600);
	SETATTR("fchmodat", .given = "inside", .fd = d, .leads = in_dir("d/inside"), .a = 0600);
	SETATTR("fchmodat", .given = "none", .a = 0600);
	SETATTR("fchown", .fd = file, .a = 0, .b = 0);
	SETATTR("fchownat", .given = "to-file", .leads = in_dir("to-file"), .a = 0, .b = 0,
		FLAGS(AT_SYMLINK_NOFOLLOW, "AT_SYMLINK_NOFOLLOW"));
	SETATTR("fchownat", .fd = d, EMPTY, .a = 0, .b = 0);
	SETATTR("fchownat", .given = "none/below", .a = 1, .b = 2, NO_FLAGS);
	SETATTR("utimensat", .given = "inside", .fd = d, NO_FLAGS);
	SETATTR("utimensat", .fd = file, .null_name = true, NO_FLAGS);
	SETATTR("utimensat", .given = "none", NO_FLAGS);
}

static void sizes(int d, int file)
{
	TRUNCATE("truncate", .given = "to-file", .leads = in_dir("file"), .a = 12345);
	TRUNCATE("truncate", .given = in_dir("file"), .leads = in_dir("file"), .a = (5l << 30) + 1);
	TRUNCATE("truncate", .given = "file", .a = -1);
	TRUNCATE("truncate", .given = "none", .a = 0);
	TRUNCATE("truncate", .given = "d", .a = 0);
	TRUNCATE("ftruncate", .fd = file, .a = 100);
	TRUNCATE("ftruncate", .fd = d, .a = 100);
	TRUNCATE("ftruncate", .fd = 900, .a = 100);
	FALLOCATE(.fd = file, .a = 0, .b = 8192);
	FALLOCATE(.fd = file, .a = 8192, .b = 4096, .flags = 1,
		  .flags_text = "FALLOC_FL_KEEP_SIZE");
	FALLOCATE(.fd = file, .a = 4096, .b = 4096, .flags = 3,
		  .flags_text = "FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE");
	FALLOCATE(.fd = file, .a = -1, .b = 1);
	FALLOCATE(.fd = file, .a = 0, .b = 1, .flags = 0x1000, .flags_text = "0x1000");
	FALLOCATE(.fd = d, .a = 0, .b = 1);
	FALLOCATE(.fd = 900, .a = 0, .b = 1);
}

static void directories(int d, int file)
{
	READDIR("getdents64", .fd = d, .a = sizeof(buffer));
	READDIR("getdents64", .fd = d, .a = sizeof(buffer));
	(void)SYS(SYS_lseek, d, 0, SEEK_SET);
	READDIR("getdents64", .fd = d, .a = 1);
#ifdef SYS_getdents
	READDIR("getdents", .fd = d, .a = 64);
	READDIR("getdents", .fd = d, .a = sizeof(buffer));
#endif
	READDIR("getdents64", .fd = file, .a = sizeof(buffer));
	READDIR("getdents64", .fd = 900, .a = sizeof(buffer));
	READDIR("getdents64", .fd = AT_FDCWD, .a = sizeof(buffer));
	CHDIR("chdir", .given = "to-d", .leads = in_dir("d"), .always = true);
	CHDIR("chdir", .given = "..", .leads = work_dir, .always = true);
	CHDIR("fchdir", .fd = d);
	CHDIR("chdir", .given = in_dir("to-d/.."), .leads = work_dir, .always = true);
	CHDIR("chdir", .given = "none");
	CHDIR("chdir", .given = "file");
	CHDIR("fchdir", .fd = file);
	CHDIR("fchdir", .fd = 900);
}

static volatile bool is_done;

static void wait_for_end(void *arg)
{
	while (!is_done)
		usleep(1000);
}

/* Where a successful chdir led is not certain while another thread may call it, too. */
static void directory_of_two(void)
{
	struct worker *w = worker_start(NULL, wait_for_end, NULL);

	CHDIR("chdir", .given = in_dir("d"));
	CHDIR("chdir", .given = work_dir);
	is_done = true;
	worker_join(w);
}

void work_attr_forms(void)
{
	int d, file, gone, to_file;

	resolved = param_num("resolved", 0);
	if (chdir(work_dir) || mkdir("d", 0755) || symlink("d", "to-d") ||
	    symlink("file", "to-file") || symlink("loop", "loop"))
		die("cannot make what is needed");
	make_file(in_dir("file"), 100);
	make_file(in_dir("d/inside"), 100);
	d = open("d", O_RDONLY | O_DIRECTORY);
	file = open("file", O_RDWR);
	to_file = open("to-file", O_PATH | O_NOFOLLOW);
	make_file(in_dir("gone"), 10);
	gone = open("gone", O_RDONLY);
	look_at(in_dir("gone"));
	if (unlink("gone"))
		die("cannot unlink");
	look_at(work_dir);
	look_at(in_dir("d"));
	look_at(in_dir("d/inside"));
	look_at(in_dir("file"));
	look_at(in_dir("to-file"));
	window_begin();
	getattrs(d, file, gone, to_file);
	setattrs(d, file);
	sizes(d, file);
	directories(d, file);
	directory_of_two();
	window_end();
}

/* Where nothing is a file. With found=1 also what succeeds, which is not claimed. */
void work_attr_pseudo(void)
{
	int proc = open("/proc", O_RDONLY | O_DIRECTORY);

	if (proc < 0 || chdir(work_dir))
		die("there is no /proc");
	window_begin();
	GETATTR("newfstatat", .given = "/proc/none", NO_FLAGS);
	SETATTR("fchmodat", .given = "/sys/none", .a = 0600);
	TRUNCATE("truncate", .given = "/proc/none", .a = 0);
	CHDIR("chdir", .given = "/sys/none");
	if (param_num("found", 0)) {
		(void)SYS(SYS_fstat, proc, buffer);
		(void)SYS(SYS_newfstatat, proc, "self", buffer, 0);
		(void)SYS(SYS_newfstatat, AT_FDCWD, "/proc/self/status", buffer, 0);
		(void)SYS(SYS_getdents64, proc, buffer, sizeof(buffer));
		(void)SYS(SYS_fallocate, proc, 0, 0, 1);
		(void)SYS(SYS_chdir, "/proc");
		(void)SYS(SYS_newfstatat, AT_FDCWD, "self", buffer, 0);
	}
	window_end();
}

void work_attr_flood(void)
{
	static const char *const events[] = { "vfs_getattr",   "vfs_setattr", "vfs_truncate",
					      "vfs_fallocate", "vfs_readdir", "vfs_chdir" };
	u64 nr = param_num("n", 5000);
	int d, file;

	if (chdir(work_dir))
		die("no directory");
	make_file(in_dir("flood"), 100);
	file = open("flood", O_RDWR);
	d = open(".", O_RDONLY | O_DIRECTORY);
	flood_begin();
	for (u64 i = 0; i < nr; i++) {
		flood_round(i, nr);
		if (SYS(SYS_newfstatat, AT_FDCWD, "flood", buffer, 0) ||
		    SYS(SYS_fchmodat, AT_FDCWD, "flood", 0600) ||
		    SYS(SYS_ftruncate, file, i % 100) || SYS(SYS_fallocate, file, 0, 0, 100) ||
		    SYS(SYS_getdents64, d, buffer, sizeof(buffer)) < 0 || SYS(SYS_fchdir, d))
			die("a call failed");
	}
	flood_end();
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		claim_count(events[i], nr, "");
}
