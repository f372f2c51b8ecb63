// SPDX-License-Identifier: BSD-2-Clause
/*
 * Calls about names: unlink, mkdir, mknod, symlink, rename, link and their like. With resolved=1
 * claims say where the kernel found that names lead; else what the names themselves say.
 */
#include "sonde-work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#define EXCHANGE 2
#define NOREPLACE 1
#define LONG_NAME 255
#define DEPTH 40

static bool resolved;
static int unnamed; /* a file; -1: the file system has none without a name */

/* A name as it is given, and where it leads: to the last component of it in a directory. */
struct name {
	int dirfd;         /* 0 is AT_FDCWD */
	const char *given; /* NULL: memory that cannot be read */
	/* Of work_dir, "" itself. NULL: the call fails before security modules are asked. */
	const char *dir;
	const char *
		base; /* the working directory, where it is not work_dir: its path before the call */
};

struct entry_try {
	const char *event, *call;
	struct name name, to;
	int flags;
	const char *flags_text;
	int mode; /* of what is made, with its kind for mknod */
	dev_t dev;
	const char *target;
	const char *inode;   /* has the name, or is to have it, or is made: its inode is told */
	const char *to_lost; /* had the new name */
};

static const char *path_in(const char *dir, const char *name)
{
	char *path;

	if (asprintf(&path, "%s%s%s%s%s", work_dir, *dir ? "/" : "", dir, *name ? "/" : "", name) <
	    0)
		die("no memory");
	return path;
}

static const char *last_of(const char *given)
{
	char *copy = strdup(given), *slash;

	if (!copy)
		die("no memory");
	while (*copy && copy[strlen(copy) - 1] == '/')
		copy[strlen(copy) - 1] = '\0';
	slash = strrchr(copy, '/');
	return slash ? slash + 1 : copy;
}

static const char *prefixed(const char *prefix, const char *key)
{
	static char name[32];

	(void)snprintf(name, sizeof(name), "%s%s", prefix, key);
	return name;
}

static void claim_dev(struct claim *c, const char *key, dev_t dev)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%u:%u", major(dev), minor(dev));
	claim_str(c, key, text);
}

static void claim_dir(struct claim *c, const char *prefix, const struct stat *st)
{
	if (!st) {
		claim_null(c, prefixed(prefix, "dir_ino"));
		claim_null(c, prefixed(prefix, "dir_dev"));
		claim_null(c, prefixed(prefix, "dir_gen"));
		return;
	}
	claim_num(c, prefixed(prefix, "dir_ino"), (s64)st->st_ino);
	claim_dev(c, prefixed(prefix, "dir_dev"), st->st_dev);
}

static void claim_path(struct claim *c, const char *prefix, const char *path, const char *known)
{
	claim_str(c, prefixed(prefix, "path"), path);
	claim_str(c, prefixed(prefix, "path_known"), known);
}

/* Where a directory's descriptor leads. */
static const char *path_of_fd(int fd)
{
	static char path[PAGE];
	char link[32];
	ssize_t len;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return NULL;
	path[len] = '\0';
	return path;
}

/* Of a name that the kernel was not seen to look up. */
static void claim_as_given(struct claim *c, const char *prefix, const struct name *n)
{
	const char *base = n->base ? n->base : n->dirfd ? path_of_fd(n->dirfd) : work_dir;
	char joined[2 * PAGE];
	struct stat st;

	if (n->given && *n->given == '/') {
		claim_dir(c, prefix, NULL);
		claim_path(c, prefix, n->given, "given");
	} else if (n->given && *n->given && base && !stat(n->base ? "." : base, &st)) {
		claim_dir(c, prefix, &st);
		(void)snprintf(joined, sizeof(joined), "%s/%s", base, n->given);
		claim_path(c, prefix, joined, "joined");
	} else {
		claim_dir(c, prefix, NULL);
		claim_path(c, prefix, NULL, "unknown");
	}
}

/* followed: it may be a link to the file, which is told by its inode alone. */
static void claim_name(struct claim *c, const char *prefix, const struct name *n, bool followed)
{
	struct stat st;

	if (n->given && *n->given)
		claim_str(c, prefixed(prefix, "name"), n->given);
	else
		claim_null(c, prefixed(prefix, "name"));
	if (!followed)
		claim_bool(c, prefixed(prefix, "in_dir"), resolved && n->dir);
	if (!resolved || !n->dir || followed) {
		claim_as_given(c, prefix, n);
		return;
	}
	if (stat(path_in(n->dir, ""), &st))
		die("no %s", n->dir);
	claim_dir(c, prefix, &st);
	claim_path(c, prefix, path_in(n->dir, last_of(n->given)), "exact");
}

static void claim_inode(struct claim *c, const char *ino, const struct stat *st)
{
	if (st)
		claim_num(c, ino, (s64)st->st_ino);
	else
		claim_null(c, ino);
}

static int fd_of(const struct name *n)
{
	return n->dirfd ?: AT_FDCWD;
}

static const char *text_of(const char *given)
{
	return given ? given : (const char *)8;
}

static s64 call_it(const struct entry_try *t)
{
	const char *name = text_of(t->name.given), *to = text_of(t->to.given);
	int fd = fd_of(&t->name), to_fd = fd_of(&t->to);

#define IS(what) (!strcmp(t->call, what))
#ifdef SYS_unlink
	if (IS("unlink"))
		return SYS(SYS_unlink, name);
	if (IS("rmdir"))
		return SYS(SYS_rmdir, name);
	if (IS("mkdir"))
		return SYS(SYS_mkdir, name, t->mode);
	if (IS("mknod"))
		return SYS(SYS_mknod, name, t->mode, t->dev);
	if (IS("symlink"))
		return SYS(SYS_symlink, text_of(t->target), name);
	if (IS("rename"))
		return SYS(SYS_rename, name, to);
	if (IS("link"))
		return SYS(SYS_link, name, to);
#endif
	if (IS("unlinkat"))
		return SYS(SYS_unlinkat, fd, name, t->flags);
	if (IS("mkdirat"))
		return SYS(SYS_mkdirat, fd, name, t->mode);
	if (IS("mknodat"))
		return SYS(SYS_mknodat, fd, name, t->mode, t->dev);
	if (IS("symlinkat"))
		return SYS(SYS_symlinkat, text_of(t->target), fd, name);
	if (IS("renameat"))
		return SYS(SYS_renameat, fd, name, to_fd, to);
	if (IS("renameat2"))
		return SYS(SYS_renameat2, fd, name, to_fd, to, t->flags);
	if (IS("linkat"))
		return SYS(SYS_linkat, fd, name, to_fd, to, t->flags);
	die("no call %s", t->call);
}

static bool is_event(const struct entry_try *t, const char *name)
{
	return !strcmp(t->event, name);
}

static void claim_more(struct claim *c, const struct entry_try *t)
{
	mode_t type = t->mode & S_IFMT;
	char mode[8];

	(void)snprintf(mode, sizeof(mode), "0%03o", t->mode & 07777);
	if (is_event(t, "vfs_mkdir") || is_event(t, "vfs_mknod"))
		claim_str(c, "mode", mode);
	else if (!is_event(t, "vfs_symlink"))
		claim_str(c, is_event(t, "vfs_rename") ? "rename_flags" : "at_flags",
			  t->flags_text ? t->flags_text : "");
	if (is_event(t, "vfs_symlink"))
		claim_str(c, "target", t->target && *t->target ? t->target : NULL);
	if (is_event(t, "vfs_mknod")) {
		if (type == S_IFCHR || type == S_IFBLK)
			claim_dev(c, "rdev", t->dev);
		else
			claim_null(c, "rdev");
	}
}

static int look(const struct entry_try *t, struct stat *ret)
{
	return t->flags & (AT_SYMLINK_FOLLOW | AT_EMPTY_PATH) ? stat(t->inode, ret)
							      : lstat(t->inode, ret);
}

static void do_entry(const struct entry_try *t)
{
	bool links = is_event(t, "vfs_link"), renames = is_event(t, "vfs_rename"), known, lost;
	struct stat before, lost_before;
	struct claim c;
	s64 ret;

	known = t->inode && !look(t, &before);
	lost = t->to_lost && !lstat(t->to_lost, &lost_before);
	ret = call_it(t);
	if (t->inode && !known)
		known = !look(t, &before);
	claim_row(&c, t->event);
	claim_str(&c, "call", t->call);
	claim_str(&c, "origin", "user");
	claim_ret(&c, ret);
	claim_str(&c, "tag", (links || renames ? t->to.dir : t->name.dir) ? "found" : "given");
	claim_name(&c, "", &t->name, links);
	known = known && resolved;
	claim_inode(&c, "ino", known ? &before : NULL);
	if (known)
		claim_dev(&c, "dev", before.st_dev);
	else
		claim_null(&c, "dev");
	if (is_event(t, "vfs_mknod"))
		claim_str(&c, "file_type", file_type(t->mode & S_IFMT ? t->mode : S_IFREG));
	else
		claim_str(&c, "file_type", known ? file_type(before.st_mode) : NULL);
	claim_more(&c, t);
	if (links || renames)
		claim_name(&c, "to_", &t->to, false);
	if (renames)
		claim_inode(&c, "to_ino", lost && resolved ? &lost_before : NULL);
	claim_end(&c);
}

#define TRY(...) do_entry(&(struct entry_try){ __VA_ARGS__ })
#define NAME(text, ...) .name = { .given = (text), ##__VA_ARGS__ }
#define TO(text, ...) .to = { .given = (text), ##__VA_ARGS__ }
#define UNLINK(call_, ...) TRY(.event = "vfs_unlink", .call = call_, __VA_ARGS__)
#define MKDIR(call_, ...) TRY(.event = "vfs_mkdir", .call = call_, __VA_ARGS__)
#define MKNOD(call_, ...) TRY(.event = "vfs_mknod", .call = call_, __VA_ARGS__)
#define SYMLINK(call_, ...) TRY(.event = "vfs_symlink", .call = call_, __VA_ARGS__)
#define RENAME(call_, ...) TRY(.event = "vfs_rename", .call = call_, __VA_ARGS__)
#define LINK(call_, ...) TRY(.event = "vfs_link", .call = call_, __VA_ARGS__)

/* What the calls of the oldest kind are called here. */
#ifdef SYS_unlink
#define OLD(call, newer) call
#else
#define OLD(call, newer) newer
#endif

static void made_and_removed(int d)
{
	/* Relative, through a descriptor, absolute, by a link to a directory, with slashes behind. */
	MKDIR(OLD("mkdir", "mkdirat"), NAME("new1", .dir = ""), .mode = 0755,
	      .inode = in_dir("new1"));
	MKDIR("mkdirat", NAME("new2", .dirfd = d, .dir = "d"), .mode = 0700,
	      .inode = in_dir("d/new2"));
	MKDIR("mkdirat", NAME(in_dir("d/new3//"), .dir = "d"), .mode = 01777,
	      .inode = in_dir("d/new3"));
	MKDIR("mkdirat", NAME("to-d/../d/new4/", .dir = "d"), .mode = 0755,
	      .inode = in_dir("d/new4"));
	/* A link of /proc leads out of it. */
	MKDIR("mkdirat", NAME("/proc/self/cwd/new5", .dir = ""), .mode = 0755,
	      .inode = in_dir("new5"));
	MKNOD(OLD("mknod", "mknodat"), NAME("fifo", .dir = ""), .mode = S_IFIFO | 0640,
	      .inode = in_dir("fifo"));
	MKNOD("mknodat", NAME("file", .dirfd = d, .dir = "d"), .mode = 0600,
	      .inode = in_dir("d/file"));
	MKNOD("mknodat", NAME("to-d/null", .dir = "d"), .mode = S_IFCHR | 0600,
	      .dev = makedev(1, 3), .inode = in_dir("d/null"));
	MKNOD("mknodat", NAME("to-d/disk", .dir = "d"), .mode = S_IFBLK | 0600,
	      .dev = makedev(259, 0x12345), .inode = in_dir("d/disk"));
	SYMLINK(OLD("symlink", "symlinkat"), NAME("link", .dir = ""), .target = "a -> b, \"c\"\n",
		.inode = in_dir("link"));
	SYMLINK("symlinkat", NAME("link", .dirfd = d, .dir = "d"), .target = "/nowhere",
		.inode = in_dir("d/link"));

	UNLINK(OLD("unlink", "unlinkat"), NAME("fifo", .dir = ""), .inode = in_dir("fifo"));
	UNLINK("unlinkat", NAME("link", .dirfd = d, .dir = "d"), .inode = in_dir("d/link"));
	UNLINK("unlinkat", NAME("to-d/null", .dir = "d"), .inode = in_dir("d/null"));
	UNLINK("unlinkat", NAME(in_dir("to-d/disk"), .dir = "d"), .inode = in_dir("d/disk"));
	UNLINK(OLD("rmdir", "unlinkat"), NAME("new1", .dir = ""), .inode = in_dir("new1"),
	       .flags = OLD(0, AT_REMOVEDIR), .flags_text = OLD("", "AT_REMOVEDIR"));
	UNLINK("unlinkat", NAME("new2/", .dirfd = d, .dir = "d"), .flags = AT_REMOVEDIR,
	       .flags_text = "AT_REMOVEDIR", .inode = in_dir("d/new2"));
}

/* The old name's last component need not be the file's: the file is known by its inode alone. */
static void link_followed(int d)
{
	char name[32];
	int fd = (int)SYS(SYS_dup, unnamed);

	LINK("linkat", NAME("to-uno"), TO("drei", .dirfd = d, .dir = "d"),
	     .flags = AT_SYMLINK_FOLLOW, .flags_text = "AT_SYMLINK_FOLLOW", .inode = in_dir("uno"));
	/* Directories, which the kernel refuses behind what it asks security modules. */
	LINK("linkat", NAME("."), TO("dir", .dir = ""), .inode = in_dir("."));
	LINK("linkat", NAME("to-d/"), TO("dir", .dir = ""), .inode = in_dir("d"));
	LINK("linkat", NAME("/"), TO("dir"));
	if (fd < 0)
		return;
	/* Without a name at all; by a link of /proc to it, and by its descriptor. */
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	LINK("linkat", NAME(strdup(name)), TO("vier", .dir = ""), .flags = AT_SYMLINK_FOLLOW,
	     .flags_text = "AT_SYMLINK_FOLLOW", .inode = name);
	LINK("linkat", NAME("", .dirfd = fd), TO("sechs", .dir = ""), .flags = AT_EMPTY_PATH,
	     .flags_text = "AT_EMPTY_PATH", .inode = name);
}

/* The directory that the names begin at is itself what is renamed. */
static void rename_base(void)
{
	if (SYS(SYS_chdir, "base"))
		die("no base");
	RENAME("renameat", NAME("../base", .dir = "", .base = in_dir("base")),
	       TO("../moved-base", .dir = "", .base = in_dir("base")), .inode = in_dir("base"));
	if (SYS(SYS_chdir, ".."))
		die("no way back");
}

static void renamed_and_linked(int d)
{
	RENAME(OLD("rename", "renameat"), NAME("one", .dir = ""), TO("uno", .dir = ""),
	       .inode = in_dir("one"));
	RENAME("renameat", NAME("three", .dirfd = d, .dir = "d"), TO("to-d/tres", .dir = "d"),
	       .inode = in_dir("d/three"));
	/* Onto one that is lost, and in its place. */
	RENAME("renameat2", NAME(in_dir("two"), .dir = ""), TO("tres", .dirfd = d, .dir = "d"),
	       .inode = in_dir("two"), .to_lost = in_dir("d/tres"));
	RENAME("renameat2", NAME("uno", .dir = ""), TO("d/tres", .dir = "d"), .flags = EXCHANGE,
	       .flags_text = "RENAME_EXCHANGE", .inode = in_dir("uno"),
	       .to_lost = in_dir("d/tres"));
	RENAME("renameat2", NAME("d/new3", .dir = "d"), TO("moved/", .dir = ""), .flags = NOREPLACE,
	       .flags_text = "RENAME_NOREPLACE", .inode = in_dir("d/new3"));
	RENAME("renameat2", NAME("uno", .dir = ""), TO("uno", .dir = ""), .inode = in_dir("uno"),
	       .to_lost = in_dir("uno"));
	/* A link is not followed, unless that is asked for. */
	SYMLINK("symlinkat", NAME("to-uno", .dir = ""), .target = "uno", .inode = in_dir("to-uno"));
	LINK(OLD("link", "linkat"), NAME("uno", .dir = ""), TO("eins", .dir = ""),
	     .inode = in_dir("uno"));
	LINK("linkat", NAME("to-uno", .dir = ""), TO("zwei", .dirfd = d, .dir = "d"),
	     .inode = in_dir("to-uno"));
	link_followed(d);
	/* Two names of one file: both stay. */
	RENAME("renameat", NAME("eins", .dir = ""), TO("uno", .dir = ""), .inode = in_dir("eins"),
	       .to_lost = in_dir("uno"));
	rename_base();
	RENAME("renameat", NAME("to-uno", .dir = ""), TO("to-eins", .dir = ""),
	       .inode = in_dir("to-uno"));
}

/* Each fails in another way: before the kernel has looked, and behind. */
static void failures(int d)
{
	char longest[LONG_NAME + 2];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	UNLINK("unlinkat", NAME("nothing"));
	UNLINK("unlinkat", NAME(""));
	UNLINK("unlinkat", NAME(NULL));
	UNLINK("unlinkat", NAME(longest));
	UNLINK("unlinkat", NAME("uno/below"));
	UNLINK("unlinkat", NAME("x", .dirfd = 900));
	UNLINK("unlinkat", NAME("uno"), .flags = 1, .flags_text = "0x1");
	UNLINK("unlinkat", NAME("d", .dir = ""), .inode = in_dir("d"));
	UNLINK("unlinkat", NAME("uno", .dir = ""), .flags = AT_REMOVEDIR,
	       .flags_text = "AT_REMOVEDIR", .inode = in_dir("uno"));
	UNLINK(OLD("rmdir", "unlinkat"), NAME("d", .dir = ""), .inode = in_dir("d"),
	       .flags = OLD(0, AT_REMOVEDIR), .flags_text = OLD("", "AT_REMOVEDIR"));
	UNLINK("unlinkat", NAME("uno/"));
	MKDIR("mkdirat", NAME("d"), .mode = 0755);
	MKDIR("mkdirat", NAME("nothing/below"), .mode = 0755);
	MKNOD("mknodat", NAME("uno"), .mode = S_IFIFO | 0600);
	SYMLINK("symlinkat", NAME("uno"), .target = "x");
	SYMLINK("symlinkat", NAME("empty"), .target = "");
	SYMLINK("symlinkat", NAME("empty"), .target = NULL);
	RENAME("renameat", NAME("nothing"), TO("else"));
	RENAME("renameat", NAME("uno", .dir = ""), TO("d", .dir = ""), .inode = in_dir("uno"),
	       .to_lost = in_dir("d"));
	RENAME("renameat", NAME("d"), TO("d/below"));
	RENAME("renameat", NAME("uno"), TO(NULL));
	RENAME("renameat2", NAME("uno"), TO("eins"), .flags = NOREPLACE,
	       .flags_text = "RENAME_NOREPLACE");
	RENAME("renameat2", NAME("uno"), TO("eins"), .flags = 0x10, .flags_text = "0x10");
	RENAME("renameat", NAME("x", .dirfd = d), TO("x", .dirfd = 900));
	LINK("linkat", NAME("d", .dir = ""), TO("dir", .dir = ""), .inode = in_dir("d"));
	LINK("linkat", NAME("uno"), TO("eins"));
	LINK("linkat", NAME("nothing"), TO("nil"), .flags = AT_SYMLINK_FOLLOW,
	     .flags_text = "AT_SYMLINK_FOLLOW");
}

/* Names that others would split or cut. */
static void odd_names(int d, const char *deep)
{
	static const char *const odd[] = { "a -> b", "line\nend", "\"quoted\", 'so'", "comma,tab\t",
					   "\xc3\xa4\xe2\x82\xac" };
	char longest[LONG_NAME + 1];

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		MKNOD("mknodat", NAME(odd[i], .dirfd = d, .dir = "d"), .mode = 0600,
		      .inode = path_in("d", odd[i]));
		RENAME("renameat", NAME(odd[i], .dirfd = d, .dir = "d"), TO(odd[i], .dir = ""),
		       .inode = path_in("d", odd[i]));
		UNLINK("unlinkat", NAME(in_dir(odd[i]), .dir = ""), .inode = in_dir(odd[i]));
	}
	memset(longest, 'n', LONG_NAME);
	longest[LONG_NAME] = '\0';
	MKDIR("mkdirat", NAME(longest, .dir = ""), .mode = 0755, .inode = in_dir(longest));
	MKDIR("mkdirat", NAME(path_in(longest, longest), .dir = strdup(longest)), .mode = 0755,
	      .inode = path_in(longest, longest));
	RENAME("renameat", NAME(path_in(longest, longest), .dir = strdup(longest)),
	       TO("short", .dir = ""), .inode = path_in(longest, longest));
	MKNOD("mknodat", NAME(path_in(deep, "bottom"), .dir = deep), .mode = 0600,
	      .inode = path_in(deep, "bottom"));
	RENAME("renameat", NAME(path_in(deep, "bottom"), .dir = deep), TO("top", .dir = ""),
	       .inode = path_in(deep, "bottom"));
}

void work_entry_forms(void)
{
	char deep[2 * DEPTH] = "";
	int d;

	resolved = param_num("resolved", 0);
	if (chdir(work_dir) || mkdir("d", 0755) || mkdir("base", 0755) || symlink("d", "to-d"))
		die("cannot make what is needed");
	d = open("d", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < DEPTH; i++) {
		strcat(deep, i ? "/e" : "e");
		if (mkdir(deep, 0755))
			die("cannot make %s", deep);
	}
	unnamed = open(".", O_TMPFILE | O_RDWR, 0600);
	make_file(in_dir("one"), 10);
	make_file(in_dir("two"), 20);
	make_file(in_dir("d/three"), 30);
	umask(0);
	window_begin();
	made_and_removed(d);
	renamed_and_linked(d);
	failures(d);
	odd_names(d, deep);
	window_end();
}

void work_entry_pseudo(void)
{
	int proc = open("/proc", O_RDONLY | O_DIRECTORY),
	    sysfs = open("/sys", O_RDONLY | O_DIRECTORY);

	if (proc < 0 || sysfs < 0 || chdir(work_dir))
		die("there is no /proc or /sys");
	window_begin();
	UNLINK("unlinkat", NAME("/proc/none/below"));
	UNLINK("unlinkat", NAME("none/below", .dirfd = proc), .flags = AT_REMOVEDIR,
	       .flags_text = "AT_REMOVEDIR");
	MKDIR("mkdirat", NAME("/sys/none/below"), .mode = 0755);
	MKNOD("mknodat", NAME("none/below", .dirfd = sysfs), .mode = S_IFIFO | 0600);
	SYMLINK("symlinkat", NAME("/sys/none/below"), .target = "file");
	RENAME("renameat", NAME("/proc/none/below"), TO("/proc/none/above"));
	RENAME("renameat", NAME("file"), TO("none/above", .dirfd = proc));
	LINK("linkat", NAME("file"), TO("/sys/none/below"));
	/* Found by the kernel, and refused; made and removed. */
	if (param_num("found", 0)) {
		(void)SYS(SYS_unlinkat, proc, "self/status", 0);
		(void)SYS(SYS_unlinkat, AT_FDCWD, "/proc/self/status", 0);
		(void)SYS(SYS_renameat, proc, "uptime", proc, "loadavg");
		(void)SYS(SYS_mkdirat, sysfs, "fs/cgroup/sonde-entry", 0755);
		(void)SYS(SYS_unlinkat, sysfs, "fs/cgroup/sonde-entry", AT_REMOVEDIR);
	}
	window_end();
}

void work_entry_flood(void)
{
	static const struct {
		const char *event;
		u64 each;
	} events[] = { { "vfs_mkdir", 1 },  { "vfs_mknod", 1 }, { "vfs_symlink", 1 },
		       { "vfs_rename", 2 }, { "vfs_link", 1 },  { "vfs_unlink", 4 } };
	u64 nr = param_num("n", 5000);

	if (chdir(work_dir))
		die("no directory");
	flood_begin();
	for (u64 i = 0; i < nr; i++) {
		flood_round(i, nr);
		if (SYS(SYS_mkdirat, AT_FDCWD, "d", 0755) ||
		    SYS(SYS_mknodat, AT_FDCWD, "f", 0600, 0) ||
		    SYS(SYS_symlinkat, "f", AT_FDCWD, "l") ||
		    SYS(SYS_linkat, AT_FDCWD, "f", AT_FDCWD, "g", 0) ||
		    SYS(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "d/g", 0) ||
		    SYS(SYS_renameat2, AT_FDCWD, "d/g", AT_FDCWD, "h", 0) ||
		    SYS(SYS_unlinkat, AT_FDCWD, "h", 0) || SYS(SYS_unlinkat, AT_FDCWD, "f", 0) ||
		    SYS(SYS_unlinkat, AT_FDCWD, "l", 0) ||
		    SYS(SYS_unlinkat, AT_FDCWD, "d", AT_REMOVEDIR))
			die("a call failed");
	}
	flood_end();
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		claim_count(events[i].event, nr * events[i].each, "");
}
