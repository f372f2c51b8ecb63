// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/filter_opts.h"

#define AT(member) .off = offsetof(struct filter_opts, member)

/* clang-format off */
const struct opt filter_row_rows[] = {
	{ .name = "events", .short_name = 'e', .metavar = "STREAMS", .type = OPT_STRINGS,
	  AT(streams), .complete = OPT_COMPLETE_STREAMS,
	  .help = "domains, events or globs of events, separated by commas "
		  "(default: all; 'sonde list' shows them)" },
	{ .name = "op", .metavar = "OPS", .type = OPT_STRINGS,
	  AT(ops), .complete = OPT_COMPLETE_OPS,
	  .help = "only these operations: names of calls (pread64) or of block requests "
		  "(discard), separated by commas" },
	{ .name = "device", .metavar = "DEV", .type = OPT_STRINGS,
	  AT(devices), .complete = OPT_COMPLETE_FILE,
	  .help = "only rows about this block device: name, path in /dev, or MAJOR:MINOR; "
		  "may be given several times" },
	{ .name = "sectors", .metavar = "FROM-TO", .type = OPT_RANGE,
	  AT(sectors),
	  .help = "only block requests that begin in these sectors of 512 bytes" },
	{ .name = "min-latency", .metavar = "TIME", .type = OPT_DURATION,
	  AT(min_latency_ns),
	  .help = "only operations that took at least this long (500us, 10ms)" },
	{ .name = "min-size", .metavar = "SIZE", .type = OPT_SIZE,
	  AT(min_bytes),
	  .help = "only operations of at least this many bytes" },
	{ .name = "max-size", .metavar = "SIZE", .type = OPT_SIZE,
	  AT(max_bytes),
	  .help = "only operations of at most this many bytes" },
	{ .name = "errors", .metavar = "", .type = OPT_FLAG,
	  AT(errors),
	  .help = "only operations that failed" },
	{ .name = "sample", .metavar = "STREAM=N", .type = OPT_STRINGS,
	  AT(samples),
	  .help = "keep one row in N of these events; may be given several times" },
	{ .name = "pseudo-fs", .metavar = "", .type = OPT_FLAG,
	  AT(pseudo_fs),
	  .help = "also files of proc, sysfs and their like, pipes, sockets and character "
		  "devices" },
	{}
};

const struct opt filter_thread_rows[] = {
	{ .name = "pid", .short_name = 'p', .metavar = "PIDS", .type = OPT_IDS,
	  AT(pids), .min = 1, .max = 4194304,
	  .help = "only these processes, all their threads" },
	{ .name = "tid", .metavar = "TIDS", .type = OPT_IDS,
	  AT(tids), .min = 1, .max = 4194304,
	  .help = "only these threads" },
	{ .name = "comm", .metavar = "PATTERN", .type = OPT_STRING,
	  AT(comm),
	  .help = "only threads of this name: a glob, or a regular expression between "
		  "slashes (/^kworker/)" },
	{ .name = "uid", .metavar = "UIDS", .type = OPT_IDS,
	  AT(uids),
	  .help = "only threads of these users, by number" },
	{ .name = "cgroup", .metavar = "PATH", .type = OPT_STRINGS,
	  AT(cgroups), .complete = OPT_COMPLETE_DIR,
	  .help = "only threads in this cgroup or below it; may be given several times" },
	{ .name = "children", .metavar = "", .type = OPT_SET,
	  AT(children), .value = CHILDREN_YES,
	  .help = "also what these processes start (the default)" },
	{ .name = "no-children", .metavar = "", .type = OPT_SET,
	  AT(children), .value = CHILDREN_NO,
	  .help = "not what these processes start" },
	{ .name = "all", .short_name = 'a', .metavar = "", .type = OPT_FLAG,
	  AT(all),
	  .help = "the whole machine, also when a command is given" },
	{}
};
/* clang-format on */
