// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/json.h"
#include "cmd/feed.h"
#include "cmd/manifest_text.h"
#include "cmd/select.h"
#include "kernel/trial.h"

/* What the answers mean to whoever asks why a stream is weak. */
static const struct {
	const char *name, *without;
	size_t off;
} questions[] = {
	{ "programs on tracepoints", "nothing can be recorded", offsetof(struct caps, tp_btf) },
	{ "task storage", "threads are kept in a table of fixed size",
	  offsetof(struct caps, task_storage) },
	{ "typed reads", "each read of kernel memory costs a helper call",
	  offsetof(struct caps, typed_reads) },
	{ "loops in a helper", "programs take longer to load", offsetof(struct caps, loops) },
	{ "software counters", "page faults need function hooks or kprobes",
	  offsetof(struct caps, counters) },
	{ "function hooks (fentry)",
	  "every system call of the machine pays for the vfs streams; releases and what the "
	  "kernel's threads do need kprobes",
	  offsetof(struct caps, fentry) },
	{ "fentry, any argument", "what the kernel's threads do needs kprobes",
	  offsetof(struct caps, fentry_args) },
	{ "kprobes", "not needed where fentry reads any argument", offsetof(struct caps, kprobes) },
	{ "kprobe.multi", "not needed where it preempts no programs at other hooks",
	  offsetof(struct caps, kprobe_calls) },
	{ "preempts programs at functions", "function hooks (fentry) miss nothing",
	  offsetof(struct caps, preempts) },
	{ "preempts programs at tracepoints", "tracepoints miss nothing",
	  offsetof(struct caps, preempted) },
	{ "tracefs", "not needed", offsetof(struct caps, tracefs) },
};

static const struct caps_answer *answer_of(const struct caps *caps, size_t i)
{
	return (const struct caps_answer *)((const char *)caps + questions[i].off);
}

static void put_string(struct buf *b, const char *s)
{
	json_put_string(b, s, strlen(s));
}

static void say_caps(struct buf *b, const struct caps *caps)
{
	struct utsname u = {};
	char id[17];

	(void)uname(&u);
	machine_id(id);
	buf_printf(b, "kernel %s, %s, machine %s\n\n", u.release, u.machine,
		   id[0] ? id : "without id");
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
		const struct caps_answer *a = answer_of(caps, i);

		buf_printf(b, "  %-33s %s\n", questions[i].name, a->yes ? "yes" : "no");
		if (!a->yes)
			buf_printf(b, "  %-33s %s: %s\n", "", a->why, questions[i].without);
	}
	buf_putc(b, '\n');
}

static const char *const state_words[] = {
	[PROBE_NOT_ASKED] = "not asked for",
	[PROBE_NOT_NEEDED] = "not needed: an alternative before it is attached",
	[PROBE_IMPOSSIBLE] = "impossible",
	[PROBE_FAILED] = "failed",
	[PROBE_LOADED] = "loaded",
	[PROBE_ATTACHED] = "attached",
};

static void say_program(struct buf *b, u32 prog, const struct probe_outcome *o)
{
	buf_printf(b, "  %-18s %-22s %s%s%s\n", probe_progs[prog].name, probe_progs[prog].target,
		   state_words[o->state], o->why[0] ? ": " : "", o->why);
}

static void say_streams(struct buf *b, const struct probes *p)
{
	_cleanup_(buf_done) struct buf lack = {};
	const char *why;
	char weaker[160];

	buf_puts(b, "streams\n");
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		const struct sn_event *ev = schema_event(slot);

		if (schema_is_core(ev))
			continue;
		if (!probes_sees(p, slot, &why))
			buf_printf(b, "  %-16s no: %s\n", ev->name, why);
		else if (!probes_sees_all(p, slot, &lack))
			buf_printf(b, "  %-16s yes, but not %s\n", ev->name, lack.data);
		else
			buf_printf(b, "  %-16s yes\n", ev->name);
	}
	buf_puts(b, "\nprograms\n");
	for (u32 i = 0; i < SN_NR_PROGS; i++) {
		const struct probe_outcome *o = probes_outcome(p, i);

		say_program(b, i, o);
		probes_weaker(p, i, weaker, sizeof(weaker));
		if (o->state == PROBE_ATTACHED && weaker[0])
			buf_printf(b, "  %-18s weaker: %s\n", "", weaker);
	}
}

static void json_answers(struct buf *b, const struct caps *caps)
{
	buf_puts(b, "{\"kernel\":");
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
		const struct caps_answer *a = answer_of(caps, i);

		buf_putc(b, i ? ',' : '{');
		put_string(b, questions[i].name);
		buf_printf(b, ":{\"yes\":%s,\"why\":", a->yes ? "true" : "false");
		put_string(b, a->why);
		buf_putc(b, '}');
	}
	buf_puts(b, "},");
}

static void json_probes(struct buf *b, const struct probes *p)
{
	_cleanup_(buf_done) struct buf lack = {};
	const char *why, *comma = "";

	buf_puts(b, "\"streams\":{");
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		bool seen;

		if (schema_is_core(schema_event(slot)))
			continue;
		seen = probes_sees(p, slot, &why);
		buf_puts(b, comma);
		put_string(b, schema_event(slot)->name);
		buf_printf(b, ":{\"seen\":%s,\"why\":", seen ? "true" : "false");
		put_string(b, why);
		seen = probes_sees_all(p, slot, &lack);
		buf_printf(b, ",\"whole\":%s,\"lacks\":", seen ? "true" : "false");
		put_string(b, lack.data);
		buf_putc(b, '}');
		comma = ",";
	}
	buf_puts(b, "},\"programs\":{");
	for (u32 i = 0; i < SN_NR_PROGS; i++) {
		const struct probe_outcome *o = probes_outcome(p, i);

		buf_puts(b, i ? "," : "");
		put_string(b, probe_progs[i].name);
		buf_printf(b, ":{\"group\":\"%s\",\"attached\":%s,\"needed\":%s,\"why\":",
			   probe_progs[i].group, o->state == PROBE_ATTACHED ? "true" : "false",
			   o->state == PROBE_NOT_NEEDED ? "false" : "true");
		put_string(b, o->why);
		buf_putc(b, '}');
	}
	buf_puts(b, "}}\n");
}

/* ---- --load ---- */

static void say_trial(struct buf *b, const struct probe_outcome outcomes[SN_NR_PROGS])
{
	buf_puts(b, "programs\n");
	for (u32 i = 0; i < SN_NR_PROGS; i++)
		say_program(b, i, &outcomes[i]);
}

static void json_trial(struct buf *b, const struct probe_outcome outcomes[SN_NR_PROGS])
{
	buf_puts(b, "\"programs\":{");
	for (u32 i = 0; i < SN_NR_PROGS; i++) {
		buf_puts(b, i ? "," : "");
		put_string(b, probe_progs[i].name);
		buf_printf(b, ":{\"group\":\"%s\",\"target\":\"%s\",\"state\":\"%s\",\"why\":",
			   probe_progs[i].group, probe_progs[i].target,
			   state_words[outcomes[i].state]);
		put_string(b, outcomes[i].why);
		buf_putc(b, '}');
	}
	buf_puts(b, "}}\n");
}

static int load_all(const struct doctor_opts *o, const struct capture_opts *opts)
{
	_cleanup_(buf_done) struct buf text = {};
	struct caps caps;
	struct probe_outcome outcomes[SN_NR_PROGS] = {};
	struct diag d = {};
	u32 nr = 0;
	int r;

	r = capture_ask(opts, &caps, &d);
	if (r < 0)
		return cmd_fail("doctor", r, &d);
	caps_leave_out(&caps, feed_hooks[o->hooks], "left out by --hooks");
	trial_run(&caps, outcomes);
	caps_done(&caps);
	if (o->json) {
		json_answers(&text, &caps);
		json_trial(&text, outcomes);
	} else {
		say_caps(&text, &caps);
		say_trial(&text, outcomes);
	}
	r = cmd_print("doctor", &text);
	for (u32 i = 0; i < SN_NR_PROGS; i++)
		nr += outcomes[i].state == PROBE_FAILED;
	if (r != EXIT_DONE || !nr)
		return r;
	cmd_warn("doctor",
		 "%u programs that the kernel ought to take did not load; with "
		 "SONDE_DEBUG=probe its verifier says why",
		 nr);
	return EXIT_PARTIAL;
}

/* ---- what a recording would do ---- */

static int ignore_record(void *ctx, const struct sn_hdr *rec, size_t size)
{
	(void)ctx;
	(void)rec;
	(void)size;
	return 0;
}

/* Attaches everything for an instant: what a recording would do. */
static int cmd_doctor(const struct doctor_opts *o)
{
	_cleanup_(capture_freep) struct capture *capture = NULL;
	struct capture_opts opts;
	struct diag d = {};
	struct buf text = {};
	struct feed unused;
	int r;

	feed_init(&unused, "doctor"); /* keeps libbpf quiet */
	capture_opts_init(&opts);
	opts.cfg.events = select_all();
	opts.ring_bytes = 64 << 10;
	opts.hooks = feed_hooks[o->hooks];
	if (o->load)
		return load_all(o, &opts);
	r = capture_open(&opts, &capture, &d);
	r = r < 0 ? r : capture_start(capture, &(struct ring_sink){ ignore_record }, &d);
	if (r < 0)
		return cmd_fail("doctor", r, &d);
	if (o->json) {
		json_answers(&text, capture_caps(capture));
		json_probes(&text, capture_probes(capture));
	} else {
		say_caps(&text, capture_caps(capture));
		say_streams(&text, capture_probes(capture));
	}
	r = cmd_print("doctor", &text);
	buf_done(&text);
	return r;
}
CMD_RUN(doctor)
