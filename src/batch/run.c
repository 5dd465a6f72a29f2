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
#include "runtime/group/options.h"
#include "task/recovery.h"

int egi_run_options(const struct eg_group_options *options, int limit, struct eg_group_options *ret_options)
{
	struct eg_group_options chosen = egi_options_default;
	int err = options ? egi_options_take(options, &chosen) : 0;

	if (err)
		return err;
	/* They are handed on as a program's: what was unknown behind them is zero, and flags are the program's. */
	chosen.size = sizeof(chosen);
	chosen.flags = (options ? options->flags : 0) | EG_GROUP_SKIP_UNSTARTED;
	chosen.halt_after = options ? options->halt_after : 0;
	/* With a shared limit it is a number by now. */
	if (chosen.limit == 0)
		chosen.limit = limit;
	*ret_options = chosen;
	return 0;
}

int egi_run_begin_with(struct egi_run *run, eg_ctx *parent, const struct eg_group_options *chosen)
{
	*run = (struct egi_run){.outer = egi_thread_self.recovery};
	return eg_group_init(&run->group, parent, chosen);
}

int egi_run_begin(struct egi_run *run, eg_ctx *parent, const struct eg_group_options *options, int limit)
{
	struct eg_group_options chosen;
	int err = egi_run_options(options, limit, &chosen);

	if (err) {
		memset(run, 0, sizeof(*run));
		return err;
	}
	return egi_run_begin_with(run, parent, &chosen);
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
