/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes of a trace: who they were, whose children, how they ended. A pid
 * that the kernel used again is another process. Fed with batches of tasks and
 * proc_* rows in any order; the rows are put in order of time by procs_build().
 *
 * Of comm and command line the latest counts, whoever tells it: where exec and
 * rename were not recorded, each row still says what its thread was called.
 */
#ifndef SONDE_ANALYZE_PROCS_H
#define SONDE_ANALYZE_PROCS_H

#include "analyze/pairmap.h"
#include "analyze/text.h"

#define PROC_NONE UINT32_MAX

struct proc {
	u64 start_ns; /* 0: before the recording, or unknown */
	u64 exit_ns;  /* 0: not seen to end */
	u64 lived_ns; /* if it was seen to end */
	u32 pid, ppid;
	u32 comm, cmdline;       /* texts; the last name it had, arguments joined by a blank */
	u64 comm_ns, cmdline_ns; /* when they were told */
	u32 signal;              /* text; TEXT_NONE: it was not killed, or its end was not seen */
	u32 code;                /* exit code, if has_code */
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
	struct text_column name, args, comm, cmdline;
	struct buf scratch;
};

void procs_init(struct procs *p, struct texts *t);
void procs_done(struct procs *p);

/* Names of the columns that procs_batch() reads, NULL-terminated. */
extern const char *const procs_columns[];
int procs_batch(struct procs *p, const struct batch *b);

/* What any row says of the thread that asked: its names when it began. */
struct proc_seen {
	u64 start_ns;
	u32 comm, cmdline; /* texts; TEXT_NONE: it does not say */
	bool is_leader;    /* comm is the process's, not that of one of its threads */
};

/* Once processes are built: a row of the process, in any order of time. */
static inline void procs_see(struct proc *proc, const struct proc_seen *s)
{
	if (s->comm != TEXT_NONE && s->is_leader && s->start_ns >= proc->comm_ns) {
		proc->comm = s->comm;
		proc->comm_ns = s->start_ns;
	} else if (proc->comm == TEXT_NONE) {
		proc->comm = s->comm;
	}
	if (s->cmdline != TEXT_NONE && s->start_ns >= proc->cmdline_ns) {
		proc->cmdline = s->cmdline;
		proc->cmdline_ns = s->start_ns;
	}
}

/* The same for all rows of a batch; of events that have no reader of their own that does it. */
int procs_see_batch(struct procs *p, const struct batch *b);

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
