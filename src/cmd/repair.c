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

static int cmd_repair(const struct repair_opts *o)
{
	_cleanup_(buf_done) struct buf b = {};
	unsigned int nr_repaired;
	struct diag d = {};
	int r;

	r = trace_repair(o->dir, &nr_repaired, &d);
	if (r < 0)
		return cmd_fail("repair", r, &d);
	if (nr_repaired)
		buf_printf(&b, "%u file%s cut back to the last complete rows\n", nr_repaired,
			   nr_repaired == 1 ? "" : "s");
	else
		buf_puts(&b, "nothing to repair\n");
	return cmd_print("repair", &b);
}
CMD_RUN(repair)
