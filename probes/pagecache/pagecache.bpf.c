// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Pages that come into the page cache, are written to and leave it. All three tracepoints are
 * where the kernel counts them, once a folio. Of memory alone (tmpfs) only
 * removals pass them, and are left out. Where they are written back is seen at functions.
 */
#include "compat.bpf.h"
#include "inode.bpf.h"

/* A folio, and the file that it is of. */
struct pages {
	struct inode *inode;
	u64 ino, index;
	u32 nr, dev, gen, fs_magic;
	u16 mode;
	bool unlinked;
};

#define PF_MEMALLOC 0x800

/* False: rows are not wanted for that file. */
static __always_inline bool find_pages(struct pages *p, const void *folio)
{
	struct address_space *mapping = sn_cast(struct address_space, sn_folio_mapping(folio));
	struct inode *inode = sn_cast(struct inode, sn_read(mapping, host));
	struct super_block *sb = sn_cast(struct super_block, sn_read(inode, i_sb));

	p->inode = inode;
	p->ino = sn_read(inode, i_ino);
	p->gen = sn_read(inode, i_generation);
	p->mode = sn_read(inode, i_mode);
	p->unlinked = !sn_read(inode, i_nlink) && (p->mode & S_IFMT) != S_IFBLK;
	p->dev = sn_read(sb, s_dev);
	p->fs_magic = (u32)sn_read(sb, s_magic);
	p->index = sn_folio_index(folio);
	p->nr = sn_folio_pages(folio);
	if ((p->mode & S_IFMT) == S_IFBLK)
		p->dev = sn_read(inode, i_rdev);
	return !is_memory_fs(p->fs_magic) && !file_refused(p->mode, p->fs_magic) &&
	       !device_refused(p->dev, p->mode, inode);
}

/*
 * Tells a name of a file that none was told of: any that it has in memory, by a mount of all of
 * its file system. What others told of it stays, as they know by which name and mount they came.
 */
static __always_inline void tell_name(struct sn_task *st, const struct pages *p, u64 now)
{
	struct inode *inode = p->inode;
	struct super_block *sb = sn_cast(struct super_block, sn_read(inode, i_sb));
	struct hlist_node *alias = sn_read(inode, i_dentry.first);
	u64 key = sn_name_key(p->ino, p->dev, p->gen);
	struct mount *mnt;

	/* Kept apart from what the thread's own operations remember. */
	if (!alias || !sn_name_is_new(st, ~key, sn_dentry_of(alias)))
		return;
	recall(sn_give(st), key);
	mnt = st->walk.told_chain ? NULL : sn_whole_mount_of(sb);
	if (!mnt)
		return;
	st->walk.start_mnt = (u64)mnt + bpf_core_field_offset(struct mount, mnt);
	st->walk.ts = now;
	if (!sn_tell_name(sn_give(st), key, (p->mode & S_IFMT) == S_IFDIR))
		st->named[~key >> 62] = 0;
}

/*
 * Why pages come: the program of vfs at the same tracepoint, which runs before this one, has found which
 * pages the thread's read or write asks for, if they are of its file.
 */
static __always_inline enum sn_addition why_added(const struct sn_task *st, const struct pages *p,
						  const void *folio)
{
	struct file *file = sn_cast(struct file, st->file);
	bool is_asked;

	if (st->state != SN_OP_STORED || st->first_page >= st->end_page ||
	    st->missed == SN_PAGES_UNKNOWN ||
	    (u64)sn_read(file, f_mapping) != (u64)sn_folio_mapping(folio))
		return SN_ADDITION_unknown;
	is_asked = p->index < st->end_page && p->index + p->nr > st->first_page;
	if (st->slot == SN_SLOT_vfs_write)
		return is_asked ? SN_ADDITION_written : SN_ADDITION_unknown;
	return is_asked ? SN_ADDITION_missed : SN_ADDITION_ahead;
}

/*
 * Why pages leave. The thread reclaims memory, or the file has no name any more and nobody has it
 * open, or its end came before them; else somebody asked that they leave: posix_fadvise(2), a
 * write beside the page cache, drop_caches, umount(8).
 */
static __always_inline enum sn_removal why_removed(const struct pages *p)
{
	struct inode *inode = p->inode;
	struct task_struct *task = sn_any_task(sn_current());

	if (sn_read(task, reclaim_state) || sn_read(task, flags) & PF_MEMALLOC)
		return SN_REMOVAL_reclaimed;
	if (p->unlinked && !sn_read(inode, i_count.counter))
		return SN_REMOVAL_unlinked;
	if (p->index << sn_cfg.page_shift >= (u64)sn_read(inode, i_size))
		return SN_REMOVAL_truncated;
	return SN_REMOVAL_invalidated;
}

/* All rows are made as removals are: where those say why, additions do, too, and the others have a gap. */
#define SAME_PLACE(ev, member)                                     \
	(__builtin_offsetof(struct sn_pagecache_remove, member) == \
	 __builtin_offsetof(struct sn_pagecache_##ev, member))
#define IS_LIKE_REMOVE(ev)                                                                       \
	_Static_assert(sizeof(struct sn_pagecache_remove) == sizeof(struct sn_pagecache_##ev) && \
			       SAME_PLACE(ev, ino) && SAME_PLACE(ev, index) &&                   \
			       SAME_PLACE(ev, pages) && SAME_PLACE(ev, dev) &&                   \
			       SAME_PLACE(ev, gen) && SAME_PLACE(ev, fs_magic) &&                \
			       SAME_PLACE(ev, file_type) && SAME_PLACE(ev, unlinked),            \
		       "the rows of " #ev " are like those of remove")
IS_LIKE_REMOVE(add);
_Static_assert(__builtin_offsetof(struct sn_pagecache_remove, removal) ==
		       __builtin_offsetof(struct sn_pagecache_add, addition),
	       "additions say why where removals do");
IS_LIKE_REMOVE(dirty);

static __always_inline int tell(enum sn_prog prog, u32 slot, u16 id, const void *folio)
{
	struct sn_percpu *cpu = sn_this_cpu();
	struct sn_pagecache_remove *r;
	enum sn_outcome why;
	struct sn_task *st;
	struct pages p;
	u64 now;

	if (!cpu)
		return 0;
	st = sn_wanted(sn_current(), &why);
	if (!st)
		return sn_count_unwanted(prog, why, slot);
	if (!find_pages(&p, folio))
		return sn_count_as(cpu, prog, SN_OUT_filtered, false);
	if (sn_sampled_out(cpu, slot))
		return sn_count_as(cpu, prog, SN_OUT_sampled, false);
	now = bpf_ktime_get_ns();
	tell_name(st, &p, now);
	r = sn_reserve(cpu, slot, sizeof(*r));
	if (!r)
		return sn_count_as(cpu, prog, SN_OUT_lost_ring, false);
	sn_header(&r->hdr, id, now, st);
	r->hdr.op = sn_op_under_way(st);
	r->ino = p.ino;
	r->index = p.index;
	r->pages = p.nr;
	r->dev = p.dev;
	r->gen = p.gen;
	r->fs_magic = p.fs_magic;
	r->file_type = p.mode & S_IFMT;
	r->unlinked = p.unlinked;
	r->removal = id == SN_EV_pagecache_remove ? (u8)why_removed(&p)
		     : id == SN_EV_pagecache_add  ? (u8)why_added(st, &p, folio)
						  : 0;
	r->pad1 = 0;
	sn_submit(r);
	sn_emitted(cpu, slot);
	return sn_count_as(cpu, prog, SN_OUT_emitted, false);
}

#define PROGRAM(name, ev, tracepoint)                                                            \
	SEC("?tp_btf/" tracepoint)                                                               \
	int pagecache_##name(u64 *ctx)                                                           \
	{                                                                                        \
		return tell(SN_P_pagecache_##name, SN_SLOT_pagecache_##ev, SN_EV_pagecache_##ev, \
			    (void *)ctx[0]);                                                     \
	}

PROGRAM(add, add, "mm_filemap_add_to_page_cache")
PROGRAM(remove, remove, "mm_filemap_delete_from_page_cache")
PROGRAM(dirty, dirty, "writeback_dirty_folio")
PROGRAM(dirty_page, dirty, "writeback_dirty_page")

/* ---- writeback ---- */

/* A folio that is being written back, by its address; and who began that. */
struct written {
	u64 start_ns, op, cgroup;
	u32 pid, tid;
	u64 ino, index;
	u32 nr, dev, gen, fs_magic;
	u16 mode;
	u8 unlinked, pad0;
	u32 pad1;
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SN_TABLE_ENTRIES);
	__type(key, u64);
	__type(value, struct written);
} pagecache_under_way SEC(".maps");

static __always_inline int writeback_begins(enum sn_prog prog, const void *folio)
{
	struct sn_percpu *cpu = sn_this_cpu();
	struct written w = {}, *before;
	u64 key = (u64)folio, owner;
	enum sn_outcome why;
	struct sn_task *st;
	struct pages p;
	u64 pid_tgid;

	if (!cpu)
		return 0;
	owner = sn_folio_owner(folio);
	if (!owner || owner & SN_NO_MAPPING)
		return sn_count(prog, SN_OUT_ignored);
	st = sn_wanted(sn_current(), &why);
	if (!st)
		return sn_count_unwanted(prog, why, SN_SLOT_pagecache_writeback);
	if (!find_pages(&p, folio))
		return sn_count(prog, SN_OUT_filtered);
	if (sn_sampled_out(cpu, SN_SLOT_pagecache_writeback))
		return sn_count(prog, SN_OUT_sampled);
	w.start_ns = bpf_ktime_get_ns();
	tell_name(st, &p, w.start_ns);
	pid_tgid = bpf_get_current_pid_tgid();
	w.op = sn_op_under_way(st);
	w.cgroup = st->cgroup;
	w.pid = pid_tgid >> 32;
	w.tid = (u32)pid_tgid;
	w.ino = p.ino;
	w.index = p.index;
	w.nr = p.nr;
	w.dev = p.dev;
	w.gen = p.gen;
	w.fs_magic = p.fs_magic;
	w.mode = p.mode;
	w.unlinked = p.unlinked;
	before = bpf_map_lookup_elem(&pagecache_under_way, &key);
	if (before && before->start_ns) /* its end never came */
		sn_lose(SN_SLOT_pagecache_writeback, SN_CAUSE_missed);
	else
		sn_in_flight(SN_SLOT_pagecache_writeback, 1);
	if (bpf_map_update_elem(&pagecache_under_way, &key, &w, BPF_ANY)) {
		sn_in_flight(SN_SLOT_pagecache_writeback, -1);
		return sn_count_no_room(prog, SN_SLOT_pagecache_writeback);
	}
	return sn_count(prog, SN_OUT_stored);
}

/* Mostly in an interrupt, of which the current thread knows nothing. */
static __always_inline int writeback_ends(enum sn_prog prog, const void *folio)
{
	struct sn_percpu *cpu = sn_this_cpu();
	struct sn_pagecache_writeback *e;
	u64 key = (u64)folio, now;
	struct written *found, w;

	found = bpf_map_lookup_elem(&pagecache_under_way, &key);
	if (!cpu || !found)
		return sn_count(prog, SN_OUT_ignored);
	w = *found;
	if (!w.start_ns)
		return sn_count(prog, SN_OUT_ignored);
	/* It stays there where this interrupts what has locked the table. */
	found->start_ns = 0;
	bpf_map_delete_elem(&pagecache_under_way, &key);
	sn_in_flight(SN_SLOT_pagecache_writeback, -1);
	now = bpf_ktime_get_ns();
	if (now - w.start_ns < sn_cfg.min_latency_ns)
		return sn_count(prog, SN_OUT_filtered);
	e = sn_reserve(cpu, SN_SLOT_pagecache_writeback, sizeof(*e));
	if (!e)
		return sn_count(prog, SN_OUT_lost_ring);
	sn_header(&e->hdr, SN_EV_pagecache_writeback, now, NULL);
	e->hdr.op = w.op;
	e->hdr.cgroup = w.cgroup;
	e->hdr.pid = w.pid;
	e->hdr.tid = w.tid;
	e->dur_ns = now - w.start_ns;
	e->ino = w.ino;
	e->index = w.index;
	e->pages = w.nr;
	e->dev = w.dev;
	e->gen = w.gen;
	e->fs_magic = w.fs_magic;
	e->file_type = w.mode & S_IFMT;
	e->unlinked = w.unlinked;
	e->pad0 = 0;
	e->pad1 = 0;
	sn_submit(e);
	sn_emitted(cpu, SN_SLOT_pagecache_writeback);
	return sn_count(prog, SN_OUT_emitted);
}

#define WRITEBACK(name, func, what)                                             \
	SEC("?fentry/" #func)                                                   \
	int pagecache_##name(u64 *ctx)                                          \
	{                                                                       \
		return writeback_##what(SN_P_pagecache_##name, (void *)ctx[0]); \
	}                                                                       \
	SEC("?kprobe/" #func)                                                   \
	int BPF_KPROBE(pagecache_##name##_k, void *folio)                       \
	{                                                                       \
		return writeback_##what(SN_P_pagecache_##name##_k, folio);      \
	}
WRITEBACK(written, __folio_start_writeback, begins)
WRITEBACK(written_page, __test_set_page_writeback, begins)
WRITEBACK(clean, __folio_end_writeback, ends)
WRITEBACK(clean_page, test_clear_page_writeback, ends)
