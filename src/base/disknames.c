// SPDX-License-Identifier: BSD-2-Clause
#include "base/disknames.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/devnum.h"
#include "base/macro.h"

static struct disk_name *place_of(struct disk_names *n, u32 dev)
{
	struct disk_name *more;

	for (u32 i = 0; i < n->nr; i++)
		if (n->at[i].dev == dev)
			return &n->at[i];
	if (n->nr == n->cap) {
		more = realloc(n->at, (n->cap * 2 + 16) * sizeof(*more));
		if (!more)
			return NULL;
		n->at = more;
		n->cap = n->cap * 2 + 16;
	}
	n->at[n->nr].dev = dev;
	return &n->at[n->nr++];
}

/* sysfs writes an exclamation mark where the name has a slash. */
static void set_name(struct disk_name *place, const char *name)
{
	(void)snprintf(place->name, sizeof(place->name), "%.31s", name);
	for (char *p = place->name; *p; p++)
		if (*p == '!')
			*p = '/';
}

static void add(struct disk_names *n, int dir, const char *name)
{
	struct disk_name *place;
	char path[NAME_MAX + 8];
	u32 dev;

	(void)snprintf(path, sizeof(path), "%s/dev", name);
	if (devnum_read(dir, path, &dev) < 0)
		return; /* gone meanwhile */
	place = place_of(n, dev);
	if (place)
		set_name(place, name);
}

void disk_names_look(struct disk_names *n, const char *sysfs)
{
	struct dirent *entry;
	char path[256];
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/block", sysfs);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			add(n, dirfd(dir), entry->d_name);
	if (dir)
		(void)closedir(dir);
}

void disk_names_done(struct disk_names *n)
{
	free(n->at);
	*n = (struct disk_names){};
}
