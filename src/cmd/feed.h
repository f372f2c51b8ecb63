/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recording in progress, for the commands that record: options become filters,
 * the target is started, records come with their names.
 */
#ifndef SONDE_CMD_FEED_H
#define SONDE_CMD_FEED_H

#include "cmd/record_opts.h"
#include "cmd/target.h"
#include "enrich/enrich.h"
#include "kernel/capture.h"

/* A row that is wanted, with its names. A negative return ends the recording. */
typedef int (*feed_fn)(void *ctx, const struct sn_event *ev, const void *rec, size_t size,
		       const struct sn_names *names);

struct feed {
	struct capture *capture;
	struct enrich *enrich;
	struct target target;
	u64 events;               /* bit per slot: rows that are handed out */
	u64 named;                /* events that -e names by themselves */
	u32 sample[SN_NR_EVENTS]; /* 1 in so many is kept */
	u32 uids[SN_MAX_UIDS], nr_uids;
	u64 started_ns, started_wall_ns, stopped_ns, stopped_wall_ns;
	u64 rows[SN_NR_EVENTS]; /* handed out */
	feed_fn fn;
	void *ctx;
	int exec_failed; /* errno */
};

/* Why a recording ended. */
enum feed_end {
	FEED_GOES_ON,
	FEED_TARGET_ENDED,
	FEED_DURATION,
	FEED_SIGNAL,
	FEED_ERROR, /* fn said so */
};

void feed_init(struct feed *l);
void feed_done(struct feed *l);

/* Loads and attaches for these options; the command waits at its gate. *ret_usage: the words are off. */
int feed_open(struct feed *l, const struct filter_opts *filter, const struct run_opts *run,
	      char **command, bool *ret_usage, struct diag *d);
/* Rows begin to flow; the command goes. */
int feed_start(struct feed *l, feed_fn fn, void *ctx, struct diag *d);
/* Hands out rows for a while; call it until it says that the recording ended. */
enum feed_end feed_step(struct feed *l, const struct run_opts *run, int *ret_err);
/* Detaches and hands out the rest. A command that still runs is ended. */
int feed_stop(struct feed *l);

/* How many records were lost to full rings or tables, and whether all that was asked for was seen. */
u64 feed_lost(struct feed *l);
bool feed_saw_all(struct feed *l);

/* SIGINT and SIGTERM end a recording; a second one ends the process. Returns how many came. */
int feed_signals(void);
void feed_catch_signals(void);

u64 feed_now_ns(void);

/* What each of enum hooks allows. */
extern const enum caps_hooks feed_hooks[];

#endif
