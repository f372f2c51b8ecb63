// SPDX-License-Identifier: BSD-2-Clause
/* One program at several places: at tracepoints, or at the kernel's software counters on each cpu. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"
#include "kernel/cpus.h"
#include "kernel/state.h"

/* As perf(1) calls them. */
static const struct {
	const char *name;
	u32 config;
} counters[] = {
	{ "minor-faults", PERF_COUNT_SW_PAGE_FAULTS_MIN },
	{ "major-faults", PERF_COUNT_SW_PAGE_FAULTS_MAJ },
};

/* Every one that is counted runs the program, whoever it is of. -errno where it cannot be had. */
static int open_counter(u32 config, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = config,
		.sample_period = 1,
	};
	long fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

int places_try_counters(void)
{
	_cleanup_(closep) int fd = open_counter(counters[0].config, sched_getcpu());

	return MIN(fd, 0);
}

static int add_link(struct places *p, struct bpf_link *link)
{
	struct bpf_link **more;

	if (!link)
		return -errno;
	more = realloc(p->links, (p->nr + 1) * sizeof(*more));
	if (!more) {
		bpf_link__destroy(link);
		return -ENOMEM;
	}
	p->links = more;
	p->links[p->nr++] = link;
	return 0;
}

int places_attach_tracepoints(struct places *p, const struct bpf_program *prog, const char *list)
{
	const char *item;
	char name[64];
	size_t len;
	int r = 0;

	while (!r && str_next_item(&list, &item, &len)) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)len, item);
		r = add_link(p, bpf_program__attach_raw_tracepoint(prog, name));
	}
	return r;
}

/* On one cpu. cookie: by which the program knows the counter. */
static int attach_counter(struct places *p, const struct bpf_program *prog, u32 config, int cpu,
			  u64 cookie)
{
	LIBBPF_OPTS(bpf_perf_event_opts, opts, .bpf_cookie = cookie);
	int fd = open_counter(config, cpu), r;
	struct bpf_link *link;

	if (fd < 0)
		return fd == -ENODEV ? 0 : fd; /* it went offline */
	link = bpf_program__attach_perf_event_opts(prog, fd, &opts);
	if (!link) {
		r = -errno;
		(void)close(fd);
		return r;
	}
	return add_link(p, link);
}

static int attach_counters(struct places *p, const struct bpf_program *prog, u32 config, u64 cookie)
{
	_cleanup_(freep) u32 *online = NULL;
	int nr = cpus_online(&online), r = MIN(nr, 0);

	for (int n = 0; !r && n < nr; n++)
		r = attach_counter(p, prog, config, (int)online[n], cookie);
	return r;
}

int places_attach_counters(struct places *p, const struct bpf_program *prog, const char *list)
{
	const char *item;
	u64 cookie = 0;
	size_t len;
	int r = 0;

	for (; !r && str_next_item(&list, &item, &len); cookie++)
		for (size_t i = 0; !r && i < ARRAY_SIZE(counters); i++)
			if (strlen(counters[i].name) == len && !memcmp(counters[i].name, item, len))
				r = attach_counters(p, prog, counters[i].config, cookie);
	return r;
}

void places_detach(struct places *p)
{
	while (p->nr)
		bpf_link__destroy(p->links[--p->nr]);
	free(p->links);
	p->links = NULL;
}
