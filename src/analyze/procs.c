// SPDX-License-Identifier: BSD-2-Clause
#include "analyze/procs.h"

#include <errno.h>

enum note_kind { NOTE_TASK, NOTE_FORK, NOTE_EXEC, NOTE_RENAME, NOTE_SEEN, NOTE_EXIT };

/* One row that tells of a process. */
struct proc_note {
	u64 ts, start_ns;
	u64 lived_ns;
	u32 kind; /* enum note_kind */
	u32 seq;  /* keeps the order of rows with one ts */
	u32 pid, ppid;
	u32 name, args; /* texts; of an exit, name is the signal */
	u32 code;
	bool has_code, is_kthread, is_leader;
};

const char *const procs_columns[] = {
	"ts",       "pid",  "tid",     "start_ns",  "parent_pid", "kthread",
	"name",     "args", "cmdline", "child_pid", "child_tid",  "comm",
	"new_comm", "code", "signal",  "dur_ns",    NULL,
};

void procs_init(struct procs *p, struct texts *t)
{
	*p = (struct procs){ .texts = t, .last = PROC_NONE };
}

void procs_done(struct procs *p)
{
	pairmap_done(&p->by_pid);
	text_column_done(&p->name);
	text_column_done(&p->args);
	text_column_done(&p->comm);
	text_column_done(&p->cmdline);
	buf_done(&p->scratch);
	free(p->notes);
	free(p->at);
	*p = (struct procs){};
}

static struct proc_note *add_note(struct procs *p)
{
	u32 cap = p->cap_notes ? p->cap_notes * 2 : 256;
	struct proc_note *notes;

	if (p->nr_notes == p->cap_notes) {
		notes = reallocarray(p->notes, cap, sizeof(*notes));
		if (!notes)
			return NULL;
		p->notes = notes;
		p->cap_notes = cap;
	}
	notes = &p->notes[p->nr_notes];
	*notes = (struct proc_note){ .seq = p->nr_notes, .name = TEXT_NONE, .args = TEXT_NONE };
	p->nr_notes++;
	return notes;
}

/* Arguments as other rows have them, joined by a blank: in tasks and proc_exec NUL parts them. */
static u32 joined(struct procs *p, u32 args)
{
	size_t len, all;
	const char *s = text_get(p->texts, args, &all);

	for (len = all; len && !s[len - 1];)
		len--;
	if (!len)
		return TEXT_NONE;
	if (!memchr(s, '\0', all))
		return args;
	/* The pool may move when a text is added: from a copy. */
	p->scratch.len = 0;
	buf_put(&p->scratch, s, len);
	if (p->scratch.failed) {
		p->texts->failed = true;
		return TEXT_NONE;
	}
	for (size_t i = 0; i < len; i++)
		if (!p->scratch.data[i])
			p->scratch.data[i] = ' ';
	return text_id(p->texts, p->scratch.data, len);
}

/* What the row says of its own thread; of a fork that is the parent. */
static int note_seen(struct procs *p, const struct batch *b, u32 row)
{
	struct proc_note *n = add_note(p);

	if (!n)
		return -ENOMEM;
	n->kind = NOTE_SEEN;
	n->ts = batch_num(b, "ts", row);
	n->pid = (u32)batch_num(b, "pid", row);
	n->is_leader = n->pid == (u32)batch_num(b, "tid", row);
	n->name = text_column_get(&p->comm, row);
	n->args = text_column_get(&p->cmdline, row);
	return 0;
}

static int note_row(struct procs *p, const struct batch *b, u32 row, enum note_kind kind)
{
	u32 pid = (u32)batch_num(b, "pid", row);
	bool is_leader = pid == (u32)batch_num(b, "tid", row);
	struct proc_note *n;

	if ((kind == NOTE_TASK || kind == NOTE_RENAME) && !is_leader)
		return 0;
	if ((kind == NOTE_FORK || kind == NOTE_EXIT) && note_seen(p, b, row) < 0)
		return -ENOMEM;
	n = add_note(p);
	if (!n)
		return -ENOMEM;
	n->kind = kind;
	n->ts = batch_num(b, "ts", row);
	n->pid = pid;
	n->name = text_column_get(&p->name, row);
	n->args = joined(p, text_column_get(&p->args, row));
	n->start_ns = batch_num(b, "start_ns", row);
	n->ppid = (u32)batch_num(b, "parent_pid", row);
	n->is_kthread = batch_num(b, "kthread", row);
	n->code = (u32)batch_num(b, "code", row);
	n->lived_ns = batch_num(b, "dur_ns", row);
	n->has_code = column_is_known(batch_column(b, "code"), row);
	if (kind == NOTE_FORK) {
		n->ppid = pid;
		n->pid = (u32)batch_num(b, "child_pid", row);
	}
	return 0;
}

int procs_batch(struct procs *p, const struct batch *b)
{
	static const struct {
		u16 id;
		enum note_kind kind;
		const char *name;
	} events[] = {
		{ SN_EV_tasks, NOTE_TASK, "name" },
		{ SN_EV_proc_fork, NOTE_FORK, "comm" },
		{ SN_EV_proc_exec, NOTE_EXEC, "comm" },
		{ SN_EV_proc_rename, NOTE_RENAME, "new_comm" },
		{ SN_EV_proc_exit, NOTE_EXIT, "signal" },
	};
	u32 i = 0;
	int r;

	while (i < ARRAY_SIZE(events) && events[i].id != b->ev->id)
		i++;
	if (i == ARRAY_SIZE(events))
		return 0;
	r = text_column_begin(&p->name, p->texts, b, events[i].name);
	if (r == 0)
		r = text_column_begin(&p->args, p->texts, b, "args");
	if (r == 0)
		r = text_column_begin(&p->comm, p->texts, b, "comm");
	if (r == 0)
		r = text_column_begin(&p->cmdline, p->texts, b, "cmdline");
	for (u32 row = 0; r == 0 && row < b->nr; row++)
		r = note_row(p, b, row, events[i].kind);
	return r;
}

static u32 add_proc(struct procs *p, u32 pid, u64 start_ns)
{
	u32 cap = p->cap ? p->cap * 2 : 64;
	struct proc *at;

	if (p->nr == p->cap) {
		at = reallocarray(p->at, cap, sizeof(*at));
		if (!at)
			return PROC_NONE;
		p->at = at;
		p->cap = cap;
	}
	p->at[p->nr] = (struct proc){
		.pid = pid,
		.start_ns = start_ns,
		.comm = TEXT_NONE,
		.cmdline = TEXT_NONE,
		.signal = TEXT_NONE,
		.later = PROC_NONE,
		.parent = PROC_NONE,
		.first_child = PROC_NONE,
		.next_sibling = PROC_NONE,
	};
	return p->nr++;
}

/* The last process of this pid that began at or before ts, or the first of all. */
static u32 search(struct procs *p, u32 pid, u64 ts)
{
	u32 *place = pairmap_put(&p->by_pid, pid, 0);
	u32 i;

	if (!place)
		return PROC_NONE;
	if (*place == PAIRMAP_NONE) {
		i = add_proc(p, pid, 0);
		*place = i; /* PROC_NONE, when memory is short, is a free place */
		return i;
	}
	for (i = *place; p->at[i].later != PROC_NONE; i = p->at[i].later)
		if (p->at[p->at[i].later].start_ns > ts)
			break;
	return i;
}

u32 procs_search(struct procs *p, u32 pid, u64 ts)
{
	p->last = search(p, pid, ts);
	return p->last;
}

static int compare_notes(const void *a, const void *b)
{
	const struct proc_note *x = a, *y = b;

	if (x->ts != y->ts)
		return x->ts < y->ts ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* The process that the note is about: the pid's last one, or a new one if that had ended. */
static u32 proc_of_note(struct procs *p, const struct proc_note *n)
{
	u64 start_ns = n->kind == NOTE_TASK ? n->start_ns : n->ts;
	u32 i = search(p, n->pid, UINT64_MAX), later;
	bool begins = n->kind == NOTE_FORK || n->kind == NOTE_TASK;

	if (i == PROC_NONE || !begins || !p->at[i].exit_ns || start_ns < p->at[i].exit_ns)
		return i;
	later = add_proc(p, n->pid, start_ns);
	if (later != PROC_NONE)
		p->at[i].later = later;
	return later;
}

static void take_note(struct proc *proc, const struct proc_note *n)
{
	switch (n->kind) {
	case NOTE_TASK:
		proc->is_kthread = n->is_kthread;
		proc->start_ns = proc->start_ns ? proc->start_ns : n->start_ns;
		proc->ppid = proc->ppid ? proc->ppid : n->ppid;
		break;
	case NOTE_FORK:
		proc->start_ns = proc->start_ns ? proc->start_ns : n->ts;
		proc->ppid = n->ppid;
		break;
	case NOTE_SEEN:
		procs_see(proc, &(struct proc_seen){ .start_ns = n->ts,
						     .comm = n->name,
						     .cmdline = n->args,
						     .is_leader = n->is_leader });
		return;
	case NOTE_EXIT:
		proc->exit_ns = n->ts;
		proc->lived_ns = n->lived_ns;
		proc->signal = n->name;
		proc->code = n->code;
		proc->has_code = n->has_code;
		return;
	default:
		break;
	}
	/* What a fork row tells is its parent's name: good until the child has one. */
	if (n->name != TEXT_NONE && (n->kind != NOTE_FORK || proc->comm == TEXT_NONE)) {
		proc->comm = n->name;
		proc->comm_ns = n->ts;
	}
	if (n->args != TEXT_NONE) {
		proc->cmdline = n->args;
		proc->cmdline_ns = n->ts;
	}
}

static void tie_to_parent(struct procs *p, u32 child)
{
	struct proc *proc = &p->at[child];
	u32 parent;

	if (!proc->ppid || pairmap_get(&p->by_pid, proc->ppid, 0) == PAIRMAP_NONE)
		return;
	parent = search(p, proc->ppid, proc->start_ns);
	/* Parents are older than children, or else stand before them: no circles. */
	if (parent == PROC_NONE || p->at[parent].start_ns > proc->start_ns ||
	    (p->at[parent].start_ns == proc->start_ns && parent >= child))
		return;
	proc->parent = parent;
}

int procs_build(struct procs *p)
{
	const struct proc_note *n;
	u32 i;

	if (p->nr_notes)
		qsort(p->notes, p->nr_notes, sizeof(*p->notes), compare_notes);
	for (n = p->notes; n < p->notes + p->nr_notes; n++) {
		if (n->kind == NOTE_FORK && n->pid == n->ppid) {
			i = search(p, n->pid, UINT64_MAX);
			if (i != PROC_NONE)
				p->at[i].nr_threads++;
			continue;
		}
		i = proc_of_note(p, n);
		if (i == PROC_NONE)
			return -ENOMEM;
		take_note(&p->at[i], n);
	}
	free(p->notes);
	p->notes = NULL;
	p->nr_notes = p->cap_notes = 0;

	/* Backwards, so that each list of children is in order of age of their rows. */
	for (i = p->nr; i-- > 0;) {
		tie_to_parent(p, i);
		if (p->at[i].parent != PROC_NONE) {
			p->at[i].next_sibling = p->at[p->at[i].parent].first_child;
			p->at[p->at[i].parent].first_child = i;
		}
	}
	p->last = PROC_NONE;
	return 0;
}

int procs_see_batch(struct procs *p, const struct batch *b)
{
	const struct column *ts = batch_column(b, "ts"), *pid = batch_column(b, "pid"),
			    *tid = batch_column(b, "tid");
	const struct column *dur = batch_column(b, "dur_ns");
	struct proc_seen seen;
	u64 end_ns;
	u32 i;
	int r;

	r = text_column_begin(&p->comm, p->texts, b, "comm");
	if (r == 0)
		r = text_column_begin(&p->cmdline, p->texts, b, "cmdline");
	for (u32 row = 0; r == 0 && row < b->nr; row++) {
		end_ns = column_or_0(ts, row);
		seen.start_ns = end_ns - MIN(column_or_0(dur, row), end_ns);
		seen.comm = text_column_get(&p->comm, row);
		seen.cmdline = text_column_get(&p->cmdline, row);
		seen.is_leader = column_or_0(pid, row) == column_or_0(tid, row);
		i = procs_find(p, (u32)column_or_0(pid, row), end_ns);
		if (i == PROC_NONE)
			return -ENOMEM;
		procs_see(&p->at[i], &seen);
	}
	return r;
}
