// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/domains.h"

#include "proc_loops.skel.h"
#include "proc_plain.skel.h"
#include "proc_typed.skel.h"

#define BIT(slot) (1ull << SN_SLOT_##slot)

static const struct probe_extra extras[] = {
	{ SN_SLOT_proc_rename, "rename", .shared = true }, /* the dictionary, filters */
	{ SN_SLOT_proc_cgroup, "cgroup", .shared = true },
	{},
};

const struct probe_domain proc_domain = {
	.name = "proc",
	.events = BIT(proc_fork) | BIT(proc_exec) | BIT(proc_exit) | BIT(proc_rename) |
		  BIT(proc_cgroup) | BIT(tasks) | BIT(paths) | BIT(lost),
	.elf = PROBE_FORMS(proc),
	.extras = extras,
};
