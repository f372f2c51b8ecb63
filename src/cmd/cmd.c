// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/cmd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#ifndef SONDE_BPF
#define SONDE_BPF 0
#endif

/* clang-format off */
#define RUN_0(name) name##_run
#if SONDE_BPF
#define RUN_1(name) name##_run
#else
#define RUN_1(name) NULL
#endif

const struct cmd cmds[] = {
#define CMD(name_, needs_bpf, summary_) \
	{ #name_, summary_, &name_##_cmd_opts, RUN_##needs_bpf(name_) },
#include "cmd/cmds.def"
#undef CMD
	{}
};
/* clang-format on */

static const struct opt common_rows[] = { { .name = "verbose",
					    .short_name = 'v',
					    .metavar = "",
					    .type = OPT_FLAG,
					    .off = offsetof(struct cmd_common, verbose),
					    .help = "say more" },
					  { .name = "help",
					    .short_name = 'h',
					    .metavar = "",
					    .type = OPT_STOP,
					    .off = offsetof(struct cmd_common, help),
					    .help = "print this help" },
					  {} };

const struct opt_group cmd_common_groups[] = { { "Common options", common_rows }, {} };

const struct cmd *cmd_find(const char *name, struct diag *d)
{
	_cleanup_(buf_done) struct buf words = {};
	const struct cmd *found = NULL;
	u32 nr = 0;

	for (const struct cmd *c = cmds; c->name; c++) {
		if (!strcmp(c->name, name))
			return c;
		if (!*name || strncmp(c->name, name, strlen(name)))
			continue;
		buf_printf(&words, "%s%s", nr++ ? ", " : "", c->name);
		found = c;
	}
	if (nr == 1)
		return found;
	buf_putc(&words, 0);
	if (nr)
		(void)diag_err(d, -EINVAL, "command '%s' is ambiguous: %s", name,
			       words.failed ? "" : words.data);
	else
		(void)diag_err(d, -EINVAL, "there is no command '%s'", name);
	(void)diag_hint(d, 0, "'sonde help' lists the commands");
	return NULL;
}

static void say(const char *name, int r, const struct diag *d)
{
	const char *text = d && d->text[0] ? d->text : strerror(-r);

	/* One call, so that lines of several programs on one terminal stay whole. */
	(void)fprintf(stderr, "sonde%s%s: %s%s%s\n", name ? " " : "", name ? name : "", text,
		      d && d->hint[0] ? "\n  " : "", d ? d->hint : "");
}

int cmd_fail(const char *name, int r, const struct diag *d)
{
	say(name, r, d);
	return EXIT_FAILED;
}

int cmd_usage(const char *name, int r, const struct diag *d)
{
	say(name, r, d);
	return EXIT_USAGE;
}

void cmd_warn(const char *name, const char *fmt, ...)
{
	struct diag d = {};
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(d.text, sizeof(d.text), fmt, args);
	va_end(args);
	say(name, 0, &d);
}

int cmd_print(const char *name, struct buf *text)
{
	struct diag d = {};

	if (text->failed)
		return cmd_fail(name, -ENOMEM, NULL);
	if (fwrite(text->data, 1, text->len, stdout) == text->len && fflush(stdout) == 0)
		return EXIT_DONE;
	return cmd_fail(name, diag_errno(&d, -errno, "cannot write to standard output"), &d);
}
