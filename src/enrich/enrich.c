// SPDX-License-Identifier: BSD-2-Clause
#include "enrich/enrich.h"

#include <errno.h>

#include "enrich/state.h"

static struct key_field find_field(const struct sn_event *ev, const char *name, u8 width)
{
	int i = schema_column(ev, name);
	const struct sn_column *c = i < 0 ? NULL : &ev->columns[i];

	if (!c || c->source != SN_FROM_FIELD || c->field_width != width)
		return (struct key_field){};
	return (struct key_field){ .off = c->off, .bit = c->valid_bit };
}

static struct event_keys find_keys(const struct sn_event *ev)
{
	int name = schema_column(ev, "name");
	struct event_keys k = {
		.has_path = schema_column(ev, "path") >= 0,
		.ino = find_field(ev, "ino", sizeof(u64)),
		.dev = find_field(ev, "file_dev", sizeof(u32)),
		.gen = find_field(ev, "gen", sizeof(u32)),
		.dir_ino = find_field(ev, "dir_ino", sizeof(u64)),
		.dir_dev = find_field(ev, "dir_dev", sizeof(u32)),
		.dir_gen = find_field(ev, "dir_gen", sizeof(u32)),
		.unlinked_off = find_field(ev, "unlinked", sizeof(u8)).off,
	};

	if (!k.dev.off)
		k.dev = find_field(ev, "dev", sizeof(u32));
	/* A process' own life began before its first record: no operation to be dated. */
	if (ev->id != SN_EV_proc_exit)
		k.dur_off = find_field(ev, "dur_ns", sizeof(u64)).off;
	if (name >= 0 && ev->columns[name].source == SN_FROM_TEXT)
		k.name_off = ev->columns[name].off;
	return k;
}

static int make_known(struct enrich *e)
{
	struct buf *b;

	for (u32 how = 0; how < SN_NR_KNOWNS; how++) {
		for (u32 cut = 0; cut < 2; cut++) {
			b = clean_scratch(e);
			sn_kinds[SN_K_known].print(b, how);
			buf_puts(b, cut ? "-truncated" : "");
			e->known[how][cut] = b->failed ? NULL : intern(&e->pool, b->data, b->len);
			if (!e->known[how][cut])
				return -ENOMEM;
		}
	}
	return 0;
}

struct enrich *enrich_new(const struct enrich_opts *opts)
{
	_cleanup_(enrich_freep) struct enrich *e = calloc(1, sizeof(*e));
	struct enrich_opts o = opts ? *opts : (struct enrich_opts){};

	if (!e)
		return NULL;
	e->proc_fd = -1;
	e->cgroups.mount_fd = -1;
	e->max_name_bytes = o.max_name_bytes ? o.max_name_bytes : 24 << 20;
	e->grace_ns = o.grace_ns ? o.grace_ns : 10000000000ull;
	if (task_init(&e->tasks, &e->pool, o.max_threads ? o.max_threads : 256 << 10) < 0 ||
	    path_init(&e->paths, &e->pool, e->max_name_bytes / 2) < 0 ||
	    cgroup_init(&e->cgroups, &e->pool, o.max_cgroups ? o.max_cgroups : 16 << 10) < 0 ||
	    make_known(e) < 0)
		return NULL;
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		e->keys[slot] = find_keys(schema_event(slot));
	if (o.live)
		live_open(e);
	return TAKE_PTR(e);
}

void enrich_free(struct enrich *e)
{
	if (!e)
		return;
	closep(&e->proc_fd);
	task_done(&e->tasks);
	path_done(&e->paths);
	cgroup_done(&e->cgroups);
	buf_done(&e->scratch);
	intern_done(&e->pool);
	free(e);
}

void enrich_make_room(struct enrich *e)
{
	while (name_bytes(e) > e->max_name_bytes &&
	       (task_drop_gone(&e->tasks) || path_drop(&e->paths) || task_drop(&e->tasks)))
		;
}

const struct istr *enrich_intern(struct enrich *e, const char *s, size_t len)
{
	const struct istr *i = intern(&e->pool, s, len);

	e->no_memory += !i;
	return i;
}

static bool get_key(const void *rec, struct key_field ino, struct key_field dev,
		    struct key_field gen, struct path_key *ret)
{
	const struct sn_hdr *hdr = rec;
	const char *at = rec;
	u32 bits = ino.bit | dev.bit | gen.bit;

	if (!ino.off || !dev.off || !gen.off)
		return false;
	memcpy(&ret->ino, at + ino.off, sizeof(ret->ino));
	memcpy(&ret->dev, at + dev.off, sizeof(ret->dev));
	memcpy(&ret->gen, at + gen.off, sizeof(ret->gen));
	bits &= ~hdr->valid;
	if (!bits)
		return true;
	if (bits & gen.bit)
		ret->gen = 0;
	return !(bits & (ino.bit | dev.bit));
}

/* The file, if it has a name. */
static struct path *find_file(struct enrich *e, struct path_key *key)
{
	struct path *p = path_find(&e->paths, key);

	/* A look at open descriptors cannot always learn the generation. */
	if (!p && key->gen && e->paths.nr_snapshot) {
		key->gen = 0;
		p = path_find(&e->paths, key);
		if (p && p->how != SN_KNOWN_snapshot)
			p = NULL;
	}
	if (!p)
		return NULL;
	if (!p->used)
		p->used = true;
	return p->name ? p : NULL;
}

/* A string for one row, kept until its place is needed for another. */
static const struct istr *keep_given(struct enrich *e, const char *s, size_t len)
{
	const struct istr *i = enrich_intern(e, s, len), **place;

	if (!i)
		return NULL;
	place = &e->given[i->hash % NR_GIVEN];
	intern_put(&e->pool, *place);
	*place = i;
	return i;
}

/* The path that the row itself tells: a name, and the directory that it is relative to. */
static const struct istr *given_path(struct enrich *e, const struct event_keys *k, const void *rec,
				     size_t size, const struct istr **ret_known)
{
	const char *name;
	struct path_key key;
	struct sn_str at;
	struct path *dir;
	struct buf *b;

	memcpy(&at, (const char *)rec + k->name_off, sizeof(at));
	if (!at.len || at.off > size || at.len > size - at.off)
		return NULL;
	name = (const char *)rec + at.off;
	if (*name == '/') {
		*ret_known = e->known[SN_KNOWN_given][0];
		return keep_given(e, name, at.len);
	}
	if (!get_key(rec, k->dir_ino, k->dir_dev, k->dir_gen, &key))
		return NULL;
	dir = find_file(e, &key);
	if (!dir)
		return NULL;
	b = clean_scratch(e);
	buf_put(b, dir->name->s, dir->name->len);
	if (dir->name->s[dir->name->len - 1] != '/')
		buf_putc(b, '/');
	buf_put(b, name, at.len);
	if (b->failed) {
		e->no_memory++;
		return NULL;
	}
	*ret_known = e->known[SN_KNOWN_joined][dir->truncated];
	return keep_given(e, b->data, b->len);
}

static void name_path(struct enrich *e, const struct event_keys *k, const void *rec, size_t size,
		      struct sn_names *names)
{
	const struct istr *known = NULL, *given;
	struct path *p = NULL;
	struct path_key key;
	u8 how;

	if (get_key(rec, k->ino, k->dev, k->gen, &key))
		p = find_file(e, &key);
	if (p) {
		how = k->unlinked_off && ((const u8 *)rec)[k->unlinked_off] ? SN_KNOWN_unlinked
									    : p->how;
		names->str[SN_D_path] = p->name;
		names->str[SN_D_path_known] = e->known[how][p->truncated];
		return;
	}
	given = k->name_off ? given_path(e, k, rec, size, &known) : NULL;
	names->str[SN_D_path] = given;
	names->str[SN_D_path_known] = given ? known : e->known[SN_KNOWN_unknown][0];
}

/* Who the row's thread was when its operation began, and in which cgroup. */
static void name_task(struct enrich *e, const struct event_keys *k, const void *rec,
		      struct sn_names *names)
{
	const struct sn_hdr *hdr = rec;
	u64 dur_ns = 0, start_ns, cgroup_id;
	struct cgroup *c;
	struct thread *t;
	struct proc *p;

	if (k->dur_off)
		memcpy(&dur_ns, (const char *)rec + k->dur_off, sizeof(dur_ns));
	start_ns = dur_ns < hdr->ts ? hdr->ts - dur_ns : 0;
	t = task_find(&e->tasks, hdr->pid, hdr->tid, start_ns);
	if (!t || !t->settled)
		t = live_settle(e, hdr, start_ns, t);
	if (t) {
		if (!t->used)
			t->used = true;
		p = t->proc;
		names->str[SN_D_comm] = t->comm;
	} else {
		p = task_proc(&e->tasks, hdr->pid);
		if (p && p->is_gone)
			p = NULL;
	}
	if (p) {
		names->str[SN_D_cmdline] = p->cmdline;
		names->str[SN_D_container] = p->container;
		names->num[SN_D_ppid] = p->ppid;
		names->num_valid = (u32)p->has_ppid << SN_D_ppid;
	}
	cgroup_id = hdr->cgroup || !t ? hdr->cgroup : t->cgroup;
	c = cgroup_find(&e->cgroups, cgroup_id, hdr->ts);
	if (c) {
		names->str[SN_D_cgroup_path] = c->path;
		if (c->container)
			names->str[SN_D_container] = c->container;
	}
}

/* Copied: clearing so few bytes is a loop of microcode to compilers, and dearer than all else. */
static const struct sn_names no_names;

void enrich_names(struct enrich *e, const struct sn_event *ev, const void *rec, size_t size,
		  struct sn_names *ret_names)
{
	const struct event_keys *k = &e->keys[ev->slot];

	*ret_names = no_names;
	if (size < ev->size)
		return;
	name_task(e, k, rec, ret_names);
	if (k->has_path)
		name_path(e, k, rec, size, ret_names);
}

void enrich_get_stats(const struct enrich *e, struct enrich_stats *ret)
{
	*ret = (struct enrich_stats){
		.threads = e->tasks.nr_threads,
		.processes = e->tasks.nr_procs,
		.paths = e->paths.nr,
		.cgroups = e->cgroups.nr,
		.name_bytes = name_bytes(e),
		.dropped_threads = e->tasks.dropped,
		.dropped_paths = e->paths.dropped,
		.dropped_cgroups = e->cgroups.dropped,
		.malformed = e->malformed,
		.no_memory = e->no_memory,
		.proc_asked = e->proc_asked,
		.proc_answered = e->proc_answered,
		.cgroup_asked = e->cgroups.asked,
		.cgroup_answered = e->cgroups.answered,
	};
}
