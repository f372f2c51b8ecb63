// SPDX-License-Identifier: BSD-2-Clause
/* What is said of losses. */
#include "cmd/feed.h"
#include "schema/values.h"
#include "test.h"

static const char *said(struct buf *b, const struct feed_losses *lost)
{
	buf_done(b);
	feed_put_losses(b, lost);
	buf_putc(b, '\0');
	return b->data;
}

TEST(words)
{
	_cleanup_(buf_done) struct buf b = {};

	check_str(said(&b, &(struct feed_losses){ .records = { [SN_CAUSE_ring] = 12 } }),
		  "12 rows to full rings (--ring-size)");
	check_str(said(&b,
		       &(struct feed_losses){
			       .records = { [SN_CAUSE_ring] = 5, [SN_CAUSE_disk_full] = 7 } }),
		  "12 rows: 5 to full rings (--ring-size), 7 to a full disk");
	check_str(said(&b, &(struct feed_losses){ .skipped = 3 }),
		  "0 rows; 3 runs of programs skipped by the kernel");
}

/* Their ring has a size of its own, which --ring-size does not change. */
TEST(names)
{
	_cleanup_(buf_done) struct buf b = {};

	check_str(said(&b, &(struct feed_losses){ .records = { [SN_CAUSE_ring] = 4 }, .names = 4 }),
		  "4 names of files and processes to the full ring that these have");
	check_str(said(&b, &(struct feed_losses){ .records = { [SN_CAUSE_ring] = 6 }, .names = 4 }),
		  "2 rows to full rings (--ring-size); "
		  "4 names of files and processes to the full ring that these have");
}

TESTS(words, names)
