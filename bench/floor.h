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

/* Where a call's names are among its arguments, counted from 1; 0: it has no such. */
struct floor_names {
	u8 first, second;
	u8 opens; /* returns a descriptor */
};

#define FLOOR_MAX_SYSCALLS 512
#define FLOOR_NAME_ROOM 256

#ifndef __bpf__
static_assert(sizeof(struct floor_record) == 56, "the floor is defined with 56 bytes");
#endif

#endif
