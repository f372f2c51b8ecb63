/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lists of words on the command line mean in terms of the schema: streams,
 * fields, operations, samples. An unknown word is an error with a sentence, never
 * "all". What one word means is schema/select.h's.
 */
#ifndef SONDE_CMD_SELECT_H
#define SONDE_CMD_SELECT_H

#include "base/opt.h"
#include "schema/schema.h"
#include "schema/values.h"

/* Events that rows are recorded of: all but dictionaries and bookkeeping. */
u64 select_all(void);
/* Those of them that are recorded where none are named. */
u64 select_default(void);

/*
 * The events, as a bit per slot, of comma-separated streams: a domain, an event
 * or a glob of events. No words: all. with_core: dictionaries may be named too.
 */
int select_streams(const struct opt_strings *words, bool with_core, u64 *ret_events,
		   struct diag *d);

/* STREAM=N, separated by commas: nr[slot] is set to N for the events of the stream. */
int select_samples(const struct opt_strings *words, u32 nr[SN_NR_EVENTS], struct diag *d);

/* Operations, of the two kinds that there are. */
struct op_set {
	struct sn_call_set calls;
	u32 blk_ops; /* bit per enum sn_blk_op */
};

/* Is an operation in both? */
bool op_set_meets(const struct op_set *a, const struct op_set *b);

/* Operations by name; a name that both kinds have means both. No words: all bits. */
int select_ops(const struct opt_strings *words, struct op_set *ret, struct diag *d);

/* The operations that rows of the event can be. */
void select_ops_of(u32 slot, struct op_set *ret);
/* Their names, a blank before each. */
void select_put_ops(struct buf *b, u32 slot);

/* A list of names that csv_open() and others take. */
struct fields {
	const char **names; /* NULL-terminated; NULL is all */
	char *text;
};

void fields_done(struct fields *f);

/* Comma-separated names of columns that at least one of the events has. No words: all. */
int select_fields(const struct opt_strings *words, u64 events, struct fields *ret, struct diag *d);
/* The same, and SINK_WALL is a column too: *ret_wall says if it is among them. */
int select_fields_or_wall(const struct opt_strings *words, u64 events, struct fields *ret,
			  bool *ret_wall, struct diag *d);

#endif
