/* SPDX-License-Identifier: MIT */
/*
 * What a task returns with: a code, and an error that says more than the code does. The error waits in the task's recovery
 * until the task returns, and is then its failure, or the cause of one with another code (recovery.c). The latest one counts.
 */
#include <errgroup/task.h>

#include "error/error.h"
#include "os/thread.h"
#include "task/recovery.h"

/* What the running task is going to fail with if it returns the error's code. */
static void attach(struct egi_recovery *recovery, eg_error *error)
{
	eg_error *before = recovery->message;

	recovery->message = error;
	recovery->dirty = true;
	eg_error_unref(before);
}

int eg_fail(int code, const char *format, ...)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;
	va_list args;

	if (code == 0 || !recovery)
		return code;
	va_start(args, format);
	attach(recovery, egi_error_make(EG_ERROR_RETURNED, code, NULL, NULL, "", format, args));
	va_end(args);
	return code;
}

int eg_fail_with(eg_error *error)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;
	int code = eg_error_code(error);

	if (error && recovery)
		attach(recovery, error);
	else
		eg_error_unref(error);
	return code;
}
