// SPDX-License-Identifier: BSD-2-Clause
/* The tables made from the .def rows, and rows put into batches by them. */
#include <errno.h>

#include "schema/batch.h"
#include "schema/values.h"
#include "test.h"

TEST(events_are_found_by_slot_id_and_name)
{
	const struct sn_event *ev;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		ev = schema_event(slot);
		check(ev && ev->slot == slot);
		check(schema_by_id(ev->id) == ev);
		check(schema_by_name(ev->name, strlen(ev->name)) == ev);
		check(!schema_by_name(ev->name, strlen(ev->name) - 1));
	}
	check(!schema_event(SN_NR_EVENTS));
	check(!schema_by_id(0xffff));
	check(!schema_by_name("vfs_reads", 9));
}

/* Ids and names are for ever: a changed one breaks every trace that was recorded. */
TEST(ids_stay_what_they_are)
{
	static const struct {
		u16 id;
		const char *name;
	} fixed[] = {
		{ 0x0001, "tasks" },     { 0x0002, "paths" },       { 0x0003, "lost" },
		{ 0x0004, "clock" },     { 0x0101, "proc_fork" },   { 0x0102, "proc_exec" },
		{ 0x0103, "proc_exit" }, { 0x0104, "proc_rename" }, { 0x0105, "proc_cgroup" },
		{ 0x0201, "vfs_read" },  { 0x0202, "vfs_write" },   { 0x0203, "vfs_open" },
		{ 0x0204, "vfs_close" }, { 0x0205, "vfs_release" }, { 0x0206, "vfs_fsync" },
		{ 0x0210, "vfs_copy" },  { 0x0301, "block_io" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		check(schema_by_id(fixed[i].id));
		check_str(schema_by_id(fixed[i].id)->name, fixed[i].name);
	}
}

TEST(domains)
{
	const struct sn_event *ev;
	const char *domain;
	size_t len;

	domain = schema_domain(schema_by_id(SN_EV_vfs_read), &len);
	check(len == 3 && !memcmp(domain, "vfs", 3));
	domain = schema_domain(schema_by_id(SN_EV_lost), &len);
	check(len == 4 && !memcmp(domain, "core", 4));
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		ev = schema_event(slot);
		domain = schema_domain(ev, &len);
		check_eq(schema_is_core(ev), len == 4 && !memcmp(domain, "core", 4));
	}
}

/* Every row begins with the same columns, so that outputs can be joined by name. */
TEST(common_columns_come_first)
{
	static const char *const names[] = { "ts",      "cpu",         "pid",      "tid",
					     "op",      "cgroup",      "comm",     "ppid",
					     "cmdline", "cgroup_path", "container" };

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			check_str(schema_event(slot)->columns[i].name, names[i]);
}

static void check_column(const struct sn_event *ev, const struct sn_column *c)
{
	bool in_record = c->source != SN_FROM_DERIVED;

	check(c->name[0] && c->doc[0] && c->kind < SN_NR_KINDS);
	/* Outputs put the full stop; "..." may stay. */
	check(!strcmp(c->doc + strlen(c->doc) - MIN(strlen(c->doc), 3ul), "...") ||
	      c->doc[strlen(c->doc) - 1] != '.');
	check(c->width == 1 || c->width == 2 || c->width == 4 || c->width == 8);
	check(schema_column(ev, c->name) == c - ev->columns);
	check(c->rep != SN_STRING || (c->width == 4 && c->kind == SN_K_str));
	if (in_record && c->source != SN_FROM_TEXT)
		check(c->off + c->field_width <= ev->size);
	if (c->valid_bit) {
		check(c->nullable);
		check(!(c->valid_bit & (c->valid_bit - 1)));
	}
	if (c->source == SN_FROM_FIELD && c->nullable)
		check(c->valid_bit);
}

TEST(columns_make_sense)
{
	const struct sn_event *ev;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		ev = schema_event(slot);
		check(ev->size % 8 == 0 && ev->doc[0]);
		check(schema_column(ev, "no_such") < 0);
		for (u32 i = 0; i < ev->nr_columns; i++)
			check_column(ev, &ev->columns[i]);
	}
}

/* What event.h promises: a bit of hdr.valid belongs to one optional field. */
TEST(no_two_fields_share_a_valid_bit)
{
	const struct sn_event *ev;
	u32 seen;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		ev = schema_event(slot);
		seen = 0;
		for (u32 i = 0; i < ev->nr_columns; i++) {
			if (ev->columns[i].source != SN_FROM_FIELD)
				continue;
			check(!(seen & ev->columns[i].valid_bit));
			seen |= ev->columns[i].valid_bit;
			if (ev->columns[i].valid_bit)
				check_eq((ev->columns[i].off - sizeof(struct sn_hdr)) / 4,
					 __builtin_ctz(ev->columns[i].valid_bit));
		}
	}
}

/* A name means the same in all events, or a join by it would lie. */
TEST(a_name_has_one_kind)
{
	for (u32 a = 0; a < SN_NR_EVENTS; a++)
		for (u32 b = a + 1; b < SN_NR_EVENTS; b++)
			for (u32 i = 0; i < schema_event(a)->nr_columns; i++) {
				const struct sn_column *c = &schema_event(a)->columns[i];
				int at = schema_column(schema_event(b), c->name);

				if (at >= 0)
					check_eq(c->kind, schema_event(b)->columns[at].kind);
			}
}

TEST(valid_bits_of_a_record)
{
	struct sn_vfs_read e = {};
	const struct sn_event *ev = schema_by_id(SN_EV_vfs_read);

	sn_set(&e, offset, 42);
	check_eq(e.offset, 42);
	check_eq(e.hdr.valid, ev->columns[schema_column(ev, "offset")].valid_bit);
}

static bool is_null(const struct batch *b, const char *name, u32 row)
{
	return column_is_null(&b->columns[schema_column(b->ev, name)], row);
}

static s64 num(const struct batch *b, const char *name, u32 row)
{
	return (s64)column_num(&b->columns[schema_column(b->ev, name)], row);
}

static bool is_text(const struct batch *b, const char *name, u32 row, const char *want)
{
	const struct column *c = &b->columns[schema_column(b->ev, name)];
	size_t len;
	const char *p = strings_get(&c->dict, (u32)column_num(c, row), &len);

	return !column_is_null(c, row) && len == strlen(want) && !memcmp(p, want, len);
}

TEST(a_record_becomes_a_row)
{
	struct batch *b = batch_new(schema_by_id(SN_EV_vfs_read), 4);
	struct sn_vfs_read e = {
		.hdr = { .ts = UINT64_MAX, .id = SN_EV_vfs_read, .cpu = 65535, .pid = 7 },
		.ret = -11,
		.call = SN_CALL_readv,
	};

	sn_set(&e, offset, -5);
	check_eq(batch_append(b, &e, sizeof(e), NULL), 0);
	e.ret = 100;
	sn_set(&e, fd, -1);
	check_eq(batch_append(b, &e, sizeof(e), NULL), 0);
	e.ret = -512;
	check_eq(batch_append(b, &e, sizeof(e), NULL), 0);

	check_eq(b->nr, 3);
	check(num(b, "ts", 0) == -1 && num(b, "cpu", 0) == 65535 && num(b, "pid", 0) == 7);
	check_eq(num(b, "ret", 0), -11);
	check_eq(num(b, "errno", 0), 11);
	check(is_null(b, "bytes", 0) && !is_null(b, "errno", 0) && is_null(b, "errno", 1));
	check_eq(num(b, "bytes", 1), 100);
	check_eq(num(b, "offset", 0), -5);
	check(is_null(b, "fd", 0) && !is_null(b, "fd", 1));
	check_eq(num(b, "fd", 1), -1);
	check(is_null(b, "direct", 0) && is_null(b, "comm", 0) && is_null(b, "ppid", 0));
	check(!num(b, "restarted", 0) && !num(b, "restarted", 1) && num(b, "restarted", 2) == 1);
	check_eq(num(b, "call", 0), SN_CALL_readv);
	batch_free(b);
}

TEST(texts_and_names)
{
	struct batch *b = batch_new(schema_by_id(SN_EV_vfs_open), 4);
	struct intern pool = {};
	struct sn_names names = {};
	u8 rec[sizeof(struct sn_vfs_open) + 8] = {};
	struct sn_vfs_open *e = (struct sn_vfs_open *)rec;

	e->hdr.id = SN_EV_vfs_open;
	e->name = (struct sn_str){ sizeof(*e), 8 };
	memcpy(rec + sizeof(*e), "/a\0b/cde", 8);
	names.str[SN_D_comm] = intern(&pool, "sh", 2);
	names.num[SN_D_ppid] = 4711;
	names.num_valid = 1u << SN_D_ppid;
	check_eq(batch_append(b, rec, sizeof(rec), &names), 0);
	names.str[SN_D_comm] = intern(&pool, "ls", 2);
	e->name.len = 0;
	check_eq(batch_append(b, rec, sizeof(rec), &names), 0);
	check(is_text(b, "comm", 0, "sh") && is_text(b, "comm", 1, "ls"));
	check_eq(num(b, "ppid", 0), 4711);
	check(!is_null(b, "name", 0) && is_null(b, "name", 1) && is_null(b, "path", 0));
	batch_clear(b);
	check_eq(b->nr, 0);
	check_eq(batch_append(b, rec, sizeof(rec), &names), 0);
	check(is_text(b, "comm", 0, "ls"));
	batch_free(b);
	intern_done(&pool);
}

TEST(records_that_lie_are_refused)
{
	struct batch *b = batch_new(schema_by_id(SN_EV_vfs_open), 1);
	u8 rec[sizeof(struct sn_vfs_open) + 8] = {};
	struct sn_vfs_open *e = (struct sn_vfs_open *)rec;

	check_eq(batch_append(b, rec, sizeof(*e) - 1, NULL), -EINVAL);
	e->name = (struct sn_str){ sizeof(*e), 9 };
	check_eq(batch_append(b, rec, sizeof(rec), NULL), -EINVAL);
	e->name = (struct sn_str){ 65535, 1 };
	check_eq(batch_append(b, rec, sizeof(rec), NULL), -EINVAL);
	check_eq(b->nr, 0);
	e->name = (struct sn_str){ sizeof(*e), 8 };
	check_eq(batch_append(b, rec, sizeof(rec), NULL), 0);
	check_eq(batch_append(b, rec, sizeof(rec), NULL), -ENOSPC);
	check_eq(b->nr, 1);
	batch_free(b);
}

TEST(distinct_strings_are_numbered)
{
	struct strings s = {};
	char name[16];
	size_t len;

	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < 5000; i++) {
			(void)snprintf(name, sizeof(name), "s%d", i);
			check_eq(strings_add(&s, name, strlen(name)), i);
		}
	check_eq(strings_add(&s, "", 0), 5000);
	check_eq(strings_add(&s, "", 0), 5000);
	check(!memcmp(strings_get(&s, 4999, &len), "s4999", 5) && len == 5);
	strings_clear(&s);
	check_eq(strings_add(&s, "x", 1), 0);
	strings_done(&s);
}

TESTS(events_are_found_by_slot_id_and_name, ids_stay_what_they_are, domains,
      common_columns_come_first, columns_make_sense, no_two_fields_share_a_valid_bit,
      a_name_has_one_kind, valid_bits_of_a_record, a_record_becomes_a_row, texts_and_names,
      records_that_lie_are_refused, distinct_strings_are_numbered)
