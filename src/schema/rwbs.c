// SPDX-License-Identifier: BSD-2-Clause
#include "schema/rwbs.h"

#include <errno.h>

/* Modifiers in the order in which the kernel writes them, behind the operation. */
static const struct {
	char letter;
	u8 flag; /* enum sn_blk_flag */
} modifiers[] = {
	{ 'F', SN_BLK_FLAG_fua },  { 'A', SN_BLK_FLAG_rahead }, { 'S', SN_BLK_FLAG_sync },
	{ 'M', SN_BLK_FLAG_meta }, { 'P', SN_BLK_FLAG_prio },
};

static const char *const ops[SN_NR_BLK_OPS] = {
	[SN_BLK_OP_read] = "R",    [SN_BLK_OP_write] = "W",         [SN_BLK_OP_flush] = "F",
	[SN_BLK_OP_discard] = "D", [SN_BLK_OP_secure_erase] = "DE", [SN_BLK_OP_unknown] = "N",
};

void rwbs_put(struct buf *b, enum sn_blk_op op, u32 flags)
{
	if (flags & 1u << SN_BLK_FLAG_preflush)
		buf_putc(b, 'F');
	buf_puts(b, op < SN_NR_BLK_OPS && ops[op] ? ops[op] : "N");
	for (size_t i = 0; i < ARRAY_SIZE(modifiers); i++)
		if (modifiers[i].letter != 'P' && flags & 1u << modifiers[i].flag)
			buf_putc(b, modifiers[i].letter);
}

static int parse_op(const char **text, enum sn_blk_op *ret)
{
	switch (*(*text)++) {
	case 'R':
		*ret = SN_BLK_OP_read;
		return 0;
	case 'W':
		*ret = SN_BLK_OP_write;
		return 0;
	case 'F':
		*ret = SN_BLK_OP_flush;
		return 0;
	case 'E':
		*ret = SN_BLK_OP_secure_erase;
		return 0;
	case 'D':
		*ret = **text == 'E' ? SN_BLK_OP_secure_erase : SN_BLK_OP_discard;
		*text += **text == 'E';
		return 0;
	case 'N':
		*ret = SN_BLK_OP_unknown;
		return 0;
	default:
		return -EINVAL;
	}
}

int rwbs_parse(const char *text, enum sn_blk_op *ret_op, u32 *ret_flags)
{
	enum sn_blk_op op;
	u32 flags = 0;
	size_t i;

	if (text[0] == 'F' && text[1] && strchr("RWFDEN", text[1])) {
		flags |= 1u << SN_BLK_FLAG_preflush;
		text++;
	}
	if (parse_op(&text, &op) < 0)
		return -EINVAL;
	for (; *text; text++) {
		for (i = 0; i < ARRAY_SIZE(modifiers) && modifiers[i].letter != *text; i++)
			;
		if (i == ARRAY_SIZE(modifiers))
			return -EINVAL;
		flags |= 1u << modifiers[i].flag;
	}
	*ret_op = op;
	*ret_flags = flags;
	return 0;
}
