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

#define DEFAULT_PAGE 4096

struct job {
	struct export *x;
	enum iotracer_layout layout;
	struct manifest manifest;
	char started[32]; /* "20261201_131500", local */
	u32 started_ms;
	u64 rows[IOTRACER_NR_STREAMS];
	char root
		[PATH_MAX]; /* below the directory: where the streams' directories are; "" is there */
	int root_fd;
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

static int open_root(struct job *j)
{
	struct export *x = j->x;
	_cleanup_(closep) int dir_fd = -1;

	if (mkdir(x->o->dir, 0777) < 0 && errno != EEXIST)
		return diag_errno(x->d, -errno, "cannot make the directory %s", x->o->dir);
	dir_fd = open(x->o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return diag_errno(x->d, -errno, "cannot open the directory %s", x->o->dir);
	if (j->layout != IOTRACER_DOC)
		(void)snprintf(j->root, sizeof(j->root), "%s/%s/%s",
			       j->layout == IOTRACER_SEED ? "linux_trace" : "linux_v1",
			       j->manifest.machine_id ?: "UNKNOWN", j->started);
	j->root_fd = open_below(x, dir_fd, j->root);
	return MIN(j->root_fd, 0);
}

/* Where a stream lies, below the root, and what its file is called. */
static void name_file(const struct job *j, enum iotracer_stream stream, char dir[32],
		      char file[NAME_MAX])
{
	static const char *const ends[] = { "csv", "csv.gz", "csv.zst" };
	const char *name = iotracer_name(j->layout, stream);

	/* Of the documentation's names those of files and disks have no directory. */
	if (j->layout == IOTRACER_DOC && stream != IOTRACER_CACHE) {
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
	struct export *x = j->x;
	const struct iotracer_file file = {
		.layout = j->layout,
		.stream = stream,
		.page_size = j->manifest.page_size.known ? j->manifest.page_size.n : DEFAULT_PAGE,
		.knows_pages = x->events >> SN_SLOT_pagecache_add & 1,
	};
	struct sink *s;
	int r, closed;

	r = iotracer_open(fd, &file, &s);
	if (r < 0)
		return r;
	s->wall = &x->wall;
	r = export_merged(x, x->events & iotracer_events(stream), s);
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

	if (!(j->x->events & iotracer_events(stream)))
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
					    "pages of the page cache" };
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

/* Records of the stream that were lost while it was recorded. */
static u64 lost_of(const struct job *j, enum iotracer_stream stream)
{
	u64 events = iotracer_events(stream), lost = 0;
	const struct sn_event *ev;

	for (u32 i = 0; i < j->manifest.nr_events; i++) {
		ev = schema_by_name(j->manifest.events[i].name, strlen(j->manifest.events[i].name));
		if (ev && events >> ev->slot & 1)
			lost += manifest_event_lost(&j->manifest.events[i]);
	}
	return lost;
}

static struct json_object *tell_diagnostics(const struct job *j)
{
	struct json_object *all = json_object_new_object(), *probes = json_object_new_array(),
			   *lost = json_object_new_object(), *rows = json_object_new_object();
	const struct manifest *m = &j->manifest;

	for (u32 i = 0; i < m->nr_programs; i++)
		if (m->programs[i].attached)
			(void)json_object_array_add(probes, string(m->programs[i].hook));
	for (u32 s = 0; s < IOTRACER_NR_STREAMS; s++) {
		if (!j->rows[s])
			continue;
		add(lost, iotracer_name(j->layout, s), integer(lost_of(j, s)));
		add(rows, iotracer_name(j->layout, s), integer(j->rows[s]));
	}
	add(all, "attached_probes", probes);
	add(all, "lost_events", lost);
	add(all, "rows_written", rows);
	return all;
}

static struct json_object *tell_session(const struct manifest *m)
{
	struct json_object *all = json_object_new_object();

	if (m->started_wall.known)
		add(all, "started_at", json_object_new_double((double)m->started_wall.n / 1e9));
	if (m->stopped_mono.known && m->started_mono.known)
		add(all, "duration_seconds",
		    json_object_new_double((double)(m->stopped_mono.n - m->started_mono.n) / 1e9));
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
	int fd = export_create(j->x, j->root_fd, "manifest.json"), r = MIN(fd, 0);

	if (!r && (json_object_to_fd(fd, all, JSON_C_TO_STRING_PRETTY) < 0 || close(fd) < 0))
		r = diag_errno(j->x->d, -errno, "cannot write manifest.json");
	(void)json_object_put(all);
	return r;
}

/* ---- life ---- */

static void set_start(struct job *j)
{
	u64 ns = wall_at(&j->x->wall, j->manifest.started_mono.n);
	time_t second = (time_t)(ns / 1000000000);
	struct tm tm;

	(void)localtime_r(&second, &tm);
	(void)strftime(j->started, sizeof(j->started), "%Y%m%d_%H%M%S", &tm);
	j->started_ms = (u32)(ns % 1000000000 / 1000000);
}

int export_iotracer(struct export *x)
{
	struct job j = { .x = x,
			 .root_fd = -1,
			 .layout = (enum iotracer_layout)MAX(x->o->layout, 0) };
	int r = manifest_parse(trace_manifest(x->trace), &j.manifest, x->d);

	if (!r) {
		set_start(&j);
		r = open_root(&j);
	}
	for (u32 s = 0; !r && s < IOTRACER_NR_STREAMS; s++)
		r = write_stream(&j, s);
	if (!r && j.layout == IOTRACER_HEAD)
		r = write_manifest(&j);
	closep(&j.root_fd);
	manifest_done(&j.manifest);
	return r;
}
