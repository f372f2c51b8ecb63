// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/record_opts.h"

#include "schema/defaults.h"

#define NS_PER_S 1000000000ull
#define STR_(x) #x
#define STR(x) STR_(x)

/* clang-format off */
#define AT(member) .off = offsetof(struct run_opts, member)

static const char *const hook_words[] = { "any", "fentry", "kprobe", "tracepoint", NULL };

#define HOOKS_ROW                                                                              \
	{ .name = "hooks", .metavar = "KIND", .type = OPT_CHOICE,                              \
	  AT(hooks), .choices = hook_words,                                                    \
	  .help = "how functions of the kernel may be hooked: fentry, kprobe, tracepoint "     \
		  "(not at all), or any, the best that each stream finds (default)" }

static const struct opt run_rows[] = {
	{ .name = "duration", .short_name = 'd', .metavar = "TIME", .type = OPT_DURATION,
	  AT(duration_ns), .bare_ns = NS_PER_S, .min = 1,
	  .help = "end after this time (10s, 2m, 1h; a plain number is seconds), and end the "
		  "command if it still runs" },
	{ .name = "wait", .metavar = "", .type = OPT_FLAG,
	  AT(wait),
	  .help = "with a command: go on until all that it started has ended, too" },
	{ .name = "ring-size", .metavar = "SIZE", .type = OPT_SIZE,
	  AT(ring_bytes), .min = 64 << 10, .max = 1 << 30, .power_of_two = true,
	  .help = "memory between the kernel and sonde, per cpu, a power of two "
		  "(default: " STR(SN_RING_MIB) "M)" },
	{ .name = "table-size", .metavar = "N", .type = OPT_U64,
	  AT(table_size), .min = 1, .max = 1 << 24,
	  .help = "disk requests that can be under way at once, and threads where the kernel "
		  "has no memory of its own for them (default: " STR(SN_TABLE_ENTRIES) ")" },
	HOOKS_ROW,
	{ .name = "strict", .metavar = "", .type = OPT_FLAG,
	  AT(strict),
	  .help = "exit with 3 if anything was lost or could not be observed" },
	{}
};
#undef AT

#define RUN_DEFAULTS                                       \
	{                                                  \
		.ring_bytes = SN_RING_MIB * 1024ull * 1024, .table_size = SN_TABLE_ENTRIES \
	}

#define AT(member) .off = offsetof(struct record_opts, member)

static const struct opt record_rows[] = {
	{ .name = "output", .short_name = 'o', .metavar = "DIR", .type = OPT_STRING,
	  AT(dir), .complete = OPT_COMPLETE_DIR,
	  .help = "directory to make and write the trace to (default: sonde-DATE-TIME here)" },
	{ .name = "rotate-size", .metavar = "SIZE", .type = OPT_SIZE,
	  AT(rotate_bytes), .min = 64 << 10,
	  .help = "begin a new file of an event when one is this large" },
	{ .name = "rotate-time", .metavar = "TIME", .type = OPT_DURATION,
	  AT(rotate_ns), .bare_ns = NS_PER_S, .min = NS_PER_S,
	  .help = "begin a new file of an event when one is this old" },
	{ .name = "quiet", .short_name = 'q', .metavar = "", .type = OPT_FLAG,
	  AT(quiet),
	  .help = "no progress and no summary; what was lost is said all the same" },
	{ .metavar = "CMD", .type = OPT_REST, AT(command),
	  .help = "command to run and trace, with its arguments; it and what it starts is "
		  "recorded as long as it runs, and nothing else unless -a is given" },
	{}
};
#undef AT

static const struct opt_group record_groups[] = {
	{ "Options", record_rows, 0 },
	{ NULL, run_rows, offsetof(struct record_opts, run) },
	FILTER_GROUPS(offsetof(struct record_opts, filter)),
	{}
};

static const struct record_opts record_defaults = {
	.filter = FILTER_OPTS_DEFAULTS,
	.run = RUN_DEFAULTS,
};
CMD_OPTIONS(record, .groups = record_groups, .defaults = &record_defaults);

#define AT(member) .off = offsetof(struct stream_opts, member)

static const char *const stream_formats[] = {
	[STREAM_JSONL] = "jsonl", [STREAM_CSV] = "csv", NULL,
};

static const struct opt stream_rows[] = {
	{ .name = "format", .metavar = "FORMAT", .type = OPT_CHOICE,
	  AT(format), .choices = stream_formats,
	  .help = "jsonl: an object a row, with its event's name (default); csv: lines of "
		  "values, a header line when the event changes" },
	{ .name = "fields", .metavar = "FIELDS", .type = OPT_STRINGS,
	  AT(fields), .complete = OPT_COMPLETE_FIELDS,
	  .help = "only these columns, in this order, separated by commas" },
	{ .name = "output", .short_name = 'o', .metavar = "FILE", .type = OPT_STRING,
	  AT(output), .complete = OPT_COMPLETE_FILE,
	  .help = "write the rows to this file" },
	{ .metavar = "CMD", .type = OPT_REST, AT(command),
	  .help = "command to run and trace, with its arguments; what it writes to standard "
		  "output goes to standard error, unless -o is given" },
	{}
};
#undef AT

static const struct opt_group stream_groups[] = {
	{ "Options", stream_rows, 0 },
	{ NULL, run_rows, offsetof(struct stream_opts, run) },
	FILTER_GROUPS(offsetof(struct stream_opts, filter)),
	{}
};

static const struct stream_opts stream_defaults = {
	.filter = FILTER_OPTS_DEFAULTS,
	.run = RUN_DEFAULTS,
};
CMD_OPTIONS(stream, .groups = stream_groups, .defaults = &stream_defaults);

#define AT(member) .off = offsetof(struct doctor_opts, member)
static const struct opt doctor_rows[] = {
	{ .name = "json", .metavar = "", .type = OPT_FLAG, AT(json),
	  .help = "the same as one JSON object, for scripts" },
	{ .name = "load", .metavar = "", .type = OPT_FLAG, AT(load),
	  .help = "load every program instead, also the alternatives that would not be used "
		  "here, attach none, and say of each whether the kernel takes it" },
	HOOKS_ROW,
	{}
};
#undef AT
static const struct opt_group doctor_groups[] = { { "Options", doctor_rows, 0 }, {} };
CMD_OPTIONS(doctor, .groups = doctor_groups);
/* clang-format on */
