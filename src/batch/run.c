/* SPDX-License-Identifier: MIT */
/*
 * The life of a group within one call: see run.h.
 *
 * The group, and what its tasks work on, lie in frames of the calling thread. That thread helps, and a task may end it: the
 * stack is unwound then, and the group would be left to workers without it. So there is a cleanup handler around the wait.
 * When it is called the frames below are gone, the task's among them, and those above are still there:
 *
 *   caller                  still there
 *   eg_for                  still there
 *   egi_run_wait            calls run_abandon
 *   eg_group_wait           gone
 *   the worker, the task    gone; the task's end has yet to be noted, or the group cannot be destroyed from inside it
 */
#include "batch/run.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "error/error.h"
#include "os/thread.h"
#include "runtime/group/group.h"
#include "runtime/group/options.h"
#include "task/recovery.h"

int egi_run_options(const struct eg_group_options *options, int limit, struct eg_group_options *ret_taken)
{
	struct eg_group_options taken = egi_options_default;
	int err = options ? egi_options_take(options, &taken) : 0;

	if (err)
		return err;
	taken.flags |= EG_GROUP_SKIP_UNSTARTED;
	/* With a shared limit it is a number by now. */
	if (taken.limit == 0)
		err = egi_options_limit(limit, &taken.limit);
	if (!err)
		*ret_taken = taken;
	return err;
}

int egi_run_begin_with(struct egi_run *run, eg_ctx *parent, const struct eg_group_options *taken)
{
	*run = (struct egi_run){.outer = egi_thread_self.recovery};
	return egi_group_begin(&run->group, parent, taken);
}

int egi_run_begin(struct egi_run *run, eg_ctx *parent, const struct eg_group_options *options, int limit)
{
	struct eg_group_options taken;
	int err = egi_run_options(options, limit, &taken);

	if (err) {
		memset(run, 0, sizeof(*run));
		return err;
	}
	return egi_run_begin_with(run, parent, &taken);
}

static void run_abandon(void *arg)
{
	struct egi_run *run = arg;

	egi_recovery_exit_inside(run->outer);
	egi_run_finish(run);
}

int egi_run_wait(struct egi_run *run)
{
	int code;

	pthread_cleanup_push(run_abandon, run);
	code = eg_group_wait(&run->group);
	pthread_cleanup_pop(0);
	return code;
}

void egi_run_finish(struct egi_run *run)
{
	(void)eg_group_destroy(&run->group);
}

int egi_run_tell(int code, eg_error *error, eg_error **ret_error)
{
	if (code != 0 && !error)
		error = egi_error_make_plain(EG_ERROR_RETURNED, code, NULL, NULL, NULL);
	if (ret_error)
		*ret_error = error;
	else
		(void)eg_fail_with(error);
	return code;
}

int egi_run_end(struct egi_run *run, int err, eg_error **ret_error)
{
	eg_error *error = NULL;

	if (!err) {
		err = egi_run_wait(run);
		/* In a forked child the group is the parent's, with whatever has failed there. */
		error = err && err != EG_EFORKED ? eg_error_ref(eg_group_error(&run->group)) : NULL;
	}
	egi_run_finish(run);
	return egi_run_tell(err, error, ret_error);
}
