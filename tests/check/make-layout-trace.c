// SPDX-License-Identifier: BSD-2-Clause
/*
 * make-layout-trace DIR MANIFEST: a trace of random rows of every event, one a microsecond, with every
 * system call and with names that have arrows, quotes and line ends in them.
 */
#include "../unit/trace-help.h"

#include <fcntl.h>

#define START_NS 1000000000ull
#define START_WALL_NS 1795000000123456789ull
#define NR_ROWS 20000u

static const char *const odd[] = {
	"/plain",   "/with,comma", "/with \"quotes\"", "/two\nlines", "/a -> b",  "->",
	"/ends ->", "-> begins",   "/back \\-> slash", "/x->y",       "/ -> -> ", "\\",
};

static void set_name(struct sample *s, enum sn_derived which, u32 i)
{
	const char *name = odd[i % ARRAY_SIZE(odd)];

	s->names.str[which] = i % 7 ? intern(&names_pool, name, strlen(name)) : NULL;
}

static void set_call(struct sample *s, u32 i)
{
	int at = schema_column(s->ev, "call");
	u16 call = (u16)(i % SN_NR_CALLS);

	if (at >= 0)
		memcpy(s->rec + s->ev->columns[at].off, &call, sizeof(call));
}

static int put_rows(struct trace_writer *w)
{
	u32 nr[SN_NR_EVENTS] = {}, slot = 0;

	for (u32 i = 0; i < NR_ROWS; i++) {
		struct sample s;
		int r;

		do
			slot = (slot + 1) % SN_NR_EVENTS;
		while (schema_is_core(schema_event(slot)));
		random_sample(&s, schema_event(slot), START_NS + (u64)i * 1000);
		set_name(&s, SN_D_path, i);
		set_name(&s, SN_D_to_path, i / 3);
		set_call(&s, nr[slot]++);
		r = put_sample(w, &s);
		if (r < 0)
			return r;
		trace_writer_tick(w, (u64)i);
	}
	return 0;
}

static int put_clock(struct trace_writer *w)
{
	struct sn_clock row = { .hdr = { .ts = START_NS, .id = SN_EV_clock },
				.wall_ns = START_WALL_NS };

	return trace_writer_put(w, schema_event(SN_SLOT_clock), &row, sizeof(row), NULL);
}

static int put_manifest(struct trace_writer *w, const char *path, struct diag *d)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[64 << 10];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	return n < 0 ? -errno : trace_writer_manifest(w, text, (size_t)n, d);
}

int main(int argc, char **argv)
{
	struct trace_writer_opts opts = { .max_batch_bytes = 256 << 20 };
	_cleanup_(trace_writer_freep) struct trace_writer *w = NULL;
	struct diag d = {};
	int r;

	if (argc != 3)
		return 2;
	r = trace_writer_open(argv[1], &opts, &w, &d);
	r = r < 0 ? r : put_clock(w);
	r = r < 0 ? r : put_rows(w);
	r = r < 0 ? r : put_manifest(w, argv[2], &d);
	r = r < 0 ? r : trace_writer_finish(w, &d);
	if (r < 0)
		fprintf(stderr, "make-layout-trace: %s\n", d.text);
	return r < 0;
}
