// SPDX-License-Identifier: BSD-2-Clause
#include "probes/block/block.h"

#include <bpf/libbpf.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "kernel/domains.h"

#include "block_loops.skel.h"
#include "block_plain.skel.h"
#include "block_typed.skel.h"

#define BIT(slot) (1ull << SN_SLOT_##slot)

static const char *const op_names[] = {
#define X(name) #name,
	SN_BLK_OPS(X)
#undef X
};

static const char *const flag_names[] = {
#define X(name) #name,
	SN_BLK_FLAGS(X)
#undef X
};

/* The kernel's enumerator for one of our names: prefix and upper case. */
static bool enum_value(const struct caps *caps, u32 id, const char *prefix, const char *name,
		       s64 *ret)
{
	char text[64];
	size_t n;

	n = (size_t)snprintf(text, sizeof(text), "%s%s", prefix, name);
	for (size_t i = 0; i < n && i < sizeof(text); i++)
		text[i] = (char)toupper((unsigned char)text[i]);
	return caps_enum_value(caps, id, text, ret);
}

/* The numbers of operations and flags move between kernels. */
static int setup(struct bpf_object *obj, const struct caps *caps, const struct sn_cfg *unused,
		 struct diag *d)
{
	/* ff07a02e9e8e ("treewide: Rename enum req_opf into enum req_op"), 6.0 */
	u32 ops = caps_enum(caps, (const char *const[]){ "req_op", "req_opf", NULL });
	u32 bits = caps_enum(caps, (const char *const[]){ "req_flag_bits", NULL });
	const struct bpf_map *requests = bpf_object__find_map_by_name(obj, "block_requests");
	struct block_cfg cfg = { .op_flush = 2 };
	s64 v;

	memset(cfg.op_of, SN_BLK_OP_unknown, sizeof(cfg.op_of));
	for (u8 i = 0; i < ARRAY_SIZE(op_names); i++)
		if (enum_value(caps, ops, "req_op_", op_names[i], &v) && v >= 0 && v < 64)
			cfg.op_of[v] = i;
	for (u8 i = 0; i < ARRAY_SIZE(flag_names); i++)
		if (enum_value(caps, bits, "__req_", flag_names[i], &v) && v >= 0 && v < 32)
			cfg.flag_of[v] = (u8)(1 + i);
	if (enum_value(caps, ops, "req_op_", "flush", &v))
		cfg.op_flush = (u32)v;
	if (enum_value(caps, bits, "__req_", "preflush", &v))
		cfg.preflush = 1u << v;
	if (enum_value(caps, bits, "__req_", "fua", &v))
		cfg.fua = 1u << v;
	/* an errno until 5.15, a blk_status_t since: the type tells it */
	cfg.status_is_errno =
		!strcmp(caps_tracepoint_arg_type(caps, "block_rq_complete", 1), "int");
	cfg.max_kept = requests ? bpf_map__max_entries(requests) / 2 : 0;
	return probe_set_rodata(obj, ".rodata.block_cfg", &cfg, sizeof(cfg), d);
}

static const struct probe_extra parts[] = {
	{ SN_SLOT_block_io, "held", "who submitted what a limit of a cgroup (io.max) held back" },
	{ SN_SLOT_block_io, "bio_done", "disks without requests (device mapper, zram)" },
	{ SN_SLOT_block_io, "requeue", "how often the driver gave a request back" },
	{ SN_SLOT_block_io, "merge",
	  "that a request went up into another, and counts as in flight" },
	{ SN_SLOT_block_io, "frontmerge",
	  "that a bio went into a request before others, and counts as in flight" },
	{},
};

static const char *const tables[] = { "block_bios", "block_requests", NULL };

const struct probe_domain block_domain = {
	.name = "block",
	.events = BIT(block_io),
	.elf = PROBE_FORMS(block),
	.setup = setup,
	.tables = tables,
	.parts = parts,
};
