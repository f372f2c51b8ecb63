// SPDX-License-Identifier: BSD-2-Clause
/*
 * A factory of known events: does what the named workload says, then prints the
 * rows that a tracer must have seen. It knows nothing of any tracer.
 */
#include "sonde-work.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

static const struct work {
	const char *name, *doc;
	void (*run)(void);
} works[] = {
#define WORK(name, doc) { #name, doc, work_##name },
#include "works.def"
#undef WORK
};

#define ARENA_SIZE (256ul << 20)
#define MAX_PROCESSES 4096

/* Shared by all threads and children; touched pages only cost memory. */
struct arena {
	u64 from_ns, to_ns;
	unsigned int nr_processes;
	int processes[MAX_PROCESSES];
	size_t len;
	char text[];
};

const char *work_dir = ".";
const char *work_self;

static struct arena *arena;
static char **params;
static bool marks, gate;

void die(const char *what, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, what);
	(void)vsnprintf(text, sizeof(text), what, ap);
	va_end(ap);
	fprintf(stderr, "sonde-work: %s (%s)\n", text, strerror(errno));
	_exit(99);
}

void skip(const char *why, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, why);
	(void)vsnprintf(text, sizeof(text), why, ap);
	va_end(ap);
	fprintf(stderr, "skip: %s\n", text);
	_exit(77);
}

s64 sys(long nr, long a, long b, long c, long d, long e, long f)
{
	long r = syscall(nr, a, b, c, d, e, f);

	return r == -1 ? -errno : r;
}

/* ---- claims ---- */

static void put(struct claim *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct claim *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	c->len += vsnprintf(c->text + c->len, sizeof(c->text) - c->len, fmt, ap);
	va_end(ap);
	if (c->len >= sizeof(c->text))
		die("a claim is too long");
}

/* The length of the UTF-8 character at s, or 0. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
	size_t n = s[0] < 0x80       ? 1
		   : s[0] >> 5 == 6  ? 2
		   : s[0] >> 4 == 14 ? 3
		   : s[0] >> 3 == 30 ? 4
				     : 0;

	if (!n || n > left || s[0] == 0xc0 || s[0] == 0xc1 || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if (s[i] >> 6 != 2)
			return 0;
	return n;
}

/* As JSON; a byte that is no UTF-8 is U+FFFD. True if there was one. */
static bool put_text(struct claim *c, const char *s, size_t len)
{
	bool invalid = false;

	put(c, "\"");
	for (size_t i = 0; i < len;) {
		unsigned char b = (unsigned char)s[i];
		size_t n = utf8_len((const unsigned char *)s + i, len - i);

		if (!n) {
			put(c, "\\ufffd");
			invalid = true;
			n = 1;
		} else if (b == '"' || b == '\\') {
			put(c, "\\%c", b);
		} else if (b < 0x20) {
			put(c, "\\u%04x", b);
		} else {
			put(c, "%.*s", (int)n, s + i);
		}
		i += n;
	}
	put(c, "\"");
	return invalid;
}

static void put_key(struct claim *c, const char *key)
{
	put(c, "%s\"%s\":", c->text[c->len - 1] == '{' ? "" : ",", key);
}

void claim_row_of(struct claim *c, const char *event, pid_t pid, pid_t tid, const char *comm)
{
	c->len = 0;
	put(c, "{\"event\":\"%s\"", event);
	claim_num(c, "pid", pid);
	if (tid)
		claim_num(c, "tid", tid);
	if (comm)
		claim_str(c, "comm", comm);
}

void claim_row(struct claim *c, const char *event)
{
	char comm[16] = "";

	(void)SYS(SYS_prctl, PR_GET_NAME, comm);
	claim_row_of(c, event, getpid(), (pid_t)SYS(SYS_gettid), comm);
}

void claim_kind(struct claim *c, const char *kind)
{
	c->len = 0;
	put(c, "{\"%s\":{", kind);
}

void claim_num(struct claim *c, const char *key, s64 value)
{
	put_key(c, key);
	put(c, "%lld", (long long)value);
}

void claim_mem(struct claim *c, const char *key, const char *value, size_t len)
{
	put_key(c, key);
	if (put_text(c, value, len))
		claim_bool(c, "_invalid_utf8", true);
}

void claim_str(struct claim *c, const char *key, const char *value)
{
	if (value)
		claim_mem(c, key, value, strlen(value));
	else
		claim_null(c, key);
}

void claim_null(struct claim *c, const char *key)
{
	put_key(c, key);
	put(c, "null");
}

void claim_bool(struct claim *c, const char *key, bool value)
{
	put_key(c, key);
	put(c, value ? "true" : "false");
}

void claim_json(struct claim *c, const char *key, const char *json)
{
	put_key(c, key);
	put(c, "%s", json);
}

void claim_ret(struct claim *c, s64 ret)
{
	claim_num(c, "ret", ret);
	if (ret >= 0)
		claim_null(c, "errno");
	else if (ret == -512)
		claim_str(c, "errno", "ERESTARTSYS");
	else
		claim_str(c, "errno", strerrorname_np((int)-ret));
}

void claim_min(struct claim *c, const char *key, u64 value)
{
	put_key(c, "min");
	put(c, "{\"%s\":%llu}", key, (unsigned long long)value);
}

void claim_either(struct claim *c, const char *key, const char *a, const char *b)
{
	put_key(c, "any");
	put(c, "{\"%s\":[", key);
	if (a)
		(void)put_text(c, a, strlen(a));
	else
		put(c, "null");
	put(c, ",");
	if (b)
		(void)put_text(c, b, strlen(b));
	else
		put(c, "null");
	put(c, "]}");
}

void claim_let(struct claim *c, const char *key, const char *name)
{
	put_key(c, "let");
	put(c, "{\"%s\":\"%s\"}", key, name);
}

void claim_end(struct claim *c)
{
	size_t at;

	/* {"kind":{ has two braces open. */
	put(c, "%s\n", strstr(c->text, "\":{") && c->text[2] != 'e' ? "}}" : "}");
	at = __atomic_fetch_add(&arena->len, c->len, __ATOMIC_RELAXED);
	if (at + c->len > ARENA_SIZE - sizeof(*arena))
		die("too many claims");
	memcpy(arena->text + at, c->text, c->len);
}

void claim_count(const char *event, u64 n, const char *where)
{
	struct claim c;

	claim_kind(&c, "count");
	claim_str(&c, "event", event);
	claim_num(&c, "n", (s64)n);
	put_key(&c, "where");
	put(&c, "{%s}", where);
	claim_end(&c);
}

void claim_sum(const char *event, const char *field, u64 n, const char *where)
{
	struct claim c;

	claim_kind(&c, "sum");
	claim_str(&c, "event", event);
	claim_str(&c, "field", field);
	claim_num(&c, "n", (s64)n);
	put_key(&c, "where");
	put(&c, "{%s}", where);
	claim_end(&c);
}

void claim_distinct(const char *event, const char *field, const char *where)
{
	struct claim c;

	claim_kind(&c, "distinct");
	claim_str(&c, "event", event);
	claim_str(&c, "field", field);
	put_key(&c, "where");
	put(&c, "{%s}", where);
	claim_end(&c);
}

void claim_process(void)
{
	unsigned int i = __atomic_fetch_add(&arena->nr_processes, 1, __ATOMIC_RELAXED);

	if (i >= MAX_PROCESSES)
		die("too many processes");
	arena->processes[i] = getpid();
}

void *shared_memory(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED)
		die("no memory");
	return mem;
}

/* ---- the window ---- */

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

static void wait_at_gate(void)
{
	char byte;

	printf("ready %d\n", arena->processes[0]);
	fflush(stdout);
	if (read(STDIN_FILENO, &byte, 1) < 0)
		die("cannot read the gate");
}

/* A call that nobody else makes, so that strace(1) shows where the window is. */
void window_begin(void)
{
	if (gate)
		wait_at_gate();
	if (marks)
		(void)SYS(SYS_getpgid, -7);
	arena->from_ns = now_ns();
}

bool in_window(void)
{
	return arena->from_ns && !arena->to_ns;
}

void window_end(void)
{
	arena->to_ns = now_ns();
	if (marks)
		(void)SYS(SYS_getpgid, -8);
}

static pid_t held;

static void hold_sonde(void)
{
	char path[64], comm[16] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", getppid());
	file = fopen(path, "re");
	if (!file || !fgets(comm, sizeof(comm), file) || strncmp(comm, "sonde", 5))
		die("it is not sonde that started this: %s", comm);
	fclose(file);
	held = getppid();
	kill(held, SIGSTOP);
}

static void let_go(void)
{
	if (held)
		kill(held, SIGCONT);
	held = 0;
}

void flood_begin(void)
{
	bool hold = param_num("hold", 0);

	usleep(RING_IS_EMPTY_US);
	if (hold)
		hold_sonde();
	window_begin();
}

void flood_round(u64 i, u64 nr)
{
	if (i == nr / 2)
		let_go();
}

void flood_end(void)
{
	window_end();
	let_go();
	usleep((useconds_t)param_num("rest", RING_IS_EMPTY_US / 1000) * 1000);
}

static void print_claims(const char *path)
{
	FILE *out = path ? fopen(path, "we") : stdout;

	if (!out)
		die("cannot write %s", path);
	fprintf(out, "{\"window\":{\"from_ns\":%llu,\"to_ns\":%llu,\"pids\":[",
		(unsigned long long)arena->from_ns, (unsigned long long)arena->to_ns);
	for (unsigned int i = 0; i < arena->nr_processes; i++)
		fprintf(out, "%s%d", i ? "," : "", arena->processes[i]);
	fprintf(out, "]}}\n");
	if (fwrite(arena->text, 1, arena->len, out) != arena->len || fflush(out))
		die("cannot write the claims");
	if (out != stdout && fclose(out))
		die("cannot write the claims");
}

/* ---- what workloads use ---- */

const char *param_str(const char *key, const char *fallback)
{
	size_t len = strlen(key);

	for (char **p = params; p && *p; p++)
		if (!strncmp(*p, key, len) && (*p)[len] == '=')
			return *p + len + 1;
	return fallback;
}

u64 param_num(const char *key, u64 fallback)
{
	const char *text = param_str(key, NULL);
	char *end;
	u64 value;

	if (!text)
		return fallback;
	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end)
		die("%s=%s is no number", key, text);
	return value;
}

const char *in_dir(const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", work_dir, name) < 0)
		die("no memory");
	return path;
}

void make_file(const char *path, u64 size)
{
	static unsigned char bytes[65536];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		die("cannot make %s", path);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7);
	for (u64 done = 0; done < size;) {
		size_t len = size - done < sizeof(bytes) ? size - done : sizeof(bytes);
		ssize_t n = write(fd, bytes, len);

		if (n <= 0)
			die("cannot write %s", path);
		done += (u64)n;
	}
	close(fd);
}

static void usage(FILE *out)
{
	fprintf(out,
		"usage: sonde-work [-C DIR] [-o FILE] [--gate] [--marks] WORKLOAD [KEY=VALUE ...]\n"
		"  -C DIR    work in this directory\n"
		"  -o FILE   write the claims there, not to stdout\n"
		"  --gate    print \"ready PID\" and wait for a byte on stdin\n"
		"  --marks   mark the window with getpgid(-7) and getpgid(-8)\n"
		"  --list    the workloads\n");
}

static void parse_dir(const char *dir)
{
	char real[PATH_MAX];

	if (!realpath(dir, real) || chdir(real))
		die("cannot work in %s", dir);
	work_dir = strdup(real);
}

/*
 * What a workload's child becomes by exec: "@exit CODE ..." ends at once, "@read FD N"
 * reads 64 bytes N times. The one who made it claims its rows.
 */
static void act_as_child(int argc, char **argv)
{
	char bytes[64];

	if (argc >= 2 && !strcmp(argv[0], "@exit"))
		_exit((int)strtol(argv[1], NULL, 10));
	if (argc < 3 || strcmp(argv[0], "@read"))
		return;
	for (long i = strtol(argv[2], NULL, 10); i > 0; i--)
		if (SYS(SYS_pread64, strtol(argv[1], NULL, 10), bytes, sizeof(bytes), 0) < 0)
			_exit(1);
	_exit(0);
}

int main(int argc, char **argv)
{
	/* clang-format off */
	static const struct option options[] = {
		{ "gate", no_argument, NULL, 'g' },
		{ "marks", no_argument, NULL, 'm' },
		{ "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	/* clang-format on */
	const char *out = NULL, *dir = ".";
	const struct work *work = NULL;
	static char self[PATH_MAX];
	ssize_t len;
	int opt;

	act_as_child(argc, argv);
	while ((opt = getopt_long(argc, argv, "+C:o:h", options, NULL)) != -1) {
		switch (opt) {
		case 'C':
			dir = optarg;
			break;
		case 'o':
			out = optarg;
			break;
		case 'g':
			gate = true;
			break;
		case 'm':
			marks = true;
			break;
		case 'l':
			for (size_t i = 0; i < ARRAY_SIZE(works); i++)
				printf("%-16s %s\n", works[i].name, works[i].doc);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc)
		for (size_t i = 0; i < ARRAY_SIZE(works); i++)
			if (!strcmp(works[i].name, argv[optind]))
				work = &works[i];
	if (!work) {
		usage(stderr);
		return 2;
	}
	params = argv + optind + 1;
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len < 0)
		die("cannot find this program");
	work_self = self;
	if (out && out[0] != '/')
		die("-o takes an absolute path");
	arena = shared_memory(ARENA_SIZE);
	umask(0);
	parse_dir(dir);
	claim_process();
	work->run();
	print_claims(out);
	return 0;
}
