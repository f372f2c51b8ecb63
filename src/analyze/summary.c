// SPDX-License-Identifier: BSD-2-Clause
#include "analyze/summary.h"

#include <errno.h>
#include <string.h>

#define LOSSES_MAX 4096 /* pairs of event and cause */
#define COLUMNS_MAX 32  /* names in one list */

void summary_free(struct summary *s)
{
	if (!s)
		return;
	fileops_done(&s->fileops);
	disks_done(&s->disks);
	pages_done(&s->pages);
	faults_done(&s->faults);
	procs_done(&s->procs);
	texts_done(&s->texts);
	manifest_done(&s->manifest);
	free(s->losses);
	free(s);
}

/* Takes the batches of one event. */
typedef int (*take_fn)(struct summary *s, const struct batch *b);

/* Damage costs the rows that it is in. Short memory is no damage. */
static int damaged(struct diag *damage, int r, struct diag *d)
{
	if (r == -ENOMEM)
		return diag_err(d, r, "%s", damage->text[0] ? damage->text : "memory is short");
	return diag_err(damage, 0, "%s", strerror(-r));
}

static int each_batch(struct summary *s, struct trace *t, const struct sn_event *ev,
		      const char *const *columns, u64 from_ns, u64 to_ns, take_fn take,
		      struct diag *d)
{
	_cleanup_(trace_cursor_freep) struct trace_cursor *c = NULL;
	struct diag *damage = &s->damages[ev->slot];
	const char *own[COLUMNS_MAX + 1] = {};
	const struct batch *b;
	u32 nr = 0;
	int r;

	if (!s->rows[ev->slot])
		return 0;
	/* Of the columns that an analyzer knows of, each event has some. */
	for (; *columns && nr < COLUMNS_MAX; columns++)
		if (schema_column(ev, *columns) >= 0)
			own[nr++] = *columns;
	r = trace_cursor_open(t, ev, own, from_ns, to_ns, &c, damage);
	if (r < 0)
		return damaged(damage, r, d);
	while ((r = trace_cursor_next(c, &b, damage))) {
		if (r < 0) {
			r = damaged(damage, r, d);
			if (r < 0)
				return r;
			continue; /* what follows may be whole */
		}
		r = take(s, b);
		if (r < 0)
			return diag_errno(d, r, "cannot sum up %s", ev->name);
	}
	return 0;
}

static int take_procs(struct summary *s, const struct batch *b)
{
	return procs_batch(&s->procs, b);
}

static int take_disks(struct summary *s, const struct batch *b)
{
	int r = disks_batch(&s->disks, b);

	return r < 0 ? r : procs_see_batch(&s->procs, b);
}

static int take_names(struct summary *s, const struct batch *b)
{
	return fileops_names(&s->fileops, b);
}

static int take_fileops(struct summary *s, const struct batch *b)
{
	return fileops_batch(&s->fileops, b);
}

static int take_pages(struct summary *s, const struct batch *b)
{
	return pages_batch(&s->pages, b);
}

static int take_faults(struct summary *s, const struct batch *b)
{
	return faults_batch(&s->faults, b);
}

static int take_asked(struct summary *s, const struct batch *b)
{
	return pages_asked_batch(&s->pages, b);
}

static struct loss *loss_of(struct summary *s, u32 of, u32 cause)
{
	struct loss *losses;

	for (u32 i = 0; i < s->nr_losses; i++)
		if (s->losses[i].of == of && s->losses[i].cause == cause)
			return &s->losses[i];
	if (s->nr_losses == LOSSES_MAX)
		return NULL;
	losses = reallocarray(s->losses, s->nr_losses + 1, sizeof(*losses));
	if (!losses)
		return NULL;
	s->losses = losses;
	losses[s->nr_losses] = (struct loss){ .of = of, .cause = cause, .first_ns = UINT64_MAX };
	return &losses[s->nr_losses++];
}

/* An event of another version is none of ours, but its loss is worth a word. */
static bool is_wanted(const struct summary *s, u32 of)
{
	const struct sn_event *ev;
	const char *name;
	size_t len;

	name = text_get(&s->texts, of, &len);
	ev = schema_by_name(name, len);
	return !ev || s->want[ev->slot];
}

static int take_lost(struct summary *s, const struct batch *b)
{
	_cleanup_(text_column_done) struct text_column of = {}, cause = {};
	u64 first_ns, last_ns;
	struct loss *loss;
	int r;

	r = text_column_begin(&of, &s->texts, b, "of");
	if (r == 0)
		r = text_column_begin(&cause, &s->texts, b, "cause");
	for (u32 row = 0; r == 0 && row < b->nr; row++) {
		first_ns = batch_num(b, "first_ns", row);
		last_ns = MAX(batch_num(b, "last_ns", row), first_ns);
		if (last_ns < s->from_ns || first_ns > s->to_ns)
			continue;
		if (!is_wanted(s, text_column_get(&of, row)))
			continue;
		loss = loss_of(s, text_column_get(&of, row), text_column_get(&cause, row));
		if (!loss)
			return -ENOMEM;
		loss->nr += batch_num(b, "nr", row);
		loss->nr_holes++;
		loss->first_ns = MIN(loss->first_ns, first_ns);
		loss->last_ns = MAX(loss->last_ns, last_ns);
		loss->length_ns += last_ns - first_ns;
	}
	return s->texts.failed ? -ENOMEM : r;
}

static int take_first(struct summary *s, const struct batch *b)
{
	u64 ts;

	for (u32 row = 0; row < b->nr; row++) {
		ts = batch_num(b, "ts", row);
		s->start_ns = MIN(s->start_ns, ts);
		s->end_ns = MAX(s->end_ns, ts);
	}
	return 0;
}

/*
 * When the recording began and ended: as the manifest says, else as the rows do.
 * A trace without an end has been cut off, and what it holds is its length.
 */
static int find_window(struct summary *s, struct trace *t, const struct summary_opts *opts,
		       struct diag *d)
{
	static const char *const columns[] = { "ts", NULL };
	const struct manifest *m = &s->manifest;
	int r = 0;

	s->start_is_known = m->started_mono.known;
	s->end_is_known = m->stopped_mono.known;
	s->start_ns = s->start_is_known ? m->started_mono.n : UINT64_MAX;
	s->end_ns = s->end_is_known ? m->stopped_mono.n : 0;
	if (!s->start_is_known || !s->end_is_known)
		for (u32 slot = 0; r == 0 && slot < SN_NR_EVENTS; slot++)
			if (!schema_is_core(schema_event(slot)))
				r = each_batch(s, t, schema_event(slot), columns, 0, UINT64_MAX,
					       take_first, d);
	if (s->start_is_known)
		s->start_ns = m->started_mono.n;
	if (s->start_ns == UINT64_MAX)
		s->start_ns = 0;
	s->end_ns = MAX(s->end_ns, s->start_ns);

	s->from_ns = opts->since_ns ? s->start_ns + opts->since_ns : 0;
	if (s->from_ns < opts->since_ns)
		s->from_ns = UINT64_MAX;
	s->to_ns = opts->until_ns == UINT64_MAX ? UINT64_MAX : s->start_ns + opts->until_ns;
	if (s->to_ns < s->start_ns)
		s->to_ns = UINT64_MAX;
	return r;
}

static int count_rows(struct summary *s, struct trace *t, const struct summary_opts *opts,
		      struct diag *d)
{
	const struct sn_event *ev;
	s64 nr;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		ev = schema_event(slot);
		s->want[slot] = opts->want[slot] || schema_is_core(ev);
		if (!s->want[slot] && ev->id >> 8 != SN_EV_proc_fork >> 8)
			continue;
		nr = trace_rows(t, ev, &s->damages[slot]);
		if (nr < 0 && damaged(&s->damages[slot], (int)nr, d) < 0)
			return (int)nr;
		s->rows[slot] = nr < 0 ? 0 : (u64)nr;
		s->rows_are_counted[slot] = nr >= 0;
	}
	return 0;
}

static int read_events(struct summary *s, struct trace *t, struct diag *d)
{
	static const enum sn_event_slot procs[] = { SN_SLOT_tasks, SN_SLOT_proc_fork,
						    SN_SLOT_proc_exec, SN_SLOT_proc_rename,
						    SN_SLOT_proc_exit };
	static const enum sn_event_slot fileops[] = {
		SN_SLOT_vfs_read,      SN_SLOT_vfs_write,   SN_SLOT_vfs_open,
		SN_SLOT_vfs_close,     SN_SLOT_vfs_fsync,   SN_SLOT_vfs_copy,
		SN_SLOT_vfs_unlink,    SN_SLOT_vfs_mkdir,   SN_SLOT_vfs_mknod,
		SN_SLOT_vfs_symlink,   SN_SLOT_vfs_rename,  SN_SLOT_vfs_link,
		SN_SLOT_vfs_getattr,   SN_SLOT_vfs_setattr, SN_SLOT_vfs_truncate,
		SN_SLOT_vfs_fallocate, SN_SLOT_vfs_readdir, SN_SLOT_vfs_chdir,
		SN_SLOT_vfs_mmap,      SN_SLOT_vfs_munmap,  SN_SLOT_vfs_mremap,
		SN_SLOT_vfs_msync,     SN_SLOT_vfs_madvise,
	};
	static const enum sn_event_slot pages[] = { SN_SLOT_pagecache_add, SN_SLOT_pagecache_dirty,
						    SN_SLOT_pagecache_writeback,
						    SN_SLOT_pagecache_remove };
	static const enum sn_event_slot asked[] = { SN_SLOT_vfs_read, SN_SLOT_vfs_copy,
						    SN_SLOT_vfs_mmap };
	static const char *const lost_columns[] = {
		"first_ns", "last_ns", "nr", "of", "cause", NULL
	};
	static const char *const path_columns[] = { "ino", "dev", "gen", "path", NULL };
	int r = 0;

	for (u32 i = 0; r == 0 && i < ARRAY_SIZE(procs); i++)
		r = each_batch(s, t, schema_event(procs[i]), procs_columns, 0, UINT64_MAX,
			       take_procs, d);
	if (r == 0)
		r = procs_build(&s->procs);
	/* All of them: a request may complete after the window of the operation that caused it. */
	if (r == 0)
		r = each_batch(s, t, schema_event(SN_SLOT_block_io), disks_columns, 0, UINT64_MAX,
			       take_disks, d);
	if (r == 0)
		r = disks_build(&s->disks);
	if (r == 0)
		r = each_batch(s, t, schema_event(SN_SLOT_paths), path_columns, 0, UINT64_MAX,
			       take_names, d);
	for (u32 i = 0; r == 0 && i < ARRAY_SIZE(fileops); i++)
		r = each_batch(s, t, schema_event(fileops[i]), fileops_columns, s->from_ns,
			       s->to_ns, take_fileops, d);
	if (r == 0)
		r = fileops_build(&s->fileops);
	for (u32 i = 0; r == 0 && i < ARRAY_SIZE(pages); i++)
		r = each_batch(s, t, schema_event(pages[i]), pages_columns, s->from_ns, s->to_ns,
			       take_pages, d);
	for (u32 i = 0; r == 0 && s->pages.nr_words && i < ARRAY_SIZE(asked); i++)
		r = each_batch(s, t, schema_event(asked[i]), pages_asked_columns, 0, UINT64_MAX,
			       take_asked, d);
	for (u32 i = 0; r == 0 && i < s->fileops.nr_slow; i++)
		r = faults_watch(&s->faults, s->fileops.slow[i].op);
	if (r == 0)
		r = each_batch(s, t, schema_event(SN_SLOT_fault_file), faults_columns, s->from_ns,
			       s->to_ns, take_faults, d);
	if (r == 0)
		r = each_batch(s, t, schema_event(SN_SLOT_lost), lost_columns, 0, UINT64_MAX,
			       take_lost, d);
	return r;
}

/* As for the reader: a damaged manifest costs what it says, not the rows. */
static int read_manifest(struct summary *s, struct trace *t)
{
	int r = manifest_parse(trace_manifest(t), &s->manifest, &s->manifest_error);

	return r == -EINVAL ? 0 : r;
}

int summary_read(struct trace *t, const struct summary_opts *opts, struct summary **ret,
		 struct diag *d)
{
	_cleanup_(summary_freep) struct summary *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	procs_init(&s->procs, &s->texts);
	r = read_manifest(s, t);
	faults_init(&s->faults, &s->texts);
	pages_init(&s->pages, &s->texts, manifest_page_size(&s->manifest));
	if (r == 0)
		r = count_rows(s, t, opts, d);
	if (r == 0)
		r = find_window(s, t, opts, d);
	if (r == 0) {
		disks_init(&s->disks, &s->texts, s->from_ns, s->to_ns);
		r = fileops_init(&s->fileops, &s->texts, &s->procs, &s->disks, s->from_ns, s->to_ns,
				 opts->max_slow);
	}
	if (r == 0)
		r = read_events(s, t, d);
	if (r < 0)
		return r;
	s->nr_damaged = trace_damaged_parts(t);
	*ret = TAKE_PTR(s);
	return 0;
}
