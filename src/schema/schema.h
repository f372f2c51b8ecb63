/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables that every output walks: which events there are, which columns a
 * row of each has, and what the numbers in them mean. Knows nothing of where
 * rows come from.
 *
 * Rows of a .def file:
 *   SN_EVENT(name, id, doc)                  begins an event
 *   SN_FIELD(type, name, kind, doc)          a member of the record, always known
 *   SN_OPT(type, name, kind, doc)            one that may be unknown: null, by hdr.valid
 *   SN_STR(name, doc)                        text behind the record; length 0 is null
 *   SN_RESERVED(type, name)                  a zero gap; no column; a later field may take it
 *   SN_VIEW(name, kind, how, field, doc)     a column computed from a field, see enum sn_view
 *   SN_NAME(name)                            a column of derived.def that this event has
 *   SN_END(name)
 * Fields are only appended (before the views), largest types first where possible.
 */
#ifndef SONDE_SCHEMA_SCHEMA_H
#define SONDE_SCHEMA_SCHEMA_H

#include "base/buf.h"
#include "schema/event.h"

enum sn_kind {
#define SN_KIND(name, form, unit, doc) SN_K_##name,
#include "schema/kinds.def"
#undef SN_KIND
	SN_NR_KINDS
};

/* Names that user space joins to a row. */
enum sn_derived {
#define SN_DERIVED(name, type, kind, doc) SN_D_##name,
#include "schema/derived.def"
#undef SN_DERIVED
	SN_NR_DERIVED
};

/* How a column's values are held in memory. */
enum sn_rep {
	SN_UNSIGNED,
	SN_SIGNED,
	SN_STRING,
};

/* Where a column's value comes from. */
enum sn_source {
	SN_FROM_HDR,     /* a member of struct sn_hdr */
	SN_FROM_FIELD,   /* a member of the record */
	SN_FROM_TEXT,    /* bytes behind the record, struct sn_str at off */
	SN_FROM_VIEW,    /* computed from the field at off, see view */
	SN_FROM_DERIVED, /* joined by key, see derived */
};

/* What a view makes of its field's value. */
enum sn_view {
	SN_VIEW_none,
	SN_VIEW_done,     /* the value itself if it is not negative, else null */
	SN_VIEW_error,    /* minus the value if that is an errno (1..4095), else null */
	SN_VIEW_restart,  /* is it one of -512..-516, the kernel's own "make the call again"? */
	SN_VIEW_o_direct, /* is O_DIRECT among these flags? null if the field is */
};

struct sn_kind_desc {
	const char *name, *unit, *doc;
	/* Appends the value as text; NULL where the number itself is the text. */
	void (*print)(struct buf *b, u64 value);
};

struct sn_column {
	const char *name, *doc;
	u16 off;        /* of the field, in the record */
	u8 field_width; /* of the field, in the record: 1, 2, 4 or 8 bytes */
	u8 field_rep;   /* enum sn_rep of the field */
	u8 width;       /* of a value in memory; of a string, 4 (an index) */
	u8 rep;         /* enum sn_rep of the values in memory */
	u8 kind;        /* enum sn_kind */
	u8 source;      /* enum sn_source */
	u8 view;        /* enum sn_view */
	u8 derived;     /* enum sn_derived */
	bool nullable;
	u32 valid_bit; /* in hdr.valid, for optional fields and views of them; else 0 */
};

struct sn_event {
	const char *name, *doc;
	u16 id;
	u16 slot; /* enum sn_event_slot */
	u16 size; /* of the fixed part of a record, struct sn_hdr included */
	u16 nr_columns;
	const struct sn_column
		*columns; /* common ones first: ts, cpu, pid, tid, op, cgroup, names */
};

extern const struct sn_kind_desc sn_kinds[SN_NR_KINDS];

/* The event of this slot, 0 .. SN_NR_EVENTS-1. */
const struct sn_event *schema_event(unsigned int slot);
/* NULL if there is none. */
const struct sn_event *schema_by_id(u16 id);
const struct sn_event *schema_by_name(const char *name, size_t len);
/* The column's place, or -1. */
int schema_column(const struct sn_event *ev, const char *name);

/* The name of the event's domain ("vfs"): what stands before the first underscore, or "core". */
const char *schema_domain(const struct sn_event *ev, size_t *ret_len);

/* Dictionaries and bookkeeping: written to every trace, and no stream that -e takes. */
static inline bool schema_is_core(const struct sn_event *ev)
{
	return ev->id >> 8 == 0;
}

/* What happens to processes, which other rows hang on, and holes: few, and kept longest. */
static inline bool schema_has_priority(const struct sn_event *ev)
{
	return schema_is_core(ev) ? ev->id != SN_EV_paths : ev->id >> 8 == SN_EV_proc_fork >> 8;
}

static inline bool schema_is_of_page_cache(const struct sn_event *ev)
{
	return ev->id >> 8 == SN_EV_pagecache_add >> 8;
}

/* Streams of so many rows that they are recorded where they are asked for alone. */
static inline bool schema_is_on_request(const struct sn_event *ev)
{
	return schema_is_of_page_cache(ev) || ev->id >> 8 == SN_EV_fault_file >> 8;
}

/* True if the kind's values are written as text, not as numbers. */
static inline bool kind_is_text(enum sn_kind kind)
{
	return sn_kinds[kind].print != NULL;
}

#endif
