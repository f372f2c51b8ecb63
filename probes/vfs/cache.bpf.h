/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Pages that a read or write found in the page cache, and those that it did not. Each that
 * comes into the cache is seen; what is there already is what else was asked for.
 */
#ifndef SONDE_VFS_CACHE_BPF_H
#define SONDE_VFS_CACHE_BPF_H

#include "rows.bpf.h"

/* No page yet. regs: 0 where a thread of the kernel asks. */
static __always_inline void pages_begin(struct sn_task *st, u64 regs, u32 call)
{
	st->regs = regs;
	st->call = (u16)call;
	st->end_page = 0;
	st->missed = 0;
}

/* Where the operation begins, and how many bytes it asks for. */
static __always_inline bool find_asked(struct sn_task *st, s64 *ret_pos, u64 *ret_bytes)
{
	u32 call = st->call, rwf;

	*ret_pos = st->pos;
	*ret_bytes = st->sum;
	if (!st->regs)
		return true;
	if (!bytes_asked(st, NULL, call, ret_bytes))
		return false;
	rwf = rwf_asked(st, NULL, call);
	if (call >= SN_CALL_write && appends(st->mode, st->file_flags, rwf)) {
		*ret_pos = st->size;
		return st->file_flags & O_APPEND;
	}
	offset_asked(st, NULL, call, ret_pos);
	return true;
}

/*
 * Which pages it asks for. A read asks for none behind the file's end, which st->size has, but a kernel
 * may bring one in there; where the file grows meanwhile, count_pages() sees that.
 */
static __always_inline void find_asked_pages(struct sn_task *st, struct address_space *mapping)
{
	struct inode *host = sn_cast(struct inode, sn_read(mapping, host));
	u64 bytes, end;
	s64 pos;

	st->end_page = st->first_page = 1; /* none */
	if (!find_asked(st, &pos, &bytes)) {
		st->missed = SN_PAGES_UNKNOWN;
		return;
	}
	end = (u64)pos + bytes;
	if (st->slot == SN_SLOT_vfs_read) {
		st->size = sn_read(host, i_size);
		if (end > (u64)st->size)
			end = (u64)st->size;
	}
	if (!end)
		return;
	st->next_page = st->first_page = (u64)pos >> sn_cfg.page_shift;
	st->end_page = (end + (1u << sn_cfg.page_shift) - 1) >> sn_cfg.page_shift;
}

/*
 * Pages came into the page cache. Were they asked for by a read or write, or are they read ahead of it?
 * In order, each comes once. What comes out of it may have been there before, and been taken away: then
 * it is not known how many were missed.
 */
SEC("?tp_btf/mm_filemap_add_to_page_cache")
int vfs_page_added(u64 *ctx)
{
	const void *folio = (void *)ctx[0];
	struct sn_task *st = sn_this_task();
	struct address_space *mapping;
	struct file *file;
	u64 begin, end;

	if (!st || st->state != SN_OP_STORED || !st->has_file || st->file_flags & SN_O_DIRECT ||
	    (st->slot != SN_SLOT_vfs_read && st->slot != SN_SLOT_vfs_write) || !uses_cache(st))
		return sn_count(SN_P_vfs_page_added, SN_OUT_ignored);
	file = sn_cast(struct file, st->file);
	mapping = sn_read(file, f_mapping);
	if ((u64)mapping != (u64)sn_folio_mapping(folio))
		return sn_count(SN_P_vfs_page_added, SN_OUT_ignored);
	if (!st->end_page)
		find_asked_pages(st, sn_cast(struct address_space, mapping));
	begin = sn_folio_index(folio);
	end = begin + sn_folio_pages(folio);
	if (begin < st->first_page)
		begin = st->first_page;
	if (end > st->end_page)
		end = st->end_page;
	if (begin < end && st->missed != SN_PAGES_UNKNOWN) {
		st->missed =
			begin < st->next_page ? SN_PAGES_UNKNOWN : st->missed + (u32)(end - begin);
		st->next_page = end;
	}
	return sn_count(SN_P_vfs_page_added, SN_OUT_aggregated);
}

#endif
