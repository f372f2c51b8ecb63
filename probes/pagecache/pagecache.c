// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/domains.h"

#include "pagecache_loops.skel.h"
#include "pagecache_plain.skel.h"
#include "pagecache_typed.skel.h"

#define BIT(slot) (1ull << SN_SLOT_##slot)

static const struct probe_extra extras[] = {
	{ SN_SLOT_pagecache_add, "add" },         { SN_SLOT_pagecache_remove, "remove" },
	{ SN_SLOT_pagecache_dirty, "dirty" },     { SN_SLOT_pagecache_writeback, "written" },
	{ SN_SLOT_pagecache_writeback, "clean" }, {},
};

static const char *const tables[] = { "pagecache_under_way", NULL };

const struct probe_domain pagecache_domain = {
	.name = "pagecache",
	.events = BIT(pagecache_add) | BIT(pagecache_remove) | BIT(pagecache_dirty) |
		  BIT(pagecache_writeback),
	.elf = PROBE_FORMS(pagecache),
	.tables = tables,
	.extras = extras,
};
