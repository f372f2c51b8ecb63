/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sentence that says what went wrong, handed up to the one place that prints.
 * The first sentence wins: it was said closest to the fault. Callers may put
 * context in front of it.
 */
#ifndef SONDE_BASE_DIAG_H
#define SONDE_BASE_DIAG_H

#include "base/macro.h"

struct diag {
	char text
		[512]; /* what went wrong, no trailing full stop or newline; "" if nothing was said */
	char hint[256]; /* what the user can do about it, or "" */
};

/* Records the sentence unless one is there, and returns err. d may be NULL. */
int diag_err(struct diag *d, int err, const char *fmt, ...) _printf_(3, 4);

/* As diag_err(), with ": " and the text of errno -err behind the sentence. */
int diag_errno(struct diag *d, int err, const char *fmt, ...) _printf_(3, 4);

/* Says what can be done about it, unless something is said. Returns err. */
int diag_hint(struct diag *d, int err, const char *fmt, ...) _printf_(3, 4);

/* Puts context in front of the sentence: "context: sentence". Returns err. */
int diag_context(struct diag *d, int err, const char *fmt, ...) _printf_(3, 4);

#endif
