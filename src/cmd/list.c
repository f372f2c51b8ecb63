// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/cmd.h"
#include "cmd/select.h"

struct list_opts {
	struct cmd_common common;
	struct opt_strings streams;
	bool ops;
};

/* clang-format off */
static const struct opt list_rows[] = {
	{ .name = "ops", .metavar = "", .type = OPT_FLAG, .off = offsetof(struct list_opts, ops),
	  .help = "the operations that --op of record and stream takes, by event" },
	{ .metavar = "STREAM", .type = OPT_STRINGS,
	  .off = offsetof(struct list_opts, streams), .complete = OPT_COMPLETE_STREAMS,
	  .help = "only these domains, events or globs of events; with -v their fields too" },
	{}
};
/* clang-format on */

static const struct opt_group list_groups[] = { { "Options", list_rows, 0 }, {} };
CMD_OPTIONS(list, .groups = list_groups);

static void list_fields(struct buf *b, const struct sn_event *ev)
{
	const struct sn_kind_desc *kind;

	for (u32 i = 0; i < ev->nr_columns; i++) {
		kind = &sn_kinds[ev->columns[i].kind];
		buf_printf(b, "      %-16s %-10s %s\n", ev->columns[i].name, kind->name,
			   ev->columns[i].doc);
	}
}

static void list_ops(struct buf *b, u64 events)
{
	_cleanup_(buf_done) struct buf names = {};

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		names.len = 0;
		if (events & 1ull << slot)
			select_put_ops(&names, slot);
		if (names.len)
			buf_printf(b, "%-10s%.*s\n", schema_event(slot)->name, (int)names.len,
				   names.data);
	}
	b->failed |= names.failed;
}

static int cmd_list(const struct list_opts *o)
{
	_cleanup_(buf_done) struct buf b = {};
	const struct sn_event *ev;
	struct diag d = {};
	const char *domain, *last = NULL;
	size_t len;
	u64 events;
	int r;

	r = select_streams(&o->streams, true, &events, &d);
	if (r < 0)
		return cmd_usage("list", r, &d);
	if (o->ops) {
		list_ops(&b, events);
		return cmd_print("list", &b);
	}
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		ev = schema_event(slot);
		if (!(events & 1ull << slot))
			continue;
		domain = schema_domain(ev, &len);
		if (!last || strncmp(domain, last, len))
			buf_printf(&b, "%.*s\n", (int)len, domain);
		last = domain;
		buf_printf(&b, "  %-16s %s\n", ev->name, ev->doc);
		if (o->common.verbose)
			list_fields(&b, ev);
	}
	return cmd_print("list", &b);
}
CMD_RUN(list)
