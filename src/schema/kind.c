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

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].value == v) {
			buf_puts(b, names[i].name);
			return;
		}
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
