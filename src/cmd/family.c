// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/family.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "enrich/procfs.h"

/* "PID (comm) STATE ...": false if the process is gone. */
static bool read_member(int proc, const char *pid, struct family_member *ret)
{
	_cleanup_(buf_done) struct buf text = {};
	const char *open, *close, *digits = pid;
	struct procfs_stat stat;
	char path[32];
	u64 number;

	if (!procfs_number(&digits, &number) || *digits)
		return false;
	(void)snprintf(path, sizeof(path), "%.20s/stat", pid);
	if (procfs_read(proc, path, 4096, &text) < 0 ||
	    procfs_parse_stat(text.data, text.len, &stat) < 0)
		return false;
	open = strchr(text.data, '(');
	close = strrchr(text.data, ')');
	*ret = (struct family_member){
		.pid = (pid_t)number,
		.parent = (pid_t)stat.ppid,
		.is_fork = stat.is_fork,
	};
	if (open && close && close > open) {
		memcpy(ret->comm, open + 1, MIN((size_t)(close - open - 1), sizeof(ret->comm) - 1));
		for (char *p = ret->comm; *p; p++) /* a terminal is not told what a name says */
			*p = (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p;
		ret->is_zombie = close[1] == ' ' && close[2] == 'Z';
	}
	return true;
}

static int by_pid(const void *a, const void *b)
{
	const struct family_member *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static struct family_member *find(const struct family *f, pid_t pid)
{
	struct family_member key = { .pid = pid };

	return f->nr ? bsearch(&key, f->v, f->nr, sizeof(*f->v), by_pid) : NULL;
}

static int read_all(struct family *f)
{
	DIR *proc = opendir("/proc");
	const struct dirent *e;
	struct family_member m, *more;
	u32 room = 0;

	while (proc && (e = readdir(proc))) {
		if (!read_member(dirfd(proc), e->d_name, &m))
			continue;
		if (f->nr == room) {
			room = room * 2 + 64;
			more = reallocarray(f->v, room, sizeof(*more));
			if (!more) {
				(void)closedir(proc);
				return -ENOMEM;
			}
			f->v = more;
		}
		f->v[f->nr++] = m;
	}
	if (proc)
		(void)closedir(proc);
	if (f->nr)
		qsort(f->v, f->nr, sizeof(*f->v), by_pid);
	return 0;
}

/* A chain of parents longer than there are processes is one that changed while it was read. */
static bool descends(const struct family *all, const struct family_member *m, pid_t from)
{
	for (u32 i = 0; m && i < all->nr; i++) {
		if (m->parent == from)
			return true;
		m = find(all, m->parent);
	}
	return false;
}

int family_read(struct family *f)
{
	struct family all = {};
	int r = read_all(&all);

	*f = (struct family){};
	if (r == 0 && all.nr) {
		f->v = calloc(all.nr, sizeof(*f->v));
		r = f->v ? 0 : -ENOMEM;
	}
	for (u32 i = 0; r == 0 && i < all.nr; i++)
		if (descends(&all, &all.v[i], getpid()))
			f->v[f->nr++] = all.v[i];
	free(all.v);
	return r;
}

void family_done(struct family *f)
{
	free(f->v);
	*f = (struct family){};
}

bool family_has(const struct family *f, pid_t pid)
{
	return find(f, pid);
}
