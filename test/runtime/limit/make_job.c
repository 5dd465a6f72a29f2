/* SPDX-License-Identifier: MIT */
/*
 * A recipe of test_make.sh: runs tasks under make's jobserver, beside other such recipes. All of them count in one file how
 * many tasks run and what the most was; a task goes on when that was as many as it is told.
 *
 *     make_job FILE MOST TASKS return|panic|exit
 */
#include <errgroup.h>

#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct count {
	int running, most;
};

static struct {
	const char *file, *end;
	int most;
} job;

/* Under the file's lock, which is each opener's. */
static struct count count_change(int by)
{
	int fd = open(job.file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct count count = {0, 0};

	if (fd < 0 || flock(fd, LOCK_EX) != 0 || pread(fd, &count, sizeof(count), 0) < 0)
		_exit(9);
	count.running += by;
	if (count.most < count.running)
		count.most = count.running;
	if (by != 0 && pwrite(fd, &count, sizeof(count), 0) != sizeof(count))
		_exit(9);
	close(fd);
	return count;
}

static atomic_flag exits = ATOMIC_FLAG_INIT;

static int task(eg_ctx *ctx, void *arg)
{
	struct count count = count_change(1);

	(void)ctx;
	(void)arg;
	while (count.most < job.most) {
		sched_yield();
		count = count_change(0);
	}
	count_change(-1);
	if (strcmp(job.end, "panic") == 0)
		eg_panic("as told");
	/* In the middle of all, with tokens out. By one: before glibc 2.41 another call ends the process beside its handlers. */
	if (strcmp(job.end, "exit") == 0 && !atomic_flag_test_and_set(&exits))
		exit(0);
	while (strcmp(job.end, "exit") == 0)
		pause();
	return 0;
}

int main(int argc, char **argv)
{
	bool panics;
	eg_limit *limit;
	eg_group group;
	int err;

	if (argc != 5)
		return 8;
	job.file = argv[1];
	job.most = atoi(argv[2]);
	job.end = argv[4];
	panics = strcmp(job.end, "panic") == 0;
	err = eg_limit_from_jobserver(&limit);
	if (err) {
		printf("make_job: %s\n", eg_strerror(err));
		return 7;
	}
	err = eg_group_init(&group, NULL, EG_GROUP_OPTIONS(.shared_limit = limit));
	for (int i = 0; !err && i < atoi(argv[3]); i++)
		err = eg_group_go(&group, task, NULL);
	if (!err)
		err = eg_group_wait(&group);
	eg_group_destroy(&group);
	eg_limit_unref(limit);
	return panics ? err != EG_EPANIC : err != 0;
}
