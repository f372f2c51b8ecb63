// SPDX-License-Identifier: BSD-2-Clause
/* Filters that no row of the chosen streams can pass are refused; all others are not. */
#include "test.h"

#include "base/str.h"
#include "cmd/record_opts.h"
#include "cmd/select.h"
#include "schema/values.h"

/* What record says of these words, "" if it takes them. */
static u64 events; /* that can pass */

static const char *said(char **words)
{
	static struct diag d;
	struct record_opts o;
	int r;

	d = (struct diag){};
	memcpy(&o, record_cmd_opts.defaults, sizeof(o));
	r = opt_parse(record_cmd_opts.groups, &o, words, &d);
	if (r == 0)
		r = select_streams(&o.filter.streams, false, &events, &d);
	if (r == 0)
		r = filter_check(&o.filter, &events, &d);
	opt_done(record_cmd_opts.groups, &o);
	check((r < 0) == (d.text[0] != 0));
	return d.text;
}

#define SAID(...) said((char **)(const char *[]){ __VA_ARGS__, NULL })

TEST(what_can_match_is_taken)
{
	check_str(SAID("-e", "vfs"), "");
	check_str(SAID("--op", "read"), "");
	check_str(SAID("-e", "block", "--op", "read,discard"), "");
	check_str(SAID("-e", "vfs_read", "--op", "read"), "");
	check_str(SAID("-e", "vfs_close", "--op", "close"), "");
	check_str(SAID("-e", "vfs_write", "--op", "kernel_write"), "");
	check_str(SAID("-e", "vfs_copy", "--op", "copy_file_range"), "");
	check_str(SAID("--op", "pread64,discard"), "");
	check_str(SAID("--device", "sda", "--sectors", "0-10"), "");
	check_str(SAID("-e", "vfs,block", "--device", "sda"), "");
	check_str(SAID("-e", "vfs,proc", "--min-latency", "1ms", "--errors"), "");
	check_str(SAID("-e", "vfs_open", "--errors"), "");
	check_str(SAID("--op", "openat,read", "--min-size", "1"), "");
	check_str(SAID("-e", "proc,vfs", "--sample", "*=10"), "");
	check_str(SAID("-e", "vfs,proc", "--device", "sda"), "");
	check_str(SAID("--device", "sda", "--op", "openat"), "");
	check_str(SAID("-e", "vfs_read", "--sample", "vfs=10"), "");
	check_str(SAID("-e", "proc", "-p", "1", "--comm", "x*", "--uid", "0", "--pseudo-fs"), "");
}

TEST(what_cannot_is_refused)
{
	check_str(SAID("-e", "block", "--op", "pread64"),
		  "--op: no stream that is recorded has rows of 'pread64'");
	check_str(SAID("-e", "block", "--op", "read,pread64"),
		  "--op: no stream that is recorded has rows of 'pread64'");
	check_str(SAID("-e", "proc,vfs_read", "--op", "discard"),
		  "--op: no stream that is recorded has rows of 'discard'");
	check_str(SAID("-e", "vfs", "--sectors", "0-10"),
		  "--sectors: the streams that are recorded have no block requests");
	check_str(SAID("-e", "proc", "--device", "sda"),
		  "--device: the streams that are recorded have no operations on devices");
	check_str(SAID("-e", "proc", "--min-latency", "10s"),
		  "--min-latency: the streams that are recorded have no operations that take time");
	check_str(SAID("-e", "vfs_release", "--min-latency", "10s"),
		  "--min-latency: the streams that are recorded have no operations that take time");
	check_str(SAID("-e", "vfs_open,vfs_fsync", "--min-size", "1M"),
		  "--min-size: the streams that are recorded have no operations that have a size");
	check_str(SAID("-e", "proc", "--max-size", "1M"),
		  "--max-size: the streams that are recorded have no operations that have a size");
	check_str(SAID("-e", "proc", "--errors"),
		  "--errors: the streams that are recorded have no operations that can fail");
	check_str(SAID("-e", "vfs_read,block", "--op", "pread64", "--sectors", "0-10"),
		  "--sectors: no row can pass this and the filters before it");
	check_str(SAID("--sectors", "0-10", "--op", "openat"),
		  "--sectors: no row can pass this and the filters before it");
	check_str(SAID("-e", "vfs", "--sample", "block_io=10"),
		  "--sample: 'block_io=10' is of no stream that is recorded and can be sampled "
		  "(those of processes cannot: names hang on them)");
	check_str(SAID("-e", "pagecache", "--cache-sample-rate", "10"), "");
	check_str(SAID("-e", "vfs", "--cache-sample-rate", "10"),
		  "--cache-sample-rate: pagecache is not recorded");
	check_str(SAID("-e", "proc", "--sample", "proc_fork=10"),
		  "--sample: 'proc_fork=10' is of no stream that is recorded and can be sampled "
		  "(those of processes cannot: names hang on them)");
}

#define BIT(name) (1ull << SN_SLOT_##name)

TEST(only_events_that_can_pass_are_left)
{
	check_str(SAID("-e", "vfs,block,proc"), "");
	check(events & BIT(proc_fork) && events & BIT(vfs_release) && events & BIT(block_io));
	check_str(SAID("--min-latency", "1ms"), "");
	check_eq(events, BIT(vfs_read) | BIT(vfs_write) | BIT(vfs_open) | BIT(vfs_close) |
				 BIT(vfs_fsync) | BIT(vfs_copy) | BIT(vfs_unlink) | BIT(vfs_mkdir) |
				 BIT(vfs_mknod) | BIT(vfs_symlink) | BIT(vfs_rename) |
				 BIT(vfs_link) | BIT(vfs_getattr) | BIT(vfs_setattr) |
				 BIT(vfs_truncate) | BIT(vfs_fallocate) | BIT(vfs_readdir) |
				 BIT(vfs_chdir) | BIT(vfs_mmap) | BIT(vfs_munmap) |
				 BIT(vfs_mremap) | BIT(vfs_msync) | BIT(vfs_madvise) |
				 BIT(block_io) | BIT(fault_file) | BIT(pagecache_writeback));
	check_str(SAID("--min-size", "1M"), "");
	check_eq(events,
		 BIT(vfs_read) | BIT(vfs_write) | BIT(vfs_copy) | BIT(vfs_readdir) | BIT(block_io));
	check_str(SAID("--op", "discard"), "");
	check_eq(events, BIT(block_io));
	check_str(SAID("--device", "sda", "--errors"), "");
	check(!(events & (BIT(proc_fork) | BIT(vfs_release))) && events & BIT(vfs_open));
}

TEST(a_slip_of_the_hand_has_a_hint)
{
	check_str(SAID("--op", "Read"), "--op: there is no operation 'Read': did you mean 'read'?");
	check_str(SAID("--op", "raed"), "--op: there is no operation 'raed': did you mean 'read'?");
	check_str(SAID("--op", "fync"),
		  "--op: there is no operation 'fync': did you mean 'fsync'?");
	check_str(SAID("--op", "frobnicate"), "--op: there is no operation 'frobnicate'");
	check_str(SAID("--op", ""), "--op: there is no operation ''");
}

/* Each system call is an operation of one event, and so is each request. */
TEST(operations_have_an_event)
{
	struct op_set of, all = {};

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		select_ops_of(slot, &of);
		check(!op_set_meets(&of, &all));
		for (u32 i = 0; i < SN_CALL_WORDS; i++)
			all.calls.bits[i] |= of.calls.bits[i];
		all.blk_ops |= of.blk_ops;
	}
	for (u32 call = 0; call < 64 * SN_CALL_WORDS; call++)
		check_eq(sn_has_call(&all.calls, call),
			 call != SN_CALL_unknown && call < SN_NR_CALLS);
	check_eq(all.blk_ops, (1u << SN_NR_BLK_OPS) - 1);
}

TEST(distances)
{
#define DISTANCE(a, b) str_distance(a, strlen(a), b, strlen(b))
	check_eq(DISTANCE("", ""), 0);
	check_eq(DISTANCE("", "abc"), 3);
	check_eq(DISTANCE("vfs_read", "vfs_read"), 0);
	check_eq(DISTANCE("VFS_Read", "vfs_read"), 0);
	check_eq(DISTANCE("vfs_raed", "vfs_read"), 1);
	check_eq(DISTANCE("read", "bead"), 1);
	check_eq(DISTANCE("kitten", "sitting"), 3);
	check_eq(DISTANCE("a word that is far too long to be the name of anything", "a"),
		 UINT32_MAX);
}

TESTS(what_can_match_is_taken, what_cannot_is_refused, only_events_that_can_pass_are_left,
      a_slip_of_the_hand_has_a_hint, operations_have_an_event, distances)
