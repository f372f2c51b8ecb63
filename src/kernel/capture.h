/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A live source: programs loaded, filters set, rings drained. Its caller gets
 * every record once, in order of time.
 */
#ifndef SONDE_KERNEL_CAPTURE_H
#define SONDE_KERNEL_CAPTURE_H

#include "kernel/probe.h"
#include "kernel/ring.h"
#include "schema/comm_dfa.h"

struct capture;

#define CAPTURE_MAX_CGROUPS 8

struct capture_opts {
	struct sn_cfg
		cfg; /* events, calls, blk_ops, sizes, latency, sampling, devs, uids, switches */
	const u32 *pids; /* SN_FILTER_PID if nr_pids */
	u32 nr_pids;
	const u32 *tids;
	u32 nr_tids;
	const struct sn_dfa *comm;                /* NULL is no filter */
	const char *cgroups[CAPTURE_MAX_CGROUPS]; /* directories of the version 2 hierarchy */
	u32 nr_cgroups;
	u32 ring_bytes;        /* per cpu; 0 is SN_RING_MIB */
	u32 table_entries;     /* of each table of requests and threads; 0 is SN_TABLE_ENTRIES */
	enum caps_hooks hooks; /* that may be used */
	bool kthreads;         /* threads of the kernel may be wanted */
};

/* An options struct that keeps everything. */
void capture_opts_init(struct capture_opts *opts);

/*
 * What such a recording asks first: may we, and what can the kernel do? Fails where nothing
 * can be recorded.
 */
int capture_ask(const struct capture_opts *opts, struct caps *ret, struct diag *d);

/* Loads; then attaches and takes the snapshot of threads. From then on `to` gets every record. */
int capture_open(const struct capture_opts *opts, struct capture **ret, struct diag *d);
int capture_start(struct capture *c, const struct ring_sink *to, struct diag *d);

/*
 * Hands out what the rings hold. Returns the number of records or fn's negative
 * return; *ret_sleep_ns says when to come again.
 */
s64 capture_drain(struct capture *c, u64 *ret_sleep_ns);

/* Detaches, hands out the rest, and the holes that no later record told. */
int capture_stop(struct capture *c);
void capture_free(struct capture *c);
DEFINE_FREEP(struct capture, capture_free)

/*
 * Has the kernel measure run times, or not: done for a moment now and then, it
 * costs next to nothing and gives the mean time of a run. Needs CAP_SYS_ADMIN;
 * without it nothing is measured.
 */
void capture_time_programs(struct capture *c, bool on);

/* True if the kernel counted every run by itself, from before the first one on (a sysctl). */
bool capture_kernel_counted(const struct capture *c);

struct probes *capture_probes(struct capture *c);
const struct caps *capture_caps(const struct capture *c);
const struct rings_stats *capture_ring_stats(const struct capture *c);
u32 capture_ring_bytes(const struct capture *c);
u32 capture_nr_rings(const struct capture *c);

#endif
