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

/* Why a recording ended. */
enum feed_end {
	FEED_GOES_ON,
	FEED_TARGET_ENDED,
	FEED_DURATION,
	FEED_SIGNAL,
	FEED_ERROR, /* fn said so */
};

struct feed {
	const char *name; /* of the command, for sentences */
	struct capture *capture;
	struct enrich *enrich;
	struct target target;
	u64 events;               /* bit per slot: rows that are handed out */
	u64 named;                /* events that -e names by themselves */
	u32 sample[SN_NR_EVENTS]; /* 1 in so many is kept */
	u32 uids[SN_MAX_UIDS], nr_uids;
	u64 started_ns, started_wall_ns, stopped_ns, stopped_wall_ns;
	u64 attached_ns; /* when rows began to flow: attaching may wait for an earlier recording */
	u64 lost[SN_NR_EVENTS][SN_NR_CAUSES]; /* rows, by holes that were handed out */
	feed_fn fn;
	ring_crowded_fn is_crowded;
	void *ctx;
	int exec_failed;       /* errno */
	enum feed_end end;     /* why it ends, though the command may still run: then */
	u64 ending_ns;         /* since then it is asked to end, */
	int nr_signals_before; /* and so many signals had come */
	bool said_waiting, is_killed;
	bool shows_progress; /* on the line of the terminal where a sentence would stand */
	u64 next_debug_ns;
};

void feed_init(struct feed *l, const char *name);
void feed_done(struct feed *l);

/*
 * SIGINT and SIGTERM end a recording, and SIGHUP where it is not ignored; of a command that
 * does not end by itself a second one makes an end, and one more ends this process at once.
 */
void feed_catch_signals(const struct feed *l);

/*
 * Loads the programs for these options; the command, whose standard output is to be out (-1: ours),
 * waits at its gate. *ret_usage: the words are off.
 */
int feed_open(struct feed *l, const struct filter_opts *filter, const struct run_opts *run,
	      char **command, int out, bool *ret_usage, struct diag *d);
/* Attaches them: rows begin to flow. While crowded() says so they wait in the rings; it may be NULL. */
int feed_start(struct feed *l, feed_fn fn, ring_crowded_fn crowded, void *ctx, struct diag *d);
/*
 * Says what was asked for and cannot be observed; with brief, only of what was named by itself.
 * -ENOTSUP with a sentence if that is all.
 */
int feed_check_seen(struct feed *l, bool brief, struct diag *d);
/* The command goes. */
int feed_go(struct feed *l, const struct run_opts *run, struct diag *d);
/*
 * Hands out rows for a while; call it until it says that the recording ended. Where it
 * ends before the command does, that is ended and waited for, and its rows are still handed out.
 */
enum feed_end feed_step(struct feed *l, const struct run_opts *run, int *ret_err);
/* Detaches and hands out the rest. After an error, a command that still runs is ended. */
int feed_stop(struct feed *l);
/* Before a sentence. */
void feed_wipe_progress(const struct feed *l);
/* Says what the command started and left running: that is not recorded any more. */
void feed_say_left(const struct feed *l);

/* What was lost so far: records by cause, an enum sn_cause, and runs of programs that the kernel left out. */
struct feed_losses {
	u64 records[SN_NR_CAUSES];
	u64 names; /* of those to full rings, what would have been no rows but told names */
	u64 skipped;
};

void feed_losses(struct feed *l, struct feed_losses *ret);
u64 feed_nr_lost(const struct feed_losses *lost);
/* "12 rows: 5 to full rings ..., 7 to a full disk; 3 names ..."; nothing of what was not lost. */
void feed_put_losses(struct buf *b, const struct feed_losses *lost);
/* The same as a sentence; none if nothing was lost. */
void feed_warn_losses(const struct feed *l, const struct feed_losses *lost);

/* The status that a recording ends with that did not fail. lost: all that was. */
int feed_exit_status(const struct feed *l, const struct run_opts *run,
		     const struct feed_losses *lost);
/* The status for one that failed: 126 and 127 are what shells say of commands that cannot be run. */
int feed_fail(const struct feed *l, int err, const struct diag *d);

u64 feed_now_ns(void);

/* What each of enum hooks allows. */
extern const enum caps_hooks feed_hooks[];

#endif
