// SPDX-License-Identifier: BSD-2-Clause
#include "enrich/enrich.h"

#include <errno.h>
#include <string.h>

#include "enrich/state.h"

static struct key_field find_field(const struct sn_event *ev, const char *name, u8 width)
{
	int i = schema_column(ev, name);
	const struct sn_column *c = i < 0 ? NULL : &ev->columns[i];

	if (!c || c->source != SN_FROM_FIELD || c->field_width != width)
		return (struct key_field){};
	return (struct key_field){ .off = c->off, .bit = c->valid_bit };
}

static struct file_keys find_file_keys(const struct sn_event *ev, const char *ino, const char *dev,
				       const char *gen, const char *unlinked)
{
	return (struct file_keys){
		.ino = find_field(ev, ino, sizeof(u64)),
		.dev = find_field(ev, dev, sizeof(u32)),
		.gen = find_field(ev, gen, sizeof(u32)),
		.unlinked_off = find_field(ev, unlinked, sizeof(u8)).off,
	};
}

static struct name_keys find_name_keys(const struct sn_event *ev, const char *name, const char *ino,
				       const char *dev, const char *gen, const char *in_dir)
{
	int i = schema_column(ev, name);
	struct name_keys k = {
		.dir = find_file_keys(ev, ino, dev, gen, ""),
		.in_dir_off = find_field(ev, in_dir, sizeof(u8)).off,
	};

	if (i >= 0 && ev->columns[i].source == SN_FROM_TEXT)
		k.name_off = ev->columns[i].off;
	return k;
}

static struct event_keys find_keys(const struct sn_event *ev)
{
	struct event_keys k = {
		.has_path = schema_column(ev, "path") >= 0,
		.has_to_path = schema_column(ev, "to_path") >= 0,
		.file = find_file_keys(ev, "ino", "file_dev", "gen", "unlinked"),
		.to_file = find_file_keys(ev, "to_ino", "to_dev", "to_gen", "to_unlinked"),
		.name = find_name_keys(ev, "name", "dir_ino", "dir_dev", "dir_gen", "in_dir"),
		.to_name = find_name_keys(ev, "to_name", "to_dir_ino", "to_dir_dev", "to_dir_gen",
					  "to_in_dir"),
	};

	k.file.by_inode = ev->id >> 8 == SN_EV_pagecache_add >> 8;
	k.to_name.is_second = true;
	k.name.is_all = k.to_name.is_all =
		schema_column(ev, "in_dir") >= 0 || schema_column(ev, "to_in_dir") >= 0;
	if (!k.file.dev.off)
		k.file.dev = find_field(ev, "dev", sizeof(u32));
	/* A process' own life began before its first record: no operation to be dated. */
	if (ev->id != SN_EV_proc_exit)
		k.dur_off = find_field(ev, "dur_ns", sizeof(u64)).off;
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

static bool get_key(const void *rec, const struct file_keys *k, struct path_key *ret)
{
	const struct sn_hdr *hdr = rec;
	const char *at = rec;
	u32 bits = k->ino.bit | k->dev.bit | k->gen.bit;

	if (!k->ino.off || !k->dev.off || !k->gen.off)
		return false;
	memcpy(&ret->ino, at + k->ino.off, sizeof(ret->ino));
	memcpy(&ret->dev, at + k->dev.off, sizeof(ret->dev));
	memcpy(&ret->gen, at + k->gen.off, sizeof(ret->gen));
	bits &= ~hdr->valid;
	if (!bits)
		return true;
	if (bits & k->gen.bit)
		ret->gen = 0;
	return !(bits & (k->ino.bit | k->dev.bit));
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

/*
 * A string for one row, kept until its place is needed for another's: kept by where names of its
 * kind are, as a row may have two.
 */
static const struct istr *keep_given(struct enrich *e, const struct istr **kept, const char *s,
				     size_t len)
{
	const struct istr *i = enrich_intern(e, s, len), **place;

	if (!i)
		return NULL;
	place = &kept[i->hash % NR_GIVEN];
	intern_put(&e->pool, *place);
	*place = i;
	return i;
}

/* Drops all before the last component, and the slashes behind it. */
static void last_component(const char **name, size_t *len)
{
	const char *slash;

	while (*len > 1 && (*name)[*len - 1] == '/')
		(*len)--;
	slash = memrchr(*name, '/', *len);
	if (slash && *len > 1) {
		*len -= (size_t)(slash + 1 - *name);
		*name = slash + 1;
	}
}

/* The name that the row itself tells; NULL: none. */
static const char *given_name(const struct name_keys *k, const void *rec, size_t size,
			      size_t *ret_len)
{
	struct sn_str at;

	if (!k->name_off)
		return NULL;
	memcpy(&at, (const char *)rec + k->name_off, sizeof(at));
	if (!at.len || at.off > size || at.len > size - at.off)
		return NULL;
	*ret_len = at.len;
	return (const char *)rec + at.off;
}

/* The path by that name, and by the directory that the row tells. */
static const struct istr *given_path(struct enrich *e, const struct name_keys *k, const void *rec,
				     const char *name, size_t len, const struct istr **ret_known)
{
	const struct istr **kept = e->given[k->is_second];
	bool in_dir = k->in_dir_off && ((const u8 *)rec)[k->in_dir_off];
	struct path_key key;
	struct path *dir;
	struct buf *b;

	if (*name == '/' && !in_dir) {
		*ret_known = e->known[SN_KNOWN_given][0];
		return keep_given(e, kept, name, len);
	}
	*ret_known = e->known[SN_KNOWN_unknown][0];
	if (!get_key(rec, &k->dir, &key))
		return NULL;
	dir = find_file(e, &key);
	if (!dir)
		return NULL;
	if (in_dir)
		last_component(&name, &len);
	b = clean_scratch(e);
	buf_put(b, dir->name->s, dir->name->len);
	if (dir->name->s[dir->name->len - 1] != '/')
		buf_putc(b, '/');
	buf_put(b, name, len);
	if (b->failed) {
		e->no_memory++;
		return NULL;
	}
	*ret_known = e->known[in_dir ? SN_KNOWN_exact : SN_KNOWN_joined][dir->truncated];
	return keep_given(e, kept, b->data, b->len);
}

/* What the dictionary has of a file: NULL, and how that became known: not at all. */
static const struct istr *file_path(struct enrich *e, const struct file_keys *k, const void *rec,
				    const struct istr **ret_known)
{
	struct path *p = NULL;
	struct path_key key;
	u8 how;

	*ret_known = e->known[SN_KNOWN_unknown][0];
	if (get_key(rec, k, &key))
		p = find_file(e, &key);
	if (!p)
		return NULL;
	how = p->how;
	if (k->unlinked_off && ((const u8 *)rec)[k->unlinked_off])
		how = SN_KNOWN_unlinked;
	else if (k->by_inode && how == SN_KNOWN_exact)
		how = SN_KNOWN_dictionary;
	*ret_known = e->known[how][p->truncated];
	return p->name;
}

/*
 * The path of one of a row's files, and how that became known. What the row tells goes before
 * what the file is called, which may be what it has become.
 */
static const struct istr *any_path(struct enrich *e, const struct name_keys *k,
				   const struct file_keys *file, const void *rec, size_t size,
				   const struct istr **ret_known)
{
	size_t len;
	const char *name = given_name(k, rec, size, &len);

	if (name)
		return given_path(e, k, rec, name, len, ret_known);
	if (!k->is_all)
		return file_path(e, file, rec, ret_known);
	*ret_known = e->known[SN_KNOWN_unknown][0];
	return NULL;
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
		ret_names->str[SN_D_path] = any_path(e, &k->name, &k->file, rec, size,
						     &ret_names->str[SN_D_path_known]);
	if (k->has_to_path)
		ret_names->str[SN_D_to_path] = any_path(e, &k->to_name, &k->to_file, rec, size,
							&ret_names->str[SN_D_to_path_known]);
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
