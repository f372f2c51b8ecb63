// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/cpus.h"

#include <errno.h>
#include <fcntl.h>

#include "base/macro.h"

static const char *parse_number(const char *p, u32 *ret)
{
	u64 v = 0;

	if (*p < '0' || *p > '9')
		return NULL;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (u64)(*p - '0');
		if (v > 1 << 16)
			return NULL;
	}
	*ret = (u32)v;
	return p;
}

int cpus_parse(const char *p, u32 **ret)
{
	_cleanup_(freep) u32 *list = NULL;
	u32 *more, from, to;
	int nr = 0;

	while (*p && *p != '\n') {
		p = parse_number(p, &from);
		if (!p)
			return -EINVAL;
		to = from;
		if (*p == '-') {
			p = parse_number(p + 1, &to);
			if (!p || to < from)
				return -EINVAL;
		}
		more = realloc(list, (size_t)(nr + (int)(to - from) + 1) * sizeof(*list));
		if (!more)
			return -ENOMEM;
		list = more;
		for (u32 cpu = from; cpu <= to; cpu++)
			list[nr++] = cpu;
		if (*p == ',')
			p++;
	}
	if (!nr)
		return -EINVAL;
	*ret = TAKE_PTR(list);
	return nr;
}

static int read_list(const char *path, u32 **ret)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[4096];
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return cpus_parse(text, ret);
}

int cpus_online(u32 **ret)
{
	return read_list("/sys/devices/system/cpu/online", ret);
}

u32 cpus_max(void)
{
	_cleanup_(freep) u32 *list = NULL;
	int nr = read_list("/sys/devices/system/cpu/possible", &list);
	u32 max = 0;

	for (int i = 0; i < nr; i++)
		max = MAX(max, list[i]);
	return max;
}
