// SPDX-License-Identifier: BSD-2-Clause
/* Looks through /proc. Opens no file that others hold, and asks no server behind one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "enrich/procfs.h"
#include "enrich/state.h"

/* Types of file handles, linux/exportfs.h; xfs adds a bit where inode numbers are wide. */
#define HANDLE_INO32_GEN 0x01
#define HANDLE_INO64_GEN_XFS 0x81
#define HANDLE_BTRFS 0x4d

#define MAX_PATH 4096u
#define DELETED " (deleted)"

static void closedirp(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static DIR *open_dir(int at_fd, const char *path)
{
	int fd = openat(at_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !dir)
		(void)close(fd);
	return dir;
}

/* The next entry whose name is a number; false at the end. */
static bool next_number(DIR *dir, u32 *ret)
{
	struct dirent *d;
	const char *p;
	u64 nr;

	while ((d = readdir(dir))) {
		p = d->d_name;
		if (procfs_number(&p, &nr) && !*p && nr <= UINT32_MAX) {
			*ret = (u32)nr;
			return true;
		}
	}
	return false;
}

/* The id of the version 2 cgroup that a process is in, and what its path is; 0 if unknown. */
static u64 scan_cgroup(struct enrich *e, u32 pid)
{
	const char *path;
	struct stat st;
	char *end;

	if (e->cgroups.mount_fd < 0 || live_read_file(e, pid, 0, "cgroup", MAX_PROC_FILE) < 0)
		return 0;
	/* The last line, if there is one of version 2. */
	path = !strncmp(e->scratch.data, "0::/", 4) ? e->scratch.data
						    : strstr(e->scratch.data, "\n0::/");
	if (!path)
		return 0;
	path = strchr(path, '/');
	end = strchr(path, '\n');
	if (end)
		*end = '\0';
	if (fstatat(e->cgroups.mount_fd, path[1] ? path + 1 : ".", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    cgroup_learn(&e->cgroups, st.st_ino, path, strlen(path)) < 0)
		return 0;
	return st.st_ino;
}

static int scan_thread(struct enrich *e, u32 pid, u32 tid, u64 cgroup, u64 now_ns)
{
	struct procfs_stat stat;
	struct thread *t;
	int r;

	r = live_read_file(e, pid, tid, "stat", 4096);
	if (r < 0)
		return r;
	r = procfs_parse_stat(e->scratch.data, e->scratch.len, &stat);
	if (r < 0)
		return r;
	t = task_get(&e->tasks, pid, tid, now_ns);
	if (!t)
		return -ENOMEM;
	if (t->settled)
		return 0; /* records told it, or an earlier look */
	t->since_ns = live_start_ns(stat.start_ticks);
	t->proc->ppid = stat.ppid;
	t->proc->has_ppid = true;
	t->proc->is_kthread = stat.is_kthread;
	if (!t->cgroup)
		t->cgroup = cgroup;
	live_read_task(e, t);
	t->settled = true;
	return 0;
}

int enrich_scan_proc(struct enrich *e)
{
	_cleanup_(closedirp) DIR *procs = e->asks_tasks ? open_dir(e->proc_fd, ".") : NULL;
	u64 cgroup, now_ns = live_now_ns();
	u32 pid, tid;
	int nr = 0;

	if (!procs)
		return e->asks_tasks ? -errno : -EOPNOTSUPP;
	while (next_number(procs, &pid)) {
		_cleanup_(closedirp) DIR *threads = NULL;
		char path[32];

		(void)snprintf(path, sizeof(path), "%u/task", pid);
		threads = open_dir(e->proc_fd, path);
		cgroup = threads ? scan_cgroup(e, pid) : 0;
		while (threads && next_number(threads, &tid)) {
			nr += scan_thread(e, pid, tid, cgroup, now_ns) == 0;
			enrich_make_room(e);
		}
	}
	return nr;
}

struct mount {
	u32 id, dev;
	bool is_local; /* of a file system that answers by itself, at once */
};

struct mounts {
	struct mount *all; /* by id */
	size_t nr, cap;
};

static void mounts_done(struct mounts *ms)
{
	free(ms->all);
}

static int compare_mounts(const void *a, const void *b)
{
	u32 x = ((const struct mount *)a)->id, y = ((const struct mount *)b)->id;

	return (x > y) - (x < y);
}

static const struct mount *find_mount(const struct mounts *ms, u32 id)
{
	struct mount key = { .id = id };

	return ms->nr ? bsearch(&key, ms->all, ms->nr, sizeof(key), compare_mounts) : NULL;
}

static bool is_local(const char *fs_type)
{
	static const char *const types[] = { "ext2",  "ext3", "ext4",  "xfs",
					     "btrfs", "f2fs", "tmpfs", "devtmpfs" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(types[i], fs_type))
			return true;
	return false;
}

/* Adds the mounts that a process sees. */
static void add_mounts(struct enrich *e, struct mounts *ms, u32 pid)
{
	size_t known = ms->nr, cap;
	struct procfs_mount m;
	struct mount *all;
	char *next;

	if (live_read_file(e, pid, 0, "mountinfo", MAX_PROC_FILE) < 0)
		return;
	next = e->scratch.data;
	while (procfs_next_mount(&next, &m)) {
		if (known && bsearch(&(struct mount){ .id = m.id }, ms->all, known,
				     sizeof(*ms->all), compare_mounts))
			continue;
		if (ms->nr == ms->cap) {
			cap = ms->cap ? ms->cap * 2 : 64;
			all = realloc(ms->all, cap * sizeof(*all));
			if (!all)
				break;
			ms->all = all;
			ms->cap = cap;
		}
		ms->all[ms->nr++] = (struct mount){ m.id, m.dev, is_local(m.fs_type) };
	}
	if (ms->nr)
		qsort(ms->all, ms->nr, sizeof(*ms->all), compare_mounts);
}

/* The number behind a line's name in a file like /proc/PID/fdinfo/FD. */
static bool find_number(const char *text, const char *name, u64 *ret)
{
	const char *p = text;
	size_t len = strlen(name);

	while (p && strncmp(p, name, len)) {
		p = strchr(p, '\n');
		p = p ? p + 1 : NULL;
	}
	if (!p)
		return false;
	p += len;
	p += strspn(p, " \t");
	return procfs_number(&p, ret);
}

/*
 * The generation of an inode number, from the file's handle: asking for that does
 * not open the file, which could break a lease or wake a watcher. 0 if unknown.
 */
static u32 generation(int proc_fd, const char *path, u64 ino)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .handle = { .handle_bytes = MAX_HANDLE_SZ } };
	u32 bytes, w[3], gen = 0;
	u64 ino64;
	int mount_id;

	if (name_to_handle_at(proc_fd, path, &u.handle, &mount_id, AT_SYMLINK_FOLLOW) < 0)
		return 0;
	bytes = u.handle.handle_bytes;
	memcpy(w, u.handle.f_handle, sizeof(w));
	memcpy(&ino64, u.handle.f_handle, sizeof(ino64));
	switch (u.handle.handle_type) {
	case HANDLE_INO32_GEN:
		if (bytes == 8 && w[0] == (u32)ino) /* most file systems */
			return w[1];
		if (bytes == 12 && w[1] == (u32)ino) /* tmpfs */
			return w[0];
		return 0;
	case HANDLE_INO64_GEN_XFS:
		return bytes >= 12 && ino64 == ino ? w[2] : 0;
	case HANDLE_BTRFS:
		if (bytes >= 20 && ino64 == ino)
			memcpy(&gen, u.handle.f_handle + 16, sizeof(gen));
		return gen;
	default:
		return 0;
	}
}

/* Cuts the kernel's note off the name of a deleted file; true if it was one. */
static bool cut_deleted(char *name, size_t *len, const struct stat *st)
{
	size_t note = strlen(DELETED);
	struct stat other;

	if (*len <= note || memcmp(name + *len - note, DELETED, note))
		return false;
	/* A file may be called that. */
	if (st && !lstat(name, &other) && other.st_ino == st->st_ino && other.st_dev == st->st_dev)
		return false;
	*len -= note;
	return true;
}

struct file_scan {
	struct enrich *e;
	struct mounts mounts;
	bool has_mounts_of_pid;
	int nr;
};

/* One descriptor, if it is of a file with a path. */
static void scan_fd(struct file_scan *s, u32 pid, u32 fd)
{
	char path[64], name[MAX_PATH];
	const struct mount *mount;
	struct path_key key;
	struct path *known;
	u64 mount_id, ino = 0;
	struct stat st;
	bool is_unlinked, has_stat;
	size_t len;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%u/fd/%u", pid, fd);
	n = readlinkat(s->e->proc_fd, path, name, sizeof(name) - 1);
	if (n <= 0 || n == sizeof(name) - 1 || name[0] != '/')
		return;
	len = (size_t)n;
	name[len] = '\0';

	(void)snprintf(path, sizeof(path), "fdinfo/%u", fd);
	if (live_read_file(s->e, pid, 0, path, 4096) < 0 ||
	    !find_number(s->e->scratch.data, "mnt_id:", &mount_id))
		return;
	(void)find_number(s->e->scratch.data, "ino:", &ino); /* since Linux 5.14 */
	mount = find_mount(&s->mounts, (u32)mount_id);
	if (!mount && !s->has_mounts_of_pid) {
		add_mounts(s->e, &s->mounts, pid);
		s->has_mounts_of_pid = true;
		mount = find_mount(&s->mounts, (u32)mount_id);
	}
	if (!mount)
		return; /* one of the kernel's own, like that of memfd_create(2) */

	(void)snprintf(path, sizeof(path), "%u/fd/%u", pid, fd);
	has_stat = mount->is_local && !fstatat(s->e->proc_fd, path, &st, 0);
	if (!ino && has_stat)
		ino = st.st_ino;
	if (!ino)
		return;
	key = (struct path_key){ .ino = ino, .dev = mount->dev };
	if (has_stat)
		key.gen = generation(s->e->proc_fd, path, ino);
	is_unlinked = cut_deleted(name, &len, has_stat ? &st : NULL);
	known = path_find(&s->e->paths, &key);
	if (known && known->name)
		return;
	s->nr += path_learn(&s->e->paths, &key, name, len,
			    is_unlinked ? SN_KNOWN_unlinked : SN_KNOWN_snapshot, false) == 0;
	enrich_make_room(s->e);
}

static void scan_files_of(struct file_scan *s, u32 pid)
{
	_cleanup_(closedirp) DIR *fds = NULL;
	char path[32];
	u32 fd;

	(void)snprintf(path, sizeof(path), "%u/fd", pid);
	fds = open_dir(s->e->proc_fd, path);
	s->has_mounts_of_pid = false;
	while (fds && next_number(fds, &fd))
		scan_fd(s, pid, fd);
}

int enrich_scan_files(struct enrich *e, const u32 *pids, size_t nr_pids)
{
	struct file_scan s = { .e = e };
	_cleanup_(closedirp) DIR *procs = NULL;
	u32 pid;

	if (e->proc_fd < 0)
		return -EOPNOTSUPP;
	if (!pids) {
		procs = open_dir(e->proc_fd, ".");
		if (!procs)
			return -errno;
	}
	add_mounts(e, &s.mounts, (u32)getpid());
	for (size_t i = 0; pids && i < nr_pids; i++)
		scan_files_of(&s, pids[i]);
	while (procs && next_number(procs, &pid))
		scan_files_of(&s, pid);
	mounts_done(&s.mounts);
	return s.nr;
}
