// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/report.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "cmd/cmd.h"
#include "cmd/select.h"

enum report_format { REPORT_TEXT, REPORT_JSON };

struct report_opts {
	struct cmd_common common;
	const char *dir;
	struct opt_strings streams;
	u64 top, since_ns, until_ns, width;
	int by, format;
};

static const char *const by_words[] = { "time", "bytes", "ops", NULL };
static const char *const format_words[] = { "text", "json", NULL };

static const struct report_opts report_defaults = {
	.top = 10,
	.until_ns = UINT64_MAX,
	.width = UINT64_MAX,
};

static const struct opt report_rows[] = {
	{ .metavar = "TRACE",
	  .type = OPT_STRING,
	  .complete = OPT_COMPLETE_DIR,
	  .required = true,
	  .off = offsetof(struct report_opts, dir),
	  .help = "directory that sonde record wrote, complete, running or cut off" },
	{ .name = "events",
	  .short_name = 'e',
	  .metavar = "STREAMS",
	  .type = OPT_STRINGS,
	  .complete = OPT_COMPLETE_STREAMS,
	  .off = offsetof(struct report_opts, streams),
	  .help = "look at these streams only; comma-separated domains, events or globs" },
	{ .name = "top",
	  .short_name = 'n',
	  .metavar = "N",
	  .type = OPT_U64,
	  .min = 1,
	  .max = 10000,
	  .off = offsetof(struct report_opts, top),
	  .help = "rows of each table, 10 if not given" },
	{ .name = "by",
	  .metavar = "ORDER",
	  .type = OPT_CHOICE,
	  .choices = by_words,
	  .off = offsetof(struct report_opts, by),
	  .help = "what comes first in the tables: most time (default), bytes or ops" },
	{ .name = "since",
	  .metavar = "TIME",
	  .type = OPT_DURATION,
	  .bare_ns = 1000000000,
	  .off = offsetof(struct report_opts, since_ns),
	  .help = "leave out what completed earlier, from the start of the recording on: 2.5s" },
	{ .name = "until",
	  .metavar = "TIME",
	  .type = OPT_DURATION,
	  .bare_ns = 1000000000,
	  .off = offsetof(struct report_opts, until_ns),
	  .help = "leave out what completed later" },
	{ .name = "width",
	  .metavar = "COLUMNS",
	  .type = OPT_U64,
	  .max = 10000,
	  .off = offsetof(struct report_opts, width),
	  .help = "longest line; 0 cuts nothing; else the terminal's width, or 0 if the output "
		  "is none" },
	{ .name = "format",
	  .metavar = "FORMAT",
	  .type = OPT_CHOICE,
	  .choices = format_words,
	  .off = offsetof(struct report_opts, format),
	  .help = "text: words for people (default); json: one object for programs" },
	{}
};

static const struct opt_group report_groups[] = { { "Options", report_rows, 0 }, {} };

CMD_OPTIONS(report, .groups = report_groups, .defaults = &report_defaults);

/* A terminal's width; of what goes into a file or a pipe, nothing is cut. */
static u32 default_width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return MAX(size.ws_col, 60);
	return isatty(STDOUT_FILENO) ? 100 : 0;
}

static bool wants_color(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term && strcmp(term, "dumb");
}

static void report_all(struct report *r)
{
	report_warnings(r);
	report_head(r);
	report_times(r);
	report_procs(r);
	report_tree(r);
	report_files(r);
	report_slow(r);
	report_disks(r);
	report_pages(r);
	report_faults(r);
	report_failures(r);
	report_unseen(r);
}

static int read_trace(const struct report_opts *o, u64 events, struct summary **ret, struct diag *d)
{
	_cleanup_(trace_freep) struct trace *t = NULL;
	struct summary_opts so = {
		.since_ns = o->since_ns,
		.until_ns = o->until_ns,
		.max_slow = (u32)o->top,
	};
	int r;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		so.want[slot] = events & 1ull << slot;
	r = trace_open(o->dir, &t, d);
	if (r < 0)
		return r;
	return summary_read(t, &so, ret, d);
}

/* What a crash cuts off is no damage: that is what a trace is made for. */
static bool is_damaged(const struct summary *s)
{
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		if (s->damages[slot].text[0])
			return true;
	return false;
}

static int cmd_report(const struct report_opts *o)
{
	_cleanup_(summary_freep) struct summary *s = NULL;
	struct report report = {
		.dir = o->dir,
		.top = (u32)o->top,
		.by = (u8)o->by,
		.width = o->width == UINT64_MAX ? default_width() : (u32)o->width,
		.color = wants_color(),
		.verbose = o->common.verbose,
	};
	struct diag d = {};
	u64 events;
	int r;

	if (select_streams(&o->streams, false, &events, &d) < 0)
		return cmd_usage("report", -EINVAL, &d);
	if (o->since_ns > o->until_ns) {
		(void)diag_err(&d, -EINVAL, "--since is later than --until: nothing lies between");
		return cmd_usage("report", -EINVAL, &d);
	}
	r = read_trace(o, events, &s, &d);
	if (r < 0)
		return cmd_fail("report", r, &d);
	report.s = s;
	if (o->format == REPORT_JSON)
		r = report_json(&report);
	else
		report_all(&report);
	if (r == 0 && report.out.failed)
		r = -ENOMEM;
	r = r < 0 ? cmd_fail("report", r, &d) : cmd_print("report", &report.out);
	buf_done(&report.out);
	return r == EXIT_DONE && is_damaged(s) ? EXIT_PARTIAL : r;
}
CMD_RUN(report)
