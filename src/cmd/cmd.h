/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a command is made of. The file of a command has
 *
 *	static const struct opt export_rows[] = { ... { } };
 *	static const struct opt_group export_groups[] = { { "Options", export_rows }, { } };
 *	CMD_OPTIONS(export, .groups = export_groups);
 *	static int cmd_export(const struct export_opts *o) { ... return EXIT_DONE; }
 *	CMD_RUN(export)
 *
 * with struct export_opts beginning with struct cmd_common, and cmds.def has its
 * row. A command gets its options filled and checked; it never sees argv.
 */
#ifndef SONDE_CMD_CMD_H
#define SONDE_CMD_CMD_H

#include "base/buf.h"
#include "base/opt.h"

enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_PARTIAL = 3, /* done, but something that was asked for could not be observed */
};

/* Options of every command. */
struct cmd_common {
	bool help;
	bool verbose;
};

/* What a command takes. */
struct cmd_opts {
	const struct opt_group *groups;
	const void *defaults; /* a struct to begin with; NULL is all zero */
	size_t size;
};

/* One row of cmds.def. */
struct cmd {
	const char *name, *summary;
	const struct cmd_opts *opts;
	int (*run)(const void *opts); /* returns an exit status; NULL if this build lacks it */
};

#define CMD_OPTIONS(name, ...)                                                           \
	_Static_assert(offsetof(struct name##_opts, common) == 0, "common comes first"); \
	const struct cmd_opts name##_cmd_opts = { .size = sizeof(struct name##_opts), __VA_ARGS__ }

#define CMD_RUN(name)                    \
	int name##_run(const void *opts) \
	{                                \
		return cmd_##name(opts); \
	}

#define CMD(name, needs_bpf, summary)                 \
	extern const struct cmd_opts name##_cmd_opts; \
	int name##_run(const void *opts);
#include "cmd/cmds.def"
#undef CMD

/* All commands, ended by one without a name. */
extern const struct cmd cmds[];
/* The rows of struct cmd_common: a group that stands behind a command's own. */
extern const struct opt_group cmd_common_groups[];

/* The command of this name, or the only one that it begins. NULL with a sentence. */
const struct cmd *cmd_find(const char *name, struct diag *d);

/*
 * Says on stderr why the command gives up, or, if nothing was said, the text of
 * errno -r. Returns EXIT_FAILED.
 */
int cmd_fail(const char *name, int r, const struct diag *d);
/* The same for a bad word on the command line. Returns EXIT_USAGE. */
int cmd_usage(const char *name, int r, const struct diag *d);
/* A sentence on stderr that does not end the command. */
void cmd_warn(const char *name, const char *fmt, ...) _printf_(2, 3);
/* Writes text to standard output; says why if it cannot. Returns an exit status. */
int cmd_print(const char *name, struct buf *text);

#endif
