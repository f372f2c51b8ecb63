/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every workload uses. A workload does things whose rows are known, and
 * claims them: one JSON object a row, in a memory that its threads and children
 * share, written out at the end. Claims: see tests/live/README.md.
 *
 * What happens between window_begin() and window_end() is claimed in full; what
 * a workload needs to prepare stands before and after.
 */
#ifndef SONDE_WORK_H
#define SONDE_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

typedef int64_t s64;
typedef uint64_t u64;

#define WORK(name, doc) void work_##name(void);
#include "works.def"
#undef WORK

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE 4096

/* An object under construction. */
struct claim {
	size_t len;
	char text[32768];
};

/* Begins a row with event, pid, tid and comm of the calling thread. */
void claim_row(struct claim *c, const char *event);
/* The same for another thread. comm NULL: not claimed; tid 0: neither. */
void claim_row_of(struct claim *c, const char *event, pid_t pid, pid_t tid, const char *comm);
/* Begins an object of its own kind: {"KIND":{ ... }}. */
void claim_kind(struct claim *c, const char *kind);
void claim_num(struct claim *c, const char *key, s64 value);
void claim_str(struct claim *c, const char *key, const char *value);
void claim_mem(struct claim *c, const char *key, const char *value, size_t len);
void claim_null(struct claim *c, const char *key);
void claim_bool(struct claim *c, const char *key, bool value);
/* "key": text as it is, which must be JSON. */
void claim_json(struct claim *c, const char *key, const char *json);
/* ret, and errno: null if it is not negative. */
void claim_ret(struct claim *c, s64 ret);
/* "min":{key:value}; the row's value is at least that. */
void claim_min(struct claim *c, const char *key, u64 value);
/* "any":{key:[a, b]}: the row's value is one of the two; NULL is null. */
void claim_either(struct claim *c, const char *key, const char *a, const char *b);
/* Remembers the row's value under a name; "$name" is the value in other rows. */
void claim_let(struct claim *c, const char *key, const char *name);
void claim_end(struct claim *c);
/* {"count":{"event":..,"n":..,"where":{where}}}; where is JSON without the braces, or "". */
void claim_count(const char *event, u64 n, const char *where);
/* {"sum":{"event":..,"field":..,"n":..,"where":{where}}} */
void claim_sum(const char *event, const char *field, u64 n, const char *where);
/* {"distinct":{"event":..,"field":..,"where":{where}}}: no value but null stands twice. */
void claim_distinct(const char *event, const char *field, const char *where);
/* The process belongs to the workload: its rows are claimed too. Each calls it for itself. */
void claim_process(void);

/* With --gate, waits here until the one who watches is ready. */
void window_begin(void);
void window_end(void);
bool in_window(void);

/* So long after a flood, whoever watches has caught up: what comes now is not lost with it. */
#define RING_IS_EMPTY_US 300000

/*
 * A window of so many rows that some are lost. With hold=1 the sonde that started us stands
 * still for the first half of its rounds: what its rings do not hold is lost then, on machines
 * of any speed. rest=: milliseconds in which it catches up.
 */
void flood_begin(void);
void flood_round(u64 i, u64 nr);
void flood_end(void);

/* key=value arguments. */
u64 param_num(const char *key, u64 fallback);
const char *param_str(const char *key, const char *fallback);

/* Shared memory for small things that threads and children tell each other; zeroed. */
void *shared_memory(size_t size);

/* The directory to work in, absolute, without symbolic links. */
extern const char *work_dir;
/* work_dir/name, in memory that stays. */
const char *in_dir(const char *name);
/* This program, for exec. */
extern const char *work_self;

_Noreturn void die(const char *what, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void skip(const char *why, ...) __attribute__((format(printf, 1, 2)));

/* Raw: no library between the caller and the kernel; -errno, not errno. */
s64 sys(long nr, long a, long b, long c, long d, long e, long f);
#define SYS(nr, ...) SYS_(nr, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SYS_(nr, a, b, c, d, e, f, ...) \
	sys(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* A file of size bytes, byte i being i * 7 of 256; path stays the caller's. */
void make_file(const char *path, u64 size);
/* The row of a thread that changed its own name. */
void claim_rename(const char *from, const char *to);

/*
 * A child process that runs body and ends; its end, and its status as waitpid(2)
 * has it. In the window both claim their rows.
 */
pid_t spawn(void (*body)(void *), void *arg);
int reap(pid_t pid);

/* A thread with a name (NULL: its maker's), and its end. In the window its rows are claimed. */
struct worker;
/* The thread, and those that it starts from now on, run on the cpu where it is. */
void stay_on_this_cpu(void);
struct worker *worker_start(const char *comm, void (*body)(void *), void *arg);
void worker_join(struct worker *w);

/* An open file, as rows know it. */
struct wfile {
	int fd;
	int flags;
	const char *path; /* NULL: not claimed */
	bool no_path;     /* claim that there is none */
	bool unlinked;
	bool no_pos; /* it has no position */
	/* So many of its pages are mapped here: which of them a call finds in memory is claimed, as mincore(2) has it. */
	void *map;
	unsigned int nr_mapped;
	bool no_hits; /* or that nothing is known of that */
};

#define MAX_MAPPED 512

/* What rows call the kind of a file of this mode. */
const char *file_type(mode_t mode);
/* ino, dev and path of an open file, or that all are null. */
void claim_file(struct claim *c, const struct wfile *f);
/* The same of another file of the row: the columns' names begin so. */
void claim_file_as(struct claim *c, const char *prefix, const struct wfile *f);
/* Opens without a claim. */
void wfile_open(struct wfile *f, const char *path, int flags, int mode);

/*
 * One operation by the named call, its row claimed. Vectors: len is cut into
 * pieces. off is for calls that take one. Returns what the call returned.
 */
s64 do_io(const char *call, const struct wfile *f, void *buf, size_t len, s64 off);
/* The same; op is the name under which the row's operation id is remembered. */
s64 do_io_op(const char *call, const struct wfile *f, void *buf, size_t len, s64 off,
	     const char *op);
/* close(2), with its row. */
s64 do_close(const struct wfile *f);

/* An open as it is asked for, and what is known of its row beside the result. */
struct open_try {
	const char *call; /* open, openat, openat2, creat */
	int dirfd;        /* of openat and openat2 */
	const char *name;
	int flags, mode;
	u64 resolve;         /* RESOLVE_* of openat2 */
	const char *path;    /* of the row: the file, or what failed, joined; NULL: not claimed */
	const char *or_path; /* may be this as well: the file has two names */
	bool unreadable;     /* the kernel cannot read the name */
};

/* Makes the row's claim. ret describes the open file, fd -errno if there is none. */
s64 do_open(const struct open_try *t, struct wfile *ret);
/* "flags": as rows write them; the order does not matter. */
void claim_flags(struct claim *c, const char *key, int flags);

#endif
