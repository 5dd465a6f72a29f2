/* SPDX-License-Identifier: MIT */
#include "box.h"

#include <errgroup/panic.h>
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "verify.h"

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
	*ret_box = box;
	return 0;
}

int egi_box_run(eg_ctx *ctx, void *arg)
{
	struct box *box = arg;

	/* The first deferred call of a task needs no memory. */
	EGI_VERIFY(eg_defer(free, box) == 0, "internal: no room for a task's first deferred call");
	return box->fn(ctx, box->arg);
}

void egi_box_free(void *box)
{
	free(box);
}
