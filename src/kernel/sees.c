// SPDX-License-Identifier: BSD-2-Clause
/* What of the streams is seen with the programs that are attached, and what is not. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "kernel/domains.h"
#include "kernel/probe.h"

static bool is_preempted(const struct probes *p, enum probe_need need)
{
	switch (need) {
	case NEED_TP_BTF:
	case NEED_TP_BTF1:
	case NEED_TP_BTF2:
	case NEED_TP_BTF3:
	case NEED_TP_BTF4:
	case NEED_TP_BTF5:
	case NEED_TP_BTF7:
	case NEED_JUMP:
	case NEED_TRACEPOINTS:
		return probes_cfg(p)->preempts_tracepoints;
	case NEED_FENTRY:
	case NEED_FENTRY_ARGS:
	case NEED_CALLS:
	case NEED_COUNTERS: /* as bpf(2) may be, which keeps these from running */
		return probes_cfg(p)->preempts_functions;
	case NEED_KCALLS:
	case NEED_KPROBE:
	case NEED_ITER:
		return false;
	}
	return false;
}

void probes_weaker(const struct probes *p, enum sn_prog prog, char *ret, size_t size)
{
	const char *weaker = probe_progs[prog].weaker, *missed = "";

	if (is_preempted(p, probe_progs[prog].need))
		missed = "what other threads do while one is preempted in it is missed";
	(void)snprintf(ret, size, "%s%s%s", weaker, weaker[0] && missed[0] ? "; " : "", missed);
}

static int domain_of_event(u32 slot)
{
	for (int i = 0; i < NR_DOMAINS; i++)
		if (domains[i]->events >> slot & 1)
			return i;
	return -1;
}

static const struct probe_extra *extra_in(const struct probe_extra *x, u32 slot)
{
	for (; x && x->group; x++)
		if (x->slot == slot)
			return x;
	return NULL;
}

/* The optional group that alone makes this event, or NULL. */
static const char *extra_group(int domain, u32 slot)
{
	const struct probe_extra *x = domain < 0 ? NULL : extra_in(domains[domain]->extras, slot);

	return x ? x->group : NULL;
}

/* What a list says of a group: that it is in it, and that something needs it. */
static void look_up(const struct probe_extra *x, const char *group, u64 events, bool *named,
		    bool *needed)
{
	for (; x && x->group; x++) {
		if (strcmp(x->group, group))
			continue;
		*named = true;
		*needed |= x->shared || events >> x->slot & 1;
	}
}

/* Is the group for the domain's functions, and are there none? */
static bool has_no_call(const struct probes *p, int domain, const char *group)
{
	for (u32 i = 0; i < SN_NR_PROGS; i++)
		if (probe_progs[i].need == NEED_CALLS && probe_domain_of(i) == domain &&
		    !strcmp(probe_progs[i].group, group))
			return !domains[domain]->function(probes_cfg(p), 0);
	return false;
}

bool probe_is_idle(const struct probes *p, int domain, const char *group)
{
	u64 events = probes_cfg(p)->events;
	bool named = false, needed = false;

	look_up(domains[domain]->extras, group, events, &named, &needed);
	look_up(domains[domain]->parts, group, events, &named, &needed);
	return named ? !needed : has_no_call(p, domain, group);
}

static bool group_is_attached(const struct probes *p, int domain, const char *group,
			      const char **ret_why)
{
	for (u32 i = 0; i < SN_NR_PROGS; i++) {
		if (probe_domain_of(i) != domain || strcmp(probe_progs[i].group, group))
			continue;
		if (probes_outcome(p, i)->state == PROBE_ATTACHED)
			return true;
		if (!**ret_why) /* the best alternative's */
			*ret_why = probes_outcome(p, i)->why;
	}
	return false;
}

/* Does the group tell more of rows that others make? */
static bool is_detail(int domain, const char *group)
{
	for (u32 i = 0; i < SN_NR_PROGS; i++)
		if (probe_domain_of(i) == domain && !strcmp(probe_progs[i].group, group))
			return probe_progs[i].role == ROLE_DETAIL;
	return false;
}

/* Is a part of the event attached, if it has any? */
static bool sees_part(const struct probes *p, int domain, u32 slot, const char **ret_why)
{
	const struct probe_extra *x = extra_in(domains[domain]->parts, slot);

	if (!x)
		return true;
	for (; x->group; x++)
		if (x->slot == slot && !is_detail(domain, x->group) &&
		    group_is_attached(p, domain, x->group, ret_why))
			return true;
	return false;
}

bool probes_sees(const struct probes *p, u32 slot, const char **ret_why)
{
	int domain = domain_of_event(slot);
	const char *group = extra_group(domain, slot);

	*ret_why = "";
	if (domain < 0)
		return false;
	if (group)
		return group_is_attached(p, domain, group, ret_why);
	for (u32 i = 0; i < SN_NR_PROGS; i++) {
		if (probe_domain_of(i) != domain || probe_progs[i].role != ROLE_REQUIRED)
			continue;
		*ret_why = "";
		if (probe_is_idle(p, domain, probe_progs[i].group))
			return sees_part(p, domain, slot, ret_why);
		if (!group_is_attached(p, domain, probe_progs[i].group, ret_why))
			return false;
	}
	*ret_why = "";
	return true;
}

bool probes_sees_all(const struct probes *p, u32 slot, struct buf *ret_lack)
{
	int domain = domain_of_event(slot);
	const struct probe_extra *x = domain < 0 ? NULL : domains[domain]->parts, *last = NULL;
	const char *why, *last_why = "";

	ret_lack->len = 0;
	for (; x && x->group; x++) {
		why = "";
		if (x->slot != slot || group_is_attached(p, domain, x->group, &why) || !*why)
			continue;
		if (last && !strcmp(last->what, x->what) && !strcmp(last_why, why))
			continue;
		buf_printf(ret_lack, "%s%s: %s", last ? "; not " : "", x->what, why);
		last = x;
		last_why = why;
	}
	buf_putc(ret_lack, '\0');
	return !last;
}

bool probes_is_extra(u32 slot)
{
	return extra_group(domain_of_event(slot), slot) != NULL;
}
