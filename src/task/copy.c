/* SPDX-License-Identifier: MIT */
/*
 * A task's function and argument in a block of their own. Freeing it is the first of the task's deferred calls, for which
 * there is always room, so it is freed last and however the task ends.
 *
 * With a tool that looks for data races all tasks come this way: what happens before what is said here (os/annotate.h).
 */
#include "task/copy.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "os/annotate.h"
#include "os/thread.h"
#include "os/verify.h"
#include "task/recovery.h"

struct copy {
	eg_task_fn *fn;
	void *arg;
	alignas(max_align_t) unsigned char bytes[];
};

int egi_copy_make(eg_task_fn *fn, void *arg, const void *bytes, size_t size, void **ret_copy)
{
	struct copy *copy;

	if (size > PTRDIFF_MAX - sizeof(*copy))
		return -EOVERFLOW;
	copy = malloc(sizeof(*copy) + size);
	if (!copy)
		return -ENOMEM;
	copy->fn = fn;
	copy->arg = bytes ? copy->bytes : arg;
	if (size)
		memcpy(copy->bytes, bytes, size);
	egi_annotate_release(copy);
	*ret_copy = copy;
	return 0;
}

EGI_NOINLINE int egi_copy_run(eg_ctx *ctx, void *arg)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;
	struct copy *copy = arg;
	int code;

	egi_annotate_acquire(copy);
	egi_annotate_acquire(recovery);
	EGI_VERIFY(eg_defer(free, copy) == 0, "internal: no room for a task's first deferred call");
	recovery->entry = __builtin_frame_address(0);
	code = copy->fn(ctx, copy->arg);
	recovery->entry = recovery->stop;
	return code;
}

void egi_copy_free(void *copy)
{
	egi_annotate_acquire(copy);
	free(copy);
}
