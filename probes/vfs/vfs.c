// SPDX-License-Identifier: BSD-2-Clause
#include <sys/syscall.h>

#include "kernel/domains.h"

#include "vfs_plain.skel.h"
#include "vfs_typed.skel.h"

#define BIT(slot) (1ull << SN_SLOT_##slot)

/* System calls of this architecture; arm64 never had the oldest ones. */
static void number_calls(u8 call_of[SN_MAX_SYSCALLS])
{
#define CALL(name) call_of[SYS_##name] = SN_CALL_##name
	CALL(read);
	CALL(pread64);
	CALL(readv);
	CALL(preadv);
	CALL(preadv2);
	CALL(write);
	CALL(pwrite64);
	CALL(writev);
	CALL(pwritev);
	CALL(pwritev2);
	CALL(openat);
	CALL(openat2);
	CALL(open_by_handle_at);
	CALL(close);
	CALL(fsync);
	CALL(fdatasync);
	CALL(sync_file_range);
	CALL(syncfs);
	CALL(sync);
#ifdef SYS_open
	CALL(open);
	CALL(creat);
#endif
#undef CALL
}

static int setup(struct bpf_object *obj, const struct caps *caps, struct diag *d)
{
	u8 call_of[SN_MAX_SYSCALLS] = {};
	/* 0 is read(2), or on arm64 io_setup(2): a successful 0 there only means one look too many. */
	u16 renames[4] = {
#ifdef SYS_rename
		SYS_rename,
#else
		SYS_renameat2,
#endif
		SYS_renameat,
		SYS_renameat2,
		SYS_renameat2,
	};
	int r;

	number_calls(call_of);
	r = probe_set_rodata(obj, ".rodata.sn_calls", call_of, sizeof(call_of), d);
	return r < 0 ? r : probe_set_rodata(obj, ".rodata.sn_renames", renames, sizeof(renames), d);
}

static const struct probe_extra extras[] = { { SN_SLOT_vfs_release, "release" }, {} };

const struct probe_domain vfs_domain = {
	.name = "vfs",
	.events = BIT(vfs_read) | BIT(vfs_write) | BIT(vfs_open) | BIT(vfs_close) |
		  BIT(vfs_release) | BIT(vfs_fsync),
	.elf_typed = vfs_typed__elf_bytes,
	.elf_plain = vfs_plain__elf_bytes,
	.setup = setup,
	.extras = extras,
};
