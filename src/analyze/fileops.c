// SPDX-License-Identifier: BSD-2-Clause
#include "analyze/fileops.h"

#include <errno.h>

const char *const fileops_columns[] = {
	"ts",        "pid",      "op",         "comm",    "dur_ns", "ret",  "ino",
	"dev",       "fs_magic", "tid",        "cmdline", "gen",    "call", "errno",
	"file_type", "path",     "path_known", "name",    NULL,
};

static const char *const pipe_types[] = { "pipe", "socket", "character", "anonymous" };

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
	if (max_slow)
		f->slow = calloc(max_slow, sizeof(*f->slow));
	return t->failed || (max_slow && !f->slow) ? -ENOMEM : 0;
}

static void failures_done(struct failures *fs)
{
	pairmap_done(&fs->map);
	free(fs->at);
}

void fileops_done(struct fileops *f)
{
	struct text_column *columns[] = {
		&f->comm,  &f->dev,  &f->fs,         &f->type, &f->call,
		&f->error, &f->path, &f->path_known, &f->name, &f->cmdline
	};

	for (u32 i = 0; i < ARRAY_SIZE(columns); i++)
		text_column_done(columns[i]);
	for (u32 i = 0; i < f->nr_files; i++)
		hist_done(&f->files[i].lat);
	for (u32 i = 0; i < NR_FILE_OPS; i++) {
		hist_done(&f->times[i].lat);
		hist_done(&f->pipes[i].lat);
	}
	failures_done(&f->by_call);
	failures_done(&f->failed_opens);
	pairmap_done(&f->by_name);
	pairmap_done(&f->by_ino);
	pairmap_done(&f->names);
	free(f->files);
	free(f->uses);
	free(f->slow);
	free(f->seen);
	*f = (struct fileops){};
}

const char *file_op_name(enum file_op op)
{
	static const char *const names[] = { "read", "write", "open", "close", "sync" };

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
	u32 *place = pairmap_put(&fs->map, what, error), cap = fs->cap ? fs->cap * 2 : 64;
	struct failure *at;

	if (!place)
		return -ENOMEM;
	if (*place == PAIRMAP_NONE) {
		if (fs->nr == fs->cap) {
			at = reallocarray(fs->at, cap, sizeof(*at));
			if (!at)
				return -ENOMEM;
			fs->at = at;
			fs->cap = cap;
		}
		*place = fs->nr;
		fs->at[fs->nr++] = (struct failure){ .what = what, .error = error };
	}
	fs->at[*place].nr++;
	fs->at[*place].time_ns += dur_ns;
	return 0;
}

/* The columns of a batch, found once. */
struct columns {
	const struct column *ts, *pid, *tid, *op, *dur, *ret, *ino, *gen;
	enum file_op kind;
};

/* One row on its way into the sums. */
struct row {
	u64 ts, start_ns, dur_ns, op;
	s64 ret;
	u32 pid, file, error;
	bool is_pipe, failed;
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

static u32 file_named(struct fileops *f, struct pairmap *map, u64 a, u64 b, u32 row, u32 path,
		      u64 ino)
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
	file->dev = text_column_get(&f->dev, row);
	file->fs = text_column_get(&f->fs, row);
	file->type = text_column_get(&f->type, row);
	return i;
}

static bool is_pipe_type(const struct fileops *f, u32 type)
{
	if (type == TEXT_NONE)
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(f->pipe_types); i++)
		if (f->pipe_types[i] == type)
			return true;
	return false;
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

	r = text_column_begin(&f->dev, f->texts, b, "dev");
	if (r == 0)
		r = text_column_begin(&f->path, f->texts, b, "path");
	for (u32 row = 0; r == 0 && row < b->nr; row++) {
		name = text_column_get(&f->path, row);
		if (name == TEXT_NONE)
			continue;
		place = pairmap_put(&f->names, column_or_0(ino, row),
				    name_key(text_column_get(&f->dev, row), column_or_0(gen, row)));
		if (!place)
			return -ENOMEM;
		if (*place == PAIRMAP_NONE)
			*place = name;
	}
	return r;
}

/* The row's file; PAIRMAP_NONE if it is about none, and .failed of texts when memory is short. */
static u32 file_of(struct fileops *f, const struct columns *c, u32 row, bool is_pipe)
{
	u32 dev = text_column_get(&f->dev, row), path, own, file;
	u64 ino = column_or_0(c->ino, row);

	if (column_is_known(f->path.c, row)) {
		own = ((const u32 *)f->path.c->data)[row];
		if (f->seen[own].file != PAIRMAP_NONE && f->seen[own].dev == dev)
			return f->seen[own].file;
		path = without_number(f, f->path.ids[own]);
		file = file_named(f, &f->by_name, path, dev, row, path, 0);
		f->seen[own].file = file;
		f->seen[own].dev = dev;
	} else if (is_pipe) {
		file = file_named(f, &f->by_ino, text_column_get(&f->type, row), UINT64_MAX, row,
				  TEXT_NONE, 0);
	} else if (column_is_known(c->ino, row)) {
		path = pairmap_get(&f->names, ino, name_key(dev, column_or_0(c->gen, row)));
		if (path != PAIRMAP_NONE)
			return file_named(f, &f->by_name, path, dev, row, path, 0);
		file = file_named(f, &f->by_ino, ino, dev, row, TEXT_NONE, ino);
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
static void note_known(struct fileops *f, struct file_use *file, u32 row)
{
	u32 id = text_column_get(&f->path_known, row), i = 0;

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
		.has_bytes = !r->failed && c->kind <= FILE_WRITE,
		.bytes = r->ret > 0 ? (u64)r->ret : 0,
	};
	/* A failed open has no file, but the name that was asked for. */
	if (r->file == PAIRMAP_NONE && r->failed) {
		f->slow[i].name = text_column_get(&f->path, row);
		if (f->slow[i].name == TEXT_NONE)
			f->slow[i].name = text_column_get(&f->name, row);
	} else {
		f->slow[i].name = TEXT_NONE;
	}
}

static void sum_file(struct file_use *file, const struct columns *c, const struct row *r)
{
	file->ops[c->kind].nr++;
	file->ops[c->kind].time_ns += r->dur_ns;
	file->nr_failed += r->failed;
	if (r->ret > 0 && c->kind == FILE_READ)
		file->bytes_read += (u64)r->ret;
	if (r->ret > 0 && c->kind == FILE_WRITE)
		file->bytes_written += (u64)r->ret;
	hist_record(&file->lat, r->dur_ns);
}

static void sum_proc(struct proc_use *use, const struct columns *c, const struct row *r)
{
	struct tally *t = r->is_pipe ? &use->pipes : &use->ops[c->kind];

	t->nr++;
	t->time_ns += r->dur_ns;
	use->nr_failed += r->failed;
	if (r->is_pipe || r->ret <= 0)
		return;
	if (c->kind == FILE_READ)
		use->bytes_read += (u64)r->ret;
	if (c->kind == FILE_WRITE)
		use->bytes_written += (u64)r->ret;
}

static void sum_time(struct fileops *f, const struct columns *c, const struct row *r)
{
	struct op_time *t = r->is_pipe ? &f->pipes[c->kind] : &f->times[c->kind];
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
	path = text_column_get(&f->path, row);
	if (path == TEXT_NONE)
		path = text_column_get(&f->name, row);
	return fail(&f->failed_opens, path, r->error, r->dur_ns);
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

	r->is_pipe = is_pipe_type(f, text_column_get(&f->type, row));
	r->failed = r->ret < 0;
	r->error = r->failed ? text_column_get(&f->error, row) : TEXT_NONE;
	/* A failed open has no file: its name is among the failures. */
	r->file = PAIRMAP_NONE;
	if (!r->failed || c->kind != FILE_OPEN)
		r->file = file_of(f, c, row, r->is_pipe);
	if (r->file != PAIRMAP_NONE) {
		sum_file(&f->files[r->file], c, r);
		note_known(f, &f->files[r->file], row);
		if (!r->is_pipe && f->files[r->file].path != TEXT_NONE)
			f->nr_named++;
		else if (!r->is_pipe)
			f->nr_unnamed++;
	}
	sum_proc(use, c, r);
	sum_time(f, c, r);
	if (!r->is_pipe && f->max_slow &&
	    (f->nr_slow < f->max_slow || r->dur_ns > f->slow[f->nr_slow - 1].dur_ns))
		note_slow(f, c, r, row);
	return r->failed ? note_failure(f, c, r, row) : 0;
}

static int begin(struct fileops *f, const struct batch *b)
{
	struct {
		struct text_column *tc;
		const char *name;
	} texts[] = {
		{ &f->comm, "comm" },       { &f->dev, "dev" },   { &f->fs, "fs_magic" },
		{ &f->type, "file_type" },  { &f->call, "call" }, { &f->error, "errno" },
		{ &f->path, "path" },       { &f->name, "name" }, { &f->path_known, "path_known" },
		{ &f->cmdline, "cmdline" },
	};
	void *seen;
	u32 nr;
	int r;

	for (u32 i = 0; i < ARRAY_SIZE(texts); i++) {
		r = text_column_begin(texts[i].tc, f->texts, b, texts[i].name);
		if (r < 0)
			return r;
	}
	nr = f->path.c ? f->path.c->dict.nr : 0;
	if (nr > f->cap_seen) {
		seen = reallocarray(f->seen, nr, sizeof(*f->seen));
		if (!seen)
			return -ENOMEM;
		f->seen = seen;
		f->cap_seen = nr;
	}
	for (u32 i = 0; i < nr; i++)
		f->seen[i].file = PAIRMAP_NONE;
	return 0;
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
		*ret = FILE_SYNC;
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
	const struct column *path = f->path.c;
	const struct file_use *file;
	u32 i, at;

	for (u32 ahead = 8; ahead <= 16; ahead += 8) {
		if (row + ahead >= nr || !column_is_known(path, row + ahead))
			return;
		i = f->seen[((const u32 *)path->data)[row + ahead]].file;
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
		.ino = batch_column(b, "ino"),
		.gen = batch_column(b, "gen"),
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
