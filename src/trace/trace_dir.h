/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directory of a trace that is being written: made and locked, its manifest,
 * and what becomes of it at the end. What is in the folders is writer's.
 */
#ifndef SONDE_TRACE_TRACE_DIR_H
#define SONDE_TRACE_TRACE_DIR_H

#include <pthread.h>
#include <sys/types.h>

#include "base/diag.h"

struct trace_dir {
	char *name;
	int fd;
	bool is_new; /* it was not there before */
	/* Writes a manifest beside all else. */
	pthread_t thread;
	bool has_thread;
};

void trace_dir_init(struct trace_dir *t);
void trace_dir_done(struct trace_dir *t);

/*
 * Makes it (its parent must exist), for its owner's eyes only, or takes one that is
 * empty. -EEXIST if it holds something, or another takes it; with a sentence.
 */
int trace_dir_make(struct trace_dir *t, const char *name, struct diag *d);

/*
 * Some room is kept from the beginning: given back at the end, it lets the last holes
 * and the manifest be written on a disk that is full.
 */
void trace_dir_free_reserve(struct trace_dir *t);

/* Replaces manifest.json atomically (temporary name, fsync, rename) by this text. */
int trace_dir_manifest(struct trace_dir *t, const char *json, size_t len, struct diag *d);
/*
 * The same by a thread of its own, so that nobody waits for the disk. Not at all where one
 * before is still being written, or on any error.
 */
void trace_dir_manifest_behind(struct trace_dir *t, const char *json, size_t len);

/* Makes somebody else the owner of all of it. Not of a directory that was there before. */
void trace_dir_give(struct trace_dir *t, uid_t uid, gid_t gid);
/* Takes away what a writer left in it, and the directory if it is new. */
void trace_dir_remove(struct trace_dir *t);

#endif
