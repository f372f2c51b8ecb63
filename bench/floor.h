/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The record of the minimal tracer that sonde is held against: see floor.c. */
#ifndef SONDE_BENCH_FLOOR_H
#define SONDE_BENCH_FLOOR_H

#include "base/types.h"

struct floor_record {
	u64 start_ns;
	u64 args[3];
	s64 ret;
	u32 dur_ns;
	u32 tgid;
	u32 tid;
	u16 nr;
	u16 cpu;
};

#ifndef __bpf__
static_assert(sizeof(struct floor_record) == 56, "the floor is defined with 56 bytes");
#endif

#endif
