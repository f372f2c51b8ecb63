// SPDX-License-Identifier: BSD-2-Clause
#include "sink/iotracer_row.h"

#include <stdio.h>

#include "sink/csv.h"
#include "trace/wall.h"

#define NS_PER_MS 1e6

static const char *const op_names[] = {
#define SN_IOT_OP(name, layouts) #name,
#include "sink/iotracer.def"
};

static const struct column *column_of(const struct iotracer *t, enum iotracer_key k)
{
	int i = t->column[t->batch->ev->slot][k];

	return i >= 0 && !column_is_null(&t->batch->columns[i], t->row) ? &t->batch->columns[i]
									: NULL;
}

bool iotracer_num(const struct iotracer *t, enum iotracer_key k, u64 *ret)
{
	const struct column *c = column_of(t, k);

	if (!c || c->rep == SN_STRING)
		return false;
	*ret = column_num(c, t->row);
	return true;
}

const char *iotracer_text(const struct iotracer *t, enum iotracer_key k, size_t *ret_len)
{
	const struct column *c = column_of(t, k);

	*ret_len = 0;
	if (!c || c->rep != SN_STRING)
		return "";
	return strings_get(&c->dict, (u32)column_num(c, t->row), ret_len);
}

bool iotracer_is(const struct iotracer *t, enum iotracer_key k, const char *word)
{
	size_t len;
	const char *p = iotracer_text(t, k, &len);

	return len == strlen(word) && !memcmp(p, word, len);
}

/* ---- how values are written ---- */

static void put_text(struct iotracer *t, const char *p, size_t len)
{
	if (len)
		csv_put_text(&t->out, p, len);
}

static void put_key(struct iotracer *t, enum iotracer_key k)
{
	size_t len;
	const char *p = iotracer_text(t, k, &len);

	put_text(t, p, len);
}

static bool is_negative(const struct iotracer *t, enum iotracer_key k, u64 n)
{
	return column_of(t, k)->rep == SN_SIGNED && (s64)n < 0;
}

/* The first version writes nothing for 0, too. */
static void put_num(struct iotracer *t, u64 n)
{
	if (n || t->file.layout != IOTRACER_SEED)
		buf_put_u64(&t->out, n);
}

static void put_key_num(struct iotracer *t, enum iotracer_key k)
{
	u64 n;

	if (!iotracer_num(t, k, &n))
		return;
	if (is_negative(t, k, n))
		buf_printf(&t->out, "%lld", (long long)n);
	else
		put_num(t, n);
}

static void put_upper(struct iotracer *t, const char *prefix, const char *p, size_t len)
{
	if (len)
		buf_puts(&t->out, prefix);
	for (size_t i = 0; i < len; i++) {
		buf_putc(&t->out, p[i] >= 'a' && p[i] <= 'z' ? (char)(p[i] - 'a' + 'A') : p[i]);
		if (p[i] == '|')
			buf_puts(&t->out, prefix);
	}
}

static void put_ms(struct iotracer *t, enum iotracer_key k, bool with_zero)
{
	u64 ns;

	if (iotracer_num(t, k, &ns) && (ns || with_zero))
		buf_printf(&t->out, "%.6f", (double)ns / NS_PER_MS);
}

/* ---- columns ---- */

/* Local time: whoever reads it is thought to be where it was recorded, as IO Tracer does. */
static u64 instant(const struct iotracer *t)
{
	u64 ts = 0;

	(void)iotracer_num(t, KEY_ts, &ts);
	return ts - MIN(t->earlier_ns, ts);
}

void iotracer_put_timestamp(struct iotracer *t)
{
	u64 ns = wall_at(t->sink.wall, instant(t));
	struct tm tm;

	if (!t->text[0] || t->second != (time_t)(ns / 1000000000)) {
		t->second = (time_t)(ns / 1000000000);
		(void)localtime_r(&t->second, &tm);
		(void)strftime(t->text, sizeof(t->text), "%Y-%m-%d %H:%M:%S", &tm);
	}
	buf_printf(&t->out, "%s.%06u", t->text, (u32)(ns % 1000000000 / 1000));
}

void iotracer_put_mono(struct iotracer *t)
{
	put_num(t, instant(t));
}

void iotracer_put_operation(struct iotracer *t)
{
	const char *name = op_names[t->op];

	if (t->file.layout != IOTRACER_HEAD) {
		buf_puts(&t->out, name);
		return;
	}
	for (; *name; name++)
		buf_putc(&t->out, *name == '_' ? '_' : (char)(*name - 'A' + 'a'));
}

#define PUT_NUM(key)                                \
	void iotracer_put_##key(struct iotracer *t) \
	{                                           \
		put_key_num(t, KEY_##key);          \
	}
#define PUT_TEXT(key)                               \
	void iotracer_put_##key(struct iotracer *t) \
	{                                           \
		put_key(t, KEY_##key);              \
	}
PUT_NUM(pid)
PUT_NUM(tid)
PUT_NUM(ppid)
PUT_NUM(cpu)
PUT_NUM(bytes)
PUT_NUM(ino)
PUT_NUM(sector)
PUT_NUM(rq)
PUT_NUM(ret)
PUT_TEXT(comm)
PUT_TEXT(cmdline)
PUT_TEXT(container)
PUT_TEXT(dev)
PUT_TEXT(errno)

/* Of a process that ends it is how long that lived. */
void iotracer_put_latency(struct iotracer *t)
{
	if (t->op != OP_PROCESS_EXIT)
		put_key_num(t, KEY_dur_ns);
}

bool iotracer_is_dual(const struct iotracer *t)
{
	return t->op == OP_RENAME || t->op == OP_LINK || t->op == OP_SYMLINK;
}

/* Is the word that begins here, between blanks, an arrow behind any number of backslashes? */
static bool is_arrow(const char *p, size_t len, size_t i)
{
	if (i && p[i - 1] != ' ')
		return false;
	while (i < len && p[i] == '\\')
		i++;
	return len - i >= 2 && !memcmp(p + i, "->", 2) && (len - i == 2 || p[i + 2] == ' ');
}

/* Between two names stands an arrow: one inside of a name has a backslash, or one more. */
static void add_half(struct buf *b, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (is_arrow(p, len, i))
			buf_putc(b, '\\');
		buf_putc(b, p[i]);
	}
}

/* The path, or else the name as it was given. */
static const char *path_or(const struct iotracer *t, enum iotracer_key path, enum iotracer_key name,
			   size_t *ret_len)
{
	const char *p = iotracer_text(t, path, ret_len);

	return *ret_len ? p : iotracer_text(t, name, ret_len);
}

void iotracer_put_filename(struct iotracer *t)
{
	_cleanup_(buf_done) struct buf both = {};
	size_t len, to_len;
	const char *p = path_or(t, KEY_path, t->op == OP_PROCESS_EXEC ? KEY_file : KEY_name, &len);
	const char *to = path_or(t, KEY_to_path, KEY_to_name, &to_len);

	if (!iotracer_is_dual(t)) {
		put_text(t, p, len);
		return;
	}
	if (t->op == OP_SYMLINK) {
		to = p;
		to_len = len;
		p = iotracer_text(t, KEY_target, &len);
	}
	add_half(&both, p, len);
	buf_puts(&both, " -> ");
	add_half(&both, to, to_len);
	t->out.failed |= both.failed;
	if (!both.failed)
		put_text(t, both.data, both.len);
}

/* Asked for; where the documentation says "I/O size", what was moved. */
void iotracer_put_size(struct iotracer *t)
{
	enum iotracer_key moved = t->file.layout == IOTRACER_DOC ? KEY_bytes : KEY_requested_bytes;

	switch (t->op) {
	case OP_READ:
	case OP_WRITE:
	case OP_DIO_READ:
	case OP_DIO_WRITE:
	case OP_SENDFILE:
	case OP_SPLICE:
	case OP_VMSPLICE:
		put_key_num(t, moved);
		break;
	case OP_MREMAP:
		put_key_num(t, KEY_to_length);
		break;
	default:
		put_key_num(t, KEY_length);
	}
}

void iotracer_put_moved(struct iotracer *t)
{
	put_key_num(t, KEY_bytes);
}

/* Where there is no column for addresses this one has them, as in the first version. */
void iotracer_put_offset(struct iotracer *t)
{
	bool is_address = t->op == OP_MSYNC || t->op == OP_MADVISE || t->op == OP_MUNMAP;

	put_key_num(t, is_address && t->file.layout != IOTRACER_HEAD ? KEY_addr : KEY_offset);
}

void iotracer_put_address(struct iotracer *t)
{
	put_key_num(t, KEY_addr);
}

void iotracer_put_inodes(struct iotracer *t)
{
	u64 from = 0, to = 0;

	if (!iotracer_is_dual(t)) {
		iotracer_put_ino(t);
		return;
	}
	(void)iotracer_num(t, KEY_ino, &from);
	if (!iotracer_num(t, KEY_to_ino, &to) && t->op != OP_RENAME)
		to = from; /* a link's two names are of one */
	if (t->op == OP_SYMLINK)
		from = 0; /* its text need not name a file */
	buf_printf(&t->out, "%llu:%llu", (unsigned long long)from, (unsigned long long)to);
}

/* "0755" of a directory as S_IFDIR|S_IRUSR... */
static void put_mode(struct iotracer *t)
{
	static const char *const bits[] = { "S_IXOTH", "S_IWOTH", "S_IROTH", "S_IXGRP",
					    "S_IWGRP", "S_IRGRP", "S_IXUSR", "S_IWUSR",
					    "S_IRUSR", "S_ISVTX", "S_ISGID", "S_ISUID" };
	size_t len;
	const char *p = iotracer_text(t, KEY_mode, &len);
	u32 mode = 0;

	for (size_t i = 0; i < len; i++)
		mode = mode * 8 + (u32)(p[i] - '0');
	buf_puts(&t->out, "S_IFDIR");
	for (u32 i = ARRAY_SIZE(bits); i-- > 0;)
		if (mode >> i & 1)
			buf_printf(&t->out, "|%s", bits[i]);
}

/* A set of flags; the empty one has a word. */
static void put_set(struct iotracer *t, enum iotracer_key k, const char *none)
{
	size_t len;
	const char *p = iotracer_text(t, k, &len);

	put_text(t, len ? p : none, len ? len : strlen(none));
}

/* Protection and flags are one value, which is quoted for its comma. */
static void put_mapping(struct iotracer *t)
{
	_cleanup_(buf_done) struct buf both = {};
	size_t prot_len, flags_len;
	const char *prot = iotracer_text(t, KEY_prot, &prot_len),
		   *flags = iotracer_text(t, KEY_map_flags, &flags_len);

	buf_put(&both, prot, prot_len);
	buf_putc(&both, ',');
	buf_put(&both, flags_len ? flags : "NO_MAP", flags_len ? flags_len : strlen("NO_MAP"));
	t->out.failed |= both.failed;
	if (!both.failed)
		put_text(t, both.data, both.len);
}

void iotracer_put_flags(struct iotracer *t)
{
	switch (t->op) {
	case OP_OPEN:
		put_key(t, KEY_flags);
		break;
	case OP_READ:
	case OP_WRITE:
	case OP_DIO_READ:
	case OP_DIO_WRITE:
		if (t->file.layout != IOTRACER_SEED || !iotracer_is(t, KEY_file_flags, "O_RDONLY"))
			put_key(t, KEY_file_flags);
		break;
	case OP_MMAP:
		if (t->file.layout != IOTRACER_HEAD)
			put_mapping(t);
		break;
	case OP_MREMAP:
		put_set(t, KEY_mremap_flags, "NO_FLAGS");
		break;
	case OP_MSYNC:
		put_set(t, KEY_msync_flags, "NO_FLAGS");
		break;
	case OP_MADVISE:
		put_key(t, KEY_advice);
		break;
	case OP_FALLOCATE:
		put_set(t, KEY_falloc_flags, "NO_FLAGS");
		break;
	case OP_SPLICE:
	case OP_VMSPLICE:
		put_set(t, KEY_splice_flags, "NO_FLAGS");
		break;
	case OP_MKDIR:
		put_mode(t);
		break;
	default:
		break;
	}
}

PUT_TEXT(prot)

void iotracer_put_map_flags(struct iotracer *t)
{
	if (t->op == OP_MMAP)
		put_set(t, KEY_map_flags, "NO_MAP");
}

void iotracer_put_fs_type(struct iotracer *t)
{
	size_t len;
	const char *p = iotracer_text(t, KEY_fs_magic, &len);

	put_upper(t, "", p, len);
}

void iotracer_put_blk_op(struct iotracer *t)
{
	put_key(t, KEY_blk_op);
}

void iotracer_put_latency_ms(struct iotracer *t)
{
	put_ms(t, KEY_device_ns, true);
}

void iotracer_put_queue_ms(struct iotracer *t)
{
	put_ms(t, KEY_queue_ns, t->file.layout != IOTRACER_SEED);
}

static void put_blk_words(struct iotracer *t, enum iotracer_key k, const char *prefix)
{
	size_t len;
	const char *p = iotracer_text(t, k, &len);

	put_upper(t, prefix, p, len);
}

void iotracer_put_blk_flags(struct iotracer *t)
{
	put_blk_words(t, KEY_blk_flags, "");
}

void iotracer_put_command_flags(struct iotracer *t)
{
	put_blk_words(t, KEY_blk_flags, "REQ_");
}

void iotracer_put_operation_code(struct iotracer *t)
{
	put_blk_words(t, KEY_blk_op, "REQ_OP_");
}

void iotracer_put_cache_event(struct iotracer *t)
{
	buf_puts(&t->out, t->cache_event);
}

void iotracer_put_cache_index(struct iotracer *t)
{
	put_num(t, t->cache_index);
}

void iotracer_put_cache_pages(struct iotracer *t)
{
	put_num(t, t->cache_pages);
}

void iotracer_put_index(struct iotracer *t)
{
	put_key_num(t, KEY_index);
}

void iotracer_put_hex_address(struct iotracer *t)
{
	u64 addr = 0;

	(void)iotracer_num(t, KEY_addr, &addr);
	buf_printf(&t->out, "0x%llx", (unsigned long long)addr);
}

/* To be executed is to be read. */
void iotracer_put_fault_type(struct iotracer *t)
{
	buf_puts(&t->out, iotracer_is(t, KEY_access, "write") ? "WRITE" : "READ");
}

void iotracer_put_severity(struct iotracer *t)
{
	buf_puts(&t->out, iotracer_is(t, KEY_severity, "major") ? "MAJOR" : "MINOR");
}

/* The number that the kernel has for "major:minor". */
void iotracer_put_dev_id(struct iotracer *t)
{
	u64 part[2] = {};
	size_t len, at = 0;
	const char *p = iotracer_text(t, KEY_dev, &len);

	for (size_t i = 0; i < len; i++) {
		if (p[i] == ':')
			at = 1;
		else
			part[at] = part[at] * 10 + (u64)(p[i] - '0');
	}
	if (len)
		put_num(t, part[0] << 20 | part[1]);
}

void iotracer_put_nothing(struct iotracer *t)
{
	(void)t;
}

void iotracer_put_zero(struct iotracer *t)
{
	buf_putc(&t->out, '0');
}
