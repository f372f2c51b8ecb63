// SPDX-License-Identifier: BSD-2-Clause
#include "trace/trace_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/thread.h"
#include "schema/schema.h"
#include "trace/names.h"

/* A manifest has some 20 KB; the first part of lost/ takes less than that. */
#define RESERVE_BYTES (64 << 10)

void trace_dir_init(struct trace_dir *t)
{
	*t = (struct trace_dir){ .fd = -1 };
}

static void join_thread(struct trace_dir *t)
{
	if (t->has_thread)
		(void)pthread_join(t->thread, NULL);
	t->has_thread = false;
}

void trace_dir_done(struct trace_dir *t)
{
	join_thread(t);
	closep(&t->fd);
	free(t->name);
	trace_dir_init(t);
}

static DIR *list_of(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);

	if (!list)
		closep(&copy);
	return list;
}

/* The next name, "." and ".." left out; NULL at the end. */
static const char *next_name(DIR *list)
{
	const struct dirent *e;

	while ((e = readdir(list)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			return e->d_name;
	return NULL;
}

static bool is_empty(int fd)
{
	DIR *list = list_of(fd);
	bool empty = list && !next_name(list);

	if (list)
		(void)closedir(list);
	return empty;
}

static void make_reserve(int dirfd)
{
	_cleanup_(closep) int fd = openat(
		dirfd, NAMES_RESERVE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	/* A file system that cannot keep room has none in reserve. */
	if (fd >= 0 && fallocate(fd, 0, 0, RESERVE_BYTES) < 0)
		(void)unlinkat(dirfd, NAMES_RESERVE, 0);
}

/* Others see nothing of a trace unless its owner lets them: it tells what everybody did. */
int trace_dir_make(struct trace_dir *t, const char *name, struct diag *d)
{
	_cleanup_(closep) int fd = -1;
	bool is_new = mkdir(name, 0700) == 0;

	if (!is_new && errno != EEXIST)
		return diag_errno(d, -errno, "cannot make the directory %s", name);
	fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOTDIR)
		return diag_err(d, -EEXIST, "%s exists and is no directory", name);
	if (fd < 0)
		return diag_errno(d, -errno, "cannot open the directory %s", name);
	/* Held until the trace is closed: repairing it meanwhile would cut what is being written. */
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return diag_err(d, -EEXIST, "%s exists and is being written by another sonde",
				name);
	if (!is_new && !is_empty(fd))
		return diag_err(d, -EEXIST, "%s exists and is not empty", name);
	t->name = strdup(name);
	if (!t->name)
		return -ENOMEM;
	t->fd = TAKE_FD(fd);
	t->is_new = is_new;
	make_reserve(t->fd);
	return 0;
}

void trace_dir_free_reserve(struct trace_dir *t)
{
	(void)unlinkat(t->fd, NAMES_RESERVE, 0);
}

static int write_manifest(int dirfd, const char *json, size_t len)
{
	_cleanup_(closep) int fd = -1;
	int r;

	fd = openat(dirfd, NAMES_MANIFEST_NEW,
		    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	r = io_write_all(fd, json, len);
	if (r < 0)
		return r;
	if (fsync(fd) < 0 || renameat(dirfd, NAMES_MANIFEST_NEW, dirfd, NAMES_MANIFEST) < 0)
		return -errno;
	return 0;
}

static int replace_manifest(int dirfd, const char *json, size_t len)
{
	int r = write_manifest(dirfd, json, len);

	if (r)
		(void)unlinkat(dirfd, NAMES_MANIFEST_NEW, 0);
	return r;
}

struct manifest_job {
	int dirfd;
	size_t len;
	char json[];
};

static void *run_job(void *arg)
{
	struct manifest_job *job = arg;

	(void)replace_manifest(job->dirfd, job->json, job->len);
	free(job);
	return NULL;
}

void trace_dir_manifest_behind(struct trace_dir *t, const char *json, size_t len)
{
	struct manifest_job *job;

	if (t->has_thread && pthread_tryjoin_np(t->thread, NULL))
		return;
	t->has_thread = false;
	job = malloc(sizeof(*job) + len);
	if (!job)
		return;
	job->dirfd = t->fd;
	job->len = len;
	memcpy(job->json, json, len);
	t->has_thread = thread_start(&t->thread, "sonde-manifest", run_job, job) == 0;
	if (!t->has_thread)
		free(job);
}

int trace_dir_manifest(struct trace_dir *t, const char *json, size_t len, struct diag *d)
{
	int r;

	join_thread(t);
	r = replace_manifest(t->fd, json, len);
	if (r == 0)
		return 0;
	return diag_errno(d, r, "cannot write %s/%s", t->name, NAMES_MANIFEST);
}

/* What is done with each file and folder; a folder's own files come before it. */
typedef void (*entry_fn)(int dirfd, const char *name, bool is_dir, const void *ctx);

static void walk(int dirfd, bool is_top, entry_fn fn, const void *ctx)
{
	DIR *list = list_of(dirfd);
	const char *name;

	if (!list)
		return;
	while ((name = next_name(list))) {
		_cleanup_(closep) int fd = -1;

		if (is_top)
			fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			walk(fd, false, fn, ctx);
		fn(dirfd, name, fd >= 0, ctx);
	}
	(void)closedir(list);
}

struct owner {
	uid_t uid;
	gid_t gid;
};

static void give_one(int dirfd, const char *name, bool is_dir, const void *ctx)
{
	const struct owner *to = ctx;

	(void)is_dir;
	(void)fchownat(dirfd, name, to->uid, to->gid, AT_SYMLINK_NOFOLLOW);
}

/* The directory itself last: until then nobody else can put anything into it. */
void trace_dir_give(struct trace_dir *t, uid_t uid, gid_t gid)
{
	struct owner to = { uid, gid };

	if (!t->is_new)
		return;
	join_thread(t);
	walk(t->fd, true, give_one, &to);
	(void)fchown(t->fd, uid, gid);
}

static bool is_ours(const char *name, bool is_dir)
{
	u32 number;

	if (is_dir)
		return schema_by_name(name, strlen(name));
	return names_parse_part(name, &number) || names_is_leftover(name) ||
	       !strcmp(name, NAMES_MANIFEST);
}

static void remove_one(int dirfd, const char *name, bool is_dir, const void *ctx)
{
	(void)ctx;
	if (is_ours(name, is_dir))
		(void)unlinkat(dirfd, name, is_dir ? AT_REMOVEDIR : 0);
}

void trace_dir_remove(struct trace_dir *t)
{
	join_thread(t);
	walk(t->fd, true, remove_one, NULL);
	if (t->is_new)
		(void)rmdir(t->name);
}
