// SPDX-License-Identifier: BSD-2-Clause
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/linger.h"
#include "test.h"

/* Milliseconds: for what is to happen, and to see that something does not. */
#define PATIENCE 10000
#define A_WHILE 50

/* The ends of pipes that nobody else holds: reading them ends when they are closed. */
TEST(closes_what_it_is_given_and_all_else)
{
	int pipes[3][2], fds[2];
	char byte;

	for (int i = 0; i < 3; i++)
		check_eq(pipe2(pipes[i], O_CLOEXEC), 0);
	fds[0] = pipes[2][1];
	fds[1] = pipes[0][1];
	check_eq(linger(fds, 2), 0);
	check_eq(fds[0], pipes[0][1]);
	for (int i = 0; i < 3; i++) {
		(void)close(pipes[i][1]);
		check_eq(read(pipes[i][0], &byte, 1), 0);
		(void)close(pipes[i][0]);
	}
	check(linger_over(PATIENCE));
}

TEST(is_waited_for)
{
	int lock = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	check(lock >= 0);
	check(linger_over(0));
	check_eq(flock(lock, LOCK_SH), 0); /* as one that lingers holds it */
	check(!linger_over(0));
	check(!linger_over(A_WHILE));
	check_eq(flock(lock, LOCK_UN), 0);
	check(linger_over(0));
	(void)close(lock);
}

TESTS(closes_what_it_is_given_and_all_else, is_waited_for)
