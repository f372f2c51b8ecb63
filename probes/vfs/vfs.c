// SPDX-License-Identifier: BSD-2-Clause
#include <bpf/bpf.h>
#include <sys/syscall.h>

#include "kernel/domains.h"
#include "probes/vfs/vfs.h"

#include "vfs_loops.skel.h"
#include "vfs_plain.skel.h"
#include "vfs_typed.skel.h"

#define BIT(slot) (1ull << SN_SLOT_##slot)

static bool is_wanted(const struct sn_cfg *cfg, u32 call)
{
	return cfg->events >> vfs_slot_of(call) & 1 && sn_has_call(&cfg->calls, call);
}

/*
 * System calls of this architecture that rows are of, and the functions that carry them out;
 * arm64 never had the oldest ones.
 */
/* clang-format off */
#define SAME(name) CALL(name, name)
#ifdef SYS_open
#define OLD_CALLS                                                                              \
	SAME(open) SAME(creat) SAME(unlink) SAME(rmdir) SAME(mkdir) SAME(mknod) SAME(symlink)  \
	SAME(rename) SAME(link) CALL(stat, newstat) CALL(lstat, newlstat) SAME(chmod)           \
	SAME(chown) SAME(lchown) SAME(utime) SAME(utimes) SAME(futimesat) SAME(getdents)
#else
#define OLD_CALLS
#endif
#define VFS_CALLS                                                                              \
	SAME(read) SAME(pread64) SAME(readv) SAME(preadv) SAME(preadv2)                        \
	SAME(write) SAME(pwrite64) SAME(writev) SAME(pwritev) SAME(pwritev2)                   \
	SAME(openat) SAME(openat2) SAME(open_by_handle_at) OLD_CALLS                           \
	SAME(close) SAME(fsync) SAME(fdatasync) SAME(sync_file_range) SAME(syncfs) SAME(sync)  \
	SAME(copy_file_range) SAME(splice) CALL(sendfile, sendfile64) SAME(tee) SAME(vmsplice) \
	SAME(unlinkat) SAME(mkdirat) SAME(mknodat) SAME(symlinkat)                             \
	SAME(renameat) SAME(renameat2) SAME(linkat)                                            \
	CALL(fstat, newfstat) SAME(newfstatat) SAME(statx) SAME(fchmod) SAME(fchmodat)         \
	SAME(fchown) SAME(fchownat) SAME(utimensat) SAME(truncate) SAME(ftruncate)             \
	SAME(fallocate) SAME(getdents64) SAME(chdir) SAME(fchdir)                             \
	SAME(mmap) SAME(munmap) SAME(mremap) SAME(msync) SAME(madvise)
/* clang-format on */

/* rename, renameat, renameat2 */
#if defined(__x86_64__)
static const u16 compat_renames[] = { 38, 302, 353 };
#else
static const u16 compat_renames[] = { 38, 329, 382 };
#endif

#if defined(__x86_64__)
#define FUNCTION_OF(call) "__x64_sys_" call
#define FUNCTION_OF_SYNC "__do_sys_sync" /* __x64_sys_sync is its alias: it has no arguments */
#else
#define FUNCTION_OF(call) "__arm64_sys_" call
#define FUNCTION_OF_SYNC FUNCTION_OF("sync")
#endif

/* Calls that change where files are reached; no rows are of them. */
static const struct {
	long nr;
	const char *function;
} mounts[] = {
	{ SYS_mount, FUNCTION_OF("mount") },
	{ SYS_umount2, FUNCTION_OF("umount") },
	{ SYS_move_mount, FUNCTION_OF("move_mount") },
	{ SYS_pivot_root, FUNCTION_OF("pivot_root") },
};

static void number_calls(u8 call_of[SN_MAX_SYSCALLS], const struct sn_cfg *cfg)
{
	for (size_t i = 0; i < ARRAY_SIZE(compat_renames); i++)
		call_of[compat_renames[i]] = VFS_MOVES_COMPAT;
#ifdef SYS_rename
	call_of[SYS_rename] = VFS_MOVES;
#endif
	call_of[SYS_renameat] = VFS_MOVES;
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++)
		call_of[mounts[i].nr] = VFS_MOVES;
	call_of[SYS_io_submit] = VFS_AIO_SUBMITS;
	call_of[SYS_io_getevents] = VFS_AIO_REAPS;
	call_of[SYS_io_pgetevents] = VFS_AIO_REAPS;
	call_of[SYS_renameat2] = VFS_MOVES;
#define CALL(name, func)                    \
	if (is_wanted(cfg, SN_CALL_##name)) \
		call_of[SYS_##name] = SN_CALL_##name;
	VFS_CALLS
#undef CALL
}

static int setup(struct bpf_object *obj, const struct caps *caps, const struct sn_cfg *cfg,
		 struct diag *d)
{
	const u32 by_data = caps_tracepoint_args(caps, "io_uring_complete") == 4;
	u8 call_of[SN_MAX_SYSCALLS] = {};
	int r;

	number_calls(call_of, cfg);
	r = probe_set_rodata(obj, ".rodata.sn_calls", call_of, sizeof(call_of), d);
	return r ?: probe_set_rodata(obj, ".rodata.vfs_uring", &by_data, sizeof(by_data), d);
}

/* The functions that carry out the calls that rows are wanted of, and those that change their files' names. */
static const char *function(const struct sn_cfg *cfg, u32 n)
{
	static const struct {
		u32 call;
		const char *name;
	} calls[] = {
#define CALL(name, func) { SN_CALL_##name, FUNCTION_OF(#func) },
		VFS_CALLS
#undef CALL
	};

	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		if (!is_wanted(cfg, calls[i].call))
			continue;
		any = true;
		if (!n--)
			return calls[i].call == SN_CALL_sync ? FUNCTION_OF_SYNC : calls[i].name;
	}
	return any && n < ARRAY_SIZE(mounts) ? mounts[n].function : NULL;
}

static const struct probe_extra extras[] = { { SN_SLOT_vfs_release, "release" }, {} };

/* What a function shows that the kernel's threads call: groups of its entry and its end. */
#define KTHREADS(event, call)                                                \
	{ SN_SLOT_##event, call, "what the kernel's threads do" },           \
	{                                                                    \
		SN_SLOT_##event, call "_ret", "what the kernel's threads do" \
	}

/* The requests that outlast their calls. */
#define URING(event)                                                                    \
	{ SN_SLOT_##event, "uring", "requests of io_uring" },                           \
		{ SN_SLOT_##event, "uring_refused", "requests that io_uring refuses" }, \
	{                                                                               \
		SN_SLOT_##event, "uring_done", "requests of io_uring"                   \
	}
#define AIO(event)                                                   \
	{ SN_SLOT_##event, "aio", "requests of AIO" },               \
		{ SN_SLOT_##event, "aio_taken", "requests of AIO" }, \
	{                                                            \
		SN_SLOT_##event, "aio_done", "requests of AIO"       \
	}

/* Where the names of calls lead. */
#define NAMES(event, group)                                \
	{                                                  \
		SN_SLOT_##event, group, "where names lead" \
	}

/* Which pages the page cache had: told of rows that others make. */
#define PAGES(event)                                               \
	{                                                          \
		SN_SLOT_##event, "added", "hits in the page cache" \
	}

static const struct probe_extra parts[] = {
	NAMES(vfs_unlink, "unlink_at"),
	NAMES(vfs_unlink, "rmdir_at"),
	NAMES(vfs_mkdir, "mkdir_at"),
	NAMES(vfs_mknod, "mknod_at"),
	NAMES(vfs_symlink, "symlink_at"),
	NAMES(vfs_rename, "rename_at"),
	NAMES(vfs_link, "link_at"),
	NAMES(vfs_getattr, "getattr_at"),
	NAMES(vfs_setattr, "chmod_at"),
	NAMES(vfs_setattr, "chown_at"),
	NAMES(vfs_truncate, "truncate_at"),
	KTHREADS(vfs_read, "iread"),
	KTHREADS(vfs_read, "kread"),
	KTHREADS(vfs_write, "iwrite"),
	KTHREADS(vfs_write, "kwrite"),
	KTHREADS(vfs_fsync, "ksync"),
	KTHREADS(vfs_fsync, "krange"),
	URING(vfs_read),
	URING(vfs_write),
	URING(vfs_fsync),
	AIO(vfs_read),
	AIO(vfs_write),
	AIO(vfs_fsync),
	PAGES(vfs_read),
	PAGES(vfs_write),
	{},
};

/* Without that each page would count as one that the page cache had. */
static void attached(struct bpf_object *obj, enum sn_prog prog)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, ".data.vfs_pages");
	const u32 zero = 0, yes = 1;

	if (prog == SN_P_vfs_page_added && map)
		(void)bpf_map_update_elem(bpf_map__fd(map), &zero, &yes, BPF_ANY);
}

static const char *const tables[] = { "vfs_requests", NULL };

const struct probe_domain vfs_domain = {
	.name = "vfs",
	.events = BIT(vfs_read) | BIT(vfs_write) | BIT(vfs_open) | BIT(vfs_close) |
		  BIT(vfs_release) | BIT(vfs_fsync) | BIT(vfs_copy) | BIT(vfs_unlink) |
		  BIT(vfs_mkdir) | BIT(vfs_mknod) | BIT(vfs_symlink) | BIT(vfs_rename) |
		  BIT(vfs_link) | BIT(vfs_getattr) | BIT(vfs_setattr) | BIT(vfs_truncate) |
		  BIT(vfs_fallocate) | BIT(vfs_readdir) | BIT(vfs_chdir) | BIT(vfs_mmap) |
		  BIT(vfs_munmap) | BIT(vfs_mremap) | BIT(vfs_msync) | BIT(vfs_madvise),
	.elf = PROBE_FORMS(vfs),
	.setup = setup,
	.attached = attached,
	.tables = tables,
	.extras = extras,
	.parts = parts,
	.function = function,
};
