/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Enumerations of our own that stand in records. Their texts are in kind.c, from
 * the same rows. Written to the ring only: files hold the texts.
 */
#ifndef SONDE_SCHEMA_VALUES_H
#define SONDE_SCHEMA_VALUES_H

#include "base/types.h"

/* clang-format off */

/*
 * The call that asked for an operation; the text is the row's name. G(event, calls): those that
 * rows of an event are of. First system calls.
 */
#define SN_SYSTEM_CALLS(G, X)                                                                \
	G(vfs_read,      X(read) X(pread64) X(readv) X(preadv) X(preadv2))                   \
	G(vfs_write,     X(write) X(pwrite64) X(writev) X(pwritev) X(pwritev2))              \
	G(vfs_open,      X(open) X(openat) X(openat2) X(creat) X(open_by_handle_at))         \
	G(vfs_close,     X(close))                                                           \
	G(vfs_fsync,     X(fsync) X(fdatasync) X(sync_file_range) X(syncfs) X(sync))         \
	G(vfs_copy,      X(copy_file_range) X(splice) X(sendfile) X(tee) X(vmsplice))        \
	G(vfs_unlink,    X(unlink) X(unlinkat) X(rmdir))                                     \
	G(vfs_mkdir,     X(mkdir) X(mkdirat))                                                \
	G(vfs_mknod,     X(mknod) X(mknodat))                                                \
	G(vfs_symlink,   X(symlink) X(symlinkat))                                            \
	G(vfs_rename,    X(rename) X(renameat) X(renameat2))                                 \
	G(vfs_link,      X(link) X(linkat))                                                  \
	G(vfs_getattr,   X(stat) X(lstat) X(fstat) X(newfstatat) X(statx))                   \
	G(vfs_setattr,   X(chmod) X(fchmod) X(fchmodat) X(chown) X(lchown) X(fchown)         \
			 X(fchownat) X(utime) X(utimes) X(futimesat) X(utimensat))           \
	G(vfs_truncate,  X(truncate) X(ftruncate))                                           \
	G(vfs_fallocate, X(fallocate))                                                       \
	G(vfs_readdir,   X(getdents) X(getdents64))                                          \
	G(vfs_chdir,     X(chdir) X(fchdir))                                                 \
	G(vfs_mmap,      X(mmap))                                                            \
	G(vfs_munmap,    X(munmap))                                                          \
	G(vfs_mremap,    X(mremap))                                                          \
	G(vfs_msync,     X(msync))                                                           \
	G(vfs_madvise,   X(madvise))
/* And the ways of the kernel's own threads. */
#define SN_KERNEL_CALLS(G, X)                                                                \
	G(vfs_read,  X(iter_read) X(kernel_read))                                            \
	G(vfs_write, X(iter_write) X(kernel_write))                                          \
	G(vfs_fsync, X(vfs_fsync))
/* And requests, whose calls return before they end. */
#define SN_REQUEST_CALLS(G, X)                                                               \
	G(vfs_read,  X(io_uring_read) X(io_uring_readv) X(io_uring_read_fixed)               \
		     X(io_uring_readv_fixed) X(aio_pread) X(aio_preadv))                     \
	G(vfs_write, X(io_uring_write) X(io_uring_writev) X(io_uring_write_fixed)            \
		     X(io_uring_writev_fixed) X(aio_pwrite) X(aio_pwritev))                  \
	G(vfs_fsync, X(io_uring_fsync) X(io_uring_fdatasync) X(io_uring_sync_file_range)     \
		     X(aio_fsync) X(aio_fdsync))

#define SN_CALLS_ALONE(event, calls) calls
#define SN_CALLS(X)                                                                          \
	X(unknown)                                                                           \
	SN_SYSTEM_CALLS(SN_CALLS_ALONE, X)                                                   \
	SN_KERNEL_CALLS(SN_CALLS_ALONE, X)                                                   \
	SN_REQUEST_CALLS(SN_CALLS_ALONE, X)

/*
 * Why records were lost. By the kernel's side: ring, map, missed. By the writer: it was too
 * slow (writer), or could not write, because the disk was full, could only be read, or else.
 */
#define SN_CAUSES(X)                                                                         \
	X(unknown) X(ring) X(map) X(writer) X(missed) X(disk_full) X(read_only) X(write_error)

/* How a name became known. */
#define SN_KNOWNS(X) X(unknown) X(exact) X(dictionary) X(snapshot) X(unlinked) X(joined) X(given)

/* Who asked for an operation. */
#define SN_ORIGINS(X) X(user) X(kernel)

/* Why pages came into the page cache: a read missed them, or was ahead of itself, or they were written. */
#define SN_ADDITIONS(X) X(unknown) X(missed) X(ahead) X(written)

/* Why pages left the page cache. */
#define SN_REMOVALS(X) X(unknown) X(reclaimed) X(unlinked) X(truncated) X(invalidated)

/* What memory was touched for. */
#define SN_ACCESSES(X) X(read) X(write) X(exec)

/* Of a page fault: it waited for a disk, or not, or could not be served. */
#define SN_SEVERITIES(X) X(minor) X(major) X(failed)

/* What a block row stands for. */
#define SN_BLK_KINDS(X) X(rq) X(bio)

/* What a block request does. The kernel's own numbers differ between its versions. */
#define SN_BLK_OPS(X)                                                                        \
	X(read) X(write) X(flush) X(discard) X(secure_erase) X(write_same) X(zone_append)    \
	X(write_zeroes) X(zone_open) X(zone_close) X(zone_finish) X(zone_reset)              \
	X(zone_reset_all) X(drv_in) X(drv_out) X(unknown)

/* Modifiers of a block request: a set, bit SN_BLK_FLAG_<name> each. */
#define SN_BLK_FLAGS(X)                                                                      \
	X(failfast_dev) X(failfast_transport) X(failfast_driver) X(sync) X(meta) X(prio)     \
	X(nomerge) X(idle) X(integrity) X(fua) X(preflush) X(rahead) X(background)           \
	X(nowait) X(polled) X(swap)

/*
 * What became of one run of a program. Every run ends in exactly one of these;
 * their sum is the number of runs.
 */
#define SN_OUTCOMES(X)                                                                        \
	X(emitted)   /* a record went into the ring */                                        \
	X(stored)    /* an entry that waits for its exit */                                   \
	X(filtered)  /* a filter said no */                                                   \
	X(sampled)   /* not the 1 in N that is kept */                                        \
	X(aggregated) /* counted in the kernel, no record of its own */                       \
	X(unmatched) /* an exit whose entry was not seen */                                   \
	X(ignored)   /* not ours, for example another system call */                          \
	X(lost_ring) /* the ring was full */                                                  \
	X(lost_map)  /* a table was full */

enum sn_call     {
	SN_CALL_unknown,
#define X(name) SN_CALL_##name,
/* And the last of each event's: the number behind it is the next call's, too. */
#define G(event, calls) calls SN_END_##event, SN_LAST_##event = SN_END_##event - 1,
	SN_SYSTEM_CALLS(G, X)
#undef G
	SN_KERNEL_CALLS(SN_CALLS_ALONE, X)
#define G(event, calls) calls SN_REQUEST_END_##event, SN_REQUEST_LAST_##event = SN_REQUEST_END_##event - 1,
	SN_REQUEST_CALLS(G, X)
#undef G
#undef X
	SN_NR_CALLS
};
/* A set of calls. */
#define SN_CALL_WORDS 2
struct sn_call_set {
	u64 bits[SN_CALL_WORDS];
};
_Static_assert(SN_NR_CALLS <= 64 * SN_CALL_WORDS, "a set of calls has a bit for each");

static inline __attribute__((always_inline)) int sn_has_call(const volatile struct sn_call_set *set,
							     u32 call)
{
	return set->bits[call / 64 % SN_CALL_WORDS] >> call % 64 & 1;
}

enum sn_cause    {
#define X(name) SN_CAUSE_##name,
	SN_CAUSES(X) SN_NR_CAUSES
#undef X
};
enum sn_known    {
#define X(name) SN_KNOWN_##name,
	SN_KNOWNS(X) SN_NR_KNOWNS
#undef X
};
enum sn_origin   {
#define X(name) SN_ORIGIN_##name,
	SN_ORIGINS(X) SN_NR_ORIGINS
#undef X
};
enum sn_addition {
#define X(name) SN_ADDITION_##name,
	SN_ADDITIONS(X) SN_NR_ADDITIONS
#undef X
};
enum sn_removal  {
#define X(name) SN_REMOVAL_##name,
	SN_REMOVALS(X) SN_NR_REMOVALS
#undef X
};
enum sn_access   {
#define X(name) SN_ACCESS_##name,
	SN_ACCESSES(X) SN_NR_ACCESSES
#undef X
};
enum sn_severity {
#define X(name) SN_SEVERITY_##name,
	SN_SEVERITIES(X) SN_NR_SEVERITIES
#undef X
};
enum sn_blk_kind {
#define X(name) SN_BLK_##name,
	SN_BLK_KINDS(X) SN_NR_BLK_KINDS
#undef X
};
enum sn_blk_op   {
#define X(name) SN_BLK_OP_##name,
	SN_BLK_OPS(X) SN_NR_BLK_OPS
#undef X
};
enum sn_blk_flag {
#define X(name) SN_BLK_FLAG_##name,
	SN_BLK_FLAGS(X) SN_NR_BLK_FLAGS
#undef X
};
enum sn_outcome  {
#define X(name) SN_OUT_##name,
	SN_OUTCOMES(X) SN_NR_OUTCOMES
#undef X
};
/* clang-format on */

#endif
