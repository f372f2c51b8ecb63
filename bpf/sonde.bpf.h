/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The one header that a probe includes.
 *
 * A program asks sn_wanted() first, makes its record with sn_reserve(), fills
 * every member (the ring does not clear memory), hands it over with sn_submit(),
 * and returns sn_count(): every run ends in exactly one outcome.
 */
#ifndef SONDE_BPF_H
#define SONDE_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "shared.h"

/* A walk from a file up to the root, while its name is made. */
struct sn_walk {
	u64 start, start_mnt; /* what is named: its dentry, and the mount that it was reached by */
	u64 dentry, mnt;      /* where the walk is */
	u64 hash;             /* over the names' own hashes */
	u64 ts;  /* of the record: not after the row that it names, which may be finished */
	u32 len; /* of the path, in bytes */
	u32 pos;
	u32 truncated;
	u64 way;                    /* in its set of struct sn_told */
	u32 seq;                    /* of what is named, before its directory was read */
	u64 dir;                    /* the inode of that */
	u64 fresh, chain;           /* what is found now */
	u64 told_fresh, told_chain; /* what is remembered of the inode */
};

/* What a request asks for. */
struct sn_asked {
	u64 memory, bytes; /* of vectors: their number, until they are added up */
	s64 offset;
	u32 flags;
	u32 valid;
	s32 fd;
	u16 call;
	u8 has_fd, shares;
	u64 request; /* where the kernel has it */
	u64 refused; /* or the user's words for what it refused */
	u64 data;
};

/* What is copied from, or to: a file, or, without a descriptor, the user's memory. */
struct sn_copied {
	u64 file; /* at entry, and where it stood then */
	s64 pos;
	u64 at; /* the user's offset, or 0 */
	s32 fd;
	/* What is found at the end. */
	u32 dev, gen, fs_magic;
	u64 ino;
	s64 offset;
	u16 mode;
	u8 has_file, unlinked, has_offset, wanted;
	u64 has_fd;
};

/* A name of a directory's entry that is to be made, changed or removed. */
struct sn_entry {
	u64 base;    /* the dentry at which a relative name began when the call did */
	u64 dir_ino; /* of that, or, if in_dir, of where the entry stands */
	u32 dir_dev, dir_gen;
	u64 dir, dentry; /* of in_dir: where the entry stands, and itself */
	u64 hash_len;    /* of its name */
	u64 ino;         /* of what has the name */
	u32 dev, gen, fs_magic;
	u16 mode;
	u8 has_dir, in_dir, has_ino;
};

/* What is mapped in a range of addresses. */
struct sn_mapped {
	u64 at, end;            /* what is left of it to be looked at */
	u64 dentry, mnt, inode; /* of the first file that is mapped there, or 0 */
	s64 offset;             /* in it, of its first byte there */
	u64 bytes;              /* of it */
	u64 vma, node;          /* the next mapping, where those are a tree of nodes */
	u64 others;             /* other files are mapped there, too */
};

enum sn_fault_state {
	SN_FAULT_NONE,
	SN_FAULT_BEGUN,
	SN_FAULT_AGAIN, /* the kernel gave up to begin anew */
};

/* A page fault, while it is served. */
struct sn_fault {
	u64 start_ns, addr;
	u64 op; /* the operation that it is part of, or its own */
	u64 ino, index;
	/* Where it is seen by the processor's tracepoint: */
	u64 counted;           /* the thread's faults, by the kernel's count, when it began */
	u64 vma, file;         /* of a write, what was mapped there then, */
	u64 end_vma, end_file; /* and when it ended */
	u32 flags;             /* of the kernel's last try to serve it */
	u32 dev, gen, fs_magic;
	u16 mode;
	u8 access, state;
	u8 by_user, unlinked;
};

/* A thread's state. One operation is in flight per thread at most. */
struct sn_task {
	u64 start_ns;             /* of the operation in flight */
	u64 op;                   /* its id; 0 when none is in flight */
	u64 cgroup, cgroup_moves; /* and sn_cgroup_moves when it was read */
	u64 file, inode, dentry;  /* its file, or the one met last */
	u64 mnt;                  /* by which an inode is met */
	u64 ino;
	s64 pos;  /* where the file stood */
	s64 size; /* of a file that is written to its end */
	u32 dev, gen;
	u32 file_flags, fs_magic;
	u64 met_epoch; /* sn_name_epoch when the inode was met */
	u16 mode;      /* i_mode */
	u8 state;      /* enum sn_op_state */
	u8 has_file;   /* the operation has one */
	u8 unlinked;
	u8 refused;              /* rows are not wanted for this inode */
	u8 slot;                 /* of the row in the making, where hooks may be missed */
	u8 lost_held;            /* lost_bio was lost where a limit may hold it */
	u8 by_fd;                /* a call about attributes has a descriptor, and no name */
	u32 wanted;              /* enum sn_filter_bits that said yes */
	u32 shares_fds;          /* other threads may put another file in a descriptor's place */
	u64 named[4];            /* inodes whose names were told lately, see sn_name_is_new() */
	u64 sum;                 /* bytes of an operation's vectors, while they are added up */
	u64 vectors, nr_vectors; /* those that are left of them */
	u64 lost_bio;            /* the last that found no room: block.bpf.c, was_lost() */
	u64 frame, new_frame;    /* where an operation of the kernel lies on the stack */
	u64 request, request_of; /* of AIO, while the kernel takes it */
	/* Of a read or write, for the pages that it brings into the page cache: cache.bpf.h. */
	u64 regs;                 /* its arguments; 0: the kernel's own */
	u64 first_page, end_page; /* those that it asks for; no end: nobody has looked yet */
	u64 next_page;            /* behind the last that came */
	u32 missed;               /* how many came, or SN_PAGES_UNKNOWN */
	u16 call;
	u8 cache_use; /* enum sn_cache_use */
	/* Here, as what stands in a map is one to the verifier however it came to be. */
	struct sn_asked asked;
	struct sn_copied from, to; /* of a copy */
	struct sn_entry entry, to_entry;
	struct sn_mapped mapped;
	struct sn_fault fault;
	u64 args[8]; /* of a call about names, attributes or mappings, and behind them what stands for one that it has not */
	struct sn_walk walk;
};

#define SN_PAGES_UNKNOWN (~0u)

/* Does what is read and written of a file pass the page cache? */
enum sn_cache_use {
	SN_CACHE_UNASKED,
	SN_CACHE_UNUSED,
	SN_CACHE_USED,
};

enum sn_op_state {
	SN_OP_NONE,
	SN_OP_STORED,   /* waits for its exit */
	SN_OP_FILTERED, /* its entry was filtered, so its exit is too */
};

const volatile struct sn_cfg sn_cfg SEC(".rodata.sn_cfg") = {};

/* Maps that all domains share: the first object that is loaded makes them. */
struct sn_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* user space makes them in the size that is asked for */
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, u32);
	__array(values, struct sn_ring);
} sn_rings SEC(".maps");
struct sn_ring sn_prio SEC(".maps");
/*
 * By cpu. User space maps it: where it asked by bpf(2), the kernel would run no program
 * at a kprobe of that cpu meanwhile, and where it preempts the asking thread, for long.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct sn_percpu);
} sn_cpu SEC(".maps");
/* A thread's state is in the one or, where tracing programs have no task storage, the other. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct sn_task);
} sn_tasks SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SN_TABLE_ENTRIES);
	__type(key, u32);
	__type(value, struct sn_task);
} sn_tasks_hash SEC(".maps");

/*
 * Reads of kernel memory by pointers the verifier does not know: by a cast where
 * the kernel has one (then a load costs a load), else by the helper. Each object is
 * built in several forms (enum probe_form): a call of what the kernel lacks would not
 * load even where it is never reached.
 */
#if SN_TYPED_READS
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym;

#define sn_cast(type, ptr) ((type *)bpf_rdonly_cast((void *)(ptr), bpf_core_type_id_kernel(type)))
#define sn_read(ptr, member) ((ptr)->member)
#else
#define sn_cast(type, ptr) ((type *)(ptr))
#define sn_read(ptr, member) BPF_CORE_READ(ptr, member)
#endif

/*
 * A thread to read pointers of. The verifier trusts the current one, and of each pointer that
 * is read by a trusted one it looks among the names of all of the kernel's types, one after the
 * other, whether that is to be trusted, too: a third of the time that loading took.
 */
static __always_inline struct task_struct *sn_any_task(struct task_struct *task)
{
#if SN_TYPED_READS
	return sn_cast(struct task_struct, task);
#else
	return task;
#endif
}

/*
 * Calls fn(i, arg) up to nr times, until it returns 1; arg points into the stack. The
 * verifier looks at every round of a loop, but once at what bpf_loop() calls.
 */
#if SN_LOOPS
#define sn_repeat(nr, fn, arg) bpf_loop(nr, fn, arg, 0)
#else
#define sn_repeat(nr, fn, arg)                       \
	do {                                         \
		for (u32 __i = 0; __i < (nr); __i++) \
			if (fn(__i, arg))            \
				break;               \
	} while (0)
#endif

/*
 * A function that is verified once, and not for each way that leads to it. Its arguments are
 * numbers (pointers are none to the verifier before they have been in a map) and pointers to
 * what stands in a map, or on the stack with every byte of it written. Kernels before 5.13 take
 * numbers alone, and without bpf_loop() it is like any other function.
 */
#if SN_LOOPS
#define SN_ONCE __noinline
#else
#define SN_ONCE static __noinline
#endif

/*
 * The thread's state, as such a function is given it by who has found it: that costs as much as
 * the room for a record. Where a function takes numbers alone it is given a 0, and finds it
 * again; the compiler must not know, or it would give what is no number.
 */
#if SN_LOOPS
typedef struct sn_task *sn_given;
#define sn_give(st) (st)
#define sn_take(given) (given)
#else
typedef u64 sn_given;
#define sn_give(st) 0
#define sn_take(given)              \
	({                          \
		barrier_var(given); \
		sn_this_task();     \
	})
#endif

static __always_inline struct sn_percpu *sn_this_cpu(void)
{
	u32 nr = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&sn_cpu, &nr);
}

/*
 * Adds one to a counter of this cpu. alone: no other program runs on the cpu between
 * two instructions, as where preemption is off; then a plain increment does.
 */
static __always_inline void sn_add(u64 *counter, bool alone)
{
	if (alone)
		(*counter)++;
	else
		__sync_fetch_and_add(counter, 1);
}

/* Notes that a record of this event is missing, and why. */
static int sn_lose(u32 slot, u32 cause);
/* Tells the holes of this event, now that there is room. */
static int sn_tell_hole(u32 slot);

/* An outcome that a function of SN_ONCE returned, which to the verifier is any number. */
static __always_inline enum sn_outcome sn_outcome(u32 outcome)
{
	barrier_var(outcome);
	return outcome < SN_NR_OUTCOMES ? outcome : SN_OUT_ignored;
}

/* Ends a run. */
static __always_inline int sn_count_as(struct sn_percpu *cpu, enum sn_prog prog,
				       enum sn_outcome outcome, bool alone)
{
	sn_add(&cpu->outcomes[prog][outcome], alone);
	return 0;
}

static __always_inline int sn_count(enum sn_prog prog, enum sn_outcome outcome)
{
	struct sn_percpu *cpu = sn_this_cpu();

	return cpu ? sn_count_as(cpu, prog, outcome, false) : 0;
}

/* Ends a run that costs a row of this event: there was no room in a table. */
static __always_inline int sn_count_no_room(enum sn_prog prog, u32 slot)
{
	sn_lose(slot, SN_CAUSE_map);
	return sn_count(prog, SN_OUT_lost_map);
}

/* Ends the run of a thread that is not wanted, or that there is no room for. */
static __always_inline int sn_count_unwanted(enum sn_prog prog, enum sn_outcome why, u32 slot)
{
	return why == SN_OUT_lost_map ? sn_count_no_room(prog, slot) : sn_count(prog, why);
}

static __always_inline struct task_struct *sn_current(void)
{
	if (sn_cfg.task_storage)
		return bpf_get_current_task_btf();
	return (void *)bpf_get_current_task();
}

/* A thread's state, or NULL: it has none. */
static __always_inline struct sn_task *sn_task_of(struct task_struct *task)
{
	u32 tid;

	if (sn_cfg.task_storage) /* who has none of anybody's needs no call to say so */
		return task->bpf_storage ? bpf_task_storage_get(&sn_tasks, task, 0, 0) : NULL;
	tid = BPF_CORE_READ(task, pid);
	return bpf_map_lookup_elem(&sn_tasks_hash, &tid);
}

/* That of the current thread, where little runs often: see sn_any_task(). */
static __always_inline struct sn_task *sn_this_task(void)
{
	struct task_struct *task = sn_current();

	if (!sn_cfg.task_storage)
		return sn_task_of(task);
	return sn_any_task(task)->bpf_storage ? bpf_task_storage_get(&sn_tasks, task, 0, 0) : NULL;
}

/* Makes a thread's state, slowly. NULL: there is no memory for one. */
static struct sn_task *sn_task_new(struct task_struct *task);

static __always_inline void sn_task_forget(struct task_struct *task)
{
	u32 tid;

	if (sn_cfg.task_storage)
		return; /* goes with the task */
	tid = BPF_CORE_READ(task, pid);
	bpf_map_delete_elem(&sn_tasks_hash, &tid);
}

/* Does a filter on user ids or cgroups, which may change at any time, refuse the current thread? */
static int sn_current_refused(void);

/* Counts moves between cgroups: of a process that moves only the leader is told. */
u64 sn_cgroup_moves SEC(".data.sn_names");

static __noinline int sn_meet_cgroup(struct sn_task *st, struct task_struct *task)
{
	if (!st)
		return 0;
	st->cgroup_moves = sn_cgroup_moves;
	st->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	return 0;
}

/*
 * Every filter on the current thread, task, in one call. NULL with *ret_why: filtered,
 * or lost(map) when there was no memory for the thread's state.
 */
static __always_inline struct sn_task *sn_wanted(struct task_struct *task, enum sn_outcome *ret_why)
{
	const u32 static_bits = SN_FILTER_PID | SN_FILTER_COMM | SN_FILTER_TID;
	u32 need = sn_cfg.filters & static_bits;
	struct sn_task *st = sn_task_of(task);

	*ret_why = SN_OUT_filtered;
	if (!st) {
		if (need)
			return NULL;
		if (bpf_get_current_pid_tgid() >> 32 == sn_cfg.self_pid)
			return NULL;
		st = sn_task_new(task);
		if (!st) {
			*ret_why = SN_OUT_lost_map;
			return NULL;
		}
	}
	if ((st->wanted & need) != need)
		return NULL;
	if (sn_cfg.filters & ~static_bits && sn_current_refused())
		return NULL;
	if (st->cgroup_moves != sn_cgroup_moves)
		sn_meet_cgroup(st, task);
	return st;
}

/* The id of the event in a slot. */
static __always_inline u32 sn_event_id(u32 slot)
{
	switch (slot) {
/* clang-format off */
#define SN_FIELD(type, name, kind, doc)
#define SN_OPT(type, name, kind, doc)
#define SN_RESERVED(type, name)
#define SN_STR(name, doc)
#define SN_VIEW(name, kind, how, field, doc)
#define SN_NAME(name)
#define SN_END(ev)
#define SN_EVENT(ev, id, doc) case SN_SLOT_##ev: return id;
#include "schema/events.def"
#undef SN_EVENT
#undef SN_FIELD
#undef SN_OPT
#undef SN_RESERVED
#undef SN_STR
#undef SN_VIEW
#undef SN_NAME
#undef SN_END
	/* clang-format on */
	default:
		return 0;
	}
}

/* Room for a record in this cpu's ring, or NULL: the ring is full, and that is noted. */
static __always_inline void *sn_reserve(struct sn_percpu *cpu, u32 slot, u64 size)
{
	u32 nr = bpf_get_smp_processor_id();
	void *ring = bpf_map_lookup_elem(&sn_rings, &nr);
	void *rec = ring ? bpf_ringbuf_reserve(ring, size, 0) : NULL;

	if (!rec)
		sn_lose(slot, SN_CAUSE_ring);
	return rec;
}

/* The same in the ring for what must not be lost in a flood. */
static __always_inline void *sn_reserve_prio(u32 slot, u64 size)
{
	void *rec = bpf_ringbuf_reserve(&sn_prio, size, 0);

	if (!rec)
		sn_lose(slot, SN_CAUSE_ring);
	return rec;
}

/* Nobody is woken: the reader looks every few milliseconds. */
static __always_inline void sn_submit(void *rec)
{
	bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
}

/* Counts the record and tells the holes before it. */
static __always_inline void sn_emitted_as(struct sn_percpu *cpu, u32 slot, bool alone)
{
	sn_add(&cpu->emitted[slot], alone);
	if (cpu->nr_lost[slot] != cpu->nr_told[slot])
		sn_tell_hole(slot);
}

static __always_inline void sn_emitted(struct sn_percpu *cpu, u32 slot)
{
	sn_emitted_as(cpu, slot, false);
}

/* Counts what will be a row when it ends: 1 where it begins, -1 where it ends or becomes none. */
static __always_inline void sn_in_flight(u32 slot, s64 delta)
{
	struct sn_percpu *cpu = sn_this_cpu();

	if (cpu && slot < SN_NR_EVENTS)
		__sync_fetch_and_add(&cpu->in_flight[slot], delta);
}

/* True if this row is not the one in N that is kept. */
static __always_inline bool sn_sampled_out(struct sn_percpu *cpu, u32 slot)
{
	return sn_cfg.sample[slot] > 1 && cpu->nr_sampled[slot]++ % sn_cfg.sample[slot] != 0;
}

static __always_inline bool sn_event_wanted(u32 slot)
{
	return sn_cfg.events >> slot & 1;
}

/*
 * A new operation id, unique in the recording: a count, which compresses best (the
 * cpu is behind it), or, where a program that counts may be interrupted by another,
 * the time, of which no cpu has one instant twice.
 */
static __always_inline u64 sn_new_op(struct sn_percpu *cpu, u64 now, bool alone)
{
	return (alone ? ++cpu->nr_ops : now) << 12 | (bpf_get_smp_processor_id() & 4095);
}

/* What the thread is in: an operation, or else a page fault; 0: neither. */
static __always_inline u64 sn_op_under_way(const struct sn_task *st)
{
	if (st->state == SN_OP_STORED)
		return st->op;
	return st->fault.state == SN_FAULT_BEGUN ? st->fault.op : 0;
}

/* Fills the header of a row that the current thread asked for. */
static __always_inline void sn_header(struct sn_hdr *hdr, u16 id, u64 now, const struct sn_task *st)
{
	u64 pid_tgid = bpf_get_current_pid_tgid();

	hdr->ts = now;
	hdr->op = st ? st->op : 0;
	hdr->cgroup = st ? st->cgroup : 0;
	hdr->pid = pid_tgid >> 32;
	hdr->tid = (u32)pid_tgid;
	hdr->id = id;
	hdr->cpu = (u16)bpf_get_smp_processor_id();
	hdr->valid = 0;
}

/* Counts successful renames: names told before one may have changed since. */
u64 sn_name_epoch SEC(".data.sn_names");

static __always_inline void sn_names_changed(void)
{
	__sync_fetch_and_add(&sn_name_epoch, 1);
}

/*
 * Tells the name of what the thread's walk starts at, as a `paths` record in the priority ring, the first
 * time its inode is seen and when its name has changed: in its directory, which is told
 * before and whole. 0: there was no room, or the name changed meanwhile.
 */
int sn_tell_name(sn_given given, u64 key, u32 is_dir);

/* An inode's place among the names told. gen is in it: a reused number is another file. */
static __always_inline u64 sn_name_key(u64 ino, u32 dev, u32 gen)
{
	return ((ino ^ (u64)dev << 40 ^ (u64)gen << 20) * 0x9e3779b97f4a7c15ull) | 1;
}

/*
 * True if the thread has not met the inode by this name lately; remembers that it
 * has now. A file with two names has two dentries.
 */
static __always_inline bool sn_name_is_new(struct sn_task *st, u64 key, struct dentry *dentry)
{
	u64 *last = &st->named[key >> 62];

	st->walk.start = (u64)dentry; /* what comes back from a map is a number to calculate with */
	key ^= sn_name_epoch << 1 ^ *(volatile u64 *)&st->walk.start << 8;
	if (*last == key)
		return false;
	*last = key;
	return true;
}

#include "core.bpf.h"

#endif
