// SPDX-License-Identifier: BSD-2-Clause
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define X(name) ", " #name
const char *const log_modules = &LOG_MODULES(X)[2];
#undef X

static struct {
	u32 modules; /* bit per enum log_module */
	bool verbose;
} level;

void log_set_verbose(bool verbose)
{
	level.verbose = verbose;
}

bool log_is_verbose(void)
{
	return level.verbose;
}

bool log_is_on(enum log_module module)
{
	return level.modules & 1u << module;
}

bool log_set_modules(const char *list)
{
	static const char *const names[] = {
#define X(name) #name,
		LOG_MODULES(X)
#undef X
	};
	const char *item;
	size_t len, i;
	u32 modules = 0;

	while (str_next_item(&list, &item, &len)) {
		for (i = 0; i < ARRAY_SIZE(names); i++)
			if (strlen(names[i]) == len && !memcmp(names[i], item, len))
				break;
		if (i < ARRAY_SIZE(names))
			modules |= 1u << i;
		else if (len == 3 && !memcmp(item, "all", 3))
			modules = ~0u;
		else if (len)
			return false;
	}
	level.modules = modules;
	return true;
}

void log_print(const char *prefix, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)fprintf(stderr, "sonde: %s%s\n", prefix, text);
}
