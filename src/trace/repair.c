// SPDX-License-Identifier: BSD-2-Clause
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

#include "trace/names.h"
#include "trace/parquet_file.h"
#include "trace/reader.h"

static int cut(int dirfd, const char *name, u64 size)
{
	_cleanup_(closep) int fd = openat(dirfd, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

/* Takes a file in which nothing is complete out of the sight of others' readers. */
static int set_aside(int dirfd, const char *name)
{
	char aside[NAMES_MAX];

	(void)snprintf(aside, sizeof(aside), "%.40s.damaged", name);
	return renameat(dirfd, name, dirfd, aside) < 0 ? -errno : 0;
}

static int repair_part(int dirfd, const char *name, struct trace_repaired *done)
{
	_cleanup_(parquet_file_freep) struct parquet_file *f = NULL;
	int r;

	r = parquet_file_open(dirfd, name, &f, NULL);
	if (r == -EBADMSG) {
		r = set_aside(dirfd, name);
		done->nr_set_aside += r >= 0;
	} else if (r >= 0 && f->is_damaged) {
		r = cut(dirfd, name, f->size);
		done->nr_cut += r >= 0;
	}
	return r;
}

static int repair_event(int tracefd, const char *dir, const char *event,
			struct trace_repaired *done, struct diag *d)
{
	int fd = openat(tracefd, event, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	const struct dirent *e;
	u32 number;
	DIR *list;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	list = fd < 0 ? NULL : fdopendir(fd);
	if (!list) {
		r = diag_errno(d, -errno, "cannot read %s/%s", dir, event);
		closep(&fd);
		return r;
	}
	while (r >= 0 && (e = readdir(list))) {
		r = 0;
		if (names_is_leftover(e->d_name) && unlinkat(fd, e->d_name, 0) < 0)
			r = -errno;
		else if (names_parse_part(e->d_name, &number))
			r = repair_part(fd, e->d_name, done);
		if (r < 0)
			(void)diag_errno(d, r, "cannot repair %s/%s/%s", dir, event, e->d_name);
	}
	(void)closedir(list);
	return MIN(r, 0);
}

int trace_repair(const char *dir, struct trace_repaired *ret, struct diag *d)
{
	_cleanup_(trace_freep) struct trace *t = NULL;
	_cleanup_(closep) int fd = -1;
	int r;

	*ret = (struct trace_repaired){};
	/* Nothing is touched that is no trace. */
	r = trace_open(dir, &t, d);
	if (r < 0)
		return r;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return diag_errno(d, -errno, "cannot open %s", dir);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return diag_err(d, -EBUSY, "%s is being recorded", dir);
	(void)unlinkat(fd, NAMES_MANIFEST_NEW, 0);
	(void)unlinkat(fd, NAMES_RESERVE, 0);
	for (u32 i = 0; i < SN_NR_EVENTS; i++) {
		r = repair_event(fd, dir, schema_event(i)->name, ret, d);
		if (r < 0)
			return r;
	}
	return 0;
}
