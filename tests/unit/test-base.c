// SPDX-License-Identifier: BSD-2-Clause
/* Buffers, sentences, interned strings, hashes, debug modules. */
#include <errno.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/hash.h"
#include "base/intern.h"
#include "base/log.h"
#include "test.h"

static const char *u64_text(u64 v)
{
	static struct buf b;

	b.len = 0;
	buf_put_u64(&b, v);
	buf_putc(&b, 0);
	return b.data;
}

TEST(numbers_as_text)
{
	char want[32];
	u64 v = 1;

	for (u32 i = 0; i < 64; i++, v *= 2) {
		for (s32 near = -1; near <= 1; near++) {
			(void)snprintf(want, sizeof(want), "%llu",
				       (unsigned long long)(v + (u64)near));
			check_str(u64_text(v + (u64)near), want);
		}
	}
	for (v = 1; v < UINT64_MAX / 10; v *= 10) {
		(void)snprintf(want, sizeof(want), "%llu", (unsigned long long)v);
		check_str(u64_text(v), want);
	}
}

TEST(buffers_grow)
{
	struct buf b = {};

	for (u32 i = 0; i < 1000; i++)
		buf_printf(&b, "%u,", i);
	check(!b.failed);
	check_eq(b.len, 10 * 2 + 90 * 3 + 900 * 4);
	check(!memcmp(b.data + b.len - 8, "998,999,", 8));
	check(b.cap >= b.len);
	buf_done(&b);
	check(!b.data && !b.len);
}

/* One test asks for more than there is: the sanitizer is to say no, not to end the program. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

TEST(a_buffer_without_memory_says_so_once)
{
	struct buf b = {};

	buf_puts(&b, "kept");
	check(!buf_room(&b, (size_t)PTRDIFF_MAX - 4096));
	check(b.failed);
	buf_puts(&b, "not kept");
	check_eq(b.len, 4);
	buf_done(&b);
	check(!b.failed);
}

TEST(the_first_sentence_wins)
{
	struct diag d = {};

	check_eq(diag_err(&d, -EIO, "first %d", 1), -EIO);
	check_eq(diag_err(&d, -EPERM, "second"), -EPERM);
	check_str(d.text, "first 1");
	check_eq(diag_context(&d, -EIO, "reading %s", "x"), -EIO);
	check_str(d.text, "reading x: first 1");
	check_eq(diag_hint(&d, -EIO, "do this"), -EIO);
	(void)diag_hint(&d, -EIO, "or that");
	check_str(d.hint, "do this");
	check_eq(diag_err(NULL, -EIO, "nobody"), -EIO);
}

TEST(errno_stands_behind)
{
	struct diag d = {};

	check_eq(diag_errno(&d, -ENOENT, "cannot open %s", "x"), -ENOENT);
	check_str(d.text, "cannot open x: No such file or directory");
	(void)diag_errno(&d, -EIO, "more");
	check_str(d.text, "cannot open x: No such file or directory");
}

TEST(long_sentences_are_cut)
{
	char text[2 * sizeof(((struct diag *)0)->text)] = {};
	struct diag d = {};

	memset(text, 'x', sizeof(text) - 1);
	(void)diag_errno(&d, -EIO, "%s", text);
	check_eq(strlen(d.text), sizeof(d.text) - 1);
	(void)diag_context(&d, -EIO, "%s", text);
	check_eq(strlen(d.text), sizeof(d.text) - 1);
}

TEST(equal_strings_are_one_object)
{
	struct intern pool = {};
	const struct istr *a, *b, *many[1000];
	char name[16];

	a = intern(&pool, "abc", 3);
	b = intern(&pool, "abcd", 3);
	check(a && a == b && a->refs == 2);
	check_str(a->s, "abc");
	check(intern(&pool, "ab\0c", 4) != a);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		many[i] = intern(&pool, name, strlen(name));
	}
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		check(intern(&pool, name, strlen(name)) == many[i]);
	}
	check_eq(pool.nr, 1002);
	intern_put(&pool, a);
	intern_put(&pool, b);
	check_eq(pool.nr, 1001);
	intern_put(&pool, NULL);
	intern_done(&pool);
}

TEST(hashes_differ_where_bytes_do)
{
	check(hash_bytes("a", 1) != hash_bytes("a\0", 2));
	check(hash_bytes("12345678x", 9) != hash_bytes("12345678y", 9));
	check(hash_bytes("12345678x", 8) == hash_bytes("12345678y", 8));
	check(hash_u64(1) != hash_u64(2));
}

TEST(debug_modules)
{
	check(!log_is_on(LOG_ring));
	check(log_set_modules("ring,trace"));
	check(log_is_on(LOG_ring) && log_is_on(LOG_trace) && !log_is_on(LOG_probe));
	check(!log_set_modules("ring,nonsense"));
	check(log_is_on(LOG_ring));
	check(log_set_modules("all"));
	check(log_is_on(LOG_probe) && log_is_on(LOG_trace));
	check(log_set_modules(""));
	check(!log_is_on(LOG_ring));
}

TESTS(numbers_as_text, buffers_grow, a_buffer_without_memory_says_so_once, the_first_sentence_wins,
      errno_stands_behind, long_sentences_are_cut, equal_strings_are_one_object,
      hashes_differ_where_bytes_do, debug_modules)
