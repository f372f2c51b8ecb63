/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of `sonde report` share. Private to report*.c. */
#ifndef SONDE_CMD_REPORT_H
#define SONDE_CMD_REPORT_H

#include "analyze/summary.h"
#include "cmd/table.h"

enum report_by { REPORT_BY_TIME, REPORT_BY_BYTES, REPORT_BY_OPS };

struct report {
	const char *dir;
	struct summary *s;
	struct buf out;
	u32 top;   /* rows of a table */
	u32 width; /* columns of a line; 0: no limit */
	u8 by;     /* enum report_by */
	bool color, verbose;
	bool has_no_tree; /* all that is told of processes is the table */
};

/* An empty line and a title. */
void report_title(struct report *r, const char *fmt, ...) _printf_(2, 3);
/* The same with how much of all follows: "Files by time: 10 of 1,620". */
void report_title_of(struct report *r, const char *what, const char *by, u32 nr, u32 all);
/* A paragraph in words, broken at the line's width, indented by two columns. */
void report_say(struct report *r, const char *fmt, ...) _printf_(2, 3);
/* The same with indents of its own: of the first line, and of those that follow. */
void report_say_at(struct report *r, u32 indent, u32 hang, const char *fmt, ...) _printf_(4, 5);
/* What must not be overlooked: as report_say(), from the first column. */
void report_warn(struct report *r, const char *fmt, ...) _printf_(2, 3);

/* A text of the trace, to be shown; borrowed until the next call with the same buffer. */
const char *report_text(const struct report *r, struct buf *scratch, u32 id);
/* A disk by its name, or by its number where the trace knows no name: "nvme0n1", "259:0". */
const char *report_disk(const struct report *r, struct buf *scratch, u32 id);
/* Time from the start of the recording, "3.201204s". */
void report_when(const struct report *r, struct buf *b, u64 ts);
/* How many of the pages that were read the page cache had, and how many it had not: two cells. */
void report_put_pages(struct table *t, const struct pages_read *p);
/* The path of a file, or what there is to say where it has none. */
void report_file(const struct report *r, struct buf *b, u32 file);
/* A cell of that: the path, or the inode and its disk. */
void report_put_file(const struct report *r, struct table *t, u32 path, u64 ino, u32 dev);
/* Comm, and command line where it is known. */
void report_proc(const struct report *r, struct buf *b, const struct proc *p);
/* What the tables are ordered by, in a word. */
const char *report_by_name(const struct report *r);
/* Indices of what is worth a row, the largest first: at most top of them. -ENOMEM. */
int report_rank(u32 nr, u64 (*value)(const void *ctx, u32 i), const void *ctx, u32 top, u32 **ret,
		u32 *ret_nr, u32 *ret_all);

/* Values for report_rank(), of a process and of a file that is no pipe; ctx is the report. */
u64 report_proc_value(const void *ctx, u32 i);
u64 report_file_value(const void *ctx, u32 i);
/* The same of a file in the page cache. */
u64 report_pages_value(const void *ctx, u32 i);
/* And of faults in a file's mappings. */
u64 report_faults_value(const void *ctx, u32 i);
/* Pages that were read ahead and never asked for; false: nobody knows. */
bool report_pages_unread(const struct report *r, const struct page_use *f, u64 *ret);

static inline const char *plural(u64 nr)
{
	return nr == 1 ? "" : "s";
}

/* Was the event watched, so that no rows of it means that nothing happened? */
bool report_has(const struct report *r, enum sn_event_slot slot);
/* Would each end of a process stand in the trace, so that who has none did not end? */
bool report_sees_ends(const struct report *r);

/* Is this the name of an event that was asked for? Also, if it is none that we know. */
bool report_wants(const struct report *r, const char *event);
/* Records lost in the whole recording, as the manifest counted them. */
u64 report_nr_lost(const struct report *r);

void report_warnings(struct report *r);
void report_head(struct report *r);
void report_times(struct report *r);
void report_procs(struct report *r);
void report_tree(struct report *r);
void report_files(struct report *r);
void report_slow(struct report *r);
void report_disks(struct report *r);
void report_pages(struct report *r);
void report_faults(struct report *r);
void report_failures(struct report *r);
void report_unseen(struct report *r);
/* The whole summary as one JSON object. 0 or negative errno. */
int report_json(struct report *r);

#endif
