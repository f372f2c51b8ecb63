/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this folder share: the inside of struct enrich. */
#ifndef SONDE_ENRICH_STATE_H
#define SONDE_ENRICH_STATE_H

#include "enrich/cgroup.h"
#include "enrich/enrich.h"
#include "enrich/path.h"
#include "enrich/task.h"
#include "schema/values.h"

/* Names that callers gave and that are no file's, kept for when they come again. */
#define NR_GIVEN 1024u

/* Start times of /proc have this resolution; the same start may differ by it. */
#define START_TOLERANCE_NS 10000000ull

/* Longer command lines are cut. */
#define MAX_ARGS 1024u
#define MAX_COMM 15u
#define MAX_PROC_FILE (1u << 20)

/* Where a record holds a value; off 0: nowhere. */
struct key_field {
	u16 off;
	u32 bit; /* in hdr.valid; 0 is always known */
};

/* Where it says which file is meant. */
struct file_keys {
	struct key_field ino, dev, gen;
	u16 unlinked_off;
	bool by_inode; /* known by that alone, not by the name that it was reached by */
};

/* Where it tells a name, and a directory. */
struct name_keys {
	u16 name_off;
	struct file_keys dir;
	u16 in_dir_off; /* the last component stands in dir; else a relative name begins there */
	bool is_second; /* of the two that a row has */
	bool is_all;    /* the row is about the name: what the file is called says nothing of it */
};

struct event_keys {
	bool has_path, has_to_path;
	struct file_keys file, to_file;
	struct name_keys name, to_name;
	u16 dur_off;
};

struct enrich {
	struct intern pool;
	struct tasks tasks;
	struct paths paths;
	struct cgroups cgroups;
	struct event_keys keys[SN_NR_EVENTS];      /* by slot */
	const struct istr *known[SN_NR_KNOWNS][2]; /* texts of path_known; [1] is truncated */
	const struct istr *given[2][NR_GIVEN];     /* of paths, and of a row's second ones */
	struct buf scratch;
	u64 max_name_bytes, grace_ns;
	u64 malformed, no_memory, proc_asked, proc_answered;

	int proc_fd;     /* of /proc; -1: the records are not live */
	bool asks_tasks; /* the numbers in /proc are those of the records */
	bool has_v1;     /* cgroups of version 1 are mounted: they may know the container */
	u64 budget_ns;   /* start of the second for which budget counts */
	u32 budget;      /* questions to /proc that are left */
};

/* Bytes that names take. */
static inline u64 name_bytes(const struct enrich *e)
{
	return e->pool.bytes + (u64)e->paths.size * sizeof(struct path);
}

/* Forgets until the limit is met: what has ended, files not asked for lately, threads. */
void enrich_make_room(struct enrich *e);

/* An empty buffer for a moment. */
static inline struct buf *clean_scratch(struct enrich *e)
{
	if (e->scratch.failed)
		buf_done(&e->scratch);
	e->scratch.len = 0;
	return &e->scratch;
}

/* Interns, counting shortage of memory. */
const struct istr *enrich_intern(struct enrich *e, const char *s, size_t len);

/* Opens what live needs; on failure there is less to ask, and nothing breaks. */
void live_open(struct enrich *e);

/*
 * Asks /proc, once, for what the records did not tell of the row's thread; t is
 * what is known of it, or NULL, and start_ns when the row's operation began.
 * Returns what is known then, or NULL.
 */
struct thread *live_settle(struct enrich *e, const struct sn_hdr *hdr, u64 start_ns,
			   struct thread *t);

/* Does somebody else have the thread's number by now? False also if that cannot be told. */
bool live_is_reused(struct enrich *e, const struct thread *t);

#endif
