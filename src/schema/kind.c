// SPDX-License-Identifier: BSD-2-Clause
#include "schema/kind.h"

#include <errno.h>
#include <signal.h>

#include "schema/schema.h"
#include "schema/values.h"

/* A name for a number, or for bits that are all set. */
struct named {
	u64 value;
	const char *name;
};

static void print_name(struct buf *b, u64 v, const char *const *names, size_t nr)
{
	if (v < nr)
		buf_puts(b, names[v]);
	else
		buf_printf(b, "unknown(%llu)", (unsigned long long)v);
}

/* The same of numbers that are far apart. False: it has no name. */
static bool print_named(struct buf *b, u64 v, const struct named *names, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (names[i].value == v) {
			buf_puts(b, names[i].name);
			return true;
		}
	return false;
}

/* The names of the set bits, joined by '|'; bits without a name in hex, last. */
static void print_set(struct buf *b, u64 v, const struct named *names, size_t nr)
{
	size_t start = b->len;

	for (size_t i = 0; i < nr; i++) {
		if (!(v & names[i].value))
			continue;
		if (b->len > start)
			buf_putc(b, '|');
		buf_puts(b, names[i].name);
		v &= ~names[i].value;
	}
	if (v)
		buf_printf(b, "%s0x%llx", b->len > start ? "|" : "", (unsigned long long)v);
}

static void print_boolean(struct buf *b, u64 v)
{
	buf_puts(b, v ? "true" : "false");
}

static void print_errno(struct buf *b, u64 v)
{
	/* include/linux/errno.h: never seen by a program, but by who looks into the kernel. */
	static const struct named internal[] = {
		{ 512, "ERESTARTSYS" },
		{ 513, "ERESTARTNOINTR" },
		{ 514, "ERESTARTNOHAND" },
		{ 515, "ENOIOCTLCMD" },
		{ 516, "ERESTART_RESTARTBLOCK" },
		{ 517, "EPROBE_DEFER" },
		{ 518, "EOPENSTALE" },
		{ 519, "ENOPARAM" },
		{ 521, "EBADHANDLE" },
		{ 522, "ENOTSYNC" },
		{ 523, "EBADCOOKIE" },
		{ 524, "ENOTSUPP" },
		{ 525, "ETOOSMALL" },
		{ 526, "ESERVERFAULT" },
		{ 527, "EBADTYPE" },
		{ 528, "EJUKEBOX" },
		{ 529, "EIOCBQUEUED" },
		{ 530, "ERECALLCONFLICT" },
		{ 531, "ENOGRACE" },
	};
	const char *name = v && v < 512 ? strerrorname_np((int)v) : NULL;

	for (size_t i = 0; !name && i < ARRAY_SIZE(internal); i++)
		if (internal[i].value == v)
			name = internal[i].name;
	if (name)
		buf_puts(b, name);
	else
		buf_printf(b, "ERRNO(%llu)", (unsigned long long)v);
}

/* The kernel's dev_t: the upper 12 of 32 bits are the major number. */
static void print_dev(struct buf *b, u64 v)
{
	buf_put_u64(b, v >> 20);
	buf_putc(b, ':');
	buf_put_u64(b, v & 0xfffff);
}

/* clang-format off */
#define X(name) #name,
static void print_call(struct buf *b, u64 v)
{
	static const char *const names[] = { SN_CALLS(X) };

	print_name(b, v, names, ARRAY_SIZE(names));
}

static void print_origin(struct buf *b, u64 v)
{
	static const char *const names[] = { SN_ORIGINS(X) };

	print_name(b, v, names, ARRAY_SIZE(names));
}

static void print_cause(struct buf *b, u64 v)
{
	static const char *const names[] = { SN_CAUSES(X) };

	print_name(b, v, names, ARRAY_SIZE(names));
}

static void print_known(struct buf *b, u64 v)
{
	static const char *const names[] = { SN_KNOWNS(X) };

	print_name(b, v, names, ARRAY_SIZE(names));
}

static void print_addition(struct buf *b, u64 v)
{
	static const char *const names[] = { SN_ADDITIONS(X) };

	print_name(b, v, names, ARRAY_SIZE(names));
}

static void print_removal(struct buf *b, u64 v)
{
	static const char *const names[] = { SN_REMOVALS(X) };

	print_name(b, v, names, ARRAY_SIZE(names));
}

static void print_access(struct buf *b, u64 v)
{
	static const char *const names[] = { SN_ACCESSES(X) };

	print_name(b, v, names, ARRAY_SIZE(names));
}

static void print_severity(struct buf *b, u64 v)
{
	static const char *const names[] = { SN_SEVERITIES(X) };

	print_name(b, v, names, ARRAY_SIZE(names));
}

static void print_blk_kind(struct buf *b, u64 v)
{
	static const char *const names[] = { SN_BLK_KINDS(X) };

	print_name(b, v, names, ARRAY_SIZE(names));
}

static void print_blk_op(struct buf *b, u64 v)
{
	static const char *const names[] = { SN_BLK_OPS(X) };

	print_name(b, v, names, ARRAY_SIZE(names));
}
#undef X

static void print_blk_flags(struct buf *b, u64 v)
{
#define X(name) { 1ull << SN_BLK_FLAG_##name, #name },
	static const struct named names[] = { SN_BLK_FLAGS(X) };
#undef X

	print_set(b, v, names, ARRAY_SIZE(names));
}
/* clang-format on */

/* The S_IFMT bits of an inode's mode; these are the same everywhere. */
static void print_file_type(struct buf *b, u64 v)
{
	static const char *const names[] = {
		[0] = "anonymous", [001] = "pipe",    [002] = "character", [004] = "directory",
		[006] = "block",   [010] = "regular", [012] = "symlink",   [014] = "socket",
	};

	if (!(v & 07777) && v >> 12 < ARRAY_SIZE(names) && names[v >> 12])
		buf_puts(b, names[v >> 12]);
	else
		buf_printf(b, "unknown(0%llo)", (unsigned long long)v);
}

/* Superblock magics, those of include/uapi/linux/magic.h and of the file systems themselves. */
static void print_fs(struct buf *b, u64 v)
{
	static const struct named names[] = {
		{ 0xef53, "ext4" },
		{ 0x58465342, "xfs" },
		{ 0x9123683e, "btrfs" },
		{ 0x01021994, "tmpfs" },
		{ 0x794c7630, "overlay" },
		{ 0x50495045, "pipefs" },
		{ 0x534f434b, "sockfs" },
		{ 0x9fa0, "proc" },
		{ 0x62656572, "sysfs" },
		{ 0x63677270, "cgroup2" },
		{ 0x27e0eb, "cgroup" },
		{ 0x1cd1, "devpts" },
		{ 0x09041934, "anon_inodefs" },
		{ 0x62646576, "bdev" },
		{ 0x50494446, "pidfs" },
		{ 0x6e736673, "nsfs" },
		{ 0x19800202, "mqueue" },
		{ 0x64626720, "debugfs" },
		{ 0x74726163, "tracefs" },
		{ 0x73636673, "securityfs" },
		{ 0xf97cff8c, "selinuxfs" },
		{ 0x43415d53, "smackfs" },
		{ 0x62656570, "configfs" },
		{ 0xcafe4a11, "bpf" },
		{ 0x958458f6, "hugetlbfs" },
		{ 0xde5e81e4, "efivarfs" },
		{ 0x6165676c, "pstore" },
		{ 0x42494e4d, "binfmt_misc" },
		{ 0x0187, "autofs" },
		{ 0x67596969, "rpc_pipefs" },
		{ 0x858458f6, "ramfs" },
		{ 0x1373, "devfs" },
		{ 0x6969, "nfs" },
		{ 0xff534d42, "cifs" },
		{ 0xfe534d42, "smb2" },
		{ 0x517b, "smb" },
		{ 0x65735546, "fuse" },
		{ 0x65735543, "fusectl" },
		{ 0x01021997, "9p" },
		{ 0x00c36400, "ceph" },
		{ 0x6b414653, "kafs" },
		{ 0x5346414f, "afs" },
		{ 0x73757245, "coda" },
		{ 0x0bd00bd0, "lustre" },
		{ 0x47504653, "gpfs" },
		{ 0xf2f52010, "f2fs" },
		{ 0xca451a4e, "bcachefs" },
		{ 0x2fc12fc1, "zfs" },
		{ 0x4d44, "vfat" },
		{ 0x2011bab0, "exfat" },
		{ 0x5346544e, "ntfs" },
		{ 0x7366746e, "ntfs3" },
		{ 0x482b, "hfsplus" },
		{ 0x4244, "hfs" },
		{ 0x9660, "iso9660" },
		{ 0x15013346, "udf" },
		{ 0x73717368, "squashfs" },
		{ 0xe0f5e1e2, "erofs" },
		{ 0x28cd3d45, "cramfs" },
		{ 0x52654973, "reiserfs" },
		{ 0x3434, "nilfs2" },
		{ 0x3153464a, "jfs" },
		{ 0x7461636f, "ocfs2" },
		{ 0x01161970, "gfs2" },
		{ 0x137f, "minix" },
		{ 0x72b6, "jffs2" },
		{ 0x24051905, "ubifs" },
		{ 0x5a4f4653, "zonefs" },
		{ 0x64646178, "dax" },
		{ 0x6c6f6f70, "binder" },
		{ 0xabba1974, "xenfs" },
		{ 0x444d4142, "dmabuf" },
		{ 0x5345434d, "secretmem" },
		{ 0x786f4256, "vboxsf" },
	};

	if (!print_named(b, v, names, ARRAY_SIZE(names)))
		buf_printf(b, "FS(0x%llx)", (unsigned long long)v);
}

/* clang-format off */

/*
 * Flags of open(2) in the order of printing: value on x86-64, value on arm64,
 * name. A row of several bits counts if all are set, and hides the row of its part.
 */
#define OPEN_FLAGS(X)                                     \
	X(0100,      0100,      CREAT,     0)             \
	X(0200,      0200,      EXCL,      0)             \
	X(0400,      0400,      NOCTTY,    0)             \
	X(01000,     01000,     TRUNC,     0)             \
	X(02000,     02000,     APPEND,    0)             \
	X(04000,     04000,     NONBLOCK,  0)             \
	X(010000,    010000,    DSYNC,     04010000)      \
	X(040000,    0200000,   DIRECT,    0)             \
	X(0100000,   0400000,   LARGEFILE, 0)             \
	X(0200000,   040000,    DIRECTORY, 020000000)     \
	X(0400000,   0100000,   NOFOLLOW,  0)             \
	X(01000000,  01000000,  NOATIME,   0)             \
	X(02000000,  02000000,  CLOEXEC,   0)             \
	X(04010000,  04010000,  SYNC,      0)             \
	X(010000000, 010000000, PATH,      0)             \
	X(020200000, 020040000, TMPFILE,   0)             \
	X(020000,    020000,    ASYNC,     0)

/* clang-format on */

void kind_print_open_flags(struct buf *b, u64 flags, enum kind_arch arch)
{
	/* "hidden" is what hides a row when it is set together with the row's own bits. */
	static const struct {
		u64 bits[2], hidden;
		const char *name;
	} rows[] = {
#define X(x86_64, arm64, name, hidden) { { x86_64, arm64 }, hidden, "|O_" #name },
		OPEN_FLAGS(X)
#undef X
	};
	static const char *const access[] = { "O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE" };
	u64 left = flags & ~3ull;

	buf_puts(b, access[flags & 3]);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 bits = rows[i].bits[arch], hidden = rows[i].hidden;

		if ((flags & bits) != bits)
			continue;
		left &= ~bits;
		if (!hidden || (flags & hidden) != hidden)
			buf_puts(b, rows[i].name);
	}
	if (left)
		buf_printf(b, "|0x%llx", (unsigned long long)left);
}

static void print_open_flags(struct buf *b, u64 v)
{
	kind_print_open_flags(b, v, KIND_THIS_ARCH);
}

static void print_mode(struct buf *b, u64 v)
{
	buf_printf(b, "0%03llo", (unsigned long long)v);
}

static void print_rwf(struct buf *b, u64 v)
{
	static const struct named names[] = {
		{ 0x1, "RWF_HIPRI" },   { 0x2, "RWF_DSYNC" },      { 0x4, "RWF_SYNC" },
		{ 0x8, "RWF_NOWAIT" },  { 0x10, "RWF_APPEND" },    { 0x20, "RWF_NOAPPEND" },
		{ 0x40, "RWF_ATOMIC" }, { 0x80, "RWF_DONTCACHE" }, { 0x100, "RWF_NOSIGNAL" },
	};

	print_set(b, v, names, ARRAY_SIZE(names));
}

static void print_sync_flags(struct buf *b, u64 v)
{
	static const struct named names[] = {
		{ 1, "SYNC_FILE_RANGE_WAIT_BEFORE" },
		{ 2, "SYNC_FILE_RANGE_WRITE" },
		{ 4, "SYNC_FILE_RANGE_WAIT_AFTER" },
	};

	print_set(b, v, names, ARRAY_SIZE(names));
}

static void print_splice_flags(struct buf *b, u64 v)
{
	static const struct named names[] = {
		{ 1, "SPLICE_F_MOVE" },
		{ 2, "SPLICE_F_NONBLOCK" },
		{ 4, "SPLICE_F_MORE" },
		{ 8, "SPLICE_F_GIFT" },
	};

	print_set(b, v, names, ARRAY_SIZE(names));
}

/* Bit 0x200 is AT_EACCESS to faccessat2(2), which no row is of. */
static void print_at_flags(struct buf *b, u64 v)
{
	static const struct named names[] = {
		{ 0x100, "AT_SYMLINK_NOFOLLOW" }, { 0x200, "AT_REMOVEDIR" },
		{ 0x400, "AT_SYMLINK_FOLLOW" },   { 0x800, "AT_NO_AUTOMOUNT" },
		{ 0x1000, "AT_EMPTY_PATH" },      { 0x2000, "AT_STATX_FORCE_SYNC" },
		{ 0x4000, "AT_STATX_DONT_SYNC" },
	};

	print_set(b, v, names, ARRAY_SIZE(names));
}

static void print_statx_mask(struct buf *b, u64 v)
{
	static const struct named names[] = {
		{ 0x1, "STATX_TYPE" },
		{ 0x2, "STATX_MODE" },
		{ 0x4, "STATX_NLINK" },
		{ 0x8, "STATX_UID" },
		{ 0x10, "STATX_GID" },
		{ 0x20, "STATX_ATIME" },
		{ 0x40, "STATX_MTIME" },
		{ 0x80, "STATX_CTIME" },
		{ 0x100, "STATX_INO" },
		{ 0x200, "STATX_SIZE" },
		{ 0x400, "STATX_BLOCKS" },
		{ 0x800, "STATX_BTIME" },
		{ 0x1000, "STATX_MNT_ID" },
		{ 0x2000, "STATX_DIOALIGN" },
		{ 0x4000, "STATX_MNT_ID_UNIQUE" },
		{ 0x8000, "STATX_SUBVOL" },
		{ 0x10000, "STATX_WRITE_ATOMIC" },
		{ 0x20000, "STATX_DIO_READ_ALIGN" },
	};

	print_set(b, v, names, ARRAY_SIZE(names));
}

static void print_falloc_flags(struct buf *b, u64 v)
{
	static const struct named names[] = {
		{ 0x1, "FALLOC_FL_KEEP_SIZE" },      { 0x2, "FALLOC_FL_PUNCH_HOLE" },
		{ 0x4, "FALLOC_FL_NO_HIDE_STALE" },  { 0x8, "FALLOC_FL_COLLAPSE_RANGE" },
		{ 0x10, "FALLOC_FL_ZERO_RANGE" },    { 0x20, "FALLOC_FL_INSERT_RANGE" },
		{ 0x40, "FALLOC_FL_UNSHARE_RANGE" }, { 0x80, "FALLOC_FL_WRITE_ZEROES" },
	};

	print_set(b, v, names, ARRAY_SIZE(names));
}

static void print_rename_flags(struct buf *b, u64 v)
{
	static const struct named names[] = {
		{ 1, "RENAME_NOREPLACE" },
		{ 2, "RENAME_EXCHANGE" },
		{ 4, "RENAME_WHITEOUT" },
	};

	print_set(b, v, names, ARRAY_SIZE(names));
}

void kind_print_prot(struct buf *b, u64 v, enum kind_arch arch)
{
	static const struct named names[] = {
		{ 1, "PROT_READ" },
		{ 2, "PROT_WRITE" },
		{ 4, "PROT_EXEC" },
		{ 8, "PROT_SEM" },
		{ 0x1000000, "PROT_GROWSDOWN" },
		{ 0x2000000, "PROT_GROWSUP" },
		{ 0x10, "PROT_BTI" }, /* the rest: of arm64 alone */
		{ 0x20, "PROT_MTE" },
	};

	if (v)
		print_set(b, v, names, ARRAY_SIZE(names) - (arch == KIND_ARM64 ? 0 : 2));
	else
		buf_puts(b, "PROT_NONE");
}

static void print_prot(struct buf *b, u64 v)
{
	kind_print_prot(b, v, KIND_THIS_ARCH);
}

/* The kind of mapping is a number, and so is the size of huge pages, by its logarithm. */
void kind_print_map_flags(struct buf *b, u64 v, enum kind_arch arch)
{
	static const struct named kinds[] = {
		{ 1, "MAP_SHARED" },
		{ 2, "MAP_PRIVATE" },
		{ 3, "MAP_SHARED_VALIDATE" },
		{ 8, "MAP_DROPPABLE" },
	};
	static const struct named names[] = {
		{ 0x10, "MAP_FIXED" },
		{ 0x20, "MAP_ANONYMOUS" },
		{ 0x100, "MAP_GROWSDOWN" },
		{ 0x800, "MAP_DENYWRITE" },
		{ 0x1000, "MAP_EXECUTABLE" },
		{ 0x2000, "MAP_LOCKED" },
		{ 0x4000, "MAP_NORESERVE" },
		{ 0x8000, "MAP_POPULATE" },
		{ 0x10000, "MAP_NONBLOCK" },
		{ 0x20000, "MAP_STACK" },
		{ 0x40000, "MAP_HUGETLB" },
		{ 0x80000, "MAP_SYNC" },
		{ 0x100000, "MAP_FIXED_NOREPLACE" },
		{ 0x40, "MAP_32BIT" }, /* the rest: of x86 alone */
		{ 0x80, "MAP_ABOVE4G" },
	};
	size_t nr = ARRAY_SIZE(names) - (arch == KIND_ARM64 ? 2 : 0), start = b->len;
	u64 huge = v & 0x40000 ? v >> 26 & 63 : 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if ((v & 15) != kinds[i].value)
			continue;
		buf_puts(b, kinds[i].name);
		v &= ~15ull;
		break;
	}
	if (b->len > start && v)
		buf_putc(b, '|');
	print_set(b, v - (huge << 26), names, nr);
	if (huge)
		buf_printf(b, "|%u<<MAP_HUGE_SHIFT", (unsigned int)huge);
}

static void print_map_flags(struct buf *b, u64 v)
{
	kind_print_map_flags(b, v, KIND_THIS_ARCH);
}

static void print_mremap_flags(struct buf *b, u64 v)
{
	static const struct named names[] = {
		{ 1, "MREMAP_MAYMOVE" },
		{ 2, "MREMAP_FIXED" },
		{ 4, "MREMAP_DONTUNMAP" },
	};

	print_set(b, v, names, ARRAY_SIZE(names));
}

static void print_msync_flags(struct buf *b, u64 v)
{
	static const struct named names[] = {
		{ 1, "MS_ASYNC" },
		{ 2, "MS_INVALIDATE" },
		{ 4, "MS_SYNC" },
	};

	print_set(b, v, names, ARRAY_SIZE(names));
}

static void print_advice(struct buf *b, u64 v)
{
	static const struct named names[] = {
		{ 0, "MADV_NORMAL" },          { 1, "MADV_RANDOM" },
		{ 2, "MADV_SEQUENTIAL" },      { 3, "MADV_WILLNEED" },
		{ 4, "MADV_DONTNEED" },        { 8, "MADV_FREE" },
		{ 9, "MADV_REMOVE" },          { 10, "MADV_DONTFORK" },
		{ 11, "MADV_DOFORK" },         { 12, "MADV_MERGEABLE" },
		{ 13, "MADV_UNMERGEABLE" },    { 14, "MADV_HUGEPAGE" },
		{ 15, "MADV_NOHUGEPAGE" },     { 16, "MADV_DONTDUMP" },
		{ 17, "MADV_DODUMP" },         { 18, "MADV_WIPEONFORK" },
		{ 19, "MADV_KEEPONFORK" },     { 20, "MADV_COLD" },
		{ 21, "MADV_PAGEOUT" },        { 22, "MADV_POPULATE_READ" },
		{ 23, "MADV_POPULATE_WRITE" }, { 24, "MADV_DONTNEED_LOCKED" },
		{ 25, "MADV_COLLAPSE" },       { 100, "MADV_HWPOISON" },
		{ 101, "MADV_SOFT_OFFLINE" },  { 102, "MADV_GUARD_INSTALL" },
		{ 103, "MADV_GUARD_REMOVE" },
	};

	if (!print_named(b, v, names, ARRAY_SIZE(names)))
		buf_printf(b, "unknown(%llu)", (unsigned long long)v);
}

/* The kernel's first real-time signal is 32; the C library keeps two for itself. */
static void print_signal(struct buf *b, u64 v)
{
	const char *name = v && v < 32 ? sigabbrev_np((int)v) : NULL;

	if (name)
		buf_printf(b, "SIG%s", name);
	else if (v == 34)
		buf_puts(b, "SIGRTMIN");
	else if (v > 34 && v <= 64)
		buf_printf(b, "SIGRTMIN+%d", (int)v - 34);
	else
		buf_printf(b, "SIGNAL(%llu)", (unsigned long long)v);
}

static void print_event(struct buf *b, u64 v)
{
	const struct sn_event *ev = v <= UINT16_MAX ? schema_by_id((u16)v) : NULL;

	if (ev)
		buf_puts(b, ev->name);
	else
		buf_printf(b, "unknown(0x%llx)", (unsigned long long)v);
}

#define print_number NULL
#define print_string NULL

/* clang-format off */
const struct sn_kind_desc sn_kinds[SN_NR_KINDS] = {
#define SN_KIND(name_, form, unit_, doc_) [SN_K_##name_] = { \
	.name = #name_, .unit = unit_, .doc = doc_, .print = print_##form },
#include "schema/kinds.def"
#undef SN_KIND
};
/* clang-format on */
