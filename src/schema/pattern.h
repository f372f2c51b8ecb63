/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a pattern for names says, as a tree: shell globs, which mean whole names,
 * and extended regular expressions between slashes, which are searched. Bytes, not
 * characters; the C locale. Matches nothing itself, see dfa.h.
 */
#ifndef SONDE_SCHEMA_PATTERN_H
#define SONDE_SCHEMA_PATTERN_H

#include "base/diag.h"

#define PATTERN_MAX_NODES 1024
#define PATTERN_MAX_DEPTH 64   /* of parentheses */
#define PATTERN_MAX_REPEAT 255 /* RE_DUP_MAX, as POSIX asks for */
#define PATTERN_NO_MAX 0xffff  /* {m,} */

struct byte_set {
	u64 words[4];
};

static inline bool byte_set_has(const struct byte_set *set, u8 byte)
{
	return set->words[byte / 64] >> byte % 64 & 1;
}

enum pattern_op {
	PATTERN_EMPTY,  /* no byte */
	PATTERN_SET,    /* one byte of set; NUL is never in it */
	PATTERN_BEGIN,  /* no byte, at the name's begin */
	PATTERN_END,    /* no byte, at the name's end */
	PATTERN_CAT,    /* left, then right */
	PATTERN_OR,     /* left or right */
	PATTERN_REPEAT, /* left, min to max times */
};

struct pattern_node {
	u8 op; /* enum pattern_op */
	u16 left, right;
	u16 min, max;
	struct byte_set set;
};

/* Matches whole names: what a regular expression leaves open is in the tree. */
struct pattern {
	struct pattern_node nodes[PATTERN_MAX_NODES];
	u32 nr_nodes;
	u16 root;
};

/*
 * Parses the item of a comma list that begins at text[*pos], and moves *pos behind
 * it: to a comma or to the end. -EINVAL for what is no pattern, -E2BIG for one
 * that is too long.
 */
int pattern_parse(const char *text, size_t *pos, struct pattern *ret, struct diag *d);

#endif
