/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests in TAP. A file lists its tests:
 *
 *	TEST(adds_up)
 *	{
 *		check(1 + 1 == 2);
 *		check_eq(f(), 3);
 *	}
 *	TESTS(adds_up)
 *
 * A failed check says where and ends its test, not the program.
 */
#ifndef SONDE_TESTS_UNIT_TEST_H
#define SONDE_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

static jmp_buf test_end;
static const char *test_skip_reason = "";

#define check(claim)                                                                   \
	do {                                                                           \
		if (!(claim)) {                                                        \
			printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #claim); \
			longjmp(test_end, 1);                                          \
		}                                                                      \
	} while (0)

#define check_eq(got, want)                                                                       \
	do {                                                                                      \
		long long got_ = (long long)(got), want_ = (long long)(want);                     \
		if (got_ != want_) {                                                              \
			printf("# %s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #got, got_, \
			       want_);                                                            \
			longjmp(test_end, 1);                                                     \
		}                                                                                 \
	} while (0)

#define check_str(got, want)                                                                    \
	do {                                                                                    \
		const char *got_ = (got), *want_ = (want);                                      \
		if (!got_ || strcmp(got_, want_)) {                                             \
			printf("# %s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #got, \
			       got_ ? got_ : "(null)", want_);                                  \
			longjmp(test_end, 1);                                                   \
		}                                                                               \
	} while (0)

/* Ends the test as skipped; the reason is printed. */
#define skip(reason)                         \
	do {                                 \
		test_skip_reason = (reason); \
		longjmp(test_end, 2);        \
	} while (0)

struct test {
	const char *name;
	void (*run)(void);
};

#define TEST(name) static void test_##name(void)

static inline int test_main(const struct test *tests, int nr)
{
	volatile int failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%d\n", nr);
	for (volatile int i = 0; i < nr; i++) {
		switch (setjmp(test_end)) {
		case 0:
			tests[i].run();
			printf("ok %d - %s\n", i + 1, tests[i].name);
			break;
		case 2:
			printf("ok %d - %s # SKIP %s\n", i + 1, tests[i].name, test_skip_reason);
			break;
		default:
			printf("not ok %d - %s\n", i + 1, tests[i].name);
			failed++;
		}
	}
	return failed ? 1 : 0;
}

/* The program that runs these tests, 64 at most: a row's macro is found again by each rescan. */
#define TESTS(...)                                                                     \
	static const struct test all_tests[] = { TESTS_SCAN(TESTS_ROW(__VA_ARGS__)) }; \
	int main(void)                                                                 \
	{                                                                              \
		return test_main(all_tests, (int)ARRAY_SIZE(all_tests));               \
	}
#define TESTS_ROW(name, ...) \
	{ #name, test_##name }, __VA_OPT__(TESTS_AGAIN TESTS_NOTHING()(__VA_ARGS__))
#define TESTS_AGAIN() TESTS_ROW
#define TESTS_NOTHING
#define TESTS_SCAN(...) TESTS_SCAN2(TESTS_SCAN2(TESTS_SCAN2(TESTS_SCAN2(__VA_ARGS__))))
#define TESTS_SCAN2(...) TESTS_SCAN3(TESTS_SCAN3(TESTS_SCAN3(TESTS_SCAN3(__VA_ARGS__))))
#define TESTS_SCAN3(...) TESTS_SCAN4(TESTS_SCAN4(TESTS_SCAN4(TESTS_SCAN4(__VA_ARGS__))))
#define TESTS_SCAN4(...) __VA_ARGS__

#endif
