// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/str.h"
#include "cmd/feed.h"
#include "cmd/manifest_text.h"
#include "cmd/table.h"
#include "trace/writer.h"

#define NS_PER_S 1000000000ull
#define MANIFEST_EVERY_NS (5 * NS_PER_S)
#define CLOCK_EVERY_NS (10 * NS_PER_S)
/* Recordings that begin in one second, in one place, without a name. */
#define MAX_SAME_NAMES 100

struct recording {
	const struct record_opts *opts;
	struct feed feed;
	struct trace_writer *writer;
	char dir[4096];
	struct buf cmdline; /* our own arguments, each ended by NUL */
	char **argv;
	u64 next_second_ns, next_manifest_ns, next_clock_ns;
	struct disk_names disks;
	int clock_fd; /* a timer that is cancelled when the wall clock is set */
	u64 rows_before;
	double start_cpu_s; /* what it took to begin */
	/* What cannot be written: why, since when, and what was lost before that. */
	bool is_failing;
	struct diag failure;
	u64 failing_ns, lost_before;
};

static void recording_done(struct recording *r)
{
	feed_done(&r->feed);
	closep(&r->clock_fd);
	disk_names_done(&r->disks);
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

static bool is_crowded(void *ctx)
{
	struct recording *r = ctx;

	return trace_writer_is_crowded(r->writer);
}

/* ---- what is written beside the rows ---- */

static void make_manifest(struct recording *r, bool is_complete, struct buf *ret)
{
	struct manifest_facts facts = {
		.feed = &r->feed,
		.writer = r->writer,
		.opts = r->opts,
		.disks = &r->disks,
		.command = r->argv,
		.start_cpu_s = r->start_cpu_s,
		.is_complete = is_complete,
	};

	disk_names_look(&r->disks, "/sys");
	manifest_text(ret, &facts);
}

static int write_manifest(struct recording *r, bool is_complete, struct diag *d)
{
	_cleanup_(buf_done) struct buf text = {};

	make_manifest(r, is_complete, &text);
	return text.failed ? -ENOMEM : trace_writer_manifest(r->writer, text.data, text.len, d);
}

/* Whatever goes wrong, the writer's own error tells it. */
static void write_manifest_behind(struct recording *r)
{
	_cleanup_(buf_done) struct buf text = {};

	make_manifest(r, false, &text);
	if (!text.failed)
		trace_writer_manifest_behind(r->writer, text.data, text.len);
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

/* Says once of each time that the clock was set; where the kernel cannot tell, never. */
static void watch_clock(struct recording *r)
{
	struct itimerspec never = { .it_value.tv_sec = INT32_MAX };

	(void)timerfd_settime(r->clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never,
			      NULL);
}

static bool clock_was_set(struct recording *r)
{
	u64 unused;

	if (read(r->clock_fd, &unused, sizeof(unused)) >= 0 || errno != ECANCELED)
		return false;
	watch_clock(r);
	return true;
}

/* ---- what is said ---- */

/* In the trace, or about to be. */
static u64 kept_rows(const struct trace_writer *w)
{
	struct trace_writer_counts counts;
	u64 rows = 0;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		trace_writer_counts(w, schema_event(slot), &counts);
		if (!schema_is_core(schema_event(slot)))
			rows += counts.put - counts.lost;
	}
	return rows;
}

static u64 lost_by_writer(const struct trace_writer *w)
{
	struct trace_writer_losses losses;
	u64 lost = 0;

	trace_writer_losses(w, &losses);
	for (u32 i = 0; i < SN_NR_CAUSES; i++)
		lost += losses.by_cause[i];
	return lost;
}

static double cpu_s(void)
{
	struct rusage u = {};

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void show_progress(struct recording *r, u64 now)
{
	struct feed_losses lost;
	u64 rows = kept_rows(r->writer);

	record_losses(&r->feed, r->writer, &lost);
	fprintf(stderr, "\r\033[K%6llu s  %12llu rows  %10llu/s  %llu lost  %.1f MB",
		(unsigned long long)((now - r->feed.attached_ns) / NS_PER_S),
		(unsigned long long)rows, (unsigned long long)(rows - r->rows_before),
		(unsigned long long)feed_nr_lost(&lost),
		(double)trace_writer_bytes(r->writer) / 1e6);
	r->rows_before = rows;
}

/* Says once when writing begins to fail, and once when it works again. */
static void watch_writer(struct recording *r, u64 now)
{
	u64 lost = lost_by_writer(r->writer);
	struct diag d = {};
	bool is_failing = trace_writer_is_failing(r->writer, &d);

	if (is_failing != r->is_failing)
		feed_wipe_progress(&r->feed);
	if (is_failing && !r->is_failing) {
		r->failing_ns = now;
		r->failure = d;
		(void)diag_hint(
			&d, 0,
			"the recording goes on; rows are lost, and counted, until it can be "
			"written again");
		(void)cmd_fail("record", 0, &d);
	} else if (!is_failing && r->is_failing) {
		cmd_warn("record", "%s is written again; %llu rows were lost in %.1f s", r->dir,
			 (unsigned long long)(lost - r->lost_before),
			 (double)(now - r->failing_ns) / 1e9);
	}
	r->is_failing = is_failing;
	if (!is_failing)
		r->lost_before = lost;
}

static void say_losses(struct recording *r)
{
	_cleanup_(buf_done) struct buf b = {};
	struct feed_losses lost;

	record_losses(&r->feed, r->writer, &lost);
	if (!feed_nr_lost(&lost) && !lost.skipped) {
		fprintf(stderr, "  nothing was lost\n");
		return;
	}
	feed_put_losses(&b, &lost);
	buf_putc(&b, '\0');
	fprintf(stderr, "  LOST: %s\n", b.failed ? "" : b.data);
}

/* What has no row for it had not ended, or its end was never seen. */
static void say_in_flight(const struct recording *r)
{
	struct sn_percpu sum;

	probes_percpu(capture_probes(r->feed.capture), &sum);
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		if (sum.in_flight[slot] > 0)
			fprintf(stderr, "  in flight at the end: %lld %s\n",
				(long long)sum.in_flight[slot], schema_event(slot)->name);
}

/* What it took to begin does not depend on how long is recorded: it is no part of the share. */
static void say_cost(struct recording *r)
{
	double seconds = (double)(feed_now_ns() - r->feed.attached_ns) / 1e9;
	struct probes *p = capture_probes(r->feed.capture);
	double cpu = cpu_s() - r->start_cpu_s;
	struct probe_counts counts;

	fprintf(stderr,
		"  cost: %.2f s of CPU (%.1f %% of one), %.2f s to begin, %.0f MB of memory\n", cpu,
		seconds > 0 ? 100 * cpu / seconds : 0, r->start_cpu_s,
		(double)peak_rss_bytes() / (1 << 20));
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
	double seconds = (double)(r->feed.stopped_ns - r->feed.attached_ns) / 1e9;
	struct trace_writer_counts counts;

	fprintf(stderr, "%llu rows in %.1f s, %.1f MB in %s\n",
		(unsigned long long)kept_rows(r->writer), seconds,
		(double)trace_writer_bytes(r->writer) / 1e6, r->dir);
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		const struct sn_event *ev = schema_event(slot);

		trace_writer_counts(r->writer, ev, &counts);
		if (!schema_is_core(ev) && counts.written)
			fprintf(stderr, "  %-16s %12llu\n", ev->name,
				(unsigned long long)counts.written);
	}
	say_losses(r);
	say_in_flight(r);
	say_cost(r);
	feed_say_left(&r->feed);
	fprintf(stderr, "sonde report %s\n", r->dir);
}

/* ---- life ---- */

/* The directory that was asked for, or one of this second's that nobody else has. */
static int open_writer(struct recording *r, struct diag *d)
{
	struct trace_writer_opts opts = {
		.rotate_bytes = r->opts->rotate_bytes,
		.rotate_ns = r->opts->rotate_ns,
	};
	time_t now = time(NULL);
	char name[32];
	struct tm tm;
	int err;

	if (r->opts->dir) {
		if (snprintf(r->dir, sizeof(r->dir), "%s", r->opts->dir) >= (int)sizeof(r->dir))
			return diag_errno(d, -ENAMETOOLONG, "cannot make the directory");
		return trace_writer_open(r->dir, &opts, &r->writer, d);
	}
	(void)localtime_r(&now, &tm);
	(void)strftime(name, sizeof(name), "sonde-%Y%m%d-%H%M%S", &tm);
	(void)snprintf(r->dir, sizeof(r->dir), "%s", name);
	for (int i = 2;; i++) {
		*d = (struct diag){};
		err = trace_writer_open(r->dir, &opts, &r->writer, d);
		if (err != -EEXIST || i == MAX_SAME_NAMES)
			return err;
		(void)snprintf(r->dir, sizeof(r->dir), "%s-%d", name, i);
	}
}

static void every_now_and_then(struct recording *r)
{
	u64 now = feed_now_ns();

	trace_writer_tick(r->writer, now);
	watch_writer(r, now);
	if (now >= r->next_second_ns) {
		r->next_second_ns = now + NS_PER_S;
		capture_time_programs(r->feed.capture, true);
		if (r->feed.shows_progress)
			show_progress(r, now);
	} else {
		capture_time_programs(r->feed.capture, false);
	}
	if (now >= r->next_clock_ns || clock_was_set(r)) {
		r->next_clock_ns = now + CLOCK_EVERY_NS;
		write_clock(r);
	}
	if (now >= r->next_manifest_ns) {
		r->next_manifest_ns = now + MANIFEST_EVERY_NS;
		write_manifest_behind(r);
	}
}

/* All that can go wrong before the command runs. */
static int begin(struct recording *r, struct diag *d)
{
	int err;

	r->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	watch_clock(r);
	err = feed_start(&r->feed, on_row, is_crowded, r, d);
	r->start_cpu_s = cpu_s();
	err = err < 0 ? err : feed_check_seen(&r->feed, r->opts->quiet, d);
	err = err < 0 ? err : write_manifest(r, false, d);
	err = err < 0 ? err : feed_go(&r->feed, &r->opts->run, d);
	if (err >= 0 && !r->opts->quiet)
		fprintf(stderr, "recording into %s%s\n", r->dir,
			r->opts->command ? "" : "; Ctrl-C ends it");
	return err;
}

/* Records until something ends it. 0 or negative errno with a sentence. */
static int record(struct recording *r, struct diag *d)
{
	enum feed_end end;
	int err;

	do {
		end = feed_step(&r->feed, &r->opts->run, &err);
		if (end == FEED_ERROR)
			return diag_errno(d, err, "cannot read the rings");
		every_now_and_then(r);
	} while (end == FEED_GOES_ON);
	return 0;
}

/* sudo(8) says for whom it is: who recorded a trace can read it, and throw it away. */
static void give_to_caller(struct recording *r)
{
	const char *uid = getenv("SUDO_UID"), *gid = getenv("SUDO_GID");
	u64 u, g;

	if (geteuid() || !uid || !gid)
		return;
	if (str_to_u64(uid, strlen(uid), &u) < 0 || str_to_u64(gid, strlen(gid), &g) < 0)
		return;
	if (u < UINT32_MAX && g < UINT32_MAX)
		trace_writer_give(r->writer, (uid_t)u, (gid_t)g);
}

static int finish(struct recording *r, struct diag *d)
{
	int err = feed_stop(&r->feed), r2;
	bool is_complete = err >= 0;

	if (err < 0)
		(void)diag_errno(d, err, "cannot read the rings");
	write_clock(r);
	(void)trace_writer_finish(r->writer, NULL); /* what failed for a while has been told */
	/* Where the disk was full up to here, it does not count that the last few rows found room. */
	if (r->is_failing || trace_writer_is_failing(r->writer, &r->failure)) {
		unsigned long long kept = kept_rows(r->writer), lost = lost_by_writer(r->writer);

		err = diag_err(d, -EIO, "%s", r->failure.text);
		if (access(r->dir, F_OK) < 0)
			(void)diag_hint(d, 0,
					"the trace is gone, and its %llu rows; %llu rows were lost",
					kept, lost);
		else
			(void)diag_hint(d, 0,
					"%llu rows are in %s and can be read; %llu rows were lost",
					kept, r->dir, lost);
	}
	r2 = write_manifest(r, is_complete, d);
	give_to_caller(r);
	return err < 0 ? err : r2;
}

/* Nothing was recorded: the next try finds the place as it was. */
static int give_up(struct recording *r, int err, const struct diag *d)
{
	(void)feed_stop(&r->feed);
	trace_writer_discard(r->writer);
	return feed_fail(&r->feed, err, d);
}

static int cmd_record(const struct record_opts *o)
{
	_cleanup_(recording_done) struct recording r = { .opts = o, .clock_fd = -1 };
	struct feed_losses lost;
	struct diag d = {};
	bool is_usage = false;
	int err, err2;

	feed_init(&r.feed, "record");
	feed_catch_signals(&r.feed);
	r.feed.shows_progress = !o->quiet && isatty(STDERR_FILENO);
	err = read_own_argv(&r);
	err = err < 0 ? err
		      : feed_open(&r.feed, &o->filter, &o->run, o->command, -1, &is_usage, &d);
	if (err < 0)
		return is_usage ? cmd_usage("record", err, &d) : cmd_fail("record", err, &d);
	err = open_writer(&r, &d);
	if (err < 0)
		return cmd_fail("record", err, &d);
	err = begin(&r, &d);
	if (err < 0)
		return give_up(&r, err, &d);
	err = record(&r, &d);
	err2 = finish(&r, &d);
	feed_wipe_progress(&r.feed);
	if (!o->quiet) {
		say_summary(&r);
	} else {
		feed_losses(&r.feed, &lost); /* what could not be written was told when it was */
		feed_warn_losses(&r.feed, &lost);
	}
	if (err < 0 || err2 < 0)
		return feed_fail(&r.feed, err < 0 ? err : err2, &d);
	record_losses(&r.feed, r.writer, &lost);
	return feed_exit_status(&r.feed, &o->run, &lost);
}
CMD_RUN(record)
