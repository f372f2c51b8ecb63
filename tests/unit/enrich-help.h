/* SPDX-License-Identifier: BSD-2-Clause */
/* Records are made, learned from and named, one at a time. For tests of enrichment only. */
#ifndef SONDE_TESTS_UNIT_ENRICH_HELP_H
#define SONDE_TESTS_UNIT_ENRICH_HELP_H

#include "enrich/enrich.h"
#include "schema/values.h"
#include "test.h"

#define SEC 1000000000ull

static struct enrich *e;
static struct sn_names names;
static struct enrich_stats stats;
static const struct sn_event *event;
static union {
	struct sn_hdr hdr;
	char bytes[16384];
} made;
static size_t made_size;

static inline void restart(const struct enrich_opts *opts)
{
	enrich_free(e);
	e = enrich_new(opts);
	check(e);
}

static inline void *begin(u16 id, u64 ts, u32 pid, u32 tid)
{
	event = schema_by_id(id);
	memset(&made, 0, sizeof(made));
	made.hdr = (struct sn_hdr){ .id = id, .ts = ts, .pid = pid, .tid = tid };
	made_size = event->size;
	return &made;
}

static inline void add(struct sn_str *at, const void *text, size_t len)
{
	if (!text)
		return;
	check(made_size + len <= sizeof(made));
	*at = (struct sn_str){ .off = (u16)made_size, .len = (u16)len };
	memcpy(made.bytes + made_size, text, len);
	made_size += len;
}

/* From memory that ends where the record does. */
static inline int learn(void)
{
	_cleanup_(freep) void *copy = malloc(made_size);

	check(copy);
	memcpy(copy, &made, made_size);
	return enrich_learn(e, event, copy, made_size);
}

static inline void name(void)
{
	_cleanup_(freep) void *copy = malloc(made_size);

	check(copy);
	memcpy(copy, &made, made_size);
	check(enrich_learn(e, event, copy, made_size) <= 0);
	enrich_names(e, event, copy, made_size, &names);
}

static inline const char *text(enum sn_derived which)
{
	return names.str[which] ? names.str[which]->s : "(null)";
}

static inline void learn_path(u64 ino, u32 dev, u32 gen, u32 how, bool truncated, const char *path)
{
	struct sn_paths *r = begin(SN_EV_paths, SEC, 1, 1);

	r->ino = ino;
	r->dev = dev;
	r->gen = gen;
	r->how = how;
	r->truncated = truncated;
	add(&r->name, path, path ? strlen(path) : 0);
	check_eq(learn(), 0);
}

static inline void row_file(u64 ino, u32 dev, u32 gen, bool unlinked)
{
	struct sn_vfs_read *r = begin(SN_EV_vfs_read, 2 * SEC, 1, 1);

	sn_set(r, ino, ino);
	sn_set(r, dev, dev);
	if (gen)
		sn_set(r, gen, gen);
	r->unlinked = unlinked;
	name();
}

/* A row of a call that took dur_ns, of no file. */
static inline void row_dur(u64 ts, u32 pid, u32 tid, u64 dur_ns)
{
	struct sn_vfs_read *r = begin(SN_EV_vfs_read, ts, pid, tid);

	r->dur_ns = dur_ns;
	name();
}

static inline void row(u64 ts, u32 pid, u32 tid)
{
	row_dur(ts, pid, tid, 0);
}

#define check_path(path, known)                          \
	do {                                             \
		check_str(text(SN_D_path), path);        \
		check_str(text(SN_D_path_known), known); \
	} while (0)

#endif
