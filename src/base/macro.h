/* SPDX-License-Identifier: BSD-2-Clause */
/* Cleanup attributes and the few macros that every file may use. */
#ifndef SONDE_BASE_MACRO_H
#define SONDE_BASE_MACRO_H

#include <stdlib.h>
#include <unistd.h>

#include "base/types.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define ALIGN_UP(n, to) (((n) + (to)-1) / (to) * (to))

#define _cleanup_(fn) __attribute__((cleanup(fn)))
#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))

/* Hands ownership on: yields the value and leaves "nothing" behind. */
#define TAKE_PTR(p)                     \
	({                              \
		__typeof__(p) p_ = (p); \
		(p) = NULL;             \
		p_;                     \
	})
#define TAKE_FD(fd)             \
	({                      \
		int fd_ = (fd); \
		(fd) = -1;      \
		fd_;            \
	})

/* Defines x_freep() for _cleanup_(x_freep), from x_free(), which takes NULL. */
#define DEFINE_FREEP(type, free_fn)             \
	static inline void free_fn##p(type **p) \
	{                                       \
		free_fn(*p);                    \
	}

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

#endif
