// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/manifest_text.h"

#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "base/devnum.h"
#include "base/json.h"
#include "trace/marks.h"

static const char *const outcome_names[] = {
#define X(name) #name,
	SN_OUTCOMES(X)
#undef X
};

static const char *const cause_names[] = {
#define X(name) #name,
	SN_CAUSES(X)
#undef X
};

void machine_id(char ret[17])
{
	_cleanup_(closep) int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
	u8 digest[SHA256_DIGEST_LENGTH];
	char text[128];
	SHA2_CTX sha;
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

	ret[0] = '\0';
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	if (n <= 0)
		return;
	SHA256Init(&sha);
	SHA256Update(&sha, (const u8 *)text, (size_t)n);
	SHA256Final(digest, &sha);
	for (int i = 0; i < 8; i++)
		(void)snprintf(ret + 2 * i, 3, "%02X", digest[i]);
}

u64 peak_rss_bytes(void)
{
	_cleanup_(closep) int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	char text[4096];
	const char *p;
	u64 kib = 0;
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	p = strstr(text, "VmHWM:");
	for (p = p ? p + strlen("VmHWM:") : ""; *p == ' ' || *p == '\t'; p++)
		;
	for (; *p >= '0' && *p <= '9'; p++)
		kib = kib * 10 + (u64)(*p - '0');
	return kib * 1024;
}

/* ---- JSON ---- */

static void key(struct buf *b, const char *name)
{
	char last = b->len ? b->data[b->len - 1] : '{';

	if (last != '{' && last != '[')
		buf_putc(b, ',');
	json_put_string(b, name, strlen(name));
	buf_putc(b, ':');
}

static void item(struct buf *b)
{
	if (b->data[b->len - 1] != '[')
		buf_putc(b, ',');
}

static void put_str(struct buf *b, const char *name, const char *value)
{
	key(b, name);
	if (value)
		json_put_string(b, value, strlen(value));
	else
		buf_puts(b, "null");
}

static void put_u64(struct buf *b, const char *name, u64 value)
{
	key(b, name);
	buf_put_u64(b, value);
}

static void put_maybe(struct buf *b, const char *name, bool known, u64 value)
{
	key(b, name);
	if (known)
		buf_put_u64(b, value);
	else
		buf_puts(b, "null");
}

static void put_bool(struct buf *b, const char *name, bool value)
{
	key(b, name);
	buf_puts(b, value ? "true" : "false");
}

static void put_argv(struct buf *b, const char *name, char *const *argv)
{
	key(b, name);
	buf_putc(b, '[');
	for (; argv && *argv; argv++) {
		item(b);
		json_put_string(b, *argv, strlen(*argv));
	}
	buf_putc(b, ']');
}

/* ---- parts ---- */

static void put_host(struct buf *b, const struct manifest_facts *f)
{
	struct utsname u = {};
	char id[17];

	(void)uname(&u);
	machine_id(id);
	key(b, "host");
	buf_putc(b, '{');
	put_str(b, "name", u.nodename);
	put_str(b, "machine_id", id[0] ? id : NULL);
	put_str(b, "machine", u.machine);
	put_u64(b, "cpus", (u64)sysconf(_SC_NPROCESSORS_ONLN));
	put_u64(b, "page_size", (u64)sysconf(_SC_PAGESIZE));
	buf_putc(b, '}');
	key(b, "kernel");
	buf_putc(b, '{');
	put_str(b, "release", u.release);
	put_str(b, "version", u.version);
	buf_putc(b, '}');
	put_argv(b, "command", f->command);
}

static void put_target(struct buf *b, const struct target *t)
{
	key(b, "target");
	if (!t->pid) {
		buf_puts(b, "null");
		return;
	}
	buf_putc(b, '{');
	put_argv(b, "argv", t->argv);
	put_u64(b, "pid", (u64)t->pid);
	put_maybe(b, "exit_status", t->has_ended && WIFEXITED(t->wait_status),
		  (u64)WEXITSTATUS(t->wait_status));
	put_maybe(b, "signal", t->has_ended && WIFSIGNALED(t->wait_status),
		  (u64)WTERMSIG(t->wait_status));
	buf_putc(b, '}');
}

static void put_instant(struct buf *b, const char *name, u64 mono, u64 wall)
{
	key(b, name);
	buf_putc(b, '{');
	put_u64(b, "mono_ns", mono);
	put_u64(b, "wall_ns", wall);
	buf_putc(b, '}');
}

static void put_ids(struct buf *b, const char *name, const u32 *ids, u32 nr)
{
	if (!nr)
		return;
	key(b, name);
	buf_putc(b, '[');
	for (u32 i = 0; i < nr; i++) {
		item(b);
		buf_put_u64(b, ids[i]);
	}
	buf_putc(b, ']');
}

static void put_words(struct buf *b, const char *name, const struct opt_strings *words)
{
	if (!words->nr)
		return;
	key(b, name);
	buf_putc(b, '[');
	for (u32 i = 0; i < words->nr; i++) {
		item(b);
		json_put_string(b, words->v[i], strlen(words->v[i]));
	}
	buf_putc(b, ']');
}

static void put_filters(struct buf *b, const struct filter_opts *o, const struct feed *l)
{
	key(b, "filters");
	buf_putc(b, '{');
	put_words(b, "events", &o->streams);
	put_words(b, "op", &o->ops);
	put_ids(b, "pid", o->pids.v, o->pids.nr);
	put_ids(b, "tid", o->tids.v, o->tids.nr);
	put_ids(b, "uid", l->uids, l->nr_uids);
	if (o->comm)
		put_str(b, "comm", o->comm);
	put_words(b, "cgroup", &o->cgroups);
	if (o->children == CHILDREN_NO)
		put_bool(b, "no_children", true);
	put_words(b, "device", &o->devices);
	if (o->min_latency_ns)
		put_u64(b, "min_latency_ns", o->min_latency_ns);
	if (o->min_bytes)
		put_u64(b, "min_bytes", o->min_bytes);
	if (o->max_bytes != UINT64_MAX)
		put_u64(b, "max_bytes", o->max_bytes);
	if (o->sectors.from)
		put_u64(b, "first_sector", o->sectors.from);
	if (o->sectors.to != UINT64_MAX)
		put_u64(b, "last_sector", o->sectors.to);
	if (o->errors)
		put_bool(b, "errors", true);
	if (o->pseudo_fs)
		put_bool(b, "pseudo_fs", true);
	buf_putc(b, '}');
}

static void put_sampling(struct buf *b, const struct feed *l)
{
	key(b, "sampling");
	buf_putc(b, '[');
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		if (l->sample[slot] <= 1)
			continue;
		item(b);
		buf_putc(b, '{');
		put_str(b, "stream", schema_event(slot)->name);
		put_u64(b, "n", l->sample[slot]);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

static void put_streams(struct buf *b, const struct feed *l, const struct probes *p)
{
	_cleanup_(buf_done) struct buf lack = {}, text = {};
	const char *why;
	bool seen;

	key(b, "streams");
	buf_putc(b, '[');
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		if (!(l->events >> slot & 1))
			continue;
		seen = probes_sees(p, slot, &why);
		item(b);
		buf_putc(b, '{');
		put_str(b, "name", schema_event(slot)->name);
		put_bool(b, "attached", seen);
		put_str(b, "reason", seen ? NULL : why);
		if (seen && !probes_sees_all(p, slot, &lack)) {
			text.len = 0;
			buf_printf(&text, "not %s", lack.data);
			buf_putc(&text, '\0');
			put_str(b, "weaker", text.data);
		}
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

static const char *const need_prefix[] = {
	[NEED_KCALLS] = "kprobe/",       [NEED_TP_BTF] = "tp_btf/",  [NEED_TP_BTF1] = "tp_btf/",
	[NEED_TP_BTF2] = "tp_btf/",      [NEED_TP_BTF3] = "tp_btf/", [NEED_FENTRY] = "fentry/",
	[NEED_ITER] = "iter/",           [NEED_CALLS] = "fentry/",   [NEED_KPROBE] = "kprobe/",
	[NEED_FENTRY_ARGS] = "fentry/",  [NEED_TP_BTF4] = "tp_btf/", [NEED_TP_BTF5] = "tp_btf/",
	[NEED_TP_BTF7] = "tp_btf/",      [NEED_JUMP] = "jump/",      [NEED_TRACEPOINTS] = "raw_tp/",
	[NEED_COUNTERS] = "perf_event/",
};

/* What the program hangs on: what is jumped to, on that of the program which jumps. */
static const struct probe_prog *hook_of(const struct probe_prog *row)
{
	for (u32 i = 0; row->need == NEED_JUMP && i < SN_NR_PROGS; i++)
		if (!strcmp(probe_progs[i].name, row->target))
			return &probe_progs[i];
	return row;
}

static void put_program(struct buf *b, const struct probes *p, enum sn_prog prog,
			bool kernel_counted)
{
	const struct probe_prog *row = &probe_progs[prog], *hook = hook_of(row);
	const struct probe_outcome *outcome = probes_outcome(p, prog);
	bool attached = outcome->state == PROBE_ATTACHED;
	struct probe_counts counts;
	char text[160];

	probes_counts(p, prog, &counts);
	buf_putc(b, '{');
	(void)snprintf(text, sizeof(text), "%.*s", (int)strcspn(row->name, "_"), row->name);
	put_str(b, "domain", text);
	put_str(b, "name", row->name);
	put_str(b, "group", row->group);
	(void)snprintf(text, sizeof(text), "%s%s", need_prefix[hook->need], hook->target);
	put_str(b, "hook", text);
	put_bool(b, "attached", attached);
	put_str(b, "reason", attached || !outcome->why[0] ? NULL : outcome->why);
	probes_weaker(p, prog, text, sizeof(text));
	put_str(b, "weaker", text);
	put_maybe(b, "runs", attached, counts.runs);
	if (kernel_counted)
		put_maybe(b, "kernel_runs", attached, counts.nr_timed);
	put_maybe(b, "missed", attached && counts.has_missed, counts.missed);
	put_maybe(b, "run_ns", counts.nr_timed != 0, counts.run_ns);
	for (u32 o = 0; o < SN_NR_OUTCOMES; o++)
		put_maybe(b, outcome_names[o], attached, counts.by_outcome[o]);
	buf_putc(b, '}');
}

/* What optional hooks on functions would show is said by the streams that lack it. */
static bool is_lack(enum sn_prog prog)
{
	enum probe_need need = probe_progs[prog].need;

	return probe_progs[prog].role == ROLE_REQUIRED ||
	       (probe_progs[prog].role == ROLE_OPTIONAL && need != NEED_FENTRY &&
		need != NEED_KPROBE);
}

static void put_programs(struct buf *b, const struct feed *l, const struct probes *p)
{
	bool kernel_counted = capture_kernel_counted(l->capture);

	key(b, "programs");
	buf_putc(b, '[');
	for (u32 i = 0; i < SN_NR_PROGS; i++) {
		enum probe_state state = probes_outcome(p, i)->state;

		if (state == PROBE_NOT_ASKED || state == PROBE_NOT_NEEDED ||
		    (state != PROBE_ATTACHED && !is_lack(i)))
			continue;
		item(b);
		put_program(b, p, i, kernel_counted);
	}
	buf_putc(b, ']');
}

void record_losses(struct feed *l, const struct trace_writer *w, struct feed_losses *ret)
{
	struct trace_writer_losses by_writer;

	feed_losses(l, ret);
	trace_writer_losses(w, &by_writer);
	for (u32 i = 0; i < SN_NR_CAUSES; i++)
		ret->records[i] += by_writer.by_cause[i];
}

/* Rows of all events, by cause: the sums of the holes in lost/. */
static void put_losses(struct buf *b, const struct manifest_facts *f)
{
	struct feed_losses lost;

	record_losses(f->feed, f->writer, &lost);
	key(b, "losses");
	buf_putc(b, '{');
	for (u32 i = 0; i < SN_NR_CAUSES; i++)
		put_u64(b, cause_names[i], lost.records[i]);
	buf_putc(b, '}');
}

static void put_disks(struct buf *b, const struct disk_names *disks)
{
	key(b, "disks");
	buf_putc(b, '[');
	for (u32 i = 0; i < disks->nr; i++) {
		const struct disk_name *disk = &disks->at[i];
		char dev[32];

		(void)snprintf(dev, sizeof(dev), "%u:%u", devnum_major(disk->dev),
			       devnum_minor(disk->dev));
		item(b);
		buf_putc(b, '{');
		put_str(b, "dev", dev);
		put_str(b, "name", disk->name);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

static void put_events(struct buf *b, const struct manifest_facts *f)
{
	const u64(*lost)[SN_NR_CAUSES] = f->feed->lost;
	struct trace_writer_counts counts;
	struct sn_percpu sum;

	probes_percpu(capture_probes(f->feed->capture), &sum);
	key(b, "events");
	buf_putc(b, '[');
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		const struct sn_event *ev = schema_event(slot);

		/* what comes only to make names from is not written as rows */
		if (!schema_is_core(ev) && !(f->feed->events >> slot & 1))
			continue;
		trace_writer_counts(f->writer, ev, &counts);
		if (!counts.put && !sum.emitted[slot] && !sum.nr_lost[slot] && !sum.in_flight[slot])
			continue;
		item(b);
		buf_putc(b, '{');
		put_str(b, "name", ev->name);
		put_u64(b, "emitted", sum.emitted[slot]);
		put_u64(b, "put", counts.put);
		put_u64(b, "written", counts.written);
		put_u64(b, "lost_ring", lost[slot][SN_CAUSE_ring]);
		put_u64(b, "lost_map", lost[slot][SN_CAUSE_map]);
		put_u64(b, "lost_missed", lost[slot][SN_CAUSE_missed]);
		put_u64(b, "lost_writer", counts.lost);
		put_u64(b, "in_flight", (u64)MAX(sum.in_flight[slot], 0));
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

static void put_cost(struct buf *b, const struct manifest_facts *f)
{
	struct capture *c = f->feed->capture;
	const struct rings_stats *rings = capture_ring_stats(c);
	struct enrich_stats names;
	struct rusage u = {};

	(void)getrusage(RUSAGE_SELF, &u);
	enrich_get_stats(f->feed->enrich, &names);
	key(b, "ring");
	buf_putc(b, '{');
	put_u64(b, "size_bytes", capture_ring_bytes(c));
	put_u64(b, "cpus", capture_nr_rings(c));
	put_u64(b, "max_fill_bytes", rings->max_fill_bytes);
	put_u64(b, "records", rings->records);
	put_u64(b, "late", rings->late);
	put_u64(b, "malformed", rings->malformed);
	buf_putc(b, '}');
	key(b, "names");
	buf_putc(b, '{');
	put_u64(b, "dropped_threads", names.dropped_threads);
	put_u64(b, "dropped_paths", names.dropped_paths);
	put_u64(b, "dropped_cgroups", names.dropped_cgroups);
	buf_putc(b, '}');
	key(b, "cost");
	buf_putc(b, '{');
	key(b, "user_s");
	buf_printf(b, "%lld.%06ld", (long long)u.ru_utime.tv_sec, (long)u.ru_utime.tv_usec);
	key(b, "sys_s");
	buf_printf(b, "%lld.%06ld", (long long)u.ru_stime.tv_sec, (long)u.ru_stime.tv_usec);
	key(b, "start_s");
	buf_printf(b, "%.6f", f->start_cpu_s);
	put_u64(b, "max_rss_bytes", peak_rss_bytes());
	put_u64(b, "trace_bytes", trace_writer_bytes(f->writer));
	buf_putc(b, '}');
}

/* Sentences for the reader of the trace: what was asked for and not seen, or could not be written. */
static void put_problems(struct buf *b, const struct manifest_facts *f, const struct probes *p)
{
	const struct feed *l = f->feed;
	struct diag d = {};
	char text[320];
	const char *why;

	key(b, "problems");
	buf_putc(b, '[');
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		if (!(l->events >> slot & 1) || probes_sees(p, slot, &why))
			continue;
		(void)snprintf(text, sizeof(text), "%s could not be observed: %s",
			       schema_event(slot)->name, why);
		item(b);
		json_put_string(b, text, strlen(text));
	}
	if (trace_writer_error(f->writer, &d) < 0) {
		item(b);
		json_put_string(b, d.text, strlen(d.text));
	}
	buf_putc(b, ']');
}

void manifest_text(struct buf *b, const struct manifest_facts *f)
{
	const struct feed *l = f->feed;
	const struct probes *p = capture_probes(l->capture);

	buf_putc(b, '{');
	key(b, "sonde");
	buf_putc(b, '{');
	put_str(b, "version", SONDE_VERSION);
	put_u64(b, "schema", TRACE_SCHEMA);
	buf_putc(b, '}');
	put_bool(b, "complete", f->is_complete);
	put_host(b, f);
	put_disks(b, f->disks);
	put_target(b, &l->target);
	put_instant(b, "started", l->started_ns, l->started_wall_ns);
	if (f->is_complete)
		put_instant(b, "stopped", l->stopped_ns, l->stopped_wall_ns);
	key(b, "clock");
	buf_puts(b, "{\"name\":\"CLOCK_MONOTONIC\"");
	put_u64(b, "offset_ns", l->started_wall_ns - l->started_ns);
	buf_putc(b, '}');
	put_filters(b, &f->opts->filter, l);
	put_sampling(b, l);
	put_streams(b, l, p);
	put_programs(b, l, p);
	put_events(b, f);
	put_losses(b, f);
	put_cost(b, f);
	put_problems(b, f, p);
	buf_puts(b, "}\n");
}
