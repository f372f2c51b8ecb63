// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
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
	int fd; /* of --output, or -1 */
};

static void streaming_done(struct streaming *s)
{
	feed_done(&s->feed);
	for (u32 i = 0; i < SN_NR_EVENTS; i++)
		batch_free(s->batches[i]);
	fields_done(&s->fields);
	closep(&s->fd);
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
	bool several = (s->feed.events & (s->feed.events - 1)) != 0;
	int fd = STDOUT_FILENO, r;

	if (o->output) {
		fd = open(o->output, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
		if (fd < 0)
			return diag_errno(d, -errno, "cannot write %s", o->output);
		s->fd = fd;
	}
	r = o->format == STREAM_CSV ? csv_open(fd, names, several, &s->sink, d)
				    : jsonl_open(fd, names, true, &s->sink, d);
	if (r >= 0) /* what is missing is told whole, whatever columns the rows have */
		s->sink->whole = 1ull << SN_SLOT_lost;
	return r;
}

static int begin(struct streaming *s, const struct stream_opts *o, struct diag *d)
{
	int r;

	r = feed_start(&s->feed, on_row, NULL, s, d);
	r = r < 0 ? r : feed_check_seen(&s->feed, false, d);
	r = r < 0 ? r : feed_go(&s->feed, &o->run, d);
	if (r < 0)
		return r;
	/* What was in the file stays until there is something to put in its place. */
	if (s->fd >= 0 && ftruncate(s->fd, 0) < 0 && errno != EINVAL)
		return diag_errno(d, -errno, "cannot empty %s", o->output);
	fprintf(stderr, "recording%s\n", o->command ? "" : "; Ctrl-C ends it");
	return 0;
}

/* Until something ends it. 0 or negative errno. */
static int stream(struct streaming *s, const struct run_opts *run)
{
	enum feed_end end;
	int r;

	do {
		end = feed_step(&s->feed, run, &r);
		r = r < 0 ? r : s->sink->ops->flush(s->sink, &s->diag);
	} while (r >= 0 && end == FEED_GOES_ON);
	return r;
}

static int cmd_stream(const struct stream_opts *o)
{
	_cleanup_(streaming_done) struct streaming s = { .fd = -1 };
	int out = o->output ? -1 : STDERR_FILENO, err, last;
	struct feed_losses lost;
	bool is_usage = false;
	struct diag d = {};

	feed_init(&s.feed, "stream");
	feed_catch_signals(&s.feed);
	err = feed_open(&s.feed, &o->filter, &o->run, o->command, out, &is_usage, &d);
	if (err >= 0) {
		err = select_fields(&o->fields, s.feed.events, &s.fields, &d);
		is_usage = err < 0;
	}
	if (err < 0)
		return is_usage ? cmd_usage("stream", err, &d) : cmd_fail("stream", err, &d);
	err = open_sink(&s, o, &d);
	if (err < 0)
		return cmd_fail("stream", err, &d);
	err = begin(&s, o, &d);
	err = err < 0 ? err : stream(&s, &o->run);
	last = feed_stop(&s.feed);
	err = err < 0 ? err : last;
	last = s.sink->ops->close(s.sink, &s.diag);
	err = err < 0 ? err : last;
	if (err == -EPIPE)
		return EXIT_FAILED; /* a reader that has enough, like head, is no failure to speak of */
	if (err < 0)
		return feed_fail(&s.feed, err, d.text[0] ? &d : &s.diag);
	feed_losses(&s.feed, &lost);
	feed_warn_losses(&s.feed, &lost);
	feed_say_left(&s.feed);
	return feed_exit_status(&s.feed, &o->run, &lost);
}
CMD_RUN(stream)
