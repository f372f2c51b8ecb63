/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Printers of kinds that need more than the value, for kind.c and its test. All
 * others are reached through sn_kinds.
 */
#ifndef SONDE_SCHEMA_KIND_H
#define SONDE_SCHEMA_KIND_H

#include "base/buf.h"

/* Architectures that number flags in their own way. */
enum kind_arch {
	KIND_X86_64, /* and all that use the generic numbers */
	KIND_ARM64,
};

#if defined(__aarch64__)
#define KIND_THIS_ARCH KIND_ARM64
#else
#define KIND_THIS_ARCH KIND_X86_64
#endif

/* Flags of open(2) as the kernel of that architecture numbers them. */
void kind_print_open_flags(struct buf *b, u64 flags, enum kind_arch arch);
/* The same of mmap(2). */
void kind_print_prot(struct buf *b, u64 v, enum kind_arch arch);
void kind_print_map_flags(struct buf *b, u64 v, enum kind_arch arch);

#endif
