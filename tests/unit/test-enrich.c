// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>

#include "enrich-help.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void task(u64 ts, u64 start_ns, u32 pid, u32 tid, u32 ppid, const char *comm,
		 const char *args, size_t args_len)
{
	struct sn_tasks *r = begin(SN_EV_tasks, ts, pid, tid);

	r->start_ns = start_ns;
	r->parent_pid = ppid;
	r->kthread = !args;
	add(&r->name, comm, strlen(comm));
	add(&r->args, args, args_len);
	check_eq(learn(), 0);
}

static void do_fork(u64 ts, u32 pid, u32 tid, u32 child_pid, u32 child_tid)
{
	struct sn_proc_fork *r = begin(SN_EV_proc_fork, ts, pid, tid);

	r->child_pid = child_pid;
	r->child_tid = child_tid;
	check_eq(learn(), 0);
}

static void do_exec(u64 ts, u32 pid, u32 old_tid, const char *comm, const char *args, size_t len)
{
	struct sn_proc_exec *r = begin(SN_EV_proc_exec, ts, pid, pid);

	r->old_tid = old_tid;
	add(&r->file, "/some/file", 10);
	add(&r->new_comm, comm, strlen(comm));
	add(&r->args, args, len);
	check_eq(learn(), 0);
}

static void do_exit(u64 ts, u32 pid)
{
	struct sn_proc_exit *r = begin(SN_EV_proc_exit, ts, pid, pid);

	r->dur_ns = ts;
	check_eq(learn(), 0);
}

#define check_row(comm, cmdline)                        \
	do {                                            \
		check_str(text(SN_D_comm), comm);       \
		check_str(text(SN_D_cmdline), cmdline); \
	} while (0)

#define check_ppid(want)                                  \
	do {                                              \
		check(names.num_valid & 1u << SN_D_ppid); \
		check_eq(names.num[SN_D_ppid], want);     \
	} while (0)

TEST(a_batch_notices_another_string_at_the_same_address)
{
	const struct sn_event *ev = schema_by_id(SN_EV_vfs_read);
	_cleanup_(batch_freep) struct batch *b = batch_new(ev, 4);
	_cleanup_(freep) struct istr *s = calloc(1, sizeof(*s) + 3);
	struct sn_names n = { .str[SN_D_comm] = s };
	const struct column *c;
	struct sn_vfs_read rec = {};
	size_t len;

	check(b && s);
	*s = (struct istr){ .len = 2, .serial = 1 };
	memcpy(s->s, "aa", 3);
	check_eq(batch_append(b, &rec, sizeof(rec), &n), 0);
	memcpy(s->s, "bb", 3);
	s->serial = 2;
	check_eq(batch_append(b, &rec, sizeof(rec), &n), 0);
	c = &b->columns[schema_column(ev, "comm")];
	check(!memcmp(strings_get(&c->dict, (u32)column_num(c, 0), &len), "aa", 2));
	check(!memcmp(strings_get(&c->dict, (u32)column_num(c, 1), &len), "bb", 2));
}

TEST(dictionary_of_threads)
{
	restart(NULL);
	task(SEC, 5, 10, 10, 1, "sh", "sh\0-c\0a b\nc\xff\0\0\0", 14);
	task(SEC, 6, 10, 11, 1, "worker", "sh\0-c\0a b\nc\xff", 12);
	task(SEC, 7, 12, 12, 2, "kworker/0:1", NULL, 0);
	row(2 * SEC, 10, 10);
	check_row("sh", "sh -c a b\nc\xff");
	check_ppid(1);
	row(2 * SEC, 10, 11);
	check_row("worker", "sh -c a b\nc\xff");
	row(2 * SEC, 12, 12);
	check_row("kworker/0:1", "(null)");
	check_ppid(2);
	row(2 * SEC, 13, 13);
	check_row("(null)", "(null)");
	check(!names.num_valid);
	/* A thread that nothing told of: what its process has in common is known. */
	row(2 * SEC, 10, 99);
	check_row("(null)", "sh -c a b\nc\xff");
	check_ppid(1);
	/* A number that belongs to another process than the row's. */
	row(2 * SEC, 77, 11);
	check_row("(null)", "(null)");
}

TEST(fork_inherits)
{
	struct sn_proc_fork *r;

	restart(NULL);
	task(SEC, 5, 10, 10, 1, "leader", "prog\0x", 7);
	task(SEC, 5, 10, 11, 1, "second", "prog\0x", 7);
	do_fork(2 * SEC, 10, 11, 10, 12);
	do_fork(2 * SEC, 10, 11, 20, 20);
	row(3 * SEC, 10, 12);
	check_row("second", "prog x");
	check_ppid(1);
	row(3 * SEC, 20, 20);
	check_row("second", "prog x");
	check_ppid(10);
	do_fork(4 * SEC, 20, 20, 20, 21);
	row(5 * SEC, 20, 21);
	check_ppid(10);

	/* Of a parent that nobody knows, its number is known. */
	do_fork(5 * SEC, 70, 70, 71, 71);
	row(6 * SEC, 71, 71);
	check_row("(null)", "(null)");
	check_ppid(70);

	/* The cgroup comes with the record, and rows may lack theirs. */
	r = begin(SN_EV_proc_fork, 6 * SEC, 10, 10);
	r->hdr.cgroup = 1;
	r->child_pid = r->child_tid = 80;
	check_eq(learn(), 0);
	row(7 * SEC, 80, 80);
	check_str(text(SN_D_cgroup_path), "/");
}

TEST(exec_changes_comm_and_command_line)
{
	restart(NULL);
	task(SEC, 5, 10, 10, 1, "sh", "sh", 2);
	do_exec(2 * SEC, 10, 10, "a-very-long-program", "a-very\0--long", 14);
	row(3 * SEC, 10, 10);
	check_row("a-very-long-pro", "a-very --long");
	check_ppid(1);
	do_exec(4 * SEC, 10, 10, "prog", "", 1);
	row(5 * SEC, 10, 10);
	check_row("prog", "");
	/* What could not be read is not known. */
	do_exec(6 * SEC, 10, 10, "", "x", 1);
	row(7 * SEC, 10, 10);
	check_row("(null)", "x");
	do_exec(7 * SEC, 10, 10, "x", NULL, 0);
	row(8 * SEC, 10, 10);
	check_row("x", "(null)");
	/* A process that was never seen before. */
	do_exec(8 * SEC, 30, 30, "ls", "ls\0-l", 6);
	row(9 * SEC, 30, 30);
	check_row("ls", "ls -l");
	check(!names.num_valid);
}

TEST(exec_of_another_thread_makes_it_the_leader)
{
	restart(NULL);
	task(SEC, 5, 10, 10, 1, "leader", "old", 3);
	task(SEC, 6, 10, 11, 1, "second", "old", 3);
	task(SEC, 7, 10, 12, 1, "third", "old", 3);
	do_exec(2 * SEC, 10, 11, "new", "new\0arg", 8);
	row(3 * SEC, 10, 10);
	check_row("new", "new arg");
	check_ppid(1);
	/* Much later those numbers mean nobody, until they are given out again. */
	row(4 * SEC, 10, 11);
	check_str(text(SN_D_comm), "(null)");
	enrich_get_stats(e, &stats);
	check_eq(stats.threads, 3);
	do_fork(5 * SEC, 10, 10, 10, 11);
	row(6 * SEC, 10, 11);
	check_row("new", "new arg");
	do_fork(20 * SEC, 10, 10, 10, 13);
	enrich_get_stats(e, &stats);
	check_eq(stats.threads, 3);
}

TEST(rename_is_of_one_thread)
{
	struct sn_proc_rename *r;

	restart(NULL);
	task(SEC, 5, 10, 10, 1, "leader", "prog", 4);
	task(SEC, 5, 10, 11, 1, "second", "prog", 4);
	r = begin(SN_EV_proc_rename, 2 * SEC, 10, 11);
	add(&r->new_comm, "other", 5);
	check_eq(learn(), 0);
	row(3 * SEC, 10, 11);
	check_row("other", "prog");
	row(3 * SEC, 10, 10);
	check_row("leader", "prog");
	begin(SN_EV_proc_rename, 4 * SEC, 10, 11);
	check_eq(learn(), 0);
	row(5 * SEC, 10, 11);
	check_row("", "prog");
}

TEST(names_outlive_their_process_for_a_while)
{
	restart(&(struct enrich_opts){ .grace_ns = 3 * SEC });
	task(SEC, 5, 10, 10, 1, "prog", "prog", 4);
	task(SEC, 5, 10, 11, 1, "second", "prog", 4);
	row(4 * SEC, 10, 11);
	check_row("second", "prog");
	do_exit(4 * SEC, 10);
	row(4 * SEC, 10, 10);
	check_row("prog", "prog");
	/* Begun before the end, complete after it. */
	row_dur(6 * SEC, 10, 11, 3 * SEC);
	check_row("second", "prog");
	/* Begun long after the end: this is somebody else. */
	row(6 * SEC, 10, 11);
	check_str(text(SN_D_comm), "(null)");
	check_str(text(SN_D_cmdline), "(null)");
	enrich_get_stats(e, &stats);
	check_eq(stats.threads, 2);
	begin(SN_EV_clock, 8 * SEC, 0, 0);
	check_eq(learn(), 0);
	row_dur(8 * SEC, 10, 11, 5 * SEC);
	check_str(text(SN_D_comm), "(null)");
	enrich_get_stats(e, &stats);
	check_eq(stats.threads, 0);
	check_eq(stats.processes, 0);
	check_eq(stats.dropped_threads, 0);
}

TEST(reused_numbers_do_not_mix)
{
	struct sn_block_io *io;

	restart(NULL);
	task(SEC, SEC, 10, 10, 1, "old", "old\0x", 6);
	task(SEC, SEC, 50, 50, 1, "sh", "sh", 2);
	do_exit(4 * SEC, 10);
	do_fork(5 * SEC, 50, 50, 10, 10);
	do_exec(5 * SEC + 10, 10, 10, "new", "new", 3);
	row(6 * SEC, 10, 10);
	check_row("new", "new");
	check_ppid(50);
	/* Submitted by the one, complete in the time of the other. */
	io = begin(SN_EV_block_io, 6 * SEC, 10, 10);
	io->dur_ns = 3 * SEC;
	name();
	check_row("old", "old x");
	check_ppid(1);
	row(6 * SEC, 10, 10);
	check_row("new", "new");

	/* The beginning of another was not told. */
	task(6 * SEC, SEC, 40, 40, 1, "first", "first", 5);
	do_exit(6 * SEC + 10, 40);
	do_exec(7 * SEC, 40, 40, "next", "next", 4);
	row(7 * SEC, 40, 40);
	check_row("next", "next");
	row_dur(7 * SEC + 10, 40, 40, 2 * SEC);
	check_row("first", "first");

	/* The end of the second was not told, but that its number began again. */
	task(8 * SEC, 7 * SEC, 10, 10, 60, "third", "third", 5);
	row(9 * SEC, 10, 10);
	check_row("third", "third");
	check_ppid(60);
	row_dur(9 * SEC, 10, 10, 3 * SEC);
	check_row("new", "new");
	/* A record of the second that comes too late changes nothing. */
	do_exit(9 * SEC, 10);
	task(9 * SEC, 7 * SEC, 10, 10, 1, "ghost", "ghost", 5);
	row(9 * SEC, 10, 10);
	check_row("third", "third");

	/* A leader's number goes to a thread of another process: its own is gone. */
	do_fork(9 * SEC + 20, 50, 50, 90, 90);
	do_fork(9 * SEC + 30, 90, 90, 90, 91);
	do_fork(9 * SEC + 40, 50, 50, 50, 90);
	row(9 * SEC + 50, 50, 90);
	check_row("sh", "sh");
	do_fork(9 * SEC + 60, 50, 50, 90, 92);
	row(11 * SEC, 90, 91);
	check_str(text(SN_D_comm), "(null)");

	/* A process begins whose number's last owner was only known by another thread. */
	task(11 * SEC, 5, 30, 31, 1, "thread", "x", 1);
	do_fork(12 * SEC, 50, 50, 30, 30);
	row(14 * SEC, 30, 31);
	check_row("(null)", "sh");
}

TEST(cgroups_by_id)
{
	struct sn_proc_cgroup *r;
	char path[256];

	restart(NULL);
	task(SEC, 5, 10, 10, 1, "prog", "prog", 4);
	task(SEC, 5, 10, 11, 1, "prog", "prog", 4);
	r = begin(SN_EV_proc_cgroup, SEC, 10, 10);
	r->hdr.cgroup = 4711;
	add(&r->cgroup_name, "/docker/" HEX64 "/init.scope",
	    strlen("/docker/" HEX64 "/init.scope"));
	name();
	check_str(text(SN_D_cgroup_path), "/docker/" HEX64 "/init.scope");
	check_str(text(SN_D_container), HEX64);

	/* The whole process moved; a row that lacks its cgroup gets the thread's. */
	row(2 * SEC, 10, 11);
	check_str(text(SN_D_container), HEX64);
	begin(SN_EV_vfs_read, 2 * SEC, 99, 99);
	made.hdr.cgroup = 4711;
	name();
	check_str(text(SN_D_container), HEX64);
	begin(SN_EV_vfs_read, 2 * SEC, 10, 10);
	made.hdr.cgroup = 4712;
	name();
	check_str(text(SN_D_cgroup_path), "(null)");
	check_str(text(SN_D_container), "(null)");

	/* A path that fills its room may have lost its end. */
	r = begin(SN_EV_proc_cgroup, 2 * SEC, 99, 99);
	r->hdr.cgroup = 4713;
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	add(&r->cgroup_name, path, 255);
	name();
	check_str(text(SN_D_cgroup_path), "(null)");
	add(&r->cgroup_name, path, 254);
	name();
	check_eq(names.str[SN_D_cgroup_path]->len, 254);

	/* A hierarchy of version 1 tells the container only. */
	r = begin(SN_EV_proc_cgroup, 3 * SEC, 20, 20);
	check_eq(learn(), 0);
	task(3 * SEC, 5, 20, 20, 1, "v1", "v1", 2);
	r = begin(SN_EV_proc_cgroup, 3 * SEC, 20, 20);
	add(&r->cgroup_name, "/lxc/box", 8);
	check_eq(learn(), 0);
	begin(SN_EV_vfs_read, 4 * SEC, 20, 20);
	made.hdr.cgroup = 1;
	name();
	check_str(text(SN_D_cgroup_path), "/");
	check_str(text(SN_D_container), "box");
	do_fork(4 * SEC, 20, 20, 21, 21);
	row(5 * SEC, 21, 21);
	check_str(text(SN_D_container), "box");
}

TEST(limits_drop_the_dead_and_the_unused_first)
{
	char path[64];
	u64 settled;

	restart(&(struct enrich_opts){ .max_threads = 100, .max_name_bytes = 256 << 10 });
	for (u32 i = 1; i <= 50; i++)
		task(SEC, 5, i, i, 1, "live", "live", 4);
	for (u32 i = 51; i <= 100; i++)
		task(SEC, 5, i, i, 1, "dead", "dead", 4);
	for (u32 i = 51; i <= 100; i++)
		do_exit(2 * SEC, i);
	for (u32 i = 101; i <= 150; i++)
		do_fork(2 * SEC, 1, 1, i, i);
	enrich_get_stats(e, &stats);
	check_eq(stats.threads, 100);
	check_eq(stats.dropped_threads, 50);
	row(2 * SEC, 51, 51);
	check_str(text(SN_D_comm), "(null)");
	for (u32 i = 1; i <= 150; i += i == 50 ? 51 : 1) {
		row(2 * SEC, i, i);
		check_str(text(SN_D_comm), "live");
	}
	/* The rest lives: what is used stays as long as something else can go. */
	for (u32 i = 1000; i < 2000; i++) {
		do_fork(3 * SEC, 1, 1, i, i);
		row(3 * SEC, 7, 7);
		check_str(text(SN_D_comm), "live");
	}
	enrich_get_stats(e, &stats);
	check_eq(stats.threads, 100);
	check_eq(stats.dropped_threads, 1050);

	for (u32 i = 0; i < 20000; i++) {
		(void)snprintf(path, sizeof(path), "/a/directory/with/files/%u", i);
		learn_path(i, 1, 1, SN_KNOWN_exact, false, path);
		row_file(3, 1, 1, false);
		if (i >= 3)
			check_path("/a/directory/with/files/3", "exact");
		enrich_get_stats(e, &stats);
		check(stats.name_bytes <= 256 << 10);
	}
	check(stats.paths > 1000 && stats.paths + stats.dropped_paths == 20000);
	row_file(19999, 1, 1, false);
	check_path("/a/directory/with/files/19999", "exact");

	/* Running the same programs again and again takes no memory. */
	settled = stats.name_bytes;
	for (u32 i = 0; i < 10000; i++) {
		(void)snprintf(path, sizeof(path), "prog%cnumber%c%u", 0, 0, i % 5);
		do_fork(4 * SEC + i, 1, 1, 5000 + i % 50, 5000 + i % 50);
		do_exec(4 * SEC + i, 5000 + i % 50, 5000 + i % 50, "prog", path, 13);
	}
	enrich_get_stats(e, &stats);
	check(stats.name_bytes <= settled + 4096);
	check_eq(stats.no_memory, 0);
	check_eq(stats.malformed, 0);
}

TEST(cgroups_are_limited)
{
	struct sn_proc_cgroup *r;
	char path[64];

	restart(&(struct enrich_opts){ .max_cgroups = 1000 });
	for (u32 i = 2; i < 5000; i++) {
		r = begin(SN_EV_proc_cgroup, SEC, 1, 1);
		r->hdr.cgroup = i;
		(void)snprintf(path, sizeof(path), "/group/%u", i);
		add(&r->cgroup_name, path, strlen(path));
		name();
		check_str(text(SN_D_cgroup_path), path);
	}
	enrich_get_stats(e, &stats);
	check_eq(stats.cgroups, 1000);
	check_eq(stats.dropped_cgroups, 4999 - 1000);
}

TEST(many_threads_are_found_again)
{
	char comm[16];

	restart(NULL);
	for (u32 i = 1; i < 50000; i++) {
		(void)snprintf(comm, sizeof(comm), "t%u", i);
		task(SEC, 5, i, i, i / 2, comm, "x", 1);
	}
	for (u32 i = 1; i < 50000; i += 7) {
		(void)snprintf(comm, sizeof(comm), "t%u", i);
		row(2 * SEC, i, i);
		check_row(comm, "x");
		check_ppid(i / 2);
	}
}

TEST(malformed_records_teach_nothing)
{
	struct sn_tasks *t;
	struct sn_paths *p;
	struct sn_proc_cgroup *c;

	restart(NULL);
	t = begin(SN_EV_tasks, SEC, 10, 10);
	t->name = (struct sn_str){ .off = (u16)made_size, .len = 1 };
	check_eq(learn(), -EINVAL);
	t->name = (struct sn_str){ .off = 0xffff, .len = 0xffff };
	check_eq(learn(), -EINVAL);
	row(2 * SEC, 10, 10);
	check(!names.num_valid);
	begin(SN_EV_tasks, SEC, 10, 10);
	made_size--;
	check_eq(learn(), -EINVAL);
	p = begin(SN_EV_paths, SEC, 10, 10);
	p->how = SN_NR_KNOWNS;
	check_eq(learn(), -EINVAL);
	c = begin(SN_EV_proc_cgroup, SEC, 10, 10);
	c->hdr.cgroup = 5;
	add(&c->cgroup_name, "relative", 8);
	check_eq(learn(), -EINVAL);
	begin(SN_EV_vfs_read, SEC, 10, 10);
	made_size = 3;
	check_eq(learn(), 0);
	name();
	check(!names.str[SN_D_path_known]);
	enrich_get_stats(e, &stats);
	check_eq(stats.malformed, 5);
	check_eq(stats.paths, 0);
}

/* Any bytes at all; the memory checkers say whether it went well. */
TEST(random_records)
{
	u64 seed = 42;

	restart(&(struct enrich_opts){ .max_threads = 50, .max_name_bytes = 128 << 10 });
	for (u32 round = 0; round < 200000; round++) {
		event = schema_event(round % SN_NR_EVENTS);
		for (size_t i = 0; i < 256; i += 8) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			/* Small numbers, so that records meet each other. */
			u64 v = (seed >> 30) & (seed & 1 << 29 ? 0x0000000f0000000full : ~0ull);

			memcpy(made.bytes + i, &v, 8);
		}
		made.hdr.pid = seed >> 40 & 15;
		made.hdr.tid = seed >> 44 & 15;
		made.hdr.ts = round * (SEC / 100);
		made_size = seed >> 50 & 7 ? 200 + (seed >> 53 & 31) : seed >> 53 & 255;
		name();
		for (u32 i = 0; i < SN_NR_DERIVED; i++)
			if (names.str[i])
				check_eq(names.str[i]->s[names.str[i]->len], '\0');
	}
	enrich_get_stats(e, &stats);
	check(stats.threads <= 50);
	check(stats.malformed > 1000);
	check(stats.name_bytes <= 128 << 10);
}

TESTS(a_batch_notices_another_string_at_the_same_address, dictionary_of_threads, fork_inherits,
      exec_changes_comm_and_command_line, exec_of_another_thread_makes_it_the_leader,
      rename_is_of_one_thread, names_outlive_their_process_for_a_while, reused_numbers_do_not_mix,
      cgroups_by_id, limits_drop_the_dead_and_the_unused_first, cgroups_are_limited,
      many_threads_are_found_again, malformed_records_teach_nothing, random_records)
