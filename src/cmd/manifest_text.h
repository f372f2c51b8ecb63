/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of a trace's manifest.json, from a recording in progress or just ended. */
#ifndef SONDE_CMD_MANIFEST_TEXT_H
#define SONDE_CMD_MANIFEST_TEXT_H

#include "base/disknames.h"
#include "cmd/feed.h"
#include "trace/writer.h"

struct manifest_facts {
	struct feed *feed;
	struct trace_writer *writer;
	const struct record_opts *opts;
	const struct disk_names *disks;
	char *const *command; /* how sonde was called, NULL-terminated */
	double start_cpu_s;   /* CPU time that it took to begin */
	bool is_complete;
};

/* What was lost so far, to the kernel's side and to the writer. */
void record_losses(struct feed *l, const struct trace_writer *w, struct feed_losses *ret);

void manifest_text(struct buf *b, const struct manifest_facts *f);

/*
 * The most memory this process has had, in bytes; 0 if it cannot be told. Not
 * ru_maxrss, which a process inherits from the one that started it.
 */
u64 peak_rss_bytes(void);

/* The first 16 hex digits of SHA-256 of /etc/machine-id, upper case; "" if there is none. */
void machine_id(char ret[17]);

#endif
