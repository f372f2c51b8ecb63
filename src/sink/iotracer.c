// SPDX-License-Identifier: BSD-2-Clause
#include "sink/iotracer.h"

#include <errno.h>

#include "sink/iotracer_row.h"

#define FLUSH_BYTES (64u << 10)

enum {
	DOC = 1 << IOTRACER_DOC,
	SEED = 1 << IOTRACER_SEED,
	HEAD = 1 << IOTRACER_HEAD,
	ALL = DOC | SEED | HEAD,
};

static const struct {
	const char *name;
	u8 layouts;
} operations[] = {
#define SN_IOT_OP(name, layouts) { #name, layouts },
#include "sink/iotracer.def"
};

static const char *const key_names[] = {
#define SN_IOT_KEY(name) #name,
#include "sink/iotracer.def"
};

/* vfs_release is no operation: CLOSE is close(2). */
static const struct {
	u32 slot;
	enum iotracer_op op;
} operations_of[] = {
	{ SN_SLOT_vfs_read, OP_READ },          { SN_SLOT_vfs_write, OP_WRITE },
	{ SN_SLOT_vfs_open, OP_OPEN },          { SN_SLOT_vfs_close, OP_CLOSE },
	{ SN_SLOT_vfs_fsync, OP_FSYNC },        { SN_SLOT_vfs_copy, OP_COPY_FILE_RANGE },
	{ SN_SLOT_vfs_unlink, OP_UNLINK },      { SN_SLOT_vfs_mkdir, OP_MKDIR },
	{ SN_SLOT_vfs_mknod, OP_MKNOD },        { SN_SLOT_vfs_symlink, OP_SYMLINK },
	{ SN_SLOT_vfs_rename, OP_RENAME },      { SN_SLOT_vfs_link, OP_LINK },
	{ SN_SLOT_vfs_getattr, OP_GETATTR },    { SN_SLOT_vfs_setattr, OP_SETATTR },
	{ SN_SLOT_vfs_truncate, OP_TRUNCATE },  { SN_SLOT_vfs_fallocate, OP_FALLOCATE },
	{ SN_SLOT_vfs_readdir, OP_READDIR },    { SN_SLOT_vfs_chdir, OP_CHDIR },
	{ SN_SLOT_vfs_mmap, OP_MMAP },          { SN_SLOT_vfs_munmap, OP_MUNMAP },
	{ SN_SLOT_vfs_mremap, OP_MREMAP },      { SN_SLOT_vfs_msync, OP_MSYNC },
	{ SN_SLOT_vfs_madvise, OP_MADVISE },    { SN_SLOT_proc_exec, OP_PROCESS_EXEC },
	{ SN_SLOT_proc_exit, OP_PROCESS_EXIT },
};

/* ---- which operation a row is ---- */

/* As it ends: io_uring_fsync and aio_fsync are fsync. */
static bool call_is(const struct iotracer *t, const char *word)
{
	size_t len, n = strlen(word);
	const char *p = iotracer_text(t, KEY_call, &len);

	return len >= n && !memcmp(p + len - n, word, n) && (len == n || p[len - n - 1] == '_');
}

static bool is_direct(const struct iotracer *t)
{
	u64 yes;

	return iotracer_num(t, KEY_direct, &yes) && yes;
}

static bool removes_directory(const struct iotracer *t)
{
	size_t len;
	const char *p = iotracer_text(t, KEY_at_flags, &len);

	return call_is(t, "rmdir") || memmem(p, len, "AT_REMOVEDIR", strlen("AT_REMOVEDIR"));
}

/* What rows of the event are, unless more is known. */
static enum iotracer_op operation_of(u32 slot)
{
	for (u32 i = 0; i < ARRAY_SIZE(operations_of); i++)
		if (operations_of[i].slot == slot)
			return operations_of[i].op;
	return NR_OPERATIONS;
}

static enum iotracer_op operation(const struct iotracer *t, enum iotracer_op op)
{
	if (op == OP_READ && is_direct(t))
		return OP_DIO_READ;
	if (op == OP_WRITE && is_direct(t))
		return OP_DIO_WRITE;
	if (op == OP_FSYNC &&
	    (iotracer_is(t, KEY_call, "sync") || iotracer_is(t, KEY_call, "syncfs")))
		return OP_SYNC;
	if (op == OP_FSYNC && (call_is(t, "fdatasync") || call_is(t, "fdsync")))
		return t->file.layout == IOTRACER_HEAD ? OP_FDATASYNC : OP_FSYNC;
	if (op == OP_UNLINK && removes_directory(t))
		return OP_RMDIR;
	if (op != OP_COPY_FILE_RANGE)
		return op;
	return call_is(t, "sendfile")   ? OP_SENDFILE
	       : call_is(t, "vmsplice") ? OP_VMSPLICE
	       : call_is(t, "splice")   ? OP_SPLICE
	       : call_is(t, "tee")      ? OP_TEE
					: op;
}

/* ---- layouts ---- */

/* clang-format off */
enum column_id {
	C_end,
#define SN_IOT_COLUMN(id, put, name, type, unit, doc) C_##id,
#include "sink/iotracer.def"
};

static const struct {
	void (*put)(struct iotracer *t);
	struct iotracer_column told;
} all_columns[] = {
#define SN_IOT_COLUMN(id, put, name, type, unit, doc) \
	[C_##id] = { iotracer_put_##put, { name, type, unit, doc } },
#include "sink/iotracer.def"
};

static const u8 fs_seed[] = {
	C_timestamp, C_operation, C_pid,        C_command, C_filename, C_size,
	C_inode,     C_flags,     C_latency_ns, C_offset,  C_tid,      C_end
};

/* What the first version writes of two names. */
static const u8 fs_seed_dual[] = { C_timestamp, C_operation, C_pid,       C_command,
				   C_filename,  C_zero,      C_inode_old, C_end };

static const u8 fs_head[] = { C_timestamp,       C_operation,    C_pid,     C_tid,
			      C_command,         C_filename,     C_size,    C_offset,
			      C_bytes_completed, C_inode_old,    C_device,  C_flags,
			      C_duration_ns,     C_return_value, C_errno,   C_mmap_prot,
			      C_mmap_flags,      C_address,      C_cmdline, C_ppid,
			      C_container_id,    C_fs_type,      C_mono_ns, C_end };

static const u8 block_seed[] = {
	C_timestamp, C_pid,    C_command, C_sector, C_block_operation, C_block_size, C_latency_ms,
	C_tid,       C_cpu_id, C_ppid,    C_dev,    C_queue_time_ms,   C_end
};

static const u8 block_head[] = { C_timestamp,
				 C_block_operation,
				 C_pid,
				 C_tid,
				 C_command,
				 C_sector,
				 C_block_size,
				 C_latency_ms,
				 C_device,
				 C_block_flags,
				 C_cpu_id,
				 C_ppid,
				 C_queue_latency_ms,
				 C_command_flags,
				 C_operation_code,
				 C_request_id,
				 C_mono_ns,
				 C_end };

static const u8 cache_seed[] = { C_timestamp,   C_pid,   C_command,    C_event_type,
				 C_cache_inode, C_index, C_file_pages, C_cpu_id,
				 C_dev_id,      C_count, C_end };

static const u8 cache_head[] = { C_timestamp,   C_pid,        C_command,    C_event_type,
				 C_cache_inode, C_page_index, C_size_pages, C_cpu_id,
				 C_device_id,   C_count,      C_mono_ns,    C_end };

static const u8 fault_seed[] = { C_timestamp,    C_pid,           C_tid,    C_command,
				 C_fault_type,   C_severity,      C_cache_inode,
				 C_fault_offset, C_fault_address, C_dev_id, C_end };

/* clang-format on */

static const u8 *const columns[][IOTRACER_NR_STREAMS] = {
	[IOTRACER_DOC] = { fs_seed, block_seed, cache_seed, fault_seed },
	[IOTRACER_SEED] = { fs_seed, block_seed, cache_seed, fault_seed },
	[IOTRACER_HEAD] = { fs_head, block_head, cache_head, NULL },
};

bool iotracer_column(enum iotracer_layout layout, enum iotracer_stream stream, u32 i,
		     struct iotracer_column *ret)
{
	enum column_id id = columns[layout][stream][i];

	*ret = all_columns[id].told;
	return id != C_end;
}

const char *const iotracer_layouts[] = {
	[IOTRACER_DOC] = "doc",
	[IOTRACER_SEED] = "seed",
	[IOTRACER_HEAD] = "head",
	[IOTRACER_NR_LAYOUTS] = NULL,
};

const char *iotracer_name(enum iotracer_layout layout, enum iotracer_stream stream)
{
	static const char *const names[] = { "fs", "block", "cache", "pagefault" };

	return layout == IOTRACER_SEED && stream == IOTRACER_BLOCK ? "ds" : names[stream];
}

enum packing iotracer_packing(enum iotracer_layout layout)
{
	return layout == IOTRACER_SEED   ? PACKED_GZIP
	       : layout == IOTRACER_HEAD ? PACKED_ZSTD
					 : PACKED_NOT;
}

u64 iotracer_events(enum iotracer_layout layout, enum iotracer_stream stream)
{
	u64 events = 0;

	if (!columns[layout][stream])
		return 0;
	for (u32 i = 0; stream == IOTRACER_FS && i < ARRAY_SIZE(operations_of); i++)
		events |= 1ull << operations_of[i].slot;
	if (stream == IOTRACER_BLOCK)
		events = 1ull << SN_SLOT_block_io;
	if (stream == IOTRACER_FAULT)
		events = 1ull << SN_SLOT_fault_file;
	if (stream == IOTRACER_CACHE)
		events = 1ull << SN_SLOT_pagecache_add | 1ull << SN_SLOT_pagecache_remove |
			 1ull << SN_SLOT_pagecache_dirty | 1ull << SN_SLOT_pagecache_writeback |
			 1ull << SN_SLOT_vfs_read | 1ull << SN_SLOT_vfs_write;
	return events;
}

static void put_header(struct iotracer *t)
{
	struct iotracer_column c;

	for (u32 i = 0; iotracer_column(t->file.layout, t->file.stream, i, &c); i++)
		buf_printf(&t->out, "%s%s", i ? "," : "", c.name);
	buf_putc(&t->out, '\n');
}

/* ---- rows ---- */

static void put_line(struct iotracer *t, const u8 *ids)
{
	for (u32 i = 0; ids[i] != C_end; i++) {
		if (i)
			buf_putc(&t->out, ',');
		all_columns[ids[i]].put(t);
	}
	buf_putc(&t->out, '\n');
	t->rows++;
}

static void put_fs(struct iotracer *t, enum iotracer_op op)
{
	t->op = operation(t, op);
	if (!(operations[t->op].layouts >> t->file.layout & 1))
		t->left_out[t->op]++;
	else if (t->file.layout == IOTRACER_SEED && iotracer_is_dual(t))
		put_line(t, fs_seed_dual);
	else
		put_line(t, columns[t->file.layout][IOTRACER_FS]);
}

static void put_pages(struct iotracer *t, const char *event, u64 index, u64 pages)
{
	t->cache_event = event;
	t->cache_index = index;
	t->cache_pages = pages;
	put_line(t, columns[t->file.layout][IOTRACER_CACHE]);
}

/* What the layouts call it: every way into the cache that is not read ahead is a miss. */
static const char *cache_event_of(const struct iotracer *t)
{
	switch (t->batch->ev->slot) {
	case SN_SLOT_pagecache_add:
		return iotracer_is(t, KEY_addition, "ahead") ? "READAHEAD" : "MISS";
	case SN_SLOT_pagecache_dirty:
		return "DIRTY";
	case SN_SLOT_pagecache_writeback:
		return "WRITEBACK_END";
	default:
		return iotracer_is(t, KEY_removal, "unlinked") ? "DROP"
		       : iotracer_is(t, KEY_removal, "truncated") ||
				       iotracer_is(t, KEY_removal, "invalidated")
			       ? "INVALIDATE"
			       : "EVICT";
	}
}

/* A read or write is one row for all pages that it found; for those it missed only where no others tell. */
static void put_cache(struct iotracer *t)
{
	u64 index = 0, pages = 0, offset = 0;

	if (t->column[t->batch->ev->slot][KEY_hit_pages] < 0) {
		(void)iotracer_num(t, KEY_index, &index);
		(void)iotracer_num(t, KEY_pages, &pages);
		if (t->batch->ev->slot == SN_SLOT_pagecache_writeback) {
			(void)iotracer_num(t, KEY_dur_ns, &t->earlier_ns);
			put_pages(t, "WRITEBACK_START", index, pages);
			t->earlier_ns = 0;
		}
		put_pages(t, cache_event_of(t), index, pages);
		return;
	}
	(void)iotracer_num(t, KEY_offset, &offset);
	index = offset / t->file.page_size;
	if (iotracer_num(t, KEY_hit_pages, &pages) && pages)
		put_pages(t, "HIT", index, pages);
	if (!t->file.knows_pages && iotracer_num(t, KEY_miss_pages, &pages) && pages)
		put_pages(t, "MISS", index, pages);
}

/* Of a fault that could not be served the layouts know nothing. */
static void put_fault(struct iotracer *t)
{
	if (iotracer_is(t, KEY_severity, "failed"))
		t->left_out[OP_FAILED_FAULT]++;
	else
		put_line(t, columns[t->file.layout][IOTRACER_FAULT]);
}

static void meet(struct iotracer *t, const struct sn_event *ev)
{
	for (u32 k = 0; !t->is_met[ev->slot] && k < NR_KEYS; k++)
		t->column[ev->slot][k] = (s16)schema_column(ev, key_names[k]);
	t->is_met[ev->slot] = true;
}

static int flush(struct sink *s, struct diag *d)
{
	struct iotracer *t = (struct iotracer *)s;
	int r = t->out.failed ? -ENOMEM : packed_write(t->packed, t->out.data, t->out.len, d);

	t->out.len = 0;
	return r;
}

static int rows(struct sink *s, const struct batch *b, u32 from, u32 to, struct diag *d)
{
	enum iotracer_op op = operation_of(b->ev->slot);
	struct iotracer *t = (struct iotracer *)s;
	int r = 0;

	meet(t, b->ev);
	t->batch = b;
	for (t->row = from; !r && t->row < to; t->row++) {
		if (t->file.stream == IOTRACER_FS)
			put_fs(t, op);
		else if (t->file.stream == IOTRACER_CACHE)
			put_cache(t);
		else if (t->file.stream == IOTRACER_FAULT)
			put_fault(t);
		else
			put_line(t, columns[t->file.layout][IOTRACER_BLOCK]);
		if (t->out.len >= FLUSH_BYTES)
			r = flush(s, d);
	}
	return t->out.failed ? -ENOMEM : r;
}

static int close_sink(struct sink *s, struct diag *d)
{
	struct iotracer *t = (struct iotracer *)s;
	int r, closed;

	if (!t)
		return 0;
	r = flush(s, d);
	closed = packed_close(t->packed, d);
	buf_done(&t->out);
	free(t);
	return r < 0 ? r : closed;
}

int iotracer_open(int fd, const struct iotracer_file *file, struct sink **ret)
{
	static const struct sink_ops ops = { .rows = rows, .flush = flush, .close = close_sink };
	struct iotracer *t = calloc(1, sizeof(*t));

	if (!t || packed_open(fd, iotracer_packing(file->layout), &t->packed) < 0) {
		free(t);
		return -ENOMEM;
	}
	t->sink.ops = &ops;
	t->file = *file;
	if (file->layout == IOTRACER_HEAD)
		put_header(t);
	*ret = &t->sink;
	return 0;
}

u64 iotracer_rows(const struct sink *s)
{
	return ((const struct iotracer *)s)->rows;
}

const struct iotracer_left_out *iotracer_left_out(struct sink *s)
{
	struct iotracer *t = (struct iotracer *)s;
	u32 nr = 0;

	for (u32 i = 0; i < NR_OPERATIONS; i++)
		if (t->left_out[i])
			t->told[nr++] =
				(struct iotracer_left_out){ operations[i].name, t->left_out[i] };
	t->told[nr] = (struct iotracer_left_out){};
	return t->told;
}
