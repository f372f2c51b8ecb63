// SPDX-License-Identifier: BSD-2-Clause
#include "schema/schema.h"

#include <string.h>

/* clang-format off */

/* What derived.def says of each name, as constants that tables can be made of. */
#define DERIVED_REP_str SN_STRING
#define DERIVED_REP_num SN_UNSIGNED
#define SN_DERIVED(name, type, kind, doc)              \
	static const char derived_doc_##name[] = doc;          \
	enum { derived_rep_##name = DERIVED_REP_##type, derived_kind_##name = SN_K_##kind };
#include "schema/derived.def"
#undef SN_DERIVED

#define DERIVED_COLUMN(name_) {                                \
	.name = #name_, .doc = derived_doc_##name_,            \
	.width = 4, .rep = derived_rep_##name_,                \
	.kind = derived_kind_##name_, .source = SN_FROM_DERIVED, \
	.derived = SN_D_##name_, .nullable = true,             \
},

#define HDR_COLUMN(member, kind_, doc_) {                      \
	.name = #member, .doc = doc_,                          \
	.off = offsetof(struct sn_hdr, member),                \
	.field_width = sizeof(((struct sn_hdr *)0)->member),   \
	.width = sizeof(((struct sn_hdr *)0)->member),         \
	.kind = SN_K_##kind_, .source = SN_FROM_HDR,           \
},

/* The columns that every row has, before its own. */
#define HDR_COLUMNS                                                                          \
	HDR_COLUMN(ts, time, "when the row was complete")                                    \
	HDR_COLUMN(cpu, id, "cpu it was completed on")                                       \
	HDR_COLUMN(pid, pid, "process that asked for it (thread group)")                     \
	HDR_COLUMN(tid, pid, "thread that asked for it")                                     \
	HDR_COLUMN(op, id, "operation; the same on every row that one operation caused; 0 is none") \
	HDR_COLUMN(cgroup, id, "the thread's cgroup in the version 2 hierarchy; 0 is unknown")

#define NAME_COLUMNS                                           \
	DERIVED_COLUMN(comm) DERIVED_COLUMN(ppid) DERIVED_COLUMN(cmdline) \
	DERIVED_COLUMN(cgroup_path) DERIVED_COLUMN(container)

/* What a view's values look like, from its field's width and place. */
#define VIEW_WIDTH_done(width) width
#define VIEW_WIDTH_error(width) 4
#define VIEW_WIDTH_restart(width) 1
#define VIEW_WIDTH_o_direct(width) 1
#define VIEW_BIT_done(bit) 0
#define VIEW_BIT_error(bit) 0
#define VIEW_BIT_restart(bit) 0
#define VIEW_BIT_o_direct(bit) (bit)
#define VIEW_NULL_done true
#define VIEW_NULL_error true
#define VIEW_NULL_restart false
#define VIEW_NULL_o_direct true

#define IS_SIGNED(type) ((type)-1 < (type)1)
#define FIELD_SIZE(field) sizeof(((self *)0)->field)

/* A function per event, only because its scope lets the record be called self. */
#define SN_EVENT(ev, id_, doc_)                                \
	static const struct sn_event *event_##ev(void)         \
	{                                                      \
		typedef struct sn_##ev self;                   \
		static const char event_doc[] = doc_;          \
		static const struct sn_column columns[] = {    \
			HDR_COLUMNS NAME_COLUMNS
#define SN_FIELD(type, name_, kind_, doc_) {                   \
	.name = #name_, .doc = doc_, .off = offsetof(self, name_), \
	.field_width = sizeof(type), .field_rep = IS_SIGNED(type) ? SN_SIGNED : SN_UNSIGNED, \
	.width = sizeof(type), .rep = IS_SIGNED(type) ? SN_SIGNED : SN_UNSIGNED, \
	.kind = SN_K_##kind_, .source = SN_FROM_FIELD,         \
},
#define SN_OPT(type, name_, kind_, doc_) {                     \
	.name = #name_, .doc = doc_, .off = offsetof(self, name_), \
	.field_width = sizeof(type), .field_rep = IS_SIGNED(type) ? SN_SIGNED : SN_UNSIGNED, \
	.width = sizeof(type), .rep = IS_SIGNED(type) ? SN_SIGNED : SN_UNSIGNED, \
	.kind = SN_K_##kind_, .source = SN_FROM_FIELD,         \
	.nullable = true, .valid_bit = SN_VALID_BIT(self, name_), \
},
#define SN_RESERVED(type, name_)
#define SN_STR(name_, doc_) {                                  \
	.name = #name_, .doc = doc_, .off = offsetof(self, name_), \
	.width = 4, .rep = SN_STRING,                          \
	.kind = SN_K_str, .source = SN_FROM_TEXT, .nullable = true, \
},
#define SN_VIEW(name_, kind_, how, field, doc_) {              \
	.name = #name_, .doc = doc_, .off = offsetof(self, field), \
	.field_width = FIELD_SIZE(field),                      \
	.field_rep = IS_SIGNED(__typeof__(((self *)0)->field)) ? SN_SIGNED : SN_UNSIGNED, \
	.width = VIEW_WIDTH_##how(FIELD_SIZE(field)), .rep = SN_UNSIGNED, \
	.kind = SN_K_##kind_, .source = SN_FROM_VIEW, .view = SN_VIEW_##how, \
	.nullable = VIEW_NULL_##how, .valid_bit = VIEW_BIT_##how(SN_VALID_BIT(self, field)), \
},
#define SN_NAME(name_) DERIVED_COLUMN(name_)
#define SN_END(ev)                                             \
		};                                             \
		static const struct sn_event desc = {          \
			.name = #ev, .doc = event_doc,         \
			.id = SN_EV_##ev, .slot = SN_SLOT_##ev, \
			.size = sizeof(self), .columns = columns, \
			.nr_columns = sizeof(columns) / sizeof(columns[0]), \
		};                                             \
		return &desc;                                  \
	}
#include "schema/events.def"
#undef SN_EVENT
#undef SN_FIELD
#undef SN_OPT
#undef SN_RESERVED
#undef SN_STR
#undef SN_VIEW
#undef SN_NAME
#undef SN_END

#define SN_FIELD(type, name, kind, doc)
#define SN_OPT(type, name, kind, doc)
#define SN_RESERVED(type, name)
#define SN_STR(name, doc)
#define SN_VIEW(name, kind, how, field, doc)
#define SN_NAME(name)
#define SN_END(ev)
const struct sn_event *schema_event(unsigned int slot)
{
	switch (slot) {
#define SN_EVENT(ev, id, doc) case SN_SLOT_##ev: return event_##ev();
#include "schema/events.def"
#undef SN_EVENT
	default: return NULL;
	}
}

/* Two events with one id do not compile: duplicate case value. */
const struct sn_event *schema_by_id(u16 id)
{
	switch (id) {
#define SN_EVENT(ev, id, doc) case SN_EV_##ev: return event_##ev();
#include "schema/events.def"
#undef SN_EVENT
	default: return NULL;
	}
}
#undef SN_FIELD
#undef SN_OPT
#undef SN_RESERVED
#undef SN_STR
#undef SN_VIEW
#undef SN_NAME
#undef SN_END
/* clang-format on */

const struct sn_event *schema_by_name(const char *name, size_t len)
{
	const struct sn_event *ev;

	for (unsigned int slot = 0; slot < SN_NR_EVENTS; slot++) {
		ev = schema_event(slot);
		if (strlen(ev->name) == len && !memcmp(ev->name, name, len))
			return ev;
	}
	return NULL;
}

int schema_column(const struct sn_event *ev, const char *name)
{
	for (int i = 0; i < ev->nr_columns; i++)
		if (!strcmp(ev->columns[i].name, name))
			return i;
	return -1;
}

const char *schema_domain(const struct sn_event *ev, size_t *ret_len)
{
	const char *end = strchr(ev->name, '_');

	if (schema_is_core(ev) || !end) {
		*ret_len = strlen("core");
		return "core";
	}
	*ret_len = (size_t)(end - ev->name);
	return ev->name;
}
