// SPDX-License-Identifier: BSD-2-Clause
/*
 * make-odd-trace DIR: a trace whose rows hold what outputs get wrong: quotes,
 * commas, line ends, bytes that are no UTF-8, the largest numbers, empty texts.
 * Prints what it holds, a line a row: event, ts, pid, and the bytes of old_comm,
 * new_comm or path in hex, "-" where there is none. Rows of two events take turns.
 */
#include <stdio.h>
#include <string.h>

#include "schema/values.h"
#include "trace/writer.h"

#define START_NS 1000000000ull
#define STEP_NS 1000ull

static const char *const odd[] = {
	"plain",
	"with,comma",
	"with \"quotes\"",
	"\"",
	"two\nlines",
	"carriage\rreturn\r\n",
	" blanks ",
	"tab\tbell\a",
	"back\\slash\\n",
	"\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x98",
	"latin1 \xe4",
	"cut \xe2\x82",
	"\xff\xfe",
	"'; DROP TABLE --",
	"=1+1",
	"null",
	"{}[]:,",
	"\x7f\x01",
};

static void die(const char *what, const struct diag *d)
{
	fprintf(stderr, "make-odd-trace: %s: %s\n", what, d->text);
	exit(1);
}

static void print_hex(const char *p, size_t len)
{
	putchar(' ');
	if (!len)
		putchar('-');
	for (size_t i = 0; i < len; i++)
		printf("%02x", (u8)p[i]);
}

static void put(struct trace_writer *w, u16 id, const void *rec, size_t size,
		const struct sn_names *names)
{
	struct diag d = {};

	if (trace_writer_put(w, schema_by_id(id), rec, size, names) < 0)
		die("cannot put a row", &d);
}

static void put_rename(struct trace_writer *w, u64 ts, u32 i)
{
	const char *from = odd[i % ARRAY_SIZE(odd)], *to = odd[(i * 7 + 3) % ARRAY_SIZE(odd)];
	u8 rec[sizeof(struct sn_proc_rename) + 128] = {};
	struct sn_proc_rename *e = (struct sn_proc_rename *)rec;
	size_t from_len = i % 5 ? strlen(from) : 0, to_len = strlen(to);

	e->hdr = (struct sn_hdr){ .ts = ts, .id = SN_EV_proc_rename, .pid = i, .tid = i };
	e->old_comm = (struct sn_str){ sizeof(*e), (u16)from_len };
	e->new_comm = (struct sn_str){ (u16)(sizeof(*e) + from_len), (u16)to_len };
	memcpy(rec + sizeof(*e), from, from_len);
	memcpy(rec + sizeof(*e) + from_len, to, to_len);
	put(w, SN_EV_proc_rename, rec, sizeof(*e) + from_len + to_len, NULL);
	printf("proc_rename %llu %u", (unsigned long long)ts, i);
	print_hex(from, from_len);
	print_hex(to, to_len);
	putchar('\n');
}

static void put_fsync(struct trace_writer *w, struct intern *pool, u64 ts, u32 i)
{
	const char *path = odd[(i * 5 + 1) % ARRAY_SIZE(odd)];
	struct sn_vfs_fsync e = {
		.hdr = { .ts = ts, .id = SN_EV_vfs_fsync, .pid = i, .op = UINT64_MAX - i },
		.ret = i % 3 ? 0 : -28,
		.call = SN_CALL_sync_file_range,
	};
	struct sn_names names = {};

	if (i % 4)
		names.str[SN_D_path] = intern(pool, path, strlen(path));
	if (i % 2)
		sn_set(&e, sync_flags, i % 8);
	if (i % 3)
		sn_set(&e, ino, UINT64_MAX);
	put(w, SN_EV_vfs_fsync, &e, sizeof(e), &names);
	printf("vfs_fsync %llu %u", (unsigned long long)ts, i);
	print_hex(path, i % 4 ? strlen(path) : 0);
	putchar('\n');
}

/* Ends as a crash does, with five groups of fsyncs written and the rest not. */
static void crash(struct trace_writer *w)
{
	struct trace_writer_counts counts = {};

	while (counts.written < 500) {
		trace_writer_counts(w, schema_by_id(SN_EV_vfs_fsync), &counts);
		usleep(1000);
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	static const char manifest[] =
		"{\"sonde\": {\"schema\": 1}, \"complete\": true, \"started\": {\"mono_ns\": 1000000000}}";
	struct trace_writer *w = NULL;
	struct intern pool = {};
	struct diag d = {};
	u64 ts = START_NS;

	if (argc != 2 && (argc != 3 || strcmp(argv[2], "crash"))) {
		fprintf(stderr, "usage: make-odd-trace DIR [crash]\n");
		return 2;
	}
	if (trace_writer_open(argv[1], &(struct trace_writer_opts){ .rows_per_group = 100 }, &w,
			      &d) < 0)
		die("cannot make the trace", &d);
	for (u32 i = 0; i < 1000; i++, ts += STEP_NS) {
		if (i % 7 < 3)
			put_rename(w, ts, i);
		else
			put_fsync(w, &pool, ts, i);
	}
	if (argc == 3)
		crash(w);
	if (trace_writer_manifest(w, manifest, strlen(manifest), &d) < 0 ||
	    trace_writer_finish(w, &d) < 0)
		die("cannot write the trace", &d);
	trace_writer_free(w);
	intern_done(&pool);
	return 0;
}
