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
#include "base/log.h"
#include "base/str.h"
#include "cmd/select.h"
#include "schema/dfa.h"

/* How long a command that is asked to end may take for it, and when it is said that it takes long. */
#define PATIENCE_NS 10000000000ull
#define SAY_WAITING_NS 1000000000ull
/* After an error, when nothing is handed out. */
#define WAIT_STEP_NS 20000000ull

/* ---- signals ---- */

static volatile sig_atomic_t nr_signals;
/* So many of them end things in order: the recording, then a command that does not end by itself. */
static volatile sig_atomic_t max_signals = 1;
static char last_words[128];
static size_t last_words_len;

static void on_signal(int sig)
{
	if (nr_signals++ < max_signals)
		return;
	if (write(STDERR_FILENO, last_words, last_words_len) < 0)
		nr_signals++; /* nobody hears it */
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
}

static void on_child(int sig)
{
	(void)sig; /* ends a sleep */
}

void feed_catch_signals(const struct feed *l)
{
	struct sigaction end = { .sa_handler = on_signal }, child = { .sa_handler = on_child };
	struct sigaction hup;

	last_words_len = (size_t)snprintf(
		last_words, sizeof(last_words),
		"sonde %s: ended at once by one more signal: what was written stays, no more\n",
		l->name);
	(void)sigaction(SIGINT, &end, NULL);
	(void)sigaction(SIGTERM, &end, NULL);
	/* nohup(1) has it ignored */
	if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN)
		(void)sigaction(SIGHUP, &end, NULL);
	(void)sigaction(SIGCHLD, &child, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
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

/* A disk or partition, and what files may lie on: itself and its partitions. */
static int add_device(const struct filter_opts *f, const char *word, struct sn_cfg *cfg,
		      struct diag *d)
{
	struct sn_dev_range *range = &cfg->devs[cfg->nr_devs];
	u32 parts[SN_MAX_FS_DEVS + 1], nr;
	struct devnum dev;
	int r;

	r = devnum_parse(word, "/sys", &dev, d);
	if (r < 0)
		return r;
	*range = (struct sn_dev_range){
		.dev = dev.dev,
		.first_sector = MAX(dev.first_sector, f->sectors.from),
		.last_sector = MIN(dev.last_sector, f->sectors.to),
	};
	if (range->first_sector > range->last_sector)
		return diag_err(d, -EINVAL, "--sectors: none of these is one of %s (%llu-%llu)",
				word, (unsigned long long)dev.first_sector,
				(unsigned long long)dev.last_sector);
	cfg->nr_devs++;
	nr = devnum_parts(&dev, "/sys", parts, ARRAY_SIZE(parts));
	if (nr > SN_MAX_FS_DEVS - cfg->nr_fs_devs)
		return diag_err(d, -E2BIG,
				"--device: more than %d disks and partitions: give partitions",
				SN_MAX_FS_DEVS);
	memcpy(cfg->fs_devs + cfg->nr_fs_devs, parts, nr * sizeof(*parts));
	cfg->nr_fs_devs += nr;
	return 0;
}

static int add_devices(const struct filter_opts *f, struct sn_cfg *cfg, struct diag *d)
{
	int r = 0;

	if (f->devices.nr > SN_MAX_DEVS)
		return diag_err(d, -E2BIG, "at most %d devices can be given", SN_MAX_DEVS);
	for (u32 i = 0; r >= 0 && i < f->devices.nr; i++)
		r = add_device(f, f->devices.v[i], cfg, d);
	if (r < 0)
		return r;
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
	struct op_set ops;
	struct stat st;
	int r;

	capture_opts_init(o);
	r = select_streams(&f->streams, false, &l->events, d);
	if (!f->streams.nr)
		l->events = select_default();
	r = r < 0 ? r : select_ops(&f->ops, &ops, d);
	r = r < 0 ? r : filter_samples(f, o->cfg.sample, d);
	r = r < 0 ? r : filter_check(f, &l->events, d);
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		if (!(filter_sampled() >> slot & 1))
			o->cfg.sample[slot] = 0;
	if (r >= 0) {
		o->cfg.calls = ops.calls;
		o->cfg.blk_ops = ops.blk_ops;
	}
	if (f->min_bytes > f->max_bytes)
		return diag_err(d, -EINVAL, "--min-size is larger than --max-size");
	r = r < 0 ? r : add_devices(f, &o->cfg, d);
	r = r < 0 ? r : add_users(f, &o->cfg, d);
	if (r < 0)
		return r;
	if (f->comm) {
		r = dfa_compile(&f->comm, 1, dfa, d);
		if (r < 0)
			return r == -ENOMEM ? r : diag_context(d, r, "--comm");
		o->comm = dfa;
	}
	if (f->cgroups.nr > CAPTURE_MAX_CGROUPS)
		return diag_err(d, -E2BIG, "at most %d cgroups can be given", CAPTURE_MAX_CGROUPS);
	for (u32 i = 0; i < f->cgroups.nr; i++) {
		if (stat(f->cgroups.v[i], &st) || !S_ISDIR(st.st_mode))
			return diag_err(d, -ENOENT, "--cgroup: there is no cgroup '%s'",
					f->cgroups.v[i]);
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
	o->table_entries = (u32)run->table_size;
	o->hooks = feed_hooks[run->hooks];
	return 0;
}

/* ---- life ---- */

void feed_init(struct feed *l, const char *name)
{
	memset(l, 0, sizeof(*l));
	l->name = name;
	target_init(&l->target);
	caps_quiet_libbpf();
}

void feed_done(struct feed *l)
{
	if (target_runs(&l->target))
		target_signal(&l->target, SIGKILL);
	capture_free(l->capture);
	enrich_free(l->enrich);
	target_done(&l->target);
}

/* Options that say nothing beside one another. */
static int check_together(const struct filter_opts *f, const struct run_opts *run,
			  char *const *command, struct diag *d)
{
	if (f->all && (f->pids.nr || f->tids.nr))
		return diag_err(d, -EINVAL, "--all is the whole machine: --%s is less",
				f->pids.nr ? "pid" : "tid");
	if (run->wait && !command)
		return diag_err(d, -EINVAL, "--wait: there is no command to wait for");
	return 0;
}

int feed_open(struct feed *l, const struct filter_opts *f, const struct run_opts *run,
	      char **command, int out, bool *ret_usage, struct diag *d)
{
	_cleanup_(freep) struct sn_dfa *dfa = calloc(1, sizeof(*dfa));
	_cleanup_(freep) u32 *pids = calloc(f->pids.nr + 1, sizeof(*pids));
	struct capture_opts o;
	int r;

	if (!dfa || !pids)
		return -ENOMEM;
	*ret_usage = true;
	r = check_together(f, run, command, d);
	r = r < 0 ? r : make_opts(l, f, run, &o, dfa, d);
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
	for (u32 i = 0; i < f->pids.nr; i++)
		pids[i] = f->pids.v[i];
	o.pids = pids;
	o.nr_pids = f->pids.nr;
	if (command) {
		l->target.waits_for_all = run->wait;
		r = target_prepare(&l->target, command, out, d);
		if (r < 0)
			return r;
		o.kthreads = f->all || f->pids.nr;
		if (!f->all)
			pids[o.nr_pids++] = (u32)l->target.pid;
	}
	return capture_open(&o, &l->capture, d);
}

static void count_hole(struct feed *l, const struct sn_lost *hole)
{
	const struct sn_event *of = schema_by_id((u16)hole->of);

	if (of)
		l->lost[of->slot][hole->cause < SN_NR_CAUSES ? hole->cause : SN_CAUSE_unknown] +=
			hole->nr;
}

static int on_record(void *ctx, const struct sn_hdr *rec, size_t size)
{
	const struct sn_event *ev = schema_by_id(rec->id);
	struct feed *l = ctx;
	struct sn_names names;

	if (!ev)
		return 0;
	if (ev->id == SN_EV_lost)
		count_hole(l, (const struct sn_lost *)rec);
	(void)enrich_learn(l->enrich, ev, rec, size); /* counts what it cannot learn from */
	if (rec->valid & SN_NAMES_ONLY || (!schema_is_core(ev) && !(l->events >> ev->slot & 1)))
		return 0;
	enrich_names(l->enrich, ev, rec, size, &names);
	return l->fn(l->ctx, ev, rec, size, &names);
}

/* For -v. */
static void say_attached(struct feed *l)
{
	for (u32 i = 0; i < SN_NR_PROGS; i++)
		if (probes_outcome(capture_probes(l->capture), i)->state == PROBE_ATTACHED)
			log_info("%s is attached to %s", probe_progs[i].name,
				 probe_progs[i].target);
	log_info("%u rings of %u KiB", capture_nr_rings(l->capture),
		 capture_ring_bytes(l->capture) / 1024);
}

static bool is_crowded(void *ctx)
{
	struct feed *l = ctx;

	return l->is_crowded && l->is_crowded(l->ctx);
}

int feed_start(struct feed *l, feed_fn fn, ring_crowded_fn crowded, void *ctx, struct diag *d)
{
	int r;

	l->fn = fn;
	l->is_crowded = crowded;
	l->ctx = ctx;
	l->started_ns = feed_now_ns();
	l->started_wall_ns = clock_ns(CLOCK_REALTIME);
	r = capture_start(l->capture, &(struct ring_sink){ on_record, is_crowded, l }, d);
	l->attached_ns = feed_now_ns();
	if (r >= 0)
		say_attached(l);
	return r;
}

/* ---- what cannot be seen ---- */

static u64 unseen(const struct feed *l)
{
	const char *why;
	u64 events = 0;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		if (l->events >> slot & 1 && !probes_sees(capture_probes(l->capture), slot, &why))
			events |= 1ull << slot;
	return events;
}

/* A domain may hold events that this kernel cannot show; one that was named must be seen. */
static u64 unseen_and_needed(const struct feed *l)
{
	u64 events = unseen(l);

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		if (!(l->named >> slot & 1) && probes_is_extra(slot))
			events &= ~(1ull << slot);
	return events;
}

/* Takes out of *events the first and those that are not seen for the same reason: which, and why. */
static void put_reason(struct buf *b, const struct feed *l, const char *between, u64 *events)
{
	const char *first = NULL, *why;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		if (!(*events >> slot & 1))
			continue;
		(void)probes_sees(capture_probes(l->capture), slot, &why);
		if (first && strcmp(first, why))
			continue;
		buf_printf(b, "%s%s", first ? ", " : "", schema_event(slot)->name);
		first = why;
		*events &= ~(1ull << slot);
	}
	buf_printf(b, "%s: %s", between, first);
}

int feed_check_seen(struct feed *l, bool brief, struct diag *d)
{
	u64 events = unseen(l);
	_cleanup_(buf_done) struct buf b = {};

	if (events == l->events) {
		while (events) {
			buf_puts(&b, b.len ? "; " : "");
			put_reason(&b, l, "", &events);
		}
		buf_putc(&b, '\0');
		return diag_err(d, -ENOTSUP, "nothing that was asked for can be observed: %s",
				b.failed ? "" : b.data);
	}
	if (brief)
		events = unseen_and_needed(l);
	while (events) {
		b.len = 0;
		put_reason(&b, l, " cannot be observed", &events);
		buf_putc(&b, '\0');
		if (!b.failed)
			cmd_warn(l->name, "%s", b.data);
	}
	return 0;
}

/* ---- the way of a recording ---- */

/* "500 ms" as two words: the second is taken for the command. */
static bool is_unit(const char *word)
{
	char text[8];
	u64 ns;
	int n = snprintf(text, sizeof(text), "1%s", word);

	return n > 1 && n < (int)sizeof(text) && str_to_duration(text, (size_t)n, 0, &ns) == 0;
}

int feed_go(struct feed *l, const struct run_opts *run, struct diag *d)
{
	int r;

	if (!l->target.pid)
		return 0;
	max_signals = 2;
	r = target_go(&l->target, d);
	if (r < 0)
		l->exec_failed = -r;
	if (r == -ENOENT && run->duration_ns && is_unit(l->target.argv[0]))
		(void)diag_hint(d, r, "a time is one word: -d 500ms");
	return r;
}

static enum feed_end why_end(const struct feed *l, const struct run_opts *run)
{
	if (nr_signals)
		return FEED_SIGNAL;
	if (run->duration_ns && feed_now_ns() - l->attached_ns >= run->duration_ns)
		return FEED_DURATION;
	if (l->target.has_ended && !target_runs(&l->target))
		return FEED_TARGET_ENDED;
	return FEED_GOES_ON;
}

void feed_wipe_progress(const struct feed *l)
{
	if (l->shows_progress)
		fprintf(stderr, "\r\033[K");
}

/* Asks the command and what it started to end; later, or at one more signal, makes them. */
static void end_command(struct feed *l)
{
	u64 now = feed_now_ns(), waited = l->ending_ns ? now - l->ending_ns : 0;
	bool is_hurried = l->ending_ns && nr_signals > l->nr_signals_before;

	if (!l->ending_ns) {
		l->ending_ns = now;
		l->nr_signals_before = nr_signals;
		max_signals = nr_signals + 1;
		target_signal(&l->target, SIGTERM);
	} else if (!l->is_killed && (is_hurried || waited >= PATIENCE_NS)) {
		l->is_killed = true;
		feed_wipe_progress(l);
		cmd_warn(l->name, "the command is killed: it did not end within %.1f s",
			 (double)waited / 1e9);
		target_signal(&l->target, SIGKILL);
	} else if (!l->said_waiting && waited >= SAY_WAITING_NS) {
		l->said_waiting = true;
		feed_wipe_progress(l);
		cmd_warn(
			l->name,
			"waiting for the command to end; it is killed after %llu s, or at a signal",
			PATIENCE_NS / 1000000000u);
	}
}

static void debug_rings(struct feed *l, u64 now)
{
	const struct rings_stats *st = capture_ring_stats(l->capture);

	if (!log_is_on(LOG_ring) || now < l->next_debug_ns)
		return;
	l->next_debug_ns = now + 1000000000u;
	log_debug(ring, "%llu records, %llu late; the fullest ring held %llu of %u bytes",
		  (unsigned long long)st->records, (unsigned long long)st->late,
		  (unsigned long long)st->max_fill_bytes, capture_ring_bytes(l->capture));
}

enum feed_end feed_step(struct feed *l, const struct run_opts *run, int *ret_err)
{
	u64 sleep_ns;
	s64 n = capture_drain(l->capture, &sleep_ns);

	*ret_err = n < 0 ? (int)n : 0;
	if (n < 0)
		return FEED_ERROR;
	debug_rings(l, feed_now_ns());
	if (l->end == FEED_GOES_ON)
		l->end = why_end(l, run);
	if (l->end != FEED_GOES_ON) {
		if (!target_runs(&l->target))
			return l->end;
		end_command(l);
	}
	(void)target_wait(&l->target, sleep_ns);
	return FEED_GOES_ON;
}

int feed_stop(struct feed *l)
{
	int r;

	while (target_runs(&l->target)) {
		end_command(l);
		(void)target_wait(&l->target, WAIT_STEP_NS);
	}
	max_signals = MAX(1, nr_signals); /* what is left to do is done soon */
	r = capture_stop(l->capture);
	l->stopped_ns = feed_now_ns();
	l->stopped_wall_ns = clock_ns(CLOCK_REALTIME);
	return r;
}

void feed_say_left(const struct feed *l)
{
	_cleanup_(buf_done) struct buf names = {};
	u32 nr = l->target.has_left ? target_left(&l->target, &names) : 0;

	buf_putc(&names, '\0');
	if (nr && !names.failed)
		cmd_warn(l->name, "the command left running what is not recorded any more: %s%s",
			 names.data, l->end == FEED_TARGET_ENDED ? " (--wait waits for it)" : "");
}

/* ---- what was lost, and what a recording ends with ---- */

void feed_losses(struct feed *l, struct feed_losses *ret)
{
	struct probe_counts counts;

	*ret = (struct feed_losses){};
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		for (u32 i = 0; i < SN_NR_CAUSES; i++)
			ret->records[i] += l->lost[slot][i];
		if (schema_is_core(schema_event(slot)) || !(l->events >> slot & 1))
			ret->names += l->lost[slot][SN_CAUSE_ring];
	}
	for (u32 i = 0; i < SN_NR_PROGS; i++) {
		probes_counts(capture_probes(l->capture), i, &counts);
		ret->skipped += counts.missed;
	}
}

u64 feed_nr_lost(const struct feed_losses *lost)
{
	u64 nr = 0;

	for (u32 i = 0; i < SN_NR_CAUSES; i++)
		nr += lost->records[i];
	return nr;
}

void feed_put_losses(struct buf *b, const struct feed_losses *lost)
{
	static const char *const words[SN_NR_CAUSES] = {
		[SN_CAUSE_unknown] = "for a reason unknown",
		[SN_CAUSE_ring] = "to full rings (--ring-size)",
		[SN_CAUSE_map] = "to full tables (--table-size)",
		[SN_CAUSE_missed] = "whose end never came",
		[SN_CAUSE_writer] = "to a slow disk",
		[SN_CAUSE_disk_full] = "to a full disk",
		[SN_CAUSE_read_only] = "to a disk that became read-only",
		[SN_CAUSE_write_error] = "to a trace that could not be written",
	};
	u64 all = feed_nr_lost(lost) - lost->names, nr;
	const char *between = ": ";

	if (all || !lost->names)
		buf_printf(b, "%llu rows", (unsigned long long)all);
	for (u32 i = 0; i < SN_NR_CAUSES; i++) {
		nr = lost->records[i] - (i == SN_CAUSE_ring ? lost->names : 0);
		if (!nr)
			continue;
		if (nr == all)
			buf_printf(b, " %s", words[i]);
		else
			buf_printf(b, "%s%llu %s", between, (unsigned long long)nr, words[i]);
		between = ", ";
	}
	if (lost->names)
		buf_printf(b,
			   "%s%llu names of files and processes to the full ring that these have",
			   all ? "; " : "", (unsigned long long)lost->names);
	if (lost->skipped)
		buf_printf(b, "; %llu runs of programs skipped by the kernel",
			   (unsigned long long)lost->skipped);
}

void feed_warn_losses(const struct feed *l, const struct feed_losses *lost)
{
	_cleanup_(buf_done) struct buf b = {};

	if (!feed_nr_lost(lost) && !lost->skipped)
		return;
	feed_put_losses(&b, lost);
	buf_putc(&b, '\0');
	if (!b.failed)
		cmd_warn(l->name, "LOST: %s", b.data);
}

int feed_exit_status(const struct feed *l, const struct run_opts *run,
		     const struct feed_losses *lost)
{
	if (run->strict && (feed_nr_lost(lost) || lost->skipped || unseen(l)))
		return EXIT_PARTIAL;
	if (l->target.pid)
		return target_exit_status(&l->target);
	return unseen_and_needed(l) ? EXIT_PARTIAL : EXIT_DONE;
}

int feed_fail(const struct feed *l, int err, const struct diag *d)
{
	(void)cmd_fail(l->name, err, d);
	if (l->exec_failed)
		return l->exec_failed == ENOENT ? 127 : 126;
	return EXIT_FAILED;
}
