// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/cmd.h"
#include "trace/reader.h"

struct repair_opts {
	struct cmd_common common;
	const char *dir;
};

/* clang-format off */
static const struct opt repair_rows[] = {
	{ .metavar = "TRACE", .type = OPT_STRING, .required = true,
	  .off = offsetof(struct repair_opts, dir), .complete = OPT_COMPLETE_DIR,
	  .help = "directory that a recording was written to" },
	{}
};
/* clang-format on */

static const struct opt_group repair_groups[] = { { "Options", repair_rows, 0 }, {} };
CMD_OPTIONS(repair, .groups = repair_groups);

static void put_files(struct buf *b, u32 nr, const char *what)
{
	if (nr)
		buf_printf(b, "%u file%s %s\n", nr, nr == 1 ? "" : "s", what);
}

static int cmd_repair(const struct repair_opts *o)
{
	_cleanup_(buf_done) struct buf b = {};
	struct trace_repaired done;
	struct diag d = {};
	int r;

	r = trace_repair(o->dir, &done, &d);
	if (r < 0)
		return cmd_fail("repair", r, &d);
	put_files(&b, done.nr_cut, "cut back to the last complete rows");
	put_files(&b, done.nr_set_aside, "without complete rows renamed to *.damaged");
	if (!b.len)
		buf_puts(&b, "nothing to repair\n");
	return cmd_print("repair", &b);
}
CMD_RUN(repair)
