// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/capture.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/buf.h"
#include "schema/schema.h"

#define DEFAULT_RING_BYTES (SN_RING_MIB << 20)
/*
 * What maps and programs take beside the rings of the cpus: in 5.10 1800 bytes for each entry
 * of the tables, and 6.0 MB. With some room.
 */
#define ENTRY_BYTES 1920u
#define OTHER_BYTES (8u << 20)

/* How long to wait for locked memory, and how often to look. */
#define HANDED_BACK_MS 10000u
#define LOOK_MS 20u

/*
 * A record is in its ring within microseconds of its time; the window leaves
 * room for a virtual cpu that is taken away in between.
 */
#define WINDOW_NS 2000000ull
/* How long to sleep between drains: idle, and when a ring fills. */
#define SLEEP_IDLE_NS 20000000ull
#define SLEEP_BUSY_NS 2000000ull
#define BUSY_FILL 20 /* parts of a thousand */

struct capture {
	struct caps caps;
	struct probes *probes;
	struct rings *rings;
	struct capture_opts opts;
	u32 nr_rings;
	int stats_fd; /* while it is open the kernel measures run times */
	bool kernel_counted;
	struct ring_sink to;
	/* The sum of losses that was told last: by cpu, event and cause. */
	u64 (*told)[SN_NR_EVENTS][SN_NR_KERNEL_CAUSES];
	u32 nr_cpus;
};

void capture_opts_init(struct capture_opts *opts)
{
	memset(opts, 0, sizeof(*opts));
	memset(&opts->cfg.calls, 0xff, sizeof(opts->cfg.calls));
	opts->cfg.blk_ops = ~0u;
	opts->cfg.max_bytes = ~0ull;
	opts->cfg.last_sector = ~0ull;
	opts->cfg.follow = 1;
	opts->cfg.self_pid = (u32)getpid();
	opts->ring_bytes = DEFAULT_RING_BYTES;
	opts->hooks = CAPS_ALL_HOOKS;
	opts->kthreads = true;
}

/* ---- filters ---- */

static int fill_set(struct probes *p, const char *map, const u32 *ids, u32 nr, struct diag *d)
{
	int fd = probes_map(p, map);
	u8 one = 1;

	for (u32 i = 0; i < nr; i++)
		if (bpf_map_update_elem(fd, &ids[i], &one, BPF_ANY))
			return diag_errno(d, -errno, "cannot filter on %u", ids[i]);
	return 0;
}

static int set_cgroups(struct probes *p, const struct capture_opts *opts, struct diag *d)
{
	int map = probes_map(p, "sn_cgroups");

	for (u32 i = 0; i < opts->nr_cgroups; i++) {
		_cleanup_(closep) int fd =
			open(opts->cgroups[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			return diag_errno(d, -errno, "cannot open the cgroup %s", opts->cgroups[i]);
		if (bpf_map_update_elem(map, &i, &fd, BPF_ANY))
			return diag_err(d, -errno, "%s is no cgroup of the version 2 hierarchy",
					opts->cgroups[i]);
	}
	return 0;
}

static int set_filters(struct probes *p, const struct capture_opts *opts, struct diag *d)
{
	u32 zero = 0;
	int r;

	r = fill_set(p, "sn_pids", opts->pids, opts->nr_pids, d);
	if (r < 0)
		return r;
	r = fill_set(p, "sn_tids", opts->tids, opts->nr_tids, d);
	if (r < 0)
		return r;
	if (opts->comm &&
	    bpf_map_update_elem(probes_map(p, "sn_comm_dfa"), &zero, opts->comm, BPF_ANY))
		return diag_errno(d, -errno, "cannot set the filter on names");
	return set_cgroups(p, opts, d);
}

static u32 filter_bits(const struct capture_opts *opts)
{
	return (opts->nr_pids ? SN_FILTER_PID : 0) | (opts->nr_tids ? SN_FILTER_TID : 0) |
	       (opts->comm ? SN_FILTER_COMM : 0) | (opts->cfg.nr_uids ? SN_FILTER_UID : 0) |
	       (opts->nr_cgroups ? SN_FILTER_CGROUP : 0);
}

/* ---- limits ---- */

/*
 * Descriptors needed: a ring a cpu, maps, programs and links, and what the trace has open; where faults are
 * counted on each cpu, two counters and their links.
 */
static int raise_fd_limit(u64 events, struct diag *d)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	rlim_t each = events >> SN_SLOT_fault_file & 1 ? 5 : 1;
	rlim_t need = 256 + each * (rlim_t)MAX(cpus, 1);
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return 0;
	if (lim.rlim_max < need)
		return diag_err(d, -EMFILE,
				"%llu file descriptors are needed, and the hard limit is %llu",
				(unsigned long long)need, (unsigned long long)lim.rlim_max);
	if (lim.rlim_cur < lim.rlim_max) {
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
	return 0;
}

/* ---- life ---- */

static int map_rings(struct capture *c, struct diag *d)
{
	u32 bytes;
	int fd, r;

	r = rings_new(&c->rings);
	if (r < 0)
		return r;
	fd = probes_prio_ring(c->probes, &bytes);
	r = rings_add(c->rings, fd, bytes, d);
	for (c->nr_rings = 0; r >= 0; c->nr_rings++) {
		fd = probes_ring(c->probes, c->nr_rings, &bytes);
		if (fd < 0)
			break;
		r = rings_add(c->rings, fd, bytes, d);
	}
	return r;
}

/*
 * Loading reads the kernel's types several times: of 35 MiB that this took, less than one
 * is still in use, but malloc() keeps a third. Later on it is rows that come and go in blocks
 * of megabytes, which go back to the system as long as its threshold does not grow.
 */
static void return_memory(struct capture *c)
{
	caps_done(&c->caps);
#ifdef __GLIBC__
	(void)mallopt(M_MMAP_THRESHOLD, 128 << 10);
	(void)malloc_trim(0);
#endif
}

static u64 map_bytes(const struct capture_opts *opts)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return OTHER_BYTES + (u64)MAX(cpus, 1) * opts->ring_bytes +
	       (u64)(opts->table_entries ?: SN_TABLE_ENTRIES) * ENTRY_BYTES;
}

int capture_ask(const struct capture_opts *opts, struct caps *ret, struct diag *d)
{
	int r = raise_fd_limit(opts->cfg.events, d);

	r = r < 0 ? r : caps_check_namespace(d);
	r = r < 0 ? r : caps_check_privileges(d);
	r = r < 0 ? r : caps_check_locked_memory(map_bytes(opts), d);
	return r < 0 ? r : caps_ask(ret, d);
}

static int ask_and_load(struct capture *c, struct probes_opts *opts, struct diag *d)
{
	int r = capture_ask(&c->opts, &c->caps, d);

	if (r < 0)
		return r;
	caps_choose(&c->caps, c->opts.hooks);
	r = probes_load(&c->caps, opts, &c->probes, d);
	if (r < 0)
		caps_done(&c->caps);
	return r;
}

/* What a recording that has just ended had as locked memory is handed back a little later. */
static int load(struct capture *c, struct probes_opts *opts, struct diag *d)
{
	struct diag why;
	int r;

	for (u32 ms = 0;; ms += LOOK_MS) {
		why = (struct diag){};
		r = ask_and_load(c, opts, &why);
		if (r != -EPERM || !caps_locked_memory_is_held(map_bytes(&c->opts)))
			break;
		if (ms >= HANDED_BACK_MS) {
			(void)diag_hint(&why, r,
					"others of this user hold locked memory: raise the limit "
					"(ulimit -l unlimited), or grant cap_sys_resource too");
			break;
		}
		(void)usleep(LOOK_MS * 1000);
	}
	if (r < 0)
		*d = why;
	return r;
}

int capture_open(const struct capture_opts *given, struct capture **ret, struct diag *d)
{
	_cleanup_(capture_freep) struct capture *c = calloc(1, sizeof(*c));
	struct probes_opts opts;
	u32 page = (u32)sysconf(_SC_PAGESIZE);
	int r;

	if (!c)
		return -ENOMEM;
	c->stats_fd = -1;
	c->opts = *given;
	c->opts.ring_bytes = c->opts.ring_bytes ?: DEFAULT_RING_BYTES;
	if (c->opts.ring_bytes < page || c->opts.ring_bytes & (c->opts.ring_bytes - 1))
		return diag_err(d, -EINVAL,
				"a ring's size must be a power of two of at least %u bytes", page);
	c->opts.cfg.filters = filter_bits(&c->opts);
	c->opts.cfg.nr_cgroups = c->opts.nr_cgroups;
	opts = (struct probes_opts){
		.cfg = c->opts.cfg,
		.ring_bytes = c->opts.ring_bytes,
		.table_entries = c->opts.table_entries,
		.kthreads = c->opts.kthreads,
	};
	r = load(c, &opts, d);
	if (r < 0)
		return r;
	r = set_filters(c->probes, &c->opts, d);
	if (r < 0)
		return r;
	return_memory(c);
	r = map_rings(c, d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}

/* ---- the snapshot of threads ---- */

struct snapshot {
	ring_fn fn;
	void *ctx;
	struct buf buf; /* a record cut between two chunks */
};

/* What the iterator hands out: struct sn_tasks with a comm of 16 bytes behind it. */
#define SNAPSHOT_RECORD (sizeof(struct sn_tasks) + 16)

static size_t read_cmdline(u32 pid, char *to, size_t size)
{
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	n = read(fd, to, size);
	return n > 0 ? (size_t)n : 0;
}

static int hand_task(struct snapshot *s, const char *from)
{
	struct {
		struct sn_tasks rec;
		char comm[16];
		char args[1024];
	} t;
	size_t n = 0;

	memcpy(&t, from, SNAPSHOT_RECORD);
	if (!t.rec.kthread && t.rec.hdr.pid == t.rec.hdr.tid)
		n = read_cmdline(t.rec.hdr.pid, t.args, sizeof(t.args));
	t.rec.args.off = (u16)SNAPSHOT_RECORD;
	t.rec.args.len = (u16)n;
	return s->fn(s->ctx, &t.rec.hdr, SNAPSHOT_RECORD + n);
}

static int take_tasks(void *ctx, const void *data, size_t size)
{
	struct snapshot *s = ctx;
	size_t at = 0;
	int r = 0;

	buf_put(&s->buf, data, size);
	if (s->buf.failed)
		return -ENOMEM;
	for (; !r && s->buf.len - at >= SNAPSHOT_RECORD; at += SNAPSHOT_RECORD)
		r = hand_task(s, s->buf.data + at);
	memmove(s->buf.data, s->buf.data + at, s->buf.len - at);
	s->buf.len -= at;
	return r;
}

static bool kernel_counts_runs(void)
{
	_cleanup_(closep) int fd = open("/proc/sys/kernel/bpf_stats_enabled", O_RDONLY | O_CLOEXEC);
	char on = '0';

	return fd >= 0 && read(fd, &on, 1) == 1 && on == '1';
}

bool capture_kernel_counted(const struct capture *c)
{
	return c->kernel_counted;
}

int capture_start(struct capture *c, const struct ring_sink *to, struct diag *d)
{
	struct snapshot s = { .fn = to->fn, .ctx = to->ctx };
	const struct sn_percpu *cpus;
	int r;

	c->to = *to;
	c->nr_cpus = probes_cpus(c->probes, &cpus);
	c->kernel_counted = kernel_counts_runs();
	c->told = calloc(c->nr_cpus, sizeof(*c->told));
	if (!c->told)
		return -ENOMEM;
	r = probes_attach(c->probes, d);
	if (r < 0)
		return r;
	/* attached first: a thread that is made meanwhile is seen by one or both, never by none */
	r = probes_iterate(c->probes, SN_P_proc_snapshot, take_tasks, &s, d);
	buf_done(&s.buf);
	return r;
}

/* ---- records ---- */

/* The kernel tells sums: what one adds to the last is the hole. */
static int hand_hole(struct capture *c, const struct sn_lost *sum)
{
	const struct sn_event *ev = schema_by_id((u16)sum->of);
	struct sn_lost lost = *sum;
	u64 *told;

	if (!ev || lost.hdr.cpu >= c->nr_cpus || lost.cause >= SN_NR_KERNEL_CAUSES)
		return 0;
	told = &c->told[lost.hdr.cpu][ev->slot][lost.cause];
	if (lost.nr <= *told)
		return 0;
	lost.nr -= *told;
	*told = sum->nr;
	return c->to.fn(c->to.ctx, &lost.hdr, sizeof(lost));
}

static int hand_record(void *ctx, const struct sn_hdr *rec, size_t size)
{
	struct capture *c = ctx;

	if (rec->id == SN_EV_lost && size >= sizeof(struct sn_lost))
		return hand_hole(c, (const struct sn_lost *)rec);
	return c->to.fn(c->to.ctx, rec, size);
}

static bool is_crowded(void *ctx)
{
	struct capture *c = ctx;

	return c->to.is_crowded && c->to.is_crowded(c->to.ctx);
}

static s64 drain(struct capture *c, u64 window_ns)
{
	return rings_drain(c->rings, window_ns, &(struct ring_sink){ hand_record, is_crowded, c });
}

/* Waits for as long as it takes: nothing is added any more. */
static int drain_rest(struct capture *c)
{
	s64 r = drain(c, 0);

	while (r >= 0 && rings_wait(c->rings)) {
		(void)nanosleep(&(struct timespec){ .tv_nsec = SLEEP_BUSY_NS }, NULL);
		r = drain(c, 0);
	}
	return r < 0 ? (int)r : 0;
}

s64 capture_drain(struct capture *c, u64 *ret_sleep_ns)
{
	s64 nr = drain(c, WINDOW_NS);

	*ret_sleep_ns = rings_fill(c->rings) >= BUSY_FILL ? SLEEP_BUSY_NS : SLEEP_IDLE_NS;
	return nr;
}

static int tell_last_holes_of(struct capture *c, const struct sn_percpu *counts, u32 cpu, u32 slot)
{
	int r = 0;

	for (u32 cause = 0; cause < SN_NR_KERNEL_CAUSES && !r; cause++) {
		const struct sn_hole *h = &counts->holes[slot][cause];
		struct sn_lost sum = {
			.hdr = { .ts = h->last_ns, .id = SN_EV_lost, .cpu = (u16)cpu },
			.first_ns = h->first_ns,
			.last_ns = h->last_ns,
			.nr = h->nr,
			.of = schema_event(slot)->id,
			.cause = cause,
		};

		r = hand_hole(c, &sum);
	}
	return r;
}

/* Holes that no later record told are told by us. */
static int tell_last_holes(struct capture *c)
{
	const struct sn_percpu *cpus;
	u32 nr = probes_cpus(c->probes, &cpus);
	int r = 0;

	for (u32 cpu = 0; cpu < nr; cpu++)
		for (u32 slot = 0; slot < SN_NR_EVENTS && !r; slot++)
			r = tell_last_holes_of(c, &cpus[cpu], cpu, slot);
	return r;
}

int capture_stop(struct capture *c)
{
	int r;

	c->kernel_counted = c->kernel_counted && kernel_counts_runs();
	probes_detach(c->probes);
	r = drain_rest(c);
	return r < 0 ? r : tell_last_holes(c);
}

void capture_free(struct capture *c)
{
	if (!c)
		return;
	closep(&c->stats_fd);
	free(c->told);
	rings_free(c->rings);
	probes_free(c->probes);
	caps_done(&c->caps);
	free(c);
}

struct probes *capture_probes(struct capture *c)
{
	return c->probes;
}

const struct caps *capture_caps(const struct capture *c)
{
	return &c->caps;
}

const struct rings_stats *capture_ring_stats(const struct capture *c)
{
	return rings_stats(c->rings);
}

u32 capture_ring_bytes(const struct capture *c)
{
	return c->opts.ring_bytes;
}

u32 capture_nr_rings(const struct capture *c)
{
	return c->nr_rings;
}

void capture_time_programs(struct capture *c, bool on)
{
	if (on && c->stats_fd < 0)
		c->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (!on) {
		closep(&c->stats_fd);
		c->stats_fd = -1;
	}
}
