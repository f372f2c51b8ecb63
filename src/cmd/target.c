// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/target.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

void target_init(struct target *t)
{
	*t = (struct target){ .gate = -1, .exec_error = -1 };
}

void target_done(struct target *t)
{
	closep(&t->gate);
	closep(&t->exec_error);
	for (u32 i = 0; i < t->nr_pidfds; i++)
		closep(&t->pidfds[i]);
	free(t->pidfds);
	target_init(t);
}

/* The child: waits until its end of the gate reads "closed", then becomes the command. */
static void __attribute__((noreturn)) run_command(char **argv, int gate, int error)
{
	sigset_t none;
	char byte;
	int err;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (read(gate, &byte, 1) != 1)
		_exit(1); /* nobody opened the gate: the recording did not begin */
	(void)execvp(argv[0], argv);
	err = errno;
	if (write(error, &err, sizeof(err)) < 0)
		_exit(1);
	_exit(err == ENOENT ? 127 : 126);
}

int target_prepare(struct target *t, char **argv, struct diag *d)
{
	int gate[2], error[2];
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC))
		return diag_errno(d, -errno, "cannot make a pipe");
	if (pipe2(error, O_CLOEXEC)) {
		int r = diag_errno(d, -errno, "cannot make a pipe");

		(void)close(gate[0]);
		(void)close(gate[1]);
		return r;
	}
	pid = fork();
	if (!pid) {
		(void)close(gate[1]);
		run_command(argv, gate[0], error[1]);
	}
	(void)close(gate[0]);
	(void)close(error[1]);
	t->argv = argv;
	t->gate = gate[1];
	t->exec_error = error[0];
	if (pid < 0)
		return diag_errno(d, -errno, "cannot fork");
	t->pid = pid;
	return 0;
}

int target_go(struct target *t, struct diag *d)
{
	ssize_t n;
	int err;

	if (write(t->gate, "g", 1) != 1)
		return diag_errno(d, -errno, "the command is gone");
	closep(&t->gate);
	t->gate = -1;
	n = read(t->exec_error, &err, sizeof(err)); /* ends at exec: the pipe closes with it */
	closep(&t->exec_error);
	t->exec_error = -1;
	if (n != sizeof(err))
		return 0;
	(void)waitpid(t->pid, &t->wait_status, 0);
	t->has_ended = true;
	if (err == ENOENT)
		return diag_err(d, -ENOENT, "there is no command %s", t->argv[0]);
	return diag_errno(d, -err, "cannot execute %s", t->argv[0]);
}

int target_watch(struct target *t, const u32 *pids, u32 nr, struct diag *d)
{
	int fd;

	t->pidfds = calloc(nr, sizeof(*t->pidfds));
	if (!t->pidfds)
		return -ENOMEM;
	for (u32 i = 0; i < nr; i++) {
		fd = (int)syscall(SYS_pidfd_open, (pid_t)pids[i], 0);
		if (fd < 0 && (errno == ESRCH || errno == EINVAL))
			return diag_err(d, -ESRCH, "there is no process %u", pids[i]);
		if (fd < 0)
			return diag_errno(d, -errno, "cannot watch process %u", pids[i]);
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		t->pidfds[t->nr_pidfds++] = fd;
	}
	return 0;
}

/* Closes the descriptors of processes that have ended; true if none is left. */
static bool all_gone(struct target *t)
{
	struct pollfd p = { .events = POLLIN };
	u32 left = 0;

	for (u32 i = 0; i < t->nr_pidfds; i++) {
		p.fd = t->pidfds[i];
		if (p.fd < 0)
			continue;
		if (poll(&p, 1, 0) > 0) {
			(void)close(p.fd);
			t->pidfds[i] = -1;
		} else {
			left++;
		}
	}
	return t->nr_pidfds && !left;
}

bool target_wait(struct target *t, u64 sleep_ns)
{
	struct timespec ts = { (time_t)(sleep_ns / 1000000000u), (long)(sleep_ns % 1000000000u) };

	(void)nanosleep(&ts, NULL); /* SIGCHLD and the signals that end us wake it */
	if (t->pid && !t->has_ended && waitpid(t->pid, &t->wait_status, WNOHANG) == t->pid)
		t->has_ended = true;
	return t->has_ended || all_gone(t);
}

void target_end(struct target *t, int sig)
{
	if (!t->pid || t->has_ended)
		return;
	closep(&t->gate);
	t->gate = -1;
	(void)kill(t->pid, sig);
	while (waitpid(t->pid, &t->wait_status, 0) < 0 && errno == EINTR)
		;
	t->has_ended = true;
}

int target_exit_status(const struct target *t)
{
	if (WIFSIGNALED(t->wait_status))
		return 128 + WTERMSIG(t->wait_status);
	return WEXITSTATUS(t->wait_status);
}
