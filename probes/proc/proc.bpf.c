// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Life of processes. Besides its rows this is where every domain's filters on
 * threads are decided: at start by the snapshot, later at fork, exec and rename,
 * before the thread does anything that a row could be missed of.
 *
 * Its records go into the priority ring: names of rows come from them.
 */
#include "sonde.bpf.h"

#include "schema/comm_dfa.h"

#define SIGNAL_GROUP_EXIT 4
#define ARGS_MAX 1024
#define NAME_MAX_BYTES 256
#define COMM_SIZE 16
#define EEXIST 17

/* The automaton of --comm. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct sn_dfa);
} sn_comm_dfa SEC(".maps");

/* Processes (--pid, and the command) and threads (--tid) wanted at start. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, u8);
} sn_pids SEC(".maps"), sn_tids SEC(".maps");

/* Processes whose exit was told: the last two threads may both see that none is left. */
struct exited {
	u64 start_time;
	u32 pid;
	u32 unused;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct exited);
	__type(value, u8);
} proc_exited SEC(".maps");

static __always_inline bool name_accepted(const char *comm)
{
	u32 zero = 0;
	struct sn_dfa *dfa;

	if (!(sn_cfg.filters & SN_FILTER_COMM))
		return false;
	dfa = bpf_map_lookup_elem(&sn_comm_dfa, &zero);
	return dfa && sn_dfa_match(dfa, comm);
}

/*
 * Sets a thread's verdict; without a filter on threads there is none to set, and
 * the state is made when it is first needed. False: no memory for it.
 */
static __always_inline bool set_wanted(struct task_struct *task, u32 wanted)
{
	u32 need = sn_cfg.filters & (SN_FILTER_PID | SN_FILTER_COMM | SN_FILTER_TID);
	struct sn_task *st;

	if (!need || (u32)BPF_CORE_READ(task, tgid) == sn_cfg.self_pid)
		return true; /* sonde's own threads have no state, and so no rows */
	st = sn_task_of(task);
	if (!st) {
		if (!wanted)
			return true;
		st = sn_task_new(task);
		if (!st)
			return false;
	}
	st->wanted = wanted;
	return true;
}

static __always_inline u32 wanted_of(struct task_struct *task)
{
	struct sn_task *st = sn_task_of(task);

	return st ? st->wanted : 0;
}

/*
 * The same of a thread that gives itself a name. No fork told of one that the kernel made for a
 * process, as io_uring does for work that would block; a name is what such a thread begins with.
 */
static __always_inline u32 wanted_of_renamed(struct task_struct *task)
{
	struct sn_task *st = sn_task_of(task);

	return st ? st->wanted : wanted_of(task->group_leader) & SN_FILTER_PID;
}

/* Do the filters on threads accept these bits? */
static __always_inline bool accepted(u32 wanted, u32 pid)
{
	u32 need = sn_cfg.filters & (SN_FILTER_PID | SN_FILTER_COMM | SN_FILTER_TID);

	return pid != sn_cfg.self_pid && (wanted & need) == need;
}

/*
 * Do those on users and cgroups? Which cgroups a thread is below can be asked of the
 * current one only: what is done to another is no row with --cgroup.
 */
static __always_inline bool is_row_of(struct task_struct *task)
{
	if (!(sn_cfg.filters & (SN_FILTER_UID | SN_FILTER_CGROUP)))
		return true;
	if ((u64)task == (u64)sn_current())
		return !sn_current_refused();
	return !(sn_cfg.filters & SN_FILTER_CGROUP) &&
	       !sn_uid_refused(BPF_CORE_READ(task, cred, uid.val));
}

static __always_inline void header_of(struct sn_hdr *hdr, u16 id, struct task_struct *task)
{
	hdr->ts = bpf_ktime_get_ns();
	hdr->op = 0;
	hdr->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	hdr->pid = BPF_CORE_READ(task, tgid);
	hdr->tid = BPF_CORE_READ(task, pid);
	hdr->id = id;
	hdr->cpu = (u16)bpf_get_smp_processor_id();
	hdr->valid = 0;
}

/*
 * Hands over a record. One that filters on users and cgroups refuse is needed all the
 * same: names of rows to come hang on it.
 */
static __always_inline int hand_over(enum sn_prog prog, u32 slot, struct sn_hdr *hdr, bool is_row)
{
	struct sn_percpu *cpu = sn_this_cpu();

	if (!is_row)
		hdr->valid |= SN_NAMES_ONLY;
	sn_submit(hdr);
	if (cpu && is_row)
		sn_emitted(cpu, slot);
	return sn_count(prog, is_row ? SN_OUT_emitted : SN_OUT_filtered);
}

/* A `tasks` record as the snapshot hands it to user space: with the name behind it. */
struct task_record {
	struct sn_tasks rec;
	char comm[COMM_SIZE];
};

static __always_inline u32 comm_len(const char *comm)
{
	u32 n = 0;

	for (int i = 0; i < COMM_SIZE - 1; i++)
		if (n == i && comm[i])
			n++;
	return n;
}

static __always_inline void fill_task(struct task_record *r, struct task_struct *task, u32 how)
{
	header_of(&r->rec.hdr, SN_EV_tasks, task);
	r->rec.start_ns = BPF_CORE_READ(task, start_time);
	r->rec.parent_pid = BPF_CORE_READ(task, real_parent, tgid);
	r->rec.uid = BPF_CORE_READ(task, cred, uid.val);
	r->rec.kthread = !!(BPF_CORE_READ(task, flags) & PF_KTHREAD);
	r->rec.name.off = sizeof(r->rec);
	r->rec.name.len = (u16)comm_len(r->comm);
	r->rec.args.off = 0;
	r->rec.args.len = 0;
	r->rec.how = how;
}

/* A thread that filters accept from now on: neither snapshot nor fork told what it is. */
static __noinline int tell_task(struct task_struct *task)
{
	struct sn_percpu *cpu = sn_this_cpu();
	struct task_record *r;

	r = sn_reserve_prio(SN_SLOT_tasks, sizeof(*r));
	if (!r)
		return 0;
	BPF_CORE_READ_INTO(&r->comm, task, comm);
	fill_task(r, task, SN_KNOWN_exact);
	sn_submit(r);
	if (cpu)
		sn_emitted(cpu, SN_SLOT_tasks);
	return 0;
}

/* Has the snapshot been at every thread? */
u32 proc_all_seen;

/* Runs in sonde itself, once, for every thread there is. */
SEC("?iter/task")
int proc_snapshot(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_record r = {};
	u32 pid, tid, wanted = 0;

	if (!task) { /* the end of the list */
		proc_all_seen = 1;
		return sn_count(SN_P_proc_snapshot, SN_OUT_ignored);
	}
	BPF_CORE_READ_INTO(&r.comm, task, comm);
	pid = task->tgid;
	tid = task->pid;
	if (bpf_map_lookup_elem(&sn_pids, &pid))
		wanted |= SN_FILTER_PID;
	if (bpf_map_lookup_elem(&sn_tids, &tid))
		wanted |= SN_FILTER_TID;
	if (name_accepted(r.comm))
		wanted |= SN_FILTER_COMM;
	wanted |= wanted_of(task) & SN_FILTER_PID; /* from a fork since hooks are attached */
	if (!set_wanted(task, wanted))
		return sn_count(SN_P_proc_snapshot, SN_OUT_lost_map);
	if (!accepted(wanted, pid))
		return sn_count(SN_P_proc_snapshot, SN_OUT_filtered);

	fill_task(&r, task, SN_KNOWN_snapshot);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return sn_count(SN_P_proc_snapshot, SN_OUT_aggregated);
}

/* The same of a thread that the snapshot may be yet to come to: it is asked for by its pid. */
static __always_inline u32 wanted_or_named(struct task_struct *task)
{
	u32 wanted = wanted_of(task), pid = task->tgid;

	if (sn_cfg.filters & SN_FILTER_PID && !proc_all_seen && bpf_map_lookup_elem(&sn_pids, &pid))
		wanted |= SN_FILTER_PID;
	return wanted;
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(proc_fork, struct task_struct *parent, struct task_struct *child)
{
	u32 of_parent = wanted_or_named(parent), wanted = of_parent;
	struct sn_proc_fork *e;

	if (parent->tgid != child->tgid && !sn_cfg.follow)
		wanted &= ~SN_FILTER_PID;
	wanted &= ~SN_FILTER_TID;
	if (!set_wanted(child, wanted))
		return sn_count_no_room(SN_P_proc_fork, SN_SLOT_proc_fork);
	if (!accepted(of_parent, parent->tgid))
		return sn_count(SN_P_proc_fork, SN_OUT_filtered);
	e = sn_reserve_prio(SN_SLOT_proc_fork, sizeof(*e));
	if (!e)
		return sn_count(SN_P_proc_fork, SN_OUT_lost_ring);
	header_of(&e->hdr, SN_EV_proc_fork, parent);
	e->child_pid = child->tgid;
	e->child_tid = child->pid;
	return hand_over(SN_P_proc_fork, SN_SLOT_proc_fork, &e->hdr, is_row_of(parent));
}

/* What an exec's strings need behind the record. */
struct exec_room {
	char file[NAME_MAX_BYTES];
	char args[ARGS_MAX];
	char comm[COMM_SIZE];
};

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(proc_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	u32 before = wanted_of(task), wanted = before & ~SN_FILTER_COMM;
	unsigned long start, len;
	struct sn_proc_exec *e;
	struct exec_room *room;
	char comm[COMM_SIZE];
	long n;

	BPF_CORE_READ_INTO(&comm, task, comm);
	if (name_accepted(comm))
		wanted |= SN_FILTER_COMM;
	if (!set_wanted(task, wanted))
		return sn_count_no_room(SN_P_proc_exec, SN_SLOT_proc_exec);
	if (!accepted(wanted, task->tgid))
		return sn_count(SN_P_proc_exec, SN_OUT_filtered);
	if (!accepted(before, task->tgid))
		tell_task(task);
	e = sn_reserve_prio(SN_SLOT_proc_exec, sizeof(*e) + sizeof(*room));
	if (!e)
		return sn_count(SN_P_proc_exec, SN_OUT_lost_ring);
	room = (void *)(e + 1);
	header_of(&e->hdr, SN_EV_proc_exec, task);
	e->old_tid = (u32)old_pid;
	n = bpf_probe_read_kernel_str(room->file, sizeof(room->file),
				      BPF_CORE_READ(bprm, filename));
	e->file.off = sizeof(*e);
	e->file.len = n > 1 ? (u16)(n - 1) : 0;
	start = BPF_CORE_READ(task, mm, arg_start);
	len = BPF_CORE_READ(task, mm, arg_end) - start;
	e->args_cut = len > ARGS_MAX;
	if (len > ARGS_MAX)
		len = ARGS_MAX;
	e->args.off = sizeof(*e) + NAME_MAX_BYTES;
	e->args.len = 0;
	if (len && len <= ARGS_MAX && !bpf_probe_read_user(room->args, len, (void *)start))
		e->args.len = (u16)len;
	__builtin_memcpy(room->comm, comm, sizeof(comm));
	e->new_comm.off = sizeof(*e) + NAME_MAX_BYTES + ARGS_MAX;
	e->new_comm.len = (u16)comm_len(comm);
	e->pad0 = 0;
	return hand_over(SN_P_proc_exec, SN_SLOT_proc_exec, &e->hdr, is_row_of(task));
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(proc_exit, struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;
	struct signal_struct *signal = task->signal;
	struct exited key = { .pid = task->tgid };
	struct sn_proc_exit *e;
	u32 status;
	u8 one = 1;

	if (BPF_CORE_READ(signal, live.counter) != 0)
		return sn_count(SN_P_proc_exit, SN_OUT_ignored); /* a thread, not the process */
	if (!accepted(wanted_of(task), task->tgid))
		return sn_count(SN_P_proc_exit, SN_OUT_filtered);
	key.start_time = BPF_CORE_READ(leader, start_time);
	/* Before 6.4 this returns an int, and the upper half of what is said to be a long is 0. */
	if ((int)bpf_map_update_elem(&proc_exited, &key, &one, BPF_NOEXIST) == -EEXIST)
		return sn_count(SN_P_proc_exit, SN_OUT_ignored); /* told by another thread */
	e = sn_reserve_prio(SN_SLOT_proc_exit, sizeof(*e));
	if (!e)
		return sn_count(SN_P_proc_exit, SN_OUT_lost_ring);
	header_of(&e->hdr, SN_EV_proc_exit, task);
	e->dur_ns = e->hdr.ts - key.start_time;
	if (BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT)
		status = BPF_CORE_READ(signal, group_exit_code);
	else
		status = BPF_CORE_READ(leader, exit_code);
	e->code = 0;
	e->signal = 0;
	if (status & 0x7f)
		sn_set(e, signal, status & 0x7f);
	else
		sn_set(e, code, status >> 8 & 0xff);
	return hand_over(SN_P_proc_exit, SN_SLOT_proc_exit, &e->hdr, is_row_of(task));
}

/* Where threads' states are in a table of our own, they are taken out when the thread is gone. */
SEC("?tp_btf/sched_process_free")
int BPF_PROG(proc_free, struct task_struct *task)
{
	sn_task_forget(task);
	return sn_count(SN_P_proc_free, SN_OUT_ignored);
}

SEC("?tp_btf/task_rename")
int BPF_PROG(proc_rename, struct task_struct *task, const char *comm)
{
	u32 before = wanted_of_renamed(task), wanted = before & ~SN_FILTER_COMM;
	struct sn_proc_rename *e;
	char new_comm[COMM_SIZE] = {};
	char *room;

	bpf_probe_read_kernel_str(new_comm, sizeof(new_comm), comm);
	if (name_accepted(new_comm))
		wanted |= SN_FILTER_COMM;
	if (!set_wanted(task, wanted))
		return sn_count_no_room(SN_P_proc_rename, SN_SLOT_proc_rename);
	if (BPF_CORE_READ_BITFIELD_PROBED(task, in_execve))
		return sn_count(SN_P_proc_rename, SN_OUT_ignored); /* the exec row tells it */
	if (!accepted(wanted, task->tgid))
		return sn_count(SN_P_proc_rename, SN_OUT_filtered);
	if (!accepted(before, task->tgid))
		tell_task(task);
	e = sn_reserve_prio(SN_SLOT_proc_rename, sizeof(*e) + 2 * COMM_SIZE);
	if (!e)
		return sn_count(SN_P_proc_rename, SN_OUT_lost_ring);
	header_of(&e->hdr, SN_EV_proc_rename, task);
	room = (char *)(e + 1);
	BPF_CORE_READ_STR_INTO((char(*)[COMM_SIZE])room, task, comm);
	__builtin_memcpy(room + COMM_SIZE, new_comm, COMM_SIZE);
	e->old_comm.off = sizeof(*e);
	e->old_comm.len = (u16)comm_len(room);
	e->new_comm.off = sizeof(*e) + COMM_SIZE;
	e->new_comm.len = (u16)comm_len(new_comm);
	return hand_over(SN_P_proc_rename, SN_SLOT_proc_rename, &e->hdr, is_row_of(task));
}

SEC("?tp_btf/cgroup_attach_task")
int BPF_PROG(proc_cgroup, struct cgroup *cgroup, const char *path, struct task_struct *task)
{
	struct sn_task *st = sn_task_of(task);
	struct sn_proc_cgroup *e;
	u64 id, old_id;
	char *room;
	long n;

	/* Hierarchies of version 1 tell their moves here too; ours is the default one. */
	if (BPF_CORE_READ(task, cgroups, dfl_cgrp) != cgroup)
		return sn_count(SN_P_proc_cgroup, SN_OUT_ignored);
	old_id = st ? st->cgroup : 0;
	id = BPF_CORE_READ(cgroup, kn, id);
	__sync_fetch_and_add(&sn_cgroup_moves, 1);
	if (st)
		st->cgroup = id;
	if (!accepted(st ? st->wanted : 0, BPF_CORE_READ(task, tgid)))
		return sn_count(SN_P_proc_cgroup, SN_OUT_filtered);
	e = sn_reserve_prio(SN_SLOT_proc_cgroup, sizeof(*e) + NAME_MAX_BYTES);
	if (!e)
		return sn_count(SN_P_proc_cgroup, SN_OUT_lost_ring);
	header_of(&e->hdr, SN_EV_proc_cgroup, task);
	e->hdr.cgroup = id;
	e->old_cgroup = old_id;
	room = (char *)(e + 1);
	n = bpf_probe_read_kernel_str(room, NAME_MAX_BYTES, path);
	e->cgroup_name.off = sizeof(*e);
	e->cgroup_name.len = n > 1 ? (u16)(n - 1) : 0;
	e->pad0 = 0;
	return hand_over(SN_P_proc_cgroup, SN_SLOT_proc_cgroup, &e->hdr, is_row_of(task));
}
