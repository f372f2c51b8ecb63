// SPDX-License-Identifier: BSD-2-Clause
#include "test.h"

#include <errno.h>
#include <sys/stat.h>

#include "analyze/fileops.h"
#include "analyze/manifest.h"
#include "schema/values.h"

/* What an analysis is made of, and a batch that grows row by row. */
static struct texts texts;
static struct procs procs;
static struct disks disks;
static struct fileops fileops;
static struct intern pool;
static struct batch *batch;
static const char *row_cmdline, *row_to_path; /* of the rows that one() makes */

static void start(u64 from_ns, u64 to_ns, u32 max_slow)
{
	procs_init(&procs, &texts);
	disks_init(&disks, &texts, from_ns, to_ns);
	check_eq(fileops_init(&fileops, &texts, &procs, &disks, from_ns, to_ns, max_slow), 0);
}

static void stop(void)
{
	fileops_done(&fileops);
	disks_done(&disks);
	procs_done(&procs);
	texts_done(&texts);
	texts = (struct texts){};
	intern_done(&pool);
	batch_free(batch);
	batch = NULL;
}

/* A batch that has the record as its only row. */
static const struct batch *one(const void *rec, size_t size, const char *comm, const char *path)
{
	const struct sn_event *ev = schema_by_id(((const struct sn_hdr *)rec)->id);
	struct sn_names names = {};

	batch_free(batch);
	batch = batch_new(ev, 1);
	check(batch);
	if (comm)
		names.str[SN_D_comm] = intern(&pool, comm, strlen(comm));
	if (path)
		names.str[SN_D_path] = intern(&pool, path, strlen(path));
	if (row_to_path)
		names.str[SN_D_to_path] = intern(&pool, row_to_path, strlen(row_to_path));
	if (row_cmdline)
		names.str[SN_D_cmdline] = intern(&pool, row_cmdline, strlen(row_cmdline));
	check_eq(batch_append(batch, rec, size, &names), 0);
	return batch;
}

#define HDR(ev, ts_, pid_, op_) \
	.hdr = { .id = SN_EV_##ev, .ts = (ts_), .pid = (pid_), .tid = (pid_), .op = (op_) }

static void read_file(u64 ts, u32 pid, u64 op, const char *path, u64 dur, s64 ret, u16 type)
{
	struct sn_vfs_read e = { HDR(vfs_read, ts, pid, op), .dur_ns = dur, .ret = ret,
				 .call = SN_CALL_read };

	sn_set(&e, dev, 8u << 20);
	sn_set(&e, ino, 7);
	sn_set(&e, file_type, type);
	check_eq(fileops_batch(&fileops, one(&e, sizeof(e), "cat", path)), 0);
}

static void request(u64 ts, u64 op, u64 rq, u64 sector, u64 bytes, u64 dur, u32 kind)
{
	struct sn_block_io e = { HDR(block_io, ts, 10, op),
				 .rq = rq,
				 .bytes = bytes,
				 .dur_ns = dur,
				 .dev = 8u << 20,
				 .parts = 1,
				 .blk_flags = 1u << SN_BLK_FLAG_sync,
				 .blk_kind = kind };

	sn_set(&e, sector, sector);
	sn_set(&e, device_ns, dur);
	check_eq(disks_batch(&disks, one(&e, sizeof(e), "cat", NULL)), 0);
}

static void exited(u32 pid, u64 ts, u32 code)
{
	struct sn_proc_exit e = { HDR(proc_exit, ts, pid, 0) };

	sn_set(&e, code, code);
	check_eq(procs_batch(&procs, one(&e, sizeof(e), NULL, NULL)), 0);
}

static void forked(u32 pid, u64 ts, u32 child_pid, u32 child_tid, const char *comm)
{
	struct sn_proc_fork e = { HDR(proc_fork, ts, pid, 0), .child_pid = child_pid,
				  .child_tid = child_tid };

	check_eq(procs_batch(&procs, one(&e, sizeof(e), comm, NULL)), 0);
}

static void has_task(u32 pid, u32 tid, u64 ts, u64 start_ns, u32 ppid, const char *name)
{
	struct {
		struct sn_tasks e;
		char text[64];
	} r = { .e = { HDR(tasks, ts, pid, 0), .start_ns = start_ns, .parent_pid = ppid } };

	r.e.hdr.tid = tid;
	r.e.name.off = sizeof(r.e);
	r.e.name.len = (u16)strlen(name);
	memcpy(r.text, name, strlen(name));
	check_eq(procs_batch(&procs, one(&r, sizeof(r.e) + strlen(name), NULL, NULL)), 0);
}

TEST(pairmap_finds_what_was_put)
{
	struct pairmap m = {};

	check_eq(pairmap_get(&m, 1, 2), PAIRMAP_NONE);
	for (u32 i = 0; i < 5000; i++) {
		u32 *place = pairmap_put(&m, i / 7, i % 7);

		check(place);
		check_eq(*place, PAIRMAP_NONE);
		*place = i;
	}
	for (u32 i = 0; i < 5000; i++) {
		check_eq(pairmap_get(&m, i / 7, i % 7), i);
		check_eq(*pairmap_put(&m, i / 7, i % 7), i);
	}
	check_eq(pairmap_get(&m, 3, 7), PAIRMAP_NONE);
	check_eq(m.nr, 5000);
	pairmap_done(&m);
}

/* A pid that is used again is another process, and rows find the one of their time. */
TEST(pid_used_again)
{
	u32 first, second;

	start(0, UINT64_MAX, 0);
	/* In no order of time, as folders are read. */
	exited(50, 2000, 1);
	exited(50, 5000, 7);
	has_task(50, 50, 1001, 1000, 10, "old");
	has_task(50, 50, 3001, 3000, 10, "new");
	has_task(50, 51, 3002, 3000, 10, "thread");
	forked(10, 1000, 50, 50, "sh");
	forked(10, 3000, 50, 50, "sh");
	forked(50, 3500, 50, 51, "new");
	check_eq(procs_build(&procs), 0);
	first = procs_find(&procs, 50, 1500);
	second = procs_find(&procs, 50, 4000);
	check(first != second);
	check_eq(procs_find(&procs, 50, 1700), first);
	check_eq(procs_find(&procs, 50, 9000), second);
	check(text_is(&texts, procs.at[first].comm, "old"));
	check(text_is(&texts, procs.at[second].comm, "new"));
	check_eq(procs.at[first].code, 1);
	check_eq(procs.at[second].code, 7);
	check_eq(procs.at[first].nr_threads, 0);
	check_eq(procs.at[second].nr_threads, 1);
	check_eq(procs.at[second].ppid, 10);
	stop();
}

TEST(children_hang_below_their_parents)
{
	u32 parent, child;

	start(0, UINT64_MAX, 0);
	has_task(1, 1, 0, 100, 0, "init");
	has_task(20, 20, 0, 500, 1, "sh");
	has_task(21, 21, 0, 600, 20, "ls");
	/* Each the other's parent, as a damaged file may say: no circle. */
	has_task(30, 30, 0, 700, 31, "a");
	has_task(31, 31, 0, 700, 30, "b");
	check_eq(procs_build(&procs), 0);
	parent = procs_find(&procs, 20, 1000);
	child = procs_find(&procs, 21, 1000);
	check_eq(procs.at[child].parent, parent);
	check_eq(procs.at[parent].first_child, child);
	check_eq(procs.at[parent].parent, procs_find(&procs, 1, 1000));
	check(procs.at[procs_find(&procs, 30, 800)].parent == PROC_NONE ||
	      procs.at[procs_find(&procs, 31, 800)].parent == PROC_NONE);
	stop();
}

/* Many are under way at once: their sum is no time of anybody. */
TEST(requests_are_kept_apart)
{
	struct sn_vfs_read e = { HDR(vfs_read, 2000, 10, 5), .dur_ns = 700, .ret = 64,
				 .call = SN_CALL_io_uring_read };
	const struct proc_use *use;

	start(0, UINT64_MAX, 0);
	check_eq(procs_build(&procs), 0);
	check_eq(disks_build(&disks), 0);
	read_file(1000, 10, 4, "/a", 100, 32, 0100000);
	sn_set(&e, dev, 8u << 20);
	sn_set(&e, ino, 7);
	sn_set(&e, file_type, 0100000);
	check_eq(fileops_batch(&fileops, one(&e, sizeof(e), "cat", "/a")), 0);
	e.call = SN_CALL_aio_preadv;
	e.dur_ns = 800;
	check_eq(fileops_batch(&fileops, one(&e, sizeof(e), "cat", "/a")), 0);
	check_eq(fileops_build(&fileops), 0);
	check_eq(fileops.times[FILE_READ].all.nr, 1);
	check_eq(fileops.times[FILE_READ].all.time_ns, 100);
	check_eq(fileops.requests[FILE_READ].all.nr, 2);
	check_eq(fileops.requests[FILE_READ].all.time_ns, 1500);
	use = fileops_of_proc(&fileops, procs_find(&procs, 10, 2000));
	check_eq(use->ops[FILE_READ].time_ns, 100);
	check_eq(use->requests.nr, 2);
	check_eq(use->bytes_read, 32 + 64 + 64);
	check_eq(fileops.files[0].ops[FILE_READ].nr, 3);
	stop();
}

static void read_as(u64 ts, u32 pid, u32 tid, u64 dur, const char *comm, const char *cmdline)
{
	struct sn_vfs_read e = { HDR(vfs_read, ts, pid, 0), .dur_ns = dur, .ret = 1 };

	e.hdr.tid = tid;
	row_cmdline = cmdline;
	check_eq(fileops_batch(&fileops, one(&e, sizeof(e), comm, "/a")), 0);
	row_cmdline = NULL;
}

static const struct proc *proc_at(u32 pid, u64 ts)
{
	return &procs.at[procs_find(&procs, pid, ts)];
}

/* Without rows of exec: the dictionary knows who the process was before, the rows who it was then. */
TEST(rows_tell_names_where_exec_was_not_recorded)
{
	start(0, UINT64_MAX, 0);
	has_task(50, 50, 1000, 900, 10, "sonde");
	check_eq(procs_build(&procs), 0);
	check_eq(disks_build(&disks), 0);
	/* Rows of an event are read before those of another: the latest is not the last. */
	read_as(3000, 50, 50, 10, "cat", "cat /etc/hostname");
	read_as(2000, 50, 50, 10, "sh", "sh -c cat");
	read_as(4000, 50, 51, 10, "a-thread", "cat /etc/hostname");
	/* Began before it was called cat. */
	read_as(5000, 50, 50, 2500, "sh", "sh -c cat");
	check(text_is(&texts, proc_at(50, 3000)->comm, "cat"));
	check(text_is(&texts, proc_at(50, 3000)->cmdline, "cat /etc/hostname"));
	/* Of whom only a thread is seen, that one's name is better than none. */
	read_as(3000, 60, 61, 10, "worker", NULL);
	check(text_is(&texts, proc_at(60, 3000)->comm, "worker"));
	read_as(2000, 60, 60, 10, "main", NULL);
	check(text_is(&texts, proc_at(60, 3000)->comm, "main"));
	stop();
}

TEST(requests_and_exits_tell_names)
{
	struct sn_block_io io = { HDR(block_io, 3000, 70, 0), .dur_ns = 100, .dev = 8u << 20 };
	struct sn_proc_exit end = { HDR(proc_exit, 2000, 80, 0) };

	start(0, UINT64_MAX, 0);
	row_cmdline = "make -j2";
	check_eq(procs_batch(&procs, one(&end, sizeof(end), "make", NULL)), 0);
	check_eq(procs_build(&procs), 0);
	row_cmdline = "qemu -m 1G";
	check_eq(procs_see_batch(&procs, one(&io, sizeof(io), "qemu", NULL)), 0);
	row_cmdline = NULL;
	check(text_is(&texts, proc_at(80, 1500)->comm, "make"));
	check(text_is(&texts, proc_at(80, 1500)->cmdline, "make -j2"));
	check_eq(proc_at(80, 1500)->exit_ns, 2000);
	check(text_is(&texts, proc_at(70, 3000)->comm, "qemu"));
	check(text_is(&texts, proc_at(70, 3000)->cmdline, "qemu -m 1G"));
	stop();
}

/* What the kernel and files hold between NULs is told as every row tells it. */
TEST(arguments_are_joined_by_blanks)
{
	struct {
		struct sn_proc_exec e;
		char text[16];
	} r = { .e = { HDR(proc_exec, 1000, 90, 0) }, .text = "ls\0-l\0/tmp" };

	start(0, UINT64_MAX, 0);
	r.e.args = (struct sn_str){ sizeof(r.e), 11 };
	check_eq(procs_batch(&procs, one(&r, sizeof(r.e) + 11, "ls", NULL)), 0);
	check_eq(procs_build(&procs), 0);
	check(text_is(&texts, proc_at(90, 1000)->cmdline, "ls -l /tmp"));
	stop();
	/* One word, and the NUL that ends it. */
	start(0, UINT64_MAX, 0);
	r.e.args.len = 3;
	check_eq(procs_batch(&procs, one(&r, sizeof(r.e) + 11, "ls", NULL)), 0);
	check_eq(procs_build(&procs), 0);
	check(text_is(&texts, proc_at(90, 1000)->cmdline, "ls"));
	stop();
}

/* The time under way is counted once however requests overlap, and only inside the operation. */
TEST(requests_of_an_operation)
{
	struct op_io io;

	start(0, UINT64_MAX, 4);
	request(1100, 5, 1, 0, 4096, 100, SN_BLK_rq);
	request(1150, 5, 2, 8, 4096, 120, SN_BLK_rq);
	request(1400, 5, 3, 16, 8192, 100, SN_BLK_rq);
	request(2500, 5, 4, 32, 4096, 1000, SN_BLK_rq); /* read ahead: outlives the operation */
	request(1200, 6, 5, 999, 512, 50, SN_BLK_rq);
	check_eq(disks_build(&disks), 0);
	check(disks_of_op(&disks, 5, 900, 1600, &io));
	check_eq(io.nr, 4);
	check_eq(io.bytes, 4096 * 3 + 8192);
	check_eq(io.device_ns, 1320);
	/* [1000, 1150), [1300, 1400), and of [1500, 2500) what lies before 1600 */
	check_eq(io.waited_ns, 150 + 100 + 100);
	check(!disks_of_op(&disks, 7, 0, UINT64_MAX, &io));
	check(!disks_of_op(&disks, 0, 0, UINT64_MAX, &io));

	check_eq(procs_build(&procs), 0);
	read_file(1600, 10, 5, "/a", 700, 4096, S_IFREG);
	read_file(1700, 10, 8, "/a", 10, 4096, S_IFREG);
	check_eq(fileops_build(&fileops), 0);
	check_eq(fileops.times[FILE_READ].all.nr, 2);
	check_eq(fileops.times[FILE_READ].on_disk.nr, 1);
	check_eq(fileops.times[FILE_READ].on_disk.time_ns, 700);
	check_eq(fileops.times[FILE_READ].waited_ns, 350);
	check_eq(fileops_of_proc(&fileops, procs_find(&procs, 10, 1600))->disk_bytes,
		 4096 * 3 + 8192 + 512);
	stop();
}

/* Bytes of a bio and of the request it became below are the same bytes. */
TEST(stacked_devices_count_once)
{
	struct op_io io;

	start(0, UINT64_MAX, 0);
	request(1100, 5, 0, 0, 4096, 100, SN_BLK_bio);
	request(1090, 5, 1, 0, 4096, 80, SN_BLK_rq);
	request(1300, 6, 0, 0, 4096, 100, SN_BLK_bio); /* a device that has bios only */
	check_eq(disks_build(&disks), 0);
	check(disks_of_op(&disks, 5, 0, UINT64_MAX, &io));
	check_eq(io.nr, 1);
	check_eq(io.bytes, 4096);
	check(disks_of_op(&disks, 6, 0, UINT64_MAX, &io));
	check_eq(io.bytes, 4096);
	check_eq(disks.nr, 2); /* one of each kind */
	stop();
}

TEST(sequential_is_by_order_of_issue)
{
	start(0, UINT64_MAX, 0);
	/* Complete in another order than they were issued in. */
	request(1300, 0, 2, 8, 4096, 100, SN_BLK_rq);
	request(1200, 0, 1, 0, 4096, 100, SN_BLK_rq);
	request(1400, 0, 3, 16, 4096, 100, SN_BLK_rq);
	request(1500, 0, 4, 800, 4096, 100, SN_BLK_rq);
	check_eq(disks_build(&disks), 0);
	check_eq(disks.nr, 1);
	check_eq(disks.at[0].ops[0].nr, 4);
	check_eq(disks.at[0].ops[0].nr_seq, 2);
	check_eq(disks.at[0].ops[0].nr_sync, 4);
	check_eq(disks.at[0].bytes, 4 * 4096);
	/* [1100, 1500) without a gap */
	check_eq(spans_total(&disks.at[0].busy, 0, UINT64_MAX), 400);
	check_eq(hist_percentile(&disks.at[0].total, 99), 100);
	stop();
}

TEST(pipes_are_kept_apart)
{
	start(0, UINT64_MAX, 4);
	check_eq(disks_build(&disks), 0);
	read_file(5000, 10, 1, "pipe:[17]", 4000, 10, S_IFIFO);
	read_file(6000, 10, 2, "pipe:[18]", 4000, 10, S_IFIFO);
	read_file(6100, 10, 3, "/f", 50, 100, S_IFREG);
	check_eq(fileops.times[FILE_READ].all.time_ns, 50);
	check_eq(fileops.pipes[FILE_READ].all.time_ns, 8000);
	check_eq(fileops.nr_files, 2); /* all pipes are one */
	check_eq(fileops.nr_slow, 1);
	check_eq(fileops_of_proc(&fileops, procs_find(&procs, 10, 6000))->pipes.nr, 2);
	check_eq(fileops_of_proc(&fileops, procs_find(&procs, 10, 6000))->bytes_read, 100);
	stop();
}

TEST(files_are_told_apart)
{
	start(0, UINT64_MAX, 4);
	check_eq(disks_build(&disks), 0);
	for (u32 i = 0; i < 300; i++)
		read_file(5000 + i, 10, 1, i % 3 ? "/a" : "/b", i, 10, S_IFREG);
	read_file(6000, 10, 3, NULL, 1, 5, S_IFREG);
	check_eq(fileops.nr_files, 3);
	check_eq(fileops.files[0].ops[FILE_READ].nr, 100);
	check_eq(fileops.files[1].ops[FILE_READ].nr, 200);
	check_eq(fileops.files[1].bytes_read, 2000);
	check_eq(fileops.files[0].lat.max, 297);
	check(text_is(&texts, fileops.files[1].path, "/a"));
	check_eq(fileops.files[2].path, TEXT_NONE);
	check_eq(fileops.files[2].ino, 7);
	check_eq(fileops.nr_unnamed, 1);
	check_eq(fileops.nr_named, 300);
	stop();
}

static void copy_file(u64 ts, u64 ino, u64 to_ino, const char *path, const char *to_path, s64 ret)
{
	struct sn_vfs_copy e = { HDR(vfs_copy, ts, 10, 1), .dur_ns = 50, .ret = ret,
				 .call = SN_CALL_copy_file_range };

	sn_set(&e, dev, 8u << 20);
	sn_set(&e, ino, ino);
	sn_set(&e, file_type, S_IFREG);
	sn_set(&e, to_dev, 8u << 20);
	sn_set(&e, to_ino, to_ino);
	sn_set(&e, to_file_type, S_IFREG);
	row_to_path = to_path;
	check_eq(fileops_batch(&fileops, one(&e, sizeof(e), "cp", path)), 0);
	row_to_path = NULL;
}

/* A copy is read from the one file and written to the other, which may be the same. */
TEST(copies_have_two_files)
{
	const struct proc_use *use;

	start(0, UINT64_MAX, 4);
	check_eq(disks_build(&disks), 0);
	copy_file(5000, 7, 8, "/a", "/b", 100);
	copy_file(6000, 8, 7, "/b", "/a", 20);
	copy_file(7000, 7, 7, "/a", "/a", 3);
	copy_file(8000, 7, 9, "/a", NULL, -EXDEV);
	check_eq(fileops.nr_files, 3);
	check_eq(fileops.times[FILE_COPY].all.nr, 4);
	check_eq(fileops.times[FILE_COPY].all.time_ns, 200);
	check_eq(fileops.files[0].ops[FILE_COPY].nr, 4);
	check_eq(fileops.files[0].bytes_read, 103);
	check_eq(fileops.files[0].bytes_written, 23);
	check_eq(fileops.files[1].ops[FILE_COPY].nr, 2);
	check_eq(fileops.files[1].bytes_read, 20);
	check_eq(fileops.files[1].bytes_written, 100);
	check_eq(fileops.files[2].ino, 9);
	check_eq(fileops.files[2].nr_failed, 1);
	check_eq(fileops.nr_failed, 1);
	check(text_is(&texts, fileops.slow[0].call, "copy_file_range"));
	use = fileops_of_proc(&fileops, procs_find(&procs, 10, 6000));
	check_eq(use->ops[FILE_COPY].nr, 4);
	check_eq(use->bytes_read, 123);
	check_eq(use->bytes_written, 123);
	stop();
}

/* Names are operations and time, but no files; not even where what has the name is a pipe. */
TEST(names_are_no_files)
{
	struct sn_vfs_unlink gone = { HDR(vfs_unlink, 5000, 10, 1), .dur_ns = 50,
				      .call = SN_CALL_unlink };
	struct sn_vfs_rename moved = { HDR(vfs_rename, 6000, 10, 1), .dur_ns = 70, .ret = -EXDEV,
				       .call = SN_CALL_rename };
	struct sn_vfs_copy sent = { HDR(vfs_copy, 7000, 10, 1), .dur_ns = 90, .ret = 10,
				    .call = SN_CALL_vmsplice };
	const struct proc_use *use;

	start(0, UINT64_MAX, 4);
	check_eq(disks_build(&disks), 0);
	sn_set(&gone, dev, 8u << 20);
	sn_set(&gone, ino, 7);
	sn_set(&gone, file_type, S_IFIFO);
	check_eq(fileops_batch(&fileops, one(&gone, sizeof(gone), "rm", "/fifo")), 0);
	row_to_path = "/b";
	check_eq(fileops_batch(&fileops, one(&moved, sizeof(moved), "mv", "/a")), 0);
	row_to_path = NULL;
	sn_set(&sent, to_file_type, S_IFIFO);
	check_eq(fileops_batch(&fileops, one(&sent, sizeof(sent), "cat", NULL)), 0);
	check_eq(fileops.nr_files, 1); /* the pipes */
	use = fileops_of_proc(&fileops, procs_find(&procs, 10, 6000));
	check_eq(use->ops[FILE_NAME].nr, 2);
	check_eq(use->bytes_read, 0);
	check_eq(use->bytes_written, 0);
	check_eq(fileops.times[FILE_NAME].all.nr, 2);
	check_eq(fileops.times[FILE_NAME].all.time_ns, 120);
	check_eq(fileops.pipes[FILE_COPY].all.time_ns, 90);
	check_eq(fileops.times[FILE_COPY].all.nr, 0);
	check_eq(fileops.nr_failed, 1);
	check_eq(fileops.failed_opens.nr, 0);
	check(text_is(&texts, fileops.slow[0].name, "/a"));
	check(text_is(&texts, fileops.slow[1].name, "/fifo"));
	stop();
}

/* To a socket, from a pipe: the file's bytes count, the time is that of who is waited for. */
TEST(copies_to_and_from_pipes)
{
	struct sn_vfs_copy to = { HDR(vfs_copy, 7000, 10, 1), .dur_ns = 90, .ret = 10,
				  .call = SN_CALL_sendfile };
	struct sn_vfs_copy from = { HDR(vfs_copy, 8000, 10, 1), .dur_ns = 70, .ret = 30,
				    .call = SN_CALL_splice };
	const struct proc_use *use;

	start(0, UINT64_MAX, 4);
	check_eq(disks_build(&disks), 0);
	sn_set(&to, dev, 8u << 20);
	sn_set(&to, ino, 7);
	sn_set(&to, file_type, S_IFREG);
	sn_set(&to, to_file_type, S_IFSOCK);
	check_eq(fileops_batch(&fileops, one(&to, sizeof(to), "httpd", "/page")), 0);
	sn_set(&from, file_type, S_IFIFO);
	sn_set(&from, to_dev, 8u << 20);
	sn_set(&from, to_ino, 8);
	sn_set(&from, to_file_type, S_IFREG);
	row_to_path = "/log";
	check_eq(fileops_batch(&fileops, one(&from, sizeof(from), "httpd", NULL)), 0);
	row_to_path = NULL;
	use = fileops_of_proc(&fileops, procs_find(&procs, 10, 6000));
	check_eq(use->bytes_read, 10);
	check_eq(use->bytes_written, 30);
	check_eq(use->pipes.time_ns, 160);
	check_eq(use->ops[FILE_COPY].nr, 0);
	check_eq(fileops.pipes[FILE_COPY].all.nr, 2);
	check_eq(fileops.times[FILE_COPY].all.nr, 0);
	check_eq(fileops.nr_slow, 0);
	check_eq(fileops.files[0].bytes_read, 10);
	check_eq(fileops.files[0].ops[FILE_COPY].nr, 1);
	check_eq(fileops.files[0].ops[FILE_COPY].time_ns, 0);
	check(text_is(&texts, fileops.files[0].path, "/page"));
	stop();
}

/* Rows made before their file's name was known get it; other lives of the inode number do not. */
TEST(names_that_came_later)
{
	struct sn_paths path = { HDR(paths, 6000, 10, 0), .ino = 7, .dev = 8u << 20 };

	start(0, UINT64_MAX, 4);
	check_eq(disks_build(&disks), 0);
	check_eq(fileops_names(&fileops, one(&path, sizeof(path), NULL, "/late")), 0);
	path.gen = 3;
	check_eq(fileops_names(&fileops, one(&path, sizeof(path), NULL, "/Xate")), 0);
	read_file(5000, 10, 1, NULL, 1, 10, S_IFREG);
	read_file(7000, 10, 1, "/late", 1, 10, S_IFREG);
	check_eq(fileops.nr_files, 1);
	check(text_is(&texts, fileops.files[0].path, "/late"));
	check_eq(fileops.files[0].ops[FILE_READ].nr, 2);
	check_eq(fileops.nr_unnamed, 0);
	stop();
}

TEST(failures_and_restarts)
{
	struct {
		struct sn_vfs_open e;
		char name[8];
	} open = { .e = { HDR(vfs_open, 100, 10, 0), .dur_ns = 3, .ret = -ENOENT,
			  .call = SN_CALL_openat },
		   .name = "missing" };

	start(0, UINT64_MAX, 4);
	check_eq(disks_build(&disks), 0);
	open.e.name = (struct sn_str){ sizeof(open.e), 7 };
	for (u32 i = 0; i < 3; i++)
		check_eq(fileops_batch(&fileops, one(&open, sizeof(open.e) + 7, "ls", NULL)), 0);
	read_file(200, 10, 0, "/a", 7, -EIO, S_IFREG);
	read_file(300, 10, 0, "/a", 900, -512, S_IFREG);
	read_file(400, 10, 0, "/a", 900, -516, S_IFREG);
	check_eq(fileops.nr_failed, 4);
	check_eq(fileops.nr_restarted, 2);
	check_eq(fileops.times[FILE_READ].all.time_ns, 7);
	check_eq(fileops.failed_opens.nr, 1);
	check_eq(fileops.failed_opens.at[0].nr, 3);
	check(text_is(&texts, fileops.failed_opens.at[0].what, "missing"));
	check(text_is(&texts, fileops.failed_opens.at[0].error, "ENOENT"));
	check_eq(fileops.by_call.nr, 2);
	check_eq(fileops.nr_files, 1); /* what could not be opened is no file */
	stop();
}

TEST(slowest_are_in_order)
{
	static const u64 durs[] = { 5, 900, 3, 70, 900, 2, 1000, 6 };
	static const u64 want[] = { 1000, 900, 900 };

	start(0, UINT64_MAX, 3);
	check_eq(disks_build(&disks), 0);
	for (u32 i = 0; i < ARRAY_SIZE(durs); i++)
		read_file(5000 + i, 10, i, "/a", durs[i], 1, S_IFREG);
	check_eq(fileops.nr_slow, 3);
	for (u32 i = 0; i < 3; i++)
		check_eq(fileops.slow[i].dur_ns, want[i]);
	check_eq(fileops.slow[1].op, 1); /* of equals, the first */
	stop();
}

TEST(window)
{
	start(1000, 2000, 3);
	request(900, 4, 1, 0, 4096, 10, SN_BLK_rq);
	request(1500, 4, 2, 8, 4096, 10, SN_BLK_rq);
	check_eq(disks_build(&disks), 0);
	read_file(999, 10, 0, "/a", 5, 1, S_IFREG);
	read_file(1000, 10, 0, "/a", 5, 1, S_IFREG);
	read_file(2000, 10, 0, "/a", 5, 1, S_IFREG);
	read_file(2001, 10, 0, "/a", 5, 1, S_IFREG);
	check_eq(fileops.times[FILE_READ].all.nr, 2);
	check_eq(disks.at[0].nr, 1);
	check_eq(disks.nr_requests, 2);
	stop();
}

TEST(manifest_with_everything_missing)
{
	struct manifest m;
	struct diag d = {};

	check_eq(manifest_parse("", &m, &d), 0);
	check(!m.is_there);
	manifest_done(&m);
	check_eq(manifest_parse("{}", &m, &d), 0);
	check(m.is_there && !m.complete && !m.started_mono.known && !m.has_target);
	manifest_done(&m);
	check_eq(manifest_parse("[1]", &m, &d), -EINVAL);
	check(d.text[0]);
	check_eq(manifest_parse("{\"complete\":tr", &m, NULL), -EINVAL);
	/* Wrong types everywhere. */
	check_eq(manifest_parse(
			 "{\"host\":[],\"target\":7,\"programs\":{\"a\":1},\"events\":[3,null],"
			 "\"streams\":[{\"name\":5}],\"command\":[1,\"a b\",null],"
			 "\"started\":{\"mono_ns\":\"x\"}}",
			 &m, NULL),
		 0);
	check_eq(m.nr_programs, 0);
	check_eq(m.nr_events, 0);
	check(!m.started_mono.known);
	check_eq(m.command.len, 5);
	check(!memcmp(m.command.data, "'a b'", 5));
	manifest_done(&m);
}

TEST(manifest_counters)
{
	static const char text[] =
		"{\"started\":{\"mono_ns\":18446744073709551615},\"programs\":["
		"{\"name\":\"a\",\"runs\":10,\"missed\":null,\"emitted\":6,\"lost_ring\":4},"
		"{\"name\":\"b\",\"runs\":10,\"missed\":0,\"emitted\":6,\"lost_ring\":3},"
		"{\"name\":\"c\",\"runs\":null}]}";
	struct manifest m;
	u64 sum;

	check_eq(manifest_parse(text, &m, NULL), 0);
	check(m.started_mono.n == UINT64_MAX);
	check_eq(m.nr_programs, 3);
	check(!m.programs[0].missed.known);
	check(m.programs[1].missed.known);
	check(manifest_adds_up(&m.programs[0], &sum));
	check_eq(sum, 10);
	check(!manifest_adds_up(&m.programs[1], &sum));
	check(manifest_adds_up(&m.programs[2], &sum));
	manifest_done(&m);
}

TEST(manifest_runs_that_the_kernel_counted)
{
	static const char text[] =
		"{\"complete\":%s,\"programs\":["
		"{\"name\":\"a\",\"runs\":10,\"kernel_runs\":10,\"emitted\":10},"
		"{\"name\":\"b\",\"runs\":10,\"kernel_runs\":11,\"emitted\":10},"
		"{\"name\":\"c\",\"runs\":10,\"kernel_runs\":9,\"emitted\":10},"
		"{\"name\":\"vfs_call\",\"runs\":10,\"kernel_runs\":30,\"emitted\":10},"
		"{\"name\":\"vfs_call_ret\",\"runs\":10,\"kernel_runs\":31,\"emitted\":10},"
		"{\"name\":\"vfs_call\",\"runs\":10,\"kernel_runs\":9,\"emitted\":10},"
		"{\"name\":\"d\",\"runs\":10,\"kernel_runs\":null,\"emitted\":10}]}";
	static const bool wanted[] = { true, false, false, true, false, false, true };
	struct manifest m;
	char buf[1024];
	u64 sum;

	for (int complete = 0; complete < 2; complete++) {
		(void)snprintf(buf, sizeof(buf), text, complete ? "true" : "false");
		check_eq(manifest_parse(buf, &m, NULL), 0);
		check_eq(m.nr_programs, ARRAY_SIZE(wanted));
		for (u32 i = 0; i < m.nr_programs; i++)
			check_eq(manifest_adds_up(&m.programs[i], &sum), wanted[i] || !complete);
		check_eq(manifest_runs(&m.programs[1])->n, complete ? 11 : 10);
		manifest_done(&m);
	}
}

TEST(manifest_events_add_up)
{
#define IS(n_)                           \
	{                                \
		.n = (n_), .known = true \
	}
	struct manifest_event e = { .emitted = IS(9), .written = IS(7), .lost_writer = IS(2) };
	struct manifest_event own = { .emitted = IS(0), .put = IS(5), .written = IS(5) };

	check(manifest_event_adds_up(&e, false));
	e.emitted.n = 10;
	check(!manifest_event_adds_up(&e, false));
	e.put = (struct maybe)IS(9);
	check(!manifest_event_adds_up(&e, false));
	e.emitted.n = 9;
	check(manifest_event_adds_up(&e, false));
	check(manifest_event_adds_up(&own, true));
	check(!manifest_event_adds_up(&own, false));
	own.written.n = 4;
	check(!manifest_event_adds_up(&own, true));
	own.written.known = false;
	check(manifest_event_adds_up(&own, true));
}

TESTS(pairmap_finds_what_was_put, pid_used_again, children_hang_below_their_parents,
      rows_tell_names_where_exec_was_not_recorded, requests_and_exits_tell_names,
      arguments_are_joined_by_blanks, requests_of_an_operation, stacked_devices_count_once,
      sequential_is_by_order_of_issue, pipes_are_kept_apart, requests_are_kept_apart,
      files_are_told_apart, names_that_came_later, copies_have_two_files, names_are_no_files,
      copies_to_and_from_pipes, failures_and_restarts, slowest_are_in_order, window,
      manifest_with_everything_missing, manifest_counters, manifest_runs_that_the_kernel_counted,
      manifest_events_add_up)
