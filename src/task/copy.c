/* SPDX-License-Identifier: MIT */
#include "task/copy.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "os/annotate.h"
#include "os/thread.h"
#include "os/verify.h"
#include "task/panic.h"

struct box {
	eg_task_fn *fn;
	void *arg;
	alignas(max_align_t) unsigned char bytes[];
};

int egi_box_make(eg_task_fn *fn, void *arg, const void *bytes, size_t size, void **ret_box)
{
	struct box *box;

	if (size > PTRDIFF_MAX - sizeof(*box))
		return -EOVERFLOW;
	box = malloc(sizeof(*box) + size);
	if (!box)
		return -ENOMEM;
	box->fn = fn;
	box->arg = bytes ? box->bytes : arg;
	if (size)
		memcpy(box->bytes, bytes, size);
	egi_annotate_release(box);
	*ret_box = box;
	return 0;
}

EGI_NOINLINE int egi_box_run(eg_ctx *ctx, void *arg)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;
	struct box *box = arg;
	int code;

	egi_annotate_acquire(box);
	egi_annotate_acquire(recovery);
	/* The first deferred call of a task needs no memory. */
	EGI_VERIFY(eg_defer(free, box) == 0, "internal: no room for a task's first deferred call");
	recovery->entry = __builtin_frame_address(0);
	code = box->fn(ctx, box->arg);
	recovery->entry = recovery->stop;
	return code;
}

void egi_box_free(void *box)
{
	egi_annotate_acquire(box);
	free(box);
}
