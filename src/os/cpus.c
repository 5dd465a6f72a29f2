/* SPDX-License-Identifier: MIT */
/*
 * How many CPUs a process may use. Affinity says on which it may run; a quota says how much time it may have on these, in
 * all, and as many threads as that is CPUs are enough to use it up.
 *
 * A quota is set on a control group and binds all groups below. /proc says in which the process is, once for each hierarchy
 * of them; the files of the group, and of those above, are where the hierarchy is mounted. That is nearly always in the usual
 * place, so all mounts are looked through only where the group is not there. What does not look like what the kernel writes
 * is passed over, and nothing needs memory.
 */
#include "os/cpus.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/affinity.h"
#include "os/text_file.h"

#define ROOT "/sys/fs/cgroup" /* where everybody mounts them, or folders in it */
#define PATH_SIZE 2048        /* of a line's size (text_file.h); what does not fit is not looked at */

/* One hierarchy of control groups in which this process has a group, and what was found in it. */
struct hierarchy {
	bool is_unified;   /* version 2 */
	const char *group; /* of this process, from the root: "" is that, else it begins with a slash */
	bool is_found;     /* the group, or one above it other than the root, is where it was looked for */
	int least;         /* CPUs; 0: no quota */
};

static int cpus_of(long long quota, long long period)
{
	long long cpus;

	if (quota <= 0 || period <= 0)
		return 0;
	cpus = quota / period + (quota % period != 0);
	return cpus > INT_MAX ? 0 : (int)cpus;
}

static int smaller(int a, int b)
{
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

/* Reads a file of a group: the first `length` characters of the group's path, below a mount. */
static bool read_at(const char *mount, const char *group, size_t length, const char *name, char *ret_text,
		    size_t size)
{
	char path[PATH_SIZE];

	return snprintf(path, sizeof(path), "%s%.*s/%s", mount, (int)length, group, name) <
		   (int)sizeof(path) &&
	       egi_text_file_read(path, ret_text, size) > 0;
}

/* Return: whether the group is there and has a quota to set, be it none. */
static bool quota_at(const struct hierarchy *hierarchy, const char *mount, size_t length, int *ret_cpus)
{
	long long quota = 0, period = 0;
	char text[64], *rest;

	if (hierarchy->is_unified) {
		if (!read_at(mount, hierarchy->group, length, "cpu.max", text, sizeof(text)))
			return false;
		/* "max" is none. */
		quota = strtoll(text, &rest, 10);
		period = strtoll(rest, NULL, 10);
	} else {
		if (!read_at(mount, hierarchy->group, length, "cpu.cfs_quota_us", text, sizeof(text)))
			return false;
		quota = strtoll(text, NULL, 10);
		if (read_at(mount, hierarchy->group, length, "cpu.cfs_period_us", text, sizeof(text)))
			period = strtoll(text, NULL, 10);
	}
	*ret_cpus = cpus_of(quota, period);
	return true;
}

/* A quota binds everything below it, so the whole path up to the mount counts. */
static void look_along(struct hierarchy *hierarchy, const char *mount)
{
	size_t length = strlen(hierarchy->group);
	bool is_root = length == 0;
	char text[8];
	int cpus;

	for (;;) {
		if (quota_at(hierarchy, mount, length, &cpus)) {
			hierarchy->least = smaller(hierarchy->least, cpus);
			hierarchy->is_found = hierarchy->is_found || length > 0 || is_root;
		}
		if (length == 0)
			break;
		while (hierarchy->group[--length] != '/')
			;
	}
	/* The real root of version 2 has no quota to set. */
	if (is_root && hierarchy->is_unified &&
	    read_at(mount, "", 0, "cgroup.controllers", text, sizeof(text)))
		hierarchy->is_found = true;
}

/* Whether a word is in a list with commas. */
static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (; list; list = strchr(list, ',')) {
		list += *list == ',';
		if (strncmp(list, word, length) == 0 && (list[length] == ',' || list[length] == '\0'))
			return true;
	}
	return false;
}

/* In place: three digits behind a backslash stand for what would end a field. */
static void unescape(char *field)
{
	char *to = field;

	for (const char *from = field; *from != '\0'; from++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' && from[2] <= '7' &&
		    from[3] >= '0' && from[3] <= '7') {
			*to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

/*
 * A mount may show a part of the hierarchy, from a group downwards: in a container that has no namespace of its own, the
 * container's.
 */
static void look_in_mount(struct hierarchy *hierarchy, const char *root, const char *mount)
{
	const char *group = hierarchy->group;
	size_t length = strlen(root);

	if (length == 1)
		length = 0;
	if (strncmp(group, root, length) == 0 && (group[length] == '/' || group[length] == '\0'))
		hierarchy->group = group + length;
	look_along(hierarchy, mount);
	hierarchy->group = group;
}

/*
 * A line of mountinfo is "id parent device root mount options [tags...] - type source options". Of those fields that have
 * a meaning here, only the last cannot contain a blank that is not escaped.
 */
static void look_in_mounts(struct hierarchy *hierarchy)
{
	struct egi_text_lines lines;
	char *line;

	if (!egi_text_lines_open(&lines, "/proc/self/mountinfo"))
		return;
	while ((line = egi_text_lines_next(&lines)) != NULL) {
		char *kind = strstr(line, " - "), *field = NULL, *root = NULL, *mount = NULL;
		const char *type, *options;

		if (!kind)
			continue;
		*kind = '\0';
		kind += 3;
		type = strsep(&kind, " ");
		(void)strsep(&kind, " ");
		options = strsep(&kind, " ");
		if (strcmp(type, hierarchy->is_unified ? "cgroup2" : "cgroup") != 0 ||
		    (!hierarchy->is_unified && (!options || !has_word(options, "cpu"))))
			continue;
		for (int i = 0; i < 5 && (field = strsep(&line, " ")) != NULL; i++) {
			root = mount;
			mount = field;
		}
		if (!field || !root)
			continue;
		unescape(root);
		unescape(mount);
		look_in_mount(hierarchy, root, mount);
	}
	egi_text_lines_close(&lines);
}

static int quota_unified(const char *group, bool is_needed)
{
	struct hierarchy hierarchy = {.is_unified = true, .group = group};

	look_along(&hierarchy, ROOT);
	look_along(&hierarchy, ROOT "/unified");
	if (!hierarchy.is_found && is_needed)
		look_in_mounts(&hierarchy);
	return hierarchy.least;
}

/* Mounted under the name of the controller, or of all that share the hierarchy, in any order. */
static int quota_of_version_1(const char *group, const char *controllers)
{
	struct hierarchy hierarchy = {.is_unified = false, .group = group};
	char mount[128];

	look_along(&hierarchy, ROOT "/cpu");
	if (!hierarchy.is_found &&
	    snprintf(mount, sizeof(mount), ROOT "/%s", controllers) < (int)sizeof(mount))
		look_along(&hierarchy, mount);
	if (!hierarchy.is_found)
		look_in_mounts(&hierarchy);
	return hierarchy.least;
}

/* The path of a group without the slash at its end. One outside of the process's namespace cannot be seen. */
static const char *group_of(char *path)
{
	size_t length = strlen(path);

	if (path[0] != '/' || strncmp(path, "/..", 3) == 0 || strstr(path, "/../"))
		return "";
	while (length > 0 && path[length - 1] == '/')
		path[--length] = '\0';
	return path;
}

int egi_cpus_quota(void)
{
	struct egi_text_lines lines;
	bool has_version_1 = false;
	int least = 0;
	char *line;

	/* Without /proc the groups are not known, but in a container the root that it sees is its own. */
	if (!egi_text_lines_open(&lines, "/proc/self/cgroup"))
		return smaller(quota_unified("", true), quota_of_version_1("", "cpu,cpuacct"));
	/* Lines are "id:controllers:path", version 2, without controllers, last. */
	while ((line = egi_text_lines_next(&lines)) != NULL) {
		const char *controllers;

		(void)strsep(&line, ":");
		controllers = strsep(&line, ":");
		if (!line)
			continue;
		if (*controllers == '\0') {
			least = smaller(least, quota_unified(group_of(line), !has_version_1));
		} else if (has_word(controllers, "cpu")) {
			has_version_1 = true;
			least = smaller(least, quota_of_version_1(group_of(line), controllers));
		}
	}
	egi_text_lines_close(&lines);
	return least;
}

int egi_cpus_count(void)
{
	int saved = errno, cancelable, cpus, quota;

	/* Reading files ends a thread of the program that is cancelled, and it may hold a lock. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	cpus = egi_affinity_cpus();
	quota = egi_cpus_quota();
	pthread_setcancelstate(cancelable, NULL);
	errno = saved;
	return quota > 0 && quota < cpus ? quota : cpus;
}
