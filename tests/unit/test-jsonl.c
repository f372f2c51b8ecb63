// SPDX-License-Identifier: BSD-2-Clause
#include "sink/jsonl.h"

#include <json-c/json.h>

#include "base/json.h"
#include "rows.h"

static bool is_utf8(const struct buf *text)
{
	static const char *const bad[] = { "\xff", "cut \xc3" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (text->len && memmem(text->data, text->len, bad[i], strlen(bad[i])))
			return false;
	return true;
}

static bool is_number(const struct batch *b, u32 column)
{
	return b->columns[column].rep != SN_STRING && !kind_is_text(b->ev->columns[column].kind);
}

/* The member of the parsed row is the value in the batch. False if it is no UTF-8. */
static bool check_member(struct json_object *o, const struct batch *b, u32 column, u32 row)
{
	struct buf text = {};
	const char *name = b->ev->columns[column].name;
	struct json_object *member;
	bool good = true;

	check(json_object_object_get_ex(o, name, &member));
	if (!rows_value(b, column, row, &text)) {
		check(json_object_is_type(member, json_type_null));
		return true;
	}
	good = is_utf8(&text);
	buf_putc(&text, 0);
	if (is_number(b, column)) {
		check(json_object_is_type(member, json_type_int));
		check_str(json_object_to_json_string(member), text.data);
	} else if (b->ev->columns[column].kind == SN_K_bool) {
		check(json_object_is_type(member, json_type_boolean));
		check_str(json_object_to_json_string(member), text.data);
	} else {
		check(json_object_is_type(member, json_type_string));
		if (good)
			check_str(json_object_get_string(member), text.data);
		else
			check(strstr(json_object_get_string(member), "\xef\xbf\xbd"));
	}
	buf_done(&text);
	return good;
}

static void check_row(const char *line, const struct batch *b, u32 row)
{
	struct json_object *o = json_tokener_parse(line), *mark;
	bool good = true;

	check(o);
	for (u32 i = 0; i < b->ev->nr_columns; i++)
		good &= check_member(o, b, i, row);
	check_eq(json_object_object_get_ex(o, "_invalid_utf8", &mark), !good);
	check_eq(json_object_object_length(o), b->ev->nr_columns + !good);
	json_object_put(o);
}

TEST(random_rows_of_every_event)
{
	struct batch *live, *read;
	char *got, *line, *rest;
	struct sink *s;
	size_t len;
	int fd;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		fd = memfd_create("jsonl", MFD_CLOEXEC);
		live = rows_make(schema_event(slot), 1000);
		read = rows_as_read(live);
		check_eq(jsonl_open(fd, NULL, false, &s, NULL), 0);
		rows_write(s, live);
		rows_write(s, read);
		check_eq(s->ops->close(s, NULL), 0);
		got = rest = rows_slurp(fd, &len);
		check_eq(strlen(got), len);
		for (u32 row = 0; row < live->nr * 2; row++) {
			line = strsep(&rest, "\n");
			check(line && rest);
			check_row(line, row < live->nr ? live : read, row % live->nr);
		}
		check(!*rest);
		free(got);
		rows_free_read(read);
		batch_free(live);
		close(fd);
	}
}

TEST(events_are_named_and_columns_chosen)
{
	const char *const columns[] = { "wall_ns", "nr", NULL };
	struct batch *a = batch_new(schema_by_id(SN_EV_clock), 2);
	struct batch *b = batch_new(schema_by_id(SN_EV_lost), 2);
	struct sn_clock clock = { .hdr.id = SN_EV_clock, .wall_ns = UINT64_MAX };
	struct sn_lost lost = { .hdr.id = SN_EV_lost, .nr = 3 };
	int fd = memfd_create("jsonl", MFD_CLOEXEC);
	struct sink *s;
	size_t len;
	char *got;

	check_eq(batch_append(a, &clock, sizeof(clock), NULL), 0);
	check_eq(batch_append(b, &lost, sizeof(lost), NULL), 0);
	check_eq(jsonl_open(fd, columns, true, &s, NULL), 0);
	rows_write(s, a);
	rows_write(s, b);
	rows_write(s, a);
	check_eq(s->ops->close(s, NULL), 0);
	got = rows_slurp(fd, &len);
	check_str(got, "{\"event\":\"clock\",\"wall_ns\":18446744073709551615,\"nr\":null}\n"
		       "{\"event\":\"lost\",\"wall_ns\":null,\"nr\":3}\n"
		       "{\"event\":\"clock\",\"wall_ns\":18446744073709551615,\"nr\":null}\n");
	free(got);
	batch_free(a);
	batch_free(b);
	close(fd);
}

static void check_text(const char *from, size_t len, const char *want, bool good)
{
	struct buf b = {};

	check_eq(json_put_string(&b, from, len), good);
	buf_putc(&b, 0);
	check_str(b.data, want);
	buf_done(&b);
}

#define BAD "\xef\xbf\xbd"

TEST(texts)
{
	check_text("", 0, "\"\"", true);
	check_text("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"", true);
	check_text("\b\f\n\r\t\x1f\x00", 7, "\"\\b\\f\\n\\r\\t\\u001f\\u0000\"", true);
	check_text("\x7f", 1, "\"\x7f\"", true);
	check_text("\xc2\x80\xdf\xbf", 4, "\"\xc2\x80\xdf\xbf\"", true);
	check_text("\xe0\xa0\x80\xed\x9f\xbf", 6, "\"\xe0\xa0\x80\xed\x9f\xbf\"", true);
	check_text("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8, "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"",
		   true);
	check_text("\x80", 1, "\"" BAD "\"", false);
	check_text("a\xffz", 3, "\"a" BAD "z\"", false);
	check_text("\xc1\xbf", 2, "\"" BAD BAD "\"", false);
	check_text("\xe0\x9f\x80", 3, "\"" BAD BAD BAD "\"", false);
	check_text("\xed\xa0\x80", 3, "\"" BAD BAD BAD "\"", false);
	check_text("\xf4\x90\x80\x80", 4, "\"" BAD BAD BAD BAD "\"", false);
	check_text("\xf5", 1, "\"" BAD "\"", false);
	check_text("\xe2\x82", 2, "\"" BAD BAD "\"", false);
	check_text("\xe2\x82z", 3, "\"" BAD BAD "z\"", false);
}

TESTS(random_rows_of_every_event, events_are_named_and_columns_chosen, texts)
