// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include "enrich/cgroup.h"

enum form {
	HEX64, /* 64 hexadecimal digits */
	NAME,  /* anything */
	NONE,  /* looks like a container and is none */
};

/*
 * How container managers name the cgroup of a container: one component of the
 * path. The first rule that fits a component wins.
 */
static const struct rule {
	const char *parent; /* the component before it; NULL is any */
	const char *prefix, *suffix;
	enum form form;
} rules[] = {
	/* systemd's driver of docker, containerd, cri-o and podman */
	{ NULL, "docker-", ".scope", HEX64 },
	{ NULL, "cri-containerd-", ".scope", HEX64 },
	{ NULL, "nerdctl-", ".scope", HEX64 },
	{ NULL, "crio-", ".scope", HEX64 },
	{ NULL, "libpod-", ".scope", HEX64 },
	/* cgroupfs' driver of cri-o and podman */
	{ NULL, "crio-", "", HEX64 },
	{ NULL, "libpod-", "", HEX64 },
	/* docker, kubernetes, ecs and whatever --cgroup-parent was given */
	{ NULL, "", "", HEX64 },
	{ NULL, "lxc.payload.", "", NAME },
	{ "lxc.payload", "", "", NAME },
	{ "lxc", "", "", NAME },
	/* libvirt's virtual machines lie beside systemd-nspawn's containers */
	{ NULL, "machine-qemu\\x2d", ".scope", NONE },
	{ NULL, "machine-", ".scope", NAME },
	{ NULL, "systemd-nspawn@", ".service", NAME },
};

struct part {
	const char *p;
	size_t len;
};

static bool is_hex64(struct part s)
{
	if (s.len != 64)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return true;
}

static bool equals(struct part s, const char *text)
{
	return s.len == strlen(text) && !memcmp(s.p, text, s.len);
}

/* Cuts the rule's prefix and suffix off; false if they are not there, or nothing is left. */
static bool cut(struct part *s, const struct rule *rule)
{
	size_t prefix = strlen(rule->prefix), suffix = strlen(rule->suffix);

	if (s->len <= prefix + suffix || memcmp(s->p, rule->prefix, prefix) ||
	    memcmp(s->p + s->len - suffix, rule->suffix, suffix))
		return false;
	s->p += prefix;
	s->len -= prefix + suffix;
	return true;
}

static bool match(struct part component, struct part parent, struct part *ret)
{
	struct part s;

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		s = component;
		if (rules[i].parent && !equals(parent, rules[i].parent))
			continue;
		if (!cut(&s, &rules[i]) || (rules[i].form == HEX64 && !is_hex64(s)))
			continue;
		*ret = s;
		return rules[i].form != NONE;
	}
	return false;
}

/* The last component of path[0 .. *len), which is cut off together with its slash. */
static struct part pop(const char *path, size_t *len)
{
	struct part s = { path + *len, 0 };

	while (*len && path[*len - 1] == '/')
		s.p = path + --*len;
	while (*len && path[*len - 1] != '/') {
		s.p = path + --*len;
		s.len++;
	}
	return s;
}

bool cgroup_container(const char *path, size_t len, size_t *ret_start, size_t *ret_len)
{
	struct part component = pop(path, &len), parent, id;
	const char *colon;

	for (; component.len; component = parent) {
		parent = pop(path, &len);
		if (!match(component, parent, &id)) {
			/* slice:manager:id, when a name meant for systemd's driver met cgroupfs' */
			colon = memrchr(component.p, ':', component.len);
			if (!colon)
				continue;
			id.p = colon + 1;
			id.len = component.len - (size_t)(id.p - component.p);
			if (!is_hex64(id))
				continue;
		}
		*ret_start = (size_t)(id.p - path);
		*ret_len = id.len;
		return true;
	}
	return false;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const struct istr *cgroup_container_name(struct intern *pool, const char *path, size_t len)
{
	char name[256]; /* a component is shorter: NAME_MAX */
	size_t start, id_len, n = 0;
	const char *p;

	if (!cgroup_container(path, len, &start, &id_len) || id_len > sizeof(name))
		return NULL;
	for (p = path + start; p < path + start + id_len; p++) {
		if (path + start + id_len - p >= 4 && p[0] == '\\' && p[1] == 'x' &&
		    hex_digit(p[2]) >= 0 && hex_digit(p[3]) >= 0) {
			name[n++] = (char)(hex_digit(p[2]) << 4 | hex_digit(p[3]));
			p += 3;
		} else {
			name[n++] = *p;
		}
	}
	return intern(pool, name, n);
}
