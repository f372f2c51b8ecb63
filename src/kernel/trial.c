// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/trial.h"

#include <stdio.h>
#include <string.h>

#include "kernel/capture.h"

#define RING_BYTES (64u << 10)

/* What is off falls away before the verifier looks: it sees all of it, and the least. */
static const struct sn_cfg bare = {
	.events = ~0ull,
	.calls = { .bits = { [0 ... SN_CALL_WORDS - 1] = ~0ull } },
	.blk_ops = ~0u,
	.max_bytes = ~0ull,
	.last_sector = ~0ull,
	.follow = 1,
	.pseudo_fs = 1,
};

static void filter_everything(struct sn_cfg *cfg)
{
	*cfg = bare;
	cfg->filters =
		SN_FILTER_PID | SN_FILTER_COMM | SN_FILTER_UID | SN_FILTER_CGROUP | SN_FILTER_TID;
	cfg->nr_cgroups = CAPTURE_MAX_CGROUPS;
	cfg->nr_uids = SN_MAX_UIDS;
	cfg->nr_devs = SN_MAX_DEVS;
	cfg->nr_fs_devs = SN_MAX_FS_DEVS;
	cfg->min_latency_ns = 1;
	cfg->min_bytes = 1;
	cfg->max_bytes = UINT32_MAX;
	cfg->first_sector = 1;
	cfg->last_sector = UINT32_MAX;
	cfg->errors_only = 1;
	cfg->pseudo_fs = 0;
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		cfg->sample[slot] = 2;
}

/* Loads those that can be, and takes over what became of them. */
static void load_these(const struct caps *caps, const struct sn_cfg *cfg,
		       const bool only[SN_NR_PROGS], struct probe_outcome outcomes[SN_NR_PROGS])
{
	_cleanup_(probes_freep) struct probes *p = NULL;
	struct probes_opts opts = {
		.cfg = *cfg,
		.ring_bytes = RING_BYTES,
		.only = only,
		.kthreads = true,
	};
	struct diag d = {};
	int r = probes_load(caps, &opts, &p, &d);

	for (u32 i = 0; i < SN_NR_PROGS; i++) {
		if (!only[i])
			continue;
		if (r >= 0) {
			outcomes[i] = *probes_outcome(p, i);
			continue;
		}
		outcomes[i].state = PROBE_FAILED;
		(void)snprintf(outcomes[i].why, sizeof(outcomes[i].why), "%.199s",
			       d.text[0] ? d.text : strerror(-r));
	}
}

/* All at once, which is what most kernels take; those that were refused together, each alone. */
static void load_all(const struct caps *caps, const struct sn_cfg *cfg,
		     struct probe_outcome outcomes[SN_NR_PROGS])
{
	bool only[SN_NR_PROGS];

	memset(only, true, sizeof(only));
	load_these(caps, cfg, only, outcomes);
	memset(only, false, sizeof(only));
	for (u32 i = 0; i < SN_NR_PROGS; i++) {
		if (outcomes[i].state != PROBE_FAILED)
			continue;
		only[i] = true;
		load_these(caps, cfg, only, outcomes);
		only[i] = false;
	}
}

void trial_run(const struct caps *caps, struct probe_outcome outcomes[SN_NR_PROGS])
{
	struct probe_outcome filtered[SN_NR_PROGS] = {};
	struct sn_cfg all;

	filter_everything(&all);
	load_all(caps, &bare, outcomes);
	load_all(caps, &all, filtered);
	for (u32 i = 0; i < SN_NR_PROGS; i++) {
		if (outcomes[i].state == PROBE_FAILED || filtered[i].state != PROBE_FAILED)
			continue;
		outcomes[i].state = PROBE_FAILED;
		(void)snprintf(outcomes[i].why, sizeof(outcomes[i].why),
			       "with every filter: %.160s", filtered[i].why);
	}
}
