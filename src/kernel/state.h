/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the loader share: probe.c, and calls.c for one program at many functions. */
#ifndef SONDE_KERNEL_STATE_H
#define SONDE_KERNEL_STATE_H

#include "kernel/domains.h"
#include "kernel/probe.h"

/* A program's likenesses: the same instructions, loaded for other functions. */
struct likenesses {
	int *programs, *links; /* fds */
	u32 nr;
	bool left; /* the program itself too; what the kernel counted until then */
	struct probe_counts at_leave;
};

/* Where a program is attached at several places at once. */
struct places {
	struct bpf_link **links;
	u32 nr;
};

struct probes {
	struct bpf_object *objects[NR_DOMAINS];
	struct bpf_program *programs[SN_NR_PROGS];
	struct bpf_link *links[SN_NR_PROGS];
	struct likenesses likenesses[SN_NR_PROGS];
	struct places places[SN_NR_PROGS];
	struct probe_outcome outcomes[SN_NR_PROGS];
	struct sn_cfg cfg;
	int *rings; /* fds, one per online cpu */
	u32 nr_rings;
	const struct sn_percpu *cpus; /* mapped; as many as the highest possible cpu needs */
	u32 nr_cpus;
	u32 ring_bytes, prio_ring_bytes;
	int first;    /* the domain whose object made the shared maps */
	bool may_run; /* from attaching on until nothing runs any more */
};

/* May such a counter be had? 0, or -errno. */
int places_try_counters(void);
/* To all tracepoints of a list, separated by commas. */
int places_attach_tracepoints(struct places *p, const struct bpf_program *prog, const char *list);
/*
 * To all of the kernel's software counters of a list, on each cpu that is online; bpf_get_attach_cookie() is their
 * place in it.
 */
int places_attach_counters(struct places *p, const struct bpf_program *prog, const char *list);
void places_detach(struct places *p);

/* Adds what the kernel itself counts of a program and its likenesses. */
void probe_add_infos(const struct probes *p, u32 prog, struct probe_counts *c);
void probe_detach_program(struct probes *p, u32 prog);
/* Programs that run now have ended when it returns true: the kernel waits for all its readers. */
bool probe_wait_for_programs(void);

/* A domain's functions, looked up once: the kernel's types are many, and have no index. */
struct calls {
	u32 nr;
	struct call {
		const char *function;
		u32 id;   /* of its type */
		u32 form; /* place in forms */
	} at[SN_NR_CALLS];
};

void calls_list(const struct caps *caps, const struct sn_cfg *cfg, int domain, struct calls *ret);
/* Is it a program of this domain that is loaded for each of the functions? */
bool calls_has_program(const struct probes *p, u32 prog, int domain);
/* Before the object is loaded: the first function of each type. */
int calls_aim(struct probes *p, const struct calls *calls, int domain, struct diag *d);
/* After: all others, which only jump. */
int calls_load(struct probes *p, const struct calls *calls, int domain, struct diag *d);
int calls_attach(struct likenesses *l);
void calls_detach(struct likenesses *l);
void calls_free(struct likenesses *l);
/* The programs of a domain do nothing from now on, and the counts that the kernel keeps are theirs. */
void calls_stop(struct probes *p, int domain);
/* All that were stopped leave their functions, perhaps behind us: last of all, as others would wait for it. */
void calls_leave(struct probes *p);

#endif
