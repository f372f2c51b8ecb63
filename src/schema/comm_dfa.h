/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The automaton of --comm, as user space makes it (dfa.h) and both sides walk it:
 * one load for a byte's class, one for the next state. A thread's name has at most
 * 15 bytes, so a walk has at most 15 steps.
 */
#ifndef SONDE_SCHEMA_COMM_DFA_H
#define SONDE_SCHEMA_COMM_DFA_H

#include "base/types.h"

#define SN_COMM_SIZE 16 /* TASK_COMM_LEN: 15 bytes and a NUL */

/* Powers of two: the verifier wants each index masked. */
#define SN_DFA_STATES 256
#define SN_DFA_CLASSES 128

#define SN_DFA_DEAD 0
#define SN_DFA_START 1

/* 33 KiB. A byte for each state; classes of bytes halve what a row of 256 bytes would take. */
struct sn_dfa {
	u8 class_of[256];
	u8 accept[SN_DFA_STATES]; /* a name that ends in this state is wanted: 0 or 1 */
	u8 next[SN_DFA_STATES * SN_DFA_CLASSES];
};

/*
 * A remainder that costs an AND, as size is a power of two. What the compiler knows
 * to be small it would not mask, and an old verifier forgets what is small when a
 * register goes over the stack.
 */
#define SN_DFA_INDEX(value, size)                    \
	({                                           \
		u64 index_ = (value);                \
		__asm__ volatile("" : "+r"(index_)); \
		index_ % (size);                     \
	})

/* What stands behind the NUL is not looked at: the kernel leaves old bytes there. */
static inline __attribute__((always_inline)) bool sn_dfa_match(const struct sn_dfa *dfa,
							       const char comm[SN_COMM_SIZE])
{
	u64 state = SN_DFA_START, class;

	for (int i = 0; i < SN_COMM_SIZE - 1; i++) {
		if (!comm[i])
			break;
		class = dfa->class_of[SN_DFA_INDEX((u8)comm[i], 256)];
		state = dfa->next[SN_DFA_INDEX(state * SN_DFA_CLASSES + class,
					       SN_DFA_STATES * SN_DFA_CLASSES)];
	}
	return dfa->accept[SN_DFA_INDEX(state, SN_DFA_STATES)];
}

#endif
