/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the running kernel can do and what this process may do, found by asking:
 * its BTF, trial loads, the capabilities. Never by a version number.
 */
#ifndef SONDE_KERNEL_CAPS_H
#define SONDE_KERNEL_CAPS_H

#include "base/diag.h"

struct bpf_program;
struct btf;

/* Answer to one question, with the reason when it is no. */
struct caps_answer {
	bool yes;
	char why[160];
};

struct caps {
	struct btf *btf; /* the kernel's types; NULL if it has none */
	struct caps_answer tp_btf, task_storage, typed_reads, fentry, fentry_args, kprobes, tracefs;
	struct caps_answer loops;        /* bpf_loop() */
	struct caps_answer counters;     /* programs at the kernel's software counters */
	struct caps_answer kprobe_calls; /* one probe at many functions (kprobe.multi) */
	/*
	 * A program is skipped where it runs on the cpu already. Such a kernel lets other
	 * threads run in the middle of one, and what they do is missed: at functions, and
	 * (preempted) at tracepoints as well. Probes run with preemption off everywhere.
	 */
	struct caps_answer preempts, preempted;
};

/*
 * Asks everything. Fails only where nothing can be recorded at all, with a
 * sentence that says why: no BTF, missing capabilities, a locked-down kernel.
 */
int caps_ask(struct caps *ret, struct diag *d);
/* Frees the kernel's types; the answers stay. */
void caps_done(struct caps *caps);

/* Ways to hook a function. Tracepoints can always be used. */
enum caps_hooks {
	CAPS_FENTRY = 1,
	CAPS_KPROBE = 2,
	CAPS_ALL_HOOKS = CAPS_FENTRY | CAPS_KPROBE,
};

/* Answers "no" for those that are not kept. */
void caps_leave_out(struct caps *caps, enum caps_hooks kept, const char *why);
/* With all of them, answers "no" also for those that would be the worse choice here. */
void caps_choose(struct caps *caps, enum caps_hooks kept);

/* Arguments of a BTF tracepoint, or -ENOENT if the kernel does not have it. */
int caps_tracepoint_args(const struct caps *caps, const char *name);
bool caps_has_function(const struct caps *caps, const char *name);
/* The function's type id, or 0. */
u32 caps_function_id(const struct caps *caps, const char *name);
/*
 * The type of the arguments and result of a function by its id, or 0 where a program cannot
 * read the first: types of 5.10 do not say of each pointer what it points to.
 */
u32 caps_function_type(const struct caps *caps, u32 id);
/* In bytes, of a struct's member; 0 if the kernel does not have it, or it is the first. */
u32 caps_member_offset(const struct caps *caps, const char *type, const char *member);
/*
 * Where files that a file system keeps for its own have the path by which the user knows them, in bytes
 * (0: this kernel has no such files), and their flag in f_mode.
 */
void caps_backing_files(const struct caps *caps, u32 *ret_offset, u32 *ret_flag);
/* A load that a signal ended is tried again, so often in all. */
#define CAPS_ATTEMPTS 20
/*
 * Loads a program of an object as it is, for what has that id; its descriptor, or -errno. Not by the library, which
 * reads all of the kernel's types for each object: that takes longer than the kernel's look at the program.
 */
int caps_load_program(const struct bpf_program *prog, u32 attach_btf_id);
/* The id of the first of these enums that the kernel has, or 0. names: NULL-terminated. */
u32 caps_enum(const struct caps *caps, const char *const *names);
/* The enumerator's value in *ret; false if the enum does not have it. */
bool caps_enum_value(const struct caps *caps, u32 id, const char *name, s64 *ret);
/* The name of the type of a tracepoint's argument ("int", "blk_status_t"), or "". */
const char *caps_tracepoint_arg_type(const struct caps *caps, const char *name, int arg);

/*
 * Checks that this process may load programs; the sentence names the missing
 * capabilities, the hint how to grant them.
 */
int caps_check_privileges(struct diag *d);

/*
 * Checks that so many bytes of maps and programs may be had. Before 5.11 the kernel counts
 * them as locked memory, which root and CAP_SYS_RESOURCE may raise the limit of.
 */
int caps_check_locked_memory(u64 need, struct diag *d);

/* Where it counts them and the limit would do: may others of this user hold what is missing? */
bool caps_locked_memory_is_held(u64 need);

/*
 * Checks that process ids mean here what they mean to the kernel: in a PID namespace of
 * its own, as in a container, sonde would compare its numbers with the host's.
 */
int caps_check_namespace(struct diag *d);

/*
 * libbpf's words are for who debugs sonde (SONDE_DEBUG=probe): errno and the
 * outcomes of programs tell users.
 */
void caps_quiet_libbpf(void);

#endif
