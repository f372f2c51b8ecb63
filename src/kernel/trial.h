/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Has the kernel's verifier judge every program there is: also the alternatives that a
 * recording would not choose here, without a filter and with all of them. Nothing is
 * attached.
 */
#ifndef SONDE_KERNEL_TRIAL_H
#define SONDE_KERNEL_TRIAL_H

#include "kernel/probe.h"

/* Each becomes PROBE_LOADED, PROBE_IMPOSSIBLE, or PROBE_FAILED: it ought to load and does not. */
void trial_run(const struct caps *caps, struct probe_outcome outcomes[SN_NR_PROGS]);

#endif
