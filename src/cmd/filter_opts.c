// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/filter_opts.h"

#include <errno.h>

#include "base/str.h"
#include "cmd/select.h"

#define AT(member) .off = offsetof(struct filter_opts, member)

/* clang-format off */
const struct opt filter_row_rows[] = {
	{ .name = "events", .short_name = 'e', .metavar = "STREAMS", .type = OPT_STRINGS,
	  AT(streams), .complete = OPT_COMPLETE_STREAMS,
	  .help = "domains, events or globs of events, separated by commas "
		  "(default: all but pagecache and fault; 'sonde list' shows them)" },
	{ .name = "op", .metavar = "OPS", .type = OPT_STRINGS,
	  AT(ops), .complete = OPT_COMPLETE_OPS,
	  .help = "only these operations: names of calls (pread64) or of block requests "
		  "(discard), separated by commas; 'sonde list --ops' shows them" },
	{ .name = "device", .metavar = "DEV", .type = OPT_STRINGS,
	  AT(devices), .complete = OPT_COMPLETE_FILE,
	  .help = "only rows about this block device: name, path in /dev, or MAJOR:MINOR; "
		  "may be given several times" },
	{ .name = "sectors", .metavar = "FROM-TO", .type = OPT_RANGE,
	  AT(sectors),
	  .help = "only block requests that begin in these sectors of 512 bytes" },
	{ .name = "min-latency", .metavar = "TIME", .type = OPT_DURATION,
	  AT(min_latency_ns),
	  .help = "only operations that took at least this long (500us, 10ms)" },
	{ .name = "min-size", .metavar = "SIZE", .type = OPT_SIZE,
	  AT(min_bytes),
	  .help = "only operations of at least this many bytes" },
	{ .name = "max-size", .metavar = "SIZE", .type = OPT_SIZE,
	  AT(max_bytes),
	  .help = "only operations of at most this many bytes" },
	{ .name = "errors", .metavar = "", .type = OPT_FLAG,
	  AT(errors),
	  .help = "only operations that failed" },
	{ .name = "sample", .metavar = "STREAM=N", .type = OPT_STRINGS,
	  AT(samples),
	  .help = "keep one row in N of these events; several are separated by commas" },
	{ .name = "cache-sample-rate", .metavar = "N", .type = OPT_U64,
	  AT(cache_sample), .min = 1, .max = UINT32_MAX,
	  .help = "the same as --sample pagecache=N" },
	{ .name = "pseudo-fs", .metavar = "", .type = OPT_FLAG,
	  AT(pseudo_fs),
	  .help = "also files of proc, sysfs and their like, pipes, sockets and character "
		  "devices" },
	{}
};

const struct opt filter_thread_rows[] = {
	{ .name = "pid", .short_name = 'p', .metavar = "PIDS", .type = OPT_IDS,
	  AT(pids), .min = 1, .max = 4194304,
	  .help = "only these processes, all their threads" },
	{ .name = "tid", .metavar = "TIDS", .type = OPT_IDS,
	  AT(tids), .min = 1, .max = 4194304,
	  .help = "only these threads" },
	{ .name = "comm", .metavar = "PATTERN", .type = OPT_STRING,
	  AT(comm),
	  .help = "only threads of this name: a glob, or a regular expression between "
		  "slashes (/^kworker/)" },
	{ .name = "uid", .metavar = "USERS", .type = OPT_STRINGS,
	  AT(users),
	  .help = "only threads of these users, by number or name" },
	{ .name = "cgroup", .metavar = "PATH", .type = OPT_STRINGS,
	  AT(cgroups), .complete = OPT_COMPLETE_DIR,
	  .help = "only threads in this cgroup or below it; may be given several times" },
	{ .name = "children", .metavar = "", .type = OPT_SET,
	  AT(children), .value = CHILDREN_YES,
	  .help = "also what these processes start (the default)" },
	{ .name = "no-children", .metavar = "", .type = OPT_SET,
	  AT(children), .value = CHILDREN_NO,
	  .help = "not what these processes start" },
	{ .name = "all", .short_name = 'a', .metavar = "", .type = OPT_FLAG,
	  AT(all),
	  .help = "the whole machine, also when a command is given" },
	{}
};
/* clang-format on */

static bool is_of_processes(u32 slot)
{
	return schema_event(slot)->id >> 8 == SN_EV_proc_exit >> 8;
}

/* Events whose rows have the column. What a process does in its life is no operation. */
static u64 events_with(const char *column)
{
	u64 events = 0;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		if (!is_of_processes(slot) && schema_column(schema_event(slot), column) >= 0)
			events |= 1ull << slot;
	return events;
}

u64 filter_sampled(void)
{
	u64 events = 0;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		if (!is_of_processes(slot))
			events |= 1ull << slot;
	return events;
}

/* Each word of --op must be an operation of one of the events. */
static int check_ops(const struct filter_opts *f, u64 events, u64 *ret_can, struct diag *d)
{
	struct op_set of, meant;
	const char *list, *item;
	size_t len;
	u64 can;
	int r;

	*ret_can = 0;
	for (u32 i = 0; i < f->ops.nr; i++) {
		list = f->ops.v[i];
		while (str_next_item(&list, &item, &len)) {
			_cleanup_(freep) char *word = strndup(item, len);
			const char *words[] = { word };

			if (!word)
				return -ENOMEM;
			r = select_ops(&(struct opt_strings){ .v = words, .nr = 1 }, &meant, d);
			if (r < 0)
				return r;
			can = 0;
			for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
				select_ops_of(slot, &of);
				if (op_set_meets(&of, &meant))
					can |= 1ull << slot;
			}
			if (!(can & events)) {
				(void)diag_hint(d, 0, "'sonde list --ops' shows which have");
				return diag_err(d, -EINVAL,
						"--op: no stream that is recorded has rows of '%s'",
						word);
			}
			*ret_can |= can;
		}
	}
	return 0;
}

static u64 events_of_cache(void)
{
	u64 events = 0;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		if (schema_is_of_page_cache(schema_event(slot)))
			events |= 1ull << slot;
	return events;
}

int filter_samples(const struct filter_opts *f, u32 nr[SN_NR_EVENTS], struct diag *d)
{
	int r = select_samples(&f->samples, nr, d);

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		if (!nr[slot] && schema_is_of_page_cache(schema_event(slot)))
			nr[slot] = (u32)f->cache_sample;
	return r;
}

static int check_samples(const struct filter_opts *f, u64 events, struct diag *d)
{
	bool found;
	int r;

	for (u32 i = 0; i < f->samples.nr; i++) {
		u32 nr[SN_NR_EVENTS] = {};

		r = select_samples(&(struct opt_strings){ .v = &f->samples.v[i], .nr = 1 }, nr, d);
		if (r < 0)
			return r;
		found = false;
		for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
			found |= nr[slot] && events & filter_sampled() & 1ull << slot;
		if (!found)
			return diag_err(
				d, -EINVAL,
				"--sample: '%s' is of no stream that is recorded and can be "
				"sampled (those of processes cannot: names hang on them)",
				f->samples.v[i]);
	}
	if (f->cache_sample && !(events & events_of_cache()))
		return diag_err(d, -EINVAL, "--cache-sample-rate: pagecache is not recorded");
	return 0;
}

int filter_check(const struct filter_opts *f, u64 *ret_events, struct diag *d)
{
	const struct {
		bool is_given;
		const char *option, *what;
		u64 can;
	} filters[] = {
		{ f->devices.nr, "--device", "operations on devices", events_with("dev") },
		{ f->sectors.from || f->sectors.to != UINT64_MAX, "--sectors", "block requests",
		  1ull << SN_SLOT_block_io },
		{ f->min_latency_ns, "--min-latency", "operations that take time",
		  events_with("dur_ns") },
		{ f->min_bytes, "--min-size", "operations that have a size", events_with("bytes") },
		{ f->max_bytes != UINT64_MAX, "--max-size", "operations that have a size",
		  events_with("bytes") },
		{ f->errors, "--errors", "operations that can fail",
		  events_with("errno") | events_with("severity") },
	};
	u64 left = UINT64_MAX, events = *ret_events;
	int r;

	r = check_samples(f, events, d);
	if (r < 0)
		return r;
	if (f->ops.nr) {
		r = check_ops(f, events, &left, d);
		if (r < 0)
			return r;
	}
	for (u32 i = 0; i < ARRAY_SIZE(filters); i++) {
		if (!filters[i].is_given)
			continue;
		if (!(filters[i].can & events))
			return diag_err(d, -EINVAL, "%s: the streams that are recorded have no %s",
					filters[i].option, filters[i].what);
		left &= filters[i].can;
		if (!(left & events))
			return diag_err(d, -EINVAL,
					"%s: no row can pass this and the filters before it",
					filters[i].option);
	}
	*ret_events &= left;
	return 0;
}
