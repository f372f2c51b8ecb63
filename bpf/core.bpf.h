/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The slow part of the core, which every domain's object contains: what is said
 * once per thread, per hole and per file. Included by sonde.bpf.h only. (It is no
 * object of its own: the linker of bpftool 7.1 takes a kernel function from one
 * object only.)
 */
#ifndef SONDE_CORE_BPF_H
#define SONDE_CORE_BPF_H

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Control groups that are wanted with all below them. */
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 8);
	__type(key, u32);
	__type(value, u32);
} sn_cgroups SEC(".maps");

/*
 * Inodes whose names were told, and what the names were made of then. A table of
 * sets that are written in place: a hash table's insertion costs more than all
 * else that is done for a new name. Two cpus may write one entry at once; the
 * seal shows it, and the name is told once more.
 */
#define TOLD_WAYS 4
#define TOLD_SETS_LOG2 14
struct sn_told {
	u64 key;   /* sn_name_key(); never 0 */
	u64 fresh; /* the epoch and the way in when it was last compared */
	u64 chain; /* hash over the names up to the root; never 0 */
	u64 seal;  /* over the others */
};
struct sn_told_set {
	struct sn_told ways[TOLD_WAYS];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << TOLD_SETS_LOG2);
	__type(key, u32);
	__type(value, struct sn_told_set);
} sn_told SEC(".maps");

/* ---- threads ---- */

/* What is large is made of this and filled in its place: the stack has no room for it. */
const volatile u64 sn_zeros[sizeof(struct sn_task) / 8] SEC(".rodata.sn_zeros") = {};

static __noinline struct sn_task *sn_task_new(struct task_struct *task)
{
	struct sn_task *st;
	u32 tid;

	if (sn_cfg.task_storage) {
		st = bpf_task_storage_get(&sn_tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	} else {
		tid = BPF_CORE_READ(task, pid);
		bpf_map_update_elem(&sn_tasks_hash, &tid, (void *)sn_zeros, BPF_NOEXIST);
		st = bpf_map_lookup_elem(&sn_tasks_hash, &tid);
	}
	sn_meet_cgroup(st, task);
	return st;
}

static __always_inline bool sn_uid_refused(u32 uid)
{
	bool found = !(sn_cfg.filters & SN_FILTER_UID);

	for (u32 i = 0; i < SN_MAX_UIDS && i < sn_cfg.nr_uids; i++)
		found |= sn_cfg.uids[i] == uid;
	return !found;
}

static __noinline int sn_current_refused(void)
{
	if (sn_uid_refused((u32)bpf_get_current_uid_gid()))
		return 1;
	if (!(sn_cfg.filters & SN_FILTER_CGROUP))
		return 0;
	for (u32 i = 0; i < 8 && i < sn_cfg.nr_cgroups; i++)
		if (bpf_current_task_under_cgroup(&sn_cgroups, i) == 1)
			return 0;
	return 1;
}

/* ---- losses ---- */

static __noinline int sn_lose(u32 slot, u32 cause)
{
	struct sn_percpu *cpu = sn_this_cpu();
	u64 now = bpf_ktime_get_ns();
	struct sn_hole *hole;

	if (!cpu || slot >= SN_NR_EVENTS || cause >= SN_NR_KERNEL_CAUSES)
		return 0;
	hole = &cpu->holes[slot][cause];
	if (hole->nr == hole->told)
		hole->first_ns = now;
	hole->last_ns = now;
	__sync_fetch_and_add(&hole->nr, 1);
	__sync_fetch_and_add(&cpu->nr_lost[slot], 1);
	return 0;
}

/* The record's nr is the sum up to now: user space tells what it adds to the last one. */
static __always_inline void tell_one(struct sn_hole *hole, u32 of, u32 cause)
{
	struct sn_lost *lost;

	if (hole->nr == hole->told)
		return;
	lost = bpf_ringbuf_reserve(&sn_prio, sizeof(*lost), 0);
	if (!lost)
		return; /* the next record tries again */
	__builtin_memset(lost, 0, sizeof(*lost));
	lost->hdr.id = SN_EV_lost;
	lost->hdr.cpu = (u16)bpf_get_smp_processor_id();
	lost->hdr.ts = bpf_ktime_get_ns();
	lost->first_ns = hole->first_ns;
	lost->last_ns = hole->last_ns;
	lost->nr = hole->nr;
	lost->of = of;
	lost->cause = cause;
	hole->told = lost->nr;
	sn_submit(lost);
}

static __noinline int sn_tell_hole(u32 slot)
{
	struct sn_percpu *cpu = sn_this_cpu();
	u32 of = sn_event_id(slot);
	u64 told = 0;

	if (!cpu || slot >= SN_NR_EVENTS)
		return 0;
	for (u32 cause = 0; cause < SN_NR_KERNEL_CAUSES; cause++) {
		tell_one(&cpu->holes[slot][cause], of, cause);
		told += cpu->holes[slot][cause].told;
	}
	cpu->nr_told[slot] = told;
	return 0;
}

/* ---- names ---- */

#define MAX_STEPS 64 /* components and mount points together */
#define ROOM_SMALL 256
#define ROOM_LARGE 4096

/* What a step up from a file to the root came to. */
enum step {
	STEP_NAME,  /* w->dentry is a component to name */
	STEP_ALONE, /* it is one, and has nothing above: a file without directory, as memfds are */
	STEP_MOUNT, /* went from the root of a mount to its mount point */
	STEP_ROOT,  /* there is nothing above */
};

/*
 * All that changes from step to step is kept in the thread's state: the verifier
 * forgets what it knows of values in a map, so that to it all rounds of the loop
 * are one.
 */
static __always_inline enum step step(struct sn_walk *w)
{
	struct mount *mnt = sn_cast(struct mount, w->mnt);
	struct dentry *dentry = sn_cast(struct dentry, w->dentry);
	u64 above;

	if (w->dentry != (u64)sn_read(mnt, mnt.mnt_root))
		return w->dentry != (u64)sn_read(dentry, d_parent) ? STEP_NAME : STEP_ALONE;
	above = (u64)sn_read(mnt, mnt_parent);
	if (above == w->mnt || !above)
		return STEP_ROOT;
	w->dentry = (u64)sn_read(mnt, mnt_mountpoint);
	w->mnt = above;
	return STEP_MOUNT;
}

/* Is the mount in no tree of mounts, after umount -l? Then nobody knows what stood before. */
static __always_inline bool is_detached(u64 mnt)
{
	return !sn_read(sn_cast(struct mount, mnt), mnt_ns);
}

static __always_inline void begin_walk(struct sn_walk *w)
{
	w->dentry = w->start;
	w->mnt = w->start_mnt - bpf_core_field_offset(struct mount, mnt);
}

/*
 * The loops below are small, and what they do is in functions of their own: before
 * 6.3 the verifier wants a loop to be closed by a jump, and a compiler that moves
 * blocks about closes a large one by falling into its head.
 */
static __always_inline u64 add_name(u64 chain, struct dentry *d)
{
	u64 len = sn_read(d, d_name.len);

	return (chain ^ (u64)sn_read(d, d_name.hash) ^ len << 32) * 0x9e3779b97f4a7c15ull;
}

static __noinline long measure_one(u32 unused, void *ctx)
{
	struct sn_walk *w = *(struct sn_walk **)ctx;
	enum step what = step(w);
	struct dentry *d;
	u32 len;

	if (what == STEP_MOUNT)
		return 0;
	if (what == STEP_ROOT) {
		w->truncated = is_detached(w->mnt);
		return 1;
	}
	d = sn_cast(struct dentry, w->dentry);
	len = sn_read(d, d_name.len);
	w->hash = add_name(w->hash, d);
	if (w->len + len + 1 >= ROOM_LARGE)
		return 1;
	w->len += len + 1;
	w->dentry = (u64)sn_read(d, d_parent);
	if (what == STEP_NAME)
		return 0;
	w->truncated = 0;
	return 1;
}

/* What the name is made of, without reading its characters. */
static __always_inline void measure(struct sn_walk *w)
{
	w->hash = 0;
	w->len = 0;
	w->truncated = 1; /* until the end is seen */
	sn_repeat(MAX_STEPS, measure_one, &w);
}

/* Where a walk's names are written to, from the end on. */
struct path_room {
	struct sn_walk *w;
	char *room;
};

/* Writes one component before what is written already; there is room for it behind. */
static __always_inline long write_one(const struct path_room *r, u32 room_size)
{
	struct sn_walk *w = r->w;
	enum step what = step(w);
	const unsigned char *name;
	struct dentry *d;
	u32 len, pos;

	if (what == STEP_MOUNT)
		return 0;
	if (what == STEP_ROOT)
		return 1;
	d = sn_cast(struct dentry, w->dentry);
	len = sn_read(d, d_name.len) & 255;
	name = sn_read(d, d_name.name);
	if (w->pos < len + 1)
		return 1; /* renamed meanwhile: its front is missing */
	pos = w->pos - len;
	bpf_probe_read_kernel(r->room + (pos & (room_size - 1)), len, name);
	if (what == STEP_ALONE) {
		w->pos = pos;
		return 1;
	}
	pos--;
	r->room[pos & (room_size - 1)] = '/';
	w->pos = pos;
	w->dentry = (u64)sn_read(d, d_parent);
	return 0;
}

static __noinline long write_one_short(u32 unused, void *ctx)
{
	return write_one(ctx, ROOM_SMALL);
}

static __noinline long write_one_long(u32 unused, void *ctx)
{
	return write_one(ctx, ROOM_LARGE);
}

/* Writes the path from its end to its front; w->pos is where it begins. */
static __always_inline void write_path(struct sn_walk *w, char *room, u32 room_size)
{
	struct path_room r = { w, room };

	w->pos = room_size;
	if (room_size == ROOM_SMALL)
		sn_repeat(MAX_STEPS, write_one_short, &r);
	else
		sn_repeat(MAX_STEPS, write_one_long, &r);
	if (w->pos == room_size) {
		room[room_size - 1] = '/';
		w->pos = room_size - 1;
	}
}

/* ---- names that were told ---- */

/* The functions from here on are global, so that all kernels verify them once. */
static __always_inline struct sn_walk *walk_of(sn_given given)
{
	struct sn_task *st = sn_take(given);

	if (!st)
		return NULL;
	barrier_var(st); /* the compiler would ask after the sum */
	return &st->walk;
}

static __always_inline u64 told_seal(const struct sn_told *t)
{
	return t->key ^ t->fresh << 1 ^ t->chain << 2;
}

static __always_inline struct sn_told_set *told_set(u64 key)
{
	u32 nr = key >> (64 - TOLD_SETS_LOG2);

	return bpf_map_lookup_elem(&sn_told, &nr);
}

/*
 * These two answer through w: what comes from a map's value is unknown to the
 * verifier, so that all ways through them are one to it.
 */

/*
 * What was told of this inode: w->told_chain, 0 if nothing is remembered, and w->told_fresh;
 * and w->way, where it is to be remembered.
 */
__noinline int recall(sn_given given, u64 key)
{
	struct sn_walk *w = walk_of(given);
	struct sn_told_set *set = told_set(key);
	struct sn_told t;

	if (!set || !w)
		return 0;
	w->told_chain = 0;
	w->way = key >> 8; /* the same on all cpus: one that is told twice at once stays one */
	for (int i = 0; i < TOLD_WAYS; i++)
		if (!set->ways[i].key)
			w->way = i;
	for (int i = 0; i < TOLD_WAYS; i++) {
		t = set->ways[i];
		if (t.key != key)
			continue;
		w->way = i;
		if (t.seal != told_seal(&t))
			continue;
		w->told_fresh = t.fresh;
		w->told_chain = t.chain;
	}
	return 0;
}

/* Remembers w->fresh and w->chain of this inode, which was recalled before. */
__noinline int remember(sn_given given, u64 key)
{
	struct sn_walk *w = walk_of(given);
	struct sn_told_set *set = told_set(key);
	struct sn_told t = { .key = key };

	if (!set || !w)
		return 0;
	t.fresh = w->fresh;
	t.chain = w->chain;
	t.seal = told_seal(&t);
	set->ways[w->way & (TOLD_WAYS - 1)] = t;
	return 0;
}

/* Changes when any name may have changed, or when the file is reached another way. */
static __always_inline u64 freshness(const struct sn_walk *w)
{
	return sn_name_epoch ^ w->start << 8 ^ w->start_mnt << 24;
}

static __always_inline void count_told(void)
{
	struct sn_percpu *cpu = sn_this_cpu();

	if (!cpu)
		return;
	__sync_fetch_and_add(&cpu->walks, 1);
	sn_emitted(cpu, SN_SLOT_paths);
}

static __always_inline void fill_paths(struct sn_paths *rec, const struct sn_walk *w)
{
	struct dentry *d = sn_cast(struct dentry, w->start);
	struct inode *inode = sn_cast(struct inode, sn_read(d, d_inode));
	struct super_block *sb = sn_cast(struct super_block, sn_read(inode, i_sb));

	sn_header(&rec->hdr, SN_EV_paths, w->ts, NULL);
	rec->ino = sn_read(inode, i_ino);
	rec->gen = sn_read(inode, i_generation);
	rec->dev = sn_read(sb, s_dev);
	rec->fs_magic = (u32)sn_read(sb, s_magic);
	rec->how = SN_KNOWN_exact;
	rec->truncated = 0;
	rec->dir_ino = 0;
	rec->dir_dev = 0;
	rec->dir_gen = 0;
}

/* Room for a name, which leaves a quarter of the ring to what becomes of processes. */
static __always_inline void *reserve_name(u64 size)
{
	if (bpf_ringbuf_query(&sn_prio, BPF_RB_AVAIL_DATA) < sn_cfg.names_bytes)
		return sn_reserve_prio(SN_SLOT_paths, size);
	sn_lose(SN_SLOT_paths, SN_CAUSE_ring);
	return NULL;
}

/* Room for the path and, behind it, for one component more. */
#define TELL(room_size)                                                                \
	do {                                                                           \
		struct sn_paths *rec = reserve_name(sizeof(*rec) + (room_size) + 256); \
                                                                                       \
		if (!rec)                                                              \
			return 0;                                                      \
		begin_walk(w);                                                         \
		write_path(w, (char *)(rec + 1), room_size);                           \
		fill_paths(rec, w);                                                    \
		rec->truncated = w->truncated;                                         \
		rec->name.off = (u16)(sizeof(*rec) + w->pos);                          \
		rec->name.len = (u16)((room_size)-w->pos);                             \
		sn_submit(rec);                                                        \
	} while (0)

__noinline int tell_short(sn_given given)
{
	struct sn_walk *w = walk_of(given);

	if (!w)
		return 0;
	TELL(ROOM_SMALL);
	return 1;
}

__noinline int tell_long(sn_given given)
{
	struct sn_walk *w = walk_of(given);

	if (!w)
		return 0;
	TELL(ROOM_LARGE);
	return 1;
}

/* Tells a whole path unless it is known. Its chain, or 0: there was no room. */
__noinline u64 tell_path(sn_given given, u64 key)
{
	struct sn_walk *w = walk_of(given);
	int told = 1;

	if (!w)
		return 0;
	w->fresh = freshness(w);
	recall(given, key);
	if (w->told_chain && w->told_fresh == w->fresh)
		return w->told_chain;
	begin_walk(w);
	measure(w);
	w->chain = w->hash | 1;
	if (w->told_chain != w->chain) {
		if (w->len < ROOM_SMALL && !w->truncated)
			told = tell_short(given);
		else
			told = tell_long(given);
		if (!told)
			return 0;
		count_told();
	}
	remember(given, key);
	return w->chain;
}

/*
 * Tells a name in w->dir. 0: there was no room, or the file was renamed since
 * w->seq was read, so that directory and name may not belong together.
 */
__noinline int tell_component(sn_given given)
{
	struct sn_walk *w = walk_of(given);
	struct super_block *sb;
	struct sn_paths *rec;
	struct inode *dir;
	struct dentry *d;
	u32 len;

	if (!w)
		return 0;
	rec = reserve_name(sizeof(*rec) + 256);
	if (!rec)
		return 0;
	d = sn_cast(struct dentry, w->start);
	dir = sn_cast(struct inode, w->dir);
	sb = sn_cast(struct super_block, sn_read(dir, i_sb));
	len = sn_read(d, d_name.len) & 255;
	bpf_probe_read_kernel(rec + 1, len, sn_read(d, d_name.name));
	fill_paths(rec, w);
	sn_set(rec, dir_ino, sn_read(dir, i_ino));
	sn_set(rec, dir_dev, sn_read(sb, s_dev));
	sn_set(rec, dir_gen, sn_read(dir, i_generation));
	rec->name.off = sizeof(*rec);
	rec->name.len = (u16)len;
	if (w->seq & 1 || w->seq != sn_read(d, d_seq.seqcount.sequence)) {
		bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP);
		return 0;
	}
	sn_submit(rec);
	return 1;
}

__noinline int sn_tell_name(sn_given given, u64 key, u32 is_dir)
{
	struct sn_walk *w = walk_of(given);
	struct super_block *sb;
	struct vfsmount *mnt;
	struct dentry *d, *up;
	struct inode *dir;
	u64 chain, start, told_chain, way;

	if (!w)
		return 0;
	recall(given, key);
	if (w->told_chain && w->told_fresh == freshness(w))
		return 1;
	start = w->start;
	told_chain = w->told_chain;
	way = w->way;
	d = sn_cast(struct dentry, start);
	w->seq = sn_read(d, d_seq.seqcount.sequence);
	up = sn_read(d, d_parent);
	mnt = sn_cast(struct vfsmount, w->start_mnt);
	is_dir |= start == (u64)sn_read(mnt, mnt_root) || start == (u64)up;
	if (!is_dir)
		w->start = (u64)up;
	up = sn_cast(struct dentry, w->start);
	dir = sn_cast(struct inode, sn_read(up, d_inode));
	sb = sn_cast(struct super_block, sn_read(dir, i_sb));
	w->dir = (u64)dir;
	chain = tell_path(given, sn_name_key(sn_read(dir, i_ino), sn_read(sb, s_dev),
					     sn_read(dir, i_generation)));
	if (is_dir || !chain)
		return chain != 0;
	w->start = start;
	w->chain = add_name(chain, d) | 1;
	w->fresh = freshness(w);
	w->way = way;
	if (told_chain != w->chain) {
		if (!tell_component(given))
			return 0;
		count_told();
	}
	remember(given, key);
	return 1;
}

#endif
