// SPDX-License-Identifier: BSD-2-Clause
#include "analyze/manifest.h"

#include <errno.h>
#include <json-c/json.h>

#define DEFAULT_PAGE_SIZE 4096u
#define LARGEST_PAGE_SIZE (1u << 20)

const char *const manifest_outcomes[SN_NR_OUTCOMES] = {
#define X(name) #name,
	SN_OUTCOMES(X)
#undef X
};

void manifest_done(struct manifest *m)
{
	json_object_put(m->root);
	buf_done(&m->command);
	buf_done(&m->target);
	buf_done(&m->filters);
	free(m->streams);
	free(m->programs);
	free(m->events);
	free(m->sampling);
	free(m->disks);
	free(m->problems);
	*m = (struct manifest){};
}

static struct json_object *get(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	if (json_object_is_type(o, json_type_object))
		(void)json_object_object_get_ex(o, key, &v);
	return v;
}

/* NULL unless it is a string with something in it, or a number, whose text is as good. */
static const char *text(struct json_object *o, const char *key)
{
	struct json_object *v = get(o, key);

	const char *s = NULL;

	if (json_object_is_type(v, json_type_string) || json_object_is_type(v, json_type_int))
		s = json_object_get_string(v);
	return s && *s ? s : NULL;
}

static struct maybe number(struct json_object *o, const char *key)
{
	struct json_object *v = get(o, key);
	struct maybe m = {};

	m.known = json_object_is_type(v, json_type_int);
	if (m.known)
		m.n = json_object_get_uint64(v);
	return m;
}

static bool truth(struct json_object *o, const char *key)
{
	return json_object_get_boolean(get(o, key));
}

/* The array's length; 0 if it is none. */
static u32 length(struct json_object *a)
{
	size_t n = json_object_is_type(a, json_type_array) ? json_object_array_length(a) : 0;

	return (u32)MIN(n, (size_t)1 << 20);
}

static bool is_plain(const char *s)
{
	if (!*s)
		return false;
	return !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "_-+=.,:/@%^")];
}

/* Quotes what a shell would not take as one word. */
static void join_word(struct buf *b, const char *s)
{
	if (b->len)
		buf_putc(b, ' ');
	if (is_plain(s)) {
		buf_puts(b, s);
		return;
	}
	buf_putc(b, '\'');
	for (; *s; s++)
		if (*s == '\'')
			buf_puts(b, "'\\''");
		else
			buf_putc(b, *s);
	buf_putc(b, '\'');
}

static void join(struct buf *b, struct json_object *argv)
{
	struct json_object *arg;

	for (u32 i = 0; i < length(argv); i++) {
		arg = json_object_array_get_idx(argv, i);
		if (json_object_is_type(arg, json_type_string))
			join_word(b, json_object_get_string(arg));
	}
}

static bool is_empty(struct json_object *v)
{
	if (json_object_is_type(v, json_type_array))
		return !length(v);
	if (json_object_is_type(v, json_type_object))
		return !json_object_object_length(v);
	if (json_object_is_type(v, json_type_boolean))
		return !json_object_get_boolean(v);
	return json_object_is_type(v, json_type_null);
}

static void put_value(struct buf *b, struct json_object *v)
{
	if (json_object_is_type(v, json_type_array)) {
		for (u32 i = 0; i < length(v); i++) {
			buf_puts(b, i ? "," : "");
			put_value(b, json_object_array_get_idx(v, i));
		}
		return;
	}
	buf_puts(b, json_object_get_string(v) ? json_object_get_string(v) : "null");
}

/* A filter that lets all rows of a process through, or none. */
static bool is_broad(const char *key)
{
	return !strcmp(key, "events") || !strcmp(key, "pid") || !strcmp(key, "pseudo_fs");
}

static void read_filters(struct manifest *m, struct json_object *filters)
{
	if (!json_object_is_type(filters, json_type_object))
		return;
	json_object_object_foreach(filters, key, v)
	{
		if (is_empty(v))
			continue;
		if (m->filters.len)
			buf_puts(&m->filters, ", ");
		buf_puts(&m->filters, key);
		m->is_narrowed |= !is_broad(key);
		if (json_object_is_type(v, json_type_boolean))
			continue;
		buf_putc(&m->filters, ' ');
		put_value(&m->filters, v);
	}
}

static int read_streams(struct manifest *m, struct json_object *a)
{
	u32 nr = length(a);

	m->streams = calloc(nr + 1, sizeof(*m->streams));
	if (!m->streams)
		return -ENOMEM;
	for (u32 i = 0; i < nr; i++) {
		struct json_object *o = json_object_array_get_idx(a, i);
		struct manifest_stream *s = &m->streams[m->nr_streams];

		s->name = text(o, "name");
		s->reason = text(o, "reason");
		s->weaker = text(o, "weaker");
		s->attached = truth(o, "attached");
		m->nr_streams += s->name != NULL;
	}
	return 0;
}

static int read_programs(struct manifest *m, struct json_object *a)
{
	u32 nr = length(a);

	m->programs = calloc(nr + 1, sizeof(*m->programs));
	if (!m->programs)
		return -ENOMEM;
	for (u32 i = 0; i < nr; i++) {
		struct json_object *o = json_object_array_get_idx(a, i);
		struct manifest_program *p = &m->programs[m->nr_programs];

		p->name = text(o, "name");
		if (!p->name)
			continue;
		p->domain = text(o, "domain");
		p->group = text(o, "group");
		p->hook = text(o, "hook");
		p->reason = text(o, "reason");
		p->weaker = text(o, "weaker");
		p->attached = truth(o, "attached");
		p->runs = number(o, "runs");
		p->missed = number(o, "missed");
		if (m->complete) /* else the two were not read at one moment */
			p->kernel_runs = number(o, "kernel_runs");
		for (u32 j = 0; j < SN_NR_OUTCOMES; j++)
			p->outcomes[j] = number(o, manifest_outcomes[j]);
		m->nr_programs++;
	}
	return 0;
}

static int read_events(struct manifest *m, struct json_object *a)
{
	u32 nr = length(a);

	m->events = calloc(nr + 1, sizeof(*m->events));
	if (!m->events)
		return -ENOMEM;
	for (u32 i = 0; i < nr; i++) {
		struct json_object *o = json_object_array_get_idx(a, i);
		struct manifest_event *e = &m->events[m->nr_events];

		e->name = text(o, "name");
		e->emitted = number(o, "emitted");
		e->put = number(o, "put");
		e->written = number(o, "written");
		e->lost_ring = number(o, "lost_ring");
		e->lost_map = number(o, "lost_map");
		e->lost_missed = number(o, "lost_missed");
		e->lost_writer = number(o, "lost_writer");
		e->in_flight = number(o, "in_flight");
		m->nr_events += e->name != NULL;
	}
	return 0;
}

static int read_sampling(struct manifest *m, struct json_object *a)
{
	u32 nr = length(a);

	m->sampling = calloc(nr + 1, sizeof(*m->sampling));
	if (!m->sampling)
		return -ENOMEM;
	for (u32 i = 0; i < nr; i++) {
		struct json_object *o = json_object_array_get_idx(a, i);
		struct manifest_sampling *s = &m->sampling[m->nr_sampling];

		s->stream = text(o, "stream");
		s->n = number(o, "n").n;
		m->nr_sampling += s->stream && s->n > 1;
	}
	return 0;
}

static int read_disks(struct manifest *m, struct json_object *a)
{
	u32 nr = length(a);

	m->disks = calloc(nr + 1, sizeof(*m->disks));
	if (!m->disks)
		return -ENOMEM;
	for (u32 i = 0; i < nr; i++) {
		struct json_object *o = json_object_array_get_idx(a, i);
		struct manifest_disk *disk = &m->disks[m->nr_disks];

		disk->dev = text(o, "dev");
		disk->name = text(o, "name");
		m->nr_disks += disk->dev && disk->name;
	}
	return 0;
}

u64 manifest_page_size(const struct manifest *m)
{
	u64 n = m->page_size.n;

	return m->page_size.known && n >= DEFAULT_PAGE_SIZE && n <= LARGEST_PAGE_SIZE &&
			       !(n & (n - 1))
		       ? n
		       : DEFAULT_PAGE_SIZE;
}

const char *manifest_disk_name(const struct manifest *m, const char *dev)
{
	for (u32 i = 0; i < m->nr_disks; i++)
		if (!strcmp(m->disks[i].dev, dev))
			return m->disks[i].name;
	return "";
}

static int read_problems(struct manifest *m, struct json_object *a)
{
	u32 nr = length(a);

	m->problems = calloc(nr + 1, sizeof(*m->problems));
	if (!m->problems)
		return -ENOMEM;
	for (u32 i = 0; i < nr; i++) {
		struct json_object *o = json_object_array_get_idx(a, i);

		if (json_object_is_type(o, json_type_string))
			m->problems[m->nr_problems++] = json_object_get_string(o);
	}
	return 0;
}

static void read_head(struct manifest *m)
{
	struct json_object *root = m->root, *target = get(root, "target");

	m->complete = truth(root, "complete");
	m->version = text(get(root, "sonde"), "version");
	m->host = text(get(root, "host"), "name");
	m->machine = text(get(root, "host"), "machine");
	m->machine_id = text(get(root, "host"), "machine_id");
	m->cpus = number(get(root, "host"), "cpus");
	m->page_size = number(get(root, "host"), "page_size");
	m->kernel = text(get(root, "kernel"), "release");
	m->started_mono = number(get(root, "started"), "mono_ns");
	m->started_wall = number(get(root, "started"), "wall_ns");
	m->stopped_mono = number(get(root, "stopped"), "mono_ns");
	join(&m->command, get(root, "command"));
	m->has_target = json_object_is_type(target, json_type_object);
	join(&m->target, get(target, "argv"));
	m->target_pid = number(target, "pid");
	m->target_status = number(target, "exit_status");
	m->target_signal = text(target, "signal");
	m->target_signalled = m->target_signal && strcmp(m->target_signal, "0");
	read_filters(m, get(root, "filters"));
}

static int read_all(struct manifest *m)
{
	int r;

	read_head(m);
	r = read_streams(m, get(m->root, "streams"));
	if (r == 0)
		r = read_programs(m, get(m->root, "programs"));
	if (r == 0)
		r = read_events(m, get(m->root, "events"));
	if (r == 0)
		r = read_sampling(m, get(m->root, "sampling"));
	if (r == 0)
		r = read_disks(m, get(m->root, "disks"));
	if (r == 0)
		r = read_problems(m, get(m->root, "problems"));
	if (m->command.failed || m->target.failed || m->filters.failed)
		r = -ENOMEM;
	return r;
}

int manifest_parse(const char *src, struct manifest *ret, struct diag *d)
{
	struct manifest m = {};
	enum json_tokener_error err;
	int r;

	if (*src) {
		m.root = json_tokener_parse_verbose(src, &err);
		if (!json_object_is_type(m.root, json_type_object)) {
			manifest_done(&m);
			return diag_err(d, -EINVAL, "manifest.json is damaged: %s",
					err == json_tokener_success ? "no object"
								    : json_tokener_error_desc(err));
		}
		m.is_there = true;
	}
	r = read_all(&m);
	if (r < 0) {
		manifest_done(&m);
		return r;
	}
	*ret = m;
	return 0;
}

bool manifest_event_adds_up(const struct manifest_event *e, bool is_core)
{
	u64 ended = e->written.n + e->lost_writer.n;

	if (!e->written.known)
		return true;
	if (!e->put.known)
		return is_core || !e->emitted.known || e->emitted.n == ended;
	if (e->put.n != ended)
		return false;
	return is_core || !e->emitted.known || e->emitted.n == e->put.n;
}

u64 manifest_event_lost(const struct manifest_event *e)
{
	return e->lost_ring.n + e->lost_map.n + e->lost_missed.n + e->lost_writer.n;
}

const struct maybe *manifest_runs(const struct manifest_program *p)
{
	return p->kernel_runs.known ? &p->kernel_runs : &p->runs;
}

/* What jumps still runs for a moment after it was left, and then jumps nowhere. */
static u64 max_idle_runs(const struct manifest_program *p)
{
	return !strcmp(p->name, "vfs_call") || !strcmp(p->name, "vfs_call_ret") ? 20 : 0;
}

bool manifest_adds_up(const struct manifest_program *p, u64 *ret_sum)
{
	u64 sum = 0;

	for (u32 i = 0; i < SN_NR_OUTCOMES; i++)
		sum += p->outcomes[i].n;
	*ret_sum = sum;
	if (p->kernel_runs.known)
		return p->kernel_runs.n >= sum && p->kernel_runs.n - sum <= max_idle_runs(p);
	return !p->runs.known || p->runs.n == sum;
}
