// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/domains.h"

#include "fault_loops.skel.h"
#include "fault_plain.skel.h"
#include "fault_typed.skel.h"

const struct probe_domain fault_domain = {
	.name = "fault",
	.events = 1ull << SN_SLOT_fault_file,
	.elf = PROBE_FORMS(fault),
};
