/* SPDX-License-Identifier: MIT */
#include "quota.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads a small file whole; false if it is not there. */
static bool read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return false;
	length = read(fd, text, size - 1);
	close(fd);
	if (length < 0)
		return false;
	text[length] = '\0';
	return true;
}

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

static long long read_number(const char *directory, const char *name)
{
	char path[PATH_MAX], text[64];

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path) ||
	    !read_file(path, text, sizeof(text)))
		return 0;
	return strtoll(text, NULL, 10);
}

static int quota_at(const char *directory, bool unified)
{
	char path[PATH_MAX], text[64];
	long long quota, period;

	if (!unified)
		return cpus_of(read_number(directory, "cpu.cfs_quota_us"),
			       read_number(directory, "cpu.cfs_period_us"));
	if (snprintf(path, sizeof(path), "%s/cpu.max", directory) >= (int)sizeof(path) ||
	    !read_file(path, text, sizeof(text)) || sscanf(text, "%lld %lld", &quota, &period) != 2)
		return 0;
	return cpus_of(quota, period);
}

/* A quota binds everything below it, so the whole path up to the mount counts. */
static int quota_along(const char *mount, char *group, bool unified)
{
	int least = 0;

	for (;;) {
		char directory[PATH_MAX];
		char *slash;

		if (snprintf(directory, sizeof(directory), "%s%s", mount, group) < (int)sizeof(directory))
			least = smaller(least, quota_at(directory, unified));
		slash = strrchr(group, '/');
		if (!slash)
			return least;
		*slash = '\0';
	}
}

int egi_quota_cpus(void)
{
	char text[8192], *rest = text, *line;
	int least = 0;

	if (!read_file("/proc/self/cgroup", text, sizeof(text)))
		return 0;
	/* Lines are "id:controllers:path"; version 2 has no controllers, version 1 names "cpu" among them. */
	while ((line = strsep(&rest, "\n")) != NULL) {
		char *group = line;
		const char *id = strsep(&group, ":");
		const char *controllers = group ? strsep(&group, ":") : NULL;

		if (!group || !id)
			continue;
		if (*controllers == '\0')
			least = smaller(least, quota_along("/sys/fs/cgroup", group, true));
		else if (strncmp(controllers, "cpu", 3) == 0 &&
			 (controllers[3] == '\0' || controllers[3] == ','))
			least = smaller(least, quota_along("/sys/fs/cgroup/cpu", group, false));
	}
	return least;
}
