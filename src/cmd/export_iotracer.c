// SPDX-License-Identifier: BSD-2-Clause
/* The directories and files of IO Tracer, from a trace. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "analyze/manifest.h"
#include "cmd/export.h"
#include "sink/iotracer.h"

#define MACHINE_ID_LEN 16

struct job {
	struct export *x;
	enum iotracer_layout layout;
	struct manifest manifest;
	char started[32]; /* "20261201_131500", local */
	u32 started_ms;
	u64 rows[IOTRACER_NR_STREAMS];
	/* Below the directory: where the streams' directories are; "" is there. */
	char root[128];
	int dir_fd, root_fd;
};

/* ---- names ---- */

/* Makes the directory of this name, with all that lead to it. A descriptor. */
static int open_below(const struct export *x, int at, const char *name)
{
	_cleanup_(closep) int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char part[NAME_MAX + 1];
	int next;

	for (const char *end; fd >= 0 && *name; name = *end ? end + 1 : end) {
		end = strchrnul(name, '/');
		(void)snprintf(part, sizeof(part), "%.*s", (int)(end - name), name);
		if (mkdirat(fd, part, 0777) < 0 && errno != EEXIST)
			return diag_errno(x->d, -errno, "cannot make the directory %s in %s", part,
					  x->o->dir);
		next = openat(fd, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		closep(&fd);
		fd = next;
	}
	if (fd < 0)
		return diag_errno(x->d, -errno, "cannot open the directory %s", x->o->dir);
	return TAKE_FD(fd);
}

/* It becomes a path: what is none that sonde writes is none. */
static const char *machine_of(const struct manifest *m)
{
	const char *id = m->machine_id ?: "";

	return strlen(id) == MACHINE_ID_LEN && strspn(id, "0123456789ABCDEF") == MACHINE_ID_LEN
		       ? id
		       : "UNKNOWN";
}

static int open_root(struct job *j)
{
	j->dir_fd = export_open_dir(j->x);
	if (j->dir_fd < 0)
		return j->dir_fd;
	if (j->layout != IOTRACER_DOC)
		(void)snprintf(j->root, sizeof(j->root), "%s/%s/%s",
			       j->layout == IOTRACER_SEED ? "linux_trace" : "linux_v1",
			       machine_of(&j->manifest), j->started);
	j->root_fd = open_below(j->x, j->dir_fd, j->root);
	return MIN(j->root_fd, 0);
}

/* Where nothing was written no directory stays, unless others' files are there. */
static void remove_root(struct job *j)
{
	char *end = j->root;

	if (!j->root[0])
		return;
	while (end && unlinkat(j->dir_fd, j->root, AT_REMOVEDIR) == 0) {
		end = strrchr(j->root, '/');
		if (end)
			*end = '\0';
	}
}

/* Where a stream lies, below the root, and what its file is called. */
static void name_file(const struct job *j, enum iotracer_stream stream, char dir[32],
		      char file[NAME_MAX])
{
	static const char *const ends[] = { "csv", "csv.gz", "csv.zst" };
	const char *name = iotracer_name(j->layout, stream);

	/* Of the documentation's names those of files and disks have no directory. */
	if (j->layout == IOTRACER_DOC && stream <= IOTRACER_BLOCK) {
		dir[0] = '\0';
		(void)snprintf(file, NAME_MAX, "%s_events.csv", name);
		return;
	}
	(void)snprintf(dir, 32, "%s", name);
	(void)snprintf(file, NAME_MAX, "%s_%s_%03u.%s", name, j->started, j->started_ms,
		       ends[iotracer_packing(j->layout)]);
}

/* ---- rows ---- */

static void say_left_out(const struct iotracer_left_out *left, const char *layout)
{
	_cleanup_(buf_done) struct buf b = {};
	u64 nr = 0;

	for (u32 i = 0; left[i].name; i++) {
		nr += left[i].nr;
		buf_printf(&b, "%s%llu %s", i ? ", " : "", (unsigned long long)left[i].nr,
			   left[i].name);
	}
	buf_putc(&b, '\0');
	if (nr && !b.failed)
		cmd_warn("export",
			 "layout %s does not know some operations, which are left out: %s", layout,
			 b.data);
}

static int write_rows(struct job *j, enum iotracer_stream stream, int fd)
{
	const struct sn_event *pages = schema_event(SN_SLOT_pagecache_add);
	struct export *x = j->x;
	const struct iotracer_file file = {
		.layout = j->layout,
		.stream = stream,
		.page_size = manifest_page_size(&j->manifest),
		.knows_pages =
			x->events >> pages->slot & 1 && trace_rows(x->trace, pages, NULL) > 0,
	};
	struct sink *s;
	int r, closed;

	r = iotracer_open(fd, &file, &s);
	if (r < 0)
		return r;
	s->wall = &x->wall;
	r = export_merged(x, x->events & iotracer_events(j->layout, stream), s);
	j->rows[stream] = iotracer_rows(s);
	say_left_out(iotracer_left_out(s), iotracer_layouts[j->layout]);
	closed = s->ops->close(s, x->d);
	return r < 0 ? r : closed;
}

/* A stream without rows has no file. */
static int write_stream(struct job *j, enum iotracer_stream stream)
{
	_cleanup_(closep) int dir_fd = -1, fd = -1;
	char dir[32], file[NAME_MAX];
	int r;

	if (!(j->x->events & iotracer_events(j->layout, stream)))
		return 0;
	name_file(j, stream, dir, file);
	dir_fd = open_below(j->x, j->root_fd, dir);
	if (dir_fd < 0)
		return dir_fd;
	fd = export_create(j->x, dir_fd, file);
	if (fd < 0)
		return fd;
	r = write_rows(j, stream, fd);
	if (!r && close(TAKE_FD(fd)) < 0)
		r = diag_errno(j->x->d, -errno, "cannot write the rows");
	if (!r && j->rows[stream])
		return 0;
	(void)unlinkat(dir_fd, file, 0);
	if (dir[0])
		(void)unlinkat(j->root_fd, dir, AT_REMOVEDIR); /* unless others' files are there */
	return r < 0 ? diag_context(j->x->d, r, "%s/%s", j->x->o->dir, file) : 0;
}

/* ---- the manifest of the last version ---- */

static void add(struct json_object *o, const char *key, struct json_object *value)
{
	(void)json_object_object_add(o, key, value);
}

static struct json_object *string(const char *s)
{
	return s ? json_object_new_string(s) : NULL;
}

static struct json_object *integer(u64 n)
{
	return json_object_new_uint64(n);
}

static struct json_object *tell_streams(const struct job *j)
{
	static const char *const docs[] = { "operations on files", "requests to disks",
					    "pages of the page cache",
					    "page faults of mapped files" };
	struct json_object *all = json_object_new_object(), *stream, *list, *one;
	struct iotracer_column c;
	const char *name;

	for (u32 s = 0; s < IOTRACER_NR_STREAMS; s++) {
		if (!j->rows[s])
			continue;
		name = iotracer_name(j->layout, s);
		stream = json_object_new_object();
		list = json_object_new_array();
		for (u32 i = 0; iotracer_column(j->layout, s, i, &c); i++) {
			one = json_object_new_object();
			add(one, "name", string(c.name));
			add(one, "type", string(c.type));
			add(one, "unit", string(c.unit));
			add(one, "description", string(c.doc));
			(void)json_object_array_add(list, one);
		}
		add(stream, "subdir", string(name));
		add(stream, "filename_prefix", string(name));
		add(stream, "description", string(docs[s]));
		add(stream, "wall_clock", string("timestamp"));
		add(stream, "columns", list);
		add(all, name, stream);
	}
	return all;
}

/* Of the events of a stream, what the manifest counted. */
static struct manifest_event sum_of(const struct job *j, enum iotracer_stream stream)
{
	u64 events = iotracer_events(j->layout, stream);
	struct manifest_event sum = {};
	const struct manifest_event *e;
	const struct sn_event *ev;

	for (u32 i = 0; i < j->manifest.nr_events; i++) {
		e = &j->manifest.events[i];
		ev = schema_by_name(e->name, strlen(e->name));
		if (!ev || !(events >> ev->slot & 1))
			continue;
		sum.emitted.n += e->emitted.n;
		sum.in_flight.n += e->in_flight.n;
		sum.lost_ring.n += e->lost_ring.n;
		sum.lost_map.n += e->lost_map.n;
		sum.lost_missed.n += e->lost_missed.n;
		sum.lost_writer.n += e->lost_writer.n;
	}
	return sum;
}

static struct json_object *tell_requests(const struct job *j)
{
	struct manifest_event sum = sum_of(j, IOTRACER_BLOCK);
	struct json_object *all = json_object_new_object();

	add(all, "issued", integer(sum.emitted.n + sum.lost_missed.n + sum.in_flight.n));
	add(all, "completed", integer(sum.emitted.n));
	add(all, "missed", integer(sum.lost_missed.n));
	return all;
}

static struct json_object *tell_diagnostics(const struct job *j)
{
	struct json_object *all = json_object_new_object(), *probes = json_object_new_array(),
			   *lost = json_object_new_object(), *rows = json_object_new_object(),
			   *dropped = json_object_new_object();
	const struct manifest *m = &j->manifest;

	for (u32 i = 0; i < m->nr_programs; i++)
		if (m->programs[i].attached)
			(void)json_object_array_add(probes, string(m->programs[i].hook));
	for (u32 s = 0; s < IOTRACER_NR_STREAMS; s++) {
		const char *name = iotracer_name(j->layout, s);
		struct manifest_event sum = sum_of(j, s);

		if (!j->rows[s])
			continue;
		add(lost, name, integer(sum.lost_ring.n + sum.lost_map.n + sum.lost_missed.n));
		add(rows, name, integer(j->rows[s]));
		add(dropped, name, integer(sum.lost_writer.n));
	}
	add(all, "attached_probes", probes);
	add(all, "lost_events", lost);
	add(all, "rows_written", rows);
	add(all, "write_dropped", dropped);
	add(all, "block", tell_requests(j));
	return all;
}

static struct json_object *tell_session(const struct manifest *m)
{
	struct json_object *all = json_object_new_object();
	bool has_ended = m->stopped_mono.known && m->started_mono.known &&
			 m->stopped_mono.n >= m->started_mono.n;
	double seconds = has_ended ? (double)(m->stopped_mono.n - m->started_mono.n) / 1e9 : 0;

	if (m->started_wall.known)
		add(all, "started_at", json_object_new_double((double)m->started_wall.n / 1e9));
	if (m->started_wall.known && has_ended)
		add(all, "stopped_at",
		    json_object_new_double((double)m->started_wall.n / 1e9 + seconds));
	if (has_ended)
		add(all, "duration_seconds", json_object_new_double(seconds));
	return all;
}

static struct json_object *tell_all(const struct job *j)
{
	struct json_object *all = json_object_new_object(), *tracer = json_object_new_object(),
			   *host = json_object_new_object(), *clock = json_object_new_object();
	const struct manifest *m = &j->manifest;

	add(tracer, "version", string(m->version));
	add(host, "platform", string("Linux"));
	add(host, "kernel", string(m->kernel));
	add(host, "python", NULL);
	add(clock, "wall_clock", string("CLOCK_REALTIME"));
	add(clock, "mono_clock", string("CLOCK_MONOTONIC"));
	if (m->started_wall.known && m->started_mono.known)
		add(clock, "mono_to_real_offset_ns",
		    integer(m->started_wall.n - m->started_mono.n));
	add(clock, "note",
	    string("the offset is that of the start; timestamps follow the wall clock as it was"));
	add(all, "schema_version", json_object_new_int(1));
	add(all, "streams", tell_streams(j));
	add(all, "tracer", tracer);
	add(all, "machine_id", string(m->machine_id));
	add(all, "host", host);
	add(all, "clock", clock);
	add(all, "session", tell_session(m));
	add(all, "diagnostics", tell_diagnostics(j));
	return all;
}

static int write_manifest(struct job *j)
{
	struct json_object *all = tell_all(j);
	_cleanup_(closep) int fd = export_create(j->x, j->root_fd, "manifest.json");
	int r = MIN(fd, 0);

	if (!r &&
	    (json_object_to_fd(fd, all, JSON_C_TO_STRING_PRETTY) < 0 || close(TAKE_FD(fd)) < 0)) {
		r = diag_errno(j->x->d, -errno, "cannot write manifest.json");
		(void)unlinkat(j->root_fd, "manifest.json", 0);
	}
	(void)json_object_put(all);
	return r;
}

/* ---- life ---- */

static int set_start(struct job *j)
{
	u64 start_ns = 0, ns;
	time_t second;
	struct tm tm;
	int r = export_start(j->x, &start_ns);

	if (r < 0)
		return r;
	ns = wall_at(&j->x->wall, start_ns);
	second = (time_t)(ns / 1000000000);
	(void)localtime_r(&second, &tm);
	(void)strftime(j->started, sizeof(j->started), "%Y%m%d_%H%M%S", &tm);
	j->started_ms = (u32)(ns % 1000000000 / 1000000);
	return 0;
}

/* It says but a little that is wanted here: one that cannot be read costs no rows. */
static int read_manifest(struct job *j)
{
	struct diag d = {};
	int r = manifest_parse(trace_manifest(j->x->trace), &j->manifest, &d);

	if (r != -EINVAL)
		return r;
	cmd_warn("export", "%s", d.text);
	manifest_done(&j->manifest);
	j->manifest = (struct manifest){};
	return 0;
}

int export_iotracer(struct export *x)
{
	struct job j = { .x = x,
			 .dir_fd = -1,
			 .root_fd = -1,
			 .layout = (enum iotracer_layout)MAX(x->o->layout, 0) };
	u64 rows = 0;
	int r = read_manifest(&j);

	r = r < 0 ? r : set_start(&j);
	r = r < 0 ? r : open_root(&j);
	for (u32 s = 0; !r && s < IOTRACER_NR_STREAMS; s++) {
		r = write_stream(&j, s);
		rows += j.rows[s];
	}
	if (!r && rows && j.layout == IOTRACER_HEAD)
		r = write_manifest(&j);
	if (!r && !rows)
		cmd_warn("export",
			 "nothing was written: there are no rows of what IO Tracer writes");
	if (!rows)
		remove_root(&j);
	closep(&j.root_fd);
	closep(&j.dir_fd);
	manifest_done(&j.manifest);
	return r;
}
