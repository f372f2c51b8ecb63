// SPDX-License-Identifier: BSD-2-Clause
/*
 * The loop whose instructions are counted: cached reads and writes of 64 bytes.
 * In a guest that counts instructions a nanosecond is one of them, so the median
 * of many short chunks is exact, whatever the tracer does between them.
 *
 *	icount-loop FILE [GATE]
 *
 * Prints its pid, waits for the gate to appear, and prints the median per call.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define IO_BYTES 64
#define CALLS 50
#define CHUNKS 301

static long now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return x < y ? -1 : x > y;
}

static void calls(int fd, int nr)
{
	char data[IO_BYTES] = "";

	for (int i = 0; i < nr / 2; i++)
		if (pread(fd, data, IO_BYTES, 0) != IO_BYTES ||
		    pwrite(fd, data, IO_BYTES, 0) != IO_BYTES)
			exit(1);
}

int main(int argc, char **argv)
{
	static long chunk[CHUNKS];
	char page[4096] = "";
	int fd;

	if (argc < 2)
		return 2;
	fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, page, sizeof(page)) != sizeof(page))
		return 1;
	printf("%d\n", getpid());
	(void)fflush(stdout);
	while (argc > 2 && access(argv[2], F_OK))
		(void)usleep(10000);
	calls(fd, 4000);
	for (int i = 0; i < CHUNKS; i++) {
		chunk[i] = now_ns();
		calls(fd, CALLS);
		chunk[i] = now_ns() - chunk[i];
	}
	qsort(chunk, CHUNKS, sizeof(chunk[0]), by_value);
	printf("%.1f\n", (double)chunk[CHUNKS / 2] / CALLS);
	return 0;
}
