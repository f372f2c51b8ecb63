// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/help.h"

#define MAX_GROUPS 8

struct main_opts {
	struct cmd_common common;
	bool version;
	char **words; /* the command and what follows */
};

static const struct opt main_rows[] = {
	{ .name = "version",
	  .metavar = "",
	  .type = OPT_STOP,
	  .off = offsetof(struct main_opts, version),
	  .help = "print the version" },
	{ .metavar = "COMMAND", .type = OPT_REST, .off = offsetof(struct main_opts, words) },
	{}
};

/* The command's groups and those of struct cmd_common, as one list. */
static void join_groups(struct opt_group *to, const struct opt_group *own)
{
	u32 nr = 0;

	for (; own->rows && nr < MAX_GROUPS - 2; own++)
		to[nr++] = *own;
	to[nr++] = cmd_common_groups[0];
	to[nr] = (struct opt_group){};
}

static int run(const struct cmd *cmd, char **words, bool verbose)
{
	struct opt_group groups[MAX_GROUPS];
	_cleanup_(freep) void *opts = calloc(1, cmd->opts->size);
	struct cmd_common *common = opts;
	struct diag d = {};
	int r;

	if (!opts)
		return cmd_fail(cmd->name, -ENOMEM, NULL);
	if (cmd->opts->defaults)
		memcpy(opts, cmd->opts->defaults, cmd->opts->size);
	join_groups(groups, cmd->opts->groups);
	r = opt_parse(groups, opts, words, &d);
	common->verbose |= verbose; /* said before the command's name */
	log_set_verbose(common->verbose);
	if (r < 0) {
		(void)diag_hint(&d, 0, "'sonde %s --help' explains its options", cmd->name);
		r = cmd_usage(cmd->name, r, &d);
	} else if (common->help) {
		r = help_cmd(cmd);
	} else if (!cmd->run) {
		(void)diag_err(&d, -ENOSYS,
			       "this sonde was built without BPF: it reads traces "
			       "and cannot record");
		r = cmd_fail(cmd->name, -ENOSYS, &d);
	} else {
		r = cmd->run(opts);
	}
	opt_done(groups, opts);
	return r;
}

static int dispatch(char **words)
{
	const struct opt_group groups[] = { { "", main_rows, 0 }, cmd_common_groups[0], {} };
	struct main_opts o = {};
	const struct cmd *cmd;
	struct diag d = {};
	int r;

	r = opt_parse(groups, &o, words, &d);
	if (!r && o.version) {
		(void)printf("sonde %s\n", SONDE_VERSION);
		return EXIT_DONE;
	}
	if (!r && o.common.help)
		return help_all();
	if (!r && !o.words)
		r = diag_err(&d, -EINVAL, "a command is missing");
	if (r < 0) {
		(void)diag_hint(&d, 0, "'sonde help' lists the commands");
		return cmd_usage(NULL, r, &d);
	}
	cmd = cmd_find(o.words[0], &d);
	if (!cmd)
		return cmd_usage(NULL, -EINVAL, &d);
	return run(cmd, o.words + 1, o.common.verbose);
}

int main(int argc, char **argv)
{
	const char *modules = getenv("SONDE_DEBUG");
	struct diag d = {};
	int r;

	if (modules && !log_set_modules(modules)) {
		r = diag_err(&d, -EINVAL,
			     "SONDE_DEBUG names an unknown module: %s; there are %s, all", modules,
			     log_modules);
		return cmd_usage(NULL, r, &d);
	}
	r = dispatch(argv + !!argc);
	if ((ferror(stdout) || fflush(stdout) != 0) && r == EXIT_DONE)
		return cmd_fail(NULL, diag_errno(&d, -errno, "cannot write to standard output"),
				&d);
	return r;
}
