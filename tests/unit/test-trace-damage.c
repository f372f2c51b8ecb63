// SPDX-License-Identifier: BSD-2-Clause
/* The trace directory after crashes, on full disks, and with bytes that nobody wrote. */
#include "trace-help.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "schema/values.h"
#include "trace/parquet.h"

enum { NR_GROUPS = 4, GROUP_ROWS = 5, NR_ROWS = NR_GROUPS * GROUP_ROWS };

/* A small trace of some groups, and after how many bytes each of them is complete. */
struct small {
	const struct sn_event *ev;
	const char *dir;
	char part[256];
	u8 *bytes;
	size_t size;
	size_t ends[NR_GROUPS];
	struct sample samples[NR_ROWS];
};

static void wait_written(struct trace_writer *w, const struct sn_event *ev, u64 nr)
{
	struct trace_writer_counts counts = {};

	for (int i = 0; i < 5000 && counts.written < nr; i++) {
		trace_writer_counts(w, ev, &counts);
		(void)usleep(1000);
	}
	check_eq(counts.written, nr);
}

static struct small *make_small(void)
{
	struct trace_writer_opts opts = { .rows_per_group = GROUP_ROWS };
	struct small *s = calloc(1, sizeof(*s));
	struct trace_writer *w;
	struct diag d = {};

	check(s);
	s->dir = fresh_path();
	s->ev = schema_event(SN_SLOT_proc_rename);
	(void)snprintf(s->part, sizeof(s->part), "%s/proc_rename/0000.parquet", s->dir);
	check_eq(trace_writer_open(s->dir, &opts, &w, &d), 0);
	for (u32 i = 0; i < NR_ROWS; i++) {
		random_sample(&s->samples[i], s->ev, i);
		check_eq(put_sample(w, &s->samples[i]), 0);
		if (i % GROUP_ROWS != GROUP_ROWS - 1)
			continue;
		wait_written(w, s->ev, i + 1);
		s->ends[i / GROUP_ROWS] = trace_writer_bytes(w);
	}
	s->bytes = load_file(s->part, &s->size);
	check_eq(s->size, s->ends[NR_GROUPS - 1]);
	check_eq(trace_writer_finish(w, &d), 0);
	trace_writer_free(w);
	/* As it was before it was complete: with a footer behind each group. */
	store_file(s->part, s->bytes, s->size);
	return s;
}

static void free_small(struct small *s)
{
	remove_all(s->dir);
	free(s->bytes);
	free(s);
}

static unsigned int damaged_parts(const char *dir)
{
	struct diag d = {};
	unsigned int nr;
	struct trace *t;

	check_eq(trace_open(dir, &t, &d), 0);
	nr = trace_damaged_parts(t);
	trace_free(t);
	return nr;
}

#define MANIFEST "{\"sonde\":{\"schema\":1}}"

TEST(cut_at_every_byte_keeps_what_was_complete)
{
	struct small *s = make_small();
	struct diag d = {};

	printf("# %zu bytes\n", s->size);
	for (size_t len = s->size + 1; len-- > 0;) {
		u32 nr = 0;

		while (nr < NR_GROUPS && s->ends[nr] <= len)
			nr++;
		check_eq(truncate(s->part, (off_t)len), 0);
		check_eq(read_back(s->dir, s->ev, s->samples, NR_ROWS, &d), nr * GROUP_ROWS);
		if (len % 7 == 0 || (nr && s->ends[nr - 1] == len))
			check_eq(damaged_parts(s->dir), !nr || s->ends[nr - 1] != len);
	}
	free_small(s);
}

/* What comes behind the last footer may be anything: zeros of a file system, half a footer, magic. */
TEST(garbage_behind_a_footer_is_passed_over)
{
	struct small *s = make_small();
	size_t more = 200000;
	struct diag d = {};
	u8 *bytes = malloc(s->size + more);

	memcpy(bytes, s->bytes, s->size);
	for (int manner = 0; manner < 4; manner++) {
		for (size_t i = 0; i < more; i++)
			bytes[s->size + i] = manner == 0   ? 0
					     : manner == 1 ? (u8)next_random()
					     : manner == 2 ? (u8) "PAR1"[i % 4]
							   : s->bytes[s->size / 2 + i % 9];
		store_file(s->part, bytes, s->size + more);
		check_eq(read_back(s->dir, s->ev, s->samples, NR_ROWS, &d), NR_ROWS);
		check_eq(damaged_parts(s->dir), 1);
	}
	free(bytes);
	free_small(s);
}

TEST(repair_makes_files_whole)
{
	struct small *s = make_small();
	struct trace_repaired done;
	struct diag d = {};
	char path[300];
	struct stat st;

	for (int round = 0; round < 100; round++) {
		size_t len = s->ends[0] + next_random() % (s->size - s->ends[0] + 1);
		u32 nr = 0;

		while (nr < NR_GROUPS && s->ends[nr] <= len)
			nr++;
		store_file(s->part, s->bytes, len);
		check_eq(trace_repair(s->dir, &done, &d), 0);
		check_eq(done.nr_cut, s->ends[nr - 1] != len);
		check_eq(damaged_parts(s->dir), 0);
		check_eq(stat(s->part, &st), 0);
		check_eq(st.st_size, s->ends[nr - 1]);
		check_eq(read_back(s->dir, s->ev, s->samples, NR_ROWS, &d), nr * GROUP_ROWS);
		check_eq(trace_repair(s->dir, &done, &d), 0);
		check_eq(done.nr_cut + done.nr_set_aside, 0);
	}
	/* Nothing whole in one part, and a part that was never finished. */
	(void)snprintf(path, sizeof(path), "%s/proc_rename/0001.parquet", s->dir);
	store_file(path, s->bytes, 100);
	(void)snprintf(path, sizeof(path), "%s/proc_rename/.0002.parquet.new", s->dir);
	store_file(path, s->bytes, 100);
	check_eq(damaged_parts(s->dir), 1);
	check_eq(trace_repair(s->dir, &done, &d), 0);
	check(!done.nr_cut && done.nr_set_aside == 1);
	check_eq(damaged_parts(s->dir), 0);
	check(stat(path, &st) < 0 && errno == ENOENT);
	(void)snprintf(path, sizeof(path), "%s/proc_rename/0001.parquet.damaged", s->dir);
	check_eq(stat(path, &st), 0);
	free_small(s);
}

TEST(repair_leaves_alone_what_is_not_its_own)
{
	const char *dir = fresh_path();
	struct trace_repaired done;
	struct trace_writer *w;
	struct diag d = {};

	check_eq(mkdir(dir, 0700), 0);
	check_eq(trace_repair(dir, &done, &d), -EINVAL);
	check_eq(trace_writer_open(dir, NULL, &w, &d), 0);
	check_eq(trace_writer_manifest(w, MANIFEST, strlen(MANIFEST), &d), 0);
	d = (struct diag){};
	check_eq(trace_repair(dir, &done, &d), -EBUSY);
	check(strstr(d.text, "is being recorded"));
	check_eq(trace_writer_finish(w, &d), 0);
	trace_writer_free(w);
	check_eq(trace_repair(dir, &done, &d), 0);
	remove_all(dir);
}

static void set_byte(const struct small *s, size_t at, u8 byte)
{
	int fd = open(s->part, O_WRONLY | O_CLOEXEC);

	check(fd >= 0);
	check_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
	check_eq(close(fd), 0);
}

/* A wrong bit anywhere: right rows, fewer rows or an error, and never a fault. */
TEST(flipped_bits_are_survived)
{
	struct small *s = make_small();
	u32 nr_errors = 0, nr_whole = 0, nr_fewer = 0;
	struct diag d;
	s64 nr;

	for (size_t i = 0; i < s->size; i++) {
		set_byte(s, i, s->bytes[i] ^ (u8)(1 << next_random() % 8));
		d = (struct diag){};
		nr = read_back(s->dir, s->ev, NULL, NR_ROWS, &d);
		set_byte(s, i, s->bytes[i]);
		check(nr >= 0 || d.text[0] || nr == -EDOM);
		nr_errors += nr < 0;
		nr_whole += nr == NR_ROWS;
		nr_fewer += nr >= 0 && nr < NR_ROWS;
	}
	printf("# errors %u, all rows %u, fewer %u\n", nr_errors, nr_whole, nr_fewer);
	check(nr_errors && nr_whole);
	free_small(s);
}

/* A wrong bit in the bytes of a page is found by its checksum: never a wrong value. */
TEST(flipped_bits_of_pages_are_found)
{
	struct small *s = make_small();
	struct diag d = {};
	u32 nr_found = 0;
	s64 nr;

	for (size_t i = PARQUET_MAGIC_SIZE; i < s->ends[0] / 8; i++) {
		set_byte(s, i, s->bytes[i] ^ 0x10);
		nr = read_back(s->dir, s->ev, s->samples, NR_ROWS, &d);
		set_byte(s, i, s->bytes[i]);
		check(nr == NR_ROWS || (nr < 0 && nr != -EDOM)); /* that would be a wrong value */
		nr_found += nr < 0;
	}
	printf("# %u of %zu\n", nr_found, s->ends[0] / 8 - PARQUET_MAGIC_SIZE);
	check(nr_found > 0);
	free_small(s);
}

/* What the child tells: how many rows it knows to be written. */
struct told {
	_Atomic u64 written;
};

static void write_until_killed(const char *dir, struct told *told)
{
	struct trace_writer_opts opts = { .rows_per_group = 50, .groups_per_part = 20 };
	const struct sn_event *ev = schema_event(SN_SLOT_proc_fork);
	struct sn_proc_fork rec = { .hdr = { .id = SN_EV_proc_fork } };
	struct trace_writer_counts counts;
	struct trace_writer *w;

	if (trace_writer_open(dir, &opts, &w, NULL) < 0)
		_exit(1);
	for (;; rec.child_tid++) {
		rec.hdr.ts = rec.child_tid;
		(void)trace_writer_put(w, ev, &rec, sizeof(rec), NULL);
		if (rec.child_tid % 25)
			continue;
		(void)usleep(100);
		trace_writer_counts(w, ev, &counts);
		told->written = counts.written;
		if (counts.lost)
			_exit(2);
	}
}

/* Rows 0, 1, 2 ... without a gap; returns how many. */
static u64 count_sequence(const char *dir)
{
	const struct sn_event *ev = schema_event(SN_SLOT_proc_fork);
	int column = schema_column(ev, "child_tid");
	struct trace_cursor *c;
	const struct batch *b;
	struct diag d = {};
	struct trace *t;
	u64 nr = 0;
	int r;

	r = trace_open(dir, &t, &d);
	if (r == -EINVAL || r == -ENOENT)
		return 0; /* nothing had been flushed, or not even begun */
	check_eq(r, 0);
	check_eq(trace_cursor_open(t, ev, NULL, 0, UINT64_MAX, &c, &d), 0);
	while ((r = trace_cursor_next(c, &b, &d)) > 0)
		for (u32 i = 0; i < b->nr; i++)
			check_eq(column_num(&b->columns[column], i), nr++);
	check_eq(r, 0);
	trace_cursor_free(c);
	trace_free(t);
	return nr;
}

TEST(kill_at_any_moment_keeps_what_was_flushed)
{
	struct told *told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	u64 total = 0, nr;
	int status, round;

	check(told != MAP_FAILED);
	/* On a busy machine none may have come to write: later ones have longer. */
	for (round = 0; round < 40 || (!total && round < 200); round++) {
		const char *dir = fresh_path();
		pid_t pid;

		told->written = 0;
		pid = fork();
		check(pid >= 0);
		if (!pid)
			write_until_killed(dir, told);
		(void)usleep((useconds_t)(next_random() % 30000 * (1 + (u32)round / 40)));
		check_eq(kill(pid, SIGKILL), 0);
		check_eq(waitpid(pid, &status, 0), pid);
		check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		nr = count_sequence(dir);
		check(nr >= told->written);
		check_eq(nr % 50, 0);
		total += nr;
		remove_all(dir);
	}
	printf("# %" PRIu64 " rows of %d killed writers\n", total, round);
	check(total > 0);
	(void)munmap(told, sizeof(*told));
}

/* A file system of this size on a fresh path, seen by this process alone. */
static const char *mount_small_disk(const char *size)
{
	static bool is_private;
	const char *dir = fresh_path();

	if (geteuid())
		skip("needs root, to mount a small file system");
	if (!is_private && unshare(CLONE_NEWNS) < 0)
		skip("no mount namespace of our own can be made here");
	is_private = true;
	check_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	check_eq(mkdir(dir, 0700), 0);
	check_eq(mount("tmpfs", dir, "tmpfs", 0, size), 0);
	return dir;
}

static void put_rows(struct trace_writer *w, const struct sn_event *ev, u64 from, u64 nr)
{
	struct sample s;

	for (u64 i = 0; i < nr; i++) {
		random_sample(&s, ev, from + i);
		check_eq(put_sample(w, &s), 0);
	}
}

static bool text_is(const struct column *c, u32 row, const char *want)
{
	size_t len;
	const char *text = strings_get(&c->dict, (u32)column_num(c, row), &len);

	return len == strlen(want) && !memcmp(text, want, len);
}

/* All holes of the event, which its writer left by this cause. */
static u64 sum_of_holes(const char *dir, const char *of, const char *cause)
{
	const struct sn_event *lost = schema_event(SN_SLOT_lost);
	int column_of = schema_column(lost, "of"), column_nr = schema_column(lost, "nr");
	int column_cause = schema_column(lost, "cause");
	struct trace_cursor *c;
	const struct batch *b;
	struct diag d = {};
	struct trace *t;
	u64 nr = 0;

	check_eq(trace_open(dir, &t, &d), 0);
	check_eq(trace_cursor_open(t, lost, NULL, 0, UINT64_MAX, &c, &d), 0);
	while (trace_cursor_next(c, &b, &d) > 0) {
		for (u32 i = 0; i < b->nr; i++)
			if (text_is(&b->columns[column_of], i, of) &&
			    text_is(&b->columns[column_cause], i, cause))
				nr += column_num(&b->columns[column_nr], i);
	}
	trace_cursor_free(c);
	trace_free(t);
	return nr;
}

/* Fills the file system to the last byte. */
static void fill(const char *path)
{
	static const u8 block[4096];
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	check(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	check_eq(errno, ENOSPC);
	close(fd);
}

/* The reserve has room for the hole and for the manifest, also where not a byte is left. */
TEST(full_disk_keeps_what_was_written)
{
	struct trace_writer_opts opts = { .rows_per_group = 500 };
	const struct sn_event *ev = schema_event(SN_SLOT_vfs_read);
	const char *disk = mount_small_disk("size=1m");
	char dir[256], want[400], filler[300];
	struct trace_writer_losses losses;
	struct trace_writer_counts counts;
	const char *mark = "{\"sonde\":{\"version\":\"0\",\"schema\":1}}";
	static char manifest[20000];
	struct trace_writer *w;
	struct diag d = {};

	(void)snprintf(dir, sizeof(dir), "%s/trace", disk);
	(void)snprintf(filler, sizeof(filler), "%s/filler", disk);
	memset(manifest, ' ', sizeof(manifest));
	(void)memcpy(manifest, mark, strlen(mark));
	check_eq(trace_writer_open(dir, &opts, &w, &d), 0);
	check(!trace_writer_is_failing(w, &d));
	for (u64 i = 0; i < 40; i++) {
		put_rows(w, ev, i * 500, 500);
		(void)usleep(20000);
	}
	check_eq(trace_writer_error(w, &d), -ENOSPC);
	(void)snprintf(want, sizeof(want),
		       "cannot write %s/vfs_read/0000.parquet: No space left on device", dir);
	check_str(d.text, want);
	d = (struct diag){};
	check(trace_writer_is_failing(w, &d));
	check_str(d.text, want);
	fill(filler);
	check_eq(trace_writer_manifest(w, manifest, sizeof(manifest), NULL), -ENOSPC);
	check_eq(trace_writer_finish(w, &d), -ENOSPC);
	check_eq(trace_writer_manifest(w, manifest, sizeof(manifest), &d), 0);
	trace_writer_counts(w, ev, &counts);
	trace_writer_losses(w, &losses);
	printf("# put %" PRIu64 ", written %" PRIu64 ", lost %" PRIu64 "\n", counts.put,
	       counts.written, counts.lost);
	check_eq(counts.put, 20000);
	check_eq(counts.written + counts.lost, counts.put);
	check(counts.written > 0 && counts.lost > 0);
	check_eq(losses.by_cause[SN_CAUSE_disk_full], counts.lost);
	check_eq(losses.by_cause[SN_CAUSE_writer], 0);
	trace_writer_free(w);
	check_eq(unlink(filler), 0);
	check_eq(read_back(dir, ev, NULL, 20000, &d), counts.written);
	check_eq(sum_of_holes(dir, "vfs_read", "disk_full"), counts.lost);
	check_eq(damaged_parts(dir), 0);
	check_eq(umount(disk), 0);
	remove_all(disk);
}

/* Puts rows until so many are written, for a while; how many are. */
static u64 put_until(struct trace_writer *w, const struct sn_event *ev, u64 from, u64 want)
{
	struct trace_writer_counts counts = {};

	for (u64 i = 0; i < 600 && counts.written < want; i++) {
		put_rows(w, ev, from + i * 500, 500);
		trace_writer_tick(w, i);
		(void)usleep(20000);
		trace_writer_counts(w, ev, &counts);
	}
	return counts.written;
}

/* Room again: writing goes on, and the hole is written down. */
TEST(disk_with_room_again_is_written_again)
{
	struct trace_writer_opts opts = { .rows_per_group = 500 };
	const struct sn_event *ev = schema_event(SN_SLOT_vfs_read);
	const char *disk = mount_small_disk("size=8m");
	struct trace_writer_counts counts, before;
	struct trace_writer *w;
	char dir[256], file[256];
	struct diag d = {};

	(void)snprintf(dir, sizeof(dir), "%s/trace", disk);
	(void)snprintf(file, sizeof(file), "%s/filler", disk);
	check_eq(trace_writer_open(dir, &opts, &w, &d), 0);
	fill(file);
	for (u64 i = 0; i < 30; i++) {
		put_rows(w, ev, i * 500, 500);
		trace_writer_tick(w, i);
		(void)usleep(20000);
	}
	check_eq(trace_writer_error(w, NULL), -ENOSPC);
	check(trace_writer_is_failing(w, &d));
	trace_writer_counts(w, ev, &before);
	check_eq(unlink(file), 0);
	check(put_until(w, ev, 30 * 500, before.written + 1) > before.written);
	check(!trace_writer_is_failing(w, &d));
	check_eq(trace_writer_finish(w, &d), -ENOSPC); /* it was once, and is not forgotten */
	check(!trace_writer_is_failing(w, &d));
	trace_writer_counts(w, ev, &counts);
	trace_writer_free(w);
	check_eq(counts.written + counts.lost, counts.put);
	check_eq(read_back(dir, ev, NULL, 1000000, &d), counts.written);
	check_eq(sum_of_holes(dir, "vfs_read", "disk_full"), counts.lost);
	check_eq(umount(disk), 0);
	remove_all(disk);
}

/* An event whose small groups find room does not hide that another's do not. */
TEST(events_fail_each_for_itself)
{
	struct trace_writer_opts opts = { .rows_per_group = 5000 };
	const struct sn_event *large = schema_event(SN_SLOT_vfs_read);
	const struct sn_event *small = schema_event(SN_SLOT_clock);
	const char *disk = mount_small_disk("size=1m");
	struct trace_writer_counts counts;
	struct trace_writer *w;
	struct diag d = {};
	char dir[256];

	(void)snprintf(dir, sizeof(dir), "%s/trace", disk);
	check_eq(trace_writer_open(dir, &opts, &w, &d), 0);
	for (u64 i = 0; i < 400 && !trace_writer_is_failing(w, &d); i++) {
		put_rows(w, large, i * 5000, 5000);
		(void)usleep(50000);
	}
	check(trace_writer_is_failing(w, &d));
	check(strstr(d.text, "vfs_read"));
	put_rows(w, small, 0, 10);
	trace_writer_tick(w, 1);
	trace_writer_tick(w, 1 + 3000000000ull);
	wait_written(w, small, 10);
	check(trace_writer_is_failing(w, &d));
	(void)trace_writer_finish(w, &d);
	trace_writer_counts(w, small, &counts);
	check_eq(counts.lost, 0);
	trace_writer_counts(w, large, &counts);
	check_eq(sum_of_holes(dir, "vfs_read", "disk_full"), counts.lost);
	trace_writer_free(w);
	check_eq(umount(disk), 0);
	remove_all(disk);
}

TEST(read_only_disk_is_said_to_be_one)
{
	struct trace_writer_opts opts = { .rows_per_group = 50 };
	const struct sn_event *ev = schema_event(SN_SLOT_vfs_read);
	const char *disk = mount_small_disk("size=1m");
	struct trace_writer_losses losses;
	struct trace_writer_counts counts;
	struct trace_writer *w, *other;
	struct diag d = {};
	char dir[256];

	(void)snprintf(dir, sizeof(dir), "%s/trace", disk);
	check_eq(trace_writer_open(dir, &opts, &w, &d), 0);
	put_rows(w, ev, 0, 100);
	wait_written(w, ev, 100);
	check_eq(mount(NULL, disk, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	put_rows(w, ev, 100, 100);
	check_eq(trace_writer_finish(w, &d), -EROFS);
	check(strstr(d.text, "0000.parquet: Read-only file system"));
	trace_writer_counts(w, ev, &counts);
	trace_writer_losses(w, &losses);
	check_eq(counts.written, 100);
	check_eq(counts.lost, 100);
	check_eq(losses.by_cause[SN_CAUSE_read_only], 100);
	trace_writer_free(w);
	check_eq(read_back(dir, ev, NULL, 100, &d), 100);
	(void)snprintf(dir, sizeof(dir), "%s/other", disk);
	d = (struct diag){};
	check_eq(trace_writer_open(dir, NULL, &other, &d), -EROFS);
	check(strstr(d.text, "cannot make the directory"));
	check_eq(umount(disk), 0);
	remove_all(disk);
}

TEST(vanished_directory_is_noticed)
{
	struct trace_writer_opts opts = { .rows_per_group = 50 };
	const struct sn_event *ev = schema_event(SN_SLOT_vfs_read);
	const char *dir = fresh_path();
	struct trace_writer_losses losses;
	struct trace_writer_counts counts;
	struct trace_writer *w;
	struct diag d = {};

	check_eq(trace_writer_open(dir, &opts, &w, &d), 0);
	put_rows(w, ev, 0, 50);
	wait_written(w, ev, 50);
	remove_all(dir);
	put_rows(w, ev, 50, 100);
	check_eq(trace_writer_finish(w, &d), -ENOENT);
	check(strstr(d.text, "cannot write") && strstr(d.text, "No such file or directory"));
	trace_writer_counts(w, ev, &counts);
	trace_writer_losses(w, &losses);
	check_eq(counts.written, 50);
	check_eq(counts.lost, 100);
	check_eq(losses.by_cause[SN_CAUSE_write_error], 100);
	trace_writer_free(w);
}

/* Somebody cuts the part, or removes it: a new one is begun, and what is lost is the reader's to tell. */
TEST(part_that_others_touch_is_left_for_a_new_one)
{
	struct trace_writer_opts opts = { .rows_per_group = 50 };
	const struct sn_event *ev = schema_event(SN_SLOT_vfs_read);
	const char *dir = fresh_path();
	struct trace_writer_counts counts;
	struct trace_writer *w;
	struct diag d = {};
	char path[256];

	check_eq(trace_writer_open(dir, &opts, &w, &d), 0);
	put_rows(w, ev, 0, 50);
	wait_written(w, ev, 50);
	(void)snprintf(path, sizeof(path), "%s/vfs_read/0000.parquet", dir);
	check_eq(truncate(path, 1000), 0);
	put_rows(w, ev, 50, 50);
	wait_written(w, ev, 100);
	check_eq(trace_writer_error(w, &d), -ESTALE);
	check(strstr(d.text, "0000.parquet: something else has cut it"));
	check_eq(trace_writer_finish(w, NULL), -ESTALE);
	trace_writer_counts(w, ev, &counts);
	check_eq(counts.lost, 0);
	trace_writer_free(w);
	check_eq(damaged_parts(dir), 1);
	check_eq(read_back(dir, ev, NULL, 100, &d), 50);
	remove_all(dir);
}

TESTS(cut_at_every_byte_keeps_what_was_complete, garbage_behind_a_footer_is_passed_over,
      repair_makes_files_whole, repair_leaves_alone_what_is_not_its_own, flipped_bits_are_survived,
      flipped_bits_of_pages_are_found, kill_at_any_moment_keeps_what_was_flushed,
      full_disk_keeps_what_was_written, disk_with_room_again_is_written_again,
      events_fail_each_for_itself, read_only_disk_is_said_to_be_one, vanished_directory_is_noticed,
      part_that_others_touch_is_left_for_a_new_one)
