// SPDX-License-Identifier: BSD-2-Clause
#include "base/linger.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int compare(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* Whoever waits for the end of a pipe or of a file must not wait for us. */
static void keep_only(const int *fds, u32 nr)
{
	unsigned int first = 0;

	for (u32 i = 0; i < nr; i++) {
		if ((unsigned int)fds[i] > first)
			(void)close_range(first, (unsigned int)fds[i] - 1, 0);
		first = (unsigned int)fds[i] + 1;
	}
	(void)close_range(first, UINT_MAX, 0);
}

int linger(int *fds, u32 nr)
{
	int status = 0;
	pid_t pid;

	qsort(fds, nr, sizeof(*fds), compare);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		/* A grandchild: nobody has to reap it. */
		pid = fork();
		if (pid)
			_exit(pid < 0);
		(void)setsid();
		keep_only(fds, nr);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status ? -EAGAIN : 0;
}
