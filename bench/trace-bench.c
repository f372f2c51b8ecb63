// SPDX-License-Identifier: BSD-2-Clause
/*
 * What writing and reading a trace costs: vfs_read rows of an invented but
 * plausible mix, through the trace writer and back.
 *
 *	trace-bench DIR [MILLIONS, a digit]
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "schema/values.h"
#include "trace/reader.h"
#include "trace/writer.h"

enum { NR_RECORDS = 1 << 20, NR_THREADS = 24, NR_FILES = 3000 };

struct record {
	struct sn_vfs_read rec;
	u16 thread, file;
};

struct mix {
	struct record *records;
	struct intern pool;
	const struct istr *comm[NR_THREADS], *cmdline[NR_THREADS], *cgroup, *container;
	const struct istr *path[NR_FILES], *known[2];
	u64 random;
};

static u64 next_random(struct mix *m)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random;
}

static const struct istr *name(struct mix *m, const char *form, unsigned int n)
{
	char text[256];
	int len = snprintf(text, sizeof(text), form, n, n);

	return intern(&m->pool, text, (size_t)len);
}

static void make_names(struct mix *m)
{
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		m->comm[i] = name(m, "worker/%u", i / 4);
		m->cmdline[i] =
			name(m, "/usr/bin/worker --shard %u --config /etc/worker.conf", i / 4);
	}
	for (unsigned int i = 0; i < NR_FILES; i++)
		m->path[i] = name(m, "/srv/data/set%u/segment-%06u.dat", i);
	m->cgroup = name(m, "/system.slice/worker.service", 0);
	m->known[0] = name(m, "exact", 0);
	m->known[1] = name(m, "dictionary", 0);
}

/* What one thread is at. */
struct task {
	unsigned int file;
	u64 size, offset, io;
};

static void open_file(struct mix *m, struct task *t)
{
	static const u64 ios[] = { 832, 4096, 4096, 8192, 32768, 65536, 131072, 512 };
	u64 random = next_random(m);

	t->file = (unsigned int)(random % NR_FILES);
	t->io = ios[random >> 20 & 7];
	t->size = (random >> 24 & 0xffff) << (random >> 41 & 3);
	t->offset = 0;
}

/* One read: to the file's end, where the last one is short and the next one empty. */
static void make_record(struct mix *m, struct record *r, unsigned int cpu, unsigned int thread,
			struct task *t, u64 ts, u64 op)
{
	u64 random = next_random(m), done = MIN(t->io, t->size - t->offset);
	struct sn_vfs_read *e = &r->rec;

	e->hdr = (struct sn_hdr){ .ts = ts, .op = op, .id = SN_EV_vfs_read, .cgroup = 4711 };
	e->hdr.pid = 1000 + thread / 4;
	e->hdr.tid = 1000 + thread;
	e->hdr.cpu = (u16)cpu;
	e->dur_ns =
		250 + done / 16 + (random & 63) + (random >> 8 & 63 ? 0 : random >> 16 & 0x7ffff);
	e->ret = random >> 56 ? (s64)done : -EAGAIN;
	e->call = SN_CALL_read;
	sn_set(e, requested_bytes, t->io);
	sn_set(e, ino, 100000 + t->file * 7);
	sn_set(e, offset, (s64)t->offset);
	sn_set(e, dev, 0x800002);
	sn_set(e, gen, t->file * 2654435761u);
	sn_set(e, fd, (s32)(3 + t->file % 8));
	sn_set(e, file_flags, 0);
	sn_set(e, fs_magic, 0xef53);
	sn_set(e, file_type, 0100000);
	r->thread = (u16)thread;
	r->file = (u16)t->file;
	t->offset += done;
	if (!done)
		open_file(m, t);
}

/* Two cpus, each of which runs a thread for some fifty reads; rows are in order of time. */
static void make_records(struct mix *m)
{
	u64 ts[2] = { 1000000000ull, 1000000100ull }, nr_ops[2] = {};
	unsigned int thread[2] = { 0, 1 };
	struct task tasks[NR_THREADS];

	for (u32 i = 0; i < NR_THREADS; i++)
		open_file(m, &tasks[i]);
	for (u32 i = 0; i < NR_RECORDS; i++) {
		unsigned int cpu = ts[1] < ts[0];
		struct record *r = &m->records[i];
		u64 op = (u64)(cpu + 1) << 48 | ++nr_ops[cpu];

		if (next_random(m) % 50 == 0)
			thread[cpu] = (unsigned int)(next_random(m) % (NR_THREADS / 2)) * 2 + cpu;
		make_record(m, r, cpu, thread[cpu], &tasks[thread[cpu]], ts[cpu], op);
		ts[cpu] += r->rec.dur_ns + 200 + (next_random(m) & 0x1ff);
	}
}

static double seconds(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long max_rss_kib(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

/* Row i, as the capturing thread would have it at hand: its record, and the names joined to it. */
static void make_row(const struct mix *m, u64 i, struct sn_vfs_read *rec, struct sn_names *names)
{
	const struct record *from = &m->records[i % NR_RECORDS];

	*rec = from->rec;
	rec->hdr.ts += i / NR_RECORDS * m->records[NR_RECORDS - 1].rec.hdr.ts;
	*names = (struct sn_names){ .num_valid = 1u << SN_D_ppid };
	names->num[SN_D_ppid] = 1;
	names->str[SN_D_comm] = m->comm[from->thread];
	names->str[SN_D_cmdline] = m->cmdline[from->thread];
	names->str[SN_D_cgroup_path] = m->cgroup;
	names->str[SN_D_path] = m->path[from->file];
	names->str[SN_D_path_known] = m->known[from->file % 16 == 0];
}

/* What making the rows costs, which is this program's own and no part of the figure. */
static double time_of_rows(const struct mix *m, u64 nr_rows)
{
	double cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
	struct sn_vfs_read rec;
	struct sn_names names;

	for (u64 i = 0; i < nr_rows; i++) {
		make_row(m, i, &rec, &names);
		__asm__ volatile("" : : "r"(&rec), "r"(&names) : "memory");
	}
	return seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
}

static int put_rows(const struct mix *m, struct trace_writer *w, u64 nr_rows)
{
	const struct sn_event *ev = schema_event(SN_SLOT_vfs_read);
	struct trace_writer_counts counts = {};
	struct sn_vfs_read rec;
	struct sn_names names;
	int r;

	for (u64 i = 0; i < nr_rows; i++) {
		/* As fast as they are written, so that none is lost and both sides are full. */
		if (i % 1024 == 0)
			trace_writer_counts(w, ev, &counts);
		while (counts.put - counts.written > 80000) {
			(void)usleep(1000);
			trace_writer_counts(w, ev, &counts);
		}
		make_row(m, i, &rec, &names);
		r = trace_writer_put(w, ev, &rec, sizeof(rec), &names);
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_trace(const struct mix *m, const char *dir, u64 nr_rows)
{
	double wall, cpu, put, own = time_of_rows(m, nr_rows), millions = (double)nr_rows / 1e6;
	_cleanup_(trace_writer_freep) struct trace_writer *w = NULL;
	long rss = max_rss_kib();
	struct trace_writer_counts counts;
	struct diag d = {};
	int r;

	wall = seconds(CLOCK_MONOTONIC);
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	put = seconds(CLOCK_THREAD_CPUTIME_ID);
	r = trace_writer_open(dir, NULL, &w, &d);
	if (r == 0)
		r = put_rows(m, w, nr_rows);
	put = seconds(CLOCK_THREAD_CPUTIME_ID) - put - own;
	if (r == 0)
		r = trace_writer_finish(w, &d);
	if (r < 0) {
		fprintf(stderr, "trace-bench: %s\n", d.text);
		return r;
	}
	wall = seconds(CLOCK_MONOTONIC) - wall;
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu - own;
	trace_writer_counts(w, schema_event(SN_SLOT_vfs_read), &counts);
	printf("write: %.2f M rows/s wall; CPU-s per million rows: put %.3f + encode and write %.3f "
	       "= %.3f; %.2f bytes/row; lost %" PRIu64 "; %ld MiB of memory\n",
	       millions / wall, put / millions, (cpu - put) / millions, cpu / millions,
	       (double)trace_writer_bytes(w) / (double)nr_rows, counts.lost,
	       (max_rss_kib() - rss) >> 10);
	return 0;
}

static int read_trace(const char *dir, const char *label, const char *const *columns)
{
	const struct sn_event *ev = schema_event(SN_SLOT_vfs_read);
	double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	_cleanup_(trace_cursor_freep) struct trace_cursor *c = NULL;
	_cleanup_(trace_freep) struct trace *t = NULL;
	const struct batch *b;
	struct diag d = {};
	u64 nr_rows = 0;
	int r;

	r = trace_open(dir, &t, &d);
	if (r == 0)
		r = trace_cursor_open(t, ev, columns, 0, UINT64_MAX, &c, &d);
	while (r >= 0 && (r = trace_cursor_next(c, &b, &d)) > 0)
		nr_rows += b->nr;
	if (r < 0) {
		fprintf(stderr, "trace-bench: %s\n", d.text);
		return r;
	}
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("read %s: %.2f M rows/s, %.1f ns/row\n", label, (double)nr_rows / cpu / 1e6,
	       cpu * 1e9 / (double)nr_rows);
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const four[] = { "ts", "dur_ns", "ret", "path", NULL };
	static const char *const six[] = { "ts", "dur_ns", "bytes", "errno", "comm", "path", NULL };
	u64 millions = argc > 2 ? (u64)(argv[2][0] - '0') : 4;
	static struct mix m;

	if (argc < 2) {
		fprintf(stderr, "usage: trace-bench DIR [MILLION_ROWS, one digit]\n");
		return 2;
	}
	m.random = 88172645463325252ull;
	m.records = malloc(NR_RECORDS * sizeof(*m.records));
	if (!m.records)
		return 1;
	memset(m.records, 0, NR_RECORDS * sizeof(*m.records));
	make_names(&m);
	make_records(&m);
	return write_trace(&m, argv[1], millions * 1000000) < 0 ||
	       read_trace(argv[1], "all columns", NULL) < 0 ||
	       read_trace(argv[1], "6 columns", six) < 0 ||
	       read_trace(argv[1], "4 columns", four) < 0;
}
