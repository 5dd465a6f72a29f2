/* SPDX-License-Identifier: MIT */
/*
 * A function and its argument have to be read together, at a moment when no lock may be taken. So each pair ever set is
 * a node that never changes and is never freed; setting one that was set before finds its node again, so they are as
 * many as there are different ones.
 */
#include "task/hook.h"

#include <errno.h>
#include <stdlib.h>

#include "os/annotate.h"
#include "os/atomic.h"

struct hook {
	eg_panic_hook_fn *fn;
	void *arg;
	struct hook *next;
};

static struct hook *hooks;  /* all of them */
static struct hook *chosen; /* NULL: none */

static struct hook *hook_known(eg_panic_hook_fn *fn, void *arg)
{
	/* [H1] acquire: pairs with [H2]. */
	for (struct hook *hook = egi_load_acquire_ptr(&hooks); hook; hook = hook->next)
		if (hook->fn == fn && hook->arg == arg)
			return hook;
	return NULL;
}

static struct hook *hook_add(eg_panic_hook_fn *fn, void *arg)
{
	struct hook *hook = malloc(sizeof(*hook));

	if (!hook)
		return NULL;
	*hook = (struct hook){fn, arg, NULL};
	do {
		hook->next = egi_load_relaxed_ptr(&hooks);
		/* [H2] full: the node before its link; pairs with [H1]. */
	} while (!egi_cas_ptr(&hooks, hook->next, hook));
	return hook;
}

int eg_panic_set_hook(eg_panic_hook_fn *fn, void *arg)
{
	struct hook *hook = NULL;

	if (fn) {
		hook = hook_known(fn, arg);
		if (!hook)
			hook = hook_add(fn, arg);
		if (!hook)
			return -ENOMEM;
	}
	egi_annotate_release(&chosen);
	/* [H3] release: the node, and what its argument leads to, before its choice; pairs with [H4]. */
	egi_store_release_ptr(&chosen, hook);
	return 0;
}

bool egi_hook_find(eg_panic_hook_fn **ret_fn, void **ret_arg)
{
	/* [H4] acquire: pairs with [H3]. */
	const struct hook *hook = egi_load_acquire_ptr(&chosen);

	if (!hook)
		return false;
	egi_annotate_acquire(&chosen);
	*ret_fn = hook->fn;
	*ret_arg = hook->arg;
	return true;
}
