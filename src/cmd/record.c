// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "cmd/feed.h"
#include "cmd/manifest_text.h"
#include "cmd/table.h"
#include "trace/writer.h"

#define NS_PER_S 1000000000ull
#define MANIFEST_EVERY_NS (5 * NS_PER_S)
#define CLOCK_EVERY_NS (10 * NS_PER_S)

struct recording {
	const struct record_opts *opts;
	struct feed feed;
	struct trace_writer *writer;
	char dir[4096];
	struct buf cmdline; /* our own arguments, each ended by NUL */
	char **argv;
	u64 next_second_ns, next_manifest_ns, next_clock_ns;
	u64 rows_before;
	bool shows_progress;
};

static void recording_done(struct recording *r)
{
	feed_done(&r->feed);
	trace_writer_free(r->writer);
	buf_done(&r->cmdline);
	free(r->argv);
}

/* How we were called, for the manifest. */
static int read_own_argv(struct recording *r)
{
	_cleanup_(closep) int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	size_t nr = 0, i = 0;
	ssize_t n;
	char *to;

	while (fd >= 0 && (to = buf_room(&r->cmdline, 4096)) && (n = read(fd, to, 4096)) > 0)
		r->cmdline.len += (size_t)n;
	buf_putc(&r->cmdline, '\0');
	if (r->cmdline.failed)
		return -ENOMEM;
	for (i = 0; i + 1 < r->cmdline.len; i++)
		nr += r->cmdline.data[i] == '\0';
	r->argv = calloc(nr + 1, sizeof(*r->argv));
	if (!r->argv)
		return -ENOMEM;
	to = r->cmdline.data;
	for (i = 0; i < nr; i++) {
		r->argv[i] = to;
		to += strlen(to) + 1;
	}
	return 0;
}

static int on_row(void *ctx, const struct sn_event *ev, const void *rec, size_t size,
		  const struct sn_names *names)
{
	struct recording *r = ctx;

	return trace_writer_put(r->writer, ev, rec, size, names);
}

/* ---- what is written beside the rows ---- */

static int write_manifest(struct recording *r, bool is_complete, struct diag *d)
{
	struct manifest_facts facts = {
		.feed = &r->feed,
		.writer = r->writer,
		.opts = r->opts,
		.command = r->argv,
		.is_complete = is_complete,
	};
	struct buf text = {};
	int err;

	manifest_text(&text, &facts);
	err = text.failed ? -ENOMEM : trace_writer_manifest(r->writer, text.data, text.len, d);
	buf_done(&text);
	return err;
}

static u64 realtime_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (u64)t.tv_sec * NS_PER_S + (u64)t.tv_nsec;
}

static void write_clock(struct recording *r)
{
	u64 before = feed_now_ns(), wall = realtime_ns(), after = feed_now_ns();
	struct sn_clock row = {
		.hdr = { .ts = before + (after - before) / 2, .id = SN_EV_clock },
		.wall_ns = wall,
		.error_ns = (after - before + 1) / 2,
	};

	(void)trace_writer_put(r->writer, schema_by_id(SN_EV_clock), &row, sizeof(row), NULL);
}

/* ---- what is said ---- */

static u64 all_rows(const struct feed *l)
{
	u64 rows = 0;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		if (!schema_is_core(schema_event(slot)))
			rows += l->rows[slot];
	return rows;
}

static u64 lost_by_writer(const struct trace_writer *w)
{
	struct trace_writer_counts counts;
	u64 lost = 0;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		trace_writer_counts(w, schema_event(slot), &counts);
		lost += counts.lost;
	}
	return lost;
}

static void show_progress(struct recording *r, u64 now)
{
	u64 rows = all_rows(&r->feed), lost = feed_lost(&r->feed) + lost_by_writer(r->writer);

	fprintf(stderr, "\r\033[K%6llu s  %12llu rows  %10llu/s  %llu lost  %.1f MB",
		(unsigned long long)((now - r->feed.started_ns) / NS_PER_S),
		(unsigned long long)rows, (unsigned long long)(rows - r->rows_before),
		(unsigned long long)lost, (double)trace_writer_bytes(r->writer) / 1e6);
	r->rows_before = rows;
}

static void say_losses(struct recording *r)
{
	struct probes *p = capture_probes(r->feed.capture);
	u64 ring = 0, map = 0, missed = 0, writer = lost_by_writer(r->writer);
	struct probe_counts counts;

	for (u32 i = 0; i < SN_NR_PROGS; i++) {
		probes_counts(p, i, &counts);
		ring += counts.by_outcome[SN_OUT_lost_ring];
		map += counts.by_outcome[SN_OUT_lost_map];
		missed += counts.missed;
	}
	if (!(ring + map + missed + writer)) {
		fprintf(stderr, "  nothing was lost\n");
		return;
	}
	fprintf(stderr,
		"  LOST: %llu to full rings (--ring-size), %llu to full tables, %llu to a slow disk, "
		"%llu runs missed\n",
		(unsigned long long)ring, (unsigned long long)map, (unsigned long long)writer,
		(unsigned long long)missed);
}

static void say_cost(struct recording *r, double seconds)
{
	struct probes *p = capture_probes(r->feed.capture);
	struct probe_counts counts;
	struct rusage u;
	double cpu;

	(void)getrusage(RUSAGE_SELF, &u);
	cpu = (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
	      (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	fprintf(stderr, "  cost: %.2f s of CPU (%.1f %% of one), %.0f MB of memory\n", cpu,
		seconds > 0 ? 100 * cpu / seconds : 0, (double)peak_rss_bytes() / (1 << 20));
	for (u32 i = 0; i < SN_NR_PROGS; i++) {
		probes_counts(p, i, &counts);
		if (!counts.nr_timed || counts.runs < 1000)
			continue;
		fprintf(stderr, "    %-18s %12llu runs of about %llu ns\n", probe_progs[i].name,
			(unsigned long long)counts.runs,
			(unsigned long long)(counts.run_ns / counts.nr_timed));
	}
}

static void say_summary(struct recording *r)
{
	double seconds = (double)(r->feed.stopped_ns - r->feed.started_ns) / 1e9;
	struct trace_writer_counts counts;
	const char *why;

	fprintf(stderr, "%s%llu rows in %.1f s, %.1f MB in %s\n",
		r->shows_progress ? "\r\033[K" : "", (unsigned long long)all_rows(&r->feed),
		seconds, (double)trace_writer_bytes(r->writer) / 1e6, r->dir);
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		const struct sn_event *ev = schema_event(slot);

		trace_writer_counts(r->writer, ev, &counts);
		if (!schema_is_core(ev) && counts.written)
			fprintf(stderr, "  %-14s %12llu\n", ev->name,
				(unsigned long long)counts.written);
	}
	say_losses(r);
	say_cost(r, seconds);
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		if (r->feed.events >> slot & 1 &&
		    !probes_sees(capture_probes(r->feed.capture), slot, &why))
			fprintf(stderr, "  not observed: %s: %s\n", schema_event(slot)->name, why);
	fprintf(stderr, "sonde report %s\n", r->dir);
}

/* ---- life ---- */

static void choose_dir(struct recording *r)
{
	time_t now = time(NULL);
	struct tm tm;

	if (r->opts->dir) {
		(void)snprintf(r->dir, sizeof(r->dir), "%s", r->opts->dir);
		return;
	}
	(void)localtime_r(&now, &tm);
	(void)strftime(r->dir, sizeof(r->dir), "sonde-%Y%m%d-%H%M%S", &tm);
}

static void every_now_and_then(struct recording *r)
{
	u64 now = feed_now_ns();
	struct diag ignored = {};

	trace_writer_tick(r->writer, now);
	if (now >= r->next_second_ns) {
		r->next_second_ns = now + NS_PER_S;
		capture_time_programs(r->feed.capture, true);
		if (r->shows_progress)
			show_progress(r, now);
	} else {
		capture_time_programs(r->feed.capture, false);
	}
	if (now >= r->next_clock_ns) {
		r->next_clock_ns = now + CLOCK_EVERY_NS;
		write_clock(r);
	}
	if (now >= r->next_manifest_ns) {
		r->next_manifest_ns = now + MANIFEST_EVERY_NS;
		(void)write_manifest(r, false, &ignored); /* the writer's own error tells it */
	}
}

/* Records until something ends it. 0 or negative errno with a sentence. */
static int record(struct recording *r, struct diag *d)
{
	enum feed_end end;
	int err;

	err = feed_start(&r->feed, on_row, r, d);
	if (err < 0)
		return err;
	err = write_manifest(r, false, d);
	if (err < 0)
		return err;
	if (!r->opts->quiet)
		fprintf(stderr, "recording into %s%s\n", r->dir,
			r->opts->command ? "" : "; Ctrl-C ends it");
	do {
		end = feed_step(&r->feed, &r->opts->run, &err);
		if (end == FEED_ERROR)
			return diag_errno(d, err, "cannot read the rings");
		every_now_and_then(r);
		err = trace_writer_error(r->writer, d);
		if (err < 0)
			return err;
	} while (end == FEED_GOES_ON);
	return 0;
}

static int finish(struct recording *r, struct diag *d)
{
	int err = feed_stop(&r->feed), r2;

	write_clock(r);
	r2 = trace_writer_finish(r->writer, d);
	err = err < 0 ? err : r2;
	r2 = write_manifest(r, err >= 0, d);
	return err < 0 ? err : r2;
}

static int exit_status(struct recording *r)
{
	bool lost = feed_lost(&r->feed) + lost_by_writer(r->writer) > 0;

	if (r->opts->run.strict && (lost || !feed_saw_all(&r->feed)))
		return EXIT_PARTIAL;
	if (r->feed.target.pid)
		return target_exit_status(&r->feed.target);
	return feed_saw_all(&r->feed) ? EXIT_DONE : EXIT_PARTIAL;
}

/* 126 and 127 are what shells say of commands that cannot be executed or found. */
static int fail(struct recording *r, int err, const struct diag *d)
{
	(void)cmd_fail("record", err, d);
	if (r->feed.exec_failed)
		return r->feed.exec_failed == ENOENT ? 127 : 126;
	return EXIT_FAILED;
}

static int cmd_record(const struct record_opts *o)
{
	_cleanup_(recording_done) struct recording r = { .opts = o };
	struct trace_writer_opts writer_opts = {
		.rotate_bytes = o->rotate_bytes,
		.rotate_ns = o->rotate_ns,
	};
	struct diag d = {}, later = {};
	bool is_usage = false;
	int err, err2;

	feed_init(&r.feed);
	feed_catch_signals();
	choose_dir(&r);
	r.shows_progress = !o->quiet && isatty(STDERR_FILENO);
	err = read_own_argv(&r);
	err = err < 0 ? err : feed_open(&r.feed, &o->filter, &o->run, o->command, &is_usage, &d);
	if (err < 0)
		return is_usage ? cmd_usage("record", err, &d) : cmd_fail("record", err, &d);
	err = trace_writer_open(r.dir, &writer_opts, &r.writer, &d);
	if (err < 0)
		return cmd_fail("record", err, &d);
	err = record(&r, &d);
	err2 = finish(&r, &later);
	if (err < 0)
		return fail(&r, err, &d);
	if (!o->quiet)
		say_summary(&r);
	return err2 < 0 ? cmd_fail("record", err2, &later) : exit_status(&r);
}
CMD_RUN(record)
