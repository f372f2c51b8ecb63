// SPDX-License-Identifier: BSD-2-Clause
#include "analyze/faults.h"

#include <errno.h>
#include <stdlib.h>

const char *const faults_columns[] = { "op",   "dur_ns", "ino",      "gen", "dev",
				       "path", "access", "severity", NULL };

const char *const faults_accesses[SN_NR_ACCESSES] = {
#define X(name) #name,
	SN_ACCESSES(X)
#undef X
};

const char *const faults_severities[SN_NR_SEVERITIES] = {
#define X(name) #name,
	SN_SEVERITIES(X)
#undef X
};

void faults_init(struct faults *f, struct texts *t)
{
	*f = (struct faults){ .texts = t, .all.path = TEXT_NONE };
}

void faults_done(struct faults *f)
{
	for (u32 i = 0; i < f->nr; i++)
		hist_done(&f->files[i].dur);
	hist_done(&f->all.dur);
	free(f->files);
	free(f->ops);
	pairmap_done(&f->by_inode);
	pairmap_done(&f->by_op);
	text_column_done(&f->path);
	text_column_done(&f->dev);
	text_column_done(&f->access);
	text_column_done(&f->severity);
	*f = (struct faults){};
}

static void add(struct fault_use *u, u32 severity, u32 access, u64 dur_ns)
{
	if (severity < SN_NR_SEVERITIES)
		u->by_severity[severity]++;
	if (severity == SN_SEVERITY_major)
		u->major_ns += dur_ns;
	if (access < SN_NR_ACCESSES)
		u->by_access[access]++;
	hist_record(&u->dur, dur_ns);
}

/* A number that was used again, of another generation, is another file. */
static struct fault_use *file_of(struct faults *f, u64 ino, u32 gen, u32 dev)
{
	u32 nr = f->nr;
	struct fault_use *u = pairmap_item(&f->by_inode, ino, (u64)gen << 32 | dev, &f->files,
					   sizeof(*u), &f->nr, &f->cap);

	if (u && f->nr > nr)
		*u = (struct fault_use){ .path = TEXT_NONE, .dev = dev, .ino = ino };
	return u;
}

int faults_watch(struct faults *f, u64 op)
{
	return pairmap_item(&f->by_op, op, 0, &f->ops, sizeof(*f->ops), &f->nr_ops, &f->cap_ops)
		       ? 0
		       : -ENOMEM;
}

bool faults_of_op(const struct faults *f, u64 op, struct op_faults *ret)
{
	u32 at = pairmap_get(&f->by_op, op, 0);

	if (at == PAIRMAP_NONE || !f->ops[at].nr)
		return false;
	*ret = f->ops[at];
	return true;
}

static void add_to_op(struct faults *f, u64 op, u32 severity, u64 dur_ns)
{
	u32 at = pairmap_get(&f->by_op, op, 0);

	if (at == PAIRMAP_NONE)
		return;
	f->ops[at].nr++;
	f->ops[at].nr_major += severity == SN_SEVERITY_major;
	f->ops[at].ns += dur_ns;
}

int faults_batch(struct faults *f, const struct batch *b)
{
	const struct column *op = batch_column(b, "op"), *dur = batch_column(b, "dur_ns"),
			    *ino = batch_column(b, "ino"), *gen = batch_column(b, "gen");
	int r = text_column_begin(&f->path, f->texts, b, "path");

	r = r ?: text_column_begin(&f->dev, f->texts, b, "dev");
	r = r ?: text_column_begin(&f->access, f->texts, b, "access");
	r = r ?: text_column_begin(&f->severity, f->texts, b, "severity");
	for (u32 row = 0; r == 0 && row < b->nr; row++) {
		u32 path = text_column_get(&f->path, row), dev = text_column_get(&f->dev, row);
		u32 access = text_find(f->texts, text_column_get(&f->access, row), faults_accesses,
				       SN_NR_ACCESSES);
		u32 severity = text_find(f->texts, text_column_get(&f->severity, row),
					 faults_severities, SN_NR_SEVERITIES);
		struct fault_use *u =
			file_of(f, column_or_0(ino, row), (u32)column_or_0(gen, row), dev);

		if (!u || f->texts->failed)
			return -ENOMEM;
		if (path != TEXT_NONE)
			u->path = path;
		add(u, severity, access, column_or_0(dur, row));
		add(&f->all, severity, access, column_or_0(dur, row));
		add_to_op(f, column_or_0(op, row), severity, column_or_0(dur, row));
	}
	return r;
}
