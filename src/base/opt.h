/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options of a command as a table: one row says name, type, destination and
 * help. Parsing, help, man pages and completions walk the same rows. Knows no
 * command and prints nothing.
 */
#ifndef SONDE_BASE_OPT_H
#define SONDE_BASE_OPT_H

#include "base/diag.h"

/* What an argument looks like, and what it is stored as. */
enum opt_type {
	OPT_FLAG,     /* bool; no argument */
	OPT_STOP,     /* bool; no argument; nothing behind it is looked at, nothing need be there */
	OPT_SET,      /* int; no argument; .value is stored */
	OPT_STRING,   /* const char * */
	OPT_STRINGS,  /* struct opt_strings; one more each time it is given */
	OPT_IDS,      /* struct opt_ids; comma-separated numbers, more each time it is given */
	OPT_U64,      /* u64 */
	OPT_SIZE,     /* u64 bytes; suffix K, M, G or T */
	OPT_DURATION, /* u64 ns; suffix ns .. d, without one in units of .bare_ns if that is set */
	OPT_RANGE,    /* struct opt_range; FROM-TO, FROM-, -TO or one number */
	OPT_CHOICE,   /* int; place of the word in .choices */
	OPT_REST,     /* char **; for the last operand: all words from here on, NULL if none */
};

/* What a shell can complete an argument with. OPT_CHOICE needs none. */
enum opt_complete {
	OPT_COMPLETE_NONE,
	OPT_COMPLETE_FILE,
	OPT_COMPLETE_DIR,
	OPT_COMPLETE_STREAMS,
	OPT_COMPLETE_FIELDS,
	OPT_COMPLETE_OPS,
	OPT_COMPLETE_COMMANDS,
};

struct opt {
	const char *name;           /* long name; NULL for an operand, named by its metavar */
	const char *metavar;        /* the argument's name; "" if there is none */
	const char *help;           /* a sentence without its full stop */
	const char *const *choices; /* NULL-terminated */
	size_t off;                 /* of the destination, in the group's struct */
	u64 min, max; /* inclusive, for U64, IDS, SIZE and DURATION; max 0 is no limit */
	u64 bare_ns;
	int value;
	u8 type;         /* enum opt_type */
	u8 complete;     /* enum opt_complete */
	char short_name; /* or 0 */
	bool required;
	bool power_of_two;
};

/* Rows that share a destination struct, and a title in help; NULL: the title before. */
struct opt_group {
	const char *title;
	const struct opt *rows; /* ended by one without metavar */
	size_t base;            /* where the group's struct lies in the command's */
};

struct opt_strings {
	const char **v;
	u32 nr;
};

struct opt_ids {
	u32 *v;
	u32 nr;
};

/* Inclusive. */
struct opt_range {
	u64 from, to;
};

/*
 * Reads words (argv without the command's name, NULL-terminated) into opts,
 * which holds the defaults. groups end with one without rows. Strings point into
 * words. With an OPT_REST operand the first word that is no option ends the
 * options; else options and operands may be mixed. "--" ends the options.
 * 0, or -EINVAL with a sentence, or -ENOMEM. Call opt_done() in every case.
 */
int opt_parse(const struct opt_group *groups, void *opts, char **words, struct diag *d);

/* Frees what lists hold. */
void opt_done(const struct opt_group *groups, void *opts);

/* Walks all rows: for (row = opt_first(&it, groups); row; row = opt_next(&it)). */
struct opt_iter {
	const struct opt_group *group;
	const struct opt *row;
};

const struct opt *opt_first(struct opt_iter *it, const struct opt_group *groups);
const struct opt *opt_next(struct opt_iter *it);

static inline bool opt_has_arg(const struct opt *o)
{
	return o->type > OPT_SET;
}

#endif
