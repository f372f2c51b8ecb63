/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What the kernel's and the user's side share besides records: settings and counters. */
#ifndef SONDE_BPF_SHARED_H
#define SONDE_BPF_SHARED_H

#include "schema/defaults.h"
#include "schema/event.h"
#include "schema/values.h"

/* One number for every program of every domain. */
enum sn_prog {
#define SN_PROG(name, group, need, target, flags, weaker) SN_P_##name,
#include "progs.def"
#undef SN_PROG
	SN_NR_PROGS
};

#define SN_MAX_SYSCALLS 512
#define SN_MAX_DEVS 8
#define SN_MAX_UIDS 8
#define SN_MAX_FS_DEVS 64

/* A disk, and the part of it that is wanted; sectors are inclusive. */
struct sn_dev_range {
	u64 first_sector, last_sector;
	u32 dev;
	u32 unused;
};

/* Which threads are wanted. Each that is set must say yes. */
enum sn_filter_bits {
	SN_FILTER_PID = 1,    /* threads marked by the snapshot, and what they fork */
	SN_FILTER_COMM = 2,   /* threads whose name the automaton accepts */
	SN_FILTER_UID = 4,    /* real user id in uids */
	SN_FILTER_CGROUP = 8, /* below one of the cgroups */
	SN_FILTER_TID = 16,   /* threads marked by the snapshot; not what they make */
};

/* Read-only data of every program; what is off falls away when it is loaded. */
struct sn_cfg {
	u64 events;               /* bit per event slot: wanted */
	struct sn_call_set calls; /* wanted; all ones is no filter */
	u64 min_latency_ns;
	u64 min_bytes, max_bytes;      /* inclusive; all ones is no limit */
	u64 first_sector, last_sector; /* of block requests */
	u32 sample[SN_NR_EVENTS];      /* keep 1 in N; 0 and 1 keep all */
	u32 blk_ops;                   /* bit per enum sn_blk_op */
	u32 self_pid;
	u32 filters;     /* enum sn_filter_bits */
	u32 names_bytes; /* of the priority ring, beyond which there is room for no name */
	u32 nr_devs, nr_uids, nr_cgroups;
	u32 uids[SN_MAX_UIDS];
	struct sn_dev_range devs[SN_MAX_DEVS];
	u32 fs_devs[SN_MAX_FS_DEVS]; /* the same devices and their partitions, for files on them */
	u32 nr_fs_devs;              /* 0: there is no such filter */
	u8 follow;                   /* children of wanted processes are wanted */
	u8 errors_only;
	u8 pseudo_fs;    /* pseudo file systems, pipes, sockets and character devices too */
	u8 task_storage; /* the kernel has task storage for tracing programs */
	/* It may run another thread in the middle of a program: at a function, at a tracepoint. */
	u8 preempts_functions, preempts_tracepoints;
	u8 page_shift;
	/*
	 * Where a file that a file system keeps for one of its own has the path by which the user knows
	 * it, in bytes (0: there are none), and its flag in f_mode: see mapping.bpf.h.
	 */
	u32 backing_offset, backing_flag;
};

/* Causes of the kernel's side come before this one. */
#define SN_NR_KERNEL_CAUSES (SN_CAUSE_missed + 1)

/*
 * Records of one event that one cpu lost by one cause. What is told are sums: an
 * interrupt or another thread that loses or tells one in the middle of it makes a
 * sum be told twice, which whoever reads them sees, and no count wrong.
 */
struct sn_hole {
	u64 nr;   /* all that were lost */
	u64 told; /* of them, by a lost record */
	u64 first_ns, last_ns;
};

/* A cpu's own counters, in cache lines of its own. Only its own programs write them. */
struct sn_percpu {
	u64 nr_ops;                /* operations begun; makes operation ids */
	u64 emitted[SN_NR_EVENTS]; /* records put into a ring */
	u64 nr_sampled[SN_NR_EVENTS];
	/* Begun on this cpu less ended on it: the sum of all cpus is what has not ended. */
	s64 in_flight[SN_NR_EVENTS];
	u64 walks;                                        /* path walks: first sights of an inode */
	u64 nr_lost[SN_NR_EVENTS], nr_told[SN_NR_EVENTS]; /* the sums of its holes */
	struct sn_hole holes[SN_NR_EVENTS][SN_NR_KERNEL_CAUSES];
	u64 outcomes[SN_NR_PROGS][SN_NR_OUTCOMES];
} __attribute__((aligned(64)));

#endif
