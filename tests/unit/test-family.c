// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/family.h"
#include "cmd/target.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

/* A process that sleeps until it is killed, or for long enough; its pid goes to the pipe. */
static void __attribute__((noreturn)) stay(int to)
{
	pid_t pid = getpid();

	(void)alarm(20);
	if (write(to, &pid, sizeof(pid)) < 0)
		_exit(1);
	for (;;)
		(void)pause();
}

static const struct family_member *member(const struct family *f, pid_t pid)
{
	for (u32 i = 0; i < f->nr; i++)
		if (f->v[i].pid == pid)
			return &f->v[i];
	return NULL;
}

TEST(a_process_without_children)
{
	struct family f;

	check_eq(family_read(&f), 0);
	check_eq(f.nr, 0);
	check(!family_has(&f, getpid()) && !family_has(&f, 1));
	family_done(&f);
}

/* A child, its child in a session of its own, one whose parent has ended, and one that nobody has asked for. */
TEST(children_grandchildren_orphans_and_zombies)
{
	const struct family_member *m;
	pid_t pids[3], child, zombie;
	struct family f;
	int to[2];

	check_eq(pipe(to), 0);
	check_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	child = fork();
	if (!child) {
		(void)prctl(PR_SET_NAME, "odd) (\x1b[1m");
		if (!fork()) {
			(void)setsid();
			stay(to[1]);
		}
		stay(to[1]);
	}
	zombie = fork();
	if (!zombie) {
		if (!fork())
			stay(to[1]);
		_exit(0);
	}
	for (int i = 0; i < 3; i++)
		check_eq(read(to[0], &pids[i], sizeof(pids[i])), sizeof(pids[i]));
	check_eq(waitid(P_PID, (id_t)zombie, &(siginfo_t){}, WEXITED | WNOWAIT), 0);
	check_eq(family_read(&f), 0);
	for (int i = 0; i < 3; i++) {
		check(family_has(&f, pids[i]));
		check(!member(&f, pids[i])->is_zombie);
	}
	m = member(&f, child);
	check(m && m->parent == getpid() && !strcmp(m->comm, "odd) (?[1m"));
	check(member(&f, zombie) && member(&f, zombie)->is_zombie);
	check_eq(f.nr, 4);
	check(!family_has(&f, getpid()) && !family_has(&f, getppid()));
	for (u32 i = 1; i < f.nr; i++)
		check(f.v[i - 1].pid < f.v[i].pid);
	for (u32 i = 0; i < f.nr; i++)
		(void)kill(f.v[i].pid, SIGKILL);
	family_done(&f);
	while (waitpid(-1, NULL, 0) > 0)
		;
	check_eq(errno, ECHILD);
	check_eq(family_read(&f), 0);
	check_eq(f.nr, 0);
	family_done(&f);
}

/* What runs without having called exec is no command's, but closes behind sonde. */
TEST(what_a_command_left_is_named)
{
	_cleanup_(buf_done) struct buf names = {}, want = {};
	const struct target t = { .pid = 1 };
	pid_t own, other;
	int to[2];

	check_eq(pipe2(to, O_CLOEXEC), 0);
	own = fork();
	if (!own)
		stay(to[1]);
	other = fork();
	if (!other) {
		(void)execlp("sleep", "sleep", "20", NULL);
		_exit(127);
	}
	(void)close(to[1]);
	check_eq(read(to[0], &own, sizeof(own)), sizeof(own));
	/* In the middle of exec it is no fork's any more, and has its old name yet. */
	do {
		names.len = 0;
		(void)usleep(1000);
		(void)target_left(&t, &names);
		buf_putc(&names, '\0');
	} while (!strstr(names.data, "sleep") && waitpid(other, NULL, WNOHANG) == 0);
	buf_printf(&want, "sleep (%d)%c", (int)other, '\0');
	check_str(names.data, want.data);
	(void)kill(own, SIGKILL);
	(void)kill(other, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	(void)close(to[0]);
}

TESTS(a_process_without_children, children_grandchildren_orphans_and_zombies,
      what_a_command_left_is_named)
