/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads and processes, by tid and pid. A number that was used twice has two
 * entries for a while, told apart by time. Knows nothing of records.
 */
#ifndef SONDE_ENRICH_TASK_H
#define SONDE_ENRICH_TASK_H

#include <sys/queue.h>

#include "base/intern.h"

LIST_HEAD(thread_list, thread);
TAILQ_HEAD(thread_queue, thread);

struct proc {
	struct proc *next; /* of the same bucket; the newest of a pid comes first */
	struct thread_list threads;
	const struct istr *cmdline;
	const struct istr *container; /* as a version 1 cgroup tells it; NULL if none does */
	u32 pid, ppid;
	bool has_ppid;
	bool is_gone;
	bool is_told; /* a record told that it began */
	bool is_kthread;
	bool v1_asked; /* container is what /proc said, or it said nothing */
};

struct thread {
	struct thread *next; /* of the same bucket; the newest of a tid comes first */
	struct proc *proc;
	const struct istr *comm;
	u64 cgroup;
	u64 since_ns; /* 0 is unknown: from the beginning */
	u64 gone_ns;  /* 0 while it lives */
	u32 tid;
	bool used;    /* since the last look for something to drop */
	bool settled; /* nothing is missing, or asking has been tried */
	TAILQ_ENTRY(thread) age;
	LIST_ENTRY(thread) sibling;
};

struct tasks {
	struct intern *pool;
	struct thread **threads; /* nr_buckets of them */
	struct proc **procs;
	u32 nr_buckets; /* a power of two */
	u32 nr_threads, nr_procs, max_threads;
	struct thread_queue living, gone; /* oldest first */
	u64 dropped;
	struct thread *last; /* found; or NULL */
	u64 last_key;        /* its pid and tid */
};

int task_init(struct tasks *ts, struct intern *pool, u32 max_threads);
void task_done(struct tasks *ts);

struct thread *task_find_slow(struct tasks *ts, u32 pid, u32 tid, u64 start_ns);

/* The thread that these numbers meant at start_ns, when the row's operation began; or NULL. */
static inline struct thread *task_find(struct tasks *ts, u32 pid, u32 tid, u64 start_ns)
{
	u64 key = (u64)pid << 32 | tid;

	if (ts->last && key == ts->last_key && start_ns >= ts->last->since_ns && !ts->last->gone_ns)
		return ts->last;
	return task_find_slow(ts, pid, tid, start_ns);
}

/* The newest thread of these numbers, living or not; or NULL. */
struct thread *task_newest(const struct tasks *ts, u32 pid, u32 tid);
/* The newest process of this number, living or not; or NULL. */
struct proc *task_proc(const struct tasks *ts, u32 pid);

/*
 * The living thread of these numbers, made if there is none; what else held the
 * numbers has ended by now_ns. NULL when memory is short.
 */
struct thread *task_get(struct tasks *ts, u32 pid, u32 tid, u64 now_ns);

/* A thread that begins now: what held its numbers has ended. NULL when memory is short. */
struct thread *task_begin(struct tasks *ts, u32 pid, u32 tid, u64 now_ns);

/* The thread has ended; with the leader its process has. */
void task_end_thread(struct tasks *ts, struct thread *t, u64 now_ns);
void task_end_proc(struct tasks *ts, struct proc *p, u64 now_ns);
/* Only this thread has ended, even if it is the leader. */
void task_end_one(struct tasks *ts, struct thread *t, u64 now_ns);

/* Forgets threads that ended before this time. */
void task_reap(struct tasks *ts, u64 before_ns);
/* Forgets the thread that ended longest ago; false if there is none. */
bool task_drop_gone(struct tasks *ts);
/* Forgets one thread, best one that has ended; false if there is none. */
bool task_drop(struct tasks *ts);

/* Puts a string, whose reference is handed over, into the place of another. */
static inline void task_set(struct tasks *ts, const struct istr **at, const struct istr *s)
{
	intern_put(ts->pool, *at);
	*at = s;
}

#endif
