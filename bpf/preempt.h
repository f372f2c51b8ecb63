/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What preempt.bpf.c is asked, and its answer. */
#ifndef SONDE_BPF_PREEMPT_H
#define SONDE_BPF_PREEMPT_H

struct sn_preempt {
	int pid; /* whose system call is looked at */
	int off; /* not 0: preemption is */
};

#endif
