/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Enumerations of our own that stand in records. Their texts are in kind.c, from
 * the same rows. Written to the ring only: files hold the texts.
 */
#ifndef SONDE_SCHEMA_VALUES_H
#define SONDE_SCHEMA_VALUES_H

/* clang-format off */

/* The call that asked for an operation; the text is the row's name. First, by event, system calls. */
#define SN_READ_CALLS(X)  X(read) X(pread64) X(readv) X(preadv) X(preadv2)
#define SN_WRITE_CALLS(X) X(write) X(pwrite64) X(writev) X(pwritev) X(pwritev2)
#define SN_OPEN_CALLS(X)  X(open) X(openat) X(openat2) X(creat) X(open_by_handle_at)
#define SN_CLOSE_CALLS(X) X(close)
#define SN_SYNC_CALLS(X)  X(fsync) X(fdatasync) X(sync_file_range) X(syncfs) X(sync)
/* And the ways of the kernel's own threads. */
#define SN_KERNEL_READ_CALLS(X)  X(iter_read) X(kernel_read)
#define SN_KERNEL_WRITE_CALLS(X) X(iter_write) X(kernel_write)
#define SN_KERNEL_SYNC_CALLS(X)  X(vfs_fsync)
#define SN_CALLS(X)                                                                          \
	X(unknown)                                                                           \
	SN_READ_CALLS(X) SN_WRITE_CALLS(X) SN_OPEN_CALLS(X) SN_CLOSE_CALLS(X) SN_SYNC_CALLS(X) \
	SN_KERNEL_READ_CALLS(X) SN_KERNEL_WRITE_CALLS(X) SN_KERNEL_SYNC_CALLS(X)

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
#define X(name) SN_CALL_##name,
	SN_CALLS(X) SN_NR_CALLS
#undef X
};
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
