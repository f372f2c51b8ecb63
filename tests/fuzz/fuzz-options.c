// SPDX-License-Identifier: BSD-2-Clause
/*
 * Any words as the options of any command. The first byte chooses the command;
 * NULs part the words. What was accepted must keep the promises that the table
 * makes, and what was refused must be explained. With a directory in
 * SONDE_FUZZ_SEEDS, writes seeds there: every option of every command.
 */
#include <errno.h>
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/record_opts.h"
#include "cmd/select.h"
#include "schema/dfa.h"

#define MAX_WORDS 64

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void must(bool claim)
{
	if (!claim)
		abort();
}

static u32 nr_commands(void)
{
	u32 nr = 0;

	while (cmds[nr].name)
		nr++;
	return nr;
}

/* What a row promises of the value that it stored, or of its default. */
static void check_value(const struct opt *o, const void *at, const void *before)
{
	const struct opt_strings *strings = at;
	const struct opt_range *range = at;
	const struct opt_ids *ids = at;
	u64 v;

	switch ((enum opt_type)o->type) {
	case OPT_STRINGS:
		for (u32 i = 0; i < strings->nr; i++)
			must(strings->v[i]);
		break;
	case OPT_IDS:
		for (u32 i = 0; i < ids->nr; i++)
			must(ids->v[i] >= o->min && (!o->max || ids->v[i] <= o->max));
		break;
	case OPT_U64:
	case OPT_SIZE:
	case OPT_DURATION:
		memcpy(&v, at, sizeof(v));
		if (!memcmp(at, before, sizeof(v)))
			break;
		must(v >= o->min && (!o->max || v <= o->max));
		must(!o->power_of_two || !(v & (v - 1)));
		break;
	case OPT_RANGE:
		must(range->from <= range->to);
		break;
	default:
		break;
	}
}

static void check_values(const struct cmd *cmd, const char *opts, const char *before)
{
	struct opt_iter it;

	for (const struct opt *o = opt_first(&it, cmd->opts->groups); o; o = opt_next(&it))
		check_value(o, opts + it.group->base + o->off, before + it.group->base + o->off);
}

/* What commands make of lists of words. */
static void use_filter(const struct filter_opts *f)
{
	static struct sn_dfa dfa;
	struct op_set ops, every = {};
	u32 nr[SN_NR_EVENTS] = {};
	struct fields fields;
	struct diag d = {};
	u64 events;

	if (select_streams(&f->streams, false, &events, &d) == 0) {
		must(events && !(events & ~select_all()));
		if (select_fields(&f->streams, events, &fields, &d) == 0)
			fields_done(&fields);
	} else {
		must(d.text[0]);
	}
	if (filter_samples(f, nr, &d) < 0)
		must(d.text[0]);
	events = select_all();
	if (filter_check(f, &events, &d) < 0)
		must(d.text[0]);
	else
		must(events && !(events & ~select_all()));
	(void)select_ops(&(struct opt_strings){}, &every, &d);
	if (select_ops(&f->ops, &ops, &d) == 0)
		must(op_set_meets(&ops, &every));
	if (f->comm && dfa_compile(&f->comm, 1, &dfa, &d) < 0)
		must(d.text[0]);
}

static void parse(const struct cmd *cmd, char **words)
{
	struct opt_group groups[8] = {};
	char *opts = calloc(1, cmd->opts->size), *before = calloc(1, cmd->opts->size);
	const struct cmd_common *common = (const void *)opts;
	struct diag d = {};
	u32 nr = 0;
	int r;

	if (cmd->opts->defaults)
		memcpy(opts, cmd->opts->defaults, cmd->opts->size);
	memcpy(before, opts, cmd->opts->size);
	while (cmd->opts->groups[nr].rows) {
		groups[nr] = cmd->opts->groups[nr];
		nr++;
	}
	groups[nr] = cmd_common_groups[0];
	r = opt_parse(groups, opts, words, &d);
	must(r == 0 || (r == -EINVAL && d.text[0]) || r == -ENOMEM);
	check_values(cmd, opts, before);
	if (r == 0 && !common->help && !strcmp(cmd->name, "record"))
		use_filter(&((const struct record_opts *)opts)->filter);
	opt_done(groups, opts);
	free(opts);
	free(before);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *words[MAX_WORDS + 1] = {}, *text, *word;
	u32 nr = 0;

	if (!size)
		return 0;
	text = calloc(1, size + 1);
	memcpy(text, data + 1, size - 1);
	for (word = text; word < text + size - 1 && nr < MAX_WORDS; word += strlen(word) + 1)
		words[nr++] = word;
	parse(&cmds[data[0] % nr_commands()], words);
	free(text);
	return 0;
}

static const char *example(const struct opt *o)
{
	static const char *const of_type[OPT_REST + 1] = {
		[OPT_STRING] = "/sh[a-z]*/", [OPT_STRINGS] = "vfs_read=3,block_*",
		[OPT_IDS] = "1,22,333",      [OPT_U64] = "7",
		[OPT_SIZE] = "64K",          [OPT_DURATION] = "1.5s",
		[OPT_RANGE] = "100-200",     [OPT_CHOICE] = "csv",
		[OPT_REST] = "cmd",
	};

	return of_type[o->type];
}

static void write_seed(const char *dir, u32 cmd, u32 i, const struct opt *o)
{
	struct buf b = {};
	char path[512];
	FILE *file;

	buf_putc(&b, (char)cmd);
	if (o->name)
		buf_printf(&b, "--%s%c", o->name, i % 2 && opt_has_arg(o) ? '=' : '\0');
	if (opt_has_arg(o))
		buf_printf(&b, "%s%c", example(o), 0);
	if (o->short_name)
		buf_printf(&b, "-%c%s", o->short_name, opt_has_arg(o) ? example(o) : "");
	(void)snprintf(path, sizeof(path), "%s/%u-%u", dir, cmd, i);
	file = fopen(path, "we");
	if (!file || b.failed || fwrite(b.data, 1, b.len, file) != b.len || fclose(file))
		abort();
	buf_done(&b);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *dir = getenv("SONDE_FUZZ_SEEDS");
	struct opt_iter it;
	u32 i = 0;

	for (u32 cmd = 0; dir && cmds[cmd].name; cmd++)
		for (const struct opt *o = opt_first(&it, cmds[cmd].opts->groups); o;
		     o = opt_next(&it))
			write_seed(dir, cmd, i++, o);
	return 0;
}
