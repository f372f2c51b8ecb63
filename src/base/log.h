/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words for who looks into sonde itself, on stderr: what SONDE_DEBUG=ring,probe
 * asks for, and what -v shows. Results and errors do not go through here.
 */
#ifndef SONDE_BASE_LOG_H
#define SONDE_BASE_LOG_H

#include "base/macro.h"

/* libbpf and the verifier; rings, once a second; each write of a trace. */
#define LOG_MODULES(X) X(probe) X(ring) X(trace)

enum log_module {
#define X(name) LOG_##name,
	LOG_MODULES(X) LOG_NR_MODULES
#undef X
};

/* -v: what log_info() says is shown too. */
void log_set_verbose(bool verbose);
/* "probe, ring, ..." */
extern const char *const log_modules;
/* Takes SONDE_DEBUG's list of modules, or "all"; false if it names another. */
bool log_set_modules(const char *list);
bool log_is_on(enum log_module module);

void log_print(const char *prefix, const char *fmt, ...) _printf_(2, 3);
bool log_is_verbose(void);

#define log_debug(module, ...)                                \
	do {                                                  \
		if (log_is_on(LOG_##module))                  \
			log_print(#module ": ", __VA_ARGS__); \
	} while (0)

#define log_info(...)                               \
	do {                                        \
		if (log_is_verbose())               \
			log_print("", __VA_ARGS__); \
	} while (0)

#endif
