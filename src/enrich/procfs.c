// SPDX-License-Identifier: BSD-2-Clause
#include "enrich/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* In field 9 of stat, linux/sched.h. */
#define PF_KTHREAD 0x00200000u
#define PF_FORKNOEXEC 0x00000040u

bool procfs_number(const char **p, u64 *ret)
{
	const char *at = *p;
	u64 v = 0;

	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (u64)(*at - '0'), &v))
			return false;
	if (at == *p)
		return false;
	*p = at;
	*ret = v;
	return true;
}

/* A name may hold blanks and parentheses: the last one ends it. */
int procfs_parse_stat(const char *text, size_t len, struct procfs_stat *ret)
{
	const char *p = memrchr(text, ')', len), *end = text + len;
	u64 ppid = 0, flags = 0, start = 0, v;

	for (int field = 3; field <= 22; field++) {
		if (!p || p == end || (p = memchr(p, ' ', (size_t)(end - p))) == NULL)
			return -EINVAL;
		p++;
		if (field == 3 || (p < end && *p == '-'))
			continue; /* state is a letter, and no field below zero is wanted */
		if (!procfs_number(&p, &v))
			return -EINVAL;
		if (field == 4)
			ppid = v;
		else if (field == 9)
			flags = v;
		else if (field == 22)
			start = v;
	}
	*ret = (struct procfs_stat){
		.ppid = (u32)ppid,
		.is_kthread = flags & PF_KTHREAD,
		.is_fork = flags & PF_FORKNOEXEC,
		.start_ticks = start,
	};
	return 0;
}

/* Blanks, tabs, newlines and backslashes stand there as \ and three octal digits. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++, to++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to = *s;
		}
	}
	*to = '\0';
}

static char *next_word(char **line)
{
	return strsep(line, " ");
}

static bool parse_mount(char *line, struct procfs_mount *ret)
{
	const char *id = next_word(&line), *parent = next_word(&line), *dev = next_word(&line);
	char *root = next_word(&line), *point = next_word(&line), *word;
	u64 nr, major, minor;

	do
		word = next_word(&line);
	while (word && strcmp(word, "-"));
	word = next_word(&line);
	if (!word || !parent || !procfs_number(&id, &nr) || !procfs_number(&dev, &major) ||
	    *dev++ != ':' || !procfs_number(&dev, &minor))
		return false;
	unescape(root);
	unescape(point);
	*ret = (struct procfs_mount){
		.id = (u32)nr,
		.dev = (u32)(major << 20 | minor),
		.root = root,
		.point = point,
		.fs_type = word,
	};
	return true;
}

bool procfs_next_mount(char **text, struct procfs_mount *ret)
{
	char *line;

	while ((line = strsep(text, "\n")))
		if (parse_mount(line, ret))
			return true;
	return false;
}

int procfs_read(int dir_fd, const char *path, size_t max, struct buf *buf)
{
	_cleanup_(closep) int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	size_t want;
	ssize_t n;

	buf->len = 0;
	if (fd < 0)
		return -errno;
	do {
		want = MIN(max - buf->len, 4096u);
		if (!buf_room(buf, want + 1))
			return -ENOMEM;
		n = read(fd, buf->data + buf->len, want);
		if (n < 0)
			return -errno;
		buf->len += (size_t)n;
	} while (n > 0 && buf->len < max);
	buf->data[buf->len] = '\0';
	return 0;
}

size_t procfs_join_args(char *args, size_t len)
{
	while (len && args[len - 1] == '\0')
		len--;
	for (size_t i = 0; i < len; i++)
		if (args[i] == '\0')
			args[i] = ' ';
	return len;
}
