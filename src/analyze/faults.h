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

struct faults {
	struct texts *texts;
	struct fault_use *files;
	u32 nr, cap;
	struct pairmap by_inode;
	struct fault_use all; /* of no file: the sum */
	struct text_column path, dev, access, severity;
};

void faults_init(struct faults *f, struct texts *t);
void faults_done(struct faults *f);

extern const char *const faults_columns[], *const faults_accesses[SN_NR_ACCESSES],
						   *const faults_severities[SN_NR_SEVERITIES];
/* 0 or -ENOMEM. */
int faults_batch(struct faults *f, const struct batch *b);

#endif
