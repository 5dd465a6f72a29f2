/* SPDX-License-Identifier: MIT */
/*
 * Submission. eg_group_go has a fast path of its own: the thread that made the group, which has the first queue, submits
 * the function that it submitted last from the same place, is spilling, and the crew is watching. That is one comparison
 * each, an append, and no call. Whatever is not so is left to slower functions, which find out what it is.
 */
#include "error/call_site.h"
#include "os/annotate.h"
#include "runtime/group/call.h"
#include "runtime/group/group.h"
#include "runtime/group/submit.h"
#include "task/copy.h"

static int submit(eg_group *group, eg_task_fn *fn, void *arg, struct eg_site *site, enum egi_submit_mode mode)
{
	struct eg_group_state *state;
	int err;

	if (!fn)
		return -EINVAL;
	err = egi_group_open(group, &state);
	if (err)
		return err;
	return egi_submit(state, egi_task_make(fn, arg, egi_site_number(site)), mode);
}

/* Whether a task is copied to a block of its own (task/copy.h) although its argument is not. */
static inline bool is_copied(eg_task_fn *fn)
{
	return fn && (!egi_task_fits(fn) || egi_annotates());
}

/* Submits a task that is copied; the copy is freed if it is not accepted. */
static EGI_COLD int submit_copied(eg_group *group, eg_task_fn *fn, void *arg, const void *bytes, size_t size,
				  struct eg_site *site, enum egi_submit_mode mode)
{
	void *copy;
	int err = egi_copy_make(fn, arg, bytes, size, &copy);

	if (err)
		return err;
	err = submit(group, egi_copy_run, copy, site, mode);
	if (err)
		egi_copy_free(copy);
	return err;
}

/*
 * The fast path of eg_group_go has no frame: whatever is not ordinary is left to a function that it jumps to.
 */
static EGI_NOINLINE int go_slow(eg_group *group, eg_task_fn *fn, void *arg, struct eg_site *site)
{
	struct eg_group_state *state;
	uint32_t number = EGI_SITE_NONE;

	if (is_copied(fn))
		return submit_copied(group, fn, arg, NULL, 0, site, EGI_SUBMIT_GO);
	state = group && fn ? egi_group_state(group) : NULL;
	if (state && (!site || egi_site_is_known(site, &number)) &&
	    egi_submit_known(state, egi_task_make(fn, arg, number)))
		return 0;
	return submit(group, fn, arg, site, EGI_SUBMIT_GO);
}

/* The queue has to be asked how to go on; the arguments stay where they are. */
static EGI_NOINLINE int go_put(eg_group *group, eg_task_fn *fn, void *arg, const struct eg_site *site)
{
	struct eg_group_state *state = egi_group_state(group);
	struct egi_queue *queue = &state->first_queue;
	int err = egi_queue_put(queue, (struct egi_task){queue->code, arg});

	(void)fn;
	(void)site;
	if (EGI_LIKELY(err == 0))
		egi_state_tell(state, queue);
	return err;
}

/* Nobody is watching. It has the group, which is where it was, rather than the state, which would have to be moved. */
static EGI_NOINLINE int go_tell(eg_group *group)
{
	struct eg_group_state *state = egi_group_state(group);

	/* [G1], [N1] light: the same as in egi_state_tell, where a gate that is quiet is the last question. */
	egi_fence_light();
	if (!egi_gate_is_quiet(&state->gate))
		egi_state_tell(state, &state->first_queue);
	return 0;
}

/*
 * A task's code, unchecked. It is made anew from what the site says each time, because a module that is loaded where
 * another was has other sites, and functions, at the same addresses. What it makes of a site without a number, or of a
 * function that does not fit, is no queue's code; but for functions 2^48 bytes apart, which nobody has.
 */
static inline uint64_t make_code(eg_task_fn *fn, const struct eg_site *site)
{
	return egi_task_make(fn, NULL, egi_load_relaxed_u32(&site->id)).code;
}

/* The code of the queue's tasks from now on, when there is nothing to look up. False if there is. */
static inline bool queue_learn_code(struct egi_queue *queue, eg_task_fn *fn, const struct eg_site *site)
{
	uint32_t number;

	if (egi_annotates() || !egi_task_is_plain(fn) || !egi_site_is_known(site, &number))
		return false;
	queue->code = egi_task_make(fn, NULL, number).code;
	return true;
}

int eg_group_go_at(eg_group *group, eg_task_fn *fn, void *arg, struct eg_site *site)
{
	struct eg_group_state *state = group ? egi_group_state(group) : NULL;
	struct egi_queue *queue;

	if (EGI_UNLIKELY(!state || !site || !egi_gate_is_owner(&state->gate)))
		return go_slow(group, fn, arg, site);
	queue = &state->first_queue;
	if (EGI_UNLIKELY(make_code(fn, site) != queue->code) && !queue_learn_code(queue, fn, site))
		return go_slow(group, fn, arg, site);
	if (EGI_UNLIKELY(!egi_queue_spill(queue, (struct egi_task){queue->code, arg})))
		return go_put(group, fn, arg, site);
	/* [N1] light: a compiler's barrier will do, since nobody is seen to watch where it would not. */
	egi_fence_compiler();
	return EGI_LIKELY(egi_crew_is_watching()) ? 0 : go_tell(group);
}

int(eg_group_go)(eg_group *group, eg_task_fn *fn, void *arg)
{
	static struct eg_site no_site = {NULL, NULL, 0, EGI_SITE_NONE};

	return eg_group_go_at(group, fn, arg, &no_site);
}

int eg_group_try_go_at(eg_group *group, eg_task_fn *fn, void *arg, struct eg_site *site)
{
	if (EGI_UNLIKELY(is_copied(fn)))
		return submit_copied(group, fn, arg, NULL, 0, site, EGI_SUBMIT_TRY);
	return submit(group, fn, arg, site, EGI_SUBMIT_TRY);
}

int(eg_group_try_go)(eg_group *group, eg_task_fn *fn, void *arg)
{
	return eg_group_try_go_at(group, fn, arg, NULL);
}

int eg_group_go_copy_at(eg_group *group, eg_task_fn *fn, const void *bytes, size_t size, struct eg_site *site)
{
	if (!group || !fn || (!bytes && size > 0))
		return -EINVAL;
	return submit_copied(group, fn, NULL, bytes ? bytes : "", size, site, EGI_SUBMIT_GO);
}

int(eg_group_go_copy)(eg_group *group, eg_task_fn *fn, const void *bytes, size_t size)
{
	return eg_group_go_copy_at(group, fn, bytes, size, NULL);
}
