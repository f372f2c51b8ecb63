// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/feed.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/devnum.h"
#include "base/str.h"
#include "cmd/select.h"
#include "schema/dfa.h"

/* ---- signals ---- */

static volatile sig_atomic_t nr_signals;

static void on_signal(int sig)
{
	if (nr_signals++) { /* the trace is readable as it lies */
		(void)signal(sig, SIG_DFL);
		(void)raise(sig);
	}
}

static void on_child(int sig)
{
	(void)sig; /* ends a sleep */
}

void feed_catch_signals(void)
{
	struct sigaction end = { .sa_handler = on_signal }, child = { .sa_handler = on_child };

	(void)sigaction(SIGINT, &end, NULL);
	(void)sigaction(SIGTERM, &end, NULL);
	(void)sigaction(SIGHUP, &end, NULL);
	(void)sigaction(SIGCHLD, &child, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

int feed_signals(void)
{
	return nr_signals;
}

static u64 clock_ns(clockid_t id)
{
	struct timespec t;

	(void)clock_gettime(id, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

u64 feed_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* ---- options become filters ---- */

static int add_devices(const struct filter_opts *f, struct sn_cfg *cfg, struct diag *d)
{
	struct devnum dev;
	int r;

	if (f->devices.nr > SN_MAX_DEVS)
		return diag_err(d, -E2BIG, "at most %d devices can be given", SN_MAX_DEVS);
	for (u32 i = 0; i < f->devices.nr; i++) {
		r = devnum_parse(f->devices.v[i], "/sys", &dev, d);
		if (r < 0)
			return r;
		cfg->devs[cfg->nr_devs++] = (struct sn_dev_range){
			.dev = dev.dev,
			.first_sector = MAX(dev.first_sector, f->sectors.from),
			.last_sector = MIN(dev.last_sector, f->sectors.to),
		};
		cfg->nr_fs_devs += devnum_parts(&dev, "/sys", cfg->fs_devs + cfg->nr_fs_devs,
						SN_MAX_FS_DEVS - cfg->nr_fs_devs);
	}
	cfg->first_sector = f->sectors.from;
	cfg->last_sector = f->sectors.to;
	return 0;
}

/* A number is one, whatever users are called. */
static int find_user(const char *word, size_t len, u32 *ret, struct diag *d)
{
	_cleanup_(freep) char *name = strndup(word, len);
	const struct passwd *user;
	u64 number;

	if (!name)
		return -ENOMEM;
	if (str_to_u64(word, len, &number) == 0 && number <= UINT32_MAX) {
		*ret = (u32)number;
		return 0;
	}
	user = getpwnam(name);
	if (!user)
		return diag_err(d, -EINVAL, "--uid: there is no user '%s'", name);
	*ret = user->pw_uid;
	return 0;
}

static int add_users(const struct filter_opts *f, struct sn_cfg *cfg, struct diag *d)
{
	const char *list, *item;
	size_t len;
	int r = 0;

	for (u32 i = 0; i < f->users.nr; i++) {
		list = f->users.v[i];
		while (!r && str_next_item(&list, &item, &len)) {
			if (cfg->nr_uids == SN_MAX_UIDS)
				return diag_err(d, -E2BIG, "at most %d users can be given",
						SN_MAX_UIDS);
			r = find_user(item, len, &cfg->uids[cfg->nr_uids++], d);
		}
	}
	return r;
}

static int check_tids(const struct filter_opts *f, struct diag *d)
{
	char path[64];
	struct stat st;

	for (u32 i = 0; i < f->tids.nr; i++) {
		(void)snprintf(path, sizeof(path), "/proc/%u", f->tids.v[i]);
		if (stat(path, &st))
			return diag_err(d, -ESRCH, "there is no thread %u", f->tids.v[i]);
	}
	return 0;
}

/* Events that a word of -e means by itself, not as part of a domain or a glob. */
static u64 named_events(const struct opt_strings *words)
{
	const char *item, *text;
	const struct sn_event *ev;
	u64 named = 0;
	size_t len;

	for (u32 i = 0; i < words->nr; i++) {
		for (text = words->v[i]; str_next_item(&text, &item, &len);) {
			ev = schema_by_name(item, len);
			if (ev)
				named |= 1ull << ev->slot;
		}
	}
	return named;
}

const enum caps_hooks feed_hooks[] = {
	[HOOKS_ANY] = CAPS_ALL_HOOKS,
	[HOOKS_FENTRY] = CAPS_FENTRY,
	[HOOKS_KPROBE] = CAPS_KPROBE,
	[HOOKS_TRACEPOINT] = 0,
};

static int make_opts(struct feed *l, const struct filter_opts *f, const struct run_opts *run,
		     struct capture_opts *o, struct sn_dfa *dfa, struct diag *d)
{
	struct stat st;
	int r;

	capture_opts_init(o);
	r = select_streams(&f->streams, false, &l->events, d);
	r = r < 0 ? r : select_ops(&f->ops, &o->cfg.calls, &o->cfg.blk_ops, d);
	r = r < 0 ? r : select_samples(&f->samples, o->cfg.sample, d);
	r = r < 0 ? r : filter_check(f, l->events, d);
	if (f->min_bytes > f->max_bytes)
		return diag_err(d, -EINVAL, "--min-size is larger than --max-size");
	r = r < 0 ? r : add_devices(f, &o->cfg, d);
	r = r < 0 ? r : add_users(f, &o->cfg, d);
	if (r < 0)
		return r;
	if (f->comm) {
		r = dfa_compile(&f->comm, 1, dfa, d);
		if (r < 0)
			return r;
		o->comm = dfa;
	}
	if (f->cgroups.nr > CAPTURE_MAX_CGROUPS)
		return diag_err(d, -E2BIG, "at most %d cgroups can be given", CAPTURE_MAX_CGROUPS);
	for (u32 i = 0; i < f->cgroups.nr; i++) {
		if (stat(f->cgroups.v[i], &st) || !S_ISDIR(st.st_mode))
			return diag_err(d, -ENOENT, "there is no cgroup %s", f->cgroups.v[i]);
		o->cgroups[o->nr_cgroups++] = f->cgroups.v[i];
	}
	memcpy(l->sample, o->cfg.sample, sizeof(l->sample));
	memcpy(l->uids, o->cfg.uids, sizeof(l->uids));
	l->nr_uids = o->cfg.nr_uids;
	l->named = named_events(&f->streams);
	o->cfg.events = l->events;
	o->cfg.min_latency_ns = f->min_latency_ns;
	o->cfg.min_bytes = f->min_bytes;
	o->cfg.max_bytes = f->max_bytes;
	o->cfg.errors_only = f->errors;
	o->cfg.pseudo_fs = f->pseudo_fs;
	o->cfg.follow = f->children != CHILDREN_NO;
	o->tids = f->tids.v;
	o->nr_tids = f->tids.nr;
	o->ring_bytes = (u32)run->ring_bytes;
	o->hooks = feed_hooks[run->hooks];
	return 0;
}

/* ---- life ---- */

void feed_init(struct feed *l)
{
	memset(l, 0, sizeof(*l));
	target_init(&l->target);
	caps_quiet_libbpf();
}

void feed_done(struct feed *l)
{
	target_end(&l->target, SIGKILL);
	capture_free(l->capture);
	enrich_free(l->enrich);
	target_done(&l->target);
}

int feed_open(struct feed *l, const struct filter_opts *f, const struct run_opts *run,
	      char **command, bool *ret_usage, struct diag *d)
{
	_cleanup_(freep) struct sn_dfa *dfa = calloc(1, sizeof(*dfa));
	_cleanup_(freep) u32 *pids = calloc(f->pids.nr + 1, sizeof(*pids));
	struct capture_opts o;
	int r;

	if (!dfa || !pids)
		return -ENOMEM;
	*ret_usage = true;
	r = make_opts(l, f, run, &o, dfa, d);
	if (r < 0)
		return r;
	*ret_usage = false;
	r = check_tids(f, d);
	r = r < 0 ? r : target_watch(&l->target, f->pids.v, f->pids.nr, d);
	if (r < 0)
		return r;
	l->enrich = enrich_new(&(struct enrich_opts){ .live = true, .max_name_bytes = 16 << 20 });
	if (!l->enrich)
		return -ENOMEM;
	memcpy(pids, f->pids.v, f->pids.nr * sizeof(*pids));
	o.pids = pids;
	o.nr_pids = f->pids.nr;
	if (command) {
		r = target_prepare(&l->target, command, d);
		if (r < 0)
			return r;
		o.kthreads = f->all || f->pids.nr;
		if (!f->all)
			pids[o.nr_pids++] = (u32)l->target.pid;
	}
	return capture_open(&o, &l->capture, d);
}

static int on_record(void *ctx, const struct sn_hdr *rec, size_t size)
{
	const struct sn_event *ev = schema_by_id(rec->id);
	struct feed *l = ctx;
	struct sn_names names;

	if (!ev)
		return 0;
	(void)enrich_learn(l->enrich, ev, rec, size); /* counts what it cannot learn from */
	if (rec->valid & SN_NAMES_ONLY || (!schema_is_core(ev) && !(l->events >> ev->slot & 1)))
		return 0;
	enrich_names(l->enrich, ev, rec, size, &names);
	l->rows[ev->slot]++;
	return l->fn(l->ctx, ev, rec, size, &names);
}

int feed_start(struct feed *l, feed_fn fn, void *ctx, struct diag *d)
{
	int r;

	l->fn = fn;
	l->ctx = ctx;
	l->started_ns = feed_now_ns();
	l->started_wall_ns = clock_ns(CLOCK_REALTIME);
	r = capture_start(l->capture, on_record, l, d);
	if (r < 0 || !l->target.pid)
		return r;
	r = target_go(&l->target, d);
	if (r < 0)
		l->exec_failed = -r;
	return r;
}

enum feed_end feed_step(struct feed *l, const struct run_opts *run, int *ret_err)
{
	u64 sleep_ns;
	s64 n = capture_drain(l->capture, &sleep_ns);

	*ret_err = n < 0 ? (int)n : 0;
	if (n < 0)
		return FEED_ERROR;
	if (nr_signals)
		return FEED_SIGNAL;
	if (run->duration_ns && feed_now_ns() - l->started_ns >= run->duration_ns)
		return FEED_DURATION;
	return target_wait(&l->target, sleep_ns) ? FEED_TARGET_ENDED : FEED_GOES_ON;
}

int feed_stop(struct feed *l)
{
	int r;

	target_end(&l->target, SIGTERM);
	r = capture_stop(l->capture);
	l->stopped_ns = feed_now_ns();
	l->stopped_wall_ns = clock_ns(CLOCK_REALTIME);
	return r;
}

u64 feed_lost(struct feed *l)
{
	struct probe_counts counts;
	u64 lost = 0;

	for (u32 i = 0; i < SN_NR_PROGS; i++) {
		probes_counts(capture_probes(l->capture), i, &counts);
		lost += counts.by_outcome[SN_OUT_lost_ring] + counts.by_outcome[SN_OUT_lost_map];
		lost += counts.missed;
	}
	return lost;
}

/* A domain may hold events that this kernel cannot show; one that was named must be seen. */
bool feed_saw_all(struct feed *l)
{
	const struct probes *p = capture_probes(l->capture);
	const char *why;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		if (l->events >> slot & 1 && !probes_sees(p, slot, &why) &&
		    (l->named >> slot & 1 || !probes_is_extra(slot)))
			return false;
	return true;
}
