// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/target.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "cmd/family.h"

/* What is forked while signals are sent is looked for again so often. */
#define MAX_ROUNDS 10
/* So many are named; of the others it is said how many they are. */
#define MAX_NAMES 5u

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
static void __attribute__((noreturn)) run_command(char **argv, int out, int gate, int error)
{
	sigset_t none;
	char byte;
	int err;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (read(gate, &byte, 1) != 1)
		_exit(1); /* nobody opened the gate: the recording did not begin */
	if (out >= 0)
		(void)dup2(out, STDOUT_FILENO);
	(void)execvp(argv[0], argv);
	err = errno;
	if (write(error, &err, sizeof(err)) < 0)
		_exit(1);
	_exit(err == ENOENT ? 127 : 126);
}

int target_prepare(struct target *t, char **argv, int out, struct diag *d)
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
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid = fork();
	if (!pid) {
		(void)close(gate[1]);
		run_command(argv, out, gate[0], error[1]);
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

/* Older kernels say EINVAL of a thread that is no process, newer ones ENOENT. */
static int no_process(u32 pid, struct diag *d)
{
	char path[64];

	if (errno != ESRCH && errno != EINVAL && errno != ENOENT)
		return diag_errno(d, -errno, "cannot watch process %u", pid);
	(void)snprintf(path, sizeof(path), "/proc/%u", pid);
	if (access(path, F_OK) == 0)
		(void)diag_hint(d, 0, "it is a thread: --tid takes it");
	return diag_err(d, -ESRCH, "there is no process %u", pid);
}

int target_watch(struct target *t, const u32 *pids, u32 nr, struct diag *d)
{
	int fd;

	t->pidfds = calloc(nr, sizeof(*t->pidfds));
	if (!t->pidfds)
		return -ENOMEM;
	for (u32 i = 0; i < nr; i++) {
		fd = (int)syscall(SYS_pidfd_open, (pid_t)pids[i], 0);
		if (fd < 0)
			return no_process(pids[i], d);
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

/* Takes note of what has ended: the command, and what it left without a parent. */
static void reap(struct target *t)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != t->pid || t->has_ended)
			continue;
		t->has_ended = true;
		t->wait_status = status;
	}
	t->has_left = t->has_ended && pid == 0;
}

bool target_wait(struct target *t, u64 sleep_ns)
{
	struct timespec ts = { (time_t)(sleep_ns / 1000000000u), (long)(sleep_ns % 1000000000u) };

	(void)nanosleep(&ts, NULL); /* SIGCHLD and the signals that end us wake it */
	if (t->pid)
		reap(t);
	else
		t->has_ended |= all_gone(t);
	return t->has_ended && !target_runs(t);
}

bool target_runs(const struct target *t)
{
	return t->pid && (!t->has_ended || (t->waits_for_all && t->has_left));
}

/* The second signal lets one that was stopped take the first. */
static void send_signal(pid_t pid, int sig)
{
	(void)kill(pid, sig);
	(void)kill(pid, SIGCONT);
}

void target_signal(struct target *t, int sig)
{
	struct family before = {}, now = {};
	u32 nr_new = 1;

	if (!t->pid)
		return;
	closep(&t->gate); /* before it goes, that is all it needs */
	t->gate = -1;
	if (!t->has_ended)
		send_signal(t->pid, sig);
	for (int i = 0; nr_new && i < MAX_ROUNDS && family_read(&now) == 0; i++) {
		nr_new = 0;
		for (u32 k = 0; k < now.nr; k++) {
			pid_t pid = now.v[k].pid;

			if (pid == t->pid || family_has(&before, pid))
				continue;
			send_signal(pid, sig);
			nr_new++;
		}
		family_done(&before);
		before = now;
	}
	family_done(&before);
}

/* One of ours that closes behind a recording: see linger(). */
static bool is_lingering(const struct family_member *m)
{
	char path[32];
	struct stat own, other;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)m->pid);
	return m->is_fork && stat("/proc/self/exe", &own) == 0 && stat(path, &other) == 0 &&
	       own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

u32 target_left(const struct target *t, struct buf *names)
{
	struct family f;
	u32 nr = 0;

	if (!t->pid || family_read(&f) < 0)
		return 0;
	for (u32 i = 0; i < f.nr; i++) {
		if (f.v[i].is_zombie || is_lingering(&f.v[i]))
			continue;
		if (nr < MAX_NAMES)
			buf_printf(names, "%s%s (%d)", nr ? ", " : "", f.v[i].comm,
				   (int)f.v[i].pid);
		nr++;
	}
	if (nr > MAX_NAMES)
		buf_printf(names, " and %u more", nr - MAX_NAMES);
	family_done(&f);
	return nr;
}

int target_exit_status(const struct target *t)
{
	if (WIFSIGNALED(t->wait_status))
		return 128 + WTERMSIG(t->wait_status);
	return WEXITSTATUS(t->wait_status);
}
