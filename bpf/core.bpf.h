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

/* Inodes whose names were told, and what the names were made of then. */
struct sn_told {
	u64 epoch;
	u64 chain; /* hash over the dentries up to the root */
	u64 dentry;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, struct sn_told);
} sn_told SEC(".maps");

/* ---- threads ---- */

static __noinline int sn_task_init(struct task_struct *task, struct sn_task *st)
{
	st->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	return 0;
}

static __noinline int sn_current_refused(void)
{
	u32 uid = (u32)bpf_get_current_uid_gid();
	bool found = !(sn_cfg.filters & SN_FILTER_UID);

	for (u32 i = 0; i < SN_MAX_UIDS && i < sn_cfg.nr_uids; i++)
		found |= sn_cfg.uids[i] == uid;
	if (!found)
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

	if (!cpu || slot >= SN_NR_EVENTS)
		return 0;
	__sync_fetch_and_add(&cpu->lost[slot], 1);
	if (!cpu->holes[slot].nr)
		cpu->holes[slot].first_ns = now;
	cpu->holes[slot].last_ns = now;
	cpu->holes[slot].cause = cause;
	__sync_fetch_and_add(&cpu->holes[slot].nr, 1);
	return 0;
}

static __noinline int sn_tell_hole(u32 slot)
{
	struct sn_percpu *cpu = sn_this_cpu();
	struct sn_lost *lost;
	struct sn_hole *hole;

	if (!cpu || slot >= SN_NR_EVENTS)
		return 0;
	hole = &cpu->holes[slot];
	lost = bpf_ringbuf_reserve(&sn_prio, sizeof(*lost), 0);
	if (!lost)
		return 0; /* the next record tries again */
	__builtin_memset(lost, 0, sizeof(*lost));
	lost->hdr.id = SN_EV_lost;
	lost->hdr.cpu = (u16)bpf_get_smp_processor_id();
	lost->hdr.ts = bpf_ktime_get_ns();
	lost->first_ns = hole->first_ns;
	lost->last_ns = hole->last_ns;
	lost->nr = hole->nr;
	lost->of = sn_event_id(slot);
	lost->cause = (u32)hole->cause;
	hole->nr = 0;
	__sync_fetch_and_add(&cpu->emitted[SN_SLOT_lost], 1);
	sn_submit(lost);
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

static __always_inline void begin_walk(struct sn_walk *w, struct dentry *dentry,
				       struct vfsmount *vfsmnt)
{
	w->dentry = (u64)dentry;
	w->mnt = (u64)vfsmnt - bpf_core_field_offset(struct mount, mnt);
}

/*
 * The loops below are small, and what they do is in functions of their own: before
 * 6.3 the verifier wants a loop to be closed by a jump, and a compiler that moves
 * blocks about closes a large one by falling into its head.
 */
static __noinline int measure_one(struct sn_walk *w)
{
	struct dentry *d;
	enum step what;
	u32 len;

	if (!w)
		return 0;
	what = step(w);
	if (what != STEP_NAME && what != STEP_ALONE)
		return what == STEP_MOUNT;
	d = sn_cast(struct dentry, w->dentry);
	len = sn_read(d, d_name.len);
	w->hash = (w->hash ^ (u64)sn_read(d, d_name.hash) ^ (u64)len << 32) * 0x9e3779b97f4a7c15ull;
	if (w->len + len + 1 >= ROOM_LARGE) {
		w->truncated = 1;
		return 0;
	}
	w->len += len + 1;
	w->dentry = (u64)sn_read(d, d_parent);
	return what == STEP_NAME;
}

/* What the name is made of, without reading its characters. */
static __always_inline void measure(struct sn_walk *w)
{
	w->hash = 0;
	w->len = 0;
	w->truncated = 0;
	for (int i = 0; i < MAX_STEPS; i++)
		if (!measure_one(w))
			return;
	w->truncated = 1;
}

/* Writes one component before what is written already; there is room for it behind. */
static __always_inline int write_one(struct sn_walk *w, char *room, u32 room_size)
{
	enum step what = step(w);
	const unsigned char *name;
	struct dentry *d;
	u32 len, pos;

	if (what != STEP_NAME && what != STEP_ALONE)
		return what == STEP_MOUNT;
	d = sn_cast(struct dentry, w->dentry);
	len = sn_read(d, d_name.len) & 255;
	name = sn_read(d, d_name.name);
	if (w->pos < len + 1)
		return 0; /* renamed meanwhile: its front is missing */
	pos = w->pos - len;
	bpf_probe_read_kernel(room + (pos & (room_size - 1)), len, name);
	if (what == STEP_ALONE) {
		w->pos = pos;
		return 0;
	}
	pos--;
	room[pos & (room_size - 1)] = '/';
	w->pos = pos;
	w->dentry = (u64)sn_read(d, d_parent);
	return 1;
}

static __noinline int write_one_short(struct sn_walk *w, char *room)
{
	return w && room ? write_one(w, room, ROOM_SMALL) : 0;
}

static __noinline int write_one_long(struct sn_walk *w, char *room)
{
	return w && room ? write_one(w, room, ROOM_LARGE) : 0;
}

/* Writes the path from its end to its front; w->pos is where it begins. */
static __always_inline void write_path(struct sn_walk *w, char *room, u32 room_size)
{
	w->pos = room_size;
	for (int i = 0; i < MAX_STEPS; i++)
		if (!(room_size == ROOM_SMALL ? write_one_short(w, room) : write_one_long(w, room)))
			break;
	if (w->pos == room_size) {
		room[room_size - 1] = '/';
		w->pos = room_size - 1;
	}
}

static __always_inline void fill_paths(struct sn_paths *rec, struct dentry *dentry,
				       const struct sn_walk *w, u32 end)
{
	struct dentry *d = sn_cast(struct dentry, dentry);
	struct inode *inode = sn_cast(struct inode, sn_read(d, d_inode));
	struct super_block *sb = sn_cast(struct super_block, sn_read(inode, i_sb));

	sn_header(&rec->hdr, SN_EV_paths, w->ts, NULL);
	rec->ino = sn_read(inode, i_ino);
	rec->gen = sn_read(inode, i_generation);
	rec->dev = sn_read(sb, s_dev);
	rec->fs_magic = (u32)sn_read(sb, s_magic);
	rec->how = SN_KNOWN_exact;
	rec->truncated = w->truncated;
	rec->name.off = (u16)(sizeof(*rec) + w->pos);
	rec->name.len = (u16)(end - w->pos);
}

/* Room for the path and, behind it, for one component more. */
#define TELL(room_size)                                                                   \
	do {                                                                              \
		struct sn_paths *rec =                                                    \
			sn_reserve_prio(SN_SLOT_paths, sizeof(*rec) + (room_size) + 256); \
                                                                                          \
		if (!rec)                                                                 \
			return 0;                                                         \
		begin_walk(w, dentry, mnt);                                               \
		write_path(w, (char *)(rec + 1), room_size);                              \
		fill_paths(rec, dentry, w, room_size);                                    \
		sn_submit(rec);                                                           \
	} while (0)

static __noinline int tell_short(struct sn_walk *w, struct dentry *dentry, struct vfsmount *mnt)
{
	TELL(ROOM_SMALL);
	return 1;
}

static __noinline int tell_long(struct sn_walk *w, struct dentry *dentry, struct vfsmount *mnt)
{
	TELL(ROOM_LARGE);
	return 1;
}

static __noinline int sn_tell_name(struct sn_walk *w, struct dentry *dentry, struct vfsmount *mnt,
				   u64 key)
{
	struct sn_told *told = bpf_map_lookup_elem(&sn_told, &key), now;
	struct sn_percpu *cpu;
	int done;

	if (!w)
		return 1;
	now.epoch = sn_name_epoch;
	now.dentry = (u64)dentry;
	if (told && told->epoch == now.epoch && told->dentry == now.dentry)
		return 1;
	begin_walk(w, dentry, mnt);
	measure(w);
	now.chain = w->hash;
	if (told && told->chain == now.chain) {
		told->epoch = now.epoch;
		told->dentry = now.dentry;
		return 1;
	}
	done = w->len < ROOM_SMALL && !w->truncated ? tell_short(w, dentry, mnt)
						    : tell_long(w, dentry, mnt);
	if (!done)
		return 0;
	bpf_map_update_elem(&sn_told, &key, &now, BPF_ANY);
	cpu = sn_this_cpu();
	if (cpu) {
		cpu->walks++;
		sn_emitted(cpu, SN_SLOT_paths);
	}
	return 1;
}

#endif
