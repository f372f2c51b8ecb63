/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the writer and the reader of Parquet files share: the numbers of the
 * format, and which of its types a column of an event becomes.
 */
#ifndef SONDE_TRACE_PARQUET_H
#define SONDE_TRACE_PARQUET_H

#include "schema/schema.h"

#define PARQUET_MAGIC "PAR1"
enum { PARQUET_MAGIC_SIZE = 4, PARQUET_TAIL_SIZE = 8 }; /* tail: length of the footer, magic */

enum {
	PARQUET_MAX_GROUP_ROWS = 1 << 18,
	PARQUET_MAX_GROUPS = 1 << 14,
	PARQUET_MAX_COLUMNS = 1 << 10,
	PARQUET_MAX_FOOTER = 1 << 24,
	PARQUET_MAX_PAGE = 1 << 26, /* bytes of a page, before compression */
};

enum parquet_type {
	PARQUET_BOOLEAN = 0,
	PARQUET_INT32 = 1,
	PARQUET_INT64 = 2,
	PARQUET_BYTE_ARRAY = 6,
};

enum parquet_encoding {
	PARQUET_PLAIN = 0,
	PARQUET_PLAIN_DICTIONARY = 2,
	PARQUET_RLE = 3,
	PARQUET_DELTA = 5,
	PARQUET_DELTA_STRINGS = 7,
	PARQUET_RLE_DICTIONARY = 8,
};

enum parquet_codec {
	PARQUET_UNCOMPRESSED = 0,
	PARQUET_ZSTD = 6,
};

enum parquet_page {
	PARQUET_DATA_PAGE = 0,
	PARQUET_DICTIONARY_PAGE = 2,
};

enum { PARQUET_REQUIRED = 0, PARQUET_OPTIONAL = 1 };

/* Field ids of the format's structs, those that both sides name. */
enum {
	PARQUET_FILE_VERSION = 1,
	PARQUET_FILE_SCHEMA = 2,
	PARQUET_FILE_ROWS = 3,
	PARQUET_FILE_GROUPS = 4,
	PARQUET_FILE_KEY_VALUES = 5,
	PARQUET_FILE_CREATED_BY = 6,
	PARQUET_FILE_ORDERS = 7,

	PARQUET_ELEMENT_TYPE = 1,
	PARQUET_ELEMENT_REPETITION = 3,
	PARQUET_ELEMENT_NAME = 4,
	PARQUET_ELEMENT_CHILDREN = 5,
	PARQUET_ELEMENT_CONVERTED = 6,
	PARQUET_ELEMENT_LOGICAL = 10,

	PARQUET_LOGICAL_STRING = 1,
	PARQUET_LOGICAL_TIMESTAMP = 8,
	PARQUET_LOGICAL_INTEGER = 10,

	PARQUET_GROUP_COLUMNS = 1,
	PARQUET_GROUP_BYTES = 2,
	PARQUET_GROUP_ROWS = 3,
	PARQUET_GROUP_OFFSET = 5,
	PARQUET_GROUP_STORED = 6,

	PARQUET_CHUNK_OFFSET = 2,
	PARQUET_CHUNK_META = 3,

	PARQUET_META_TYPE = 1,
	PARQUET_META_ENCODINGS = 2,
	PARQUET_META_PATH = 3,
	PARQUET_META_CODEC = 4,
	PARQUET_META_VALUES = 5,
	PARQUET_META_RAW = 6,
	PARQUET_META_STORED = 7,
	PARQUET_META_DATA_AT = 9,
	PARQUET_META_DICT_AT = 11,
	PARQUET_META_STATISTICS = 12,

	PARQUET_STAT_NULLS = 3,
	PARQUET_STAT_MAX = 5,
	PARQUET_STAT_MIN = 6,

	PARQUET_PAGE_TYPE = 1,
	PARQUET_PAGE_RAW = 2,
	PARQUET_PAGE_STORED = 3,
	PARQUET_PAGE_CRC = 4,
	PARQUET_PAGE_DATA = 5,
	PARQUET_PAGE_DICT = 7,
	PARQUET_PAGE_NR = 1,
	PARQUET_PAGE_ENCODING = 2,
};

/* How a column is stored. */
struct parquet_column {
	u8 type;    /* enum parquet_type */
	u8 logical; /* PARQUET_LOGICAL_..., 0 is none */
	u8 bits;    /* of an integer */
	bool is_signed;
};

struct parquet_column parquet_column(const struct sn_column *c);

/* The checksum of a page as it is stored: the CRC-32 of gzip, eight bytes at a time. */
struct parquet_crc {
	u32 table[8][256];
};

void parquet_crc_init(struct parquet_crc *c);
u32 parquet_crc(const struct parquet_crc *c, const void *p, size_t n);

#endif
