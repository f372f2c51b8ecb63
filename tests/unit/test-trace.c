// SPDX-License-Identifier: BSD-2-Clause
/* The trace directory: what is put is read back, and what goes wrong is said. Damage: test-trace-damage. */
#include "trace-help.h"

#include <dirent.h>

#include "schema/values.h"
#include "trace/parquet_file.h"

static const struct sn_event *event(const char *name)
{
	const struct sn_event *ev = schema_by_name(name, strlen(name));

	check(ev);
	return ev;
}

/* Writes nr samples of an event, puts them into *ret (to be freed) and returns the directory. */
static const char *write_samples(const struct sn_event *ev, u32 nr,
				 const struct trace_writer_opts *opts, struct sample **ret)
{
	const char *dir = fresh_path();
	struct trace_writer_counts counts;
	struct trace_writer *w;
	struct diag d = {};

	*ret = calloc(nr, sizeof(**ret));
	check(*ret);
	check_eq(trace_writer_open(dir, opts, &w, &d), 0);
	for (u32 i = 0; i < nr; i++) {
		random_sample(&(*ret)[i], ev, 1000 + i);
		check_eq(put_sample(w, &(*ret)[i]), 0);
	}
	check_eq(trace_writer_finish(w, &d), 0);
	trace_writer_counts(w, ev, &counts);
	check_eq(counts.put, nr);
	check_eq(counts.written, nr);
	check_eq(counts.lost, 0);
	trace_writer_free(w);
	return dir;
}

TEST(every_event_reads_back)
{
	static const u32 numbers[] = { 1, 7, 100, 730 };
	struct sample *samples;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		for (u32 i = 0; i < ARRAY_SIZE(numbers); i++) {
			struct trace_writer_opts opts = { .rows_per_group = 100 + 133 * (i % 2) };
			const struct sn_event *ev = schema_event(slot);
			const char *dir = write_samples(ev, numbers[i], &opts, &samples);
			struct diag d = {};

			check_eq(read_back(dir, ev, samples, numbers[i], &d), numbers[i]);
			free(samples);
			remove_all(dir);
		}
	}
}

TEST(large_groups_read_back)
{
	struct trace_writer_opts opts = { .rows_per_group = 20000, .max_batch_bytes = 1u << 30 };
	struct sample *samples;
	struct diag d = {};
	const char *dir = write_samples(event("vfs_read"), 50000, &opts, &samples);

	check_eq(read_back(dir, event("vfs_read"), samples, 50000, &d), 50000);
	free(samples);
	remove_all(dir);
}

/* Rows of all events at once, as a recording puts them. */
TEST(events_do_not_mix)
{
	enum { NR = 4000 };
	struct sample *samples = calloc(NR, sizeof(*samples)), *of = calloc(NR, sizeof(*of));
	struct trace_writer_opts opts = { .rows_per_group = 64 };
	const char *dir = fresh_path();
	struct trace_writer *w;
	struct diag d = {};

	check_eq(trace_writer_open(dir, &opts, &w, &d), 0);
	for (u32 i = 0; i < NR; i++) {
		random_sample(&samples[i], schema_event((u32)next_random() % SN_NR_EVENTS), i);
		check_eq(put_sample(w, &samples[i]), 0);
	}
	check_eq(trace_writer_finish(w, &d), 0);
	trace_writer_free(w);
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		u32 nr = 0;

		for (u32 i = 0; i < NR; i++)
			if (samples[i].ev->slot == slot)
				of[nr++] = samples[i];
		check_eq(read_back(dir, schema_event(slot), of, nr, &d), nr);
	}
	free(samples);
	free(of);
	remove_all(dir);
}

TEST(columns_that_are_not_wanted_are_null)
{
	static const char *const wanted[] = { "ret", "path", NULL };
	const struct sn_event *ev = event("vfs_write");
	struct trace_cursor *c;
	struct sample *samples;
	const struct batch *b;
	struct diag d = {};
	struct trace *t;
	const char *dir = write_samples(ev, 50, NULL, &samples);

	check_eq(trace_open(dir, &t, &d), 0);
	check_eq(trace_cursor_open(t, ev, wanted, 0, UINT64_MAX, &c, &d), 0);
	check_eq(trace_cursor_next(c, &b, &d), 1);
	check_eq(b->nr, 50);
	for (u32 i = 0; i < ev->nr_columns; i++) {
		bool is_wanted =
			!strcmp(ev->columns[i].name, "ret") || !strcmp(ev->columns[i].name, "path");

		for (u32 row = 0; row < b->nr; row++)
			check(is_wanted ? value_is_right(&samples[row], i, &b->columns[i], row)
					: column_is_null(&b->columns[i], row));
	}
	check_eq(trace_cursor_next(c, &b, &d), 0);
	trace_cursor_free(c);
	check_eq(trace_cursor_open(t, ev, (const char *const[]){ "ts", "nonsense", NULL }, 0,
				   UINT64_MAX, &c, &d),
		 -EINVAL);
	check_str(d.text, "vfs_write has no column nonsense");
	trace_free(t);
	free(samples);
	remove_all(dir);
}

TEST(groups_outside_of_the_time_are_skipped)
{
	struct trace_writer_opts opts = { .rows_per_group = 10 };
	const struct sn_event *ev = event("proc_fork");
	struct trace_cursor *c;
	struct sample *samples;
	const struct batch *b;
	struct diag d = {};
	struct trace *t;
	const char *dir = write_samples(ev, 100, &opts, &samples); /* ts 1000 .. 1099 */
	u64 first = 0;
	u32 nr = 0;

	check_eq(trace_open(dir, &t, &d), 0);
	check_eq(trace_cursor_open(t, ev, NULL, 1039, 1050, &c, &d), 0);
	while (trace_cursor_next(c, &b, &d) > 0) {
		if (!nr)
			first = column_num(&b->columns[0], 0);
		nr += b->nr;
	}
	check_eq(first, 1030);
	check_eq(nr, 30);
	trace_cursor_free(c);
	check_eq(trace_cursor_open(t, ev, NULL, 1100, UINT64_MAX, &c, &d), 0);
	check_eq(trace_cursor_next(c, &b, &d), 0);
	trace_cursor_free(c);
	trace_free(t);
	free(samples);
	remove_all(dir);
}

static u32 count_parts(const char *dir, const char *ev)
{
	char path[256];
	const struct dirent *e;
	u32 nr = 0;
	DIR *list;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, ev);
	list = opendir(path);
	check(list);
	while ((e = readdir(list)))
		nr += e->d_name[0] != '.';
	check_eq(closedir(list), 0);
	return nr;
}

/* The range that a chunk claims is that of its values, negative ones and large ones in order. */
static void check_range(const struct parquet_chunk *chunk, const struct sn_column *c,
			const struct sample *samples, u32 nr)
{
	struct parquet_column type = parquet_column(c);
	__int128 v, min = 0, max = 0;
	bool is_known = false;
	s64 one;

	for (u32 row = 0; row < nr; row++) {
		if (!expected_number(&samples[row], c, &one))
			continue;
		v = type.is_signed ? one : type.bits == 64 ? (__int128)(u64)one : (u32)one;
		min = !is_known || v < min ? v : min;
		max = !is_known || v > max ? v : max;
		is_known = true;
	}
	check_eq(chunk->has_range, is_known);
	if (!is_known)
		return;
	check_eq(type.type == PARQUET_INT32 ? (u32)chunk->min : chunk->min,
		 type.type == PARQUET_INT32 ? (u32)min : (u64)min);
	check_eq(type.type == PARQUET_INT32 ? (u32)chunk->max : chunk->max,
		 type.type == PARQUET_INT32 ? (u32)max : (u64)max);
}

TEST(statistics_are_right)
{
	struct trace_writer_opts opts = { .rows_per_group = 40 };
	struct sample *samples;
	struct parquet_file *f;
	struct diag d = {};
	char path[512];
	const char *dir;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		const struct sn_event *ev = schema_event(slot);

		dir = write_samples(ev, 200, &opts, &samples);
		(void)snprintf(path, sizeof(path), "%s/%s/0000.parquet", dir, ev->name);
		check_eq(parquet_file_open(AT_FDCWD, path, &f, &d), 0);
		check_eq(f->nr_groups, 5);
		check_eq(f->nr_fields, ev->nr_columns);
		for (u32 g = 0; g < 5; g++)
			for (u32 i = 0; i < ev->nr_columns; i++)
				if (parquet_column(&ev->columns[i]).bits)
					check_range(&f->groups[g].chunks[i], &ev->columns[i],
						    samples + g * 40, 40);
		parquet_file_free(f);
		free(samples);
		remove_all(dir);
	}
}

TEST(rotation_loses_no_row)
{
	static const struct trace_writer_opts opts[] = {
		{ .rows_per_group = 10, .groups_per_part = 3 },
		{ .rows_per_group = 10, .rotate_bytes = 20000 },
		{ .rows_per_group = 10, .rotate_ns = 1 },
	};
	static const u32 min_parts[] = { 34, 10, 100 };
	const struct sn_event *ev = event("proc_exec");
	struct sample *samples;
	struct diag d = {};
	const char *dir;
	u32 nr;

	for (u32 i = 0; i < ARRAY_SIZE(opts); i++) {
		dir = write_samples(ev, 1000, &opts[i], &samples);
		nr = count_parts(dir, ev->name);
		printf("# %u parts\n", nr);
		check(nr >= min_parts[i]);
		check_eq(read_back(dir, ev, samples, 1000, &d), 1000);
		free(samples);
		remove_all(dir);
	}
}

/* Bytes of all parts of an event. */
static u64 size_of_parts(const char *dir, const char *ev)
{
	char path[512];
	struct stat st;
	u64 size = 0;

	for (u32 i = 0; i < 1000; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s/%04u.parquet", dir, ev, i);
		if (stat(path, &st) == 0)
			size += (u64)st.st_size;
	}
	return size;
}

/* Old footers go away when a part is complete, and the writer knows what is left. */
TEST(complete_parts_are_tidied)
{
	struct trace_writer_opts opts = { .rows_per_group = 20, .groups_per_part = 30 };
	const struct sn_event *ev = event("vfs_write");
	struct sample *samples = calloc(2000, sizeof(*samples));
	const char *dir = fresh_path();
	struct trace_writer *w;
	struct diag d = {};
	u64 size;

	check_eq(trace_writer_open(dir, &opts, &w, &d), 0);
	for (u32 i = 0; i < 2000; i++) {
		random_sample(&samples[i], ev, i);
		check_eq(put_sample(w, &samples[i]), 0);
	}
	check_eq(trace_writer_finish(w, &d), 0);
	size = size_of_parts(dir, ev->name);
	printf("# %" PRIu64 " bytes\n", size);
	check_eq(trace_writer_bytes(w), size);
	trace_writer_free(w);
	check_eq(count_parts(dir, ev->name), 4);
	/* 100 groups of 31 columns: 15 footers' worth of old ones would be several megabytes. */
	check(size < 1000000);
	check_eq(read_back(dir, ev, samples, 2000, &d), 2000);
	free(samples);
	remove_all(dir);
}

TEST(rows_are_flushed_after_a_while)
{
	struct trace_writer_opts opts = { .flush_ns = 1000 };
	const struct sn_event *ev = event("vfs_open");
	struct trace_writer_counts counts = {};
	const char *dir = fresh_path();
	struct sample samples[3];
	struct trace_writer *w;
	struct diag d = {};

	check_eq(trace_writer_open(dir, &opts, &w, &d), 0);
	for (u32 i = 0; i < 3; i++) {
		random_sample(&samples[i], ev, i);
		check_eq(put_sample(w, &samples[i]), 0);
	}
	trace_writer_tick(w, 5000);
	trace_writer_tick(w, 5999);
	(void)usleep(20000);
	trace_writer_counts(w, ev, &counts);
	check_eq(counts.written, 0);
	trace_writer_tick(w, 6000);
	for (int i = 0; i < 2000 && counts.written < 3; i++) {
		(void)usleep(1000);
		trace_writer_counts(w, ev, &counts);
	}
	check_eq(counts.written, 3);
	/* Now, while it is being recorded, the three can be read. */
	check_eq(read_back(dir, ev, samples, 3, &d), 3);
	check(trace_writer_bytes(w) > 0);
	check_eq(trace_writer_finish(w, &d), 0);
	trace_writer_free(w);
	check_eq(read_back(dir, ev, samples, 3, &d), 3);
	remove_all(dir);
}

/* What is lost for want of room is counted, and stands in lost/ where the hole is. */
TEST(overflow_is_counted_and_leaves_a_hole)
{
	enum { NR = 100000 };
	/* Slow to write, and room for one batch: most of this cannot be kept. */
	struct trace_writer_opts opts = { .rows_per_group = 500,
					  .max_batch_bytes = 1,
					  .zstd_level = 19 };
	const struct sn_event *ev = event("vfs_read"), *lost = event("lost");
	struct trace_writer_counts counts, lost_counts;
	u64 nr_lost = 0, nr_read = 0, next = 1;
	const char *dir = fresh_path();
	struct trace_cursor *c, *holes;
	const struct batch *b, *h;
	struct trace_writer *w;
	struct sample sample;
	struct diag d = {};
	u8 *is_read;
	struct trace *t;
	int r;

	is_read = calloc(NR + 1, 1);
	check_eq(trace_writer_open(dir, &opts, &w, &d), 0);
	random_sample(&sample, ev, 1);
	for (u64 ts = 1; ts <= NR; ts++) {
		((struct sn_hdr *)sample.rec)->ts = ts;
		check_eq(put_sample(w, &sample), 0);
	}
	check_eq(trace_writer_finish(w, &d), 0);
	trace_writer_counts(w, ev, &counts);
	trace_writer_counts(w, lost, &lost_counts);
	trace_writer_free(w);
	printf("# put %" PRIu64 ", written %" PRIu64 ", lost %" PRIu64 "\n", counts.put,
	       counts.written, counts.lost);
	check_eq(counts.put, NR);
	check_eq(counts.written + counts.lost, NR);
	check(counts.lost > 0 && counts.written > 0);
	check_eq(lost_counts.put, lost_counts.written);
	check(lost_counts.put > 0);

	check_eq(trace_open(dir, &t, &d), 0);
	check_eq(trace_cursor_open(t, ev, NULL, 0, UINT64_MAX, &c, &d), 0);
	while ((r = trace_cursor_next(c, &b, &d)) > 0) {
		for (u32 i = 0; i < b->nr; i++) {
			u64 ts = column_num(&b->columns[0], i);

			check(ts >= next && ts <= NR);
			is_read[ts] = 1;
			next = ts + 1;
			nr_read++;
		}
	}
	check_eq(r, 0);
	check_eq(nr_read, counts.written);
	check_eq(trace_cursor_open(t, lost, NULL, 0, UINT64_MAX, &holes, &d), 0);
	while ((r = trace_cursor_next(holes, &h, &d)) > 0) {
		for (u32 i = 0; i < h->nr; i++) {
			const struct column *cause = &h->columns[schema_column(lost, "cause")];
			u64 first = column_num(&h->columns[schema_column(lost, "first_ns")], i);
			u64 last = column_num(&h->columns[schema_column(lost, "last_ns")], i);
			u64 nr = column_num(&h->columns[schema_column(lost, "nr")], i);
			size_t len;

			check_eq(nr, last - first + 1);
			for (u64 ts = first; ts <= last; ts++)
				check(!is_read[ts]++);
			check(!memcmp(strings_get(&cause->dict, (u32)column_num(cause, i), &len),
				      "writer", 6));
			nr_lost += nr;
		}
	}
	check_eq(r, 0);
	check_eq(nr_lost, counts.lost);
	trace_cursor_free(holes);
	trace_cursor_free(c);
	trace_free(t);
	free(is_read);
	remove_all(dir);
}

/* Where a group would take more memory than all rows may, it ends before it is full. */
TEST(groups_end_where_memory_does)
{
	enum { NR = 20000 };
	struct trace_writer_opts opts = { .max_batch_bytes = 1 << 20 };
	const struct sn_event *ev = event("vfs_read");
	struct sample *samples = calloc(NR, sizeof(*samples));
	struct trace_writer_counts counts;
	const char *dir = fresh_path();
	struct trace_writer *w;
	struct parquet_file *f;
	struct diag d = {};
	u32 row_bytes = 0;
	char path[512];

	for (u32 i = 0; i < ev->nr_columns; i++)
		row_bytes += ev->columns[i].width;
	check_eq(trace_writer_open(dir, &opts, &w, &d), 0);
	for (u32 i = 0; i < NR; i++) {
		random_sample(&samples[i], ev, i);
		samples[i].names = (struct sn_names){};
		check_eq(put_sample(w, &samples[i]), 0);
		/* A group has 4096 at most, and memory ends at some 6000. */
		counts = (struct trace_writer_counts){};
		for (u32 tries = 0; i > counts.written + counts.lost + 5000; tries++) {
			check(tries < 50000);
			(void)usleep(100);
			trace_writer_counts(w, ev, &counts);
		}
	}
	check_eq(trace_writer_finish(w, &d), 0);
	trace_writer_free(w);
	(void)snprintf(path, sizeof(path), "%s/vfs_read/0000.parquet", dir);
	check_eq(parquet_file_open(AT_FDCWD, path, &f, &d), 0);
	for (u32 g = 0; g < f->nr_groups; g++)
		check(f->groups[g].nr_rows <= opts.max_batch_bytes / row_bytes);
	parquet_file_free(f);
	check_eq(read_back(dir, ev, samples, NR, &d), NR);
	free(samples);
	remove_all(dir);
}

TEST(malformed_records_are_refused)
{
	const struct sn_event *ev = event("proc_rename");
	struct trace_writer_counts counts;
	const char *dir = fresh_path();
	struct sn_proc_rename rec = { .hdr = { .id = SN_EV_proc_rename } };
	struct trace_writer *w;
	struct diag d = {};

	check_eq(trace_writer_open(dir, NULL, &w, &d), 0);
	check_eq(trace_writer_put(w, ev, &rec, sizeof(rec) - 1, NULL), -EINVAL);
	rec.new_comm = (struct sn_str){ sizeof(rec), 1 };
	check_eq(trace_writer_put(w, ev, &rec, sizeof(rec), NULL), -EINVAL);
	rec.new_comm = (struct sn_str){ UINT16_MAX, UINT16_MAX };
	check_eq(trace_writer_put(w, ev, &rec, sizeof(rec), NULL), -EINVAL);
	check_eq(trace_writer_finish(w, &d), 0);
	trace_writer_counts(w, ev, &counts);
	check_eq(counts.put, 0);
	trace_writer_free(w);
	remove_all(dir);
}

TEST(manifest_is_what_was_written_last)
{
	const char *dir = fresh_path(), *first = "{\"sonde\":{\"schema\":1}}",
		   *second = "{\"sonde\":{\"schema\":1},\"complete\":true}";
	struct trace_writer *w;
	struct diag d = {};
	struct trace *t;

	check_eq(trace_writer_open(dir, NULL, &w, &d), 0);
	check_eq(trace_writer_manifest(w, first, strlen(first), &d), 0);
	check_eq(trace_writer_manifest(w, second, strlen(second), &d), 0);
	check_eq(trace_open(dir, &t, &d), 0);
	check_str(trace_manifest(t), second);
	check_eq(trace_rows(t, event("vfs_read"), &d), 0);
	check_eq(trace_damaged_parts(t), 0);
	trace_free(t);
	check_eq(trace_writer_finish(w, &d), 0);
	trace_writer_free(w);
	remove_all(dir);
}

TEST(writer_takes_no_directory_that_holds_something)
{
	const char *dir = fresh_path();
	struct trace_writer *w;
	char path[256];
	struct diag d;

	check_eq(mkdir(dir, 0700), 0);
	d = (struct diag){};
	check_eq(trace_writer_open(dir, NULL, &w, &d), 0); /* an empty one will do */
	trace_writer_free(w);
	(void)snprintf(path, sizeof(path), "%s/file", dir);
	store_file(path, "x", 1);
	check_eq(trace_writer_open(dir, NULL, &w, &d), -EEXIST);
	check(strstr(d.text, "exists and is not empty"));
	d = (struct diag){};
	check_eq(trace_writer_open(path, NULL, &w, &d), -EEXIST);
	check(strstr(d.text, "exists and is no directory"));
	d = (struct diag){};
	(void)snprintf(path, sizeof(path), "%s/none/below", dir);
	check_eq(trace_writer_open(path, NULL, &w, &d), -ENOENT);
	check(strstr(d.text, "cannot make the directory"));
	remove_all(dir);
}

/* Two writers, one empty directory: the first has it. */
TEST(a_directory_has_one_writer)
{
	const char *dir = fresh_path();
	struct trace_writer *w, *other;
	struct diag d = {};

	check_eq(mkdir(dir, 0700), 0);
	check_eq(trace_writer_open(dir, NULL, &w, &d), 0);
	check_eq(trace_writer_open(dir, NULL, &other, &d), -EEXIST);
	check(strstr(d.text, "is being written by another sonde"));
	check_eq(trace_writer_finish(w, &d), 0);
	trace_writer_free(w);
	remove_all(dir);
}

static void record_a_little(const char *dir, struct trace_writer **ret)
{
	struct sample sample;
	struct diag d = {};

	check_eq(trace_writer_open(dir, NULL, ret, &d), 0);
	for (u32 i = 0; i < 100; i++) {
		random_sample(&sample, schema_event(i % SN_NR_EVENTS), i);
		check_eq(put_sample(*ret, &sample), 0);
	}
	check_eq(trace_writer_manifest(*ret, "{}", 2, &d), 0);
}

TEST(a_trace_that_is_discarded_leaves_nothing)
{
	const char *dir = fresh_path();
	struct trace_writer *w;
	struct stat st;

	/* Where the directory was there before, it stays. */
	for (int was_there = 0; was_there < 2; was_there++) {
		if (was_there)
			check_eq(mkdir(dir, 0700), 0);
		record_a_little(dir, &w);
		trace_writer_tick(w, 1);
		trace_writer_tick(w, 1 + 3000000000ull); /* to the disk with it */
		trace_writer_discard(w);
		trace_writer_free(w);
		check_eq(stat(dir, &st), was_there ? 0 : -1);
	}
	check_eq(rmdir(dir), 0); /* it is empty */
}

static uid_t wanted_owner;

static int check_owner(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)path;
	(void)type;
	(void)at;
	return st->st_uid != wanted_owner;
}

TEST(a_trace_can_be_given_away)
{
	const char *dir = fresh_path();
	struct trace_writer *w;
	struct diag d = {};

	if (geteuid())
		skip("needs root");
	for (int was_there = 0; was_there < 2; was_there++) {
		if (was_there)
			check_eq(mkdir(dir, 0700), 0);
		wanted_owner = was_there ? 0 : 65534;
		record_a_little(dir, &w);
		check_eq(trace_writer_finish(w, &d), 0);
		trace_writer_give(w, 65534, 65534);
		trace_writer_free(w);
		check_eq(nftw(dir, check_owner, 8, FTW_PHYS), 0);
		remove_all(dir);
	}
}

TEST(what_is_no_trace_is_said_to_be_none)
{
	const char *dir = fresh_path();
	struct diag d = {};
	struct trace *t;
	char path[256];

	check_eq(trace_open(dir, &t, &d), -ENOENT);
	check(strstr(d.text, "cannot open") && strstr(d.text, "No such file or directory"));
	d = (struct diag){};
	check_eq(mkdir(dir, 0700), 0);
	check_eq(trace_open(dir, &t, &d), -EINVAL);
	check(strstr(d.text,
		     "is no sonde trace: it has no manifest.json and no folder of an event"));
	(void)snprintf(path, sizeof(path), "%s/manifest.json", dir);
	store_file(path, "{\"name\":\"a web page\"}", 21);
	d = (struct diag){};
	check_eq(trace_open(dir, &t, &d), -EINVAL);
	check(strstr(d.text, "is no sonde trace: its manifest.json is something else's"));
	d = (struct diag){};
	check_eq(trace_open(path, &t, &d), -EINVAL);
	check(strstr(d.text, "is no sonde trace: it is no directory"));
	remove_all(dir);
}

/* Cut, empty, or no JSON: rows are read without it; in a folder without rows it makes no trace. */
TEST(a_damaged_manifest_costs_no_rows)
{
	static const char *const damaged[] = { "{\"sonde\":{\"schema\":1},\"comp", "{", "\1\2" };
	const char *dir = fresh_path();
	struct trace_writer *w;
	struct diag d = {};
	struct trace *t;
	char path[256];

	record_a_little(dir, &w);
	check_eq(trace_writer_finish(w, &d), 0);
	trace_writer_free(w);
	(void)snprintf(path, sizeof(path), "%s/manifest.json", dir);
	for (u32 i = 0; i < ARRAY_SIZE(damaged); i++) {
		store_file(path, damaged[i], strlen(damaged[i]));
		check_eq(trace_open(dir, &t, &d), 0);
		check(trace_rows(t, event("vfs_read"), &d) > 0);
		trace_free(t);
	}
	store_file(path, "[1]", 3); /* whole, and something else's */
	check_eq(trace_open(dir, &t, &d), -EINVAL);
	check(strstr(d.text, "its manifest.json is something else's"));
	remove_all(dir);
	check_eq(mkdir(dir, 0700), 0);
	store_file(path, "{", 1);
	d = (struct diag){};
	check_eq(trace_open(dir, &t, &d), -EINVAL);
	check(strstr(d.text, "is no sonde trace: its manifest.json is damaged"));
	remove_all(dir);
}

/* Columns of other widths, other types, unknown ones and missing ones. */
TEST(files_of_other_versions_are_read)
{
	struct sn_column columns[] = {
		other_column("ts", 8, SN_UNSIGNED, SN_K_time),
		other_column("dur_ns", 4, SN_UNSIGNED, SN_K_duration), /* narrower */
		other_column("ret", 4, SN_SIGNED, SN_K_ret),           /* narrower */
		other_column("fd", 8, SN_SIGNED, SN_K_fd),         /* wider: not all values fit */
		other_column("pid", 4, SN_SIGNED, SN_K_pid),       /* of the other sign */
		other_column("ino", 4, SN_UNSIGNED, SN_K_fs),      /* text, not a number */
		other_column("fs_magic", 4, SN_UNSIGNED, SN_K_id), /* a number, not text */
		other_column("from_the_future", 8, SN_UNSIGNED, SN_K_id),
	};
	static const s64 values[][4] = { { 5, 6, 7, 8 },
					 { 0, 1, 0xffffffff, 0x80000000 },
					 { -1, INT32_MIN, 5, INT32_MAX },
					 { -1, 1ll << 40, INT32_MIN, -(1ll << 40) },
					 { -1, 5, INT32_MIN, INT32_MAX },
					 { 1, 2, 3, 4 },
					 { 1, 2, 3, 4 },
					 { 1, 2, 3, 4 } };
	static const u8 known[][4] = { { 1, 1, 1, 1 },
				       { 1, 1, 1, 1 },
				       { 1, 1, 1, 1 },
				       { 1, 0, 1, 0 },
				       { 0, 1, 0, 1 },
				       {},
				       {},
				       {} };
	const struct sn_event *real = schema_event(SN_SLOT_vfs_close);
	struct sn_event ev = other_event(columns, ARRAY_SIZE(columns));
	struct batch *made = batch_new(&ev, 4);
	const char *dir = fresh_path();
	struct trace_cursor *c;
	const struct batch *b;
	struct diag d = {};
	struct trace *t;

	for (u32 i = 0; i < ARRAY_SIZE(columns); i++)
		for (u32 row = 0; row < 4; row++)
			memcpy((u8 *)made->columns[i].data + row * columns[i].width,
			       &values[i][row], columns[i].width);
	made->nr = 4;
	write_file(dir, made);
	check_eq(trace_open(dir, &t, &d), 0);
	check_eq(trace_cursor_open(t, real, NULL, 0, UINT64_MAX, &c, &d), 0);
	check_eq(trace_cursor_next(c, &b, &d), 1);
	check_eq(b->nr, 4);
	for (int k = 0; k < real->nr_columns; k++) {
		int i = (int)ARRAY_SIZE(columns) - 1;

		while (i >= 0 && strcmp(columns[i].name, real->columns[k].name))
			i--;
		for (u32 row = 0; row < 4; row++) {
			bool is_known = i >= 0 && known[i][row];

			check_eq(!column_is_null(&b->columns[k], row), is_known);
			if (is_known)
				check_eq(column_num(&b->columns[k], row), values[i][row]);
		}
	}
	trace_cursor_free(c);
	trace_free(t);
	batch_free(made);
	remove_all(dir);
}

TEST(folders_of_unknown_events_are_left_alone)
{
	struct sample *samples;
	struct diag d = {};
	char path[256];
	const char *dir = write_samples(event("clock"), 5, NULL, &samples);

	(void)snprintf(path, sizeof(path), "%s/from_the_future", dir);
	check_eq(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/clock/notes.txt", dir);
	store_file(path, "x", 1);
	check_eq(read_back(dir, event("clock"), samples, 5, &d), 5);
	free(samples);
	remove_all(dir);
}

TESTS(every_event_reads_back, large_groups_read_back, events_do_not_mix,
      columns_that_are_not_wanted_are_null, groups_outside_of_the_time_are_skipped,
      statistics_are_right, rotation_loses_no_row, complete_parts_are_tidied,
      rows_are_flushed_after_a_while, overflow_is_counted_and_leaves_a_hole,
      groups_end_where_memory_does, malformed_records_are_refused,
      manifest_is_what_was_written_last, writer_takes_no_directory_that_holds_something,
      a_directory_has_one_writer, a_trace_that_is_discarded_leaves_nothing,
      a_trace_can_be_given_away, a_damaged_manifest_costs_no_rows,
      what_is_no_trace_is_said_to_be_none, files_of_other_versions_are_read,
      folders_of_unknown_events_are_left_alone)
