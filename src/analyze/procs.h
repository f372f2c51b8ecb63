/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes of a trace: who they were, whose children, how they ended. A pid
 * that the kernel used again is another process. Fed with batches of tasks and
 * proc_* rows in any order; the rows are put in order of time by procs_build().
 */
#ifndef SONDE_ANALYZE_PROCS_H
#define SONDE_ANALYZE_PROCS_H

#include "analyze/pairmap.h"
#include "analyze/text.h"

#define PROC_NONE UINT32_MAX

struct proc {
	u64 start_ns; /* 0: before the recording, or unknown */
	u64 exit_ns;  /* 0: not seen to end */
	u32 pid, ppid;
	u32 comm, cmdline; /* texts; the last name it had */
	u32 signal;        /* text; TEXT_NONE: it was not killed, or its end was not seen */
	u32 code;          /* exit code, if has_code */
	bool has_code, is_kthread;
	u32 nr_threads; /* that it made while it was watched */
	u32 later;      /* the next process of this pid */
	u32 parent;     /* PROC_NONE: not known */
	u32 first_child, next_sibling;
};

struct proc_note;

struct procs {
	struct texts *texts;
	struct proc *at;
	u32 nr, cap;
	struct pairmap by_pid; /* to the first process of this pid */
	u32 last;              /* the process found last */
	struct proc_note *notes;
	u32 nr_notes, cap_notes;
	struct text_column name, args, signal;
};

void procs_init(struct procs *p, struct texts *t);
void procs_done(struct procs *p);

/* Names of the columns that procs_batch() reads, NULL-terminated. */
extern const char *const procs_columns[];
int procs_batch(struct procs *p, const struct batch *b);

/* Makes processes of what was fed, and ties children to parents. 0 or -ENOMEM. */
int procs_build(struct procs *p);

/* Behind procs_find(): one that is not the last found. Adds a process nobody told of. */
u32 procs_search(struct procs *p, u32 pid, u64 ts);

/* The process that had this pid at ts; PROC_NONE when memory is short. */
static inline u32 procs_find(struct procs *p, u32 pid, u64 ts)
{
	const struct proc *last = p->last < p->nr ? &p->at[p->last] : NULL;

	if (last && last->pid == pid && last->later == PROC_NONE && last->start_ns <= ts)
		return p->last;
	return procs_search(p, pid, ts);
}

#endif
