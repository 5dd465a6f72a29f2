/* SPDX-License-Identifier: MIT */
/*
 * The files that the examples write: whole or not there, on file systems that know files without a name and on those that
 * do not. A system without /proc stands for the latter; the linker lets calls to access come here.
 */

#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "outfile.h"

static bool proc_is_missing;

int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);

int __wrap_access(const char *path, int mode)
{
	if (proc_is_missing && strncmp(path, "/proc", 5) == 0) {
		errno = ENOENT;
		return -1;
	}
	return __real_access(path, mode);
}

static char folder[64];

static const char *in_folder(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int entries_now(void)
{
	DIR *directory = opendir(folder);
	int count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count - 2;
}

static void expect_contents(const char *path, const char *expected)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, text, sizeof(text) - 1), strlen(expected));
	assert_string_equal(text, expected);
	close(fd);
}

static void write_file(const char *path, const char *text, bool replaces, int expected)
{
	struct outfile out;

	assert_int_equal(outfile_open(&out, path, 0644), 0);
	assert_int_equal(write(out.fd, text, strlen(text)), strlen(text));
	assert_int_equal(outfile_commit(&out, replaces), expected);
}

/* Runs a test in a new folder, with and without /proc. */
static void in_both_worlds(void (*body)(void))
{
	for (int i = 0; i < 2; i++) {
		proc_is_missing = i == 1;
		snprintf(folder, sizeof(folder), "/tmp/test_outfile.XXXXXX");
		assert_non_null(mkdtemp(folder));
		body();
		unlink(in_folder("file"));
		assert_int_equal(rmdir(folder), 0);
	}
	proc_is_missing = false;
}

static void appears_body(void)
{
	const char *path = in_folder("file");
	struct outfile out;

	assert_int_equal(outfile_open(&out, path, 0644), 0);
	assert_false(outfile_exists(&out));
	assert_int_equal(write(out.fd, "text", 4), 4);
	assert_int_equal(__real_access(path, F_OK), -1);
	assert_int_equal(outfile_commit(&out, false), 0);
	assert_int_equal(entries_now(), 1);
	expect_contents(path, "text");
}

static void a_file_appears_when_it_is_complete(void **state)
{
	(void)state;
	in_both_worlds(appears_body);
}

static void abandoned_body(void)
{
	struct outfile out;

	assert_int_equal(outfile_open(&out, in_folder("file"), 0644), 0);
	assert_int_equal(write(out.fd, "text", 4), 4);
	outfile_abandon(&out);
	assert_int_equal(entries_now(), 0);
}

static void nothing_is_left_of_an_abandoned_file(void **state)
{
	(void)state;
	in_both_worlds(abandoned_body);
}

static void existing_body(void)
{
	const char *path = in_folder("file");
	struct outfile out;

	write_file(path, "old", false, 0);
	assert_int_equal(outfile_open(&out, path, 0644), 0);
	assert_true(outfile_exists(&out));
	outfile_abandon(&out);
	write_file(path, "new", false, -EEXIST);
	expect_contents(path, "old");
	assert_int_equal(entries_now(), 1);
	write_file(path, "newer", true, 0);
	expect_contents(path, "newer");
	assert_int_equal(entries_now(), 1);
}

static void a_file_that_is_there_is_kept_or_replaced(void **state)
{
	(void)state;
	in_both_worlds(existing_body);
}

static void permissions_body(void)
{
	static const mode_t masks[] = {0022, 0002, 0077, 0};
	struct stat status;
	struct outfile out;

	for (int i = 0; i < 4; i++) {
		mode_t before = umask(masks[i]);

		/* Of a file that is replaced nothing stays. */
		assert_int_equal(outfile_open(&out, in_folder("file"), 0666), 0);
		assert_int_equal(outfile_commit(&out, true), 0);
		umask(before);
		assert_int_equal(stat(in_folder("file"), &status), 0);
		assert_int_equal(status.st_mode & 07777, 0666 & ~masks[i]);
	}
	assert_int_equal(outfile_open(&out, in_folder("file"), 0600), 0);
	assert_int_equal(fstat(out.fd, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	outfile_abandon(&out);
}

static void permissions_are_as_asked_without_the_umask(void **state)
{
	(void)state;
	in_both_worlds(permissions_body);
}

static void failing_body(void)
{
	struct outfile out;

	assert_int_equal(outfile_open(&out, in_folder("nowhere/file"), 0644), -ENOENT);
	assert_int_equal(mkdir(in_folder("file"), 0700), 0);
	write_file(in_folder("file"), "text", true, -EISDIR);
	assert_int_equal(entries_now(), 1);
	assert_int_equal(rmdir(in_folder("file")), 0);
}

static void what_cannot_be_written_is_reported_and_leaves_nothing(void **state)
{
	(void)state;
	in_both_worlds(failing_body);
}

static void names_of_unfinished_files_are_known(void **state)
{
	struct outfile out;

	(void)state;
	proc_is_missing = true;
	assert_int_equal(outfile_open(&out, "/tmp/file", 0644), 0);
	assert_true(outfile_is_temporary(out.temporary));
	assert_false(outfile_is_temporary("/tmp/file"));
	outfile_abandon(&out);
	proc_is_missing = false;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_file_appears_when_it_is_complete),
	    TEST(nothing_is_left_of_an_abandoned_file),
	    TEST(a_file_that_is_there_is_kept_or_replaced),
	    TEST(permissions_are_as_asked_without_the_umask),
	    TEST(what_cannot_be_written_is_reported_and_leaves_nothing),
	    TEST(names_of_unfinished_files_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
