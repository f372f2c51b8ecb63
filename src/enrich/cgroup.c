// SPDX-License-Identifier: BSD-2-Clause
#include "enrich/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/macro.h"

#define FIRST_BUCKETS 256u
#define ROOT_ID 1u /* of the root of every hierarchy */

/* An id that was not found is asked for again after this; the tree is walked more seldom. */
#define RETRY_NS 5000000000ull
#define WALK_NS 10000000000ull
#define MAX_WALK_DEPTH 32u
/* A directory takes about 15 us: a walk while records flow must not keep them waiting long. */
#define MAX_REWALK_DIRS 4096u

/* Type of a handle of kernfs: the node's id, 8 bytes; linux/exportfs.h. */
#define FILEID_KERNFS 0xfe

int cgroup_init(struct cgroups *cs, struct intern *pool, u32 max)
{
	*cs = (struct cgroups){
		.pool = pool,
		.max = max,
		.nr_buckets = FIRST_BUCKETS,
		.mount_fd = -1,
		.buckets = calloc(FIRST_BUCKETS, sizeof(struct cgroup *)),
	};
	TAILQ_INIT(&cs->all);
	if (!cs->buckets)
		return -ENOMEM;
	return cgroup_learn(cs, ROOT_ID, "/", 1);
}

static struct cgroup **bucket(const struct cgroups *cs, u64 id)
{
	return &cs->buckets[hash_u64(id) & (cs->nr_buckets - 1)];
}

static void forget(struct cgroups *cs, struct cgroup *c)
{
	struct cgroup **at = bucket(cs, c->id);

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (cs->last == c)
		cs->last = NULL;
	TAILQ_REMOVE(&cs->all, c, age);
	intern_put(cs->pool, c->path);
	intern_put(cs->pool, c->container);
	free(c);
	cs->nr--;
}

void cgroup_done(struct cgroups *cs)
{
	if (cs->buckets)
		while (!TAILQ_EMPTY(&cs->all))
			forget(cs, TAILQ_FIRST(&cs->all));
	free(cs->buckets);
	free(cs->mount_point);
	closep(&cs->mount_fd);
	*cs = (struct cgroups){ .mount_fd = -1 };
}

static struct cgroup *look_up(const struct cgroups *cs, u64 id)
{
	struct cgroup *c = *bucket(cs, id);

	while (c && c->id != id)
		c = c->next;
	return c;
}

static void drop_one(struct cgroups *cs)
{
	struct cgroup *c;

	while ((c = TAILQ_FIRST(&cs->all)) && c->used) {
		c->used = false;
		TAILQ_REMOVE(&cs->all, c, age);
		TAILQ_INSERT_TAIL(&cs->all, c, age);
	}
	if (!c)
		return;
	cs->dropped += !!c->path;
	forget(cs, c);
}

static void grow(struct cgroups *cs)
{
	u32 nr = cs->nr_buckets * 2;
	struct cgroup **buckets = calloc(nr, sizeof(*buckets)), *c;

	if (!buckets)
		return; /* slower, and still right */
	free(cs->buckets);
	cs->buckets = buckets;
	cs->nr_buckets = nr;
	for (c = TAILQ_FIRST(&cs->all); c; c = TAILQ_NEXT(c, age)) {
		c->next = *bucket(cs, c->id);
		*bucket(cs, c->id) = c;
	}
}

/* The entry of this id, made if there is none; NULL when memory is short. */
static struct cgroup *get(struct cgroups *cs, u64 id)
{
	struct cgroup *c = look_up(cs, id);

	if (c)
		return c;
	if (cs->nr >= cs->max)
		drop_one(cs);
	if (cs->nr >= cs->nr_buckets)
		grow(cs);
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->id = id;
	c->used = true;
	c->next = *bucket(cs, id);
	*bucket(cs, id) = c;
	TAILQ_INSERT_TAIL(&cs->all, c, age);
	cs->nr++;
	return c;
}

int cgroup_learn(struct cgroups *cs, u64 id, const char *path, size_t len)
{
	const struct istr *s;
	struct cgroup *c;

	s = intern(cs->pool, path, len);
	if (!s)
		return -ENOMEM;
	c = get(cs, id);
	if (!c || c->path == s) {
		intern_put(cs->pool, s);
		return c ? 0 : -ENOMEM;
	}
	intern_put(cs->pool, c->path);
	intern_put(cs->pool, c->container);
	c->path = s;
	c->container = cgroup_container_name(cs->pool, path, len);
	return 0;
}

/* Learns the path of the open directory from its place below the mount point. */
static int learn_fd(struct cgroups *cs, u64 id, int fd)
{
	size_t skip = strcmp(cs->mount_point, "/") ? strlen(cs->mount_point) : 0;
	char link[40], path[4096];
	const char *below = path + skip;
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	/* Outside of the mounted part of the tree, or deleted meanwhile. */
	if ((size_t)n < skip || memcmp(path, cs->mount_point, skip) || access(path, F_OK))
		return -ENOENT;
	if (*below == '\0')
		below = "/";
	if (*below != '/')
		return -ENOENT;
	return cgroup_learn(cs, id, below, strlen(below));
}

static int ask_by_handle(struct cgroups *cs, u64 id)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + sizeof(id)];
	} u = { .handle = { .handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS } };
	_cleanup_(closep) int fd = -1;

	memcpy(u.handle.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(cs->mount_fd, &u.handle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return learn_fd(cs, id, fd);
}

struct walk {
	struct buf path;
	u32 nr_dirs, max_dirs;
};

/*
 * Learns every directory below dir_fd, which is closed; its path is that of the
 * walk. A directory entry's inode number is the cgroup's id.
 */
static int walk_dir(struct cgroups *cs, struct walk *w, int dir_fd, u32 depth)
{
	DIR *dir = fdopendir(dir_fd);
	size_t len = w->path.len;
	struct dirent *d;
	int fd, r = 0;

	if (!dir) {
		r = -errno;
		(void)close(dir_fd);
		return r;
	}
	while (r == 0 && (d = readdir(dir))) {
		if (d->d_type != DT_DIR || !strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		if (++w->nr_dirs > w->max_dirs)
			break;
		w->path.len = len;
		buf_putc(&w->path, '/');
		buf_puts(&w->path, d->d_name);
		r = w->path.failed ? -ENOMEM
				   : cgroup_learn(cs, d->d_ino, w->path.data, w->path.len);
		fd = r || depth == MAX_WALK_DEPTH
			     ? -1
			     : openat(dirfd(dir), d->d_name,
				      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			r = walk_dir(cs, w, fd, depth + 1);
	}
	(void)closedir(dir);
	return r;
}

static int walk(struct cgroups *cs, u32 max_dirs)
{
	struct walk w = { .max_dirs = max_dirs };
	int fd = openat(cs->mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = walk_dir(cs, &w, fd, 0);
	buf_done(&w.path);
	return r;
}

int cgroup_attach(struct cgroups *cs, const char *mount_point)
{
	_cleanup_(closep) int fd = open(mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(freep) char *copy = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	copy = strdup(mount_point);
	if (!copy)
		return -ENOMEM;
	cs->mount_point = TAKE_PTR(copy);
	cs->mount_fd = TAKE_FD(fd);
	/* The mounted part's own root: not 1 in a container. */
	(void)cgroup_learn(cs, st.st_ino, "/", 1);
	cs->handles_work = ask_by_handle(cs, st.st_ino) == 0;
	return walk(cs, cs->max);
}

static void ask(struct cgroups *cs, u64 id, u64 now_ns)
{
	int r = -ENOENT;

	cs->asked++;
	if (cs->handles_work) {
		r = ask_by_handle(cs, id);
	} else if (now_ns >= cs->next_walk_ns) {
		cs->next_walk_ns = now_ns + WALK_NS;
		(void)walk(cs, MIN(cs->max, MAX_REWALK_DIRS));
		r = look_up(cs, id) ? 0 : -ENOENT;
	}
	cs->answered += r == 0;
}

struct cgroup *cgroup_find_slow(struct cgroups *cs, u64 id, u64 now_ns)
{
	struct cgroup *c = look_up(cs, id);

	if (!c || (!c->path && now_ns >= c->retry_ns)) {
		if (cs->mount_fd < 0 || !id)
			return c;
		ask(cs, id, now_ns);
		c = get(cs, id);
		if (!c)
			return NULL;
		c->retry_ns = now_ns + RETRY_NS;
	}
	c->used = true;
	cs->last = c;
	return c;
}
