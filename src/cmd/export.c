// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "analyze/manifest.h"
#include "cmd/export.h"
#include "sink/csv.h"
#include "sink/iotracer.h"
#include "sink/jsonl.h"

static const char *const formats[] = {
	[EXPORT_CSV] = "csv",
	[EXPORT_JSONL] = "jsonl",
	[EXPORT_IOTRACER] = "iotracer",
	NULL,
};

/* clang-format off */
#define AT(member) .off = offsetof(struct export_opts, member)
static const struct opt export_rows[] = {
	{ .name = "to", .metavar = "FORMAT", .type = OPT_CHOICE,
	  AT(format), .choices = formats,
	  .help = "csv: lines of values below a line of names; jsonl: an object a row; "
		  "iotracer: the files of IO Tracer" },
	{ .name = "layout", .metavar = "LAYOUT", .type = OPT_CHOICE,
	  AT(layout), .choices = iotracer_layouts,
	  .help = "of IO Tracer's files: doc, as its documentation has them (default), seed, as its "
		  "first version writes them, head, as its last one does" },
	{ .name = "output", .short_name = 'o', .metavar = "DIR", .type = OPT_STRING,
	  AT(dir), .complete = OPT_COMPLETE_DIR,
	  .help = "directory for a file per event, or for those of iotracer, made if need be "
		  "(default: standard output)" },
	{ .name = "force", .short_name = 'f', .metavar = "", .type = OPT_FLAG,
	  AT(force),
	  .help = "write over files that exist" },
	{ .name = "events", .short_name = 'e', .metavar = "STREAMS", .type = OPT_STRINGS,
	  AT(streams), .complete = OPT_COMPLETE_STREAMS,
	  .help = "domains, events or globs of events, separated by commas "
		  "(default: all that have rows, and lost, the holes)" },
	{ .name = "fields", .metavar = "FIELDS", .type = OPT_STRINGS,
	  AT(fields), .complete = OPT_COMPLETE_FIELDS,
	  .help = "only these columns, in this order, separated by commas" },
	{ .name = "wall", .metavar = "", .type = OPT_FLAG,
	  AT(wall),
	  .help = "also a column wall: when it was, by the clock on the wall, in UTC" },
	{ .name = "since", .metavar = "TIME", .type = OPT_DURATION,
	  AT(since_ns), .bare_ns = 1000000000,
	  .help = "only rows from this time after the start of the recording on (1.5s)" },
	{ .name = "until", .metavar = "TIME", .type = OPT_DURATION,
	  AT(until_ns), .bare_ns = 1000000000,
	  .help = "only rows up to this time after the start of the recording" },
	{ .metavar = "TRACE", .type = OPT_STRING, .required = true,
	  AT(trace), .complete = OPT_COMPLETE_DIR,
	  .help = "directory that a recording was written to" },
	{}
};
#undef AT
/* clang-format on */

static const struct opt_group export_groups[] = { { "Options", export_rows, 0 }, {} };
static const struct export_opts export_defaults = { .format = -1,
						    .layout = -1,
						    .until_ns = UINT64_MAX };
CMD_OPTIONS(export, .groups = export_groups, .defaults = &export_defaults);

/* The rows of one event, as far as they were read. */
struct input {
	struct trace_cursor *cursor;
	const struct batch *batch; /* NULL at the end */
	const u64 *ts;
	u32 row;
};

static void sink_closep(struct sink **s)
{
	if (*s)
		(void)(*s)->ops->close(*s, NULL);
}

static int open_sink(struct export *x, int fd, bool with_event, struct sink **ret)
{
	const char *const *names = (const char *const *)x->fields.names;
	int r;

	if (x->o->format == EXPORT_CSV)
		r = csv_open(fd, names, false, ret, x->d);
	else
		r = jsonl_open(fd, names, with_event, ret, x->d);
	if (!r && x->has_wall)
		(*ret)->wall = &x->wall;
	return r;
}

static int close_sink(struct sink **s, struct diag *d)
{
	struct sink *sink = TAKE_PTR(*s);

	return sink->ops->close(sink, d);
}

/* A cursor over the wanted columns that the event has. */
static int open_cursor(const struct export *x, const struct sn_event *ev, struct trace_cursor **ret)
{
	_cleanup_(freep) const char **names = NULL;
	u32 nr = 0;

	if (x->fields.names) {
		while (x->fields.names[nr])
			nr++;
		names = calloc(nr + 2, sizeof(*names));
		if (!names)
			return -ENOMEM;
		nr = 0;
		for (const char **name = x->fields.names; *name; name++)
			if (schema_column(ev, *name) >= 0)
				names[nr++] = *name;
		names[nr] = "ts"; /* to compare and to merge by, wanted or not */
	}
	return trace_cursor_open(x->trace, ev, (const char *const *)names, x->from_ns, x->to_ns,
				 ret, x->d);
}

/* The next batch that can be read. 1, 0 at the end, or -ENOMEM. */
static int next_whole(const struct export *x, struct trace_cursor *c, const struct batch **ret)
{
	int r;

	do
		r = trace_cursor_next(c, ret, x->damage);
	while (r < 0 && r != -ENOMEM);
	return r;
}

/* The next batch with rows, from its first wanted row on. */
static int next_batch(const struct export *x, struct input *in)
{
	int r;

	do {
		r = next_whole(x, in->cursor, &in->batch);
		if (r <= 0) {
			in->batch = NULL;
			return r;
		}
	} while (!in->batch->nr);
	in->ts = in->batch->columns[schema_column(in->batch->ev, "ts")].data;
	in->row = 0;
	return 0;
}

/* Behind the rows that are wanted together with the one at in->row, or at it if that one is not. */
static u32 end_of_run(const struct export *x, const struct input *in, u64 limit_ns)
{
	u32 row = in->row;

	while (row < in->batch->nr && in->ts[row] >= x->from_ns && in->ts[row] <= x->to_ns &&
	       in->ts[row] <= limit_ns)
		row++;
	return row;
}

/* Writes the rows up to limit_ns, or leaves out one that is not wanted. */
static int write_run(const struct export *x, struct input *in, u64 limit_ns, struct sink *s)
{
	u32 to = end_of_run(x, in, limit_ns);
	int r = 0;

	if (to > in->row)
		r = s->ops->rows(s, in->batch, in->row, to, x->d);
	in->row = MAX(to, in->row + 1);
	if (r < 0 || in->row < in->batch->nr)
		return r;
	return next_batch(x, in);
}

/* No rows yet: what an output says of an event before its first row, should it have none. */
static int begin_event(const struct export *x, const struct sn_event *ev, struct sink *s)
{
	_cleanup_(batch_freep) struct batch *b = batch_new(ev, 1);

	return b ? s->ops->rows(s, b, 0, 0, x->d) : -ENOMEM;
}

/* The rows of one event. */
static int export_event(const struct export *x, const struct sn_event *ev, struct sink *s)
{
	struct input in = {};
	int r;

	r = begin_event(x, ev, s);
	if (!r)
		r = open_cursor(x, ev, &in.cursor);
	if (!r)
		r = next_batch(x, &in);
	while (!r && in.batch)
		r = write_run(x, &in, UINT64_MAX, s);
	trace_cursor_free(in.cursor);
	return r;
}

/* Of all inputs the one whose row is the earliest; *ret_limit_ns is the earliest of the others. */
static struct input *earliest(struct input *in, u32 nr, u64 *ret_limit_ns)
{
	struct input *first = NULL;
	u64 limit_ns = UINT64_MAX, ts, first_ts = 0;

	for (u32 i = 0; i < nr; i++) {
		if (!in[i].batch)
			continue;
		ts = in[i].ts[in[i].row];
		if (!first || ts < first_ts) {
			limit_ns = first ? first_ts : limit_ns;
			first = &in[i];
			first_ts = ts;
		} else {
			limit_ns = MIN(limit_ns, ts);
		}
	}
	*ret_limit_ns = limit_ns;
	return first;
}

int export_merged(const struct export *x, u64 events, struct sink *s)
{
	struct input in[SN_NR_EVENTS] = {}, *first;
	u64 limit_ns;
	u32 nr = 0;
	int r = 0;

	for (u32 slot = 0; slot < SN_NR_EVENTS && !r; slot++) {
		if (!(events & 1ull << slot))
			continue;
		r = open_cursor(x, schema_event(slot), &in[nr].cursor);
		if (!r)
			r = next_batch(x, &in[nr]);
		nr++;
	}
	while (!r && (first = earliest(in, nr, &limit_ns)))
		r = write_run(x, first, limit_ns, s);
	for (u32 i = 0; i < nr; i++)
		trace_cursor_free(in[i].cursor);
	return r;
}

static int write_file(struct export *x, const struct sn_event *ev, int fd)
{
	_cleanup_(sink_closep) struct sink *s = NULL;
	int r = open_sink(x, fd, false, &s);

	if (!r)
		r = export_event(x, ev, s);
	if (!r)
		r = close_sink(&s, x->d);
	return r;
}

int export_create(const struct export *x, int dir_fd, const char *name)
{
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (x->o->force ? O_TRUNC : O_EXCL);
	int fd = openat(dir_fd, name, flags, 0666);

	if (fd < 0 && errno == EEXIST) {
		(void)diag_hint(x->d, 0, "--force writes over it");
		return diag_err(x->d, -EEXIST, "%s/%s exists", x->o->dir, name);
	}
	if (fd < 0)
		return diag_errno(x->d, -errno, "cannot make %s/%s", x->o->dir, name);
	return fd;
}

/* One file. What could not be written to its end does not stay. */
static int export_file(struct export *x, int dir_fd, const struct sn_event *ev)
{
	_cleanup_(buf_done) struct buf name = {};
	_cleanup_(closep) int fd = -1;
	int r;

	buf_printf(&name, "%s.%s", ev->name, formats[x->o->format]);
	if (name.failed)
		return -ENOMEM;
	fd = export_create(x, dir_fd, name.data);
	if (fd < 0)
		return fd;
	r = write_file(x, ev, fd);
	if (!r && close(TAKE_FD(fd)) < 0)
		r = diag_errno(x->d, -errno, "cannot write the rows");
	if (r < 0) {
		(void)unlinkat(dir_fd, name.data, 0);
		(void)diag_context(x->d, r, "%s/%s", x->o->dir, name.data);
	}
	return r;
}

int export_open_dir(const struct export *x)
{
	int fd;

	if (mkdir(x->o->dir, 0777) < 0 && errno != EEXIST)
		return diag_errno(x->d, -errno, "cannot make the directory %s", x->o->dir);
	fd = open(x->o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? diag_errno(x->d, -errno, "cannot open the directory %s", x->o->dir) : fd;
}

static int export_dir(struct export *x)
{
	_cleanup_(closep) int dir_fd = export_open_dir(x);
	int r = MIN(dir_fd, 0);

	for (u32 slot = 0; slot < SN_NR_EVENTS && !r; slot++)
		if (x->events & 1ull << slot)
			r = export_file(x, dir_fd, schema_event(slot));
	return r;
}

static int export_stdout(struct export *x)
{
	_cleanup_(sink_closep) struct sink *s = NULL;
	u32 nr = (u32)__builtin_popcountll(x->events);
	int r;

	r = open_sink(x, STDOUT_FILENO, nr > 1, &s);
	if (!r && nr == 1)
		r = export_event(x, schema_event((u32)__builtin_ctzll(x->events)), s);
	else if (!r)
		r = export_merged(x, x->events, s);
	if (!r)
		r = close_sink(&s, x->d);
	return r;
}

/* Leaves the events that have rows. */
static int drop_empty(struct export *x)
{
	s64 nr;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		if (!(x->events & 1ull << slot))
			continue;
		nr = trace_rows(x->trace, schema_event(slot), x->d);
		if (nr < 0)
			return (int)nr;
		if (!nr)
			x->events &= ~(1ull << slot);
	}
	return 0;
}

/* Records of the event that holes inside the window stand for. */
static u64 lost_in(const struct export *x, const struct batch *b)
{
	const struct column *of = &b->columns[schema_column(b->ev, "of")];
	const struct column *nr = &b->columns[schema_column(b->ev, "nr")];
	const struct column *first = &b->columns[schema_column(b->ev, "first_ns")];
	const struct column *last = &b->columns[schema_column(b->ev, "last_ns")];
	const struct sn_event *ev;
	const char *name;
	u64 lost = 0;
	size_t len;

	for (u32 row = 0; row < b->nr; row++) {
		if (column_num(last, row) < x->from_ns || column_num(first, row) > x->to_ns)
			continue;
		name = strings_get(&of->dict, (u32)column_num(of, row), &len);
		ev = schema_by_name(name, len);
		if (!ev || x->asked & 1ull << ev->slot)
			lost += column_num(nr, row);
	}
	return lost;
}

/* What is missing is said, also where its rows are not asked for. */
static int say_lost(const struct export *x)
{
	static const char *const columns[] = { "of", "nr", "first_ns", "last_ns", NULL };
	_cleanup_(trace_cursor_freep) struct trace_cursor *c = NULL;
	const struct batch *b;
	u64 lost = 0;
	int r;

	r = trace_cursor_open(x->trace, schema_event(SN_SLOT_lost), columns, 0, UINT64_MAX, &c,
			      x->d);
	while (r >= 0 && (r = next_whole(x, c, &b)) > 0)
		lost += lost_in(x, b);
	if (r >= 0 && lost)
		cmd_warn("export", "%llu record%s lost while recording and %s missing here: %s",
			 (unsigned long long)lost, lost == 1 ? " was" : "s were",
			 lost == 1 ? "is" : "are",
			 x->events & 1ull << SN_SLOT_lost ? "the rows of lost say where"
							  : "-e lost says where");
	return r;
}

int export_start(const struct export *x, u64 *ret_ns)
{
	struct manifest m = {};
	struct input in = {};
	int r;

	r = manifest_parse(trace_manifest(x->trace), &m, NULL);
	if (!r && m.started_mono.known) {
		*ret_ns = m.started_mono.n;
		manifest_done(&m);
		return 0;
	}
	manifest_done(&m);
	if (r < 0 && r != -EINVAL)
		return r;
	/* A crash came before the manifest, or damaged it: the clock is read at the start too. */
	r = open_cursor(x, schema_by_id(SN_EV_clock), &in.cursor);
	if (!r)
		r = next_batch(x, &in);
	if (!r && !in.batch)
		r = diag_err(x->d, -ENODATA, "the trace does not say when it began");
	if (!r)
		*ret_ns = in.ts[0];
	trace_cursor_free(in.cursor);
	return r;
}

/* The points that the wall clock is told by. */
static int read_wall(struct export *x)
{
	struct manifest m = {};
	int r = wall_read(&x->wall, x->trace, x->d);

	if (r < 0 || x->wall.nr)
		return r;
	r = manifest_parse(trace_manifest(x->trace), &m, x->d);
	if (!r && m.started_mono.known && m.started_wall.known)
		r = wall_add(&x->wall, m.started_mono.n, m.started_wall.n);
	else if (!r)
		r = diag_err(x->d, -ENODATA, "the trace does not say what the wall clock was");
	manifest_done(&m);
	return r;
}

static int set_times(struct export *x)
{
	u64 start_ns = 0, from_ns, to_ns;
	int r;

	x->to_ns = UINT64_MAX;
	if (!x->o->since_ns && x->o->until_ns == UINT64_MAX)
		return 0;
	r = export_start(x, &start_ns);
	if (r < 0)
		return r;
	if (__builtin_add_overflow(start_ns, x->o->since_ns, &from_ns))
		from_ns = UINT64_MAX;
	if (__builtin_add_overflow(start_ns, x->o->until_ns, &to_ns))
		to_ns = UINT64_MAX;
	x->from_ns = from_ns;
	x->to_ns = to_ns;
	return 0;
}

/* Rows of one event fit into one csv file; where they are missing is then said in words only. */
static bool is_one_csv(const struct export *x)
{
	u64 rows = x->events & ~(1ull << SN_SLOT_lost);

	return !x->o->dir && x->o->format == EXPORT_CSV && !x->o->streams.nr &&
	       __builtin_popcountll(rows) == 1;
}

static int export_trace(struct export *x)
{
	int r = set_times(x);

	if (!r && x->has_wall)
		r = read_wall(x);
	if (!r)
		r = say_lost(x);
	if (!r && x->o->format == EXPORT_IOTRACER)
		r = export_iotracer(x);
	else if (!r)
		r = x->o->dir ? export_dir(x) : export_stdout(x);
	return r;
}

/* The columns that were asked for; --wall adds its own at the end, if it is not named. */
static int read_columns(struct export *x)
{
	struct fields *f = &x->fields;
	const char **names;
	u32 nr = 0;
	int r = select_fields_or_wall(&x->o->fields, x->events, f, &x->has_wall, x->d);

	if (r < 0 || !x->o->wall || x->has_wall)
		return r;
	x->has_wall = true;
	while (f->names && f->names[nr])
		nr++;
	if (!nr)
		return 0;
	names = reallocarray(f->names, nr + 2, sizeof(*names));
	if (!names)
		return -ENOMEM;
	names[nr] = SINK_WALL;
	names[nr + 1] = NULL;
	f->names = names;
	return 0;
}

/* -o is a directory: one that is called like a file was meant to be a file. */
static int check_dir(const struct export_opts *o, struct diag *d)
{
	const char *end = o->dir ? strrchr(o->dir, '.') : NULL;
	struct stat st;

	for (u32 i = 0; end && formats[i] && o->format != EXPORT_IOTRACER; i++) {
		if (strcmp(end + 1, formats[i]) || stat(o->dir, &st) == 0)
			continue;
		(void)diag_hint(d, 0, "for the rows of one event in one file: -e EVENT >%s",
				o->dir);
		return diag_err(d, -EINVAL,
				"-o is a directory for a file per event, not a file: %s", o->dir);
	}
	return 0;
}

/* The files of IO Tracer have their own names, columns and clock. */
static int check_format(const struct export_opts *o, struct diag *d)
{
	if (o->format < 0)
		return diag_err(d, -EINVAL, "--to FORMAT is missing");
	if (o->format != EXPORT_IOTRACER)
		return o->layout < 0 ? 0
				     : diag_err(d, -EINVAL, "--layout is of --to iotracer alone");
	if (!o->dir)
		return diag_err(d, -EINVAL,
				"--to iotracer writes several files: -o DIR is missing");
	if (o->fields.nr || o->wall)
		return diag_err(d, -EINVAL, "--%s: the columns of --to iotracer are given",
				o->wall ? "wall" : "fields");
	return 0;
}

static int cmd_export(const struct export_opts *o)
{
	_cleanup_(trace_freep) struct trace *trace = NULL;
	struct diag d = {};
	struct diag damage = {};
	struct export x = { .o = o, .d = &d, .damage = &damage };
	unsigned int nr_damaged;
	int r;

	r = check_format(o, &d);
	if (!r)
		r = check_dir(o, &d);
	if (!r && o->since_ns > o->until_ns)
		r = diag_err(&d, -EINVAL, "--since is later than --until: nothing lies between");
	if (!r)
		r = select_streams(&o->streams, true, &x.events, &d);
	if (!r)
		r = read_columns(&x);
	x.has_wall |= o->format == EXPORT_IOTRACER;
	if (r < 0) {
		fields_done(&x.fields);
		return cmd_usage("export", r, &d);
	}
	r = trace_open(o->trace, &trace, &d);
	x.trace = trace;
	x.asked = x.events;
	if (!r && !o->streams.nr) {
		x.events |= 1ull << SN_SLOT_lost;
		r = drop_empty(&x);
	}
	if (!r && is_one_csv(&x))
		x.events &= ~(1ull << SN_SLOT_lost);
	if (!r && !o->dir && o->format == EXPORT_CSV && __builtin_popcountll(x.events) > 1) {
		fields_done(&x.fields);
		(void)diag_hint(&d, 0, "name one with -e, a directory with -o, or use --to jsonl");
		r = diag_err(&d, -EINVAL, "csv of several events cannot go into one file");
		return cmd_usage("export", r, &d);
	}
	if (!r)
		r = export_trace(&x);
	fields_done(&x.fields);
	wall_done(&x.wall);
	if (r < 0)
		return cmd_fail("export", r, &d);
	nr_damaged = trace_damaged_parts(trace);
	if (nr_damaged)
		cmd_warn("export",
			 "%u file%s of the trace %s cut by a crash: %s last rows are gone",
			 nr_damaged, nr_damaged == 1 ? "" : "s", nr_damaged == 1 ? "was" : "were",
			 nr_damaged == 1 ? "its" : "their");
	if (!damage.text[0])
		return EXIT_DONE;
	cmd_warn("export", "some rows are missing: %s", damage.text);
	return EXIT_PARTIAL;
}
CMD_RUN(export)
