// SPDX-License-Identifier: BSD-2-Clause
#include "trace/tidy.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/io.h"
#include "base/thread.h"

/* Old footers below this, or below a thirty-second of the file, are left. */
#define MIN_DEAD_BYTES (8u << 10)
/* Left free beside the copy. */
#define SPARE_BYTES (16u << 20)

struct range {
	u64 at, size;
};

struct job {
	struct job *next;
	char *name, *new_name;
	struct buf footer;
	u64 size; /* of the part */
	u32 nr_ranges;
	struct range ranges[];
};

struct tidy {
	int dirfd;
	pthread_mutex_t lock;
	pthread_cond_t wake, idle;
	pthread_t thread;
	bool has_thread, is_stopping, is_busy;
	struct job *first, **last;
	_Atomic u64 saved;
};

static void job_free(struct job *job)
{
	if (!job)
		return;
	free(job->name);
	free(job->new_name);
	buf_done(&job->footer);
	free(job);
}

/* By way of memory, where the file system cannot copy by itself. */
static int copy_slowly(int in, int out, struct range range)
{
	char bytes[1 << 14];
	ssize_t n;
	int r = 0;

	for (; r == 0 && range.size; range.at += (u64)n, range.size -= (u64)n) {
		n = pread(in, bytes, MIN(sizeof(bytes), range.size), (off_t)range.at);
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		r = io_write_all(out, bytes, (size_t)n);
	}
	return r;
}

static int copy(int in, int out, struct range range)
{
	off_t at = (off_t)range.at;
	ssize_t n;

	while (range.size) {
		n = copy_file_range(in, &at, out, NULL, range.size, 0);
		if (n <= 0)
			return copy_slowly(in, out, (struct range){ (u64)at, range.size });
		range.size -= (u64)n;
	}
	return 0;
}

static int make_new(const struct tidy *t, const struct job *job, int out, u64 *ret_size)
{
	_cleanup_(closep) int in = openat(t->dirfd, job->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r;

	if (in < 0 || fstat(in, &st) < 0)
		return -errno;
	if ((u64)st.st_size != job->size)
		return -ESTALE;
	r = io_write_all(out, PARQUET_MAGIC, PARQUET_MAGIC_SIZE);
	for (u32 i = 0; r == 0 && i < job->nr_ranges; i++)
		r = copy(in, out, job->ranges[i]);
	if (r == 0)
		r = io_write_all(out, job->footer.data, job->footer.len);
	/* A name must never stand for less than what it stood for, not after a power cut either. */
	if (r == 0 && (fdatasync(out) < 0 || fstat(out, &st) < 0))
		r = -errno;
	if (r == 0)
		*ret_size = (u64)st.st_size;
	return r;
}

/* On a disk that is nearly full the room is for rows. */
static bool has_room(const struct tidy *t, u64 size)
{
	struct statvfs fs;

	return fstatvfs(t->dirfd, &fs) == 0 &&
	       (u64)fs.f_bavail * fs.f_frsize >= 2 * size + SPARE_BYTES;
}

static void do_job(struct tidy *t, const struct job *job)
{
	_cleanup_(closep) int out = -1;
	u64 size = 0;

	if (!has_room(t, job->size))
		return;
	out = openat(t->dirfd, job->new_name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		     0666);
	if (out < 0)
		return;
	if (make_new(t, job, out, &size) == 0 &&
	    renameat(t->dirfd, job->new_name, t->dirfd, job->name) == 0)
		atomic_fetch_add(&t->saved, job->size - size);
	else
		(void)unlinkat(t->dirfd, job->new_name, 0);
}

static void *run(void *arg)
{
	struct tidy *t = arg;
	struct job *job;

	(void)pthread_mutex_lock(&t->lock);
	for (;;) {
		while (!t->first && !t->is_stopping)
			(void)pthread_cond_wait(&t->wake, &t->lock);
		job = t->first;
		if (!job)
			break;
		t->first = job->next;
		if (!t->first)
			t->last = &t->first;
		t->is_busy = true;
		(void)pthread_mutex_unlock(&t->lock);
		do_job(t, job);
		job_free(job);
		(void)pthread_mutex_lock(&t->lock);
		t->is_busy = false;
		(void)pthread_cond_broadcast(&t->idle);
	}
	(void)pthread_mutex_unlock(&t->lock);
	return NULL;
}

struct tidy *tidy_new(int dirfd)
{
	struct tidy *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->dirfd = dirfd;
	t->last = &t->first;
	(void)pthread_mutex_init(&t->lock, NULL);
	(void)pthread_cond_init(&t->wake, NULL);
	(void)pthread_cond_init(&t->idle, NULL);
	return t;
}

void tidy_free(struct tidy *t)
{
	if (!t)
		return;
	if (t->has_thread) {
		(void)pthread_mutex_lock(&t->lock);
		t->is_stopping = true;
		(void)pthread_cond_broadcast(&t->wake);
		(void)pthread_mutex_unlock(&t->lock);
		(void)pthread_join(t->thread, NULL);
	}
	(void)pthread_cond_destroy(&t->wake);
	(void)pthread_cond_destroy(&t->idle);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}

/* The thread is started when there is something to do for the first time. */
static bool start(struct tidy *t)
{
	if (!t->has_thread)
		t->has_thread = thread_start(&t->thread, "sonde-tidy", run, t) == 0;
	return t->has_thread;
}

static struct job *make_job(const char *name, const char *new_name, const struct parquet_writer *pq)
{
	u32 nr = parquet_writer_nr_groups(pq);
	struct job *job = calloc(1, sizeof(*job) + nr * sizeof(job->ranges[0]));

	if (!job)
		return NULL;
	job->name = strdup(name);
	job->new_name = strdup(new_name);
	job->size = parquet_writer_size(pq);
	job->nr_ranges = nr;
	for (u32 i = 0; i < nr; i++)
		parquet_writer_group(pq, i, &job->ranges[i].at, &job->ranges[i].size);
	if (job->name && job->new_name && parquet_writer_compact_footer(pq, &job->footer) == 0)
		return job;
	job_free(job);
	return NULL;
}

void tidy_part(struct tidy *t, const char *name, const char *new_name,
	       const struct parquet_writer *pq)
{
	u64 dead = parquet_writer_dead_bytes(pq);
	struct job *job;

	if (dead < MIN_DEAD_BYTES || dead < parquet_writer_size(pq) / 32 || !start(t))
		return;
	job = make_job(name, new_name, pq);
	if (!job)
		return;
	(void)pthread_mutex_lock(&t->lock);
	*t->last = job;
	t->last = &job->next;
	(void)pthread_cond_broadcast(&t->wake);
	(void)pthread_mutex_unlock(&t->lock);
}

void tidy_wait(struct tidy *t)
{
	(void)pthread_mutex_lock(&t->lock);
	while (t->first || t->is_busy)
		(void)pthread_cond_wait(&t->idle, &t->lock);
	(void)pthread_mutex_unlock(&t->lock);
}

u64 tidy_saved_bytes(const struct tidy *t)
{
	return t->saved;
}
