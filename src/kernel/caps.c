// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/caps.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <zlib.h>

#include "base/log.h"
#include "bpf/preempt.h"
#include "kernel/state.h"

#include "calib.skel.h"
#include "preempt_count.skel.h"
#include "preempt_hot.skel.h"

static void answer(struct caps_answer *a, bool yes, const char *why)
{
	a->yes = yes;
	(void)snprintf(a->why, sizeof(a->why), "%s", yes ? "" : why);
}

/* ---- privileges ---- */

static bool has_capability(const struct __user_cap_data_struct data[2], int cap)
{
	return data[cap / 32].effective >> (cap % 32) & 1;
}

int caps_check_privileges(struct diag *d)
{
	static const struct {
		int cap;
		const char *name, *covers;
	} needed[] = {
		{ CAP_BPF, "CAP_BPF", "loads programs" },
		{ CAP_PERFMON, "CAP_PERFMON", "lets them read the kernel's memory" },
	};
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};
	char missing[64] = "", path[160];
	ssize_t n_path;
	size_t n = 0;

	if (syscall(SYS_capget, &header, data) || has_capability(data, CAP_SYS_ADMIN))
		return 0; /* CAP_SYS_ADMIN includes both */
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (!has_capability(data, needed[i].cap))
			n += (size_t)snprintf(missing + n, sizeof(missing) - n, "%s%s",
					      n ? " and " : "", needed[i].name);
	if (!missing[0])
		return 0;
	(void)diag_err(d, -EPERM, "no permission to record: %s %s missing", missing,
		       strstr(missing, " and ") ? "are" : "is");
	n_path = readlink("/proc/self/exe", path, sizeof(path) - 1);
	path[MAX(n_path, 0)] = '\0';
	return diag_hint(d, -EPERM,
			 "run as root, or grant them once: "
			 "setcap cap_bpf,cap_perfmon,cap_dac_read_search,cap_sys_ptrace+ep %s",
			 path[0] ? path : "sonde");
}

/* Are maps counted as locked memory, so that one of this size is refused? */
static bool is_refused(u64 bytes)
{
	_cleanup_(closep) int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sn_trial", sizeof(u32), 4096,
						  (u32)(bytes / 4096 + 1), NULL);

	return fd < 0 && errno == EPERM;
}

int caps_check_locked_memory(u64 need, struct diag *d)
{
	struct rlimit lim;

	/* where it counts libbpf asks for all there is, before the first map */
	if (getrlimit(RLIMIT_MEMLOCK, &lim) || lim.rlim_cur >= need || !is_refused(lim.rlim_cur))
		return 0;
	lim.rlim_cur = lim.rlim_max;
	if (!setrlimit(RLIMIT_MEMLOCK, &lim) && lim.rlim_cur >= need)
		return 0;
	(void)diag_err(
		d, -EPERM,
		"no permission to record: this kernel counts %llu KiB of maps and programs as "
		"locked memory, and the limit (RLIMIT_MEMLOCK) is %llu KiB",
		(unsigned long long)need / 1024, (unsigned long long)lim.rlim_cur / 1024);
	return diag_hint(
		d, -EPERM,
		"raise it (ulimit -l unlimited), grant cap_sys_resource too, or take smaller "
		"rings (--ring-size)");
}

bool caps_locked_memory_is_held(u64 need)
{
	struct rlimit lim;

	return !caps_check_privileges(NULL) && !getrlimit(RLIMIT_MEMLOCK, &lim) &&
	       lim.rlim_cur != RLIM_INFINITY && lim.rlim_cur >= need && is_refused(lim.rlim_cur);
}

#define FIRST_PID_NAMESPACE 0xEFFFFFFCu /* the kernel's PROC_PID_INIT_INO */

int caps_check_namespace(struct diag *d)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) || st.st_ino == FIRST_PID_NAMESPACE)
		return 0;
	(void)diag_err(d, -ENOTSUP,
		       "this is a PID namespace of its own (a container): process ids here are not "
		       "those of the kernel");
	return diag_hint(d, -ENOTSUP,
			 "record on the host, or in a container that shares its process ids "
			 "(docker run --pid=host --privileged)");
}

/* ---- types ---- */

static const struct btf_type *tracepoint_proto(const struct caps *caps, const char *name)
{
	const struct btf_type *t;
	char type_name[128];
	int id;

	if (!caps->btf)
		return NULL;
	(void)snprintf(type_name, sizeof(type_name), "btf_trace_%s", name);
	id = btf__find_by_name_kind(caps->btf, type_name, BTF_KIND_TYPEDEF);
	if (id < 0)
		return NULL;
	t = btf__type_by_id(caps->btf, btf__type_by_id(caps->btf, (u32)id)->type);
	if (!t || !btf_is_ptr(t))
		return NULL;
	t = btf__type_by_id(caps->btf, t->type);
	return t && btf_is_func_proto(t) ? t : NULL;
}

int caps_tracepoint_args(const struct caps *caps, const char *name)
{
	const struct btf_type *proto = tracepoint_proto(caps, name);

	return proto ? btf_vlen(proto) - 1 : -ENOENT; /* the first one is the tracer's own */
}

const char *caps_tracepoint_arg_type(const struct caps *caps, const char *name, int arg)
{
	const struct btf_type *proto = tracepoint_proto(caps, name), *t;

	if (!proto || arg + 1 >= btf_vlen(proto))
		return "";
	t = btf__type_by_id(caps->btf, btf_params(proto)[arg + 1].type);
	return t ? btf__name_by_offset(caps->btf, t->name_off) : "";
}

u32 caps_function_id(const struct caps *caps, const char *name)
{
	int id = caps->btf ? btf__find_by_name_kind(caps->btf, name, BTF_KIND_FUNC) : -1;

	return id > 0 ? (u32)id : 0;
}

u32 caps_function_type(const struct caps *caps, u32 id)
{
	u32 type = id ? btf__type_by_id(caps->btf, id)->type : 0;
	const struct btf_type *t = type ? btf__type_by_id(caps->btf, type) : NULL;

	if (!t || !btf_vlen(t))
		return 0;
	t = btf__type_by_id(caps->btf, btf_params(t)[0].type);
	if (!t || !btf_is_ptr(t))
		return 0;
	for (t = btf__type_by_id(caps->btf, t->type); t && btf_is_mod(t);)
		t = btf__type_by_id(caps->btf, t->type);
	return t && btf_is_struct(t) ? type : 0;
}

/* In bits, or -1. Members without a name are looked into. */
static s64 member_offset(const struct btf *btf, u32 type, const char *member)
{
	const struct btf_type *t = btf__type_by_id(btf, type);
	s64 inside;

	for (u32 i = 0; t && btf_is_composite(t) && i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		const char *name = btf__name_by_offset(btf, m->name_off);

		if (!strcmp(name, member))
			return btf_member_bit_offset(t, i);
		inside = name[0] ? -1 : member_offset(btf, m->type, member);
		if (inside >= 0)
			return btf_member_bit_offset(t, i) + inside;
	}
	return -1;
}

u32 caps_member_offset(const struct caps *caps, const char *type, const char *member)
{
	int id = btf__find_by_name_kind(caps->btf, type, BTF_KIND_STRUCT);
	s64 bits = id > 0 ? member_offset(caps->btf, (u32)id, member) : -1;

	return bits > 0 ? (u32)(bits / 8) : 0;
}

bool caps_has_function(const struct caps *caps, const char *name)
{
	return caps_function_id(caps, name) != 0;
}

/*
 * The path is there since def3ae83da02 ("fs: store real path instead of fake path in backing file f_path"), 6.8.
 * FMODE_BACKING was another flag before a94204f4d481 ("fsnotify: opt-in for permission events at file open time"),
 * 6.14, also in stable releases of 6.12, which brought one of these functions.
 */
void caps_backing_files(const struct caps *caps, u32 *ret_offset, u32 *ret_flag)
{
	static const char *const brought[] = { "file_set_fsnotify_mode",
					       "file_set_fsnotify_mode_from_watchers",
					       "fsnotify_open_perm_and_set_mode" };

	*ret_offset = caps_member_offset(caps, "backing_file", "user_path");
	*ret_flag = 1 << 25;
	for (size_t i = 0; i < ARRAY_SIZE(brought); i++)
		if (caps_has_function(caps, brought[i]))
			*ret_flag = 1 << 24;
}

static void leave_out(struct caps_answer *a, const char *why)
{
	if (a->yes)
		answer(a, false, why);
}

void caps_leave_out(struct caps *caps, enum caps_hooks kept, const char *why)
{
	if (!(kept & CAPS_FENTRY)) {
		leave_out(&caps->fentry, why);
		leave_out(&caps->fentry_args, why);
	}
	if (!(kept & CAPS_KPROBE)) {
		leave_out(&caps->kprobes, why);
		leave_out(&caps->kprobe_calls, why);
	}
}

void caps_choose(struct caps *caps, enum caps_hooks kept)
{
	caps_leave_out(caps, kept, "left out by --hooks");
	if (kept != CAPS_ALL_HOOKS)
		return;
	if (caps->preempts.yes)
		caps_leave_out(caps, CAPS_KPROBE,
			       "this kernel preempts programs there, and misses what other threads "
			       "do meanwhile");
	if (!caps->preempted.yes)
		leave_out(&caps->kprobe_calls, "nothing is missed at hooks that cost less");
}

u32 caps_enum(const struct caps *caps, const char *const *names)
{
	int id;

	for (; caps->btf && *names; names++) {
		id = btf__find_by_name_kind(caps->btf, *names, BTF_KIND_ENUM);
		if (id > 0)
			return (u32)id;
	}
	return 0;
}

bool caps_enum_value(const struct caps *caps, u32 id, const char *name, s64 *ret)
{
	const struct btf_type *t = id ? btf__type_by_id(caps->btf, id) : NULL;
	const struct btf_enum *e = t ? btf_enum(t) : NULL;

	for (int i = 0; t && i < btf_vlen(t); i++) {
		if (strcmp(btf__name_by_offset(caps->btf, e[i].name_off), name))
			continue;
		*ret = e[i].val;
		return true;
	}
	return false;
}

static bool has_helper(const struct caps *caps, const char *name)
{
	s64 nr;

	return caps_enum_value(caps, caps_enum(caps, (const char *const[]){ "bpf_func_id", NULL }),
			       name, &nr);
}

/* ---- trial loads ---- */

int caps_load_program(const struct bpf_program *prog, u32 attach_btf_id)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .attach_btf_id = attach_btf_id,
		    .attempts = CAPS_ATTEMPTS,
		    .expected_attach_type = bpf_program__expected_attach_type(prog));
	int fd = bpf_prog_load(bpf_program__type(prog), bpf_program__name(prog), "Dual BSD/GPL",
			       bpf_program__insns(prog), bpf_program__insn_cnt(prog), &opts);

	return fd < 0 ? -errno : fd;
}

/* Does the kernel take the program? 0, or why not: -errno. */
static int try_load(const struct bpf_program *prog, int attach_btf_id)
{
	_cleanup_(closep) int fd =
		attach_btf_id > 0 ? caps_load_program(prog, (u32)attach_btf_id) : -ENOENT;

	return MIN(fd, 0);
}

/* Some kernels load it and refuse only to attach it. */
static int try_fentry(const struct bpf_program *prog, u32 function)
{
	_cleanup_(closep) int fd = function ? caps_load_program(prog, function) : -ENOENT;
	_cleanup_(closep) int link = -1;

	if (fd < 0)
		return fd;
	link = bpf_raw_tracepoint_open(NULL, fd);
	return link < 0 ? -errno : 0;
}

/* The map wants types, and so the library. Before 5.11 there is none. */
static int try_task_storage(const struct caps *caps, struct calib_bpf *calib)
{
	if (!caps_has_function(caps, "bpf_task_storage_get"))
		return -EINVAL;
	(void)bpf_program__set_autoload(calib->progs.calib_task_storage, true);
	return calib_bpf__load(calib);
}

/* ---- preemption ---- */

/* Reads a small file of the kernel's, "" if it is not there. */
static const char *read_text(const char *path, char *buf, size_t size)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, size - 1);

	buf[MAX(n, 0)] = '\0';
	return buf;
}

/* Was the kernel built not to preempt unless it is told to when it starts? False if it does not say. */
static bool is_built_without_preemption(const char *release)
{
	char path[256], line[256];
	bool found = false;
	gzFile config;

	(void)snprintf(path, sizeof(path), "/boot/config-%s", release);
	config = gzopen("/proc/config.gz", "rb") ?: gzopen(path, "rb"); /* reads plain files too */
	while (config && !found && gzgets(config, line, sizeof(line)))
		found = !strcmp(line, "CONFIG_PREEMPT_NONE=y\n") ||
			!strcmp(line, "CONFIG_PREEMPT_VOLUNTARY=y\n");
	if (config)
		(void)gzclose(config);
	return found;
}

/* May the kernel take the cpu from a thread that runs in it? Assumed where it does not say. */
static bool kernel_preempts(void)
{
	struct utsname u = {};
	char text[4096];

	if (!uname(&u) && !strstr(u.version, "PREEMPT"))
		return false;
	if (!strstr(u.version, "PREEMPT_DYNAMIC"))
		return true;
	if (read_text("/sys/kernel/debug/sched/preempt", text, sizeof(text))[0])
		return !strstr(text, "(none)") && !strstr(text, "(voluntary)");
	if (strstr(read_text("/proc/cmdline", text, sizeof(text)), "preempt="))
		return true;
	return !is_built_without_preemption(u.release);
}

/* What looks at the count of this kernel, where it says that it has it; else NULL. */
static struct bpf_object *open_preempt(const struct caps *caps)
{
	const void *elf = NULL;
	size_t size = 0;

	if (btf__find_by_name_kind(caps->btf, "pcpu_hot", BTF_KIND_VAR) > 0)
		elf = preempt_hot__elf_bytes(&size);
	else if (btf__find_by_name_kind(caps->btf, "__preempt_count", BTF_KIND_VAR) > 0)
		elf = preempt_count__elf_bytes(&size);
	return elf ? bpf_object__open_mem(elf, size, NULL) : NULL;
}

/* May it do so in a program at a tracepoint? One is attached and looks. */
static bool tracepoints_are_preempted(const struct caps *caps)
{
	struct bpf_object *obj = open_preempt(caps);
	struct bpf_link *link = NULL;
	struct sn_preempt ask = { .pid = getpid() };
	const struct sn_preempt *said;
	struct bpf_map *map;
	size_t size;
	bool r = true;

	if (!obj)
		return r;
	map = bpf_object__find_map_by_name(obj, ".bss");
	if (!bpf_map__set_initial_value(map, &ask, sizeof(ask)) && !bpf_object__load(obj))
		link = bpf_program__attach(bpf_object__find_program_by_name(obj, "sn_look"));
	if (link) {
		(void)syscall(SYS_getpid);
		said = bpf_map__initial_value(map, &size); /* shared with the kernel */
		r = !said->off;
	}
	bpf_link__destroy(link);
	bpf_object__close(obj);
	return r;
}

static void ask_preemption(struct caps *caps)
{
	answer(&caps->preempts, kernel_preempts(), "it does not");
	answer(&caps->preempted, caps->preempts.yes && tracepoints_are_preempted(caps),
	       "preemption is off there");
}

static bool try_kprobe(void)
{
	return !access("/sys/bus/event_source/devices/kprobe/type", R_OK);
}

/* The kernel has the function to attach it even where it was built without: then that says so at once. */
static bool try_kprobe_multi(const struct caps *caps, const struct calib_bpf *calib)
{
	_cleanup_(closep) int fd = -1;

	if (!caps->kprobes.yes || !caps_has_function(caps, "bpf_kprobe_multi_link_attach"))
		return false;
	fd = caps_load_program(calib->progs.calib_kprobe_multi, 0);
	return fd >= 0 &&
	       bpf_link_create(fd, 0, BPF_TRACE_KPROBE_MULTI, NULL) == -EINVAL; /* to nothing */
}

/* "refuses them", or what errno says. */
static void answer_load(struct caps_answer *a, int r, const char *what)
{
	char why[160];

	if (r == -EPERM || r == -EACCES)
		(void)snprintf(why, sizeof(why), "the kernel refuses %s", what);
	else
		(void)snprintf(why, sizeof(why), "%s did not load: %s", what, strerror(-r));
	answer(a, !r, why);
}

/* What the kernel thinks of programs. -errno: it takes none at all. */
static int ask_loads(struct caps *caps)
{
	struct calib_bpf *calib = calib_bpf__open();
	int r;

	if (!calib)
		return -errno;
	r = try_load(calib->progs.calib_tp_btf,
		     btf__find_by_name_kind(caps->btf, "btf_trace_sys_enter", BTF_KIND_TYPEDEF));
	answer_load(&caps->tp_btf, r, "programs on tracepoints");
	if (r)
		goto out;
	answer_load(&caps->fentry,
		    try_fentry(calib->progs.calib_fentry, caps_function_id(caps, "vfs_read")),
		    "function hooks (fentry)");
	caps->fentry_args = caps->fentry;
	if (caps->fentry.yes)
		answer_load(&caps->fentry_args,
			    try_load(calib->progs.calib_fentry_args,
				     (int)caps_function_id(caps, "vfs_iter_read")),
			    "function hooks (fentry) that read any argument");
	answer(&caps->kprobes, try_kprobe(), "it is built without kprobes");
	answer(&caps->kprobe_calls, try_kprobe_multi(caps, calib),
	       "it has no probe for many functions (kprobe.multi)");
	answer_load(&caps->task_storage, try_task_storage(caps, calib), "task storage");
out:
	calib_bpf__destroy(calib);
	return r;
}

int caps_ask(struct caps *ret, struct diag *d)
{
	struct caps caps = {};
	char text[128];
	int r;

	caps.btf = btf__load_vmlinux_btf();
	if (!caps.btf) {
		(void)diag_err(d, -ENOTSUP,
			       "this kernel has no type information (/sys/kernel/btf/vmlinux is "
			       "missing or unreadable)");
		return diag_hint(d, -ENOTSUP, "it must be built with CONFIG_DEBUG_INFO_BTF");
	}
	if (strstr(read_text("/sys/kernel/security/lockdown", text, sizeof(text)),
		   "[confidentiality]")) {
		caps_done(&caps);
		return diag_err(d, -EPERM,
				"this kernel is locked down (confidentiality): programs may not "
				"read its memory");
	}
	r = ask_loads(&caps);
	if (r) {
		caps_done(&caps);
		return diag_errno(d, r, "this kernel does not take programs on its tracepoints");
	}
	answer(&caps.typed_reads, caps_has_function(&caps, "bpf_rdonly_cast"),
	       "it has no bpf_rdonly_cast");
	answer(&caps.loops, has_helper(&caps, "BPF_FUNC_loop"), "it has no bpf_loop");
	r = places_try_counters();
	answer(&caps.counters, !r,
	       r == -EACCES || r == -EPERM ? "the kernel refuses its counters (perf_event_open)"
					   : "it has no software counters");
	ask_preemption(&caps);
	answer(&caps.tracefs, !access("/sys/kernel/tracing/events", R_OK),
	       "tracefs is not mounted at /sys/kernel/tracing (not needed)");
	*ret = caps;
	return 0;
}

void caps_done(struct caps *caps)
{
	btf__free(caps->btf);
	caps->btf = NULL;
}

static int print_debug(enum libbpf_print_level level, const char *fmt, va_list args)
{
	_cleanup_(freep) char *text = NULL;
	char *line, *rest = NULL;

	(void)level;
	if (!log_is_on(LOG_probe) || vasprintf(&text, fmt, args) < 0)
		return 0;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		log_debug(probe, "%s", line);
	return 0;
}

void caps_quiet_libbpf(void)
{
	(void)libbpf_set_print(print_debug);
}
