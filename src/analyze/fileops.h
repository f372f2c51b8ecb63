/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File operations: by file, by process and by kind of operation; what failed;
 * what was slowest; how much of the time had a disk under it. Fed with batches of
 * vfs rows once the disks and processes are built.
 *
 * What is read from pipes, sockets and character devices waits for someone else,
 * not for a file, and would drown everything: it is kept apart everywhere, also where it is copied to
 * or from a file, of which then only bytes count. So is the time of
 * requests (io_uring, AIO): many are under way at once, and their threads go on meanwhile.
 */
#ifndef SONDE_ANALYZE_FILEOPS_H
#define SONDE_ANALYZE_FILEOPS_H

#include "analyze/disks.h"
#include "analyze/procs.h"
#include "schema/values.h"

enum file_op {
	FILE_READ,
	FILE_WRITE,
	FILE_OPEN,
	FILE_CLOSE,
	FILE_SYNC,
	FILE_COPY,
	FILE_NAME, /* names made, changed, removed: of no file, as names are all that is always known */
	FILE_ATTR, /* attributes and sizes; of no file either where it is not known which */
	FILE_LIST, /* entries of a directory */
	FILE_MAP,  /* into memory; of no file, too, where it is not known which */
	NR_FILE_OPS
};

#define FILES_MAX (1u << 20) /* distinct files; all that are found later are summed as one */

enum {
#define X(name) REQUEST_##name,
	SN_REQUEST_CALLS(SN_CALLS_ALONE, X) NR_REQUEST_CALLS
#undef X
};

/* Operations and their time. */
struct tally {
	u64 nr, time_ns;
};

/* Reads of which it is known whether the page cache had the pages, and these. */
struct pages_read {
	u64 nr, hit, missed;
};

static inline void pages_read_add(struct pages_read *sum, const struct pages_read *p)
{
	sum->nr += p->nr;
	sum->hit += p->hit;
	sum->missed += p->missed;
}

struct file_use {
	u32 path;     /* text; TEXT_NONE: it has no name that is known */
	u32 dev, fs;  /* texts */
	u32 type;     /* text: kind of file */
	u64 ino;      /* of a file without a name */
	u32 known;    /* bit per text of fileops.known: how its name became known */
	bool is_pipe; /* a pipe, socket or character device */
	bool is_rest; /* not one file: all beyond FILES_MAX */
	struct tally ops[NR_FILE_OPS];
	u64 nr_failed;
	u64 bytes_read, bytes_written;
	struct pages_read pages;
	struct hist lat;
};

struct proc_use {
	struct tally ops[NR_FILE_OPS]; /* on files */
	struct tally pipes;            /* on pipes, sockets and character devices */
	struct tally requests;         /* on files, of io_uring and AIO */
	u64 nr_failed;
	u64 bytes_read, bytes_written; /* files only */
	struct pages_read pages;
	u64 disk_bytes;
};

/* Failed operations with one call and one errno, or one path and one errno. */
struct failure {
	u32 what;  /* text: the call, or the path (TEXT_NONE: not known) */
	u32 error; /* text */
	u64 nr, time_ns;
};

struct failures {
	struct failure *at;
	u32 nr, cap;
	struct pairmap map;
};

/* Where the time of one kind of operation went. */
struct op_time {
	struct tally all;
	struct tally on_disk; /* of these: operations that caused requests */
	u64 waited_ns;        /* of their time, while a request of theirs was under way */
	struct hist lat;
};

struct slow_op {
	u64 ts, dur_ns, op, bytes;
	u32 pid, comm, call, file, error;
	u32 name; /* of what has no file: a failed open, FILE_NAME */
	struct pages_read pages;
	bool has_bytes;
	u8 kind; /* enum file_op */
};

/* What the rows of a batch say of a file. */
struct file_columns {
	struct text_column path, path_known, dev, fs, type;
	const struct column *ino, *gen;
	struct {
		u32 dev, file;
	} * seen; /* by the batch's own number of a path */
	u32 cap_seen;
};

struct fileops {
	struct texts *texts;
	struct procs *procs;
	struct disks *disks;
	u64 from_ns, to_ns;

	struct file_use *files;
	u32 nr_files, cap_files;
	struct pairmap by_name, by_ino;
	struct pairmap names; /* of files by inode: the first that the dictionary has */
	u64 nr_files_beyond;  /* rows of files that found no place */

	struct proc_use *uses; /* by the process's index */
	u32 cap_uses;

	struct op_time times[NR_FILE_OPS]; /* on files */
	struct op_time pipes[NR_FILE_OPS], requests[NR_FILE_OPS];
	struct failures by_call, failed_opens;
	struct pages_read pages;
	u64 nr_failed, nr_restarted;
	u64 nr_unnamed; /* rows on files, not failed opens, without a path */
	u64 nr_named;

	struct slow_op *slow; /* the slowest first */
	u32 nr_slow, max_slow;

	struct text_column comm, call, error, name, cmdline;
	struct file_columns file, to; /* of a copy, to is the one that was written to */
	u32 known[16];                /* texts of path_known, by bit of file_use.known */
	u32 nr_known;
	u32 pipe_types[4];                   /* texts of file_type that is_pipe stands for */
	u32 request_calls[NR_REQUEST_CALLS]; /* texts of call */
	u32 t_close;
};

int fileops_init(struct fileops *f, struct texts *t, struct procs *p, struct disks *d, u64 from_ns,
		 u64 to_ns, u32 max_slow);
void fileops_done(struct fileops *f);

/*
 * Takes rows of the dictionary of paths, before all others: a row that had no
 * name yet when it was made gets the one that its file had next.
 */
int fileops_names(struct fileops *f, const struct batch *b);

extern const char *const fileops_columns[];
int fileops_batch(struct fileops *f, const struct batch *b);
/* Once all is fed: what processes asked of disks. 0 or -ENOMEM. */
int fileops_build(struct fileops *f);

/* The process's sums; zeros if it did nothing. */
const struct proc_use *fileops_of_proc(const struct fileops *f, u32 proc);
struct tally tally_sum(const struct tally *t, u32 nr);
const char *file_op_name(enum file_op op);

#endif
