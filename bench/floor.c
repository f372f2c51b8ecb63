// SPDX-License-Identifier: BSD-2-Clause
/*
 * The floor: the least work with which whole syscalls of one process can be
 * recorded. Its records are read and thrown away, so that nothing but the
 * kernel side and the transport is measured.
 *
 *	floor [-p PID] empty|empty-pages|floor
 *
 * empty-pages: empty programs where pages come into the page cache and leave it.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
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

static int load(struct floor_bpf *skel, u32 pid, const char *mode)
{
	bool is_floor = !strcmp(mode, "floor"), is_empty = !strcmp(mode, "empty");
	int r;

	skel->rodata->wanted_tgid = pid;
	bpf_program__set_autoload(skel->progs.empty_enter, is_empty);
	bpf_program__set_autoload(skel->progs.empty_exit, is_empty);
	bpf_program__set_autoload(skel->progs.floor_enter, is_floor);
	bpf_program__set_autoload(skel->progs.floor_exit, is_floor);
	bpf_program__set_autoload(skel->progs.empty_page_added, !is_floor && !is_empty);
	bpf_program__set_autoload(skel->progs.empty_page_removed, !is_floor && !is_empty);

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
	fprintf(stderr, "usage: floor [-p PID] empty|empty-pages|floor\n");
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
	if (strcmp(mode, "empty") && strcmp(mode, "empty-pages") && strcmp(mode, "floor"))
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
