// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/help.h"

#include "cmd/select.h"
#include "schema/schema.h"

typedef void (*opt_fn)(struct buf *b, const struct cmd *cmd, const struct opt *o);

/* Calls fn for every row that the command takes, the common ones included. */
static void each_opt(struct buf *b, const struct cmd *cmd, opt_fn fn)
{
	struct opt_iter it;

	for (const struct opt *o = opt_first(&it, cmd->opts->groups); o; o = opt_next(&it))
		fn(b, cmd, o);
	for (const struct opt *o = opt_first(&it, cmd_common_groups); o; o = opt_next(&it))
		fn(b, cmd, o);
}

static void stream_words(struct buf *b)
{
	const struct sn_event *ev;
	const char *domain, *last = "";
	size_t len;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		ev = schema_event(slot);
		if (schema_is_core(ev))
			continue;
		domain = schema_domain(ev, &len);
		if (strncmp(domain, last, len) || last[len] != '_')
			buf_printf(b, "%.*s ", (int)len, domain);
		buf_printf(b, "%s ", ev->name);
		last = ev->name;
	}
}

/* Has an event before this one a column of this name? */
static bool is_known_field(u32 slot, const char *name)
{
	while (slot-- > 0)
		if (!schema_is_core(schema_event(slot)) &&
		    schema_column(schema_event(slot), name) >= 0)
			return true;
	return false;
}

static void field_words(struct buf *b)
{
	const struct sn_event *ev;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		ev = schema_event(slot);
		for (u32 i = 0; i < ev->nr_columns && !schema_is_core(ev); i++)
			if (!is_known_field(slot, ev->columns[i].name))
				buf_printf(b, "%s ", ev->columns[i].name);
	}
}

/* Those that 'sonde list --ops' shows. */
static void op_words(struct buf *b)
{
	_cleanup_(buf_done) struct buf words = {};

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		select_put_ops(&words, slot);
	if (words.len)
		buf_put(b, words.data + 1, words.len - 1); /* a blank stands before each */
	b->failed |= words.failed;
}

/* The words an argument can be, each with a blank behind it; nothing if they are not known. */
static void arg_words(struct buf *b, const struct opt *o)
{
	switch ((enum opt_complete)o->complete) {
	case OPT_COMPLETE_STREAMS:
		stream_words(b);
		break;
	case OPT_COMPLETE_FIELDS:
		field_words(b);
		break;
	case OPT_COMPLETE_OPS:
		op_words(b);
		break;
	case OPT_COMPLETE_COMMANDS:
		for (const struct cmd *c = cmds; c->name; c++)
			buf_printf(b, "%s ", c->name);
		break;
	default:
		for (u32 i = 0; o->choices && o->choices[i]; i++)
			buf_printf(b, "%s ", o->choices[i]);
	}
	if (b->len && b->data[b->len - 1] == ' ')
		b->len--;
}

static bool is_list(const struct opt *o)
{
	return o->complete == OPT_COMPLETE_STREAMS || o->complete == OPT_COMPLETE_FIELDS ||
	       o->complete == OPT_COMPLETE_OPS;
}

static void bash_option(struct buf *b, const struct cmd *cmd, const struct opt *o)
{
	if (!o->name)
		return;
	if (o->short_name)
		buf_printf(b, " -%c", o->short_name);
	buf_printf(b, " --%s", o->name);
}

/* The shell function that completes the argument, and its words. */
static void bash_action(struct buf *b, const struct opt *o)
{
	if (is_list(o))
		buf_puts(b, "_sonde_list '");
	else if (o->complete == OPT_COMPLETE_FILE)
		buf_puts(b, "_sonde_files '");
	else if (o->complete == OPT_COMPLETE_DIR)
		buf_puts(b, "_sonde_dirs '");
	else
		buf_puts(b, "_sonde_words '");
	arg_words(b, o);
	buf_puts(b, "'");
}

static void bash_arg(struct buf *b, const struct cmd *cmd, const struct opt *o)
{
	if (!o->name || !opt_has_arg(o))
		return;
	buf_puts(b, "\t");
	if (o->short_name)
		buf_printf(b, "%s:-%c|", cmd->name, o->short_name);
	buf_printf(b, "%s:--%s) ", cmd->name, o->name);
	bash_action(b, o);
	buf_puts(b, "; return ;;\n");
}

static void bash_operand(struct buf *b, const struct cmd *cmd, const struct opt *o)
{
	if (o->name)
		return;
	buf_printf(b, "\t%s) ", cmd->name);
	if (o->type == OPT_REST)
		buf_puts(b, "_sonde_command");
	else
		bash_action(b, o);
	buf_puts(b, " ;;\n");
}

static const char bash_functions[] =
	"_sonde_words() { COMPREPLY=($(compgen -W \"$1\" -- \"$cur\")); }\n"
	"_sonde_files() { compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\")); }\n"
	"_sonde_dirs() { compopt -o filenames; COMPREPLY=($(compgen -d -- \"$cur\")); }\n"
	"_sonde_list()\n{\n"
	"\tlocal before=\n"
	"\t[[ $cur == *,* ]] && before=${cur%,*},\n"
	"\tcompopt -o nospace\n"
	"\tCOMPREPLY=($(compgen -P \"$before\" -W \"$1\" -- \"${cur##*,}\"))\n}\n"
	"_sonde_command()\n{\n"
	"\tcompopt -o filenames\n"
	"\tCOMPREPLY=($(compgen -c -- \"$cur\") $(compgen -f -- \"$cur\"))\n}\n";

void help_bash(struct buf *b)
{
	buf_puts(b, "# bash completion for sonde, made from its option tables\n\n");
	buf_puts(b, bash_functions);
	buf_puts(b, "_sonde()\n{\n"
		    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
		    "\tlocal cmd= i\n"
		    "\tCOMPREPLY=()\n"
		    "\tif [[ $cur == = ]]; then cur=; fi\n"
		    "\tif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
		    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		    "\t\tif [[ ${COMP_WORDS[i]} != -* ]]; then cmd=${COMP_WORDS[i]}; break; fi\n"
		    "\tdone\n"
		    "\tif [[ -z $cmd ]]; then\n\t\t_sonde_words '");
	for (const struct cmd *c = cmds; c->name; c++)
		buf_printf(b, "%s ", c->name);
	buf_puts(b, "--help --version --verbose'\n\t\treturn\n\tfi\n\tcase $cmd:$prev in\n");
	for (const struct cmd *c = cmds; c->name; c++)
		each_opt(b, c, bash_arg);
	buf_puts(b, "\tesac\n\tif [[ $cur == -* ]]; then\n\t\tcase $cmd in\n");
	for (const struct cmd *c = cmds; c->name; c++) {
		buf_printf(b, "\t\t%s) _sonde_words '", c->name);
		each_opt(b, c, bash_option);
		buf_puts(b, "' ;;\n");
	}
	buf_puts(b, "\t\tesac\n\t\treturn\n\tfi\n\tcase $cmd in\n");
	for (const struct cmd *c = cmds; c->name; c++)
		each_opt(b, c, bash_operand);
	buf_puts(b, "\tesac\n}\ncomplete -F _sonde sonde\n");
}

/* Text inside single quotes; zsh also gives a meaning to some of it, which is escaped. */
static void quote(struct buf *b, const char *text, const char *escape)
{
	for (; *text; text++) {
		if (*text == '\'')
			buf_puts(b, "'\\''");
		else if (strchr(escape, *text))
			buf_printf(b, "\\%c", *text);
		else
			buf_putc(b, *text);
	}
}

static void zsh_action(struct buf *b, const struct opt *o)
{
	buf_printf(b, ":%s:", o->metavar);
	if (o->type == OPT_REST) {
		buf_puts(b, "_normal");
	} else if (o->complete == OPT_COMPLETE_FILE) {
		buf_puts(b, "_files");
	} else if (o->complete == OPT_COMPLETE_DIR) {
		buf_puts(b, "_files -/");
	} else if (is_list(o)) {
		buf_puts(b, "_values -s , word ");
		arg_words(b, o);
	} else {
		buf_puts(b, "(");
		arg_words(b, o);
		buf_puts(b, ")");
	}
}

static void zsh_option(struct buf *b, const struct cmd *cmd, const struct opt *o)
{
	buf_puts(b, " \\\n\t\t");
	if (!o->name) {
		buf_puts(b, o->type == OPT_REST ? "'*:" : "'1:");
		zsh_action(b, o);
		/* An operand's message stands where an option's metavar does. */
		buf_puts(b, "'");
		return;
	}
	buf_puts(b, o->type == OPT_STRINGS || o->type == OPT_IDS ? "'*'" : "");
	if (o->short_name)
		buf_printf(b, "{-%c,--%s}'", o->short_name, o->name);
	else
		buf_printf(b, "'--%s", o->name);
	buf_puts(b, "[");
	quote(b, o->help, "[]:\\");
	buf_puts(b, "]");
	if (opt_has_arg(o))
		zsh_action(b, o);
	buf_puts(b, "'");
}

void help_zsh(struct buf *b)
{
	buf_puts(b, "#compdef sonde\n# zsh completion for sonde, made from its option tables\n\n"
		    "_sonde()\n{\n"
		    "\tlocal curcontext=$curcontext state line\n"
		    "\tlocal -a commands=(\n");
	for (const struct cmd *c = cmds; c->name; c++) {
		buf_printf(b, "\t\t'%s:", c->name);
		quote(b, c->summary, ":\\");
		buf_puts(b, "'\n");
	}
	buf_puts(b, "\t)\n"
		    "\t_arguments -C {-h,--help}'[print help]' '--version[print the version]' \\\n"
		    "\t\t{-v,--verbose}'[say more]' '1: :->command' '*:: :->arguments' && return\n"
		    "\tif [[ $state == command ]]; then\n"
		    "\t\t_describe -t commands 'command' commands\n\t\treturn\n\tfi\n"
		    "\tcase $words[1] in\n");
	for (const struct cmd *c = cmds; c->name; c++) {
		buf_printf(b, "\t%s)\n\t\t_arguments -s", c->name);
		each_opt(b, c, zsh_option);
		buf_puts(b, " ;;\n");
	}
	buf_puts(b, "\tesac\n}\n\n_sonde \"$@\"\n");
}

static void fish_option(struct buf *b, const struct cmd *cmd, const struct opt *o)
{
	if (!o->name && o->complete == OPT_COMPLETE_NONE && o->type != OPT_REST)
		return;
	buf_printf(b, "complete -c sonde -n '__fish_seen_subcommand_from %s'", cmd->name);
	if (o->short_name)
		buf_printf(b, " -s %c", o->short_name);
	if (o->name)
		buf_printf(b, " -l %s", o->name);
	if (o->complete == OPT_COMPLETE_FILE || o->type == OPT_REST) {
		buf_puts(b, o->name ? " -r -F" : " -F");
	} else if (o->complete == OPT_COMPLETE_DIR) {
		buf_printf(b, "%s -a '(__fish_complete_directories)'", o->name ? " -x" : " -f");
	} else if (is_list(o)) {
		buf_printf(b, " %s -a '(__fish_complete_list , \"string split \\\" \\\" \\\"",
			   o->name ? "-x" : "-f");
		arg_words(b, o);
		buf_puts(b, "\\\"\")'");
	} else if (opt_has_arg(o)) {
		buf_puts(b, o->name ? " -x -a '" : " -f -a '");
		arg_words(b, o);
		buf_puts(b, "'");
	}
	buf_puts(b, " -d '");
	quote(b, o->help, "");
	buf_puts(b, "'\n");
}

void help_fish(struct buf *b)
{
	buf_puts(b, "# fish completion for sonde, made from its option tables\n\n"
		    "complete -c sonde -f\n"
		    "complete -c sonde -n __fish_use_subcommand -s h -l help -d 'print help'\n"
		    "complete -c sonde -n __fish_use_subcommand -s v -l verbose -d 'say more'\n"
		    "complete -c sonde -n __fish_use_subcommand -l version "
		    "-d 'print the version'\n");
	for (const struct cmd *c = cmds; c->name; c++) {
		buf_printf(b, "complete -c sonde -n __fish_use_subcommand -a %s -d '", c->name);
		quote(b, c->summary, "");
		buf_puts(b, "'\n");
	}
	for (const struct cmd *c = cmds; c->name; c++)
		each_opt(b, c, fish_option);
}
