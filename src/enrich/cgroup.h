/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paths and containers of cgroups, by their id in the version 2 hierarchy. What
 * the records do not tell is looked up in the mounted cgroup2 file system.
 */
#ifndef SONDE_ENRICH_CGROUP_H
#define SONDE_ENRICH_CGROUP_H

#include <sys/queue.h>

#include "base/intern.h"

TAILQ_HEAD(cgroup_queue, cgroup);

struct cgroup {
	struct cgroup *next; /* of the same bucket */
	u64 id;
	const struct istr *path; /* NULL: not found, and not asked again before retry_ns */
	const struct istr *container;
	u64 retry_ns;
	bool used; /* since the last look for something to drop */
	TAILQ_ENTRY(cgroup) age;
};

struct cgroups {
	struct intern *pool;
	struct cgroup **buckets; /* nr_buckets of them */
	u32 nr_buckets;          /* a power of two */
	u32 nr, max;
	struct cgroup_queue all; /* oldest first */
	struct cgroup *last;
	u64 dropped, asked, answered;

	int mount_fd; /* of a cgroup2 mount, -1: there is none, or the records are not live */
	char *mount_point;
	bool handles_work; /* the kernel opens a cgroup by its id */
	u64 next_walk_ns;
};

int cgroup_init(struct cgroups *cs, struct intern *pool, u32 max);
void cgroup_done(struct cgroups *cs);

/* From now on ids that no record explained are looked up below this cgroup2 mount. */
int cgroup_attach(struct cgroups *cs, const char *mount_point);

/* The id means this path. -ENOMEM. */
int cgroup_learn(struct cgroups *cs, u64 id, const char *path, size_t len);

struct cgroup *cgroup_find_slow(struct cgroups *cs, u64 id, u64 now_ns);

/* The cgroup of this id; NULL, or one without a path, if it is not known. */
static inline struct cgroup *cgroup_find(struct cgroups *cs, u64 id, u64 now_ns)
{
	if (cs->last && cs->last->id == id && cs->last->path)
		return cs->last;
	return cgroup_find_slow(cs, id, now_ns);
}

/*
 * Finds the container's id (or name, where the manager gives names) in a cgroup's
 * path: the innermost, if containers are nested. False if it is in none.
 */
bool cgroup_container(const char *path, size_t len, size_t *ret_start, size_t *ret_len);

/* The same as a string of the pool, systemd's escapes undone; NULL for none. */
const struct istr *cgroup_container_name(struct intern *pool, const char *path, size_t len);

#endif
