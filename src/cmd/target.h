/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is recorded: a command that we start and hold at a gate until all is
 * attached, or processes that run already and may end.
 */
#ifndef SONDE_CMD_TARGET_H
#define SONDE_CMD_TARGET_H

#include <sys/types.h>

#include "base/diag.h"

struct target {
	char **argv;    /* NULL: no command */
	pid_t pid;      /* of the command; 0 before and without */
	int gate;       /* closing it lets the command go */
	int exec_error; /* reads an errno if the command could not be executed */
	int *pidfds;    /* of processes that run already */
	u32 nr_pidfds;
	bool has_ended;
	int wait_status; /* of the command, once it has ended */
};

void target_init(struct target *t);
void target_done(struct target *t);

/* Forks the command; it waits at the gate. */
int target_prepare(struct target *t, char **argv, struct diag *d);
/*
 * Lets it go. -ENOENT or -EACCES ... with a sentence if it cannot be executed.
 */
int target_go(struct target *t, struct diag *d);

/* Watches processes that run already. -ESRCH with a sentence if one does not exist. */
int target_watch(struct target *t, const u32 *pids, u32 nr, struct diag *d);

/*
 * Sleeps at most this long, less if something ends. True once the command, or all
 * watched processes, have ended.
 */
bool target_wait(struct target *t, u64 sleep_ns);

/* Ends a command that still runs, and waits for it. */
void target_end(struct target *t, int sig);

/* The exit status that tells the command's: its own, or 128 + the signal that ended it. */
int target_exit_status(const struct target *t);

#endif
