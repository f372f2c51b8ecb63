/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of the commands that need BPF: known to every build, so that help is the same. */
#ifndef SONDE_CMD_RECORD_OPTS_H
#define SONDE_CMD_RECORD_OPTS_H

#include "cmd/cmd.h"
#include "cmd/filter_opts.h"

/* What the kernel's part is told: the same for every command that records. */
struct run_opts {
	u64 duration_ns; /* 0: until it is ended, or its command has */
	u64 ring_bytes;  /* per cpu, a power of two */
	u64 table_size;  /* entries */
	int hooks;       /* enum hooks */
	bool strict;
	bool wait; /* for all that the command started */
};

/* In the order of the words that --hooks takes. */
enum hooks { HOOKS_ANY, HOOKS_FENTRY, HOOKS_KPROBE, HOOKS_TRACEPOINT };

struct record_opts {
	struct cmd_common common;
	struct filter_opts filter;
	struct run_opts run;
	const char *dir;             /* NULL: the command chooses a name */
	u64 rotate_bytes, rotate_ns; /* 0 is never */
	bool quiet;
	char **command; /* NULL: none */
};

/* In the order of the words that --format takes. */
enum stream_format { STREAM_JSONL, STREAM_CSV };

struct stream_opts {
	struct cmd_common common;
	struct filter_opts filter;
	struct run_opts run;
	int format;                /* enum stream_format */
	const char *output;        /* NULL: standard output */
	struct opt_strings fields; /* see select_fields() */
	char **command;
};

struct doctor_opts {
	struct cmd_common common;
	bool json;
	bool load;
	int hooks; /* enum hooks */
};

#endif
