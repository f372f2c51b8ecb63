// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>

#include "cmd/feed.h"
#include "cmd/select.h"
#include "sink/csv.h"
#include "sink/jsonl.h"

struct streaming {
	struct feed feed;
	struct sink *sink;
	struct batch *batches
		[SN_NR_EVENTS]; /* one row each: rows of all events go out in order of time */
	struct fields fields;
	struct diag diag;
};

static void streaming_done(struct streaming *s)
{
	feed_done(&s->feed);
	for (u32 i = 0; i < SN_NR_EVENTS; i++)
		batch_free(s->batches[i]);
	fields_done(&s->fields);
}

static int on_row(void *ctx, const struct sn_event *ev, const void *rec, size_t size,
		  const struct sn_names *names)
{
	struct streaming *s = ctx;
	struct batch *b = s->batches[ev->slot];
	int r;

	if (schema_is_core(ev) && ev->id != SN_EV_lost)
		return 0; /* dictionaries: the names are on the rows */
	if (!b) {
		b = s->batches[ev->slot] = batch_new(ev, 1);
		if (!b)
			return -ENOMEM;
	}
	batch_clear(b);
	r = batch_append(b, rec, size, names);
	return r < 0 ? r : s->sink->ops->rows(s->sink, b, 0, 1, &s->diag);
}

static int open_sink(struct streaming *s, const struct stream_opts *o, struct diag *d)
{
	const char *const *names = (const char *const *)s->fields.names;

	if (o->format == STREAM_CSV)
		return csv_open(STDOUT_FILENO, names, &s->sink, d);
	return jsonl_open(STDOUT_FILENO, names, true, &s->sink, d);
}

static int exit_status(struct streaming *s, const struct stream_opts *o)
{
	if (o->run.strict && (feed_lost(&s->feed) || !feed_saw_all(&s->feed)))
		return EXIT_PARTIAL;
	if (s->feed.target.pid)
		return target_exit_status(&s->feed.target);
	return feed_saw_all(&s->feed) ? EXIT_DONE : EXIT_PARTIAL;
}

/* A reader that has enough, like head, is no failure to speak of. */
static int fail(struct streaming *s, int err, const struct diag *d)
{
	if (err == -EPIPE)
		return EXIT_FAILED;
	(void)cmd_fail("stream", err, d);
	if (s->feed.exec_failed)
		return s->feed.exec_failed == ENOENT ? 127 : 126;
	return EXIT_FAILED;
}

static int cmd_stream(const struct stream_opts *o)
{
	_cleanup_(streaming_done) struct streaming s = {};
	enum feed_end end = FEED_GOES_ON;
	bool is_usage = false;
	struct diag d = {};
	int err, lost;

	feed_init(&s.feed);
	feed_catch_signals();
	err = feed_open(&s.feed, &o->filter, &o->run, o->command, &is_usage, &d);
	if (err >= 0) {
		err = select_fields(&o->fields, s.feed.events, &s.fields, &d);
		is_usage = err < 0;
	}
	if (err < 0)
		return is_usage ? cmd_usage("stream", err, &d) : cmd_fail("stream", err, &d);
	err = open_sink(&s, o, &d);
	if (err < 0)
		return cmd_fail("stream", err, &d);
	err = feed_start(&s.feed, on_row, &s, &d);
	if (err >= 0)
		fprintf(stderr, "recording%s\n", o->command ? "" : "; Ctrl-C ends it");
	while (err >= 0 && end == FEED_GOES_ON) {
		end = feed_step(&s.feed, &o->run, &err);
		if (err >= 0)
			err = s.sink->ops->flush(s.sink, &s.diag);
	}
	lost = feed_stop(&s.feed);
	err = err < 0 ? err : lost;
	lost = s.sink->ops->close(s.sink, &s.diag);
	err = err < 0 ? err : lost;
	return err < 0 ? fail(&s, err, d.text[0] ? &d : &s.diag) : exit_status(&s, o);
}
CMD_RUN(stream)
