// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/linger.h"
#include "test.h"

/* Milliseconds: for what is to happen, and to see that something does not. */
#define PATIENCE 10000
#define A_WHILE 50

/* The ends of pipes that nobody else holds: reading them ends when they are closed. */
TEST(closes_what_it_is_given_behind_its_caller_and_all_else)
{
	int pipes[3][2], fds[2], behind;
	char byte;

	for (int i = 0; i < 3; i++)
		check_eq(pipe2(pipes[i], O_CLOEXEC | (i == 1 ? 0 : O_NONBLOCK)), 0);
	fds[0] = pipes[2][1];
	fds[1] = pipes[0][1];
	behind = linger(fds, 2);
	check(behind >= 0);
	check_eq(fds[0], pipes[0][1]);
	for (int i = 0; i < 3; i++)
		(void)close(pipes[i][1]);
	check(!linger_over(A_WHILE));
	check_eq(read(pipes[1][0], &byte, 1), 0); /* nobody was given it */
	check(read(pipes[0][0], &byte, 1) < 0 && errno == EAGAIN);
	check(read(pipes[2][0], &byte, 1) < 0 && errno == EAGAIN);
	(void)close(behind);
	check(linger_over(PATIENCE));
	for (int i = 0; i < 3; i++) {
		check_eq(read(pipes[i][0], &byte, 1), 0);
		(void)close(pipes[i][0]);
	}
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

TESTS(closes_what_it_is_given_behind_its_caller_and_all_else, is_waited_for)
