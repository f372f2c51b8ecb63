// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Attached by sonde for a moment: is preemption off in a program at a tracepoint?
 *
 * Built twice, for the two places of the count. Where one does not exist libbpf looks
 * for it in all modules, which an ordinary user may not, and gives the whole object up.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "preempt.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct sn_preempt sn_preempt = {};

#if defined(__TARGET_ARCH_x86)
#define COUNT 0x7fffffff /* without the bit that says no thread waits for the cpu */

#if SN_PCPU_HOT
struct pcpu_hot {
	int preempt_count;
} __attribute__((preserve_access_index));

extern const struct pcpu_hot pcpu_hot __ksym; /* 6.1 to 6.14 */
#define PREEMPT_COUNT (((struct pcpu_hot *)bpf_this_cpu_ptr(&pcpu_hot))->preempt_count)
#else
extern const int __preempt_count __ksym;
#define PREEMPT_COUNT (*(int *)bpf_this_cpu_ptr(&__preempt_count))
#endif
#else
#define COUNT 0 /* not known there */
#define PREEMPT_COUNT 0
#endif

SEC("tp_btf/sys_enter")
int BPF_PROG(sn_look, struct pt_regs *regs, long nr)
{
	if (bpf_get_current_pid_tgid() >> 32 == sn_preempt.pid)
		sn_preempt.off = PREEMPT_COUNT & COUNT;
	return 0;
}
