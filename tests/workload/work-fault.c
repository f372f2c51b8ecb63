// SPDX-License-Identifier: BSD-2-Clause
/*
 * Page faults in mappings of files. Whether an access faults, and whether that is a major fault, is
 * taken from the thread's own count (getrusage(2)) before and after it.
 */
#include "sonde-work.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>

#define NR 64 /* pages of a file */

#if defined(__x86_64__)
#define RETURN "\xc3"
#elif defined(__aarch64__)
#define RETURN "\xc0\x03\x5f\xd6"
#endif

enum access { READ, WRITE, EXEC, WRITE_BY_KERNEL };

struct mapped {
	struct wfile f;
	char *at;
	u64 first; /* page of the file */
	u64 nr_faults;
	u64 least_ns; /* that a major one takes */
};

static const struct mapped *source; /* what the kernel copies from */

static struct mapped map_pages(const char *name, u64 first, u64 nr, int prot, int flags)
{
	struct mapped m = { .first = first };

	wfile_open(&m.f, in_dir(name), O_RDWR | O_CREAT, 0644);
	m.at = mmap(NULL, nr * PAGE, prot, flags, m.f.fd, (off_t)(first * PAGE));
	if (m.at == MAP_FAILED)
		die("cannot map %s", name);
	return m;
}

/* A file that is on the disk, if there is one, and not in memory. */
static void make_cold(const char *name)
{
	struct wfile f;

	make_file(in_dir(name), NR * PAGE);
	wfile_open(&f, in_dir(name), O_RDWR, 0);
	if (fsync(f.fd) || posix_fadvise(f.fd, 0, 0, POSIX_FADV_DONTNEED) || close(f.fd))
		die("cannot write %s", name);
}

static void touch(const struct mapped *m, char *at, enum access access)
{
	switch (access) {
	case READ:
		(void)*(volatile char *)at;
		break;
	case WRITE:
		*(volatile char *)at = 'w';
		break;
	case EXEC:
		((void (*)(void))(void *)at)();
		break;
	case WRITE_BY_KERNEL:
		if (SYS(SYS_pread64, source->f.fd, at, 10, 0) != 10)
			die("a read into %s failed", m->f.path);
		break;
	}
}

static void claim_fault(const struct mapped *m, u64 page, const char *at, enum access access,
			const char *severity)
{
	static const char *const words[] = { "read", "write", "exec", "write" };
	struct claim c;

	claim_row(&c, "fault_file");
	claim_num(&c, "addr", (s64)(uintptr_t)at);
	claim_num(&c, "index", (s64)(m->first + page));
	claim_str(&c, "access", words[access]);
	claim_str(&c, "severity", severity);
	claim_str(&c, "origin", access == WRITE_BY_KERNEL ? "kernel" : "user");
	claim_file(&c, &m->f);
	claim_bool(&c, "unlinked", m->f.unlinked);
	claim_min(&c, "dur_ns", !strcmp(severity, "major") && m->least_ns ? m->least_ns : 1);
	if (access == WRITE_BY_KERNEL && param_num("chain", 0))
		claim_str(&c, "op", "$read");
	claim_end(&c);
}

/* The read that the kernel's fault is part of. */
static void claim_read(void)
{
	struct claim c;

	claim_row(&c, "vfs_read");
	claim_str(&c, "call", "pread64");
	claim_file(&c, &source->f);
	claim_ret(&c, 10);
	claim_let(&c, "op", "read");
	claim_end(&c);
}

/*
 * Major faults that it was; claims what the kernel counted. A fault of a page that is in memory may map others of
 * the same 64 KiB of addresses.
 */
static u64 fault(struct mapped *m, u64 page, enum access access)
{
	char *at = m->at + page * PAGE + (access == EXEC ? 0 : 123);
	struct rusage before, after;
	u64 minor, major;

	getrusage(RUSAGE_THREAD, &before);
	touch(m, at, access);
	getrusage(RUSAGE_THREAD, &after);
	minor = (u64)(after.ru_minflt - before.ru_minflt);
	major = (u64)(after.ru_majflt - before.ru_majflt);
	if (minor + major > 1)
		die("%llu faults by touching page %llu of %s", (unsigned long long)(minor + major),
		    (unsigned long long)page, m->f.path);
	if (access == WRITE_BY_KERNEL && param_num("chain", 0))
		claim_read();
	if (minor + major)
		claim_fault(m, page, at, access, major ? "major" : "minor");
	m->nr_faults += minor + major;
	return major;
}

static void faults_once(struct mapped *m, u64 page, enum access access)
{
	u64 before = m->nr_faults;

	(void)fault(m, page, access);
	if (m->nr_faults != before + 1)
		die("page %llu of %s does not fault", (unsigned long long)page, m->f.path);
}

static void claim_nothing_else(const struct mapped *m, u64 nr)
{
	char where[8192];

	snprintf(where, sizeof(where), "\"path\":\"%s\"", m->f.path);
	claim_count("fault_file", nr, where);
}

static void touch_another(void *arg)
{
	faults_once(arg, 60, WRITE);
}

/* What a library does at its first call is no access of ours. */
static void warm_up(void)
{
	struct rusage r;

	getrusage(RUSAGE_THREAD, &r);
	(void)SYS(SYS_pread64, source->f.fd, (char *)&r, 10, 0);
	(void)in_dir("warm");
}

static void touch_memory(void)
{
	volatile char *at =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	volatile char *own =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < 4; i++)
		at[i * PAGE] = own[i * PAGE] = 1;
}

static void write_code(const char *name)
{
	struct wfile f;

	wfile_open(&f, in_dir(name), O_RDWR | O_CREAT, 0644);
	if (write(f.fd, RETURN, sizeof(RETURN) - 1) != sizeof(RETURN) - 1 || fsync(f.fd) ||
	    ftruncate(f.fd, PAGE) || close(f.fd))
		die("cannot write %s", name);
}

void work_fault_forms(void)
{
	struct mapped shared, private, code, gone, from;
	struct worker *w;

	make_cold("cold");
	make_cold("source");
	make_cold("gone");
	write_code("code");
	shared = map_pages("cold", 0, NR, PROT_READ | PROT_WRITE, MAP_SHARED);
	private = map_pages("cold", 8, NR - 8, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	code = map_pages("code", 0, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE);
	gone = map_pages("gone", 0, NR, PROT_READ, MAP_SHARED);
	from = map_pages("source", 0, 1, PROT_READ, MAP_SHARED);
	source = &from;
	warm_up();
	window_begin();
	if (!fault(&shared, 20, READ) && !param_num("memory", 0))
		die("what is not in memory is no major fault");
	(void)fault(&shared, 20, READ);
	(void)fault(&shared, 20, WRITE);
	(void)fault(&shared, 50, WRITE);
	faults_once(&private, 3, READ);
	faults_once(&private, 3, WRITE);
	faults_once(&private, 30, WRITE);
	faults_once(&code, 0, EXEC);
	faults_once(&shared, 2, WRITE_BY_KERNEL);
	if (SYS(SYS_unlinkat, AT_FDCWD, gone.f.path, 0))
		die("cannot unlink %s", gone.f.path);
	gone.f.unlinked = true;
	faults_once(&gone, 40, READ);
	touch_memory();
	w = worker_start("faulty", touch_another, &shared);
	worker_join(w);
	claim_nothing_else(&shared, shared.nr_faults + private.nr_faults);
	claim_nothing_else(&code, code.nr_faults);
	window_end();
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Of a disk that has everything so many milliseconds later; signals=1: while signals come. */
void work_fault_slow(void)
{
	struct itimerval often = { .it_interval.tv_usec = 700, .it_value.tv_usec = 700 };
	struct sigaction action = { .sa_handler = on_alarm };
	u64 nr = param_num("n", 10), nr_major = 0;
	bool signals = param_num("signals", 0);
	struct mapped m = {};

	wfile_open(&m.f, param_str("dev", ""), O_RDWR, 0);
	m.at = mmap(NULL, nr * NR * PAGE, PROT_READ, MAP_SHARED, m.f.fd, 0);
	if (m.at == MAP_FAILED || madvise(m.at, nr * NR * PAGE, MADV_RANDOM) ||
	    posix_fadvise(m.f.fd, 0, 0, POSIX_FADV_DONTNEED))
		die("cannot map the disk");
	if (sigaction(SIGALRM, &action, NULL) || (signals && setitimer(ITIMER_REAL, &often, NULL)))
		die("no signals");
	m.least_ns = signals ? 0 : param_num("ms", 0) * 1000000;
	window_begin();
	for (u64 i = 0; i < nr; i++)
		nr_major += fault(&m, i * NR, READ);
	claim_nothing_else(&m, nr);
	window_end();
	if (!nr_major && !signals)
		die("nothing waited for the disk");
}

static sigjmp_buf back;

static void on_bus_error(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

/* Behind the end of a file there is no page: a signal, or an error of the call that copies. */
void work_fault_failed(void)
{
	struct sigaction action = { .sa_handler = on_bus_error };
	struct mapped m, from;

	make_file(in_dir("short"), PAGE);
	make_file(in_dir("source"), PAGE);
	m = map_pages("short", 0, 8, PROT_READ | PROT_WRITE, MAP_SHARED);
	from = map_pages("source", 0, 1, PROT_READ, MAP_SHARED);
	if (sigaction(SIGBUS, &action, NULL))
		die("sigaction fails");
	window_begin();
	if (!sigsetjmp(back, 1)) {
		touch(&m, m.at + 5 * PAGE, WRITE);
		die("nothing is behind the end, and no signal said so");
	}
	claim_fault(&m, 5, m.at + 5 * PAGE, WRITE, "failed");
	if (SYS(SYS_pread64, from.f.fd, m.at + 6 * PAGE, 10, 0) >= 0)
		die("a read to behind the end of a file succeeds");
	claim_fault(&m, 6, m.at + 6 * PAGE, WRITE_BY_KERNEL, "failed");
	faults_once(&m, 0, WRITE);
	window_end();
}

static volatile int is_over;

/* Makes and removes mappings all around, so that the kernel's tree of them changes. */
static void change_mappings(void *arg)
{
	enum { NR_MAPPINGS = 100 };
	char *at[NR_MAPPINGS];

	(void)arg;
	while (!is_over) {
		for (int i = 0; i < NR_MAPPINGS; i++) /* neighbours that are not alike stay apart */
			at[i] = mmap(NULL, PAGE, i % 2 ? PROT_READ : PROT_NONE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (int i = 0; i < NR_MAPPINGS; i++)
			if (at[i] == MAP_FAILED || munmap(at[i], PAGE))
				die("cannot map memory");
	}
}

/* The page of a file that has one, written to and given up again: where there are more the kernel may map several at once. */
void work_fault_flood(void)
{
	u64 nr = param_num("n", 5000);
	struct mapped m;
	struct rusage before, after;
	struct worker *w = NULL;

	make_file(in_dir("flood"), PAGE);
	m = map_pages("flood", 0, 1, PROT_READ | PROT_WRITE, MAP_SHARED);
	flood_begin();
	if (param_num("busy", 0))
		w = worker_start("busy", change_mappings, NULL);
	getrusage(RUSAGE_THREAD, &before);
	for (u64 i = 0; i < nr; i++) {
		flood_round(i, nr);
		*(volatile char *)m.at = 1;
		if (madvise(m.at, PAGE, MADV_DONTNEED))
			die("a page cannot be given up");
	}
	getrusage(RUSAGE_THREAD, &after);
	is_over = 1;
	if (w)
		worker_join(w);
	flood_end();
	if ((u64)(after.ru_minflt + after.ru_majflt - before.ru_minflt - before.ru_majflt) < nr)
		die("pages did not fault");
	claim_nothing_else(&m, nr);
}
