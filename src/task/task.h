/* SPDX-License-Identifier: MIT */
#ifndef EGI_TASK_TASK_H
#define EGI_TASK_TASK_H

/*
 * A pending task: two words. The upper 16 bits of the function's address, which no user-space function on the
 * supported 64-bit systems has set, carry the number of the submitting call site (error/call_site.h), so that every error
 * can say where its task was created without a byte more per task.
 */

#include <errgroup/task.h>

#include "os/compiler.h"

struct egi_task {
	uint64_t code; /* site << 48 | address of the function */
	void *arg;
};

#define EGI_TASK_SITE_SHIFT 48
#define EGI_TASK_FN_MASK ((UINT64_C(1) << EGI_TASK_SITE_SHIFT) - 1)

/* Whether a function's address leaves room for the site; a task with one that does not is copied (copy.h). NULL fits. */
static inline bool egi_task_fits(eg_task_fn *fn)
{
	return ((uint64_t)(uintptr_t)fn & ~EGI_TASK_FN_MASK) == 0;
}

/* Whether it is a function, and fits for sure: one comparison for both. */
static inline bool egi_task_is_plain(eg_task_fn *fn)
{
	return ((uint64_t)(uintptr_t)fn - 1) >> (EGI_TASK_SITE_SHIFT - 1) == 0;
}

static inline struct egi_task egi_task_make(eg_task_fn *fn, void *arg, uint32_t site)
{
	return (struct egi_task){(uint64_t)(uintptr_t)fn | (uint64_t)site << EGI_TASK_SITE_SHIFT, arg};
}

static inline eg_task_fn *egi_task_fn(const struct egi_task *task)
{
	return (eg_task_fn *)(uintptr_t)(task->code & EGI_TASK_FN_MASK);
}

static inline uint32_t egi_task_site(const struct egi_task *task)
{
	return (uint32_t)(task->code >> EGI_TASK_SITE_SHIFT);
}

#endif
