// SPDX-License-Identifier: BSD-2-Clause
#include "schema/schema.h"

#include "base/json.h"
#include "cmd/cmd.h"
#include "cmd/help.h"
#include "cmd/select.h"

struct schema_opts {
	struct cmd_common common;
	struct opt_strings streams;
	int format;
	bool layout;
};

enum schema_format { SCHEMA_TEXT, SCHEMA_JSON, SCHEMA_MD, SCHEMA_MAN };

static const char *const formats[] = {
	[SCHEMA_TEXT] = "text",
	[SCHEMA_JSON] = "json",
	[SCHEMA_MD] = "md",
	[SCHEMA_MAN] = "man",
	NULL,
};

/* clang-format off */
#define AT(member) .off = offsetof(struct schema_opts, member)
static const struct opt schema_rows[] = {
	{ .name = "format", .metavar = "FORMAT", .type = OPT_CHOICE,
	  AT(format), .choices = formats,
	  .help = "text (default), json, md (the page docs/events.md) or man (sonde-events(7))" },
	{ .name = "layout", .metavar = "", .type = OPT_FLAG,
	  AT(layout),
	  .help = "also where a field lies in the record that the kernel sends (text, json)" },
	{ .metavar = "STREAM", .type = OPT_STRINGS,
	  AT(streams), .complete = OPT_COMPLETE_STREAMS,
	  .help = "only these domains, events or globs of events" },
	{}
};
#undef AT
/* clang-format on */

static const struct opt_group schema_groups[] = { { "Options", schema_rows, 0 }, {} };
CMD_OPTIONS(schema, .groups = schema_groups);

/* The type of the values in files. */
static void put_type(struct buf *b, const struct sn_column *c)
{
	if (c->rep == SN_STRING || kind_is_text(c->kind))
		buf_puts(b, "text");
	else
		buf_printf(b, "%c%u", c->rep == SN_SIGNED ? 's' : 'u', 8u * c->width);
}

static bool is_in_record(const struct sn_column *c)
{
	return c->source != SN_FROM_DERIVED;
}

static u32 record_bytes(const struct sn_column *c)
{
	return c->source == SN_FROM_TEXT ? (u32)sizeof(struct sn_str) : c->field_width;
}

static void text_event(struct buf *b, const struct sn_event *ev, bool layout)
{
	buf_printf(b, "%s (0x%04x): %s\n", ev->name, ev->id, ev->doc);
	if (layout)
		buf_printf(b, "  %u bytes\n", ev->size);
	for (u32 i = 0; i < ev->nr_columns; i++) {
		const struct sn_column *c = &ev->columns[i];

		if (layout && is_in_record(c))
			buf_printf(b, "  %4u %2u", c->off, record_bytes(c));
		else if (layout)
			buf_puts(b, "     -  -");
		buf_printf(b, "  %-16s ", c->name);
		put_type(b, c);
		buf_printf(b, "%s %s", c->nullable ? "?" : "", sn_kinds[c->kind].name);
		if (sn_kinds[c->kind].unit[0])
			buf_printf(b, " (%s)", sn_kinds[c->kind].unit);
		buf_printf(b, ": %s\n", c->doc);
	}
	buf_putc(b, '\n');
}

static void json_member(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, "\"%s\": ", name);
	(void)json_put_string(b, value, strlen(value));
}

static void json_column(struct buf *b, const struct sn_column *c, bool layout)
{
	buf_putc(b, '{');
	json_member(b, "name", c->name);
	buf_puts(b, ", \"type\": \"");
	put_type(b, c);
	buf_puts(b, "\", ");
	json_member(b, "kind", sn_kinds[c->kind].name);
	buf_puts(b, ", ");
	json_member(b, "unit", sn_kinds[c->kind].unit);
	buf_printf(b, ", \"nullable\": %s, ", c->nullable ? "true" : "false");
	if (layout && is_in_record(c))
		buf_printf(b, "\"offset\": %u, \"bytes\": %u, ", c->off, record_bytes(c));
	json_member(b, "doc", c->doc);
	buf_putc(b, '}');
}

static void json_event(struct buf *b, const struct sn_event *ev, bool layout)
{
	const char *domain;
	size_t len;

	domain = schema_domain(ev, &len);
	buf_puts(b, "    {");
	json_member(b, "name", ev->name);
	buf_printf(b, ", \"id\": %u, \"domain\": \"%.*s\", ", ev->id, (int)len, domain);
	if (layout)
		buf_printf(b, "\"bytes\": %u, ", ev->size);
	json_member(b, "doc", ev->doc);
	buf_puts(b, ", \"columns\": [\n");
	for (u32 i = 0; i < ev->nr_columns; i++) {
		buf_puts(b, "      ");
		json_column(b, &ev->columns[i], layout);
		buf_puts(b, i + 1 < ev->nr_columns ? ",\n" : "\n");
	}
	buf_puts(b, "    ]}");
}

/* In a cell of a table of Markdown, a bar would end the cell. */
static void md_text(struct buf *b, const char *text)
{
	for (; *text; text++) {
		if (strchr("|<_*", *text))
			buf_putc(b, '\\');
		buf_putc(b, *text);
	}
}

static void md_event(struct buf *b, const struct sn_event *ev)
{
	const struct sn_column *c;

	buf_printf(b, "### %s\n\n", ev->name);
	md_text(b, ev->doc);
	buf_puts(b, ".\n\n| field | type | kind | unit | null | meaning |\n"
		    "|---|---|---|---|---|---|\n");
	for (u32 i = 0; i < ev->nr_columns; i++) {
		c = &ev->columns[i];
		buf_printf(b, "| `%s` | ", c->name);
		put_type(b, c);
		buf_printf(b, " | %s | %s | %s | ", sn_kinds[c->kind].name, sn_kinds[c->kind].unit,
			   c->nullable ? "may be" : "");
		md_text(b, c->doc);
		buf_puts(b, " |\n");
	}
	buf_putc(b, '\n');
}

static void md_head(struct buf *b)
{
	buf_puts(b,
		 "# Events\n\n"
		 "Every event that sonde knows, with the columns of its rows. Times and durations "
		 "are in\nnanoseconds. A value that is not known is null, never 0 and never "
		 "empty text.\n\n"
		 "This page is printed by `sonde schema --format md`.\n\n"
		 "## Kinds\n\n| kind | written as | unit | meaning |\n|---|---|---|---|\n");
	for (u32 i = 0; i < SN_NR_KINDS; i++) {
		buf_printf(b, "| %s | %s | %s | ", sn_kinds[i].name,
			   i == SN_K_str || kind_is_text(i) ? "text" : "number", sn_kinds[i].unit);
		md_text(b, sn_kinds[i].doc);
		buf_puts(b, " |\n");
	}
	buf_putc(b, '\n');
}

static void man_event(struct buf *b, const struct sn_event *ev)
{
	const struct sn_column *c;

	buf_printf(b, ".Ss %s\n", ev->name);
	help_man_text(b, ev->doc);
	buf_puts(b, ".Bl -tag -width Ds\n");
	for (u32 i = 0; i < ev->nr_columns; i++) {
		c = &ev->columns[i];
		buf_printf(b, ".It Va %s Pq ", c->name);
		put_type(b, c);
		buf_printf(b, " %s%s%s%s\n", sn_kinds[c->kind].name,
			   sn_kinds[c->kind].unit[0] ? ", " : "", sn_kinds[c->kind].unit,
			   c->nullable ? ", may be null" : "");
		help_man_text(b, c->doc);
	}
	buf_puts(b, ".El\n");
}

static void head(struct buf *b, enum schema_format format)
{
	if (format == SCHEMA_MD)
		md_head(b);
	if (format == SCHEMA_JSON)
		buf_puts(b, "{\n  \"sonde\": \"" SONDE_VERSION "\",\n  \"events\": [\n");
	if (format == SCHEMA_MAN)
		buf_puts(b, ".Sh EVENTS\n");
}

/* A heading where a domain begins. */
static void begin_domain(struct buf *b, enum schema_format format, const char *domain, size_t len)
{
	if (format == SCHEMA_MD)
		buf_printf(b, "## Domain %.*s\n\n", (int)len, domain);
}

static int cmd_schema(const struct schema_opts *o)
{
	_cleanup_(buf_done) struct buf b = {};
	const char *domain, *last = NULL;
	const struct sn_event *ev;
	struct diag d = {};
	size_t len;
	u64 events;
	int r;

	if (o->streams.nr) {
		r = select_streams(&o->streams, true, &events, &d);
		if (r < 0)
			return cmd_usage("schema", r, &d);
	} else {
		events = UINT64_MAX;
	}
	head(&b, o->format);
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		if (!(events & 1ull << slot))
			continue;
		ev = schema_event(slot);
		domain = schema_domain(ev, &len);
		if (!last || strncmp(domain, last, len))
			begin_domain(&b, o->format, domain, len);
		if (last && o->format == SCHEMA_JSON)
			buf_puts(&b, ",\n");
		last = domain;
		switch ((enum schema_format)o->format) {
		case SCHEMA_TEXT:
			text_event(&b, ev, o->layout);
			break;
		case SCHEMA_JSON:
			json_event(&b, ev, o->layout);
			break;
		case SCHEMA_MD:
			md_event(&b, ev);
			break;
		case SCHEMA_MAN:
			man_event(&b, ev);
			break;
		}
	}
	if (o->format == SCHEMA_JSON)
		buf_puts(&b, "\n  ]\n}\n");
	return cmd_print("schema", &b);
}
CMD_RUN(schema)
