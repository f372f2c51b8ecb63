// SPDX-License-Identifier: BSD-2-Clause
#include "base/devnum.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"

/* "8:1" and nothing else. */
static bool to_dev(const char *s, u32 *ret_dev)
{
	const char *colon = strchr(s, ':');
	u64 major_nr, minor_nr;

	if (!colon || str_to_u64(s, (size_t)(colon - s), &major_nr) < 0 ||
	    str_to_u64(colon + 1, strlen(colon + 1), &minor_nr) < 0 ||
	    major_nr > DEVNUM_MAX_MAJOR || minor_nr > DEVNUM_MAX_MINOR)
		return false;
	*ret_dev = devnum_make((u32)major_nr, (u32)minor_nr);
	return true;
}

/* What a file of sysfs says, without the newline. */
static int read_line(int dir, const char *file, char line[64])
{
	_cleanup_(closep) int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, line, 63);
	if (n < 0)
		return -errno;
	if (n && line[n - 1] == '\n')
		n--;
	line[n] = '\0';
	return 0;
}

int devnum_read(int dir, const char *file, u32 *ret_dev)
{
	char line[64];
	int r = read_line(dir, file, line);

	if (r < 0)
		return r;
	return to_dev(line, ret_dev) ? 0 : -EBADMSG;
}

static int read_number(int dir, const char *file, u64 *ret)
{
	char line[64];
	int r = read_line(dir, file, line);

	if (r < 0)
		return r;
	return str_to_u64(line, strlen(line), ret) < 0 ? -EBADMSG : 0;
}

/* From the device's folder, which lies in its disk's if it is a partition. */
static int read_device(int dir, struct devnum *ret)
{
	struct devnum dev = { .last_sector = UINT64_MAX };
	u64 nr_sectors;
	int r;

	if (faccessat(dir, "partition", F_OK, 0) < 0) {
		if (errno != ENOENT)
			return -errno;
		r = devnum_read(dir, "dev", &dev.dev);
		if (r < 0)
			return r;
		dev.given = dev.dev;
		*ret = dev;
		return 0;
	}
	r = devnum_read(dir, "dev", &dev.given);
	if (r < 0)
		return r;
	r = devnum_read(dir, "../dev", &dev.dev);
	if (r < 0)
		return r;
	r = read_number(dir, "start", &dev.first_sector);
	if (r < 0)
		return r;
	r = read_number(dir, "size", &nr_sectors);
	if (r < 0)
		return r;
	if (!nr_sectors || nr_sectors > UINT64_MAX - dev.first_sector)
		return -EBADMSG;
	dev.last_sector = dev.first_sector + nr_sectors - 1;
	*ret = dev;
	return 0;
}

static int no_device(const char *text, struct diag *d)
{
	diag_err(d, -ENODEV, "there is no block device \"%s\"", text);
	return diag_hint(d, -ENODEV, "lsblk lists those there are");
}

/* The device number of a path, its links followed. */
static int stat_dev(const char *path, u32 *ret_dev, struct diag *d)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		if (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG)
			return no_device(path, d);
		return diag_errno(d, -errno, "cannot look at \"%s\"", path);
	}
	if (!S_ISBLK(st.st_mode))
		return diag_err(d, -ENOTBLK, "\"%s\" is no block device", path);
	*ret_dev = devnum_from_stat(st.st_rdev);
	return 0;
}

/* Opens the device's folder in sysfs: by number if by_number, else by its name text. */
static int open_device(const char *text, bool by_number, u32 dev, const char *sysfs, struct diag *d)
{
	_cleanup_(closep) int all = -1;
	char path[PATH_MAX];
	int fd;

	/* A sysfs that is not there must not look like a device that is not. */
	(void)snprintf(path, sizeof(path), "%s/%s", sysfs, by_number ? "dev/block" : "class/block");
	all = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (all < 0)
		return diag_errno(d, -errno, "cannot look for block devices in %s", path);

	if (by_number)
		(void)snprintf(path, sizeof(path), "%u:%u", devnum_major(dev), devnum_minor(dev));
	else if (!*text || !strcmp(text, ".") || !strcmp(text, "..") || strlen(text) > NAME_MAX)
		return no_device(text, d);
	fd = openat(all, by_number ? path : text, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return no_device(text, d);
	if (fd < 0)
		return diag_errno(d, -errno, "cannot look at the block device \"%s\"", text);
	return fd;
}

int devnum_parse(const char *text, const char *sysfs, struct devnum *ret, struct diag *d)
{
	_cleanup_(closep) int dir = -1;
	bool by_number = true;
	u32 dev = 0;
	int r;

	if (strchr(text, '/')) {
		r = stat_dev(text, &dev, d);
		if (r < 0)
			return r;
	} else {
		by_number = to_dev(text, &dev);
	}
	dir = open_device(text, by_number, dev, sysfs, d);
	if (dir < 0)
		return dir;
	r = read_device(dir, ret);
	if (r == -ENOENT || r == -ENODEV) /* it went away since */
		return no_device(text, d);
	if (r < 0)
		return diag_errno(d, r, "cannot read what sysfs says of the block device \"%s\"",
				  text);
	return 0;
}

u32 devnum_parts(const struct devnum *dev, const char *sysfs, u32 *ret, u32 max)
{
	char path[PATH_MAX];
	struct dirent *entry;
	u32 nr = 0, part;
	DIR *dir;

	if (max)
		ret[nr++] = dev->given;
	if (dev->given != dev->dev)
		return nr;
	(void)snprintf(path, sizeof(path), "%s/dev/block/%u:%u", sysfs, devnum_major(dev->dev),
		       devnum_minor(dev->dev));
	dir = opendir(path);
	while (dir && nr < max && (entry = readdir(dir))) {
		(void)snprintf(path, sizeof(path), "%s/partition", entry->d_name);
		if (faccessat(dirfd(dir), path, F_OK, 0) < 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/dev", entry->d_name);
		if (devnum_read(dirfd(dir), path, &part) >= 0)
			ret[nr++] = part;
	}
	if (dir)
		(void)closedir(dir);
	return nr;
}
