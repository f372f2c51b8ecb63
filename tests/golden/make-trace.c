// SPDX-License-Identifier: BSD-2-Clause
/*
 * Writes a trace that tells a small story, the same one every time, for tests
 * that compare what is made of it byte for byte:
 *
 *	make-trace DIR MANIFEST.JSON
 *
 * A program "ingest" starts two children. "parser" reads a cold file from disk
 * 259:0 and waits on a pipe; "store" writes to a database on disk 8:16 and waits
 * a second for one fdatasync. Some opens fail. There are two holes. Names hold
 * blanks, quotes, a comma and an escape sequence.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "schema/values.h"
#include "trace/writer.h"

#define START 5000000000000ull /* CLOCK_MONOTONIC when the recording began */
#define US 1000ull
#define MS 1000000ull
#define DEV(major, minor) ((major) << 20 | (minor))
#define SSD DEV(259u, 0u)
#define DISK DEV(8u, 16u)
#define EXT4 0xef53u
#define PIPEFS 0x50495045u

enum { INGEST = 1200, PARSER = 1201, STORE = 1202, KWORKER = 77 };

struct story {
	struct trace_writer *w;
	struct intern pool;
	u64 now; /* ns from START */
	u64 op, rq;
};

/* A record with text behind it. */
struct record {
	union {
		struct sn_hdr hdr;
		struct sn_tasks tasks;
		struct sn_proc_fork proc_fork;
		struct sn_proc_exec proc_exec;
		struct sn_proc_exit proc_exit;
		struct sn_vfs_read vfs_read;
		struct sn_vfs_write vfs_write;
		struct sn_vfs_open vfs_open;
		struct sn_vfs_close vfs_close;
		struct sn_vfs_fsync vfs_fsync;
		struct sn_block_io block_io;
		struct sn_pagecache_remove pagecache_remove; /* the others are like it */
		struct sn_pagecache_writeback pagecache_writeback;
		struct sn_fault_file fault_file;
		struct sn_lost lost;
		struct sn_clock clock;
		u8 bytes[1024];
	};
	size_t size;
	const char *path, *known; /* names that are joined */
};

static void die(const char *what, int r)
{
	(void)fprintf(stderr, "make-trace: %s: %s\n", what, strerror(-r));
	exit(1);
}

static const char *comm_of(u32 pid)
{
	switch (pid) {
	case INGEST:
		return "ingest";
	case PARSER:
		return "parser";
	case STORE:
		return "store";
	default:
		return "kworker/1:2";
	}
}

/* Joined by a blank, as on every row; a thread of the kernel has none. */
static const char *cmdline_of(u32 pid)
{
	switch (pid) {
	case INGEST:
		return "./ingest --from input data.csv";
	case PARSER:
		return "parser input data.csv";
	case STORE:
		return "store --db /srv/db/events.db";
	default:
		return NULL;
	}
}

static struct record begin(struct story *s, u16 id, u32 pid)
{
	struct record r = {};

	r.hdr.ts = START + s->now;
	r.hdr.id = id;
	r.hdr.pid = r.hdr.tid = pid;
	r.hdr.cpu = pid % 2;
	r.hdr.cgroup = 4711;
	r.size = schema_by_id(id)->size;
	return r;
}

static void text(struct record *r, struct sn_str *at, const char *p, size_t len)
{
	at->off = (u16)r->size;
	at->len = (u16)len;
	memcpy(r->bytes + r->size, p, len);
	r->size += len;
}

static void put(struct story *s, struct record *r)
{
	const char *comm = comm_of(r->hdr.pid), *cmdline = cmdline_of(r->hdr.pid);
	struct sn_names names = {};
	int err;

	names.str[SN_D_comm] = intern(&s->pool, comm, strlen(comm));
	if (cmdline)
		names.str[SN_D_cmdline] = intern(&s->pool, cmdline, strlen(cmdline));
	if (r->path)
		names.str[SN_D_path] = intern(&s->pool, r->path, strlen(r->path));
	if (r->known)
		names.str[SN_D_path_known] = intern(&s->pool, r->known, strlen(r->known));
	err = trace_writer_put(s->w, schema_by_id(r->hdr.id), r->bytes, r->size, &names);
	if (err < 0)
		die("put", err);
}

static void task(struct story *s, u32 pid, u32 parent, u64 start, const char *args, size_t len)
{
	struct record r = begin(s, SN_EV_tasks, pid);

	r.tasks.start_ns = START + start;
	r.tasks.parent_pid = parent;
	r.tasks.kthread = pid == KWORKER;
	r.tasks.how = SN_KNOWN_exact;
	text(&r, &r.tasks.name, comm_of(pid), strlen(comm_of(pid)));
	if (len)
		text(&r, &r.tasks.args, args, len);
	put(s, &r);
}

static void fork_row(struct story *s, u32 pid, u32 child)
{
	struct record r = begin(s, SN_EV_proc_fork, pid);

	r.proc_fork.child_pid = r.proc_fork.child_tid = child;
	put(s, &r);
}

static void exec_row(struct story *s, u32 pid, const char *file, const char *args, size_t len)
{
	struct record r = begin(s, SN_EV_proc_exec, pid);

	r.proc_exec.old_tid = pid;
	text(&r, &r.proc_exec.file, file, strlen(file));
	text(&r, &r.proc_exec.args, args, len);
	put(s, &r);
}

static void exit_row(struct story *s, u32 pid, u64 lived, u32 code, u32 signal)
{
	struct record r = begin(s, SN_EV_proc_exit, pid);

	r.proc_exit.dur_ns = lived;
	if (signal)
		sn_set(&r.proc_exit, signal, signal);
	else
		sn_set(&r.proc_exit, code, code);
	put(s, &r);
}

/* The identity of a file, which every file operation has in fields of the same names. */
#define SET_FILE(e, ino_, dev_, magic, type) \
	do {                                 \
		sn_set(e, ino, ino_);        \
		sn_set(e, dev, dev_);        \
		sn_set(e, gen, 1);           \
		sn_set(e, fs_magic, magic);  \
		sn_set(e, file_type, type);  \
	} while (0)

static void read_row_at(struct story *s, u32 pid, const char *path, u64 dur, s64 ret, u64 op,
			s64 offset)
{
	struct record r = begin(s, SN_EV_vfs_read, pid);
	bool is_pipe = path && !strncmp(path, "pipe:", 5);
	u32 pages = (u32)(ret + 4095) / 4096, missed = dur >= MS / 4 ? pages : 0;

	r.path = path;
	r.known = path ? "exact" : NULL;
	r.hdr.op = op;
	if (path && !is_pipe && ret > 0) { /* what takes long was not in memory */
		sn_set(&r.vfs_read, hit_pages, pages - missed);
		sn_set(&r.vfs_read, miss_pages, missed);
	}
	r.vfs_read.dur_ns = dur;
	r.vfs_read.requested_bytes = 131072;
	r.vfs_read.ret = ret;
	r.vfs_read.call = SN_CALL_read;
	SET_FILE(&r.vfs_read, path ? 100 : 815, is_pipe ? 14 : SSD, is_pipe ? PIPEFS : EXT4,
		 is_pipe ? S_IFIFO : S_IFREG);
	sn_set(&r.vfs_read, fd, 3);
	if (offset >= 0)
		sn_set(&r.vfs_read, offset, offset);
	put(s, &r);
}

/* Of what has no position. */
static void read_row(struct story *s, u32 pid, const char *path, u64 dur, s64 ret, u64 op)
{
	read_row_at(s, pid, path, dur, ret, op, -1);
}

static void write_row(struct story *s, u32 pid, const char *path, u64 dur, s64 ret)
{
	struct record r = begin(s, SN_EV_vfs_write, pid);

	r.path = path;
	r.known = "dictionary";
	r.hdr.op = ++s->op;
	r.vfs_write.dur_ns = dur;
	r.vfs_write.requested_bytes = ret > 0 ? (u64)ret : 4096;
	r.vfs_write.ret = ret;
	r.vfs_write.call = SN_CALL_pwrite64;
	SET_FILE(&r.vfs_write, 200, DISK, EXT4, S_IFREG);
	sn_set(&r.vfs_write, offset, (s64)(s->op * 4096));
	put(s, &r);
}

static void open_row(struct story *s, u32 pid, const char *path, u64 dur, s64 ret)
{
	struct record r = begin(s, SN_EV_vfs_open, pid);

	r.path = path;
	r.known = ret >= 0 ? "exact" : *path == '/' ? "given" : "joined";
	r.hdr.op = ++s->op;
	r.vfs_open.dur_ns = dur;
	r.vfs_open.ret = ret;
	r.vfs_open.flags = O_RDONLY | O_CLOEXEC;
	r.vfs_open.call = SN_CALL_openat;
	if (ret < 0)
		text(&r, &r.vfs_open.name, path, strlen(path));
	else
		SET_FILE(&r.vfs_open, 100, SSD, EXT4, S_IFREG);
	put(s, &r);
}

static void close_row(struct story *s, u32 pid, const char *path, u64 dur, s64 ret)
{
	struct record r = begin(s, SN_EV_vfs_close, pid);

	r.path = path;
	r.known = path ? "exact" : NULL;
	r.hdr.op = ++s->op;
	r.vfs_close.dur_ns = dur;
	r.vfs_close.ret = ret;
	r.vfs_close.fd = 3;
	if (path)
		SET_FILE(&r.vfs_close, 100, SSD, EXT4, S_IFREG);
	put(s, &r);
}

static void sync_row(struct story *s, u32 pid, const char *path, u64 dur, u64 op)
{
	struct record r = begin(s, SN_EV_vfs_fsync, pid);

	r.path = path;
	r.known = "snapshot";
	r.hdr.op = op;
	r.vfs_fsync.dur_ns = dur;
	r.vfs_fsync.call = SN_CALL_fdatasync;
	SET_FILE(&r.vfs_fsync, 200, DISK, EXT4, S_IFREG);
	put(s, &r);
}

/* A request that waited queue ns (0: was issued directly) and then took device ns. */
static void block_row(struct story *s, u32 pid, u64 op, u32 dev, u32 blk_op, u64 sector, u64 bytes,
		      u64 queue, u64 device)
{
	struct record r = begin(s, SN_EV_block_io, pid);

	r.hdr.op = op;
	r.block_io.rq = ++s->rq;
	if (blk_op != SN_BLK_OP_flush)
		sn_set(&r.block_io, sector, sector);
	r.block_io.bytes = bytes;
	r.block_io.dur_ns = queue + device;
	if (queue)
		sn_set(&r.block_io, queue_ns, queue);
	sn_set(&r.block_io, device_ns, device);
	r.block_io.dev = dev;
	r.block_io.blk_op = blk_op;
	r.block_io.blk_flags = op ? 1u << SN_BLK_FLAG_sync : 0;
	r.block_io.blk_kind = SN_BLK_rq;
	r.block_io.parts = 1;
	if (s->rq == 9) {
		r.block_io.requeues = 2;
		r.block_io.parts = 3;
	}
	if (s->rq == 12)
		r.block_io.error = -EIO;
	put(s, &r);
}

static void pages_row(struct story *s, u16 id, u32 pid, const char *path, u64 ino, u64 index,
		      u32 pages, u8 why)
{
	struct record r = begin(s, id, pid);

	r.path = path;
	r.known = path ? "exact" : NULL;
	r.pagecache_remove.ino = ino;
	r.pagecache_remove.index = index;
	r.pagecache_remove.pages = pages;
	r.pagecache_remove.dev = ino == 200 ? DISK : SSD;
	r.pagecache_remove.gen = 1;
	r.pagecache_remove.fs_magic = EXT4;
	r.pagecache_remove.file_type = S_IFREG;
	r.pagecache_remove.removal = why;
	put(s, &r);
}

static void writeback_row(struct story *s, u32 pid, const char *path, u64 ino, u64 index, u32 pages,
			  u64 dur)
{
	struct record r = begin(s, SN_EV_pagecache_writeback, pid);

	r.path = path;
	r.known = "dictionary";
	r.pagecache_writeback.dur_ns = dur;
	r.pagecache_writeback.ino = ino;
	r.pagecache_writeback.index = index;
	r.pagecache_writeback.pages = pages;
	r.pagecache_writeback.dev = DISK;
	r.pagecache_writeback.gen = 1;
	r.pagecache_writeback.fs_magic = EXT4;
	r.pagecache_writeback.file_type = S_IFREG;
	put(s, &r);
}

static void fault_row(struct story *s, u32 pid, const char *path, u64 ino, u64 index,
		      enum sn_access access, enum sn_severity severity, u64 dur, u64 op)
{
	struct record r = begin(s, SN_EV_fault_file, pid);

	r.path = path;
	r.known = "exact";
	r.hdr.op = op;
	r.fault_file.dur_ns = dur;
	r.fault_file.addr = 0x7f0000000000ull + index * 4096;
	r.fault_file.ino = ino;
	r.fault_file.index = index;
	r.fault_file.dev = ino == 200 ? DISK : SSD;
	r.fault_file.gen = 1;
	r.fault_file.fs_magic = EXT4;
	r.fault_file.file_type = S_IFREG;
	r.fault_file.access = (u8)access;
	r.fault_file.severity = (u8)severity;
	put(s, &r);
}

static void hole(struct story *s, u16 of, u32 cause, u64 nr, u64 first, u64 last)
{
	struct record r = begin(s, SN_EV_lost, 0);

	r.lost.first_ns = START + first;
	r.lost.last_ns = START + last;
	r.lost.nr = nr;
	r.lost.of = of;
	r.lost.cause = cause;
	put(s, &r);
}

/* The wall clock: slewed in the first two seconds, then set an hour ahead, nobody knows when. */
static void clocks(struct story *s)
{
	static const struct {
		u64 at, wall;
	} reads[] = {
		{ 0, 0 },
		{ 2000 * MS, 2000 * MS + 200 * US },
		{ 4000 * MS, 4000 * MS + 3600 * 1000 * MS },
	};
	u64 now = s->now;

	for (u32 i = 0; i < ARRAY_SIZE(reads); i++) {
		struct record r;

		s->now = reads[i].at;
		r = begin(s, SN_EV_clock, 0);
		r.clock.wall_ns = 1795183331000000000 + reads[i].wall;
		r.clock.error_ns = 500;
		put(s, &r);
	}
	s->now = now;
}

#define ARGS(words) words, sizeof(words)

static void start_programs(struct story *s)
{
	static const char *const missing[] = { "/etc/ingest/local.conf", "/usr/lib/ingest/fast.so",
					       "./name, with \"quotes\" and \033[31mcolour" };

	task(s, KWORKER, 2, 0, "", 0);
	s->now = 2 * MS;
	task(s, INGEST, 1000, 1 * MS, ARGS("ingest"));
	exec_row(s, INGEST, "/usr/bin/ingest", ARGS("./ingest\0--from\0input data.csv"));
	for (u32 i = 0; i < ARRAY_SIZE(missing); i++)
		for (u32 j = 0; j < 3 * (3 - i); j++) {
			s->now += 40 * US;
			open_row(s, INGEST, missing[i], (3 + j) * US, i == 1 ? -EACCES : -ENOENT);
		}
	s->now = 10 * MS;
	fork_row(s, INGEST, PARSER);
	task(s, PARSER, INGEST, 10 * MS, ARGS("ingest"));
	exec_row(s, PARSER, "/usr/bin/parser", ARGS("parser\0input data.csv"));
	s->now = 12 * MS;
	fork_row(s, INGEST, STORE);
	task(s, STORE, INGEST, 12 * MS, ARGS("ingest"));
	exec_row(s, STORE, "/usr/bin/store", ARGS("store\0--db\0/srv/db/events.db"));
}

/* A cold file: each fourth read waits for a request, the others find what was read ahead. */
static void parse(struct story *s)
{
	static const char path[] = "/home/ann/input data.csv";
	u64 device;

	s->now = 20 * MS;
	open_row(s, PARSER, path, 31 * US, 3);
	for (u32 i = 0; i < 21; i++) /* the last of which is behind what is read */
		pages_row(s, SN_EV_pagecache_add, PARSER, path, 100, i * 640, 640,
			  i % 5 || i == 20 ? SN_ADDITION_ahead : SN_ADDITION_missed);
	for (u32 i = 0; i < 400; i++) {
		u64 op = ++s->op;

		s->now += 2 * MS;
		if (i % 4) {
			read_row_at(s, PARSER, path, (9 + i % 7) * US, 131072, op, i * 131072ll);
			continue;
		}
		device = (90 + i % 60 * 7) * US;
		block_row(s, PARSER, op, SSD, 0, 8192 + i * 256 + (i % 40 == 20 ? 4096 : 0), 524288,
			  0, device);
		s->now += 11 * US;
		for (u32 k = 0; k < 2 && op == 76; k++) /* it reads into a mapping */
			fault_row(s, PARSER, "/srv/db/window", 301, k, SN_ACCESS_write,
				  k ? SN_SEVERITY_minor : SN_SEVERITY_major, (9 - 8 * k) * US, op);
		read_row_at(s, PARSER, path, device + 25 * US, 131072, op, i * 131072ll);
	}
	s->now += 1 * MS;
	read_row_at(s, PARSER, path, 2 * US, 0, ++s->op, 400 * 131072ll);
	close_row(s, PARSER, path, 3 * US, 0);
	close_row(s, PARSER, NULL, 1 * US, -EBADF);
	for (u32 i = 0; i < 6; i++) {
		s->now += 300 * MS;
		read_row(s, PARSER, "pipe:[90817]", 295 * MS, 512, ++s->op);
	}
	read_row(s, PARSER, NULL, 7 * US, 4096, ++s->op);
	read_row(s, PARSER, path, 11 * US, -512, ++s->op); /* -ERESTARTSYS: not shown to the user */
	s->now += 1 * MS;
	exit_row(s, PARSER, s->now - 10 * MS, 0, 9);
}

/* Each write is fast, for they stay in memory; each sync pays for all before it. */
static void store(struct story *s)
{
	static const char db[] = "/srv/db/events.db", wal[] = "/srv/db/events.db-wal";

	s->now = 3000 * MS;
	for (u32 i = 0; i < 300; i++) {
		s->now += 1 * MS;
		write_row(s, STORE, i % 3 ? wal : db, (5 + i % 11) * US, i == 250 ? -ENOSPC : 4096);
		if (i % 100 != 99)
			continue;
		u64 op = ++s->op, slow = i == 199 ? 1000 * MS : 8 * MS;

		s->now += slow / 2;
		block_row(s, STORE, op, DISK, 1, 1ull << 33, 409600, slow / 8, slow / 4);
		block_row(s, STORE, op, DISK, 1, (1ull << 33) + 800, 409600, slow / 8,
			  slow / 4 + 1 * MS);
		s->now += slow / 2;
		block_row(s, STORE, op, DISK, 2, 0, 0, 0, slow / 2 - 1 * MS);
		s->now += 200 * US;
		sync_row(s, STORE, i == 199 ? wal : db, slow + 300 * US, op);
	}
	for (u32 i = 0; i < 8; i++) {
		s->now += 5 * MS;
		block_row(s, KWORKER, 0, DISK, 1, 500000 + i * 80000, 16384, 2 * MS,
			  6 * MS + i * 300 * US);
	}
	for (u64 i = 0; i < 12; i++)
		fault_row(s, STORE, db, 200, i, i % 3 ? SN_ACCESS_write : SN_ACCESS_read,
			  i % 6 ? SN_SEVERITY_minor : SN_SEVERITY_major,
			  i % 6 ? (2 + i) * US : 4 * MS, ++s->op);
	fault_row(s, STORE, db, 200, 99, SN_ACCESS_write, SN_SEVERITY_failed, 5 * US, ++s->op);
	fault_row(s, PARSER, "/usr/lib/libc.so.6", 300, 7, SN_ACCESS_exec, SN_SEVERITY_minor, 900,
		  ++s->op);
	pages_row(s, SN_EV_pagecache_dirty, STORE, db, 200, 0, 16, 0);
	pages_row(s, SN_EV_pagecache_dirty, STORE, db, 200, 64, 1, 0);
	writeback_row(s, KWORKER, db, 200, 0, 16, 3 * MS);
	pages_row(s, SN_EV_pagecache_remove, KWORKER, "/home/ann/input data.csv", 100, 0, 640,
		  SN_REMOVAL_reclaimed);
	pages_row(s, SN_EV_pagecache_remove, STORE, db, 200, 64, 1, SN_REMOVAL_truncated);
	pages_row(s, SN_EV_pagecache_remove, STORE, NULL, 815, 0, 4, SN_REMOVAL_invalidated);
	exit_row(s, STORE, s->now - 12 * MS, 0, 0);
	hole(s, SN_EV_vfs_read, SN_CAUSE_ring, 120, 3100 * MS, 3112 * MS);
	hole(s, SN_EV_vfs_read, SN_CAUSE_ring, 30, 3300 * MS, 3301 * MS);
	hole(s, SN_EV_vfs_write, SN_CAUSE_writer, 4, 3150 * MS, 3151 * MS);
	s->now += 2 * MS;
	exit_row(s, INGEST, s->now - 1 * MS, 3, 0);
}

static void put_manifest(struct story *s, const char *path)
{
	_cleanup_(buf_done) struct buf b = {};
	struct diag d = {};
	FILE *f = fopen(path, "re");
	size_t n;
	int r;

	if (!f)
		die(path, -errno);
	do {
		if (!buf_room(&b, 4096))
			die("manifest", -ENOMEM);
		n = fread(b.data + b.len, 1, 4096, f);
		b.len += n;
	} while (n);
	(void)fclose(f);
	r = trace_writer_manifest(s->w, b.data, b.len, &d);
	if (r < 0)
		die(d.text, r);
}

int main(int argc, char **argv)
{
	struct trace_writer_opts opts = { .rows_per_group = 256 };
	struct story s = {};
	struct diag d = {};
	int r;

	if (argc != 3) {
		(void)fprintf(stderr, "usage: make-trace DIR MANIFEST.JSON\n");
		return 2;
	}
	r = trace_writer_open(argv[1], &opts, &s.w, &d);
	if (r < 0)
		die(d.text, r);
	start_programs(&s);
	parse(&s);
	store(&s);
	clocks(&s);
	put_manifest(&s, argv[2]);
	r = trace_writer_finish(s.w, &d);
	if (r < 0)
		die(d.text, r);
	trace_writer_free(s.w);
	intern_done(&s.pool);
	return 0;
}
