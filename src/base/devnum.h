/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block devices as users name them, and device numbers as the kernel holds them:
 * 12 bits of major, 20 of minor, which is not what stat(2) gives. Asks sysfs; opens
 * no device.
 */
#ifndef SONDE_BASE_DEVNUM_H
#define SONDE_BASE_DEVNUM_H

#include <sys/sysmacros.h>
#include <sys/types.h>

#include "base/diag.h"

#define DEVNUM_MINOR_BITS 20
#define DEVNUM_MAX_MAJOR ((1u << (32 - DEVNUM_MINOR_BITS)) - 1)
#define DEVNUM_MAX_MINOR ((1u << DEVNUM_MINOR_BITS) - 1)

/* A disk, and the part of it that is meant; sectors have 512 bytes, and both are meant. */
struct devnum {
	u32 dev;                       /* as the kernel's dev_t */
	u32 given;                     /* the one that was named: dev itself, or its partition */
	u64 first_sector, last_sector; /* 0 and UINT64_MAX for the whole */
};

static inline u32 devnum_make(u32 major_nr, u32 minor_nr)
{
	return major_nr << DEVNUM_MINOR_BITS | minor_nr;
}

static inline u32 devnum_major(u32 dev)
{
	return dev >> DEVNUM_MINOR_BITS;
}

static inline u32 devnum_minor(u32 dev)
{
	return dev & DEVNUM_MAX_MINOR;
}

/* From st_dev or st_rdev of stat(2). */
static inline u32 devnum_from_stat(dev_t dev)
{
	return devnum_make(major(dev), minor(dev));
}

/*
 * Finds the device: a name ("sda", "nvme0n1p2"), a path ("/dev/sda1", or a link to
 * it), or "major:minor". A partition becomes its disk and its range there. sysfs is
 * where that is mounted, "/sys". -ENODEV: there is none; -ENOTBLK: the path is of
 * something else.
 */
int devnum_parse(const char *text, const char *sysfs, struct devnum *ret, struct diag *d);

/*
 * What file systems may lie on it: the device that was named and, of a disk, its
 * partitions. Returns their number; max at most are put into ret.
 */
u32 devnum_parts(const struct devnum *dev, const char *sysfs, u32 *ret, u32 max);

/* The device number in a file of sysfs, below the folder dir. Returns 0 or a negative errno. */
int devnum_read(int dir, const char *file, u32 *ret_dev);

#endif
