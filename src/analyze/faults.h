/* SPDX-License-Identifier: BSD-2-Clause */
/* Page faults in mappings of files: how many of each file, why, and how long they took. Fed with batches of fault_file. */
#ifndef SONDE_ANALYZE_FAULTS_H
#define SONDE_ANALYZE_FAULTS_H

#include "analyze/hist.h"
#include "analyze/pairmap.h"
#include "analyze/text.h"
#include "schema/values.h"

struct fault_use {
	u32 path; /* text, the last that the file had; TEXT_NONE: never known */
	u32 dev;  /* text */
	u64 ino;
	u64 by_severity[SN_NR_SEVERITIES], by_access[SN_NR_ACCESSES];
	u64 major_ns;    /* in those */
	struct hist dur; /* ns */
};

/* What an operation spent in faults. */
struct op_faults {
	u64 nr, nr_major, ns;
};

struct faults {
	struct texts *texts;
	struct fault_use *files;
	u32 nr, cap;
	struct pairmap by_inode;
	struct fault_use all; /* of no file: the sum */
	/* Of the operations that are asked after: */
	struct op_faults *ops;
	u32 nr_ops, cap_ops;
	struct pairmap by_op;
	struct text_column path, dev, access, severity;
};

void faults_init(struct faults *f, struct texts *t);
void faults_done(struct faults *f);

extern const char *const faults_columns[], *const faults_accesses[SN_NR_ACCESSES],
						   *const faults_severities[SN_NR_SEVERITIES];
/* Before the batches: what this operation spends will be asked. 0 or -ENOMEM. */
int faults_watch(struct faults *f, u64 op);
/* False: it had none. */
bool faults_of_op(const struct faults *f, u64 op, struct op_faults *ret);
/* 0 or -ENOMEM. */
int faults_batch(struct faults *f, const struct batch *b);

#endif
