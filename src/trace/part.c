// SPDX-License-Identifier: BSD-2-Clause
#include "trace/part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/io.h"
#include "trace/names.h"

struct part_name {
	char text[128];
};

static struct part_name part_name(const struct part *p, bool is_new)
{
	const char *event = p->ev->name;
	struct part_name name;

	if (is_new)
		(void)snprintf(name.text, sizeof(name.text), "%s/" NAMES_PART_NEW, event,
			       p->number);
	else
		(void)snprintf(name.text, sizeof(name.text), "%s/" NAMES_PART, event, p->number);
	return name;
}

/* The first group of a part: the file gets its name when it is complete. */
static int create(struct part_dir *dir, struct part *p)
{
	struct part_name name = part_name(p, false), new = part_name(p, true);
	_cleanup_(closep) int fd = -1;
	int r;

	if (mkdirat(dir->fd, p->ev->name, 0777) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(dir->fd, new.text, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	r = io_write_all(fd, dir->out.data, dir->out.len);
	if (r == 0 && renameat(dir->fd, new.text, dir->fd, name.text) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir->fd, new.text, 0);
	return r;
}

static int append(struct part_dir *dir, struct part *p)
{
	struct part_name name = part_name(p, false);
	_cleanup_(closep) int fd = -1;
	u64 size = parquet_writer_size(p->pq);
	struct stat st;
	int r;

	fd = openat(dir->fd, name.text, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if ((u64)st.st_size < size)
		return -ESTALE;
	/* What a failed write left, where cutting it off failed too. */
	if ((u64)st.st_size > size && ftruncate(fd, (off_t)size) < 0)
		return -errno;
	r = io_write_all(fd, dir->out.data, dir->out.len);
	if (r < 0)
		(void)ftruncate(fd, (off_t)size);
	return r;
}

static bool is_full(const struct part_dir *dir, const struct part *p, u64 now_ns)
{
	const struct part_limits *l = &dir->limits;

	return (l->nr_groups && parquet_writer_nr_groups(p->pq) >= l->nr_groups) ||
	       (l->size_bytes && parquet_writer_size(p->pq) >= l->size_bytes) ||
	       (l->age_ns && now_ns >= p->begun_ns + l->age_ns);
}

int part_write(struct part_dir *dir, struct part *p, const struct batch *b, u64 now_ns,
	       struct diag *d)
{
	int r;

	if (!p->pq)
		p->pq = parquet_writer_new(p->ev);
	if (!p->pq)
		return diag_err(d, -ENOMEM, "out of memory");
	if (parquet_writer_nr_groups(p->pq) && is_full(dir, p, now_ns))
		part_end(dir, p);

	dir->out.len = 0;
	r = parquet_writer_add(p->pq, dir->encoder, b, &dir->out);
	if (r < 0) {
		buf_done(&dir->out);
		part_end(dir, p);
		return diag_err(d, r, "out of memory");
	}
	if (parquet_writer_size(p->pq)) {
		r = append(dir, p);
	} else {
		p->begun_ns = now_ns;
		r = create(dir, p);
	}
	if (r < 0) {
		parquet_writer_cancel(p->pq);
		if (r == -ESTALE)
			(void)diag_err(d, r, "cannot write %s/%s: something else has cut it",
				       dir->name, part_name(p, false).text);
		else
			(void)diag_errno(d, r, "cannot write %s/%s", dir->name,
					 part_name(p, false).text);
		/* Where the file is not what it was, a new one may still work. */
		if (r == -ENOENT || r == -ESTALE)
			part_end(dir, p);
		return r;
	}
	parquet_writer_commit(p->pq);
	dir->bytes += dir->out.len;
	if (is_full(dir, p, now_ns))
		part_end(dir, p);
	return 0;
}

void part_end(struct part_dir *dir, struct part *p)
{
	if (!p->pq || !parquet_writer_size(p->pq))
		return;
	tidy_part(dir->tidy, part_name(p, false).text, part_name(p, true).text, p->pq);
	parquet_writer_reset(p->pq);
	p->number++;
}

void part_done(struct part *p)
{
	parquet_writer_free(p->pq);
	p->pq = NULL;
}
