// SPDX-License-Identifier: BSD-2-Clause
/*
 * The report for programs: the same numbers, exact, times in ns, sizes in bytes,
 * instants in ns from the start of the recording. What is not known is null.
 */
#include <errno.h>
#include <json-c/json.h>

#include "cmd/report.h"

typedef struct json_object json;

static void put(json *o, const char *key, json *v)
{
	(void)json_object_object_add(o, key, v);
}

static void put_u64(json *o, const char *key, u64 v)
{
	put(o, key, json_object_new_uint64(v));
}

static void put_maybe(json *o, const char *key, const struct maybe *m)
{
	put(o, key, m->known ? json_object_new_uint64(m->n) : NULL);
}

static json *string(const char *p, size_t len)
{
	_cleanup_(buf_done) struct buf b = {};

	show_utf8(&b, p, len);
	return json_object_new_string_len(b.len ? b.data : "", (int)b.len);
}

static void put_str(json *o, const char *key, const char *s)
{
	put(o, key, s ? string(s, strlen(s)) : NULL);
}

static void put_text(const struct report *r, json *o, const char *key, u32 id)
{
	size_t len;
	const char *p = text_get(&r->s->texts, id, &len);

	put(o, key, id == TEXT_NONE ? NULL : string(p, len));
}

static void put_instant(const struct report *r, json *o, const char *key, u64 ts)
{
	put(o, key, json_object_new_int64((s64)(ts - r->s->start_ns)));
}

/* Of the pages of reads those that the page cache had, and those that it had not, where that is known. */
static void put_pages_read(json *o, const struct pages_read *p)
{
	json *pages = p->nr ? json_object_new_object() : NULL;

	put(o, "pages_read", pages);
	if (!pages)
		return;
	put_u64(pages, "reads", p->nr);
	put_u64(pages, "hit", p->hit);
	put_u64(pages, "missed", p->missed);
}

static void put_tally(json *o, const char *key, const struct tally *t)
{
	json *v = json_object_new_object();

	put_u64(v, "ops", t->nr);
	put_u64(v, "time_ns", t->time_ns);
	put(o, key, v);
}

static json *latency(const struct hist *h)
{
	json *o;

	if (!h->nr)
		return NULL;
	o = json_object_new_object();
	put_u64(o, "nr", h->nr);
	put_u64(o, "sum_ns", h->sum);
	put_u64(o, "min_ns", h->min);
	put_u64(o, "p50_ns", hist_percentile(h, 50));
	put_u64(o, "p90_ns", hist_percentile(h, 90));
	put_u64(o, "p99_ns", hist_percentile(h, 99));
	put_u64(o, "max_ns", h->max);
	return o;
}

static json *head(const struct report *r)
{
	const struct manifest *m = &r->s->manifest;
	json *o = json_object_new_object(), *damages;

	put_str(o, "dir", r->dir);
	put_str(o, "sonde", m->version);
	put(o, "complete", m->is_there ? json_object_new_boolean(m->complete) : NULL);
	put(o, "command", m->command.len ? string(m->command.data, m->command.len) : NULL);
	put(o, "target", m->target.len ? string(m->target.data, m->target.len) : NULL);
	put_maybe(o, "target_pid", &m->target_pid);
	put_maybe(o, "target_status", &m->target_status);
	put_str(o, "target_signal", m->target_signal);
	put_str(o, "host", m->host);
	put_str(o, "machine", m->machine);
	put_str(o, "kernel", m->kernel);
	put_maybe(o, "started_wall_ns", &m->started_wall);
	put_u64(o, "started_mono_ns", r->s->start_ns);
	put_u64(o, "length_ns", r->s->end_ns - r->s->start_ns);
	put(o, "length_is_known", json_object_new_boolean(r->s->end_is_known));
	put_u64(o, "damaged_parts", r->s->nr_damaged);
	damages = json_object_new_object();
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		if (r->s->damages[slot].text[0])
			put_str(damages, schema_event(slot)->name, r->s->damages[slot].text);
	put(o, "damages", damages);
	return o;
}

static json *rows(const struct report *r)
{
	json *o = json_object_new_object();

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		if (r->s->rows_are_counted[slot] && r->s->want[slot] &&
		    !schema_is_core(schema_event(slot)))
			put_u64(o, schema_event(slot)->name, r->s->rows[slot]);
	return o;
}

static json *losses(const struct report *r)
{
	json *a = json_object_new_array(), *o;

	for (u32 i = 0; i < r->s->nr_losses; i++) {
		const struct loss *l = &r->s->losses[i];

		o = json_object_new_object();
		put_text(r, o, "event", l->of);
		put_text(r, o, "cause", l->cause);
		put_u64(o, "records", l->nr);
		put_u64(o, "holes", l->nr_holes);
		put_u64(o, "length_ns", l->length_ns);
		put_instant(r, o, "first_ns", l->first_ns);
		put_instant(r, o, "last_ns", l->last_ns);
		(void)json_object_array_add(a, o);
	}
	return a;
}

static json *times(const struct report *r, const struct op_time *times)
{
	bool has_disks = report_has(r, SN_SLOT_block_io);
	json *all = json_object_new_object(), *o;

	for (u32 i = 0; i < NR_FILE_OPS; i++) {
		o = json_object_new_object();
		put_u64(o, "ops", times[i].all.nr);
		put_u64(o, "time_ns", times[i].all.time_ns);
		put(o, "latency", latency(&times[i].lat));
		if (has_disks) {
			put_tally(o, "with_disk_requests", &times[i].on_disk);
			put_u64(o, "waited_ns", times[i].waited_ns);
		} else {
			put(o, "with_disk_requests", NULL);
			put(o, "waited_ns", NULL);
		}
		put(all, file_op_name(i), o);
	}
	return all;
}

static json *process(const struct report *r, u32 i)
{
	const struct proc *p = &r->s->procs.at[i];
	const struct proc_use *u = fileops_of_proc(&r->s->fileops, i);
	json *o = json_object_new_object();

	put_u64(o, "pid", p->pid);
	put(o, "ppid", p->ppid ? json_object_new_uint64(p->ppid) : NULL);
	put_text(r, o, "comm", p->comm);
	put_text(r, o, "cmdline", p->cmdline);
	put(o, "began_ns", NULL);
	if (p->start_ns >= r->s->start_ns)
		put_instant(r, o, "began_ns", p->start_ns);
	put(o, "lived_ns", p->exit_ns ? json_object_new_uint64(p->lived_ns) : NULL);
	put(o, "ended",
	    p->exit_ns || report_sees_ends(r) ? json_object_new_boolean(p->exit_ns != 0) : NULL);
	put(o, "code", p->has_code ? json_object_new_uint64(p->code) : NULL);
	put_text(r, o, "signal", p->signal);
	for (u32 op = 0; op < NR_FILE_OPS; op++)
		put_tally(o, file_op_name(op), &u->ops[op]);
	put_tally(o, "pipes", &u->pipes);
	put_tally(o, "requests", &u->requests);
	put_u64(o, "failed", u->nr_failed);
	put_u64(o, "bytes_read", u->bytes_read);
	put_u64(o, "bytes_written", u->bytes_written);
	put_pages_read(o, &u->pages);
	put_u64(o, "disk_bytes", u->disk_bytes);
	return o;
}

static json *file(const struct report *r, u32 i)
{
	const struct file_use *f = &r->s->fileops.files[i];
	json *o = json_object_new_object(), *known = json_object_new_array();
	size_t len;
	const char *p;

	put_text(r, o, "path", f->path);
	for (u32 k = 0; k < r->s->fileops.nr_known; k++) {
		if (!(f->known & 1u << k))
			continue;
		p = text_get(&r->s->texts, r->s->fileops.known[k], &len);
		(void)json_object_array_add(known, string(p, len));
	}
	put(o, "path_known", known);
	put_text(r, o, "dev", f->dev);
	put_text(r, o, "fs", f->fs);
	put_text(r, o, "type", f->type);
	put(o, "ino", f->ino ? json_object_new_uint64(f->ino) : NULL);
	for (u32 op = 0; op < NR_FILE_OPS; op++)
		put_tally(o, file_op_name(op), &f->ops[op]);
	put_u64(o, "failed", f->nr_failed);
	put_u64(o, "bytes_read", f->bytes_read);
	put_u64(o, "bytes_written", f->bytes_written);
	put_pages_read(o, &f->pages);
	put(o, "latency", latency(&f->lat));
	return o;
}

static json *slowest(const struct report *r)
{
	json *a = json_object_new_array(), *o, *io_o, *faults_o;
	struct op_faults faults;
	struct op_io io;

	for (u32 i = 0; i < r->s->fileops.nr_slow; i++) {
		const struct slow_op *s = &r->s->fileops.slow[i];
		u64 start_ns = s->ts - MIN(s->dur_ns, s->ts);
		bool has_file = s->file != PAIRMAP_NONE;

		o = json_object_new_object();
		put_instant(r, o, "start_ns", start_ns);
		put_u64(o, "dur_ns", s->dur_ns);
		put_u64(o, "pid", s->pid);
		put_text(r, o, "comm", s->comm);
		put_str(o, "operation", file_op_name(s->kind));
		put_text(r, o, "call", s->call);
		put(o, "bytes", s->has_bytes ? json_object_new_uint64(s->bytes) : NULL);
		put_pages_read(o, &s->pages);
		put_text(r, o, "errno", s->error);
		put_text(r, o, "path", has_file ? r->s->fileops.files[s->file].path : s->name);
		put_u64(o, "op", s->op);
		faults_o = NULL;
		if (faults_of_op(&r->s->faults, s->op, &faults)) {
			faults_o = json_object_new_object();
			put_u64(faults_o, "nr", faults.nr);
			put_u64(faults_o, "major", faults.nr_major);
			put_u64(faults_o, "total_ns", faults.ns);
		}
		put(o, "faults", faults_o);
		io_o = NULL;
		if (disks_of_op(&r->s->disks, s->op, start_ns, s->ts, &io)) {
			io_o = json_object_new_object();
			put_u64(io_o, "requests", io.nr);
			put_u64(io_o, "bytes", io.bytes);
			put_u64(io_o, "waited_ns", io.waited_ns);
			put_u64(io_o, "device_ns", io.device_ns);
			put_u64(io_o, "queue_ns", io.queue_ns);
		}
		put(o, "disk", io_o);
		(void)json_object_array_add(a, o);
	}
	return a;
}

static json *disk(const struct report *r, const struct disk *d)
{
	json *o = json_object_new_object(), *ops = json_object_new_array(), *op;
	_cleanup_(buf_done) struct buf dev = {};
	const char *name;

	name = manifest_disk_name(&r->s->manifest, report_text(r, &dev, d->name));
	put_text(r, o, "dev", d->name);
	put_str(o, "name", *name ? name : NULL);
	put_text(r, o, "kind", d->kind);
	put_u64(o, "requests", d->nr);
	put_u64(o, "bytes", d->bytes);
	put_u64(o, "busy_ns", spans_total(&d->busy, 0, UINT64_MAX));
	put_u64(o, "errors", d->nr_errors);
	put_u64(o, "requeues", d->nr_requeues);
	put_u64(o, "in_parts", d->nr_split);
	put_u64(o, "preflush", d->nr_preflush);
	put(o, "queue", latency(&d->queue));
	put(o, "device", latency(&d->device));
	put(o, "total", latency(&d->total));
	for (u32 i = 0; i < d->nr_ops; i++) {
		if (!d->ops[i].nr)
			continue;
		op = json_object_new_object();
		put_text(r, op, "op", d->ops[i].name);
		put_u64(op, "requests", d->ops[i].nr);
		put_u64(op, "bytes", d->ops[i].bytes);
		put_u64(op, "sequential", d->ops[i].nr_seq);
		put_u64(op, "sync", d->ops[i].nr_sync);
		put_u64(op, "fua", d->ops[i].nr_fua);
		put_u64(op, "errors", d->ops[i].nr_errors);
		put(op, "total", latency(&d->ops[i].total));
		(void)json_object_array_add(ops, op);
	}
	put(o, "ops", ops);
	return o;
}

static u64 failure_value(const void *ctx, u32 i)
{
	return ((const struct failures *)ctx)->at[i].nr;
}

static json *failures(const struct report *r, const struct failures *fs, const char *what)
{
	json *a = json_object_new_array(), *o;
	_cleanup_(freep) u32 *order = NULL;
	u32 nr = 0, all;

	if (report_rank(fs->nr, failure_value, fs, r->top, &order, &nr, &all) < 0)
		return a;
	for (u32 i = 0; i < nr; i++) {
		o = json_object_new_object();
		put_text(r, o, what, fs->at[order[i]].what);
		put_text(r, o, "errno", fs->at[order[i]].error);
		put_u64(o, "nr", fs->at[order[i]].nr);
		put_u64(o, "time_ns", fs->at[order[i]].time_ns);
		(void)json_object_array_add(a, o);
	}
	return a;
}

static json *unseen(const struct report *r)
{
	const struct manifest *m = &r->s->manifest;
	const struct fileops *f = &r->s->fileops;
	json *o = json_object_new_object(), *a = json_object_new_array(), *v;

	for (u32 i = 0; i < m->nr_streams; i++) {
		if (m->streams[i].attached)
			continue;
		v = json_object_new_object();
		put_str(v, "stream", m->streams[i].name);
		put_str(v, "reason", m->streams[i].reason);
		(void)json_object_array_add(a, v);
	}
	put(o, "streams", a);
	a = json_object_new_array();
	for (u32 i = 0; i < m->nr_programs; i++) {
		u64 sum;

		v = json_object_new_object();
		put_str(v, "program", m->programs[i].name);
		put(v, "attached", json_object_new_boolean(m->programs[i].attached));
		put_str(v, "reason", m->programs[i].reason);
		put_str(v, "weaker", m->programs[i].weaker);
		put_maybe(v, "runs", &m->programs[i].runs);
		put_maybe(v, "kernel_runs", &m->programs[i].kernel_runs);
		put_maybe(v, "missed", &m->programs[i].missed);
		for (u32 j = 0; j < SN_NR_OUTCOMES; j++)
			put_maybe(v, manifest_outcomes[j], &m->programs[i].outcomes[j]);
		put(v, "adds_up", json_object_new_boolean(manifest_adds_up(&m->programs[i], &sum)));
		(void)json_object_array_add(a, v);
	}
	put(o, "programs", a);
	put_u64(o, "operations_without_path", f->nr_unnamed);
	put_u64(o, "operations_with_path", f->nr_named);
	put_u64(o, "restarted", f->nr_restarted);
	put_u64(o, "requests_not_linked", r->s->disks.nr_beyond);
	return o;
}

static json *pages(const struct report *r, const struct page_use *f)
{
	json *o = json_object_new_object(), *removed = json_object_new_object(),
	     *added = json_object_new_object();
	u64 unread;

	put_text(r, o, "path", f->path);
	put_u64(o, "ino", f->ino);
	put_text(r, o, "dev", f->dev);
	for (u32 why = 0; why < SN_NR_ADDITIONS; why++)
		put_u64(added, pages_additions[why], f->added[why]);
	put(o, "added", added);
	if (report_pages_unread(r, f, &unread))
		put_u64(o, "ahead_unread", unread);
	else
		put(o, "ahead_unread", NULL);
	put_u64(o, "dirtied", f->dirtied);
	put_u64(o, "written_back", f->written_back);
	for (u32 why = SN_REMOVAL_unknown + 1; why < SN_NR_REMOVALS; why++)
		put_u64(removed, pages_removals[why], f->removed[why]);
	put(o, "removed", removed);
	return o;
}

static json *faults(const struct report *r, const struct fault_use *u)
{
	json *o = json_object_new_object(), *severity = json_object_new_object(),
	     *access = json_object_new_object();

	put_text(r, o, "path", u->path);
	put_u64(o, "ino", u->ino);
	put_text(r, o, "dev", u->dev);
	for (u32 i = 0; i < SN_NR_SEVERITIES; i++)
		put_u64(severity, faults_severities[i], u->by_severity[i]);
	put(o, "severity", severity);
	for (u32 i = 0; i < SN_NR_ACCESSES; i++)
		put_u64(access, faults_accesses[i], u->by_access[i]);
	put(o, "access", access);
	put_u64(o, "total_ns", u->dur.sum);
	put_u64(o, "major_ns", u->major_ns);
	put_u64(o, "p50_ns", hist_percentile(&u->dur, 50));
	put_u64(o, "max_ns", u->dur.max);
	return o;
}

int report_json(struct report *r)
{
	json *o = json_object_new_object(), *a;
	_cleanup_(freep) u32 *order = NULL, *files = NULL, *cached = NULL, *faulted = NULL;
	const char *text;
	u32 nr, all;

	r->has_no_tree = true;
	put(o, "trace", head(r));
	put(o, "rows", rows(r));
	put(o, "losses", losses(r));
	put(o, "times", times(r, r->s->fileops.times));
	put(o, "pipes", times(r, r->s->fileops.pipes));
	put(o, "requests", times(r, r->s->fileops.requests));
	put_pages_read(o, &r->s->fileops.pages);
	a = json_object_new_array();
	if (report_rank(r->s->procs.nr, report_proc_value, r, r->top, &order, &nr, &all) == 0)
		for (u32 i = 0; i < nr; i++)
			(void)json_object_array_add(a, process(r, order[i]));
	put(o, "processes", a);
	a = json_object_new_array();
	if (report_rank(r->s->fileops.nr_files, report_file_value, r, r->top, &files, &nr, &all) ==
	    0)
		for (u32 i = 0; i < nr; i++)
			(void)json_object_array_add(a, file(r, files[i]));
	put(o, "files", a);
	put(o, "slowest", slowest(r));
	a = json_object_new_array();
	for (u32 i = 0; i < r->s->disks.nr; i++)
		if (r->s->disks.at[i].nr)
			(void)json_object_array_add(a, disk(r, &r->s->disks.at[i]));
	put(o, "disks", a);
	a = json_object_new_array();
	if (report_rank(r->s->pages.nr, report_pages_value, r, r->top, &cached, &nr, &all) == 0)
		for (u32 i = 0; i < nr; i++)
			(void)json_object_array_add(a, pages(r, &r->s->pages.files[cached[i]]));
	put(o, "pages", a);
	a = json_object_new_array();
	if (report_rank(r->s->faults.nr, report_faults_value, r, r->top, &faulted, &nr, &all) == 0)
		for (u32 i = 0; i < nr; i++)
			(void)json_object_array_add(a, faults(r, &r->s->faults.files[faulted[i]]));
	put(o, "faults", a);
	put(o, "failed_opens", failures(r, &r->s->fileops.failed_opens, "path"));
	put(o, "errors", failures(r, &r->s->fileops.by_call, "call"));
	put(o, "unseen", unseen(r));

	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
							 JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		buf_puts(&r->out, text);
	buf_putc(&r->out, '\n');
	(void)json_object_put(o);
	return text ? 0 : -ENOMEM;
}
