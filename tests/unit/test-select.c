// SPDX-License-Identifier: BSD-2-Clause
/* Streams as a user names them. */
#include <errno.h>

#include "schema/schema.h"
#include "schema/select.h"
#include "test.h"

#define BIT(ev) (1ull << SN_SLOT_##ev)

static u64 events;
static struct diag said;

static int parse(const char *list)
{
	memset(&said, 0, sizeof(said));
	events = 0xdead;
	return select_events(list, SELECT_NO_CORE, &events, &said);
}

/* All events of a domain, by their ids. */
static u64 domain_of(u16 id)
{
	u64 all = 0;

	for (unsigned int slot = 0; slot < SN_NR_EVENTS; slot++)
		if (schema_event(slot)->id >> 8 == id >> 8)
			all |= 1ull << slot;
	return all;
}

static void check_events(const char *list, u64 want)
{
	int r = parse(list);

	if (r < 0)
		printf("# %s\n", said.text);
	check_eq(r, 0);
	check_eq(events, want);
}

TEST(domains_events_globs)
{
	u64 vfs = domain_of(SN_EV_vfs_read), proc = domain_of(SN_EV_proc_fork);
	u64 core = domain_of(SN_EV_tasks),
	    all = SN_NR_EVENTS == 64 ? ~0ull : (1ull << SN_NR_EVENTS) - 1;

	check(vfs && proc && core && vfs != BIT(vfs_read));
	check_events("vfs", vfs);
	check_events("vfs_open", BIT(vfs_open));
	check_events("vfs_*", vfs);
	check_events("vfs_re*",
		     BIT(vfs_read) | BIT(vfs_release) | BIT(vfs_rename) | BIT(vfs_readdir));
	check_events("*_[ew]x??", BIT(proc_exec) | BIT(proc_exit));
	check_events("vfs,block_io,proc_*", vfs | BIT(block_io) | proc);
	check_events("vfs,vfs,vfs_read,vfs_read", vfs);
	check_events("*", all & ~core);
}

TEST(each_name_is_its_event)
{
	const struct sn_event *ev;

	for (unsigned int slot = 0; slot < SN_NR_EVENTS; slot++) {
		ev = schema_event(slot);
		if (schema_is_core(ev))
			check_eq(parse(ev->name), -EINVAL);
		else
			check_events(ev->name, 1ull << slot);
		check_eq(select_events(ev->name, SELECT_CORE, &events, NULL), 0);
		check_eq(events, 1ull << slot);
	}
	check_events(" vfs_read , vfs_open", 1ull << SN_SLOT_vfs_read | 1ull << SN_SLOT_vfs_open);
	check_eq(select_events("core", SELECT_CORE, &events, NULL), 0);
	check_eq(events, domain_of(SN_EV_tasks));
}

static const struct {
	const char *list, *text;
} errors[] = {
	{ "", "the list of streams is empty" },
	{ ",", "a stream is missing at character 1 of \",\"" },
	{ "vfs,", "a stream is missing at character 5 of \"vfs,\"" },
	{ "vfs,,proc", "a stream is missing at character 5 of \"vfs,,proc\"" },
	{ "vsf", "unknown stream \"vsf\": did you mean \"vfs\"?" },
	{ "vfs,blok", "unknown stream \"blok\": did you mean \"block\"?" },
	{ "blockio", "unknown stream \"blockio\": did you mean \"block_io\"?" },
	{ "VFS", "unknown stream \"VFS\": did you mean \"vfs\"?" },
	{ "vfs_raed", "unknown stream \"vfs_raed\": did you mean \"vfs_read\"?" },
	{ "open", "unknown stream \"open\": did you mean \"vfs_open\"?" },
	{ "procs", "unknown stream \"procs\": did you mean \"proc\"?" },
	{ "fsnyc", "unknown stream \"fsnyc\": did you mean \"vfs_fsync\"?" },
	{ "qqqqqqqq", "unknown stream \"qqqqqqqq\"" },
	{ "x", "unknown stream \"x\"" },
	{ "v fs", "unknown stream \"v fs\": did you mean \"vfs\"?" },
	{ "vfs, ", "a stream is missing at character 6 of \"vfs, \"" },
	{ "net_*", "no stream matches \"net_*\"" },
	{ "task", "unknown stream \"task\"" },
	{ "tasks", "\"tasks\" is a part of every trace, no stream" },
	{ "core", "\"core\" is a part of every trace, no stream" },
	{ "lo[s]t", "\"lo[s]t\" is a part of every trace, no stream" },
	{ "vfs\\_read", "unknown stream \"vfs\\_read\": did you mean \"vfs_read\"?" },
};

TEST(errors_name_what_is_nearest)
{
	char word[5000];

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		check_eq(parse(errors[i].list), -EINVAL);
		check_str(said.text, errors[i].text);
		check_eq(events, 0xdead);
	}
	check_eq(select_events("vsf", SELECT_NO_CORE, &events, NULL), -EINVAL);
	check_eq(select_events("tsaks", SELECT_CORE, &events, &said), -EINVAL);
	memset(&said, 0, sizeof(said));
	check_eq(select_events("tsaks", SELECT_CORE, &events, &said), -EINVAL);
	check_str(said.text, "unknown stream \"tsaks\": did you mean \"tasks\"?");

	/* Around the longest word that anything is near to, and far above. */
	for (size_t len = 1; len < sizeof(word); len += len < 200 ? 1 : 999) {
		memset(word, 'v', len);
		word[len] = '\0';
		check_eq(parse(word), -EINVAL);
	}
}

TEST(samples)
{
	u32 nr[SN_NR_EVENTS] = {};

	check_eq(select_sample("vfs=100", nr, NULL), 0);
	check_eq(select_sample("vfs_read=1", nr, NULL), 0);
	check_eq(select_sample("block_*=4294967295", nr, NULL), 0);
	for (unsigned int slot = 0; slot < SN_NR_EVENTS; slot++) {
		if (slot == SN_SLOT_vfs_read)
			check_eq(nr[slot], 1);
		else if (domain_of(SN_EV_vfs_read) >> slot & 1)
			check_eq(nr[slot], 100);
		else if (slot == SN_SLOT_block_io)
			check_eq(nr[slot], UINT32_MAX);
		else
			check_eq(nr[slot], 0);
	}
}

static const struct {
	const char *sample, *text;
} bad_samples[] = {
	{ "", "\"\" is not STREAM=N" },
	{ "vfs", "\"vfs\" is not STREAM=N" },
	{ "=5", "\"=5\" is not STREAM=N" },
	{ "vfs=", "the N of \"vfs=\" is no number from 1 to 4294967295" },
	{ "vfs=0", "the N of \"vfs=0\" is no number from 1 to 4294967295" },
	{ "vfs=-1", "the N of \"vfs=-1\" is no number from 1 to 4294967295" },
	{ "vfs=1x", "the N of \"vfs=1x\" is no number from 1 to 4294967295" },
	{ "vfs=4294967296", "the N of \"vfs=4294967296\" is no number from 1 to 4294967295" },
	{ "vfs=18446744073709551617",
	  "the N of \"vfs=18446744073709551617\" is no number from 1 to 4294967295" },
	{ "vfs==2", "unknown stream \"vfs=\": did you mean \"vfs\"?" },
	{ "vsf=2", "unknown stream \"vsf\": did you mean \"vfs\"?" },
	{ "tasks=2", "\"tasks\" is a part of every trace, no stream" },
};

TEST(bad_samples_change_nothing)
{
	u32 nr[SN_NR_EVENTS] = {};

	for (size_t i = 0; i < ARRAY_SIZE(bad_samples); i++) {
		memset(&said, 0, sizeof(said));
		check_eq(select_sample(bad_samples[i].sample, nr, &said), -EINVAL);
		check_str(said.text, bad_samples[i].text);
		for (unsigned int slot = 0; slot < SN_NR_EVENTS; slot++)
			check_eq(nr[slot], 0);
	}
}

TESTS(domains_events_globs, each_name_is_its_event, errors_name_what_is_nearest, samples,
      bad_samples_change_nothing)
