// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/help.h"

#define WIDTH 78

/* A word of running text for mdoc(7), which knows requests at the start of a line, and escapes. */
static size_t man_word(struct buf *b, const char *word, size_t len, bool starts_line)
{
	size_t before = b->len;

	if (starts_line && (*word == '.' || *word == '\''))
		buf_puts(b, "\\&");
	for (size_t i = 0; i < len; i++) {
		if (word[i] == '\\')
			buf_puts(b, "\\e");
		else if (word[i] == '-')
			buf_puts(b, "\\-");
		else
			buf_putc(b, word[i]);
	}
	return b->len - before;
}

void help_man_text(struct buf *b, const char *text)
{
	size_t len, column = 0;

	while (*text) {
		len = strcspn(text, " ");
		if (column && column + 1 + len > WIDTH) {
			buf_putc(b, '\n');
			column = 0;
		} else if (column) {
			buf_putc(b, ' ');
			column++;
		}
		column += man_word(b, text, len, !column);
		text += len;
		text += strspn(text, " ");
	}
	buf_putc(b, '\n');
}

static void man_option(struct buf *b, const struct opt *o)
{
	buf_puts(b, ".It ");
	if (!o->name)
		buf_printf(b, "Ar %s", o->metavar);
	else if (o->short_name)
		buf_printf(b, "Fl %c , Fl \\-%s", o->short_name, o->name);
	else
		buf_printf(b, "Fl \\-%s", o->name);
	if (o->name && opt_has_arg(o))
		buf_printf(b, " Ar %s", o->metavar);
	buf_putc(b, '\n');
	help_man_text(b, o->help);
}

static void man_group(struct buf *b, const struct opt_group *g, bool operands)
{
	bool is_open = false;

	for (const struct opt *o = g->rows; o->metavar; o++) {
		if (operands != !o->name)
			continue;
		if (!is_open && (g->title || operands))
			buf_printf(b, ".Ss %s\n", operands ? "Arguments" : g->title);
		if (!is_open)
			buf_puts(b, ".Bl -tag -width Ds\n");
		is_open = true;
		man_option(b, o);
	}
	if (is_open)
		buf_puts(b, ".El\n");
}

static void man_synopsis(struct buf *b, const struct cmd *cmd)
{
	struct opt_iter it;

	buf_printf(b, ".Sh SYNOPSIS\n.Nm sonde %s\n.Op Ar OPTIONS\n", cmd->name);
	for (const struct opt *o = opt_first(&it, cmd->opts->groups); o; o = opt_next(&it)) {
		if (o->name)
			continue;
		if (o->type == OPT_REST)
			buf_printf(b, ".Op Fl \\- Ar %s ...\n", o->metavar);
		else
			buf_printf(b, ".%sAr %s%s\n", o->required ? "" : "Op ", o->metavar,
				   o->type == OPT_STRINGS ? " ..." : "");
	}
}

void help_man(struct buf *b, const struct cmd *cmd)
{
	buf_printf(b, ".Sh NAME\n.Nm sonde-%s\n.Nd %s\n", cmd->name, cmd->summary);
	man_synopsis(b, cmd);
	buf_puts(b, HELP_MAN_CUT "\n.Sh OPTIONS\n");
	for (const struct opt_group *g = cmd->opts->groups; g->rows; g++)
		man_group(b, g, true);
	for (const struct opt_group *g = cmd->opts->groups; g->rows; g++)
		man_group(b, g, false);
	man_group(b, cmd_common_groups, false);
}

void help_man_all(struct buf *b)
{
	buf_puts(b, ".Sh NAME\n.Nm sonde\n.Nd record what a machine does, and say where the time "
		    "went\n.Sh SYNOPSIS\n.Nm sonde\n.Ar COMMAND\n.Op Ar OPTIONS\n.Op Ar ARGUMENTS\n"
		    ".Nm sonde\n.Fl \\-version\n" HELP_MAN_CUT "\n.Sh COMMANDS\n"
		    ".Bl -tag -width Ds\n");
	for (const struct cmd *c = cmds; c->name; c++) {
		buf_printf(b, ".It Xr sonde-%s 1\n", c->name);
		help_man_text(b, c->summary);
	}
	buf_puts(b, ".El\n");
}

static void md_group(struct buf *b, const struct opt_group *g, bool operands)
{
	for (const struct opt *o = g->rows; o->metavar; o++) {
		if (operands != !o->name)
			continue;
		if (!o->name)
			buf_printf(b, "- `%s`", o->metavar);
		else if (o->short_name)
			buf_printf(b, "- `-%c`, `--%s", o->short_name, o->name);
		else
			buf_printf(b, "- `--%s", o->name);
		if (o->name)
			buf_printf(b, "%s%s`", opt_has_arg(o) ? " " : "",
				   opt_has_arg(o) ? o->metavar : "");
		buf_printf(b, ": %s\n", o->help);
	}
}

void help_md(struct buf *b, const struct cmd *cmd)
{
	buf_printf(b, "## sonde %s\n\n`", cmd->name);
	help_usage(b, cmd);
	buf_printf(b, "`\n\nWhat it does: %s.\n\n", cmd->summary);
	for (const struct opt_group *g = cmd->opts->groups; g->rows; g++)
		md_group(b, g, true);
	for (const struct opt_group *g = cmd->opts->groups; g->rows; g++)
		md_group(b, g, false);
	md_group(b, cmd_common_groups, false);
	buf_putc(b, '\n');
}
