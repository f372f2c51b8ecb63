// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>

#include "schema/kind.h"
#include "schema/schema.h"
#include "schema/values.h"
#include "test.h"

static struct buf text;

static const char *print(enum sn_kind kind, u64 value)
{
	text.len = 0;
	sn_kinds[kind].print(&text, value);
	buf_putc(&text, 0);
	return text.data;
}

static const char *of_arch(void (*printer)(struct buf *, u64, enum kind_arch), u64 v,
			   enum kind_arch arch)
{
	text.len = 0;
	printer(&text, v, arch);
	buf_putc(&text, 0);
	return text.data;
}

TEST(each_kind_is_number_text_or_printed)
{
	for (u32 i = 0; i < SN_NR_KINDS; i++) {
		check(sn_kinds[i].name && sn_kinds[i].doc && sn_kinds[i].unit);
		if (!kind_is_text(i))
			continue;
		/* Any value: bytes of a ring may be wrong, and never harm. */
		for (u32 bit = 0; bit < 64; bit++)
			check(print(i, 1ull << bit) && print(i, ~0ull >> bit) && text.len < 700);
	}
	check(!kind_is_text(SN_K_count) && !kind_is_text(SN_K_str) && kind_is_text(SN_K_dev));
}

TEST(booleans)
{
	check_str(print(SN_K_bool, 0), "false");
	check_str(print(SN_K_bool, 1), "true");
	check_str(print(SN_K_bool, 128), "true");
}

TEST(errnos)
{
	check_str(print(SN_K_errno, ENOENT), "ENOENT");
	check_str(print(SN_K_errno, EAGAIN), "EAGAIN");
	check_str(print(SN_K_errno, 133), "EHWPOISON");
	check_str(print(SN_K_errno, 512), "ERESTARTSYS");
	check_str(print(SN_K_errno, 516), "ERESTART_RESTARTBLOCK");
	check_str(print(SN_K_errno, 0), "ERRNO(0)");
	check_str(print(SN_K_errno, 4000), "ERRNO(4000)");
	check_str(print(SN_K_errno, 1ull << 32 | 2), "ERRNO(4294967298)");
}

TEST(devices)
{
	check_str(print(SN_K_dev, 259u << 20 | 0x12345), "259:74565");
	check_str(print(SN_K_dev, 8u << 20 | 1), "8:1");
	check_str(print(SN_K_dev, 0), "0:0");
	check_str(print(SN_K_dev, 0xffffffff), "4095:1048575");
}

TEST(enumerations)
{
	check_str(print(SN_K_call, SN_CALL_pread64), "pread64");
	check_str(print(SN_K_call, SN_NR_CALLS - 1), "aio_fdsync");
	check_str(print(SN_K_call, 999), "unknown(999)");
	check_str(print(SN_K_origin, SN_ORIGIN_kernel), "kernel");
	check_str(print(SN_K_cause, SN_CAUSE_writer), "writer");
	check_str(print(SN_K_known, SN_KNOWN_dictionary), "dictionary");
	check_str(print(SN_K_blk_kind, SN_BLK_bio), "bio");
	check_str(print(SN_K_blk_op, SN_BLK_OP_read), "read");
	check_str(print(SN_K_blk_op, SN_BLK_OP_write_zeroes), "write_zeroes");
	check_str(print(SN_K_blk_op, SN_BLK_OP_unknown), "unknown");
	check_str(print(SN_K_event, SN_EV_vfs_read), "vfs_read");
	check_str(print(SN_K_event, 0xeeee), "unknown(0xeeee)");
	check_str(print(SN_K_event, 0x10000 | SN_EV_vfs_read), "unknown(0x10201)");
}

TEST(file_types)
{
	check_str(print(SN_K_file_type, S_IFREG), "regular");
	check_str(print(SN_K_file_type, S_IFDIR), "directory");
	check_str(print(SN_K_file_type, S_IFBLK), "block");
	check_str(print(SN_K_file_type, S_IFCHR), "character");
	check_str(print(SN_K_file_type, S_IFIFO), "pipe");
	check_str(print(SN_K_file_type, S_IFSOCK), "socket");
	check_str(print(SN_K_file_type, S_IFLNK), "symlink");
	check_str(print(SN_K_file_type, 0), "anonymous");
	check_str(print(SN_K_file_type, 0170000), "unknown(0170000)");
	check_str(print(SN_K_file_type, S_IFREG | 0644), "unknown(0100644)");
}

TEST(file_systems)
{
	check_str(print(SN_K_fs, 0xef53), "ext4");
	check_str(print(SN_K_fs, 0x58465342), "xfs");
	check_str(print(SN_K_fs, 0x9123683e), "btrfs");
	check_str(print(SN_K_fs, 0x01021994), "tmpfs");
	check_str(print(SN_K_fs, 0x794c7630), "overlay");
	check_str(print(SN_K_fs, 0x9fa0), "proc");
	check_str(print(SN_K_fs, 0x50495045), "pipefs");
	check_str(print(SN_K_fs, 0xdecaf), "FS(0xdecaf)");
}

/* The flags of open(2) as each architecture's kernel numbers them, and the text for both. */
TEST(open_flags_of_both_architectures)
{
	static const struct {
		u64 x86_64, arm64;
		const char *text;
	} rows[] = {
		{ 0, 0, "O_RDONLY" },
		{ 1, 1, "O_WRONLY" },
		{ 2, 2, "O_RDWR" },
		{ 3, 3, "O_ACCMODE" },
		{ 01101, 01101, "O_WRONLY|O_CREAT|O_TRUNC" },
		{ 02300, 02300, "O_RDONLY|O_CREAT|O_EXCL|O_APPEND" },
		{ 04400, 04400, "O_RDONLY|O_NOCTTY|O_NONBLOCK" },
		{ 040000, 0200000, "O_RDONLY|O_DIRECT" },
		{ 0100000, 0400000, "O_RDONLY|O_LARGEFILE" },
		{ 0200000, 040000, "O_RDONLY|O_DIRECTORY" },
		{ 0400000, 0100000, "O_RDONLY|O_NOFOLLOW" },
		{ 03000000, 03000000, "O_RDONLY|O_NOATIME|O_CLOEXEC" },
		{ 010000, 010000, "O_RDONLY|O_DSYNC" },
		{ 04010000, 04010000, "O_RDONLY|O_SYNC" },
		{ 06010000, 06010000, "O_RDONLY|O_CLOEXEC|O_SYNC" },
		{ 010000000, 010000000, "O_RDONLY|O_PATH" },
		{ 020200002, 020040002, "O_RDWR|O_TMPFILE" },
		{ 020000, 020000, "O_RDONLY|O_ASYNC" },
		{ 0240001, 0240001, "O_WRONLY|O_DIRECT|O_DIRECTORY" },
		/* Halves of what is only known whole, and bits that are not known. */
		{ 04000000, 04000000, "O_RDONLY|0x100000" },
		{ 020000000, 020000000, "O_RDONLY|0x400000" },
		{ 0x80000001, 0x80000001, "O_WRONLY|0x80000000" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		check_str(of_arch(kind_print_open_flags, rows[i].x86_64, KIND_X86_64),
			  rows[i].text);
		check_str(of_arch(kind_print_open_flags, rows[i].arm64, KIND_ARM64), rows[i].text);
	}
	check_str(print(SN_K_open_flags, 02101), "O_WRONLY|O_CREAT|O_APPEND");
}

TEST(modes)
{
	check_str(print(SN_K_mode, 0644), "0644");
	check_str(print(SN_K_mode, 0), "0000");
	check_str(print(SN_K_mode, 04755), "04755");
}

TEST(sets)
{
	check_str(print(SN_K_rwf, 0), "");
	check_str(print(SN_K_rwf, 8 | 2), "RWF_DSYNC|RWF_NOWAIT");
	check_str(print(SN_K_rwf, 0x80000001), "RWF_HIPRI|0x80000000");
	check_str(print(SN_K_sync_flags, 3), "SYNC_FILE_RANGE_WAIT_BEFORE|SYNC_FILE_RANGE_WRITE");
	check_str(print(SN_K_blk_flags, 0), "");
	check_str(print(SN_K_blk_flags, 1u << SN_BLK_FLAG_sync | 1u << SN_BLK_FLAG_fua),
		  "sync|fua");
	check_str(print(SN_K_blk_flags, 1u << SN_BLK_FLAG_swap | 1u << 31), "swap|0x80000000");
}

TEST(flags_of_calls)
{
	check_str(print(SN_K_splice_flags, 0xf),
		  "SPLICE_F_MOVE|SPLICE_F_NONBLOCK|SPLICE_F_MORE|SPLICE_F_GIFT");
	check_str(print(SN_K_splice_flags, 0x12), "SPLICE_F_NONBLOCK|0x10");
	check_str(print(SN_K_at_flags, 0x200), "AT_REMOVEDIR");
	check_str(print(SN_K_at_flags, 0x1d01),
		  "AT_SYMLINK_NOFOLLOW|AT_SYMLINK_FOLLOW|AT_NO_AUTOMOUNT|AT_EMPTY_PATH|0x1");
	check_str(print(SN_K_rename_flags, 7), "RENAME_NOREPLACE|RENAME_EXCHANGE|RENAME_WHITEOUT");
	check_str(print(SN_K_rename_flags, 0), "");
	check_str(print(SN_K_falloc_flags, 3), "FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE");
	check_str(print(SN_K_falloc_flags, 0x7c),
		  "FALLOC_FL_NO_HIDE_STALE|FALLOC_FL_COLLAPSE_RANGE|FALLOC_FL_ZERO_RANGE|"
		  "FALLOC_FL_INSERT_RANGE|FALLOC_FL_UNSHARE_RANGE");
	check_str(print(SN_K_statx_mask, 0x80000201), "STATX_TYPE|STATX_SIZE|0x80000000");
}

/* Numbers of include/uapi/asm-generic/mman-common.h, and of each architecture's own. */
TEST(flags_of_mappings)
{
	check_str(print(SN_K_prot, 0), "PROT_NONE");
	check_str(print(SN_K_prot, 7), "PROT_READ|PROT_WRITE|PROT_EXEC");
	check_str(of_arch(kind_print_prot, 0x31, KIND_ARM64), "PROT_READ|PROT_BTI|PROT_MTE");
	check_str(of_arch(kind_print_prot, 0x31, KIND_X86_64), "PROT_READ|0x30");
	check_str(print(SN_K_map_flags, 0x8802), "MAP_PRIVATE|MAP_DENYWRITE|MAP_POPULATE");
	check_str(print(SN_K_map_flags, 0x80003), "MAP_SHARED_VALIDATE|MAP_SYNC");
	check_str(print(SN_K_map_flags, 0), "");
	check_str(print(SN_K_map_flags, 0x14), "MAP_FIXED|0x4");
	check_str(print(SN_K_map_flags, 0x54040001), "MAP_SHARED|MAP_HUGETLB|21<<MAP_HUGE_SHIFT");
	check_str(of_arch(kind_print_map_flags, 0xc1, KIND_X86_64),
		  "MAP_SHARED|MAP_32BIT|MAP_ABOVE4G");
	check_str(of_arch(kind_print_map_flags, 0xc1, KIND_ARM64), "MAP_SHARED|0xc0");
	check_str(print(SN_K_mremap_flags, 7), "MREMAP_MAYMOVE|MREMAP_FIXED|MREMAP_DONTUNMAP");
	check_str(print(SN_K_msync_flags, 15), "MS_ASYNC|MS_INVALIDATE|MS_SYNC|0x8");
	check_str(print(SN_K_advice, 0), "MADV_NORMAL");
	check_str(print(SN_K_advice, 21), "MADV_PAGEOUT");
	check_str(print(SN_K_advice, 5), "unknown(5)");
}

/* The letters that blktrace has for a request, and its two columns here. */
TEST(block_requests)
{
#define F(name) (1u << SN_BLK_FLAG_##name)
	static const struct {
		const char *rwbs;
		u32 op, flags;
		const char *op_text, *flags_text;
	} table[] = {
		{ "WS", SN_BLK_OP_write, F(sync), "write", "sync" },
		{ "RM", SN_BLK_OP_read, F(meta), "read", "meta" },
		{ "WMA", SN_BLK_OP_write, F(meta) | F(rahead), "write", "meta|rahead" },
		{ "FWFS", SN_BLK_OP_write, F(preflush) | F(fua) | F(sync), "write",
		  "sync|fua|preflush" },
		{ "FF", SN_BLK_OP_flush, F(fua), "flush", "fua" },
		{ "DS", SN_BLK_OP_discard, F(sync), "discard", "sync" },
		{ "RSM", SN_BLK_OP_read, F(sync) | F(meta) | F(prio), "read", "sync|meta|prio" },
	};
#undef F

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		check_str(print(SN_K_blk_op, table[i].op), table[i].op_text);
		check_str(print(SN_K_blk_flags, table[i].flags), table[i].flags_text);
	}
}

TEST(signals)
{
	check_str(print(SN_K_signal, SIGKILL), "SIGKILL");
	check_str(print(SN_K_signal, SIGSEGV), "SIGSEGV");
	check_str(print(SN_K_signal, 31), "SIGSYS");
	check_str(print(SN_K_signal, 34), "SIGRTMIN");
	check_str(print(SN_K_signal, 40), "SIGRTMIN+6");
	check_str(print(SN_K_signal, 0), "SIGNAL(0)");
	check_str(print(SN_K_signal, 65), "SIGNAL(65)");
}

TESTS(each_kind_is_number_text_or_printed, booleans, errnos, devices, enumerations, file_types,
      file_systems, open_flags_of_both_architectures, modes, sets, flags_of_calls,
      flags_of_mappings, block_requests, signals)
