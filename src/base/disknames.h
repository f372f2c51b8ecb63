/* SPDX-License-Identifier: BSD-2-Clause */
/* What the machine calls its disks, also those that are gone again. */
#ifndef SONDE_BASE_DISKNAMES_H
#define SONDE_BASE_DISKNAMES_H

#include "base/types.h"

struct disk_name {
	u32 dev; /* as the kernel's dev_t */
	char name[32];
};

struct disk_names {
	struct disk_name *at;
	u32 nr, cap;
};

/* Adds the disks that are there now; a number that was reused has its last name. sysfs: "/sys". */
void disk_names_look(struct disk_names *n, const char *sysfs);
void disk_names_done(struct disk_names *n);

#endif
