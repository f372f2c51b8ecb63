// SPDX-License-Identifier: BSD-2-Clause
/* What enrichment asks of the running machine, and how it reads the answers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "enrich/cgroup.h"
#include "enrich/enrich.h"
#include "enrich/path.h"
#include "enrich/procfs.h"
#include "schema/values.h"
#include "test.h"

#define SEC 1000000000ull
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct enrich *e;
static struct sn_names names;
static struct enrich_stats stats;

TEST(strings_are_freed_with_their_last_reference)
{
	struct intern pool = {};
	const struct istr *a = intern(&pool, "abc", 3), *b = intern(&pool, "abd", 3);

	check(a && b && a != b && a->serial != b->serial);
	check(intern(&pool, "abc", 3) == a);
	intern_put(&pool, a);
	check_eq(pool.nr, 2);
	intern_put(&pool, intern_ref(b));
	intern_put(&pool, b);
	check_eq(pool.nr, 1);
	check_str(a->s, "abc");
	intern_put(&pool, a);
	check_eq(pool.nr, 0);
	check_eq(pool.bytes, 0);
	intern_put(&pool, NULL);
	intern_done(&pool);
}

TEST(containers_in_cgroup_paths)
{
	static const struct {
		const char *path, *id;
	} cases[] = {
		{ "/docker/" HEX64, HEX64 },
		{ "/docker/" HEX64 "/", HEX64 },
		{ "/docker/" HEX64 "/system.slice/ssh.service", HEX64 },
		{ "/system.slice/docker-" HEX64 ".scope", HEX64 },
		{ "/system.slice/docker-" HEX64 ".scope/init.scope", HEX64 },
		{ "/system.slice/docker.service", NULL },
		{ "/system.slice/containerd.service", NULL },
		{ "/custom-parent/" HEX64, HEX64 },
		{ "/kubepods.slice/kubepods-burstable.slice/"
		  "kubepods-burstable-pod8d0b2c4e_1111_2222_3333_444455556666.slice/"
		  "cri-containerd-" HEX64 ".scope",
		  HEX64 },
		{ "/kubepods/besteffort/pod8d0b2c4e-1111-2222-3333-444455556666/" HEX64, HEX64 },
		{ "/kubepods/besteffort/pod8d0b2c4e-1111-2222-3333-444455556666", NULL },
		{ "/kubepods.slice/kubepods-pod1.slice/crio-" HEX64 ".scope", HEX64 },
		{ "/kubepods.slice/kubepods-pod1.slice/crio-" HEX64 ".scope/container", HEX64 },
		{ "/kubepods.slice/kubepods-pod1.slice/crio-conmon-" HEX64 ".scope", NULL },
		{ "/kubepods-besteffort-pod1.slice:cri-containerd:" HEX64, HEX64 },
		{ "/system.slice/x.service/kubepods-pod1.slice:cri-containerd:" HEX64, HEX64 },
		{ "/ecs/0123456789abcdef0123456789abcdef/" HEX64, HEX64 },
		{ "/machine.slice/libpod-" HEX64 ".scope", HEX64 },
		{ "/machine.slice/libpod-" HEX64 ".scope/container", HEX64 },
		{ "/machine.slice/libpod-conmon-" HEX64 ".scope", NULL },
		{ "/libpod_parent/libpod-" HEX64, HEX64 },
		{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" HEX64
		  ".scope/container",
		  HEX64 },
		{ "/lxc/web1", "web1" },
		{ "/lxc/web1/system.slice/cron.service", "web1" },
		{ "/lxc/web1/docker/" HEX64, HEX64 },
		{ "/lxc.payload.web-1/init.scope", "web-1" },
		{ "/lxc.payload/web1", "web1" },
		{ "/lxc.monitor.web1", NULL },
		{ "/lxc", NULL },
		{ "/machine.slice/machine-debian.scope", "debian" },
		{ "/machine.slice/machine-my\\x2dbox.scope/payload", "my-box" },
		{ "/machine.slice/machine-a\\x2gb\\x2.scope", "a\\x2gb\\x2" },
		{ "/machine.slice/systemd-nspawn@deb.service/payload", "deb" },
		{ "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt", NULL },
		{ "/", NULL },
		{ "", NULL },
		{ "//", NULL },
		{ "/user.slice/user-0.slice/session-1.scope", NULL },
		{ "/docker/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		  NULL },
		{ "/docker/123456789abc", NULL },
		{ "/docker/" HEX64 "0", NULL },
		{ "docker-.scope", NULL },
		{ "/machine-.scope", NULL },
	};
	struct intern pool = {};
	const struct istr *s;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t len = strlen(cases[i].path);
		/* No NUL behind the path: a memory checker sees reading too far. */
		_cleanup_(freep) char *path = malloc(len + !len);

		check(path);
		memcpy(path, cases[i].path, len);
		s = cgroup_container_name(&pool, path, len);
		check(!s == !cases[i].id);
		if (s)
			check_str(s->s, cases[i].id);
	}
	intern_done(&pool);
}

/* Against the plainest table there is. */
TEST(path_table_keeps_what_was_put)
{
	enum { NR = 3000 };
	static bool there[NR];
	struct intern pool = {};
	struct paths ps;
	char path[32];
	u64 seed = 1;
	u32 nr = 0, nr_gone;

	check_eq(path_init(&ps, &pool, 1 << 20), 0);
	for (u32 round = 0; round < 30000; round++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		u32 i = (u32)(seed >> 33) % NR;
		struct path_key key = { .ino = i / 3, .dev = i % 3, .gen = i & 1 };

		(void)snprintf(path, sizeof(path), "/%u", i);
		check_eq(path_learn(&ps, &key, path, strlen(path), SN_KNOWN_exact, false), 0);
		nr += !there[i];
		there[i] = true;
		check_eq(ps.nr, nr);
		if (round % 16)
			continue;
		/* One is gone, whichever, and all others are there. */
		check(path_drop(&ps));
		nr_gone = 0;
		for (u32 j = 0; j < NR; j++) {
			struct path_key k = { .ino = j / 3, .dev = j % 3, .gen = j & 1 };
			struct path *p = path_find(&ps, &k);

			(void)snprintf(path, sizeof(path), "/%u", j);
			if (p)
				check_str(p->name->s, path);
			nr_gone += there[j] && !p;
			check(there[j] || !p);
			there[j] = p;
		}
		check_eq(nr_gone, 1);
		nr--;
	}
	while (path_drop(&ps))
		nr--;
	check_eq(nr, 0);
	path_done(&ps);
	check_eq(pool.nr, 0);
	intern_done(&pool);
}

TEST(stat_of_a_process)
{
	static const char good[] =
		"7 (a) b (x)) S 3 7 7 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 4242 0";
	static const char *const bad[] = {
		"",
		"7",
		"7 (x)",
		"7 (x) ",
		"7 (x) S",
		"7 (x) S x",
		"7 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18",
		"7 (x) S 99999999999999999999999 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 42"
	};
	struct procfs_stat stat;

	check_eq(procfs_parse_stat(good, strlen(good), &stat), 0);
	check_eq(stat.ppid, 3);
	check_eq(stat.start_ticks, 4242);
	check(stat.is_kthread);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_eq(procfs_parse_stat(bad[i], strlen(bad[i]), &stat), -EINVAL);
}

TEST(mounts_of_a_process)
{
	char lines[] =
		"22 1 254:3 / / rw shared:1 - ext4 /dev/vda rw\n"
		"\n"
		"nonsense\n"
		"23 22 0:41 /a\\040b /mnt/with\\040blank\\134 rw master:1 shared:2 - cgroup2 x rw\n"
		"24 22 0x41 / /mnt rw - tmpfs x rw\n"
		"25 22 0:42 / /mnt rw tmpfs x rw\n"
		"26 22 0:43 / /last\\9 rw - tmpfs x rw";
	char *next = lines;
	struct procfs_mount m;

	check(procfs_next_mount(&next, &m));
	check_eq(m.id, 22);
	check_eq(m.dev, 254 << 20 | 3);
	check_str(m.point, "/");
	check_str(m.fs_type, "ext4");
	check(procfs_next_mount(&next, &m));
	check_eq(m.id, 23);
	check_eq(m.dev, 41);
	check_str(m.root, "/a b");
	check_str(m.point, "/mnt/with blank\\");
	check_str(m.fs_type, "cgroup2");
	check(procfs_next_mount(&next, &m));
	check_eq(m.id, 26);
	check_str(m.point, "/last\\9");
	check(!procfs_next_mount(&next, &m));
}

static u64 now_ns(void)
{
	struct timespec ts;

	check(!clock_gettime(CLOCK_MONOTONIC, &ts));
	return (u64)ts.tv_sec * SEC + (u64)ts.tv_nsec;
}

static void start_live(void)
{
	char ns[64] = "";

	if (readlink("/proc/self/ns/pid", ns, sizeof(ns) - 1) < 0 || strcmp(ns, "pid:[4026531836]"))
		skip("not in the initial pid namespace");
	enrich_free(e);
	e = enrich_new(&(struct enrich_opts){ .live = true });
	check(e);
}

static const char *text(enum sn_derived which)
{
	return names.str[which] ? names.str[which]->s : "(null)";
}

static void row(u64 ts, u32 pid, u32 tid)
{
	struct sn_vfs_close r = {
		.hdr = { .id = SN_EV_vfs_close, .ts = ts, .pid = pid, .tid = tid }
	};

	enrich_names(e, schema_by_id(SN_EV_vfs_close), &r, sizeof(r), &names);
}

/* What a thread that no record told of is called. */
TEST(proc_is_asked_once)
{
	char comm[16] = "", cmdline[4096] = "";
	struct sn_proc_fork fork_record = {
		.hdr = { .pid = (u32)getpid(), .tid = (u32)gettid() },
		.child_pid = (u32)getpid(),
		.child_tid = 0x3ffffff,
	};
	FILE *f = fopen("/proc/self/cmdline", "re");

	start_live();
	check(f);
	check(fread(cmdline, 1, sizeof(cmdline) - 1, f) > 0);
	(void)fclose(f);
	check(!prctl(PR_GET_NAME, comm));
	for (int i = 0; i < 10; i++) {
		row(now_ns(), (u32)getpid(), (u32)gettid());
		check_str(text(SN_D_comm), comm);
		check(names.num_valid & 1u << SN_D_ppid);
		check_eq(names.num[SN_D_ppid], getppid());
		check_str(text(SN_D_cmdline), cmdline); /* the test has no arguments */
	}
	enrich_get_stats(e, &stats);
	check_eq(stats.proc_asked, 1);
	check_eq(stats.proc_answered, 1);

	/* A new thread of a process that is known: nothing is missing. */
	fork_record.hdr.ts = now_ns();
	check(!enrich_learn(e, schema_by_id(SN_EV_proc_fork), &fork_record, sizeof(fork_record)));
	row(now_ns(), (u32)getpid(), 0x3ffffff);
	check_str(text(SN_D_comm), comm);
	enrich_get_stats(e, &stats);
	check_eq(stats.proc_asked, 1);
}

TEST(an_answer_that_was_none_is_kept)
{
	u64 now = now_ns();

	start_live();
	for (int i = 0; i < 10; i++) {
		row(now, 0x3ffffff, 0x3ffffff);
		check(!names.str[SN_D_comm] && !names.num_valid);
	}
	enrich_get_stats(e, &stats);
	check_eq(stats.proc_asked, 1);
	check_eq(stats.proc_answered, 0);
	/* Not for ever, and not without end. */
	row(now + 5 * SEC, 0x3ffffff, 0x3ffffff);
	enrich_get_stats(e, &stats);
	check_eq(stats.proc_asked, 2);
	for (u32 i = 0; i < 5000; i++)
		row(now + 5 * SEC, 0x2000000 + i, 0x2000000 + i);
	enrich_get_stats(e, &stats);
	check_eq(stats.proc_asked, 1001);
	row(now, 0, 0);
	check(!names.str[SN_D_comm] && !names.num_valid);
}

TEST(a_row_from_before_a_process_is_not_its_own)
{
	start_live();
	row(1, (u32)getpid(), (u32)gettid());
	enrich_get_stats(e, &stats);
	check_eq(stats.proc_asked, 1);
	check(!names.str[SN_D_comm] && !names.num_valid);
}

TEST(a_number_reused_in_silence_is_noticed)
{
	struct sn_tasks snapshot = { .start_ns = SEC, .parent_pid = 12345 };
	struct sn_proc_exec exec = { .old_tid = 1 };
	u64 now = now_ns();

	start_live();
	snapshot.hdr = (struct sn_hdr){ .ts = 2 * SEC, .pid = (u32)getpid(), .tid = (u32)getpid() };
	check(!enrich_learn(e, schema_by_id(SN_EV_tasks), &snapshot, sizeof(snapshot)));
	row(3 * SEC, (u32)getpid(), (u32)getpid());
	check_eq(names.num[SN_D_ppid], 12345);
	exec.hdr = (struct sn_hdr){ .ts = now, .pid = (u32)getpid(), .tid = (u32)getpid() };
	check(!enrich_learn(e, schema_by_id(SN_EV_proc_exec), &exec, sizeof(exec)));
	row(now, (u32)getpid(), (u32)getpid());
	check_eq(names.num[SN_D_ppid], getppid());

	/* Not if it is the same process as before. */
	snapshot.hdr.ts = snapshot.start_ns = now - 1;
	snapshot.parent_pid = 54321;
	check(!enrich_learn(e, schema_by_id(SN_EV_tasks), &snapshot, sizeof(snapshot)));
	exec.hdr.ts = now + 1;
	check(!enrich_learn(e, schema_by_id(SN_EV_proc_exec), &exec, sizeof(exec)));
	row(now + 2, (u32)getpid(), (u32)getpid());
	check_eq(names.num[SN_D_ppid], 54321);
}

TEST(offline_asks_nobody)
{
	enrich_free(e);
	e = enrich_new(NULL);
	check(e);
	row(now_ns(), (u32)getpid(), (u32)gettid());
	check(!names.str[SN_D_comm] && !names.num_valid);
	enrich_get_stats(e, &stats);
	check_eq(stats.proc_asked + stats.cgroup_asked, 0);
}

/* Where this machine has a hierarchy of this version mounted: cgroup or cgroup2. */
static bool find_cgroups(const char *fs_type, char *ret, size_t size)
{
	_cleanup_(buf_done) struct buf b = {};
	struct procfs_mount m;
	char *next;

	if (procfs_read(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &b) < 0)
		return false;
	next = b.data;
	while (procfs_next_mount(&next, &m))
		if (!strcmp(m.fs_type, fs_type) && !strcmp(m.root, "/"))
			return (size_t)snprintf(ret, size, "%s", m.point) < size;
	return false;
}

static void check_cgroup(struct cgroups *cs, const char *mount, const char *path, u64 now)
{
	struct cgroup *c;
	char full[512];
	struct stat st;

	(void)snprintf(full, sizeof(full), "%s%s", mount, path);
	check(!stat(full, &st));
	c = cgroup_find(cs, st.st_ino, now);
	check(c && c->path);
	check_str(c->path->s, path);
}

TEST(cgroups_are_found_by_id)
{
	char mount[256], group[400], child[420], path[64];
	struct intern pool = {};
	struct cgroups cs = {};
	const struct cgroup *c;
	struct stat st;
	u64 asked;

	if (!find_cgroups("cgroup2", mount, sizeof(mount)))
		skip("no version 2 cgroups are mounted");
	(void)snprintf(path, sizeof(path), "/sonde-test-%d", getpid());
	(void)snprintf(group, sizeof(group), "%s%s", mount, path);
	(void)snprintf(child, sizeof(child), "%s/child", group);
	if (mkdir(group, 0755) < 0)
		skip("cannot make a cgroup");
	check(!cgroup_init(&cs, &pool, 1000));
	check(!cgroup_attach(&cs, mount));
	check_eq(cs.asked, 0);
	check_cgroup(&cs, mount, path, 1); /* seen by the first walk */
	check_eq(cs.asked, 0);
	check_cgroup(&cs, mount, "/", 1);

	check(!mkdir(child, 0755));
	(void)snprintf(path, sizeof(path), "/sonde-test-%d/child", getpid());
	check_cgroup(&cs, mount, path, 1);
	check_eq(cs.asked, 1);
	printf("# by handle: %d\n", cs.handles_work);
	check(!rmdir(child));

	/* By walking, where handles are refused: not twice in ten seconds. */
	cs.handles_work = false;
	check(!mkdir(child, 0755));
	check_cgroup(&cs, mount, path, 1);
	check(!rmdir(child) && !mkdir(child, 0755));
	asked = cs.answered;
	c = cgroup_find(&cs, 0x7fffffff, 2 * SEC);
	check(c && !c->path);
	c = cgroup_find(&cs, 0x7fffffff, 3 * SEC);
	check(c && !c->path);
	check_eq(cs.answered, asked);
	check_eq(cs.asked, 3);
	check(!stat(child, &st));
	c = cgroup_find(&cs, st.st_ino, 4 * SEC);
	check(c && !c->path);
	check_cgroup(&cs, mount, path, 20 * SEC);

	(void)rmdir(child);
	(void)rmdir(group);
	cgroup_done(&cs);
	check_eq(pool.nr, 0);
	intern_done(&pool);
}

TEST(version_1_tells_the_container)
{
	char mount[256], parent[320], group[400], procs[420], go;
	int to_child[2], status;
	pid_t child;
	FILE *f;

	start_live();
	if (!find_cgroups("cgroup", mount, sizeof(mount)))
		skip("no version 1 cgroups are mounted");
	(void)snprintf(parent, sizeof(parent), "%s/sonde-test-%d", mount, getpid());
	(void)snprintf(group, sizeof(group), "%s/" HEX64, parent);
	(void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", group);
	if (mkdir(parent, 0755) < 0 || mkdir(group, 0755) < 0)
		skip("cannot make a cgroup");
	check(!pipe(to_child));
	child = fork();
	if (!child)
		_exit(read(to_child[0], &go, 1) != 1);
	f = fopen(procs, "we");
	check(f && fprintf(f, "%d\n", child) > 0 && !fclose(f));
	row(now_ns(), (u32)child, (u32)child);
	check(write(to_child[1], "", 1) == 1);
	check(waitpid(child, &status, 0) == child && status == 0);
	(void)rmdir(group);
	(void)rmdir(parent);
	(void)close(to_child[0]);
	(void)close(to_child[1]);
	check_str(text(SN_D_container), HEX64);
}

TESTS(strings_are_freed_with_their_last_reference, containers_in_cgroup_paths,
      path_table_keeps_what_was_put, stat_of_a_process, mounts_of_a_process, proc_is_asked_once,
      an_answer_that_was_none_is_kept, a_row_from_before_a_process_is_not_its_own,
      a_number_reused_in_silence_is_noticed, offline_asks_nobody, cgroups_are_found_by_id,
      version_1_tells_the_container)
