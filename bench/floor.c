// SPDX-License-Identifier: BSD-2-Clause
/*
 * The floor: the least work with which whole syscalls of one process can be
 * recorded. Its records are read and thrown away, so that nothing but the
 * kernel side and the transport is measured.
 *
 *	floor [-p PID] empty|empty-pages|floor|floor-names
 *
 * empty-pages: empty programs where pages come into the page cache and leave it.
 * floor-names: the floor with the names that callers give, but for those of files that
 * they open, and, the first time that one is opened, the name of its inode.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include <bpf/libbpf.h>

#include "base/macro.h"

#include "floor.h"

#include "floor.skel.h"

static const struct timespec poll_interval = { .tv_nsec = 2 * 1000 * 1000 };

static volatile sig_atomic_t is_stopped;

static void on_stop(int sig)
{
	is_stopped = 1;
}

static int discard(void *arg, void *data, size_t size)
{
	u64 *nr_records = arg;

	(*nr_records)++;
	return 0;
}

static int parse_pid(const char *text, u32 *ret_pid)
{
	u32 pid = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || pid > 100 * 1000 * 1000)
			return -EINVAL;
		pid = pid * 10 + (u32)(*text - '0');
	}
	*ret_pid = pid;
	return 0;
}

static void set_names(struct floor_names *names_of)
{
#ifdef SYS_open
	names_of[SYS_open].opens = 1;
	names_of[SYS_stat].first = names_of[SYS_unlink].first = 1;
	names_of[SYS_rename] = (struct floor_names){ .first = 1, .second = 2 };
#endif
	names_of[SYS_openat].opens = 1;
	names_of[SYS_newfstatat].first = names_of[SYS_unlinkat].first = 2;
	names_of[SYS_renameat] = (struct floor_names){ .first = 2, .second = 4 };
}

static int load(struct floor_bpf *skel, u32 pid, const char *mode)
{
	bool is_floor = !strcmp(mode, "floor"), is_empty = !strcmp(mode, "empty");
	bool has_names = !strcmp(mode, "floor-names"), is_pages = !strcmp(mode, "empty-pages");
	int r;

	skel->rodata->wanted_tgid = pid;
	bpf_program__set_autoload(skel->progs.empty_enter, is_empty);
	bpf_program__set_autoload(skel->progs.empty_exit, is_empty);
	bpf_program__set_autoload(skel->progs.floor_enter, is_floor || has_names);
	bpf_program__set_autoload(skel->progs.floor_exit, is_floor);
	bpf_program__set_autoload(skel->progs.names_exit, has_names);
	bpf_program__set_autoload(skel->progs.empty_page_added, is_pages);
	bpf_program__set_autoload(skel->progs.empty_page_removed, is_pages);
	set_names((struct floor_names *)skel->rodata->names_of);

	r = floor_bpf__load(skel);
	if (r < 0)
		return r;
	return floor_bpf__attach(skel);
}

static int run(struct floor_bpf *skel)
{
	u64 nr_records = 0;
	struct ring_buffer *ring;
	int r = 0;

	ring = ring_buffer__new(bpf_map__fd(skel->maps.records), discard, &nr_records, NULL);
	if (!ring)
		return -errno;

	fprintf(stderr, "recording\n");
	while (!is_stopped && r >= 0) {
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &poll_interval, NULL);
		r = ring_buffer__consume(ring);
	}
	if (r >= 0)
		r = ring_buffer__consume(ring);
	ring_buffer__free(ring);
	printf("recorded=%llu lost=%llu\n", (unsigned long long)nr_records,
	       (unsigned long long)skel->bss->nr_lost);
	return r < 0 ? r : 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: floor [-p PID] empty|empty-pages|floor|floor-names\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct sigaction stop = { .sa_handler = on_stop };
	struct floor_bpf *skel;
	const char *mode;
	u32 pid = 0;
	int opt, r;

	while ((opt = getopt(argc, argv, "p:")) != -1) {
		if (opt != 'p' || parse_pid(optarg, &pid) < 0)
			return usage();
	}
	if (optind + 1 != argc)
		return usage();
	mode = argv[optind];
	if (strcmp(mode, "empty") && strcmp(mode, "empty-pages") && strcmp(mode, "floor") &&
	    strcmp(mode, "floor-names"))
		return usage();

	(void)sigaction(SIGINT, &stop, NULL);
	(void)sigaction(SIGTERM, &stop, NULL);

	skel = floor_bpf__open();
	r = skel ? load(skel, pid, mode) : -errno;
	if (r >= 0)
		r = run(skel);
	floor_bpf__destroy(skel);
	if (r < 0)
		fprintf(stderr, "floor: %s\n", strerror(-r));
	return r < 0;
}
