// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/linger.h"
#include "kernel/cpus.h"
#include "kernel/domains.h"

#define NEED_OF(need) NEED_##need
#define ROLE_OF(flags) ROLE_##flags

#define LINGER_MS 10000

const struct probe_prog probe_progs[SN_NR_PROGS] = {
#define SN_PROG(name, group, need, target, flags, weaker) \
	[SN_P_##name] = { #name, #group, target, weaker, NEED_OF(need), ROLE_OF(flags) },
#include "bpf/progs.def"
#undef SN_PROG
};

/* Maps that the first object makes and the others use. */
static const char *const shared_maps[] = {
	"sn_rings",      "sn_prio",    "sn_cpu",  "sn_tasks",
	"sn_tasks_hash", "sn_cgroups", "sn_told", ".data.sn_names",
};

/* A program's likenesses: the same instructions, loaded for other functions. */
struct likenesses {
	int *programs, *links; /* fds */
	u32 nr;
	bool left; /* the program itself too; what the kernel counted until then */
	struct probe_counts at_leave;
};

struct probes {
	struct bpf_object *objects[NR_DOMAINS];
	struct bpf_program *programs[SN_NR_PROGS];
	struct bpf_link *links[SN_NR_PROGS];
	struct likenesses likenesses[SN_NR_PROGS];
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

int probe_domain_of(enum sn_prog prog)
{
	for (int i = 0; i < NR_DOMAINS; i++) {
		size_t n = strlen(domains[i]->name);

		if (!strncmp(probe_progs[prog].name, domains[i]->name, n) &&
		    probe_progs[prog].name[n] == '_')
			return i;
	}
	return -1;
}

static void say(struct probe_outcome *o, enum probe_state state, const char *fmt, const char *arg)
{
	o->state = state;
	(void)snprintf(o->why, sizeof(o->why), fmt, arg);
}

static bool has_function(const struct caps *caps, const char *name, struct probe_outcome *o)
{
	if (caps_has_function(caps, name))
		return true;
	say(o, PROBE_IMPOSSIBLE, "the kernel has no function %s", name);
	return false;
}

static bool has_calls(const struct caps *caps, const struct sn_cfg *cfg, int domain,
		      struct probe_outcome *o)
{
	const char *name;

	for (u32 n = 0; (name = domains[domain]->function(cfg, n)); n++)
		if (!has_function(caps, name, o))
			return false;
	return true;
}

static bool has_tracepoint(const struct caps *caps, const struct probe_prog *prog,
			   struct probe_outcome *o)
{
	int args = caps_tracepoint_args(caps, prog->target);

	if (args < 0) {
		say(o, PROBE_IMPOSSIBLE, "the kernel has no tracepoint %s", prog->target);
		return false;
	}
	if (prog->need != NEED_TP_BTF && args != (int)(prog->need - NEED_TP_BTF)) {
		say(o, PROBE_IMPOSSIBLE, "this kernel's tracepoint %s has other arguments",
		    prog->target);
		return false;
	}
	return true;
}

static bool can(const struct caps_answer *a, struct probe_outcome *o)
{
	if (!a->yes)
		say(o, PROBE_IMPOSSIBLE, "%s", a->why);
	return a->yes;
}

/* Is what this program needs there? Else its outcome says what is missing. */
static bool need_is_met(const struct caps *caps, const struct sn_cfg *cfg, int domain,
			const struct probe_prog *prog, struct probe_outcome *o)
{
	switch (prog->need) {
	case NEED_TP_BTF:
	case NEED_TP_BTF1:
	case NEED_TP_BTF2:
	case NEED_TP_BTF3:
		return has_tracepoint(caps, prog, o);
	case NEED_FENTRY:
		return can(&caps->fentry, o) && has_function(caps, prog->target, o);
	case NEED_FENTRY_ARGS:
		return can(&caps->fentry_args, o) && has_function(caps, prog->target, o);
	case NEED_CALLS:
		return can(&caps->fentry, o) && has_calls(caps, cfg, domain, o);
	case NEED_KCALLS:
		return can(&caps->kprobe_calls, o) && has_calls(caps, cfg, domain, o);
	case NEED_KPROBE:
		return can(&caps->kprobes, o) && has_function(caps, prog->target, o);
	case NEED_ITER:
		return true;
	}
	return false;
}

/* Marks the programs of a domain to load: in each group the first that can be. */
static void choose(struct probes *p, const struct caps *caps, const struct probes_opts *opts,
		   int domain)
{
	for (u32 i = 0; i < SN_NR_PROGS; i++) {
		const char *group = probe_progs[i].group;
		bool taken = opts->only ? !opts->only[i] : probe_is_idle(p, domain, group);

		if (probe_domain_of(i) != domain)
			continue;
		for (u32 k = 0; k < i && !opts->only; k++)
			taken |= probe_domain_of(k) == domain && p->programs[k] &&
				 !strcmp(probe_progs[k].group, group);
		if (taken || (probe_progs[i].role == ROLE_KTHREADS && !opts->kthreads))
			p->outcomes[i].state = PROBE_NOT_NEEDED;
		else if (need_is_met(caps, &opts->cfg, domain, &probe_progs[i], &p->outcomes[i]))
			p->programs[i] = bpf_object__find_program_by_name(p->objects[domain],
									  probe_progs[i].name);
		if (!p->programs[i])
			continue;
		(void)bpf_program__set_autoload(p->programs[i], true);
		p->outcomes[i].state = PROBE_LOADED; /* unless its domain fails */
	}
}

int probe_set_rodata(struct bpf_object *obj, const char *section, const void *data, size_t size,
		     struct diag *d)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, section);
	int r = map ? bpf_map__set_initial_value(map, data, size) : -ENOENT;

	return r ? diag_errno(d, r, "cannot set %s of a BPF object", section) : 0;
}

/* The domain's tables of what is under way. */
static int size_tables(struct bpf_object *obj, int domain, u32 entries)
{
	const char *const *name = domains[domain]->tables;
	struct bpf_map *map;
	int r = 0;

	for (; name && *name && entries && !r; name++) {
		map = bpf_object__find_map_by_name(obj, *name);
		r = map ? bpf_map__set_max_entries(map, entries) : -ENOENT;
	}
	return r;
}

/* Sizes and kinds of the shared maps, before the first object makes them. */
static int shape_maps(struct bpf_object *obj, const struct probes_opts *opts, u32 nr_cpus)
{
	struct bpf_map *rings = bpf_object__find_map_by_name(obj, "sn_rings");
	struct bpf_map *cpus = bpf_object__find_map_by_name(obj, "sn_cpu");
	struct bpf_map *prio = bpf_object__find_map_by_name(obj, "sn_prio");
	struct bpf_map *tasks = bpf_object__find_map_by_name(obj, "sn_tasks");
	struct bpf_map *hash = bpf_object__find_map_by_name(obj, "sn_tasks_hash");
	int r = 0;

	if (!rings || !cpus || !prio || !tasks || !hash)
		return -EINVAL;
	if (opts->table_entries)
		r = bpf_map__set_max_entries(hash, opts->table_entries);
	r = r ?: bpf_map__set_max_entries(rings, nr_cpus);
	r = r ?: bpf_map__set_max_entries(cpus, nr_cpus);
	r = r ?: bpf_map__set_max_entries(prio, opts->prio_ring_bytes);
	r = r ?: bpf_map__set_autocreate(tasks, opts->cfg.task_storage);
	r = r ?: bpf_map__set_autocreate(hash, !opts->cfg.task_storage);
	return r;
}

static int share_maps(struct probes *p, struct bpf_object *obj)
{
	struct bpf_map *map, *made;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(shared_maps); i++) {
		map = bpf_object__find_map_by_name(obj, shared_maps[i]);
		made = bpf_object__find_map_by_name(p->objects[p->first], shared_maps[i]);
		if (!map || !made)
			return -EINVAL;
		r = bpf_map__fd(made) < 0 ? bpf_map__set_autocreate(map, false)
					  : bpf_map__reuse_fd(map, bpf_map__fd(made));
		if (r)
			return r;
	}
	return 0;
}

/* ---- one program at many functions ---- */

static bool is_for_calls(const struct probes *p, u32 prog, int domain)
{
	return p->programs[prog] && probe_progs[prog].need == NEED_CALLS &&
	       probe_domain_of(prog) == domain;
}

/* A program of NEED_CALLS is there twice, for the functions' two types: see enum probe_need. */
static const char *const forms[] = { "", "_b" };

/* A domain's functions, looked up once: the kernel's types are many, and have no index. */
struct calls {
	u32 nr;
	struct call {
		const char *function;
		u32 id;   /* of its type */
		u32 form; /* place in forms */
	} at[SN_NR_CALLS];
};

static void list_calls(const struct caps *caps, const struct sn_cfg *cfg, int domain,
		       struct calls *ret)
{
	const char *function;
	u32 first = 0, type;

	ret->nr = 0;
	while (ret->nr < SN_NR_CALLS && (function = domains[domain]->function(cfg, ret->nr))) {
		struct call *call = &ret->at[ret->nr];

		call->function = function;
		call->id = caps_function_id(caps, function);
		type = caps_function_type(caps, call->id);
		if (!ret->nr++)
			first = type;
		call->form = type && type != first;
	}
}

/* The first function of that form, or NULL. */
static const char *first_of(const struct calls *calls, u32 form)
{
	for (u32 n = 0; n < calls->nr; n++)
		if (calls->at[n].form == form)
			return calls->at[n].function;
	return NULL;
}

/* <program><kind><form> */
static struct bpf_program *part_of(const struct probes *p, u32 prog, const char *kind, u32 form)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%s%s%s", probe_progs[prog].name, kind, forms[form]);
	return bpf_object__find_program_by_name(p->objects[probe_domain_of(prog)], name);
}

/* libbpf loads both the body and what jumps to it for the first function of each form. */
static int aim_form(struct probes *p, u32 prog, u32 form, const char *function, struct diag *d)
{
	static const char *const kinds[] = { "", "_body" };
	struct bpf_program *part;
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(kinds); i++) {
		part = part_of(p, prog, kinds[i], form);
		r = part ? bpf_program__set_autoload(part, true) : -ENOENT;
		r = r ?: bpf_program__set_attach_target(part, 0, function);
	}
	return r ? diag_errno(d, r, "cannot aim %s at %s", probe_progs[prog].name, function) : 0;
}

static int aim_first(struct probes *p, const struct calls *calls, int domain, struct diag *d)
{
	const char *function;
	int r = 0;

	for (u32 i = 0; r >= 0 && i < SN_NR_PROGS; i++)
		for (u32 form = 0; r >= 0 && form < ARRAY_SIZE(forms); form++)
			if (is_for_calls(p, i, domain) && (function = first_of(calls, form)))
				r = aim_form(p, i, form, function, d);
	return r;
}

static int jump_map(const struct probes *p, u32 prog, u32 form)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%s_jump%s", probe_progs[prog].name, forms[form]);
	return probes_map(p, name);
}

static int set_jump(struct probes *p, u32 prog, u32 form, struct diag *d)
{
	int body = bpf_program__fd(part_of(p, prog, "_body", form));
	u32 zero = 0;

	if (bpf_map_update_elem(jump_map(p, prog, form), &zero, &body, BPF_ANY))
		return diag_errno(d, -errno, "cannot make %s jump", probe_progs[prog].name);
	return 0;
}

static int load_likeness(struct probes *p, u32 prog, const struct call *call, struct diag *d)
{
	const struct bpf_program *like = part_of(p, prog, "", call->form);
	struct likenesses *l = &p->likenesses[prog];
	int *more = realloc(l->programs, (l->nr + 1) * sizeof(*more)), fd;

	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = bpf_program__expected_attach_type(like),
		    .attach_btf_id = call->id);

	if (!more)
		return -ENOMEM;
	l->programs = more;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, bpf_program__name(like), "Dual BSD/GPL",
			   bpf_program__insns(like), bpf_program__insn_cnt(like), &opts);
	if (fd < 0)
		return diag_errno(d, fd, "the kernel did not load %s for %s",
				  probe_progs[prog].name, call->function);
	l->programs[l->nr++] = fd;
	return 0;
}

/* And what jumps for all others. */
static int load_likenesses(struct probes *p, const struct calls *calls, int domain, struct diag *d)
{
	int r = 0;

	for (u32 i = 0; r >= 0 && i < SN_NR_PROGS; i++) {
		if (!is_for_calls(p, i, domain))
			continue;
		for (u32 form = 0; r >= 0 && form < ARRAY_SIZE(forms); form++)
			if (first_of(calls, form))
				r = set_jump(p, i, form, d);
		for (u32 n = 1; r >= 0 && n < calls->nr; n++)
			r = load_likeness(p, i, &calls->at[n], d);
	}
	return r;
}

static int attach_likenesses(struct likenesses *l)
{
	int fd;

	l->links = calloc(l->nr + 1, sizeof(*l->links));
	if (!l->links)
		return -ENOMEM;
	for (u32 i = 0; i < l->nr; i++)
		l->links[i] = -1;
	for (u32 i = 0; i < l->nr; i++) {
		fd = bpf_raw_tracepoint_open(NULL, l->programs[i]);
		if (fd < 0)
			return -errno;
		l->links[i] = fd;
	}
	return 0;
}

static void detach_likenesses(struct likenesses *l)
{
	for (u32 i = 0; l->links && i < l->nr; i++)
		closep(&l->links[i]);
	free(l->links);
	l->links = NULL;
}

static void free_likenesses(struct likenesses *l)
{
	detach_likenesses(l);
	for (u32 i = 0; i < l->nr; i++)
		closep(&l->programs[i]);
	free(l->programs);
	*l = (struct likenesses){};
}

/* Adds what the kernel itself counts of a program. */
static void add_info(struct probe_counts *c, int fd)
{
	struct bpf_prog_info info = {};
	u32 len = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return;
	c->has_missed = len >= offsetof(struct bpf_prog_info, recursion_misses) +
				       sizeof(info.recursion_misses);
	c->missed += info.recursion_misses;
	c->run_ns += info.run_time_ns;
	c->nr_timed += info.run_cnt;
}

static void add_infos(const struct probes *p, u32 prog, struct probe_counts *c)
{
	const struct likenesses *l = &p->likenesses[prog];

	if (p->programs[prog])
		add_info(c, bpf_program__fd(p->programs[prog]));
	for (u32 i = 0; i < l->nr; i++)
		add_info(c, l->programs[i]);
}

/* Those that run now have ended when it returns true: the kernel waits for all its readers. */
static bool wait_for_programs(void)
{
	return !syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/*
 * Of each function that a program leaves the kernel waits for all threads, a tenth of a
 * second. What jumps does nothing once there is nowhere to jump to: it may leave behind us.
 */
static void leave_calls(struct probes *p, int domain)
{
	int fds[4 * SN_NR_CALLS];
	u32 nr = 0, zero = 0;

	for (u32 i = 0; i < SN_NR_PROGS; i++) {
		struct likenesses *l = &p->likenesses[i];

		if (!is_for_calls(p, i, domain) || !p->links[i])
			continue;
		for (u32 form = 0; form < ARRAY_SIZE(forms); form++)
			(void)bpf_map_delete_elem(jump_map(p, i, form), &zero);
		add_infos(p, i, &l->at_leave);
		l->left = true;
		fds[nr++] = bpf_link__fd(p->links[i]);
		for (u32 n = 0; l->links && n < l->nr; n++)
			if (l->links[n] >= 0 && nr < ARRAY_SIZE(fds))
				fds[nr++] = l->links[n];
	}
	/* Those that had jumped have come back. */
	if (nr && wait_for_programs())
		(void)linger(fds, nr);
}

/* ---- loading ---- */

static void domain_failed(struct probes *p, int domain, const char *why)
{
	for (u32 i = 0; i < SN_NR_PROGS; i++) {
		if (probe_domain_of(i) != domain)
			continue;
		if (p->programs[i])
			say(&p->outcomes[i], PROBE_FAILED, "%.199s", why);
		p->programs[i] = NULL;
		free_likenesses(&p->likenesses[i]);
	}
	bpf_object__close(p->objects[domain]);
	p->objects[domain] = NULL;
}

static int load_domain(struct probes *p, const struct caps *caps, const struct probes_opts *opts,
		       int domain, struct diag *d)
{
	enum probe_form form = caps->typed_reads.yes ? PROBE_TYPED
			       : caps->loops.yes     ? PROBE_LOOPS
						     : PROBE_PLAIN;
	size_t size;
	const void *elf = domains[domain]->elf[form](&size);
	struct calls calls = {};
	struct bpf_object *obj;
	int r;

	LIBBPF_OPTS(bpf_object_open_opts, open_opts, .object_name = domains[domain]->name);

	obj = bpf_object__open_mem(elf, size, &open_opts);
	if (!obj)
		return diag_errno(d, -errno, "cannot open the BPF object of %s",
				  domains[domain]->name);
	p->objects[domain] = obj;
	choose(p, caps, opts, domain);
	for (u32 i = 0; !calls.nr && i < SN_NR_PROGS; i++)
		if (is_for_calls(p, i, domain))
			list_calls(caps, &opts->cfg, domain, &calls);
	r = aim_first(p, &calls, domain, d);
	if (r < 0)
		return r;
	r = probe_set_rodata(obj, ".rodata.sn_cfg", &opts->cfg, sizeof(opts->cfg), d);
	if (r < 0)
		return r;
	r = size_tables(obj, domain, opts->table_entries);
	if (r)
		return diag_errno(d, r, "cannot size the tables of %s", domains[domain]->name);
	if (domains[domain]->setup) {
		r = domains[domain]->setup(obj, caps, &opts->cfg, d);
		if (r < 0)
			return r;
	}
	r = p->first < 0 ? shape_maps(obj, opts, p->nr_cpus) : share_maps(p, obj);
	if (r)
		return diag_errno(d, r, "cannot shape the maps of %s", domains[domain]->name);
	r = bpf_object__load(obj);
	if (r)
		return diag_errno(d, r, "the kernel did not load the programs of %s",
				  domains[domain]->name);
	if (p->first < 0)
		p->first = domain;
	return load_likenesses(p, &calls, domain, d);
}

/* A ring for every cpu that is online; one that comes later has none, and its losses are counted. */
static int make_rings(struct probes *p, struct diag *d)
{
	_cleanup_(freep) u32 *online = NULL;
	int nr = cpus_online(&online), outer = probes_map(p, "sn_rings");
	int fd;

	if (nr < 0)
		return diag_errno(d, nr, "cannot tell which cpus are online");
	p->rings = calloc((size_t)nr, sizeof(*p->rings));
	if (!p->rings)
		return -ENOMEM;
	for (int i = 0; i < nr; i++) {
		fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "sn_ring", 0, 0, p->ring_bytes, NULL);
		if (fd < 0)
			return diag_errno(d, -errno, "cannot make a ring of %u KiB for cpu %u",
					  p->ring_bytes / 1024, online[i]);
		p->rings[p->nr_rings++] = fd;
		if (bpf_map_update_elem(outer, &online[i], &fd, BPF_ANY))
			return diag_errno(d, -errno, "cannot set the ring of cpu %u", online[i]);
	}
	return 0;
}

static int map_counters(struct probes *p, struct diag *d)
{
	void *at = mmap(NULL, p->nr_cpus * sizeof(*p->cpus), PROT_READ, MAP_SHARED,
			probes_map(p, "sn_cpu"), 0);

	if (at == MAP_FAILED)
		return diag_errno(d, -errno, "cannot map the counters");
	p->cpus = at;
	return 0;
}

int probes_load(const struct caps *caps, const struct probes_opts *given, struct probes **ret,
		struct diag *d)
{
	_cleanup_(probes_freep) struct probes *p = calloc(1, sizeof(*p));
	struct probes_opts opts = *given;
	struct caps less;
	struct diag why;
	int r;

	if (!p)
		return -ENOMEM;
	opts.prio_ring_bytes = opts.prio_ring_bytes ?: 2 << 20;
	opts.cfg.task_storage = caps->task_storage.yes;
	opts.cfg.preempts_functions = caps->preempts.yes;
	opts.cfg.preempts_tracepoints = caps->preempted.yes;
	p->first = -1;
	p->cfg = opts.cfg;
	p->nr_cpus = cpus_max() + 1;
	p->ring_bytes = opts.ring_bytes;
	p->prio_ring_bytes = opts.prio_ring_bytes;
	for (int i = 0; i < NR_DOMAINS; i++) {
		/* proc comes first and always: names and filters hang on it */
		if (i && !(domains[i]->events & opts.cfg.events))
			continue;
		why = (struct diag){};
		r = load_domain(p, caps, &opts, i, &why);
		if (r < 0 && !opts.only && (caps->fentry.yes || caps->kprobes.yes)) {
			/* Hooks on functions that the kernel does not take must not cost the stream. */
			less = *caps;
			caps_leave_out(&less, 0, why.text);
			domain_failed(p, i, why.text);
			r = load_domain(p, &less, &opts, i, &why);
		}
		if (r >= 0)
			continue;
		domain_failed(p, i, why.text);
		if (i == 0)
			return diag_err(d, r, "%s", why.text);
	}
	r = make_rings(p, d);
	r = r < 0 ? r : map_counters(p, d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(p);
	return 0;
}

static void detach_program(struct probes *p, u32 prog)
{
	bpf_link__destroy(p->links[prog]);
	p->links[prog] = NULL;
	detach_likenesses(&p->likenesses[prog]);
}

/* Attaches a program of NEED_KCALLS to all functions of its domain. */
static struct bpf_link *attach_to_calls(const struct probes *p, enum sn_prog prog)
{
	const struct probe_domain *domain = domains[probe_domain_of(prog)];
	const char *names[SN_NR_CALLS], *section = bpf_program__section_name(p->programs[prog]);
	size_t n = 0;

	while (n < ARRAY_SIZE(names) && (names[n] = domain->function(&p->cfg, (u32)n)))
		n++;
	LIBBPF_OPTS(bpf_kprobe_multi_opts, opts, .syms = names, .cnt = n,
		    .retprobe = strstr(section, "kretprobe") != NULL);
	return bpf_program__attach_kprobe_multi_opts(p->programs[prog], NULL, &opts);
}

static int attach_program(struct probes *p, enum sn_prog prog)
{
	if (probe_progs[prog].need == NEED_ITER)
		return 0; /* runs when it is asked to */
	if (probe_progs[prog].need == NEED_KCALLS)
		p->links[prog] = attach_to_calls(p, prog);
	else
		p->links[prog] = bpf_program__attach(p->programs[prog]);
	return p->links[prog] ? attach_likenesses(&p->likenesses[prog]) : -errno;
}

/* Last ones first: what is seen to begin is seen to end. */
static u32 attach_domain(struct probes *p, int domain)
{
	u32 nr = 0;
	int r;

	for (u32 i = SN_NR_PROGS; i-- > 0;) {
		if (!p->programs[i] || probe_domain_of(i) != domain)
			continue;
		p->outcomes[i].state = PROBE_ATTACHED;
		r = attach_program(p, i);
		if (r < 0) {
			say(&p->outcomes[i], PROBE_FAILED, "did not attach: %s", strerror(-r));
			detach_program(p, i);
		}
		nr += p->links[i] != NULL;
	}
	return nr;
}

int probes_attach(struct probes *p, struct diag *d)
{
	u32 nr = 0;

	/* What leaves a function takes the ends of the calls from us that are under way in it. */
	(void)linger_over(LINGER_MS);
	p->may_run = true;
	for (int i = 0; i < NR_DOMAINS; i++)
		nr += attach_domain(p, i);
	return nr ? 0 : diag_err(d, -ENOTSUP, "no program could be attached");
}

/* The other way round; proc, which names threads, comes first and goes last. */
void probes_detach(struct probes *p)
{
	if (!p->may_run)
		return;
	for (int domain = NR_DOMAINS; domain-- > 0;) {
		leave_calls(p, domain);
		for (u32 i = 0; i < SN_NR_PROGS; i++)
			if (probe_domain_of(i) == domain)
				detach_program(p, i);
	}
	(void)wait_for_programs();
	p->may_run = false;
}

void probes_free(struct probes *p)
{
	if (!p)
		return;
	probes_detach(p);
	for (u32 i = 0; i < SN_NR_PROGS; i++)
		free_likenesses(&p->likenesses[i]);
	for (u32 i = 0; i < p->nr_rings; i++)
		(void)close(p->rings[i]);
	free(p->rings);
	if (p->cpus)
		(void)munmap((void *)p->cpus, p->nr_cpus * sizeof(*p->cpus));
	for (int i = 0; i < NR_DOMAINS; i++)
		bpf_object__close(p->objects[i]);
	free(p);
}

const struct probe_outcome *probes_outcome(const struct probes *p, enum sn_prog prog)
{
	return &p->outcomes[prog];
}

const struct sn_cfg *probes_cfg(const struct probes *p)
{
	return &p->cfg;
}

int probes_map(const struct probes *p, const char *name)
{
	struct bpf_map *map;

	for (int i = 0; i < NR_DOMAINS; i++) {
		map = p->objects[i] ? bpf_object__find_map_by_name(p->objects[i], name) : NULL;
		if (map && bpf_map__fd(map) >= 0)
			return bpf_map__fd(map);
	}
	return -1;
}

int probes_ring(const struct probes *p, u32 n, u32 *ret_bytes)
{
	*ret_bytes = p->ring_bytes;
	return n < p->nr_rings ? p->rings[n] : -1;
}

int probes_prio_ring(const struct probes *p, u32 *ret_bytes)
{
	*ret_bytes = p->prio_ring_bytes;
	return probes_map(p, "sn_prio");
}

/* ---- counters ---- */

void probes_counts(const struct probes *p, enum sn_prog prog, struct probe_counts *ret)
{
	const struct likenesses *l = &p->likenesses[prog];

	memset(ret, 0, sizeof(*ret));
	if (l->left)
		*ret = l->at_leave;
	else
		add_infos(p, prog, ret);
	for (u32 i = 0; i < p->nr_cpus; i++)
		for (u32 o = 0; o < SN_NR_OUTCOMES; o++)
			ret->by_outcome[o] += p->cpus[i].outcomes[prog][o];
	for (u32 o = 0; o < SN_NR_OUTCOMES; o++)
		ret->runs += ret->by_outcome[o];
}

u32 probes_cpus(const struct probes *p, const struct sn_percpu **ret)
{
	*ret = p->cpus;
	return p->nr_cpus;
}

int probes_iterate(struct probes *p, enum sn_prog prog,
		   int (*fn)(void *ctx, const void *data, size_t size), void *ctx, struct diag *d)
{
	_cleanup_(freep) char *buf = malloc(1 << 16);
	_cleanup_(closep) int fd = -1;
	struct bpf_link *link;
	ssize_t n;
	int r = 0;

	if (!buf)
		return -ENOMEM;
	if (!p->programs[prog])
		return diag_err(d, -ENOTSUP, "%s", p->outcomes[prog].why);
	link = bpf_program__attach_iter(p->programs[prog], NULL);
	if (!link)
		return diag_errno(d, -errno, "cannot run %s", probe_progs[prog].name);
	fd = bpf_iter_create(bpf_link__fd(link));
	bpf_link__destroy(link);
	if (fd < 0)
		return diag_errno(d, -errno, "cannot run %s", probe_progs[prog].name);
	while ((n = read(fd, buf, 1 << 16)) > 0 && !r)
		r = fn(ctx, buf, (size_t)n);
	if (n < 0)
		return diag_errno(d, -errno, "cannot read from %s", probe_progs[prog].name);
	return r;
}
