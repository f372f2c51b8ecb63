// SPDX-License-Identifier: BSD-2-Clause
/* Files in memory: mmap, munmap, mremap, msync, madvise. */
#include "sonde-work.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static struct wfile a, b;

/* A call, and what its row says. */
struct map_try {
	const char *call;
	long arg[6];
	const struct wfile *file; /* NULL: not known which */
	s64 offset;
	s64 bytes; /* of the file in the range; 0: not known, and neither whether others are there */
	bool others;
	const char *prot, *flags; /* as they are written */
};

static long number_of(const char *call)
{
	static const struct {
		const char *name;
		long nr;
	} calls[] = {
		{ "mmap", SYS_mmap },   { "munmap", SYS_munmap },   { "mremap", SYS_mremap },
		{ "msync", SYS_msync }, { "madvise", SYS_madvise },
	};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (!strcmp(call, calls[i].name))
			return calls[i].nr;
	die("no call %s", call);
}

#define IS(what) (!strcmp(t->call, what))

static void claim_mapping(struct claim *c, const struct map_try *t)
{
	if (IS("mmap")) {
		claim_num(c, "offset", t->offset);
		claim_num(c, "fd", (int)t->arg[4]);
		claim_str(c, "prot", t->prot);
		claim_str(c, "map_flags", t->flags);
		return;
	}
	if (t->file)
		claim_num(c, "offset", t->offset);
	else
		claim_null(c, "offset");
	if (t->bytes) {
		claim_num(c, "mapped_bytes", t->bytes);
		claim_bool(c, "other_files", t->others);
	} else {
		claim_null(c, "mapped_bytes");
		claim_null(c, "other_files");
	}
	if (IS("mremap")) {
		claim_num(c, "to_length", t->arg[2]);
		claim_str(c, "mremap_flags", t->flags);
		if (t->arg[3] & MREMAP_FIXED)
			claim_num(c, "to_addr", t->arg[4]);
		else
			claim_null(c, "to_addr");
	}
	if (IS("msync"))
		claim_str(c, "msync_flags", t->flags);
	if (IS("madvise"))
		claim_str(c, "advice", t->flags);
}

static s64 do_map(const struct map_try *t)
{
	static const struct wfile unknown = { .fd = -1 };
	const struct wfile *f = t->file ?: &unknown;
	const long *arg = t->arg;
	char event[32] = "vfs_";
	struct claim c;
	s64 ret;

	ret = SYS(number_of(t->call), arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	claim_row(&c, strcat(event, t->call));
	claim_str(&c, "call", t->call);
	claim_str(&c, "origin", "user");
	claim_ret(&c, ret);
	claim_num(&c, "addr", arg[0]);
	claim_num(&c, "length", arg[1]);
	if (IS("mmap") || IS("mremap")) {
		if (ret >= 0)
			claim_num(&c, "new_addr", ret);
		else
			claim_null(&c, "new_addr");
	}
	claim_file(&c, f);
	claim_str(&c, "path_known", f->fd < 0 ? "unknown" : f->unlinked ? "unlinked" : "exact");
	claim_bool(&c, "unlinked", f->unlinked);
	claim_mapping(&c, t);
	claim_end(&c);
	return ret;
}

#define MAP(call_, args, ...) do_map(&(struct map_try){ .call = call_, .arg = args, __VA_ARGS__ })
#define ARGS(...)           \
	{                   \
		__VA_ARGS__ \
	}

/* Maps pages of a file from one of its pages on; at: there, or 0. */
static long map(const struct wfile *f, long page, long nr, long at)
{
	return MAP("mmap",
		   ARGS(at, nr * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | (at ? MAP_FIXED : 0),
			f->fd, page * PAGE),
		   .file = f, .offset = page * PAGE, .prot = "PROT_READ|PROT_WRITE",
		   .flags = at ? "MAP_SHARED|MAP_FIXED" : "MAP_SHARED");
}

static void unmap(long at, long nr, const struct wfile *f, long page, long of_file, bool others)
{
	MAP("munmap", ARGS(at, nr * PAGE), .file = f, .offset = page * PAGE,
	    .bytes = of_file * PAGE, .others = others);
}

/* Memory of no file: no row. */
static long anonymous(long nr, int flags)
{
	long at = SYS(SYS_mmap, 0, nr * PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

	if (at < 0)
		die("no memory");
	return at;
}

static void mmaps(void)
{
	struct wfile written, directory;
	long at;

	wfile_open(&written, in_dir("b"), O_WRONLY, 0);
	wfile_open(&directory, work_dir, O_RDONLY | O_DIRECTORY, 0);
	at = MAP("mmap", ARGS(0, 3 * PAGE + 5, PROT_READ, MAP_PRIVATE | MAP_POPULATE, b.fd, 0),
		 .file = &b, .prot = "PROT_READ", .flags = "MAP_PRIVATE|MAP_POPULATE");
	MAP("mmap", ARGS(at, PAGE, PROT_NONE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, a.fd, PAGE),
	    .file = &a, .offset = PAGE, .prot = "PROT_NONE",
	    .flags = "MAP_PRIVATE|MAP_FIXED|MAP_NORESERVE");
	MAP("mmap", ARGS(at, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, a.fd, 0),
	    .file = &a, .prot = "PROT_READ", .flags = "MAP_SHARED|MAP_FIXED_NOREPLACE");
	unmap(at, 4, &a, 1, 1, true);
	MAP("mmap", ARGS(0, PAGE, PROT_READ, MAP_PRIVATE, 900, 0), .prot = "PROT_READ",
	    .flags = "MAP_PRIVATE");
	MAP("mmap", ARGS(0, PAGE, PROT_READ, MAP_SHARED, written.fd, 0), .file = &written,
	    .prot = "PROT_READ", .flags = "MAP_SHARED");
	MAP("mmap", ARGS(0, PAGE, PROT_READ, MAP_PRIVATE, directory.fd, 0), .file = &directory,
	    .prot = "PROT_READ", .flags = "MAP_PRIVATE");
	MAP("mmap", ARGS(0, PAGE, PROT_READ, MAP_PRIVATE, a.fd, 5), .file = &a, .offset = 5,
	    .prot = "PROT_READ", .flags = "MAP_PRIVATE");
	MAP("mmap", ARGS(0, 0, PROT_READ, MAP_PRIVATE, a.fd, 0), .file = &a, .prot = "PROT_READ",
	    .flags = "MAP_PRIVATE");
	SYS(SYS_close, written.fd);
	SYS(SYS_close, directory.fd);
}

/* A mapping that becomes two, and shorter at both ends. */
static void splits(void)
{
	long at = map(&a, 1, 7, 0);

	unmap(at + 3 * PAGE, 1, &a, 4, 1, false);
	unmap(at, 1, &a, 1, 1, false);
	MAP("munmap", ARGS(at + 6 * PAGE, 100), .file = &a, .offset = 7 * PAGE, .bytes = PAGE);
	unmap(at + PAGE, 2, &a, 2, 2, false);
	MAP("munmap", ARGS(at + 4 * PAGE + 1, PAGE), .file = &a, .offset = 5 * PAGE + 1,
	    .bytes = PAGE);
	unmap(at + 4 * PAGE, 2, &a, 5, 2, false);
}

static void neighbours(void)
{
	long at = anonymous(7, MAP_PRIVATE);

	map(&a, 2, 2, at + PAGE);
	map(&b, 0, 2, at + 3 * PAGE);
	map(&a, 7, 1, at + 5 * PAGE);
	unmap(at, 7, &a, 2, 3, true);

	at = anonymous(3, MAP_PRIVATE);
	map(&b, 1, 1, at + PAGE);
	unmap(at, 3, &b, 1, 1, false);

	/* Nothing is where it begins. */
	at = anonymous(3, MAP_PRIVATE);
	map(&b, 1, 1, at + PAGE);
	SYS(SYS_munmap, at, PAGE);
	unmap(at, 3, NULL, 0, 0, false);
	unmap(at, 1, NULL, 0, 0, false);

	/* It ends with nothing. */
	at = anonymous(2, MAP_PRIVATE);
	map(&b, 1, 1, at);
	SYS(SYS_munmap, at + PAGE, PAGE);
	unmap(at, 2, &b, 1, 0, false);
}

/* More mappings than are looked at. */
static void many(void)
{
	enum { NR = 20 };
	long at = anonymous(NR + 1, MAP_PRIVATE);

	for (int i = 0; i < NR; i += 2)
		SYS(SYS_mprotect, at + i * PAGE, PAGE, PROT_READ);
	map(&a, 0, 1, at + NR * PAGE);
	unmap(at, NR + 1, NULL, 0, 0, false);

	at = anonymous(NR, MAP_PRIVATE);
	for (int i = 0; i < NR; i++)
		map(i & 1 ? &a : &b, 0, 1, at + i * PAGE);
	unmap(at, 16, &b, 0, 8, true);
	unmap(at + 16 * PAGE, 4, &b, 0, 2, true);
}

static void memory(void)
{
	int segment = shmget(IPC_PRIVATE, PAGE, 0600);
	long at = anonymous(2, MAP_PRIVATE);

	SYS(SYS_madvise, at, PAGE, MADV_WILLNEED);
	SYS(SYS_munmap, at, PAGE);
	at = SYS(SYS_mremap, at + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	SYS(SYS_munmap, at, 2 * PAGE);
	at = anonymous(2, MAP_SHARED);
	SYS(SYS_msync, at, PAGE, MS_SYNC);
	SYS(SYS_munmap, at, 2 * PAGE);
	at = (long)shmat(segment, NULL, 0);
	shmctl(segment, IPC_RMID, NULL); /* with its last mapping */
	SYS(SYS_madvise, at, PAGE, MADV_WILLNEED);
	SYS(SYS_munmap, at, PAGE);
	SYS(SYS_munmap, at, 0);
}

static void mremaps(void)
{
	long at = map(&a, 1, 4, 0), to = anonymous(8, MAP_PRIVATE);

	MAP("mremap", ARGS(at, 4 * PAGE, 3 * PAGE, 0), .file = &a, .offset = PAGE,
	    .bytes = 4 * PAGE, .flags = "");
	at = MAP("mremap", ARGS(at, 3 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to),
		 .file = &a, .offset = PAGE, .bytes = 3 * PAGE,
		 .flags = "MREMAP_MAYMOVE|MREMAP_FIXED");
	MAP("mremap", ARGS(at + PAGE, PAGE, 2 * PAGE, 0x100), .file = &a, .offset = 2 * PAGE,
	    .bytes = PAGE, .flags = "0x100");
	unmap(at, 8, &a, 1, 6, false);
	MAP("mremap", ARGS(at, PAGE, 2 * PAGE, MREMAP_MAYMOVE), .flags = "MREMAP_MAYMOVE");
}

static void msyncs(void)
{
	long at = map(&a, 0, 3, 0);

	memset((void *)at, 1, 2 * PAGE);
	MAP("msync", ARGS(at, 2 * PAGE, MS_SYNC), .file = &a, .bytes = 2 * PAGE,
	    .flags = "MS_SYNC");
	MAP("msync", ARGS(at + PAGE, 10, MS_ASYNC | MS_INVALIDATE), .file = &a, .offset = PAGE,
	    .bytes = PAGE, .flags = "MS_ASYNC|MS_INVALIDATE");
	MAP("msync", ARGS(at, PAGE, MS_SYNC | MS_ASYNC), .file = &a, .bytes = PAGE,
	    .flags = "MS_ASYNC|MS_SYNC");
	MAP("madvise", ARGS(at, 3 * PAGE, MADV_WILLNEED), .file = &a, .bytes = 3 * PAGE,
	    .flags = "MADV_WILLNEED");
	MAP("madvise", ARGS(at + 2 * PAGE, PAGE, MADV_DONTNEED), .file = &a, .offset = 2 * PAGE,
	    .bytes = PAGE, .flags = "MADV_DONTNEED");
	MAP("madvise", ARGS(at, PAGE, 77), .file = &a, .bytes = PAGE, .flags = "unknown(77)");
	unmap(at, 3, &a, 0, 3, false);
	MAP("msync", ARGS(at, PAGE, MS_SYNC), .flags = "MS_SYNC");
	MAP("madvise", ARGS(at, PAGE, MADV_RANDOM), .flags = "MADV_RANDOM");
}

/* A file that has no name any more, and the mapping alone holds what was open then. */
static void unlinked(void)
{
	struct wfile f, again;
	long at;

	make_file(in_dir("gone"), 2 * PAGE);
	wfile_open(&f, in_dir("gone"), O_RDWR, 0);
	wfile_open(&again, f.path, O_RDWR, 0);
	at = map(&f, 0, 2, 0);
	SYS(SYS_unlinkat, AT_FDCWD, f.path, 0);
	SYS(SYS_close, f.fd);
	f.fd = again.fd;
	f.unlinked = true;
	unmap(at, 1, &f, 0, 1, false);
	unmap(at + PAGE, 1, &f, 1, 1, false);
	SYS(SYS_close, f.fd);
}

static long inherited;

static void in_child(void *unused)
{
	(void)unused;
	unmap(inherited, 1, &b, 2, 1, false);
}

/* What others mapped: a child that inherited it, a thread, and none at the end of a process. */
static void others(void)
{
	inherited = map(&b, 2, 2, 0);
	reap(spawn(in_child, NULL));
	worker_join(worker_start("unmapper", in_child, NULL));
	unmap(inherited, 2, NULL, 0, 0, false);
}

void work_map_forms(void)
{
	if (sysconf(_SC_PAGESIZE) != PAGE)
		skip("pages have another size here");
	make_file(in_dir("a"), 8 * PAGE);
	make_file(in_dir("b"), 4 * PAGE);
	wfile_open(&a, in_dir("a"), O_RDWR, 0);
	wfile_open(&b, in_dir("b"), O_RDWR, 0);
	window_begin();
	mmaps();
	splits();
	neighbours();
	many();
	memory();
	mremaps();
	msyncs();
	unlinked();
	others();
	window_end();
}

void work_map_flood(void)
{
	static const char *const events[] = { "vfs_mmap", "vfs_munmap", "vfs_mremap", "vfs_msync",
					      "vfs_madvise" };
	u64 nr = param_num("n", 5000);
	long at;

	make_file(in_dir("a"), 2 * PAGE);
	wfile_open(&a, in_dir("a"), O_RDWR, 0);
	flood_begin();
	for (u64 i = 0; i < nr; i++) {
		flood_round(i, nr);
		at = SYS(SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, a.fd, 0);
		if (at < 0 || SYS(SYS_madvise, at, PAGE, MADV_RANDOM) ||
		    SYS(SYS_msync, at, PAGE, MS_ASYNC))
			die("a call failed");
		at = SYS(SYS_mremap, at, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
		if (at < 0 || SYS(SYS_munmap, at, 2 * PAGE))
			die("a call failed");
	}
	flood_end();
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		claim_count(events[i], nr, "");
}
