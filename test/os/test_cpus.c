/* SPDX-License-Identifier: MIT */
/*
 * The CPU quota of control groups, in the forms in which kernels and containers show it. The files are the test's own:
 * what the library opens is looked up in a table.
 */

#include "support.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "os/cpus.h"

struct file {
	const char *path, *text;
};

#define FILES_MAX 8

struct form {
	const char *name;
	int cpus;
	struct file files[FILES_MAX];
};

static const struct file none[1];
static const struct file *files = none; /* FILES_MAX, or as many as have a path */

static int open_file(const char *path)
{
	for (size_t i = 0; i < FILES_MAX && files[i].path; i++) {
		int fd;

		if (strcmp(path, files[i].path) != 0)
			continue;
		fd = memfd_create("file", MFD_CLOEXEC);
		CHECK(fd >= 0 &&
		      write(fd, files[i].text, strlen(files[i].text)) == (ssize_t)strlen(files[i].text));
		CHECK(lseek(fd, 0, SEEK_SET) == 0);
		return fd;
	}
	errno = ENOENT;
	return -1;
}

int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	(void)flags;
	return open_file(path);
}

int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
	(void)flags;
	return open_file(path);
}

#define CGROUP "/proc/self/cgroup"
#define MOUNTS "/proc/self/mountinfo"
#define CPU_MOUNT(root, at)                                            \
	"24 20 0:1 / / rw - ext4 /dev/vda rw\n33 31 0:30 " root " " at \
	" rw shared:9 master:1 - cgroup cgroup rw,cpu,cpuacct\n"

/* clang-format off */
static const struct form forms[] = {
	{"nothing is there", 0, {{0}}},
	{"version 2", 2, {
		{CGROUP, "0::/a\n"}, {"/sys/fs/cgroup/a/cpu.max", "150000 100000\n"}}},
	{"version 2, none", 0, {
		{CGROUP, "0::/a\n"}, {"/sys/fs/cgroup/a/cpu.max", "max 100000\n"}}},
	{"version 2, the parent's is smaller", 1, {
		{CGROUP, "0::/a/b\n"}, {"/sys/fs/cgroup/a/b/cpu.max", "400000 100000\n"},
		{"/sys/fs/cgroup/a/cpu.max", "100000 100000\n"}}},
	{"version 2, only the grandparent has one", 3, {
		{CGROUP, "0::/a/b/c\n"}, {"/sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n"},
		{"/sys/fs/cgroup/a/cpu.max", "300000 100000\n"}}},
	{"version 2, own namespace", 1, {
		{CGROUP, "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "50000 100000\n"}}},
	{"version 2, outside of the namespace", 4, {
		{CGROUP, "0::/../../x\n"}, {"/sys/fs/cgroup/cpu.max", "400000 100000\n"}}},
	{"version 2, mounted elsewhere", 2, {
		{CGROUP, "0::/a\n"}, {MOUNTS, "31 23 0:28 / /cg\\0402 rw - cgroup2 none rw\n"},
		{"/cg 2/a/cpu.max", "200000 100000\n"}}},
	{"version 2, a container's part of it", 2, {
		{CGROUP, "0::/docker/0123/a\n"},
		{MOUNTS, "31 23 0:28 /docker/0123 /sys/fs/cgroup ro - cgroup2 cgroup rw\n"},
		{"/sys/fs/cgroup/a/cpu.max", "200000 100000\n"}, {"/sys/fs/cgroup/cpu.max", "400000 100000\n"}}},
	{"version 2, a part with a name that only begins alike", 0, {
		{CGROUP, "0::/docker/01234/a\n"},
		{MOUNTS, "31 23 0:28 /docker/0123 /cg ro - cgroup2 cgroup rw\n"},
		{"/cg4/a/cpu.max", "200000 100000\n"}}},
	{"a group with a colon", 1, {
		{CGROUP, "0::/a:b\n"}, {"/sys/fs/cgroup/a:b/cpu.max", "100000 100000\n"}}},
	{"version 1, cpu,cpuacct", 1, {
		{CGROUP, "4:cpu,cpuacct:/x\n"}, {"/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "100000\n"},
		{"/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n"}}},
	{"version 1, cpuacct,cpu", 1, {
		{CGROUP, "4:cpuacct,cpu:/x\n"}, {"/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "100000\n"},
		{"/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n"}}},
	{"version 1, mounted under all its names", 3, {
		{CGROUP, "4:cpuset,cpu,cpuacct:/x\n"}, {"/sys/fs/cgroup/cpuset,cpu,cpuacct/x/cpu.cfs_quota_us", "250000\n"},
		{"/sys/fs/cgroup/cpuset,cpu,cpuacct/x/cpu.cfs_period_us", "100000\n"}}},
	{"version 1, mounted elsewhere", 2, {
		{CGROUP, "4:cpuacct,cpu:/x\n"}, {MOUNTS, CPU_MOUNT("/", "/dev/cpu,cpuacct")},
		{"/dev/cpu,cpuacct/x/cpu.cfs_quota_us", "200000\n"},
		{"/dev/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n"}}},
	{"version 1, a container's part of it", 1, {
		{CGROUP, "4:cpu,cpuacct:/docker/0123\n"}, {MOUNTS, CPU_MOUNT("/docker/0123", "/sys/fs/cgroup/cpu")},
		{"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n"},
		{"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}}},
	{"version 1, none", 0, {
		{CGROUP, "4:cpu:/\n"}, {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
		{"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}}},
	{"controllers and hierarchies that only look alike", 0, {
		{CGROUP, "5:cpuset:/x\n4:cpuacct:/x\n3:name=cpu:/x\n2:xcpu,cpux:/x\n"},
		{"/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "100000\n"},
		{"/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n"}}},
	{"both versions", 2, {
		{CGROUP, "2:cpu:/x\n1:name=systemd:/y\n0::/y\n"}, {"/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "200000\n"},
		{"/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n"},
		{"/sys/fs/cgroup/unified/cgroup.controllers", "\n"}}},
	{"both versions, the controller in the second", 2, {
		{CGROUP, "1:name=systemd:/y\n0::/y\n"}, {"/sys/fs/cgroup/unified/y/cpu.max", "200000 100000\n"}}},
	{"without /proc, version 2", 3, {{"/sys/fs/cgroup/cpu.max", "300000 100000\n"}}},
	{"without /proc, version 1", 3, {
		{"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "300000\n"},
		{"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"}}},
	{"numbers that make no sense", 0, {
		{CGROUP, "4:cpu:/x\n0::/x\n"}, {"/sys/fs/cgroup/x/cpu.max", "99999999999999999999999 0\n"},
		{"/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "9223372036854775807\n"},
		{"/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "1\n"}}},
	{"lines that make no sense", 0, {{CGROUP, "\n:\n::\n0\n0:\n:::::\n0::x\nno line break"}}},
};
/* clang-format on */

static void every_form_of_a_quota_is_seen(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		int cpus;

		files = forms[i].files;
		cpus = egi_cpus_quota();
		if (cpus != forms[i].cpus)
			print_error("%s: %d instead of %d\n", forms[i].name, cpus, forms[i].cpus);
		assert_int_equal(cpus, forms[i].cpus);
	}
}

/* Lines that are longer than there is room for are passed over. */
static void a_long_line_hides_no_other(void **state)
{
	static char text[20000];
	struct file table[FILES_MAX] = {{CGROUP, text},
					{"/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "100000\n"},
					{"/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n"}};

	(void)state;
	files = table;
	for (size_t length = 2000; length < 2100; length++) {
		size_t used = (size_t)sprintf(text, "9:memory:/");

		memset(text + used, 'x', length);
		strcpy(text + used + length, "\n2:cpu:/x\n");
		assert_int_equal(egi_cpus_quota(), 1);
	}
	memset(text, 'x', 15000);
	strcpy(text + 15000, "\n2:cpu:/x\n");
	assert_int_equal(egi_cpus_quota(), 1);
}

/* Whatever the files say, the answer is a number of CPUs, or none. */
static void files_that_are_broken_anyhow_do_no_harm(void **state)
{
	static const char letters[] = "0:/.,\\-cgpu\n \t9";
	static char broken[FILES_MAX][512];
	unsigned seed = 1;

	(void)state;
	for (long round = 0; goes_on(round, 20000); round++) {
		const struct form *form = &forms[(size_t)round % (sizeof(forms) / sizeof(forms[0]))];
		struct file table[FILES_MAX] = {{0}};

		for (size_t i = 0; i < FILES_MAX && form->files[i].path; i++) {
			size_t length = strlen(form->files[i].text);

			memcpy(broken[i], form->files[i].text, length + 1);
			for (int k = 0; k < 3; k++) {
				seed = seed * 1103515245 + 12345;
				broken[i][(seed >> 8) % length] =
				    letters[(seed >> 20) % (sizeof(letters) - 1)];
			}
			table[i] = (struct file){form->files[i].path, broken[i]};
		}
		files = table;
		assert_true(egi_cpus_quota() >= 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(every_form_of_a_quota_is_seen),
	    TEST(a_long_line_hides_no_other),
	    TEST(files_that_are_broken_anyhow_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
