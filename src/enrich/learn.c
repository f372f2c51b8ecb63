// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>

#include "enrich/procfs.h"
#include "enrich/state.h"

/* A cgroup's path of this length may have been cut in proc.bpf.c: the id then tells more. */
#define MAX_TOLD_CGROUP 255u

struct text {
	const char *p;
	size_t len;
};

/* What is being learned from; failed remembers what went wrong on the way. */
struct lesson {
	struct enrich *e;
	const struct sn_hdr *hdr;
	size_t size;
	int failed;
};

static struct text get_text(struct lesson *l, struct sn_str at)
{
	if (!at.len)
		return (struct text){ "", 0 };
	if (at.off > l->size || at.len > l->size - at.off) {
		l->failed = -EINVAL;
		return (struct text){ "", 0 };
	}
	return (struct text){ (const char *)l->hdr + at.off, at.len };
}

static const struct istr *keep(struct lesson *l, struct text s)
{
	const struct istr *i = enrich_intern(l->e, s.p, s.len);

	if (!i)
		l->failed = -ENOMEM;
	return i;
}

static void set_comm(struct lesson *l, struct thread *t, struct text name)
{
	name.len = MIN(name.len, (size_t)MAX_COMM);
	task_set(&l->e->tasks, &t->comm, keep(l, name));
}

static void set_cmdline(struct lesson *l, struct proc *p, struct text args)
{
	struct buf *b = clean_scratch(l->e);

	buf_put(b, args.p, args.len);
	if (b->failed) {
		l->e->no_memory++;
		l->failed = -ENOMEM;
		return;
	}
	args = (struct text){ b->data, procfs_join_args(b->data, b->len) };
	task_set(&l->e->tasks, &p->cmdline, keep(l, args));
}

static void learn_task(struct lesson *l, const struct sn_tasks *r)
{
	struct tasks *ts = &l->e->tasks;
	struct thread *t = task_newest(ts, r->hdr.pid, r->hdr.tid);
	struct text name = get_text(l, r->name), args = get_text(l, r->args);

	if (l->failed)
		return;
	if (t && t->gone_ns && r->start_ns < t->gone_ns)
		return; /* seen while it lived, told after its end */
	if (t && !t->gone_ns && t->since_ns && r->start_ns > t->since_ns + START_TOLERANCE_NS)
		task_end_thread(ts, t, r->start_ns);
	t = task_get(ts, r->hdr.pid, r->hdr.tid, r->hdr.ts);
	if (!t) {
		l->failed = -ENOMEM;
		return;
	}
	if (r->start_ns && (!t->since_ns || r->start_ns < t->since_ns))
		t->since_ns = r->start_ns;
	if (name.len)
		set_comm(l, t, name);
	if (args.len)
		set_cmdline(l, t->proc, args);
	if (r->hdr.cgroup)
		t->cgroup = r->hdr.cgroup;
	t->proc->ppid = r->parent_pid;
	t->proc->has_ppid = true;
	t->proc->is_kthread = r->kthread;
	t->settled = false;
}

/* The path of a name in a directory, in the scratch buffer; empty if the directory's is not known. */
static struct text join_path(struct lesson *l, const struct path *dir, struct text name)
{
	struct buf *b = clean_scratch(l->e);

	if (!dir || !dir->name)
		return (struct text){ "", 0 };
	buf_put(b, dir->name->s, dir->name->len);
	if (dir->name->s[dir->name->len - 1] != '/')
		buf_putc(b, '/');
	buf_put(b, name.p, name.len);
	if (b->failed)
		l->failed = -ENOMEM;
	return (struct text){ b->data, b->len };
}

static void learn_path(struct lesson *l, const struct sn_paths *r)
{
	struct path_key key = { .ino = r->ino, .dev = r->dev, .gen = r->gen };
	struct path_key dir_key = { .ino = r->dir_ino, .dev = r->dir_dev, .gen = r->dir_gen };
	struct text name = get_text(l, r->name);
	bool truncated = r->truncated;
	u8 how = (u8)r->how;
	struct path *dir;

	if (!l->failed && r->how >= SN_NR_KNOWNS)
		l->failed = -EINVAL;
	if (l->failed)
		return;
	if (r->hdr.valid & SN_VALID_BIT(struct sn_paths, dir_ino)) {
		dir = path_find(&l->e->paths, &dir_key);
		name = join_path(l, dir, name);
		if (!name.len) /* the directory was forgotten: a name of before would be wrong */
			how = SN_KNOWN_unknown;
		else
			truncated = dir->truncated;
		if (dir)
			dir->used = true;
	}
	if (!l->failed)
		l->failed = path_learn(&l->e->paths, &key, name.p, name.len, how, truncated);
	l->e->no_memory += l->failed < 0;
}

/* A child is its parent's likeness: the references are taken before making it may drop the parent. */
static void learn_fork(struct lesson *l, const struct sn_proc_fork *r)
{
	struct tasks *ts = &l->e->tasks;
	struct thread *parent = task_find(ts, r->hdr.pid, r->hdr.tid, r->hdr.ts), *t;
	struct proc *p = parent ? parent->proc : task_proc(ts, r->hdr.pid);
	const struct istr *comm = parent ? intern_ref(parent->comm) : NULL;
	u64 cgroup = r->hdr.cgroup || !parent ? r->hdr.cgroup : parent->cgroup;
	struct proc like = {};

	if (p && !p->is_gone) {
		like = *p;
		(void)intern_ref(like.cmdline);
		(void)intern_ref(like.container);
	}
	t = task_begin(ts, r->child_pid, r->child_tid, r->hdr.ts);
	if (!t) {
		intern_put(ts->pool, comm);
		intern_put(ts->pool, like.cmdline);
		intern_put(ts->pool, like.container);
		l->failed = -ENOMEM;
		return;
	}
	task_set(ts, &t->comm, comm);
	t->cgroup = cgroup;
	t->settled = false;
	p = t->proc;
	if (r->child_pid == r->hdr.pid) {
		intern_put(ts->pool, like.cmdline);
		intern_put(ts->pool, like.container);
		return; /* a thread has its process' facts already */
	}
	task_set(ts, &p->cmdline, like.cmdline);
	task_set(ts, &p->container, like.container);
	p->is_kthread = like.is_kthread;
	p->v1_asked = like.v1_asked;
	p->ppid = r->hdr.pid;
	p->has_ppid = true;
}

/*
 * A process known from before the records may have ended, and its number been
 * given out again, without a word if both did not pass the filter.
 */
static void end_if_reused(struct lesson *l)
{
	struct thread *t = task_newest(&l->e->tasks, l->hdr->pid, l->hdr->tid);

	if (t && !t->gone_ns && !t->proc->is_told && live_is_reused(l->e, t))
		task_end_proc(&l->e->tasks, t->proc, l->hdr->ts);
}

static void learn_exec(struct lesson *l, const struct sn_proc_exec *r)
{
	struct tasks *ts = &l->e->tasks;
	struct text comm = get_text(l, r->new_comm), args = get_text(l, r->args);
	struct thread *t, *other;

	if (l->failed)
		return;
	end_if_reused(l);
	t = task_get(ts, r->hdr.pid, r->hdr.tid, r->hdr.ts);
	if (!t) {
		l->failed = -ENOMEM;
		return;
	}
	/* The old leader's entry is the new leader's: it takes over number and start time. */
	for (other = LIST_FIRST(&t->proc->threads); other; other = LIST_NEXT(other, sibling))
		if (other != t)
			task_end_one(ts, other, r->hdr.ts);
	task_set(ts, &t->comm, NULL);
	task_set(ts, &t->proc->cmdline, NULL);
	if (comm.len)
		set_comm(l, t, comm);
	if (args.len)
		set_cmdline(l, t->proc, args);
	if (r->hdr.cgroup)
		t->cgroup = r->hdr.cgroup;
	t->proc->is_kthread = false;
	t->proc->v1_asked = false; /* a container's first program is run when its cgroup is set */
	t->settled = false;
}

static void learn_rename(struct lesson *l, const struct sn_proc_rename *r)
{
	struct text name = get_text(l, r->new_comm);
	struct thread *t;

	if (l->failed)
		return;
	end_if_reused(l);
	t = task_get(&l->e->tasks, r->hdr.pid, r->hdr.tid, r->hdr.ts);
	if (t)
		set_comm(l, t, name);
	else
		l->failed = -ENOMEM;
}

static void learn_cgroup(struct lesson *l, const struct sn_proc_cgroup *r)
{
	struct tasks *ts = &l->e->tasks;
	struct thread *t = task_find(ts, r->hdr.pid, r->hdr.tid, r->hdr.ts), *other;
	struct text path = get_text(l, r->cgroup_name);
	const struct istr *container;

	if (path.len && *path.p != '/')
		l->failed = -EINVAL;
	if (l->failed)
		return;
	if (path.len && path.len < MAX_TOLD_CGROUP && r->hdr.cgroup)
		l->failed = cgroup_learn(&l->e->cgroups, r->hdr.cgroup, path.p, path.len);
	l->e->no_memory += l->failed < 0;
	if (!t)
		return;
	if (!r->hdr.cgroup) {
		/* Of a hierarchy that has no ids of its own: version 1. */
		container = path.len ? cgroup_container_name(ts->pool, path.p, path.len) : NULL;
		if (container)
			task_set(ts, &t->proc->container, container);
		return;
	}
	t->cgroup = r->hdr.cgroup;
	/* Moving a process is told of its leader only. */
	if (r->hdr.tid == r->hdr.pid)
		for (other = LIST_FIRST(&t->proc->threads); other;
		     other = LIST_NEXT(other, sibling))
			if (other->cgroup == r->old_cgroup)
				other->cgroup = r->hdr.cgroup;
}

static void learn_exit(struct lesson *l)
{
	struct proc *p = task_proc(&l->e->tasks, l->hdr->pid);

	if (p && !p->is_gone)
		task_end_proc(&l->e->tasks, p, l->hdr->ts);
}

int enrich_learn(struct enrich *e, const struct sn_event *ev, const void *rec, size_t size)
{
	struct lesson l = { .e = e, .hdr = rec, .size = size };

	if (ev->id > SN_EV_proc_cgroup)
		return 0;
	if (size < ev->size) {
		e->malformed++;
		return -EINVAL;
	}
	switch (ev->id) {
	case SN_EV_tasks:
		learn_task(&l, rec);
		break;
	case SN_EV_paths:
		learn_path(&l, rec);
		break;
	case SN_EV_proc_fork:
		learn_fork(&l, rec);
		break;
	case SN_EV_proc_exec:
		learn_exec(&l, rec);
		break;
	case SN_EV_proc_exit:
		learn_exit(&l);
		break;
	case SN_EV_proc_rename:
		learn_rename(&l, rec);
		break;
	case SN_EV_proc_cgroup:
		learn_cgroup(&l, rec);
		break;
	default:
		break;
	}
	if (l.hdr->ts > e->grace_ns)
		task_reap(&e->tasks, l.hdr->ts - e->grace_ns);
	enrich_make_room(e);
	e->malformed += l.failed == -EINVAL;
	return l.failed;
}
