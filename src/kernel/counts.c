// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include "kernel/probe.h"

void probes_percpu(const struct probes *p, struct sn_percpu *ret)
{
	const struct sn_percpu *cpus;
	u32 nr = probes_cpus(p, &cpus);

	memset(ret, 0, sizeof(*ret));
	for (u32 i = 0; i < nr; i++) {
		const struct sn_percpu *c = &cpus[i];

		for (u32 e = 0; e < SN_NR_EVENTS; e++) {
			ret->emitted[e] += c->emitted[e];
			ret->in_flight[e] += c->in_flight[e];
			ret->nr_lost[e] += c->nr_lost[e];
		}
	}
}
