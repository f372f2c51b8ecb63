/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is recorded: a command that we start and hold at a gate until all is
 * attached, or processes that run already and may end.
 *
 * What the command starts and leaves without a parent becomes our child, not
 * init's: so it is known as long as it runs.
 */
#ifndef SONDE_CMD_TARGET_H
#define SONDE_CMD_TARGET_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/diag.h"

struct target {
	char **argv;    /* NULL: no command */
	pid_t pid;      /* of the command; 0 before and without */
	int gate;       /* closing it lets the command go */
	int exec_error; /* reads an errno if the command could not be executed */
	int *pidfds;    /* of processes that run already */
	u32 nr_pidfds;
	bool waits_for_all; /* not for the command alone, but for all that it started */
	bool has_ended;     /* the command, or all watched processes */
	bool has_left;      /* the command has left processes that still run */
	int wait_status;    /* of the command, once it has ended */
};

void target_init(struct target *t);
void target_done(struct target *t);

/* Forks the command; it waits at the gate. Its standard output is to be out; -1: as ours is. */
int target_prepare(struct target *t, char **argv, int out, struct diag *d);
/*
 * Lets it go. -ENOENT or -EACCES ... with a sentence if it cannot be executed.
 */
int target_go(struct target *t, struct diag *d);

/* Watches processes that run already. -ESRCH with a sentence if one does not exist. */
int target_watch(struct target *t, const u32 *pids, u32 nr, struct diag *d);

/*
 * Sleeps at most this long, less if something ends; true once there is nothing more to
 * wait for: the command has ended, or all it started, or all watched processes.
 */
bool target_wait(struct target *t, u64 sleep_ns);
/* Is there a command, or what it started, that is waited for? */
bool target_runs(const struct target *t);

/* Sends a signal to the command and to all that it started and that still runs. */
void target_signal(struct target *t, int sig);
/* Names what still runs of that: "sleep (123), cat (124)". Returns how many there are. */
u32 target_left(const struct target *t, struct buf *names);

/* The exit status that tells the command's: its own, or 128 + the signal that ended it. */
int target_exit_status(const struct target *t);

#endif
