/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads and understands files of /proc. Keeps nothing. */
#ifndef SONDE_ENRICH_PROCFS_H
#define SONDE_ENRICH_PROCFS_H

#include "base/buf.h"

/* What /proc/PID/stat tells. */
struct procfs_stat {
	u32 ppid;
	bool is_kthread;
	bool is_fork;    /* runs what its parent ran: it has not called exec */
	u64 start_ticks; /* since boot, sleep included; sysconf(_SC_CLK_TCK) a second */
};

/* -EINVAL if the text is not of that form. */
int procfs_parse_stat(const char *text, size_t len, struct procfs_stat *ret);

/* One line of /proc/PID/mountinfo. The texts are pieces of the line. */
struct procfs_mount {
	u32 id;
	u32 dev; /* as the kernel has it: major << 20 | minor */
	const char *root, *point, *fs_type;
};

/*
 * Takes the next line from *text, which is changed: texts are cut and unescaped
 * in place. False at the end; lines that are not of that form are passed over.
 */
bool procfs_next_mount(char **text, struct procfs_mount *ret);

/* The number at *p, which is moved behind it; false if there is none, or too large a one. */
bool procfs_number(const char **p, u64 *ret);

/*
 * Replaces buf by what the file holds, at most max bytes, and a NUL behind it that does not
 * count. The path is relative to /proc (dir_fd). Negative errno.
 */
int procfs_read(int dir_fd, const char *path, size_t max, struct buf *buf);

/* Arguments end with a NUL each: joined by blanks instead, in place. Returns the new length. */
size_t procfs_join_args(char *args, size_t len);

#endif
