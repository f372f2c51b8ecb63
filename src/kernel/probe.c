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
#include "base/str.h"
#include "kernel/cpus.h"
#include "kernel/state.h"

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

static bool has_tracepoints(const struct caps *caps, const struct probe_prog *prog,
			    struct probe_outcome *o)
{
	const char *list = prog->target, *item;
	char name[64];
	size_t len;

	while (str_next_item(&list, &item, &len)) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)len, item);
		if (caps_tracepoint_args(caps, name) >= 0)
			continue;
		say(o, PROBE_IMPOSSIBLE, "the kernel has no tracepoint %s", name);
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

/* Is the program chosen that jumps to this one? */
static bool has_jump(const struct probes *p, const char *name, struct probe_outcome *o)
{
	for (u32 i = 0; i < SN_NR_PROGS; i++)
		if (p->programs[i] && !strcmp(probe_progs[i].name, name))
			return true;
	say(o, PROBE_IMPOSSIBLE, "%s, which would show it, is not used", name);
	return false;
}

/* Is what this program needs there? Else its outcome says what is missing. */
static bool need_is_met(const struct probes *p, const struct caps *caps, int domain,
			const struct probe_prog *prog, struct probe_outcome *o)
{
	const struct sn_cfg *cfg = &p->cfg;

	switch (prog->need) {
	case NEED_TP_BTF:
	case NEED_TP_BTF1:
	case NEED_TP_BTF2:
	case NEED_TP_BTF3:
	case NEED_TP_BTF4:
	case NEED_TP_BTF5:
	case NEED_TP_BTF7:
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
	case NEED_JUMP:
		return can(&caps->loops, o) && has_jump(p, prog->target, o);
	case NEED_TRACEPOINTS:
		return can(&caps->typed_reads, o) && has_tracepoints(caps, prog, o);
	case NEED_COUNTERS:
		return can(&caps->typed_reads, o) && can(&caps->counters, o);
	case NEED_ITER:
		return true;
	}
	return false;
}

/* Would it, at a tracepoint, tell what is wrong as the kernel leaves out runs of it? */
static bool misses_nothing(const struct sn_cfg *cfg, const struct probe_prog *prog,
			   struct probe_outcome *o)
{
	if (prog->role != ROLE_DETAIL || !cfg->preempts_tracepoints)
		return true;
	say(o, PROBE_IMPOSSIBLE,
	    "at %s the kernel preempts programs, and leaves out others meanwhile", prog->target);
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
		taken |= opts->fewer && (probe_progs[i].role == ROLE_REQUESTS ||
					 probe_progs[i].role == ROLE_DETAIL);
		if (taken || (probe_progs[i].role == ROLE_KTHREADS && !opts->kthreads))
			p->outcomes[i].state = PROBE_NOT_NEEDED;
		else if (need_is_met(p, caps, domain, &probe_progs[i], &p->outcomes[i]) &&
			 (opts->only || misses_nothing(&p->cfg, &probe_progs[i], &p->outcomes[i])))
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

/* ---- what the kernel counts ---- */

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

void probe_add_infos(const struct probes *p, u32 prog, struct probe_counts *c)
{
	const struct likenesses *l = &p->likenesses[prog];

	if (p->programs[prog])
		add_info(c, bpf_program__fd(p->programs[prog]));
	for (u32 i = 0; i < l->nr; i++)
		add_info(c, l->programs[i]);
}

bool probe_wait_for_programs(void)
{
	return !syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
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
		calls_free(&p->likenesses[i]);
	}
	bpf_object__close(p->objects[domain]);
	p->objects[domain] = NULL;
	if (p->first == domain)
		p->first = -1;
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
		if (calls_has_program(p, i, domain))
			calls_list(caps, &opts->cfg, domain, &calls);
	r = calls_aim(p, &calls, domain, d);
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
	return calls_load(p, &calls, domain, d);
}

/* A signal ends what the verifier does: so many of them, as of cpulimit(1), say nothing of the programs. */
static int load_uninterrupted(struct probes *p, const struct caps *caps,
			      const struct probes_opts *opts, int domain, struct diag *d)
{
	int r = load_domain(p, caps, opts, domain, d);

	for (int attempt = 1; r == -EAGAIN && attempt < CAPS_ATTEMPTS; attempt++) {
		domain_failed(p, domain, d->text);
		r = load_domain(p, caps, opts, domain, d);
	}
	return r;
}

/* Is it locked memory alone that is missing? Then the caller waits for it. */
static bool may_load_later(int r)
{
	return r == -EPERM && caps_locked_memory_is_held(0);
}

/* What the kernel does not take must not cost the stream: requests and details, then hooks on functions. */
static int load_somehow(struct probes *p, const struct caps *caps, const struct probes_opts *opts,
			int domain, struct diag *d)
{
	struct probes_opts some = *opts;
	struct caps less = *caps;
	int r = load_uninterrupted(p, caps, opts, domain, d);

	for (int attempt = 1; r < 0 && !opts->only && attempt < 4; attempt++) {
		if (may_load_later(r) || r == -EAGAIN)
			break;
		some.fewer = attempt & 1;
		if (attempt == 2)
			caps_leave_out(&less, 0, d->text);
		domain_failed(p, domain, d->text);
		r = load_uninterrupted(p, &less, &some, domain, d);
	}
	return r;
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
	struct diag why;
	int r;

	if (!p)
		return -ENOMEM;
	opts.prio_ring_bytes = opts.prio_ring_bytes ?: 2 << 20;
	opts.cfg.names_bytes = opts.prio_ring_bytes / 4 * 3;
	opts.cfg.task_storage = caps->task_storage.yes;
	opts.cfg.preempts_functions = caps->preempts.yes;
	opts.cfg.preempts_tracepoints = caps->preempted.yes;
	opts.cfg.page_shift = (u8)__builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
	caps_backing_files(caps, &opts.cfg.backing_offset, &opts.cfg.backing_flag);
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
		r = load_somehow(p, caps, &opts, i, &why);
		if (r >= 0)
			continue;
		domain_failed(p, i, why.text);
		if (i == 0 || may_load_later(r))
			return diag_err(d, r, "%s", why.text);
	}
	r = make_rings(p, d);
	r = r < 0 ? r : map_counters(p, d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(p);
	return 0;
}

void probe_detach_program(struct probes *p, u32 prog)
{
	bpf_link__destroy(p->links[prog]);
	p->links[prog] = NULL;
	calls_detach(&p->likenesses[prog]);
	places_detach(&p->places[prog]);
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

/* Lets another program jump to this one. */
static int attach_to_jump(struct probes *p, enum sn_prog prog)
{
	int fd = bpf_program__fd(p->programs[prog]);
	char name[64];
	u32 zero = 0;

	(void)snprintf(name, sizeof(name), "%s_jump", probe_progs[prog].name);
	return bpf_map_update_elem(probes_map(p, name), &zero, &fd, BPF_ANY) ? -errno : 0;
}

static int attach_program(struct probes *p, enum sn_prog prog)
{
	if (probe_progs[prog].need == NEED_ITER)
		return 0; /* runs when it is asked to */
	if (probe_progs[prog].need == NEED_JUMP)
		return attach_to_jump(p, prog);
	if (probe_progs[prog].need == NEED_TRACEPOINTS)
		return places_attach_tracepoints(&p->places[prog], p->programs[prog],
						 probe_progs[prog].target);
	if (probe_progs[prog].need == NEED_COUNTERS)
		return places_attach_counters(&p->places[prog], p->programs[prog],
					      probe_progs[prog].target);
	if (probe_progs[prog].need == NEED_KCALLS)
		p->links[prog] = attach_to_calls(p, prog);
	else
		p->links[prog] = bpf_program__attach(p->programs[prog]);
	return p->links[prog] ? calls_attach(&p->likenesses[prog]) : -errno;
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
			probe_detach_program(p, i);
		} else if (domains[domain]->attached) {
			domains[domain]->attached(p->objects[domain], i);
		}
		nr += p->links[i] || p->places[i].nr;
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
		calls_stop(p, domain);
		for (u32 i = 0; i < SN_NR_PROGS; i++)
			if (probe_domain_of(i) == domain && !p->likenesses[i].left)
				probe_detach_program(p, i);
	}
	calls_leave(p);
	(void)probe_wait_for_programs();
	p->may_run = false;
}

void probes_free(struct probes *p)
{
	if (!p)
		return;
	probes_detach(p);
	for (u32 i = 0; i < SN_NR_PROGS; i++)
		calls_free(&p->likenesses[i]);
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
		probe_add_infos(p, prog, ret);
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
