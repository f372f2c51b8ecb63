// SPDX-License-Identifier: BSD-2-Clause
#include "schema/dfa.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "schema/pattern.h"

/*
 * Patterns to a nondeterministic automaton (Thompson), that to one whose states are
 * sets of its nodes, and that to the smallest (Moore). Each step is bounded.
 */
#define COMM_BYTES (SN_COMM_SIZE - 1)
#define MAX_NODES 1024
#define MAX_STEPS 65536 /* of emit(), which may repeat what makes no node */
#define MAX_SETS 1024
#define NO_SET 0xffff
#define ANY_BYTE (-1)
#define SET_WORDS (MAX_NODES / 64)

enum node_op {
	NODE_ACCEPT,
	NODE_SET,   /* a byte of set, then out */
	NODE_BEGIN, /* at the begin, out */
	NODE_END,   /* at the end, out */
	NODE_SPLIT, /* out or other */
};

struct node {
	u8 op; /* enum node_op */
	u16 out, other;
	struct byte_set set;
};

/* A set of nodes that bytes lead to: a state before states are merged. */
struct node_set {
	u64 words[SET_WORDS];
};

struct dfa_maker {
	struct pattern pattern;
	struct diag *d;

	struct node nodes[MAX_NODES];
	u32 nr_nodes, nr_steps;

	u8 class_of[256], byte_of[256]; /* a byte's class, and a byte of each class */
	u32 nr_classes;

	struct node_set sets[MAX_SETS];
	u32 nr_sets;
	u32 depth[MAX_SETS]; /* bytes of the shortest name that leads there */
	bool accept[MAX_SETS];
	u16 next[MAX_SETS][256];
	u16 hashed[2 * MAX_SETS]; /* indices of sets */

	u16 block[MAX_SETS], new_block[MAX_SETS]; /* states that no name tells apart */
	u16 block_set[MAX_SETS];                  /* the first of each block */
	u32 nr_blocks;
};

static int too_large(struct dfa_maker *m)
{
	diag_err(m->d, -E2BIG,
		 "the patterns for names are too large for the table that the kernel walks");
	return diag_hint(m->d, -E2BIG, "fewer or simpler patterns; counted repetitions cost most");
}

static int add_node(struct dfa_maker *m, struct node n)
{
	if (m->nr_nodes == MAX_NODES)
		return too_large(m);
	m->nodes[m->nr_nodes] = n;
	return (int)m->nr_nodes++;
}

static int add_split(struct dfa_maker *m, int out, int other)
{
	if (out < 0)
		return out;
	if (other < 0)
		return other;
	return add_node(m, (struct node){ .op = NODE_SPLIT, .out = (u16)out, .other = (u16)other });
}

static int emit(struct dfa_maker *m, u16 tree, int next);

static int emit_repeat(struct dfa_maker *m, const struct pattern_node *t, int next)
{
	int n = next, i = 0, loop;

	if (t->max == PATTERN_NO_MAX) {
		loop = n = add_split(m, next, next);
		if (loop < 0)
			return loop;
		n = emit(m, t->left, loop);
		if (n < 0)
			return n;
		m->nodes[loop].out = (u16)n;
		if (!t->min)
			return loop;
		i = 1;
	} else {
		for (int j = t->min; n >= 0 && j < t->max; j++)
			n = add_split(m, emit(m, t->left, n), next);
	}
	for (; n >= 0 && i < t->min; i++)
		n = emit(m, t->left, n);
	return n;
}

/* The node where the tree begins, if it is followed by next; or an error, as next may be. */
static int emit(struct dfa_maker *m, u16 tree, int next)
{
	const struct pattern_node *t = &m->pattern.nodes[tree];

	if (next < 0)
		return next;
	if (++m->nr_steps > MAX_STEPS)
		return too_large(m);
	switch ((enum pattern_op)t->op) {
	case PATTERN_EMPTY:
		return next;
	case PATTERN_SET:
		return add_node(m,
				(struct node){ .op = NODE_SET, .out = (u16)next, .set = t->set });
	case PATTERN_BEGIN:
		return add_node(m, (struct node){ .op = NODE_BEGIN, .out = (u16)next });
	case PATTERN_END:
		return add_node(m, (struct node){ .op = NODE_END, .out = (u16)next });
	case PATTERN_CAT:
		return emit(m, t->left, emit(m, t->right, next));
	case PATTERN_OR:
		return add_split(m, emit(m, t->left, next), emit(m, t->right, next));
	case PATTERN_REPEAT:
		return emit_repeat(m, t, next);
	}
	return -EINVAL;
}

static bool set_has(const struct node_set *set, u32 n)
{
	return set->words[n / 64] >> n % 64 & 1;
}

/* Adds a node and what is reached from it without a byte. */
static void reach(const struct dfa_maker *m, struct node_set *set, u16 from, bool at_begin,
		  bool at_end)
{
	u16 todo[MAX_NODES + 1];
	const struct node *n;
	u32 nr = 0;

	todo[nr++] = from;
	while (nr) {
		from = todo[--nr];
		if (set_has(set, from))
			continue;
		set->words[from / 64] |= 1ull << from % 64;
		n = &m->nodes[from];
		if (n->op == NODE_SPLIT && !set_has(set, n->other))
			todo[nr++] = n->other;
		if (n->op == NODE_SPLIT || (n->op == NODE_BEGIN && at_begin) ||
		    (n->op == NODE_END && at_end))
			todo[nr++] = n->out;
	}
}

/* Calls for each node of a set. */
#define for_each_node(n, set)                                                         \
	for (u32 word_ = 0; word_ < SET_WORDS; word_++)                               \
		for (u64 bits_ = (set)->words[word_];                                 \
		     bits_ && ((n) = word_ * 64 + (u32)__builtin_ctzll(bits_), true); \
		     bits_ &= bits_ - 1)

/* Does a name that ends here match? */
static bool accepts(const struct dfa_maker *m, const struct node_set *set, bool at_begin)
{
	struct node_set at_end = {};
	u32 n;

	for_each_node(n, set) if (m->nodes[n].op == NODE_ACCEPT || m->nodes[n].op == NODE_END)
		reach(m, &at_end, (u16)n, at_begin, true);
	return set_has(&at_end, 0);
}

/* What a byte leads to; ANY_BYTE is whichever leads furthest. */
static struct node_set step(const struct dfa_maker *m, const struct node_set *set, int byte)
{
	static const struct byte_set none;
	struct node_set to = {};
	const struct node *node;
	u32 n;

	for_each_node(n, set)
	{
		node = &m->nodes[n];
		if (node->op != NODE_SET)
			continue;
		if (byte == ANY_BYTE ? memcmp(&node->set, &none, sizeof(none)) != 0
				     : byte_set_has(&node->set, (u8)byte))
			reach(m, &to, node->out, false, false);
	}
	return to;
}

static struct node_set first_set(const struct dfa_maker *m, u16 from)
{
	struct node_set set = {};

	reach(m, &set, from, true, false);
	return set;
}

/* Can a name match at all? */
static bool can_match(const struct dfa_maker *m, u16 from)
{
	struct node_set set = first_set(m, from);

	for (int len = 0; len <= COMM_BYTES; len++) {
		if (accepts(m, &set, len == 0))
			return true;
		set = step(m, &set, ANY_BYTE);
	}
	return false;
}

/* Adds the item at text[*pos] in front of those that begin at next, or -1. */
static int add_item(struct dfa_maker *m, const char *text, size_t *pos, int next)
{
	size_t at = *pos;
	int r, n;

	r = pattern_parse(text, pos, &m->pattern, m->d);
	if (r < 0)
		return r;
	n = emit(m, m->pattern.root, 0);
	if (n < 0)
		return n;
	if (!can_match(m, (u16)n)) {
		diag_err(m->d, -EINVAL,
			 "no thread's name can match \"%.*s\": names have at most %d bytes",
			 (int)(*pos - at), text + at, COMM_BYTES);
		return diag_hint(m->d, -EINVAL,
				 "the kernel cuts longer names: give their first %d bytes",
				 COMM_BYTES);
	}
	return next < 0 ? n : add_split(m, n, next);
}

/* The node where all patterns begin, or an error. */
static int add_patterns(struct dfa_maker *m, const char *const *patterns, size_t nr)
{
	int start = -1;
	size_t pos;

	(void)add_node(m, (struct node){ .op = NODE_ACCEPT });
	for (size_t i = 0; i < nr; i++) {
		pos = 0;
		for (;;) {
			start = add_item(m, patterns[i], &pos, start);
			if (start < 0)
				return start;
			if (!patterns[i][pos])
				break;
			pos++;
		}
	}
	return start < 0 ? diag_err(m->d, -EINVAL, "no pattern for names is given") : start;
}

/* Bytes that no set tells apart are one class. */
static void make_classes(struct dfa_maker *m)
{
	s16 split[256][2];
	s16 *to;

	memset(m->class_of, 0, sizeof(m->class_of));
	m->nr_classes = 1;
	for (u32 n = 0; n < m->nr_nodes; n++) {
		if (m->nodes[n].op != NODE_SET)
			continue;
		memset(split, -1, sizeof(split));
		m->nr_classes = 0;
		for (int byte = 0; byte < 256; byte++) {
			to = &split[m->class_of[byte]][byte_set_has(&m->nodes[n].set, (u8)byte)];
			if (*to < 0)
				*to = (s16)m->nr_classes++;
			m->class_of[byte] = (u8)*to;
		}
	}
	for (int byte = 255; byte >= 0; byte--)
		m->byte_of[m->class_of[byte]] = (u8)byte;
}

/* The set's index, or an error; the empty one is 0. */
static int find_set(struct dfa_maker *m, const struct node_set *set, u32 depth)
{
	static const struct node_set none;
	u64 h = hash_bytes(set, sizeof(*set));
	u16 *i;

	if (!memcmp(set, &none, sizeof(none)))
		return 0;
	for (;; h++) {
		i = &m->hashed[h % ARRAY_SIZE(m->hashed)];
		if (!*i)
			break;
		if (!memcmp(&m->sets[*i], set, sizeof(*set)))
			return *i;
	}
	if (m->nr_sets == MAX_SETS)
		return too_large(m);
	*i = (u16)m->nr_sets;
	m->sets[*i] = *set;
	m->depth[*i] = depth;
	m->accept[*i] = accepts(m, set, false);
	return (int)m->nr_sets++;
}

/*
 * Names end at 15 bytes: where only longer ones lead is not followed. The first
 * set is not hashed: only there a ^ holds, so an equal set later is another.
 */
static int make_sets(struct dfa_maker *m, u16 start)
{
	struct node_set set = first_set(m, start);
	int r;

	memset(m->hashed, 0, sizeof(m->hashed));
	memset(m->next[SN_DFA_DEAD], 0, sizeof(m->next[0]));
	m->accept[SN_DFA_DEAD] = false;
	m->sets[SN_DFA_START] = set;
	m->depth[SN_DFA_START] = 0;
	m->accept[SN_DFA_START] = accepts(m, &set, true);
	m->nr_sets = 2;
	for (u32 i = SN_DFA_START; i < m->nr_sets; i++) {
		memset(m->next[i], 0, sizeof(m->next[i]));
		for (u32 c = 0; m->depth[i] < COMM_BYTES && c < m->nr_classes; c++) {
			set = step(m, &m->sets[i], m->byte_of[c]);
			r = find_set(m, &set, m->depth[i] + 1);
			if (r < 0)
				return r;
			m->next[i][c] = (u16)r;
		}
	}
	return 0;
}

/* Are a and b in one block, and does each byte lead from them into one block? */
static bool same_row(const struct dfa_maker *m, u32 a, u32 b)
{
	if (m->block[a] != m->block[b])
		return false;
	for (u32 c = 0; c < m->nr_classes; c++)
		if (m->block[m->next[a][c]] != m->block[m->next[b][c]])
			return false;
	return true;
}

static u64 row_hash(const struct dfa_maker *m, u32 set)
{
	u64 h = m->block[set];

	for (u32 c = 0; c < m->nr_classes; c++)
		h = hash_u64(h ^ m->block[m->next[set][c]]);
	return h;
}

/* Splits blocks whose sets one more byte tells apart. */
static void refine(struct dfa_maker *m)
{
	u16 *i;
	u64 h;

	memset(m->hashed, 0xff, sizeof(m->hashed));
	m->nr_blocks = 0;
	for (u32 set = 0; set < m->nr_sets; set++) {
		for (h = row_hash(m, set);; h++) {
			i = &m->hashed[h % ARRAY_SIZE(m->hashed)];
			if (*i == NO_SET || same_row(m, *i, set))
				break;
		}
		if (*i == NO_SET) {
			*i = (u16)set;
			m->block_set[m->nr_blocks] = (u16)set;
			m->new_block[set] = (u16)m->nr_blocks++;
		} else {
			m->new_block[set] = m->new_block[*i];
		}
	}
	memcpy(m->block, m->new_block, sizeof(m->block[0]) * m->nr_sets);
}

/*
 * Sets are one state if no name tells them apart. What bytes behind the 15th would
 * tell does not count, so there are 15 rounds at most. The empty set and the first
 * differ, since something matches: they stay 0 and 1.
 */
static void make_blocks(struct dfa_maker *m)
{
	u32 before = 0;

	for (u32 set = 0; set < m->nr_sets; set++)
		m->block[set] = m->accept[set];
	for (int round = 0; round < COMM_BYTES; round++) {
		refine(m);
		if (m->nr_blocks == before)
			break;
		before = m->nr_blocks;
	}
}

static bool same_column(const struct dfa_maker *m, u32 a, u32 b)
{
	const u16 *next;

	for (u32 i = 0; i < m->nr_blocks; i++) {
		next = m->next[m->block_set[i]];
		if (m->block[next[a]] != m->block[next[b]])
			return false;
	}
	return true;
}

static int make_table(struct dfa_maker *m, struct sn_dfa *ret)
{
	u16 column_of[256], columns[SN_DFA_CLASSES];
	u32 nr = 0, column;
	const u16 *next;

	if (m->nr_blocks > SN_DFA_STATES)
		return too_large(m);
	for (u32 c = 0; c < m->nr_classes; c++) {
		for (column = 0; column < nr; column++)
			if (same_column(m, columns[column], c))
				break;
		if (column == SN_DFA_CLASSES)
			return diag_err(
				m->d, -E2BIG,
				"the patterns for names tell more than %d sorts of bytes apart",
				SN_DFA_CLASSES);
		if (column == nr)
			columns[nr++] = (u16)c;
		column_of[c] = (u16)column;
	}

	memset(ret, 0, sizeof(*ret));
	for (int byte = 0; byte < 256; byte++)
		ret->class_of[byte] = (u8)column_of[m->class_of[byte]];
	for (u32 i = 0; i < m->nr_blocks; i++) {
		next = m->next[m->block_set[i]];
		ret->accept[i] = m->accept[m->block_set[i]];
		for (column = 0; column < nr; column++)
			ret->next[i * SN_DFA_CLASSES + column] =
				(u8)m->block[next[columns[column]]];
	}
	return 0;
}

int dfa_compile(const char *const *patterns, size_t nr, struct sn_dfa *ret, struct diag *d)
{
	_cleanup_(freep) struct dfa_maker *m = malloc(sizeof(*m));
	int start, r;

	if (!m)
		return -ENOMEM;
	m->d = d;
	m->nr_nodes = m->nr_steps = 0;
	start = add_patterns(m, patterns, nr);
	if (start < 0)
		return start;
	make_classes(m);
	r = make_sets(m, (u16)start);
	if (r < 0)
		return r;
	make_blocks(m);
	return make_table(m, ret);
}
