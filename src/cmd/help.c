// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/help.h"

#include <ctype.h>

#define WIDTH 80
#define INDENT 26

struct help_opts {
	struct cmd_common common;
	const char *name;
	int format;
};

enum help_format { HELP_TEXT, HELP_MAN, HELP_MD, HELP_BASH, HELP_ZSH, HELP_FISH };

static const char *const formats[] = {
	[HELP_TEXT] = "text",
	[HELP_MAN] = "man",
	[HELP_MD] = "md",
	[HELP_BASH] = "bash",
	[HELP_ZSH] = "zsh",
	[HELP_FISH] = "fish",
	NULL,
};

/* clang-format off */
#define AT(member) .off = offsetof(struct help_opts, member)
static const struct opt help_rows[] = {
	{ .name = "format", .metavar = "FORMAT", .type = OPT_CHOICE,
	  AT(format), .choices = formats,
	  .help = "text (default); man: the generated parts of the man page; md; bash, zsh, "
		  "fish: completions for all commands" },
	{ .metavar = "COMMAND", .type = OPT_STRING,
	  AT(name), .complete = OPT_COMPLETE_COMMANDS,
	  .help = "the command to explain" },
	{}
};
#undef AT
/* clang-format on */

static const struct opt_group help_groups[] = { { "Options", help_rows, 0 }, {} };
CMD_OPTIONS(help, .groups = help_groups);

/* Text from the current column on, broken at blanks, later lines indented. */
static void wrap(struct buf *b, const char *text, size_t column, size_t indent)
{
	size_t len;

	while (*text) {
		len = strcspn(text, " ");
		if (column > indent && column + 1 + len > WIDTH) {
			buf_printf(b, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			buf_putc(b, ' ');
			column++;
		}
		buf_put(b, text, len);
		column += len;
		text += len;
		text += *text == ' ';
	}
	buf_putc(b, '\n');
}

/* A name on the left, what it means on the right. */
static void row(struct buf *b, const char *left, size_t left_len, const char *text, size_t indent)
{
	buf_put(b, left, left_len);
	if (left_len + 2 > indent)
		buf_printf(b, "\n%*s", (int)indent, "");
	else
		buf_printf(b, "%*s", (int)(indent - left_len), "");
	wrap(b, text, indent, indent);
}

static void option_row(struct buf *b, const struct opt *o)
{
	_cleanup_(buf_done) struct buf left = {};

	if (!o->name)
		buf_printf(&left, "  %s", o->metavar);
	else if (o->short_name)
		buf_printf(&left, "  -%c, --%s", o->short_name, o->name);
	else
		buf_printf(&left, "      --%s", o->name);
	if (opt_has_arg(o) && o->name)
		buf_printf(&left, " %s", o->metavar);
	if (left.failed)
		b->failed = true;
	else
		row(b, left.data, left.len, o->help, INDENT);
}

static void group_rows(struct buf *b, const struct opt_group *g, bool operands)
{
	bool is_first = true;

	for (const struct opt *o = g->rows; o->metavar; o++) {
		if (operands != !o->name)
			continue;
		if (is_first && (g->title || operands))
			buf_printf(b, "\n%s:\n", operands ? "Arguments" : g->title);
		is_first = false;
		option_row(b, o);
	}
}

void help_usage(struct buf *b, const struct cmd *cmd)
{
	struct opt_iter it;

	buf_printf(b, "sonde %s [OPTIONS]", cmd->name);
	for (const struct opt *o = opt_first(&it, cmd->opts->groups); o; o = opt_next(&it)) {
		if (o->name)
			continue;
		if (o->type == OPT_REST)
			buf_printf(b, " [-- %s...]", o->metavar);
		else
			buf_printf(b, o->required ? " %s%s" : " [%s%s]", o->metavar,
				   o->type == OPT_STRINGS ? "..." : "");
	}
}

static void help_text(struct buf *b, const struct cmd *cmd)
{
	buf_puts(b, "Usage: ");
	help_usage(b, cmd);
	buf_printf(b, "\n\n%c%s.\n", toupper((unsigned char)cmd->summary[0]), cmd->summary + 1);
	for (const struct opt_group *g = cmd->opts->groups; g->rows; g++)
		group_rows(b, g, true);
	for (const struct opt_group *g = cmd->opts->groups; g->rows; g++)
		group_rows(b, g, false);
	group_rows(b, cmd_common_groups, false);
}

static void help_text_all(struct buf *b)
{
	buf_puts(b, "Usage: sonde COMMAND [OPTIONS] [ARGUMENTS]\n\n");
	wrap(b,
	     "Records what this machine does on the layers of its kernel, and says where the time "
	     "went.",
	     0, 0);
	buf_puts(b, "\nCommands:\n");
	for (const struct cmd *c = cmds; c->name; c++) {
		buf_printf(b, "  %-10s", c->name);
		wrap(b, c->summary, 12, 12);
	}
	buf_puts(b, "\n'sonde COMMAND --help' explains a command. A command's name and its options "
		    "may\nbe shortened as long as they are unique.\n"
		    "\nExit status: 0 done, 1 failed, 2 bad usage, 3 done but something that was "
		    "asked\nfor could not be observed.\n");
}

int help_cmd(const struct cmd *cmd)
{
	_cleanup_(buf_done) struct buf b = {};

	help_text(&b, cmd);
	return cmd_print(cmd->name, &b);
}

int help_all(void)
{
	_cleanup_(buf_done) struct buf b = {};

	help_text_all(&b);
	return cmd_print("help", &b);
}

static int cmd_help(const struct help_opts *o)
{
	_cleanup_(buf_done) struct buf b = {};
	const struct cmd *cmd = NULL;
	struct diag d = {};

	if (o->name) {
		cmd = cmd_find(o->name, &d);
		if (!cmd)
			return cmd_usage("help", 0, &d);
	}
	switch ((enum help_format)o->format) {
	case HELP_TEXT:
		return cmd ? help_cmd(cmd) : help_all();
	case HELP_MAN:
		cmd ? help_man(&b, cmd) : help_man_all(&b);
		break;
	case HELP_MD:
		for (const struct cmd *c = cmds; c->name; c++)
			if (!cmd || c == cmd)
				help_md(&b, c);
		break;
	case HELP_BASH:
		help_bash(&b);
		break;
	case HELP_ZSH:
		help_zsh(&b);
		break;
	case HELP_FISH:
		help_fish(&b);
		break;
	}
	return cmd_print("help", &b);
}
CMD_RUN(help)
