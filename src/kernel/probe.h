/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF programs: which there are, which of them this kernel takes, loading them
 * with one set of shared maps, attaching, and their counters.
 *
 * A domain that does not load costs that domain, not the run.
 */
#ifndef SONDE_KERNEL_PROBE_H
#define SONDE_KERNEL_PROBE_H

#include "base/diag.h"
#include "bpf/shared.h"
#include "kernel/caps.h"

struct bpf_object;
struct bpf_program;
struct bpf_link;
struct buf;

/* What a program asks of the kernel. */
enum probe_need {
	NEED_TP_BTF,  /* a tracepoint with type information */
	NEED_TP_BTF1, /* the same with exactly so many arguments */
	NEED_TP_BTF2,
	NEED_TP_BTF3,
	NEED_TP_BTF4,
	NEED_TP_BTF5,
	NEED_TP_BTF7 = NEED_TP_BTF + 7,
	NEED_FENTRY,      /* a function that can be hooked */
	NEED_FENTRY_ARGS, /* the same, with arguments of any type read */
	/*
	 * All of the domain's functions, hooked likewise. The program is loaded for each and
	 * jumps, through the map <name>_jump, to <name>_body, which is loaded once for all
	 * functions of a type. The kernel's types may hold two for them: for the second one
	 * these names end with _b.
	 */
	NEED_CALLS,
	NEED_KCALLS, /* the same functions, probed by one program */
	NEED_KPROBE, /* a function that can be probed */
	/*
	 * The program of that name, which jumps to this one through the map <name>_jump and counts
	 * its outcomes as its own; and bpf_loop().
	 */
	NEED_JUMP,
	NEED_TRACEPOINTS, /* several, separated by commas, of which the processor's events are some */
	NEED_COUNTERS, /* the kernel's software counters, as perf(1) calls them, likewise; what both need are typed reads */
	NEED_ITER,     /* an iterator */
};

enum probe_role {
	ROLE_REQUIRED, /* without its group the domain sees nothing */
	ROLE_OPTIONAL,
	ROLE_KTHREADS, /* shows what the kernel's own threads do */
	ROLE_REQUESTS, /* shows what outlasts its call */
	/* Tells more of rows that others make, and would tell it wrong where the kernel leaves out runs of it. */
	ROLE_DETAIL,
};

/* A row of progs.def. */
struct probe_prog {
	const char *name, *group, *target, *weaker;
	enum probe_need need;
	enum probe_role role;
};

/* One for every enum sn_prog. */
extern const struct probe_prog probe_progs[SN_NR_PROGS];

/* An event, or a part of it, that comes from a group of its own. */
struct probe_extra {
	u32 slot;
	const char *group; /* NULL ends the list */
	const char *what;  /* of a part: what is not seen without it */
	bool shared;       /* the group does more: it is there also where the event is not wanted */
};

/* An object is built once for each; the best that the kernel takes is loaded. */
enum probe_form {
	PROBE_PLAIN,
	PROBE_LOOPS, /* bpf_loop(), since 5.17 */
	PROBE_TYPED, /* and bpf_rdonly_cast(), since 6.2 */
	NR_PROBE_FORMS
};

#define PROBE_FORMS(domain)                                \
	{                                                  \
		[PROBE_PLAIN] = domain##_plain__elf_bytes, \
		[PROBE_LOOPS] = domain##_loops__elf_bytes, \
		[PROBE_TYPED] = domain##_typed__elf_bytes  \
	}

/* A folder under probes/. */
struct probe_domain {
	const char *name;                                     /* program names begin with it */
	u64 events;                                           /* bit per event slot that it makes */
	const void *(*elf[NR_PROBE_FORMS])(size_t *ret_size); /* the object: PROBE_FORMS(name) */
	/* Fills the domain's own read-only data before loading; may be NULL. */
	int (*setup)(struct bpf_object *obj, const struct caps *caps, const struct sn_cfg *cfg,
		     struct diag *d);
	/* A program of the domain is attached; may be NULL. */
	void (*attached)(struct bpf_object *obj, enum sn_prog prog);
	const char *const
		*tables; /* maps whose size can be chosen; NULL behind the last, or NULL */
	const struct probe_extra *extras; /* NULL: all events come from the required groups */
	const struct probe_extra *parts;  /* parts of events that have a group of their own */
	/* The n-th function that programs of NEED_CALLS are loaded for; NULL behind the last. */
	const char *(*function)(const struct sn_cfg *cfg, u32 n);
};

/* What became of a program. */
enum probe_state {
	PROBE_NOT_ASKED,  /* its domain is not wanted */
	PROBE_NOT_NEEDED, /* another of its group is attached, or nothing is wanted that it shows */
	PROBE_IMPOSSIBLE, /* the kernel does not have what it needs */
	PROBE_FAILED,     /* it did not load or attach */
	PROBE_LOADED,     /* and not attached yet */
	PROBE_ATTACHED,
};

struct probe_outcome {
	enum probe_state state;
	char why[200]; /* for IMPOSSIBLE and FAILED */
};

/* Counters of one program, summed over cpus. */
struct probe_counts {
	u64 by_outcome[SN_NR_OUTCOMES];
	u64 runs;             /* their sum */
	u64 missed;           /* times the kernel did not run it, for it was running already */
	bool has_missed;      /* the kernel can be asked */
	u64 run_ns, nr_timed; /* only while the kernel measures run times, else 0 */
};

struct probes;

/* Which kernel features a load decided on, and the sizes of its maps. */
struct probes_opts {
	struct sn_cfg cfg;
	u32 ring_bytes;      /* of each cpu's ring: a power of two, at least a page */
	u32 prio_ring_bytes; /* of the shared one; 0 is 2 MiB */
	u32 table_entries; /* of the table of threads, and each of the domains' tables; 0 is as declared */
	bool kthreads; /* threads of the kernel may be wanted */
	bool fewer;    /* nothing of ROLE_REQUESTS and ROLE_DETAIL */
	/* Exactly these of the SN_NR_PROGS, if they can be; NULL: the first that can be of each group. */
	const bool *only;
};

/*
 * Loads what cfg.events wants; nothing is attached yet. A domain that fails is
 * noted in its programs' outcomes. Fails itself only when nothing is left.
 */
int probes_load(const struct caps *caps, const struct probes_opts *opts, struct probes **ret,
		struct diag *d);
int probes_attach(struct probes *p, struct diag *d);
/* Runs end; counters and rings stay readable. */
void probes_detach(struct probes *p);
void probes_free(struct probes *p);
DEFINE_FREEP(struct probes, probes_free)

const struct sn_cfg *probes_cfg(const struct probes *p);
const struct probe_outcome *probes_outcome(const struct probes *p, enum sn_prog prog);
/* What an attached program cannot see, in words, or "". */
void probes_weaker(const struct probes *p, enum sn_prog prog, char *ret, size_t size);
/* True if all groups of programs that make this event are attached; else says why not. */
bool probes_sees(const struct probes *p, u32 slot, const char **ret_why);
/* True if no part of this event is missing; else says what is, and why. Not wanted is not missing. */
bool probes_sees_all(const struct probes *p, u32 slot, struct buf *ret_lack);
/* True if the event comes from an optional group: the domain is whole without it. */
bool probes_is_extra(u32 slot);
void probes_counts(const struct probes *p, enum sn_prog prog, struct probe_counts *ret);
/* Every possible cpu's own counters, as they run, and their number. */
u32 probes_cpus(const struct probes *p, const struct sn_percpu **ret);
/* What all cpus counted of events, in one; of holes only their sums. */
void probes_percpu(const struct probes *p, struct sn_percpu *ret);

/* The fd of a map that all domains share or that one of them has; -1 if there is none. */
int probes_map(const struct probes *p, const char *name);
/* The ring of the n-th online cpu; -1 behind the last. */
int probes_ring(const struct probes *p, u32 n, u32 *ret_bytes);
int probes_prio_ring(const struct probes *p, u32 *ret_bytes);

/* Runs the iterator program; each chunk of its output goes to fn. */
int probes_iterate(struct probes *p, enum sn_prog prog,
		   int (*fn)(void *ctx, const void *data, size_t size), void *ctx, struct diag *d);

/* Helpers for a domain's setup(). */
int probe_set_rodata(struct bpf_object *obj, const char *section, const void *data, size_t size,
		     struct diag *d);

#endif
