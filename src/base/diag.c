// SPDX-License-Identifier: BSD-2-Clause
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool say(char *to, size_t size, const char *fmt, va_list args)
{
	if (to[0])
		return false;
	(void)vsnprintf(to, size, fmt, args);
	return true;
}

int diag_err(struct diag *d, int err, const char *fmt, ...)
{
	va_list args;

	if (!d)
		return err;
	va_start(args, fmt);
	(void)say(d->text, sizeof(d->text), fmt, args);
	va_end(args);
	return err;
}

int diag_errno(struct diag *d, int err, const char *fmt, ...)
{
	va_list args;
	bool said;
	size_t n;

	if (!d)
		return err;
	va_start(args, fmt);
	said = say(d->text, sizeof(d->text), fmt, args);
	va_end(args);
	if (said) {
		n = strlen(d->text);
		(void)snprintf(d->text + n, sizeof(d->text) - n, ": %s", strerror(-err));
	}
	return err;
}

int diag_hint(struct diag *d, int err, const char *fmt, ...)
{
	va_list args;

	if (!d)
		return err;
	va_start(args, fmt);
	(void)say(d->hint, sizeof(d->hint), fmt, args);
	va_end(args);
	return err;
}

int diag_context(struct diag *d, int err, const char *fmt, ...)
{
	char old[sizeof(d->text)];
	va_list args;
	size_t n;

	if (!d)
		return err;
	memcpy(old, d->text, sizeof(old));
	va_start(args, fmt);
	(void)vsnprintf(d->text, sizeof(d->text), fmt, args);
	va_end(args);
	n = strlen(d->text);
	(void)snprintf(d->text + n, sizeof(d->text) - n, ": %s", old);
	return err;
}
