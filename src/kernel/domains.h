/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of domains; each is defined in probes/<name>/<name>.c. */
#ifndef SONDE_KERNEL_DOMAINS_H
#define SONDE_KERNEL_DOMAINS_H

#include "kernel/probe.h"

extern const struct probe_domain proc_domain, vfs_domain, block_domain, pagecache_domain,
	fault_domain;

/* proc is first: its object makes the maps that all share. */
static const struct probe_domain *const domains[] = { &proc_domain, &vfs_domain, &block_domain,
						      &pagecache_domain, &fault_domain };

#define NR_DOMAINS ((int)ARRAY_SIZE(domains))

/* The place in domains of a program's domain. */
int probe_domain_of(enum sn_prog prog);
/* Would the group show nothing that is recorded? */
bool probe_is_idle(const struct probes *p, int domain, const char *group);

#endif
