/* SPDX-License-Identifier: BSD-2-Clause */
/* The processes that descend from this one, as /proc shows them at one moment. */
#ifndef SONDE_CMD_FAMILY_H
#define SONDE_CMD_FAMILY_H

#include <sys/types.h>

#include "base/types.h"

struct family_member {
	pid_t pid, parent;
	char comm[16];
	bool is_zombie;
	bool is_fork; /* has not called exec */
};

/* In rising order of pid. */
struct family {
	struct family_member *v;
	u32 nr;
};

/* Who cannot be seen is not in it; without /proc it is empty. -ENOMEM. */
int family_read(struct family *f);
void family_done(struct family *f);
bool family_has(const struct family *f, pid_t pid);

#endif
