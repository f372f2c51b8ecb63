// SPDX-License-Identifier: BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "kernel/probe.h"

int probes_cpus(const struct probes *p, struct sn_percpu **ret)
{
	int fd = probes_map(p, "sn_cpu"), nr = libbpf_num_possible_cpus();
	struct sn_percpu *all;
	u32 zero = 0;

	_Static_assert(sizeof(*all) % 8 == 0, "the kernel rounds a value up to 8 bytes");
	if (nr < 0)
		return nr;
	if (fd < 0)
		return -ENOENT;
	all = calloc((size_t)nr, sizeof(*all));
	if (!all)
		return -ENOMEM;
	if (bpf_map_lookup_elem(fd, &zero, all)) {
		free(all);
		return -errno;
	}
	*ret = all;
	return nr;
}

void probes_percpu(const struct probes *p, struct sn_percpu *ret)
{
	_cleanup_(freep) struct sn_percpu *all = NULL;
	int nr = probes_cpus(p, &all);

	memset(ret, 0, sizeof(*ret));
	for (int i = 0; i < nr; i++) {
		const struct sn_percpu *c = &all[i];

		ret->nr_ops += c->nr_ops;
		ret->walks += c->walks;
		for (u32 e = 0; e < SN_NR_EVENTS; e++) {
			ret->emitted[e] += c->emitted[e];
			ret->in_flight[e] += c->in_flight[e];
			ret->nr_lost[e] += c->nr_lost[e];
		}
		for (u32 k = 0; k < SN_NR_PROGS; k++)
			for (u32 o = 0; o < SN_NR_OUTCOMES; o++)
				ret->outcomes[k][o] += c->outcomes[k][o];
	}
}
