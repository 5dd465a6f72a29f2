/* SPDX-License-Identifier: MIT */
/*
 * Plugins, one for each of these:
 *
 *   LOAD_HOOK     calls the program from its constructor, while the loader is at work
 *   LOAD_VERSION  submits a task whose line and message say which version it is of, 1 or 2
 *   otherwise     has the static library in it
 */
#if defined(LOAD_HOOK)

void load_hook(void);

static void __attribute__((constructor)) module_is_loaded(void)
{
	load_hook();
}

#else

#include <errgroup.h>

#if defined(LOAD_VERSION)

static int task_fails(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	return eg_fail(-5, "version %d", LOAD_VERSION);
}

/* One line in both, but not the same number and name. */
#if LOAD_VERSION == 1
#define LINE 1001
#define FILE "version_1.c"
#else
#define LINE 2002
#define FILE "version_2.c"
#endif

int load_submit(eg_group *group);
int load_submit(eg_group *group)
{
#line LINE FILE
	return eg_group_go(group, task_fails, 0);
}

#else

static int task_count(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	__atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
	return 0;
}

/* Return: 0, or a code. */
int load_use(int faults);
int load_use(int faults)
{
	eg_group group = EG_GROUP_INIT;
	int ran = 0, err = faults ? eg_fault_set_mode(EG_FAULT_GO) : 0;

	if (!err)
		err = eg_group_set_limit(&group, 2);
	for (int i = 0; i < 100 && !err; i++)
		err = eg_group_go(&group, task_count, &ran);
	if (!err)
		err = eg_group_wait(&group);
	eg_group_destroy(&group);
	return err || ran == 100 ? err : -1;
}

#endif
#endif
