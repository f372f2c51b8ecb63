// SPDX-License-Identifier: BSD-2-Clause
/* One program at many functions. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>

#include "base/linger.h"
#include "kernel/state.h"

bool calls_has_program(const struct probes *p, u32 prog, int domain)
{
	return p->programs[prog] && probe_progs[prog].need == NEED_CALLS &&
	       probe_domain_of(prog) == domain;
}

/* A program of NEED_CALLS is there twice, for the functions' two types: see enum probe_need. */
static const char *const forms[] = { "", "_b" };

void calls_list(const struct caps *caps, const struct sn_cfg *cfg, int domain, struct calls *ret)
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

int calls_aim(struct probes *p, const struct calls *calls, int domain, struct diag *d)
{
	const char *function;
	int r = 0;

	for (u32 i = 0; r >= 0 && i < SN_NR_PROGS; i++)
		for (u32 form = 0; r >= 0 && form < ARRAY_SIZE(forms); form++)
			if (calls_has_program(p, i, domain) && (function = first_of(calls, form)))
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

	if (!more)
		return -ENOMEM;
	l->programs = more;
	fd = caps_load_program(like, call->id);
	if (fd < 0)
		return diag_errno(d, fd, "the kernel did not load %s for %s",
				  probe_progs[prog].name, call->function);
	l->programs[l->nr++] = fd;
	return 0;
}

/* And what jumps for all others. */
int calls_load(struct probes *p, const struct calls *calls, int domain, struct diag *d)
{
	int r = 0;

	for (u32 i = 0; r >= 0 && i < SN_NR_PROGS; i++) {
		if (!calls_has_program(p, i, domain))
			continue;
		for (u32 form = 0; r >= 0 && form < ARRAY_SIZE(forms); form++)
			if (first_of(calls, form))
				r = set_jump(p, i, form, d);
		for (u32 n = 1; r >= 0 && n < calls->nr; n++)
			r = load_likeness(p, i, &calls->at[n], d);
	}
	return r;
}

int calls_attach(struct likenesses *l)
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

void calls_detach(struct likenesses *l)
{
	for (u32 i = 0; l->links && i < l->nr; i++)
		closep(&l->links[i]);
	free(l->links);
	l->links = NULL;
}

void calls_free(struct likenesses *l)
{
	calls_detach(l);
	for (u32 i = 0; i < l->nr; i++)
		closep(&l->programs[i]);
	free(l->programs);
	*l = (struct likenesses){};
}

void calls_stop(struct probes *p, int domain)
{
	u32 zero = 0;

	for (u32 i = 0; i < SN_NR_PROGS; i++) {
		struct likenesses *l = &p->likenesses[i];

		if (!calls_has_program(p, i, domain) || !p->links[i])
			continue;
		for (u32 form = 0; form < ARRAY_SIZE(forms); form++)
			(void)bpf_map_delete_elem(jump_map(p, i, form), &zero);
		probe_add_infos(p, i, &l->at_leave);
		l->left = true;
	}
}

/*
 * Of each function that a program leaves the kernel waits for all threads, a tenth of a
 * second. What jumps does nothing once there is nowhere to jump to: it may leave behind us.
 */
void calls_leave(struct probes *p)
{
	_cleanup_(closep) int behind = -1;
	int fds[4 * SN_NR_CALLS];
	u32 nr = 0;

	for (u32 i = 0; i < SN_NR_PROGS; i++) {
		const struct likenesses *l = &p->likenesses[i];

		if (!l->left)
			continue;
		fds[nr++] = bpf_link__fd(p->links[i]);
		for (u32 n = 0; l->links && n < l->nr; n++)
			if (l->links[n] >= 0 && nr < ARRAY_SIZE(fds))
				fds[nr++] = l->links[n];
	}
	/* Those that had jumped have come back. */
	if (nr && probe_wait_for_programs())
		behind = linger(fds, nr);
	for (u32 i = 0; i < SN_NR_PROGS; i++)
		if (p->likenesses[i].left)
			probe_detach_program(p, i);
}
