// SPDX-License-Identifier: BSD-2-Clause
#include "analyze/fileops.h"

#include <errno.h>

const char *const fileops_columns[] = {
	"ts",          "pid",        "op",           "comm",     "dur_ns",
	"ret",         "ino",        "dev",          "fs_magic", "tid",
	"cmdline",     "gen",        "call",         "errno",    "file_type",
	"path",        "path_known", "name",         "to_ino",   "to_dev",
	"to_fs_magic", "to_gen",     "to_file_type", "to_path",  "to_path_known",
	"hit_pages",   "miss_pages", NULL,
};

static const char *const pipe_types[] = { "pipe", "socket", "character", "anonymous" };

static const char *const request_calls[NR_REQUEST_CALLS] = {
#define X(name) #name,
	SN_REQUEST_CALLS(SN_CALLS_ALONE, X)
#undef X
};

int fileops_init(struct fileops *f, struct texts *t, struct procs *p, struct disks *d, u64 from_ns,
		 u64 to_ns, u32 max_slow)
{
	*f = (struct fileops){
		.texts = t,
		.procs = p,
		.disks = d,
		.from_ns = from_ns,
		.to_ns = to_ns,
		.max_slow = max_slow,
		.t_close = text_id_str(t, "close"),
	};
	memset(f->pipe_types, 0xff, sizeof(f->pipe_types));
	for (u32 i = 0; i < ARRAY_SIZE(pipe_types); i++)
		f->pipe_types[i] = text_id_str(t, pipe_types[i]);
	for (u32 i = 0; i < ARRAY_SIZE(request_calls); i++)
		f->request_calls[i] = text_id_str(t, request_calls[i]);
	if (max_slow)
		f->slow = calloc(max_slow, sizeof(*f->slow));
	return t->failed || (max_slow && !f->slow) ? -ENOMEM : 0;
}

static void file_columns_done(struct file_columns *fc)
{
	text_column_done(&fc->path);
	text_column_done(&fc->path_known);
	text_column_done(&fc->dev);
	text_column_done(&fc->fs);
	text_column_done(&fc->type);
	free(fc->seen);
}

static void failures_done(struct failures *fs)
{
	pairmap_done(&fs->map);
	free(fs->at);
}

void fileops_done(struct fileops *f)
{
	struct text_column *columns[] = { &f->comm, &f->call, &f->error, &f->name, &f->cmdline };

	for (u32 i = 0; i < ARRAY_SIZE(columns); i++)
		text_column_done(columns[i]);
	file_columns_done(&f->file);
	file_columns_done(&f->to);
	for (u32 i = 0; i < f->nr_files; i++)
		hist_done(&f->files[i].lat);
	for (u32 i = 0; i < NR_FILE_OPS; i++) {
		hist_done(&f->times[i].lat);
		hist_done(&f->pipes[i].lat);
		hist_done(&f->requests[i].lat);
	}
	failures_done(&f->by_call);
	failures_done(&f->failed_opens);
	pairmap_done(&f->by_name);
	pairmap_done(&f->by_ino);
	pairmap_done(&f->names);
	free(f->files);
	free(f->uses);
	free(f->slow);
	*f = (struct fileops){};
}

const char *file_op_name(enum file_op op)
{
	static const char *const names[] = { "read", "write", "open", "close", "sync",
					     "copy", "name",  "attr", "list",  "map" };

	return names[op];
}

struct tally tally_sum(const struct tally *t, u32 nr)
{
	struct tally sum = {};

	for (u32 i = 0; i < nr; i++) {
		sum.nr += t[i].nr;
		sum.time_ns += t[i].time_ns;
	}
	return sum;
}

const struct proc_use *fileops_of_proc(const struct fileops *f, u32 proc)
{
	static const struct proc_use none;

	return proc < f->cap_uses ? &f->uses[proc] : &none;
}

static struct proc_use *use_of(struct fileops *f, u32 proc)
{
	u32 cap = MAX(f->cap_uses * 2, proc + 64);
	struct proc_use *uses;

	if (proc < f->cap_uses)
		return &f->uses[proc];
	uses = reallocarray(f->uses, cap, sizeof(*uses));
	if (!uses)
		return NULL;
	memset(uses + f->cap_uses, 0, (cap - f->cap_uses) * sizeof(*uses));
	f->uses = uses;
	f->cap_uses = cap;
	return &uses[proc];
}

static int fail(struct failures *fs, u32 what, u32 error, u64 dur_ns)
{
	struct failure *at =
		pairmap_item(&fs->map, what, error, &fs->at, sizeof(*at), &fs->nr, &fs->cap);

	if (!at)
		return -ENOMEM;
	at->what = what;
	at->error = error;
	at->nr++;
	at->time_ns += dur_ns;
	return 0;
}

/* The columns of a batch, found once. */
struct columns {
	const struct column *ts, *pid, *tid, *op, *dur, *ret;
	const struct column *hit, *missed;
	enum file_op kind;
};

/* One row on its way into the sums. */
struct row {
	u64 ts, start_ns, dur_ns, op;
	s64 ret;
	struct pages_read pages;
	u32 pid, file, error;
	bool is_pipe, is_request, failed;
	bool from_pipe, to_pipe, from_file; /* of a copy */
};

static u32 add_file(struct fileops *f)
{
	u32 cap = f->cap_files ? f->cap_files * 2 : 256;
	struct file_use *files;

	if (f->nr_files == f->cap_files) {
		files = reallocarray(f->files, cap, sizeof(*files));
		if (!files)
			return PAIRMAP_NONE;
		f->files = files;
		f->cap_files = cap;
	}
	f->files[f->nr_files] = (struct file_use){
		.path = TEXT_NONE, .dev = TEXT_NONE, .fs = TEXT_NONE, .type = TEXT_NONE
	};
	return f->nr_files++;
}

/* "pipe:[4711]" and the like are many; what matters of them is their kind. */
static u32 without_number(struct fileops *f, u32 path)
{
	size_t len;
	const char *p = text_get(f->texts, path, &len), *bracket;

	if (!len || p[0] == '/' || p[len - 1] != ']')
		return path;
	bracket = memchr(p, ':', len);
	if (!bracket || bracket + 1 == p + len || bracket[1] != '[')
		return path;
	/* The pool may move when a text is added: add from a copy. */
	char copy[32];
	len = MIN((size_t)(bracket - p), sizeof(copy));
	memcpy(copy, p, len);
	return text_id(f->texts, copy, len);
}

static u32 file_named(struct fileops *f, struct file_columns *fc, struct pairmap *map, u64 a, u64 b,
		      u32 row, u32 path, u64 ino)
{
	u32 *place = pairmap_put(map, a, b);
	struct file_use *file;
	u32 i;

	if (!place || *place != PAIRMAP_NONE)
		return place ? *place : PAIRMAP_NONE;
	if (f->nr_files >= FILES_MAX) {
		f->nr_files_beyond++;
		if (map->nr >= 2 * FILES_MAX) /* nor does the map grow without end */
			pairmap_done(map);
		return FILES_MAX - 1;
	}
	i = add_file(f);
	*place = i;
	if (i == PAIRMAP_NONE)
		return i;
	file = &f->files[i];
	file->is_rest = i == FILES_MAX - 1;
	file->path = path;
	file->ino = ino;
	file->dev = text_column_get(&fc->dev, row);
	file->fs = text_column_get(&fc->fs, row);
	file->type = text_column_get(&fc->type, row);
	return i;
}

static bool is_among(u32 text, const u32 *texts, u32 nr)
{
	if (text == TEXT_NONE)
		return false;
	for (u32 i = 0; i < nr; i++)
		if (texts[i] == text)
			return true;
	return false;
}

static bool is_pipe_type(const struct fileops *f, u32 type)
{
	return is_among(type, f->pipe_types, ARRAY_SIZE(f->pipe_types));
}

static u64 name_key(u32 dev, u64 gen)
{
	return (u64)dev << 32 | (u32)gen;
}

int fileops_names(struct fileops *f, const struct batch *b)
{
	const struct column *ino = batch_column(b, "ino"), *gen = batch_column(b, "gen");
	u32 *place, name;
	int r;

	r = text_column_begin(&f->file.dev, f->texts, b, "dev");
	if (r == 0)
		r = text_column_begin(&f->file.path, f->texts, b, "path");
	for (u32 row = 0; r == 0 && row < b->nr; row++) {
		name = text_column_get(&f->file.path, row);
		if (name == TEXT_NONE)
			continue;
		place = pairmap_put(
			&f->names, column_or_0(ino, row),
			name_key(text_column_get(&f->file.dev, row), column_or_0(gen, row)));
		if (!place)
			return -ENOMEM;
		if (*place == PAIRMAP_NONE)
			*place = name;
	}
	return r;
}

/* The row's file; PAIRMAP_NONE if it is about none, and .failed of texts when memory is short. */
static u32 file_of(struct fileops *f, struct file_columns *fc, u32 row, bool is_pipe)
{
	u32 dev = text_column_get(&fc->dev, row), path, own, file;
	u64 ino = column_or_0(fc->ino, row);

	if (column_is_known(fc->path.c, row)) {
		own = ((const u32 *)fc->path.c->data)[row];
		if (fc->seen[own].file != PAIRMAP_NONE && fc->seen[own].dev == dev)
			return fc->seen[own].file;
		path = without_number(f, fc->path.ids[own]);
		file = file_named(f, fc, &f->by_name, path, dev, row, path, 0);
		fc->seen[own].file = file;
		fc->seen[own].dev = dev;
	} else if (is_pipe) {
		file = file_named(f, fc, &f->by_ino, text_column_get(&fc->type, row), UINT64_MAX,
				  row, TEXT_NONE, 0);
	} else if (column_is_known(fc->ino, row)) {
		path = pairmap_get(&f->names, ino, name_key(dev, column_or_0(fc->gen, row)));
		if (path != PAIRMAP_NONE)
			return file_named(f, fc, &f->by_name, path, dev, row, path, 0);
		file = file_named(f, fc, &f->by_ino, ino, dev, row, TEXT_NONE, ino);
	} else {
		return PAIRMAP_NONE;
	}
	if (file == PAIRMAP_NONE)
		f->texts->failed = true;
	else
		f->files[file].is_pipe = is_pipe;
	return file;
}

/* Remembers how the file's name became known. */
static void note_known(struct fileops *f, struct file_columns *fc, struct file_use *file, u32 row)
{
	u32 id = text_column_get(&fc->path_known, row), i = 0;

	if (id == TEXT_NONE)
		return;
	while (i < f->nr_known && f->known[i] != id)
		i++;
	if (i == ARRAY_SIZE(f->known))
		return;
	if (i == f->nr_known)
		f->known[f->nr_known++] = id;
	file->known |= 1u << i;
}

static bool moves_data(enum file_op kind)
{
	return kind == FILE_READ || kind == FILE_WRITE || kind == FILE_COPY;
}

static void note_slow(struct fileops *f, const struct columns *c, const struct row *r, u32 row)
{
	u32 i = f->nr_slow < f->max_slow ? f->nr_slow++ : f->max_slow - 1;

	for (; i && f->slow[i - 1].dur_ns < r->dur_ns; i--)
		f->slow[i] = f->slow[i - 1];
	f->slow[i] = (struct slow_op){
		.ts = r->ts,
		.dur_ns = r->dur_ns,
		.op = r->op,
		.pid = r->pid,
		.comm = text_column_get(&f->comm, row),
		.call = c->kind == FILE_CLOSE ? f->t_close : text_column_get(&f->call, row),
		.file = r->file,
		.error = r->error,
		.kind = (u8)c->kind,
		.pages = r->pages,
		.has_bytes = !r->failed && moves_data(c->kind),
		.bytes = r->ret > 0 ? (u64)r->ret : 0,
	};
	/* What has no file has the name that was asked for. */
	if (r->file == PAIRMAP_NONE &&
	    (r->failed || c->kind == FILE_NAME || c->kind == FILE_ATTR)) {
		f->slow[i].name = text_column_get(&f->file.path, row);
		if (f->slow[i].name == TEXT_NONE)
			f->slow[i].name = text_column_get(&f->name, row);
	} else {
		f->slow[i].name = TEXT_NONE;
	}
}

/* Counts the row as one of a file's operations; fc: what the row says of that file. */
static void sum_file(struct fileops *f, struct file_columns *fc, const struct columns *c,
		     const struct row *r, u32 nr, u32 row)
{
	struct file_use *file = &f->files[nr];

	file->ops[c->kind].nr++;
	if (!r->is_pipe || file->is_pipe)
		file->ops[c->kind].time_ns += r->dur_ns;
	file->nr_failed += r->failed;
	pages_read_add(&file->pages, &r->pages);
	if (r->ret > 0 && (c->kind == FILE_READ || (c->kind == FILE_COPY && fc == &f->file)))
		file->bytes_read += (u64)r->ret;
	if (r->ret > 0 && c->kind == FILE_WRITE)
		file->bytes_written += (u64)r->ret;
	if (!r->is_pipe || file->is_pipe)
		hist_record(&file->lat, r->dur_ns);
	note_known(f, fc, file, row);
	if (!file->is_pipe && file->path != TEXT_NONE)
		f->nr_named++;
	else if (!file->is_pipe)
		f->nr_unnamed++;
}

/* A copy is an operation of both its files, which may be one. */
static void sum_destination(struct fileops *f, const struct columns *c, const struct row *r,
			    u32 row)
{
	u32 to = file_of(f, &f->to, row, r->to_pipe);

	if (to == PAIRMAP_NONE)
		return;
	if (to != r->file)
		sum_file(f, &f->to, c, r, to, row);
	if (r->ret > 0)
		f->files[to].bytes_written += (u64)r->ret;
}

static void sum_proc(struct proc_use *use, const struct columns *c, const struct row *r)
{
	struct tally *t = r->is_pipe      ? &use->pipes
			  : r->is_request ? &use->requests
					  : &use->ops[c->kind];

	t->nr++;
	t->time_ns += r->dur_ns;
	use->nr_failed += r->failed;
	pages_read_add(&use->pages, &r->pages);
	if (r->ret <= 0)
		return;
	if ((c->kind == FILE_READ && !r->is_pipe) || (c->kind == FILE_COPY && r->from_file))
		use->bytes_read += (u64)r->ret;
	if ((c->kind == FILE_WRITE && !r->is_pipe) || (c->kind == FILE_COPY && !r->to_pipe))
		use->bytes_written += (u64)r->ret;
}

static void sum_time(struct fileops *f, const struct columns *c, const struct row *r)
{
	struct op_time *t = r->is_pipe      ? &f->pipes[c->kind]
			    : r->is_request ? &f->requests[c->kind]
					    : &f->times[c->kind];
	struct op_io io;

	t->all.nr++;
	t->all.time_ns += r->dur_ns;
	hist_record(&t->lat, r->dur_ns);
	if (!disks_may_have(f->disks, r->op) ||
	    !disks_of_op(f->disks, r->op, r->start_ns, r->ts, &io))
		return;
	t->on_disk.nr++;
	t->on_disk.time_ns += r->dur_ns;
	t->waited_ns += io.waited_ns;
}

static int note_failure(struct fileops *f, const struct columns *c, const struct row *r, u32 row)
{
	u32 call = c->kind == FILE_CLOSE ? f->t_close : text_column_get(&f->call, row);
	u32 path;
	int err;

	f->nr_failed++;
	err = fail(&f->by_call, call, r->error, r->dur_ns);
	if (err < 0 || c->kind != FILE_OPEN)
		return err;
	path = text_column_get(&f->file.path, row);
	if (path == TEXT_NONE)
		path = text_column_get(&f->name, row);
	return fail(&f->failed_opens, path, r->error, r->dur_ns);
}

/* Which of a row's files are pipes. A name may be a pipe's, but is none. */
static void find_pipes(struct fileops *f, const struct columns *c, struct row *r, u32 row)
{
	u32 from = text_column_get(&f->file.type, row);

	r->from_pipe = is_pipe_type(f, from);
	r->to_pipe = c->kind == FILE_COPY && is_pipe_type(f, text_column_get(&f->to.type, row));
	/* What comes from memory, by vmsplice(2), goes to a pipe. */
	r->from_file = !r->from_pipe && (from != TEXT_NONE || !r->to_pipe);
	r->is_pipe = c->kind != FILE_NAME && (r->from_pipe || r->to_pipe);
}

/* A failed open has none: its name is among the failures. */
static bool has_file(const struct fileops *f, const struct columns *c, const struct row *r, u32 row)
{
	if (c->kind == FILE_ATTR)
		return column_is_known(f->file.ino, row);
	return c->kind != FILE_NAME && (!r->failed || c->kind != FILE_OPEN);
}

static int sum_row(struct fileops *f, const struct columns *c, struct row *r, u32 row)
{
	u32 proc = procs_find(f->procs, r->pid, r->ts);
	struct proc_use *use = proc == PROC_NONE ? NULL : use_of(f, proc);

	if (!use)
		return -ENOMEM;
	procs_see(&f->procs->at[proc],
		  &(struct proc_seen){ .start_ns = r->start_ns,
				       .comm = text_column_get(&f->comm, row),
				       .cmdline = text_column_get(&f->cmdline, row),
				       .is_leader = column_or_0(c->tid, row) == r->pid });

	find_pipes(f, c, r, row);
	r->is_request = is_among(c->kind == FILE_CLOSE ? TEXT_NONE : text_column_get(&f->call, row),
				 f->request_calls, ARRAY_SIZE(f->request_calls));
	r->failed = r->ret < 0;
	r->error = r->failed ? text_column_get(&f->error, row) : TEXT_NONE;
	r->pages = (struct pages_read){};
	if (c->kind == FILE_READ && c->hit && column_is_known(c->hit, row)) {
		r->pages.nr = 1;
		r->pages.hit = column_or_0(c->hit, row);
		r->pages.missed = column_or_0(c->missed, row);
		pages_read_add(&f->pages, &r->pages);
	}
	r->file = PAIRMAP_NONE;
	if (has_file(f, c, r, row))
		r->file = file_of(f, &f->file, row, r->from_pipe);
	if (r->file != PAIRMAP_NONE)
		sum_file(f, &f->file, c, r, r->file, row);
	if (c->kind == FILE_COPY)
		sum_destination(f, c, r, row);
	sum_proc(use, c, r);
	sum_time(f, c, r);
	if (!r->is_pipe && f->max_slow &&
	    (f->nr_slow < f->max_slow || r->dur_ns > f->slow[f->nr_slow - 1].dur_ns))
		note_slow(f, c, r, row);
	return r->failed ? note_failure(f, c, r, row) : 0;
}

/* The next batch has its own numbers of paths. */
static int forget_seen(struct file_columns *fc)
{
	u32 nr = fc->path.c ? fc->path.c->dict.nr : 0;
	void *seen;

	if (nr > fc->cap_seen) {
		seen = reallocarray(fc->seen, nr, sizeof(*fc->seen));
		if (!seen)
			return -ENOMEM;
		fc->seen = seen;
		fc->cap_seen = nr;
	}
	for (u32 i = 0; i < nr; i++)
		fc->seen[i].file = PAIRMAP_NONE;
	return 0;
}

static int begin(struct fileops *f, const struct batch *b)
{
	struct {
		struct text_column *tc;
		const char *name;
	} texts[] = {
		{ &f->comm, "comm" },
		{ &f->call, "call" },
		{ &f->error, "errno" },
		{ &f->name, "name" },
		{ &f->cmdline, "cmdline" },
		{ &f->file.path, "path" },
		{ &f->file.path_known, "path_known" },
		{ &f->file.dev, "dev" },
		{ &f->file.fs, "fs_magic" },
		{ &f->file.type, "file_type" },
		{ &f->to.path, "to_path" },
		{ &f->to.path_known, "to_path_known" },
		{ &f->to.dev, "to_dev" },
		{ &f->to.fs, "to_fs_magic" },
		{ &f->to.type, "to_file_type" },
	};
	int r;

	for (u32 i = 0; i < ARRAY_SIZE(texts); i++) {
		r = text_column_begin(texts[i].tc, f->texts, b, texts[i].name);
		if (r < 0)
			return r;
	}
	f->file.ino = batch_column(b, "ino");
	f->file.gen = batch_column(b, "gen");
	f->to.ino = batch_column(b, "to_ino");
	f->to.gen = batch_column(b, "to_gen");
	r = forget_seen(&f->file);
	return r < 0 ? r : forget_seen(&f->to);
}

static bool kind_of(const struct sn_event *ev, enum file_op *ret)
{
	switch (ev->id) {
	case SN_EV_vfs_read:
		*ret = FILE_READ;
		return true;
	case SN_EV_vfs_write:
		*ret = FILE_WRITE;
		return true;
	case SN_EV_vfs_open:
		*ret = FILE_OPEN;
		return true;
	case SN_EV_vfs_close:
		*ret = FILE_CLOSE;
		return true;
	case SN_EV_vfs_fsync:
	case SN_EV_vfs_msync:
		*ret = FILE_SYNC;
		return true;
	case SN_EV_vfs_copy:
		*ret = FILE_COPY;
		return true;
	case SN_EV_vfs_unlink:
	case SN_EV_vfs_mkdir:
	case SN_EV_vfs_mknod:
	case SN_EV_vfs_symlink:
	case SN_EV_vfs_rename:
	case SN_EV_vfs_link:
		*ret = FILE_NAME;
		return true;
	case SN_EV_vfs_getattr:
	case SN_EV_vfs_setattr:
	case SN_EV_vfs_truncate:
	case SN_EV_vfs_fallocate:
	case SN_EV_vfs_chdir:
		*ret = FILE_ATTR;
		return true;
	case SN_EV_vfs_readdir:
		*ret = FILE_LIST;
		return true;
	case SN_EV_vfs_mmap:
	case SN_EV_vfs_munmap:
	case SN_EV_vfs_mremap:
	case SN_EV_vfs_madvise:
		*ret = FILE_MAP;
		return true;
	default:
		return false;
	}
}

/*
 * With thousands of files, most of a row's time is spent waiting for the memory
 * that its file's sums are in: asks for it some rows ahead. Always inline: gcc 12
 * takes a function that does nothing but prefetch for one that does nothing.
 */
static inline __attribute__((always_inline)) void
look_ahead(const struct fileops *f, const struct columns *c, u32 row, u32 nr)
{
	const struct column *path = f->file.path.c;
	const struct file_use *file;
	u32 i, at;

	for (u32 ahead = 8; ahead <= 16; ahead += 8) {
		if (row + ahead >= nr || !column_is_known(path, row + ahead))
			return;
		i = f->file.seen[((const u32 *)path->data)[row + ahead]].file;
		if (i == PAIRMAP_NONE)
			continue;
		file = &f->files[i];
		if (ahead == 16) {
			__builtin_prefetch(&file->ops[c->kind], 1);
			__builtin_prefetch(&file->lat, 1);
			continue;
		}
		at = hist_bucket(column_or_0(c->dur, row + ahead)) - file->lat.first;
		if (at < file->lat.nr_counts)
			__builtin_prefetch(&file->lat.counts[at], 1);
	}
}

int fileops_batch(struct fileops *f, const struct batch *b)
{
	struct columns c = {
		.ts = batch_column(b, "ts"),
		.pid = batch_column(b, "pid"),
		.tid = batch_column(b, "tid"),
		.op = batch_column(b, "op"),
		.dur = batch_column(b, "dur_ns"),
		.ret = batch_column(b, "ret"),
		.hit = batch_column(b, "hit_pages"),
		.missed = batch_column(b, "miss_pages"),
	};
	struct row r;
	int err;

	if (!kind_of(b->ev, &c.kind))
		return 0;
	err = begin(f, b);
	for (u32 row = 0; err == 0 && row < b->nr; row++) {
		look_ahead(f, &c, row, b->nr);
		r.ts = column_or_0(c.ts, row);
		if (r.ts < f->from_ns || r.ts > f->to_ns)
			continue;
		r.ret = (s64)column_or_0(c.ret, row);
		/* Interrupted and made again: the user sees one operation, and that is the other row. */
		if (r.ret <= -512 && r.ret >= -516) {
			f->nr_restarted++;
			continue;
		}
		r.dur_ns = column_or_0(c.dur, row);
		r.start_ns = r.ts - MIN(r.dur_ns, r.ts);
		r.op = column_or_0(c.op, row);
		r.pid = (u32)column_or_0(c.pid, row);
		err = sum_row(f, &c, &r, row);
	}
	return f->texts->failed ? -ENOMEM : err;
}

int fileops_build(struct fileops *f)
{
	const struct request *rq;
	struct proc_use *use;
	u32 proc;

	for (u32 i = 0; i < f->disks->nr_requests; i++) {
		rq = &f->disks->requests[i];
		if (!rq->is_counted || !rq->moves_data || rq->end_ns < f->from_ns ||
		    rq->end_ns > f->to_ns)
			continue;
		proc = procs_find(f->procs, rq->proc_pid, rq->end_ns);
		use = proc == PROC_NONE ? NULL : use_of(f, proc);
		if (!use)
			return -ENOMEM;
		use->disk_bytes += rq->bytes;
	}
	return 0;
}
