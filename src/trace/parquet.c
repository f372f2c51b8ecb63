// SPDX-License-Identifier: BSD-2-Clause
#include "trace/parquet.h"

#include <string.h>

struct parquet_column parquet_column(const struct sn_column *c)
{
	if (c->kind == SN_K_bool)
		return (struct parquet_column){ .type = PARQUET_BOOLEAN };
	if (c->rep == SN_STRING || kind_is_text(c->kind))
		return (struct parquet_column){ PARQUET_BYTE_ARRAY, PARQUET_LOGICAL_STRING };
	if ((c->kind == SN_K_time || c->kind == SN_K_wall) && c->width == 8)
		return (struct parquet_column){ PARQUET_INT64, PARQUET_LOGICAL_TIMESTAMP, 64,
						true };
	return (struct parquet_column){
		.type = c->width == 8 ? PARQUET_INT64 : PARQUET_INT32,
		.logical = PARQUET_LOGICAL_INTEGER,
		.bits = (u8)(c->width * 8),
		.is_signed = c->rep == SN_SIGNED,
	};
}

void parquet_crc_init(struct parquet_crc *c)
{
	u32 v;

	for (u32 b = 0; b < 256; b++) {
		v = b;
		for (int i = 0; i < 8; i++)
			v = v >> 1 ^ (v & 1 ? 0xedb88320u : 0);
		c->table[0][b] = v;
	}
	/* [k][b]: what byte b does to the checksum k bytes later. */
	for (u32 b = 0; b < 256; b++)
		for (int k = 1; k < 8; k++)
			c->table[k][b] =
				c->table[k - 1][b] >> 8 ^ c->table[0][c->table[k - 1][b] & 0xff];
}

u32 parquet_crc(const struct parquet_crc *c, const void *p, size_t n)
{
	const u8 *b = p;
	u32 crc = ~0u;
	u64 v;

	for (; n >= 8; n -= 8, b += 8) {
		memcpy(&v, b, 8);
		v ^= crc;
		crc = c->table[7][v & 0xff] ^ c->table[6][v >> 8 & 0xff] ^
		      c->table[5][v >> 16 & 0xff] ^ c->table[4][v >> 24 & 0xff] ^
		      c->table[3][v >> 32 & 0xff] ^ c->table[2][v >> 40 & 0xff] ^
		      c->table[1][v >> 48 & 0xff] ^ c->table[0][v >> 56];
	}
	for (; n; n--, b++)
		crc = crc >> 8 ^ c->table[0][(crc ^ *b) & 0xff];
	return ~crc;
}
