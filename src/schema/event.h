/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Event ids and records, for the kernel's and the user's side, made from the
 * .def rows of all domains. See schema.h for what the rows mean.
 */
#ifndef SONDE_SCHEMA_EVENT_H
#define SONDE_SCHEMA_EVENT_H

#include "base/types.h"

/*
 * Every record begins with this. The keys are those of the thread that asked
 * for the operation, whosever context the record is made in.
 */
struct sn_hdr {
	u64 ts;     /* CLOCK_MONOTONIC ns when the row was complete */
	u64 op;     /* operation id; the same on every row an operation caused; 0 is none */
	u64 cgroup; /* id of the cgroup (version 2 hierarchy); 0 is unknown */
	u32 pid;    /* thread group */
	u32 tid;
	u16 id; /* enum sn_event_id */
	u16 cpu;
	u32 valid; /* bit n: the event's n-th optional column is known */
};

/* Bytes behind the fixed part; off counts from the record's start. len 0 is null. */
struct sn_str {
	u16 off, len;
};

/* A row of a .def file that means nothing here is expanded to nothing. */
#define SN_FIELD(type, name, kind, doc)
#define SN_OPT(type, name, kind, doc)
#define SN_RESERVED(type, name)
#define SN_STR(name, doc)
#define SN_VIEW(name, kind, how, field, doc)
#define SN_NAME(name)
#define SN_END(ev)
enum sn_event_id {
#define SN_EVENT(ev, id, doc) SN_EV_##ev = id,
#include "schema/events.def"
#undef SN_EVENT
};

/* Consecutive numbers of the events, for tables with a place for each. */
enum sn_event_slot {
#define SN_EVENT(ev, id, doc) SN_SLOT_##ev,
#include "schema/events.def"
#undef SN_EVENT
	SN_NR_EVENTS
};
#undef SN_FIELD
#undef SN_OPT
#undef SN_RESERVED
#undef SN_STR
#undef SN_VIEW
#undef SN_NAME
#undef SN_END

/* struct sn_<event> */
#define SN_EVENT(ev, id, doc) \
	struct sn_##ev {      \
		struct sn_hdr hdr;
#define SN_FIELD(type, name, kind, doc) type name;
#define SN_OPT(type, name, kind, doc) type name;
#define SN_RESERVED(type, name) type name;
#define SN_STR(name, doc) struct sn_str name;
#define SN_VIEW(name, kind, how, field, doc)
#define SN_NAME(name)
#define SN_END(ev) \
	}          \
	__attribute__((aligned(8)));
#include "schema/events.def"
#undef SN_EVENT
#undef SN_FIELD
#undef SN_OPT
#undef SN_RESERVED
#undef SN_STR
#undef SN_END

/*
 * The bit in hdr.valid that says an optional field is known comes from the
 * field's place, so that appending fields moves no bit. Two optional fields
 * never share a word of four bytes; the schema's test checks it.
 */
#define SN_VALID_BIT(ev, field) \
	(1u << ((__builtin_offsetof(ev, field) - sizeof(struct sn_hdr)) / 4))

/* In hdr.valid: the record teaches names only; filters refused it as a row. */
#define SN_NAMES_ONLY (1u << 31)

/* Sets an optional field and says that it is known. */
#define sn_set(e, field, value)                                          \
	do {                                                             \
		(e)->field = (value);                                    \
		(e)->hdr.valid |= SN_VALID_BIT(__typeof__(*(e)), field); \
	} while (0)

/*
 * No holes: the members fill the struct. A hole would carry kernel memory into files.
 * And no column's bit in hdr.valid is the last.
 */
#define SN_EVENT(ev, id, doc) _Static_assert(sizeof(struct sn_##ev) == sizeof(struct sn_hdr)
#define SN_FIELD(type, name, kind, doc) +sizeof(type)
#define SN_OPT(type, name, kind, doc) +sizeof(type)
#define SN_RESERVED(type, name) +sizeof(type)
#define SN_STR(name, doc) +sizeof(struct sn_str)
#define SN_END(ev)                                                 \
	&&sizeof(struct sn_##ev) < sizeof(struct sn_hdr) + 31 * 4,   \
		"hole, tail padding or too many members in event " #ev);
#include "schema/events.def"
#undef SN_EVENT
#undef SN_FIELD
#undef SN_OPT
#undef SN_RESERVED
#undef SN_STR
#undef SN_VIEW
#undef SN_NAME
#undef SN_END

#endif
