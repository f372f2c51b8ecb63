// SPDX-License-Identifier: BSD-2-Clause
#include <sys/syscall.h>

#include "kernel/domains.h"
#include "probes/vfs/vfs.h"

#include "vfs_loops.skel.h"
#include "vfs_plain.skel.h"
#include "vfs_typed.skel.h"

#define BIT(slot) (1ull << SN_SLOT_##slot)

static bool is_wanted(const struct sn_cfg *cfg, u32 call)
{
	return cfg->events >> vfs_slot_of(call) & 1 && cfg->calls >> call & 1;
}

/* System calls of this architecture that rows are of; arm64 never had the oldest ones. */
#ifdef SYS_open
#define OLD_CALLS CALL(open) CALL(creat)
#else
#define OLD_CALLS
#endif
/* clang-format off */
#define VFS_CALLS                                                                              \
	CALL(read) CALL(pread64) CALL(readv) CALL(preadv) CALL(preadv2)                        \
	CALL(write) CALL(pwrite64) CALL(writev) CALL(pwritev) CALL(pwritev2)                   \
	CALL(openat) CALL(openat2) CALL(open_by_handle_at) OLD_CALLS                           \
	CALL(close) CALL(fsync) CALL(fdatasync) CALL(sync_file_range) CALL(syncfs) CALL(sync)
/* clang-format on */

/* rename, renameat, renameat2 */
#if defined(__x86_64__)
static const u16 compat_renames[] = { 38, 302, 353 };
#else
static const u16 compat_renames[] = { 38, 329, 382 };
#endif

static void number_calls(u8 call_of[SN_MAX_SYSCALLS], const struct sn_cfg *cfg)
{
	for (size_t i = 0; i < ARRAY_SIZE(compat_renames); i++)
		call_of[compat_renames[i]] = VFS_RENAMES_COMPAT;
#ifdef SYS_rename
	call_of[SYS_rename] = VFS_RENAMES;
#endif
	call_of[SYS_renameat] = VFS_RENAMES;
	call_of[SYS_renameat2] = VFS_RENAMES;
#define CALL(name) call_of[SYS_##name] = is_wanted(cfg, SN_CALL_##name) ? SN_CALL_##name : 0;
	VFS_CALLS
#undef CALL
}

static int setup(struct bpf_object *obj, const struct caps *caps, const struct sn_cfg *cfg,
		 struct diag *d)
{
	u8 call_of[SN_MAX_SYSCALLS] = {};

	number_calls(call_of, cfg);
	return probe_set_rodata(obj, ".rodata.sn_calls", call_of, sizeof(call_of), d);
}

#if defined(__x86_64__)
#define FUNCTION_OF(call) "__x64_sys_" call
#define FUNCTION_OF_SYNC "__do_sys_sync" /* __x64_sys_sync is its alias: it has no arguments */
#else
#define FUNCTION_OF(call) "__arm64_sys_" call
#define FUNCTION_OF_SYNC FUNCTION_OF("sync")
#endif

/* The functions that carry out the calls that rows are wanted of. */
static const char *function(const struct sn_cfg *cfg, u32 n)
{
	static const struct {
		u32 call;
		const char *name;
	} calls[] = {
#define CALL(call) { SN_CALL_##call, FUNCTION_OF(#call) },
		VFS_CALLS
#undef CALL
	};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (is_wanted(cfg, calls[i].call) && !n--)
			return calls[i].call == SN_CALL_sync ? FUNCTION_OF_SYNC : calls[i].name;
	return NULL;
}

static const struct probe_extra extras[] = { { SN_SLOT_vfs_release, "release" }, {} };

/* What a function shows that the kernel's threads call: groups of its entry and its end. */
#define KTHREADS(event, call)                                                \
	{ SN_SLOT_##event, call, "what the kernel's threads do" },           \
	{                                                                    \
		SN_SLOT_##event, call "_ret", "what the kernel's threads do" \
	}

static const struct probe_extra parts[] = {
	KTHREADS(vfs_read, "iread"),
	KTHREADS(vfs_read, "kread"),
	KTHREADS(vfs_write, "iwrite"),
	KTHREADS(vfs_write, "kwrite"),
	KTHREADS(vfs_fsync, "ksync"),
	KTHREADS(vfs_fsync, "krange"),
	{},
};

const struct probe_domain vfs_domain = {
	.name = "vfs",
	.events = BIT(vfs_read) | BIT(vfs_write) | BIT(vfs_open) | BIT(vfs_close) |
		  BIT(vfs_release) | BIT(vfs_fsync),
	.elf = PROBE_FORMS(vfs),
	.setup = setup,
	.extras = extras,
	.parts = parts,
	.function = function,
};
