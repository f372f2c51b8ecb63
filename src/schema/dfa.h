/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the automaton of comm_dfa.h from patterns. It is exact for names of up to
 * 15 bytes, which are all that threads have, and says nothing of longer ones.
 */
#ifndef SONDE_SCHEMA_DFA_H
#define SONDE_SCHEMA_DFA_H

#include "base/diag.h"
#include "schema/comm_dfa.h"

/*
 * Each of the nr strings is a comma list of globs and /regular expressions/; a name
 * is wanted if one of them matches. -EINVAL: not a pattern, or nothing of 15 bytes
 * can match it (the kernel cuts names there); -E2BIG: more than the table holds.
 */
int dfa_compile(const char *const *patterns, size_t nr, struct sn_dfa *ret, struct diag *d);

#endif
