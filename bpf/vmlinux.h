/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The kernel types sonde reads, and of each only the members it reads. CO-RE
 * finds their real offsets at load time, so order and gaps here mean nothing.
 * Written by hand: this file is the list of what we depend on. What differs
 * between kernels is in compat.bpf.h.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
typedef int pid_t;
typedef u64 sector_t;

#ifndef NULL
#define NULL ((void *)0)
#endif

/* clang-format off */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head { struct list_head *next, *prev; };
struct hlist_node { struct hlist_node *next; };
struct hlist_head { struct hlist_node *first; };
typedef struct { int counter; } atomic_t;
typedef struct { unsigned int val; } kuid_t;

/* Processes. */
struct thread_info { unsigned long flags; u32 status; };
struct kernfs_node { u64 id; };
struct cgroup { struct kernfs_node *kn; };
struct css_set { struct cgroup *dfl_cgrp; };
struct cred { kuid_t uid; };
struct signal_struct { atomic_t live; int group_exit_code; unsigned int flags; };
#if SN_TYPED_READS
struct maple_tree { void *ma_root; };
struct maple_range_64 { unsigned long pivot[15]; void *slot[16]; };
struct maple_arange_64 { unsigned long pivot[9]; void *slot[10]; };
struct mm_struct { unsigned long arg_start, arg_end; struct maple_tree mm_mt; };
#else
struct mm_struct { unsigned long arg_start, arg_end; };
#endif
struct vm_area_struct { unsigned long vm_start, vm_end, vm_pgoff; struct mm_struct *vm_mm; struct file *vm_file; };
#define PF_KTHREAD 0x00200000 /* of its flags */
struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	pid_t pid, tgid;
	char comm[16];
	int exit_code;
	unsigned in_execve : 1;
	u64 start_time;
	struct task_struct *real_parent, *group_leader;
	const struct cred *cred;
	struct mm_struct *mm;
	int pagefault_disabled;
	unsigned long min_flt, maj_flt;
	struct fs_struct *fs;
	struct files_struct *files;
	struct signal_struct *signal;
	struct css_set *cgroups;
	struct bpf_local_storage *bpf_storage;
	struct reclaim_state *reclaim_state;
};
struct linux_binprm { const char *filename; };

/* Files. */
struct qstr { u32 hash; u32 len; const unsigned char *name; };
struct file_system_type { int fs_flags; };
struct super_block { u32 s_dev; unsigned long s_magic; unsigned long s_flags; struct file_system_type *s_type; struct dentry *s_root; struct list_head s_mounts; };
struct address_space;
struct inode {
	u16 i_mode;
	unsigned int i_flags;
	unsigned int i_nlink;
	atomic_t i_count;
	unsigned long i_ino;
	u32 i_generation;
	u32 i_rdev;
	s64 i_size;
	struct super_block *i_sb;
	struct hlist_head i_dentry;
};
struct seqcount { unsigned int sequence; };
struct seqcount_spinlock { struct seqcount seqcount; };
struct dentry {
	struct seqcount_spinlock d_seq;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
	union { struct hlist_node d_alias; } d_u;
};
struct vfsmount { struct dentry *mnt_root; };
struct mount { struct mount *mnt_parent; struct dentry *mnt_mountpoint; struct vfsmount mnt; struct mnt_namespace *mnt_ns; struct list_head mnt_instance; };
struct path { struct vfsmount *mnt; struct dentry *dentry; };
struct file {
	struct inode *f_inode;
	struct address_space *f_mapping;
	struct path f_path;
	unsigned int f_flags;
	unsigned int f_mode;
	s64 f_pos;
};
struct iov_iter { unsigned long count; };
struct fdtable { unsigned int max_fds; struct file **fd; };
struct files_struct { atomic_t count; struct fdtable *fdt; };
struct fs_struct { int users; struct path root, pwd; };
struct address_space { struct inode *host; };
struct page { unsigned long compound_head; struct address_space *mapping; unsigned long index; unsigned int compound_nr; };
struct folio { unsigned long flags; struct address_space *mapping; unsigned long index; unsigned int _nr_pages; };
enum pageflags { PG_head = 1 };

/* Requests of io_uring and of AIO. */
struct kiocb { s64 ki_pos; };
struct io_cqe { u64 user_data; int fd; };
struct io_kiocb { struct file *file; u8 opcode; unsigned int flags; struct io_cqe cqe; struct io_ring_ctx *ctx; };
struct io_rw { struct kiocb kiocb; u64 addr; u32 len; u32 flags; };
struct io_sync { s64 len, off; int flags; };
struct io_uring_sqe { u8 opcode; s32 fd; u64 off, addr; u32 len, rw_flags; };
struct io_uring_cqe { u64 user_data; s32 res; };
struct io_ring_ctx { unsigned int compat : 1; };
struct io_event { u64 data, obj; s64 res; };
struct aio_kiocb { struct file *ki_filp; struct kiocb rw; struct kioctx *ki_ctx; struct io_event ki_res; };

/* Block devices. */
struct bvec_iter { sector_t bi_sector; unsigned int bi_size; unsigned int bi_idx; };
struct bio_vec { struct page *bv_page; };
struct block_device { u32 bd_dev; struct gendisk *bd_disk; sector_t bd_start_sect; };
struct gendisk { int major, first_minor; };
struct request_queue { struct gendisk *disk; };
struct bio {
	struct bio *bi_next;
	struct block_device *bi_bdev;
	unsigned int bi_opf;
	u16 bi_flags;
	u8 bi_status;
	struct bvec_iter bi_iter;
	struct bio_vec *bi_io_vec;
};
struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	unsigned int rq_flags;
	unsigned int __data_len;
	sector_t __sector;
	struct bio *bio;
};

/* What a program at a software counter is called with. */
struct bpf_perf_event_data { u64 addr; };

/* BPF iterators. */
struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; u64 session_id; u64 seq_num; };
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; };

/* System call entry, by architecture. */
#if defined(__TARGET_ARCH_x86)
struct pt_regs { unsigned long r10, r9, r8, ax, cx, dx, si, di, orig_ax, sp; };
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs { u64 regs[31]; u64 sp; };
struct pt_regs { union { struct user_pt_regs user_regs; struct { u64 regs[31]; u64 sp; }; }; u64 orig_x0; s32 syscallno; };
#else
#error "no system call registers for this architecture"
#endif

#pragma clang attribute pop
/* clang-format on */

/* A user's struct iovec, open_how, iocb and io_event; not kernel memory, no relocation. */
struct user_iovec {
	u64 base, len;
};
struct user_open_how {
	u64 flags, mode, resolve;
};
struct user_iocb {
	u64 data;
	u32 key, rw_flags;
	u16 opcode, priority;
	s32 fd;
	u64 buf, bytes;
	s64 offset;
	u64 reserved;
	u32 flags, result_fd;
};
struct user_io_event {
	u64 data, iocb;
	s64 ret, ret2;
};

#endif
