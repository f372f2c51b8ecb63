// SPDX-License-Identifier: BSD-2-Clause
/*
 * Pages of files in the page cache. What is there is asked of mincore(2): a claim stands for what
 * the kernel itself says came and went.
 */
#include "sonde-work.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define NR 64 /* pages of a file, the last of which is not whole */
#define SIZE (NR * PAGE - 100)

struct cached {
	int fd;
	const char *path;
	void *map; /* never touched, but by whoever wants a fault */
};

static char bytes[NR * PAGE];

/* How many pages cachestat(2) counts; what mincore(2) shows where the kernel has none. */
static u64 counted_pages(const struct cached *f, u64 shown)
{
	struct {
		u64 off, len;
	} range = { 0, NR * PAGE };
	struct {
		u64 cache, dirty, writeback, evicted, recently_evicted;
	} stat;

	return SYS(SYS_cachestat, f->fd, &range, &stat, 0) ? shown : stat.cache;
}

/* Which pages are in memory: both calls agree, once those are that are being read. */
static void look_at_pages(const struct cached *f, unsigned char in[NR])
{
	u64 shown = 0, counted = 1;

	for (int i = 0; i < 100 && shown != counted; i++) {
		if (i)
			usleep(10000);
		if (mincore(f->map, NR * PAGE, in))
			die("mincore fails");
		shown = 0;
		for (u64 page = 0; page < NR; page++)
			shown += in[page] & 1;
		counted = counted_pages(f, shown);
	}
	if (shown != counted)
		die("%s: cachestat counts %llu pages, mincore shows %llu", f->path,
		    (unsigned long long)counted, (unsigned long long)shown);
}

/* The first page, of those from .. to - 1, that is in memory or not, other than wanted; or to. */
static u64 first_page_unlike(const struct cached *f, u64 from, u64 to, bool want)
{
	unsigned char in[NR];
	u64 at = from;

	look_at_pages(f, in);
	while (at < to && (in[at] & 1) == want)
		at++;
	return at;
}

static void is_resident(const struct cached *f, u64 from, u64 nr, bool want)
{
	u64 at = first_page_unlike(f, from, from + nr, want);

	if (at != from + nr)
		die("page %llu of %s is %sin memory", (unsigned long long)at, f->path,
		    want ? "not " : "");
}

static struct cached map_file(const char *path)
{
	struct cached f = { .path = path, .fd = open(path, O_RDWR | O_CREAT, 0644) };

	f.map = mmap(NULL, NR * PAGE, PROT_READ, MAP_SHARED, f.fd, 0);
	if (f.fd < 0 || f.map == MAP_FAILED)
		die("cannot map %s", path);
	return f;
}

/* A file that is on the disk, and not in memory. */
static struct cached cold_file(const char *name)
{
	const char *path = in_dir(name);
	struct cached f;

	make_file(path, SIZE);
	f = map_file(path);
	if (fsync(f.fd) || posix_fadvise(f.fd, 0, 0, POSIX_FADV_DONTNEED))
		die("cannot write %s", path);
	is_resident(&f, 0, NR, false);
	return f;
}

/*
 * What happened to these pages, each once, is told of this thread, with what more says. around: and
 * perhaps of others.
 */
static void claim_pages(const char *event, const struct cached *f, u64 from, u64 nr,
			const char *more, bool around)
{
	char where[8192];
	struct claim c;

	if (more && !around) /* and nothing else is told of them */
		claim_pages(event, f, from, nr, NULL, false);
	snprintf(where, sizeof(where), "{\"path\":\"%s\",\"tid\":%d,\"file_type\":\"regular\"%s%s}",
		 f->path, gettid(), more ? "," : "", more ?: "");
	claim_kind(&c, "pages");
	claim_str(&c, "event", event);
	claim_num(&c, "from", (s64)from);
	claim_num(&c, "n", (s64)nr);
	claim_bool(&c, "around", around);
	claim_json(&c, "where", where);
	claim_end(&c);
}

/* The read that asked for them is known by its operation, which rows of vfs have, too. */
static void claim_read(const struct cached *f)
{
	struct claim c;

	claim_row(&c, "vfs_read");
	claim_str(&c, "call", "pread64");
	claim_str(&c, "path", f->path);
	claim_ret(&c, SIZE);
	claim_let(&c, "op", "cold");
	claim_end(&c);
	claim_pages("pagecache_add", f, 0, NR, "\"op\":\"$cold\"", false);
}

static void read_and_drop(void)
{
	struct cached f = cold_file("cold");
	struct cached hole = map_file(in_dir("hole"));

	if (ftruncate(hole.fd, 4 * PAGE))
		die("cannot make a hole");
	window_begin();
	if (SYS(SYS_pread64, f.fd, bytes, SIZE, 0) != SIZE)
		die("a read failed");
	is_resident(&f, 0, NR, true);
	if (param_num("chain", 0))
		claim_read(&f);
	/* What is there does not come. */
	if (SYS(SYS_pread64, f.fd, bytes, SIZE, 0) != SIZE)
		die("a read failed");
	claim_pages("pagecache_add", &f, 0, NR, NULL, false);
	if (SYS(SYS_fadvise64, f.fd, 0, 0, POSIX_FADV_DONTNEED))
		die("fadvise fails");
	is_resident(&f, 0, NR, false);
	claim_pages("pagecache_remove", &f, 0, NR, "\"removal\":\"invalidated\"", false);
	if (SYS(SYS_pread64, hole.fd, bytes, 4 * PAGE, 0) != 4 * PAGE)
		die("a read failed");
	is_resident(&hole, 0, 4, true);
	claim_pages("pagecache_add", &hole, 0, 4, NULL, false);
	claim_pages("pagecache_dirty", &f, 0, 0, NULL, false);
	claim_pages("pagecache_dirty", &hole, 0, 0, NULL, false);
}

static void write_and_cut(void)
{
	struct cached f = map_file(in_dir("new"));
	u64 at;

	for (int i = 0; i < 2; i++) /* what is dirty does not become it */
		if (SYS(SYS_pwrite64, f.fd, bytes, 10 * PAGE, 0) != 10 * PAGE)
			die("a write failed");
	claim_pages("pagecache_add", &f, 0, 10, NULL, false);
	claim_pages("pagecache_dirty", &f, 0, 10, NULL, false);
	if (SYS(SYS_ftruncate, f.fd, 2 * PAGE))
		die("ftruncate fails");
	/* A folio that the end goes through may stay whole. */
	at = first_page_unlike(&f, 2, 10, true);
	if (first_page_unlike(&f, at, 10, false) != 10 || at == 10)
		die("truncated pages stay in memory");
	claim_pages("pagecache_remove", &f, at, 10 - at, "\"removal\":\"truncated\"", false);
}

static void write_again(const struct cached *f)
{
	if (SYS(SYS_pwrite64, f->fd, bytes, 10, 3 * PAGE) != 10)
		die("a write failed");
	claim_pages("pagecache_dirty", f, 3, 1, NULL, true);
	claim_pages("pagecache_add", f, 0, 0, NULL, false);
}

static void write_and_unlink(void)
{
	struct cached f = map_file(in_dir("gone"));

	if (SYS(SYS_pwrite64, f.fd, bytes, 5 * PAGE, 0) != 5 * PAGE)
		die("a write failed");
	claim_pages("pagecache_add", &f, 0, 5, NULL, false);
	claim_pages("pagecache_dirty", &f, 0, 5, NULL, false);
	if (munmap(f.map, NR * PAGE) || SYS(SYS_unlinkat, AT_FDCWD, f.path, 0) ||
	    SYS(SYS_close, f.fd))
		die("cannot remove a file");
	claim_pages("pagecache_remove", &f, 0, 5, "\"removal\":\"unlinked\"", false);
}

/* Does a thread that reclaims by MADV_PAGEOUT say so of itself? 5.10 does not, 6.1 does. */
static bool says_that_it_reclaims(void)
{
	struct utsname u;

	return !uname(&u) && atoi(u.release) >= 6;
}

/* What the kernel is asked to take back goes as if memory were short, but for what is in use. */
static void page_out(const struct cached *f)
{
	char where[8192];
	u64 from = 0, to, nr = 0;

	if (SYS(SYS_madvise, f->map, NR * PAGE, MADV_PAGEOUT))
		die("MADV_PAGEOUT fails");
	while ((from = first_page_unlike(f, from, NR, true)) < NR) {
		to = first_page_unlike(f, from, NR, false);
		claim_pages("pagecache_remove", f, from, to - from,
			    says_that_it_reclaims() ? "\"removal\":\"reclaimed\"" : NULL, true);
		nr += to - from;
		from = to;
	}
	if (!nr)
		die("nothing was reclaimed");
	snprintf(where, sizeof(where), "\"path\":\"%s\"", f->path);
	claim_sum("pagecache_remove", "pages", nr, where);
}

/*
 * Has the file system a page for each of its blocks, and a disk? What mincore(2) says of smaller blocks is
 * whether all of a page is up to date.
 */
static void need_whole_pages(const char *path)
{
	struct statfs st;

	if (statfs(path, &st))
		die("statfs fails");
	if (st.f_bsize < PAGE || (st.f_type != EXT4_SUPER_MAGIC && st.f_type != XFS_SUPER_MAGIC))
		skip("%s is on neither ext4 nor XFS with blocks of a page", path);
}

static void claim_touched(const struct cached *f, u64 addr, const char *op)
{
	struct claim c;

	claim_row(&c, "fault_file");
	claim_str(&c, "path", f->path);
	claim_num(&c, "addr", (s64)addr);
	claim_str(&c, "severity", "major");
	claim_let(&c, "op", op);
	claim_end(&c);
}

/* op: what the fault's row remembers its operation as; NULL: no row of that is claimed. */
static void touch(const struct cached *f, const char *op)
{
	volatile char *at = f->map;
	char where[64];
	u64 from, to;

	(void)at[20 * PAGE];
	from = first_page_unlike(f, 0, NR, false);
	to = first_page_unlike(f, from, NR, true);
	if (from > 20 || to <= 20 || first_page_unlike(f, to, NR, false) != NR)
		die("what was read ahead of a page that was touched does not lie around it");
	if (!op) {
		claim_pages("pagecache_add", f, from, to - from, NULL, false);
		return;
	}
	claim_touched(f, (u64)(uintptr_t)(at + 20 * PAGE), op);
	snprintf(where, sizeof(where), "\"op\":\"$%s\"", op);
	claim_pages("pagecache_add", f, from, to - from, where, false);
	snprintf(where, sizeof(where), "\"op\":\"$%s\",\"blk_op\":\"read\"", op);
	claim_sum("block_io", "bytes", (to - from) * PAGE, where);
}

/* A major fault, the pages that it brought into memory, and what it asked of the disk. */
void work_fault_chain(void)
{
	struct cached f = cold_file("mapped");

	need_whole_pages(f.path);
	window_begin();
	touch(&f, "fault");
	window_end();
}

/* What is dirty is on the disk when the call ends; the row is of its operation. */
static void sync_pages(const struct cached *f, u64 from, u64 nr, const char *op)
{
	char more[64];
	struct claim c;

	if (SYS(SYS_pwrite64, f->fd, bytes, nr * PAGE, from * PAGE) != (s64)(nr * PAGE) ||
	    SYS(SYS_fsync, f->fd))
		die("cannot write %s", f->path);
	claim_row(&c, "vfs_fsync");
	claim_num(&c, "fd", f->fd);
	claim_str(&c, "path", f->path);
	claim_ret(&c, 0);
	claim_let(&c, "op", op);
	claim_end(&c);
	snprintf(more, sizeof(more), "\"op\":\"$%s\"", op);
	claim_pages("pagecache_writeback", f, from, nr, more, true);
}

/* Pages are written back: by who waits for that. */
void work_cache_writeback(void)
{
	struct cached f = map_file(in_dir("synced"));
	char where[8192];

	window_begin();
	sync_pages(&f, 0, 10, "first");
	sync_pages(&f, 40, 20, "second");
	window_end();
	snprintf(where, sizeof(where), "\"path\":\"%s\"", f.path);
	claim_sum("pagecache_writeback", "pages", 30, where);
}

void work_cache_forms(void)
{
	struct cached again, mapped, paged;
	volatile char *at;

	make_file(in_dir("again"), SIZE);
	again = map_file(in_dir("again"));
	if (fsync(again.fd))
		die("cannot write");
	is_resident(&again, 0, NR, true);
	mapped = cold_file("mapped");
	paged = cold_file("paged");
	for (at = paged.map; at < (char *)paged.map + NR * PAGE; at += PAGE)
		(void)*at;
	read_and_drop();
	write_and_cut();
	write_again(&again);
	write_and_unlink();
	page_out(&paged);
	touch(&mapped, NULL);
	window_end();
}

/* ---- what a call finds there ---- */

static void drop(const struct wfile *f, u64 from, u64 nr)
{
	if (fsync(f->fd) ||
	    posix_fadvise(f->fd, (off_t)(from * PAGE), (off_t)(nr * PAGE), POSIX_FADV_DONTNEED))
		die("fadvise fails");
}

/* A file of so many bytes on the disk, of which none is in memory; what is read of it is not read ahead. */
static struct wfile looked_at(const char *path, s64 size, int flags)
{
	struct wfile f;

	if (size >= 0) {
		make_file(path, (u64)size);
		need_whole_pages(path);
	}
	wfile_open(&f, path, O_RDWR | flags, 0);
	f.nr_mapped = NR + 32; /* a disk goes on there */
	f.map = mmap(NULL, f.nr_mapped * PAGE, PROT_READ, MAP_SHARED, f.fd, 0);
	if (f.map == MAP_FAILED || SYS(SYS_fadvise64, f.fd, 0, 0, POSIX_FADV_RANDOM))
		die("cannot map %s", path);
	drop(&f, 0, NR);
	return f;
}

static u64 below(u64 *seed, u64 n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (*seed >> 33) % n;
}

/* Anything anywhere in the file, and beyond its end where it is read. */
static void some_io(struct wfile *f, u64 *seed)
{
	static const char *const calls[] = {
		"read",  "pread64",  "readv",  "preadv",  "preadv2",
		"write", "pwrite64", "writev", "pwritev", "pwritev2",
	};
	const char *call = calls[below(seed, ARRAY_SIZE(calls))];
	u64 at = below(seed, SIZE), len = below(seed, below(seed, 2) ? 3 * PAGE : 20 * PAGE);

	if (strchr(call, 'w') && at + len > SIZE)
		len = SIZE - at;
	if (SYS(SYS_lseek, f->fd, at, SEEK_SET) != (s64)at)
		die("lseek fails");
	if (strstr(call, "v2") && below(seed, 2))
		at = (u64)-1; /* where the file stands */
	do_io(call, f, bytes, len, (s64)at);
}

/* What is behind the end of a file of whole pages is asked for, and there is none. */
static void read_beyond(struct wfile *whole, struct wfile *empty)
{
	do_io("pread64", whole, bytes, NR * PAGE, 0);
	do_io("pread64", whole, bytes, NR * PAGE, 0);
	drop(whole, 3, 2);
	do_io("pread64", whole, bytes, NR * PAGE, PAGE + 1);
	do_io("pread64", whole, bytes, 1, 8 * PAGE);
	do_io("pread64", whole, bytes, PAGE, 9 * PAGE);
	do_io("pread64", whole, bytes, 0, PAGE);
	do_io("pread64", empty, bytes, PAGE, 0);
}

/* What one read asks for brings more into memory, which the next one finds. */
static void read_ahead(struct wfile *f)
{
	struct cached c = { .fd = f->fd, .path = f->path, .map = f->map };

	if (SYS(SYS_fadvise64, f->fd, 0, 0, POSIX_FADV_NORMAL))
		die("fadvise fails");
	drop(f, 0, NR);
	do_io("pread64", f, bytes, 4 * PAGE, 0);
	for (int i = 0; first_page_unlike(&c, 4, 8, true) != 8; i++) {
		if (i == 1000)
			die("nothing is read ahead");
		usleep(1000);
	}
	do_io("pread64", f, bytes, 4 * PAGE, 4 * PAGE);
}

/* Page 30 is to be read of what is mapped, for no read or write: or for one of the same file, from another place. */
static void fault_page(const struct cached *f, bool is_written)
{
	if (is_written) {
		if (SYS(SYS_pwrite64, f->fd, (char *)f->map + 30 * PAGE, 10, 0) != 10)
			die("a write failed");
	} else {
		(void)*((volatile char *)f->map + 30 * PAGE);
	}
	claim_pages("pagecache_add", f, 30, 1, "\"addition\":\"unknown\"", true);
}

/* And why it came: for the first of them, or ahead of it, or to be written to. */
void work_cache_additions(void)
{
	struct wfile f = looked_at(in_dir("ahead"), SIZE, 0);
	struct cached c = { .fd = f.fd, .path = f.path, .map = f.map };
	struct cached touched = cold_file("touched"), copied = cold_file("copied");
	struct cached new = map_file(in_dir("new"));

	window_begin();
	read_ahead(&f);
	if (SYS(SYS_pwrite64, new.fd, bytes, 3 * PAGE, 0) != 3 * PAGE)
		die("a write failed");
	fault_page(&touched, false);
	fault_page(&copied, true);
	claim_pages("pagecache_add", &c, 0, 4, "\"addition\":\"missed\"", true);
	claim_pages("pagecache_add", &c, 4, 4, "\"addition\":\"ahead\"", true);
	claim_pages("pagecache_add", &new, 0, 3, "\"addition\":\"written\"", true);
	window_end();
}

/* Where nothing is known of the page cache. */
static void without_cache(struct wfile *direct)
{
	struct wfile closed = { .fd = 900, .no_hits = true };
	struct wfile writer = { .no_hits = true, .no_pos = true };
	static char aligned[PAGE] __attribute__((aligned(PAGE)));
	int ends[2];

	direct->no_hits = true;
	do_io("pread64", direct, aligned, PAGE, 0);
	do_io("pwrite64", direct, aligned, PAGE, PAGE);
	do_io("read", &closed, bytes, 1, 0);
	if (pipe(ends))
		die("no pipe");
	writer.fd = ends[1];
	do_io("write", &writer, bytes, 10, 0);
}

static void some_ios(struct wfile *f)
{
	u64 seed = 1, n = param_num("n", 1000);

	for (u64 i = 0; i < n; i++) {
		if (!below(&seed, 4))
			drop(f, below(&seed, NR), below(&seed, 16));
		some_io(f, &seed);
	}
}

void work_cache_hits(void)
{
	struct wfile f = looked_at(in_dir("looked-at"), SIZE, 0), direct;
	struct wfile appended = looked_at(in_dir("appended"), 10 * PAGE + 50, O_APPEND);
	struct wfile whole = looked_at(in_dir("whole"), 8 * PAGE, 0),
		     empty = looked_at(in_dir("empty"), 0, 0);

	make_file(in_dir("direct"), 4 * PAGE);
	wfile_open(&direct, in_dir("direct"), O_RDWR | O_DIRECT, 0);
	window_begin();
	do_io("pwrite64", &appended, bytes, 2 * PAGE, 0);
	do_io("write", &appended, bytes, 100, 0);
	some_ios(&f);
	read_beyond(&whole, &empty);
	read_ahead(&f);
	without_cache(&direct);
	window_end();
}

void work_cache_hits_disk(void)
{
	struct wfile f = looked_at(param_str("dev", ""), -1, 0);

	window_begin();
	some_ios(&f);
	window_end();
}

void work_cache_unknown(void)
{
	struct wfile f;

	make_file(in_dir("unknown"), SIZE);
	wfile_open(&f, in_dir("unknown"), O_RDWR, 0);
	f.no_hits = true;
	window_begin();
	do_io("pread64", &f, bytes, 2 * PAGE, 0);
	do_io("pwrite64", &f, bytes, 2 * PAGE, 0);
	window_end();
}

/* Drops all pages that are in memory, and says how many they were: others may have taken some back before. */
static u64 drop_all(int fd, u64 nr)
{
	unsigned char *in = calloc(nr, 1);
	void *map = mmap(NULL, nr * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	u64 nr_in = 0;

	if (!in || map == MAP_FAILED || mincore(map, nr * PAGE, in) ||
	    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		die("cannot drop a file's pages");
	for (u64 i = 0; i < nr; i++)
		nr_in += in[i] & 1;
	free(in);
	return nr_in;
}

/* Each page of a hole by itself, as fast as it goes; then all are dropped. */
void work_cache_flood(void)
{
	u64 nr = param_num("n", 5000), nr_dropped;
	const char *path = in_dir("flood");
	char where[8192];
	int fd = open(path, O_RDWR | O_CREAT, 0644);

	if (fd < 0 || ftruncate(fd, (off_t)(nr * PAGE)) ||
	    posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM))
		die("cannot make %s", path);
	flood_begin();
	for (u64 i = 0; i < nr; i++) {
		flood_round(i, nr);
		if (SYS(SYS_pread64, fd, bytes, 1, i * PAGE) != 1)
			die("a read failed");
	}
	nr_dropped = drop_all(fd, nr);
	flood_end();
	snprintf(where, sizeof(where), "\"path\":\"%s\",\"pages\":1", path);
	claim_count("pagecache_add", nr, where);
	claim_count("pagecache_remove", nr_dropped, where);
}
