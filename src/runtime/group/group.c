/* SPDX-License-Identifier: MIT */
/*
 * The group: its life from the outside. What happens inside lies below:
 *
 *   submit.c    accepting a task: backlog, try, telling the crew
 *   wait.c      waiting, and what is left to do when everything is done
 *   worker.c    a thread with a place: run, leave (schedule.c: claim, steal)
 *   state.c     queues, slots, the gate, and when everything is done (bias.c: used by its maker alone)
 *   runtime/crew/crew.c      the process's threads (runtime/crew/README.md: how groups ask for them)
 *   runtime/queue/queue.c     one submitter's pending tasks: ring and overflow
 *   runtime/queue/claim.c     what a worker has taken and not started, open to thieves
 *   task/panic.c     recovery of a task that gives up
 *
 * A group lives through these states; the first use of an all-zero group makes its state:
 *
 *   zero --init, first use--> open --destroy--> closed --everything done--> zero
 *                              ^ |
 *                        reset +-+ wait: stays open, its context is over
 */
#include <errgroup/group.h>
#include <errno.h>
#include <string.h>

#include "error/call_site.h"
#include "fault/mode.h"
#include "os/annotate.h"
#include "os/clock.h"
#include "os/cpus.h"
#include "runtime/group/submit.h"
#include "runtime/group/wait.h"

#define KNOWN_FLAGS \
	(EG_GROUP_NO_CANCEL | EG_GROUP_SKIP_UNSTARTED | EG_GROUP_NO_HELP | EG_GROUP_ABORT_ON_PANIC)

/* What the options of the first version end with. Programs built with its headers have no more. */
#define OPTIONS_SIZE_FIRST (offsetof(struct eg_group_options, reserved) + sizeof(unsigned))

/* No version will have more; a larger size is a mistake, and is not read. */
#define OPTIONS_SIZE_MAX 4096

static const struct eg_group_options default_options = EG_GROUP_OPTIONS_INIT;

static struct eg_group_state *group_state(const eg_group *group)
{
	/* [P1] acquire: pairs with [P2], the publication of a state made by another thread. */
	return egi_load_acquire_ptr(&group->eg_state);
}

/* Makes the state of an all-zero group on its first use. */
static int group_make(eg_group *group)
{
	struct eg_group_state *state = egi_state_create(&default_options);

	if (!state)
		return -ENOMEM;
	/* [P2] full: the state before the pointer; pairs with [P1]. Another thread may have been faster. */
	if (!egi_cas_ptr(&group->eg_state, NULL, state))
		egi_state_abandon(state);
	return 0;
}

/* Gives a group's state to work on, if the group is this process's. NULL for an all-zero group. */
static int group_find(const eg_group *group, struct eg_group_state **ret_state)
{
	struct eg_group_state *state;

	if (!group)
		return -EINVAL;
	state = group_state(group);
	if (state && state->fork_count != egi_thread_fork_count)
		return EG_EFORKED;
	*ret_state = state;
	return 0;
}

/* The same, making the state if there is none. */
static int group_open(eg_group *group, struct eg_group_state **ret_state)
{
	int err = group_find(group, ret_state);

	if (err || *ret_state)
		return err;
	err = group_make(group);
	return err ? err : group_find(group, ret_state);
}

/* What a limit stands for: a number, or EG_LIMIT_NONE. Return: 0 or -EINVAL. */
static int find_limit(int limit, int *ret_limit)
{
	if (limit < 1 && limit != EG_LIMIT_NONE && limit != EG_LIMIT_CPUS)
		return -EINVAL;
	*ret_limit = limit == EG_LIMIT_CPUS ? egi_cpus_count() : limit;
	return 0;
}

static bool is_zero(const unsigned char *bytes, size_t size)
{
	while (size > 0)
		if (bytes[--size] != 0)
			return false;
	return true;
}

/* Options may come from a newer header: fields unknown here are refused unless they say "default". */
static int check_options(const struct eg_group_options *options)
{
	const unsigned char *bytes = (const unsigned char *)options;

	if (options->size < OPTIONS_SIZE_FIRST || options->size > OPTIONS_SIZE_MAX)
		return -EINVAL;
	if (options->size > sizeof(*options) &&
	    !is_zero(bytes + sizeof(*options), options->size - sizeof(*options)))
		return -EINVAL;
	return 0;
}

/* Takes over options, those of an older header too. Return: 0 or -EINVAL, with nothing taken over. */
static int take_options(const struct eg_group_options *options, struct eg_group_options *ret_options)
{
	struct eg_group_options taken = default_options;
	int err = check_options(options);

	if (err)
		return err;
	memcpy(&taken, options, options->size < sizeof(taken) ? options->size : sizeof(taken));
	if (taken.limit != 0) {
		err = find_limit(taken.limit, &taken.limit);
		if (err)
			return err;
	}
	if ((taken.flags & ~(unsigned)KNOWN_FLAGS) != 0 || taken.backlog < EG_BACKLOG_NONE ||
	    !egi_fault_is_mode(taken.fault) || taken.reserved != 0)
		return -EINVAL;
	*ret_options = taken;
	return 0;
}

static void context_is_cancelled(struct egi_ctx_watch *watch)
{
	egi_state_halt(EGI_CONTAINER_OF(watch, struct eg_group_state, watch));
}

/* Makes the context for a round's tasks: the parent itself, or one derived from it. */
static int state_make_ctx(const struct eg_group_state *state, eg_ctx **ret_ctx)
{
	if (!state->owns_ctx) {
		*ret_ctx = state->parent;
		return 0;
	}
	return eg_ctx_with_cancel(state->parent, ret_ctx);
}

/* Only what skips tasks, or has submitters wait for room, wants to be told of the context's end. */
static void state_set_ctx(struct eg_group_state *state, eg_ctx *ctx)
{
	bool watches = (state->flags & EG_GROUP_SKIP_UNSTARTED) != 0 || state->backlog != 0;

	state->ctx = ctx;
	egi_ctx_watch_add(watches ? ctx : NULL, &state->watch, context_is_cancelled);
}

static void state_drop_ctx(struct eg_group_state *state)
{
	eg_ctx *ctx = state->ctx;

	if (!ctx)
		return;
	egi_ctx_watch_remove(ctx, &state->watch);
	/* Other waiters may be about to return: see round_end. */
	egi_mutex_lock(&state->lock);
	state->ctx = NULL;
	egi_mutex_unlock(&state->lock);
	if (state->owns_ctx)
		eg_ctx_unref(ctx);
}

static void state_drop_parent(struct eg_group_state *state)
{
	eg_ctx_unref(state->parent);
	state->parent = NULL;
}

int eg_group_init(eg_group *group, eg_ctx *parent, const struct eg_group_options *options)
{
	struct eg_group_options chosen = default_options;
	struct eg_group_state *state;
	eg_ctx *ctx;
	int err;

	if (!group)
		return -EINVAL;
	if (options) {
		err = take_options(options, &chosen);
		if (!err)
			err = egi_fault_prepare(chosen.fault);
		if (err)
			return err;
	}
	state = egi_state_create(&chosen);
	if (!state)
		return -ENOMEM;
	state->owns_ctx = (chosen.flags & EG_GROUP_NO_CANCEL) == 0;
	state->parent = eg_ctx_ref(parent);
	err = state_make_ctx(state, &ctx);
	if (err) {
		state_drop_parent(state);
		egi_state_abandon(state);
		return err;
	}
	state_set_ctx(state, ctx);
	memset(group, 0, sizeof(*group));
	/* [P2] release: the state before the pointer; pairs with [P1]. */
	egi_store_release_ptr(&group->eg_state, state);
	return 0;
}

/*
 * No task ever has a slot beyond what eg_group_slots says: that rises before the limit does, and falls after it has, if no
 * task has been submitted by then.
 */
static void slots_raise(struct eg_group_state *state, uint32_t limit)
{
	uint32_t slots_max = egi_load_relaxed_u32(&state->slots_max);

	/* [J10] full: before the limit is raised; pairs with [J6]. */
	while (limit > slots_max && !egi_cas_u32(&state->slots_max, &slots_max, limit))
		;
}

static void slots_lower(struct eg_group_state *state, uint32_t limit)
{
	uint32_t slots_max = egi_load_relaxed_u32(&state->slots_max);

	/* [J10] full: after the limit was lowered. */
	while (limit < slots_max && !egi_state_has_been_used(state) &&
	       !egi_cas_u32(&state->slots_max, &slots_max, limit))
		;
}

static uint64_t gate_with(uint64_t gate, uint64_t places)
{
	return (gate & ~(EGI_GATE_MAX * EGI_GATE_LIMIT_ONE)) | places * EGI_GATE_LIMIT_ONE;
}

/* By the thread towards which the group is biased, in a section: nobody else has ever seen it. False if others come. */
static bool set_limit_alone(struct eg_group_state *state, uint64_t places)
{
	if (!egi_bias_is_mine(state) || !egi_bias_begin(state))
		return false;
	egi_store_relaxed_u64(&state->gate, gate_with(egi_load_relaxed_u64(&state->gate), places));
	if (places > state->slots_max || !egi_state_has_been_used(state))
		egi_store_relaxed_u32(&state->slots_max, (uint32_t)places);
	egi_bias_end(state);
	return true;
}

int eg_group_set_limit(eg_group *group, int limit)
{
	struct eg_group_state *state;
	uint64_t gate, next, places;
	int err = find_limit(limit, &limit);

	if (!err)
		err = group_open(group, &state);
	if (err)
		return err;
	/* [W2] acquire: pairs with [W1]. */
	if (egi_load_acquire_u32(&state->closed))
		return -ECANCELED;
	places = egi_gate_limit_of(limit);
	if (set_limit_alone(state, places))
		return 0;
	egi_state_share(state);
	slots_raise(state, (uint32_t)places);
	gate = egi_load_relaxed_u64(&state->gate);
	do {
		next = gate_with(gate, places);
		/*
		 * [J10] full: slots_max is raised before and lowered after; pairs with [J6].
		 * [G2] full, and followed by the heavy fence of egi_state_has_left_over; pairs with [G1].
		 */
	} while (!egi_cas_u64(&state->gate, &gate, next));
	/* Not while waiters of a group without tasks have places: they may run the first ones in their slots. */
	if (egi_gate_running(next) == 0)
		slots_lower(state, (uint32_t)places);
	if (egi_gate_running(next) > egi_gate_limit(next))
		egi_state_ask(state, EGI_ATTENTION_SHRINK, 0);
	else if (!egi_gate_has_room(gate) && egi_gate_has_room(next) && egi_state_has_left_over(state))
		egi_state_call(state, false); /* a submitter may have found the group full just before */
	/* [E2] full, by the swap: the limit before the look at sleepers. */
	egi_event_notify(&state->room);
	return 0;
}

static int submit(eg_group *group, eg_task_fn *fn, void *arg, struct eg_site *site, enum egi_submit_mode mode)
{
	struct eg_group_state *state;
	int err;

	if (!fn)
		return -EINVAL;
	err = group_open(group, &state);
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
	state = group && fn ? group_state(group) : NULL;
	if (state && (!site || egi_site_is_known(site, &number)) &&
	    egi_submit_known(state, egi_task_make(fn, arg, number)))
		return 0;
	return submit(group, fn, arg, site, EGI_SUBMIT_GO);
}

/* Nobody is watching. It has the group, which is where it was, rather than the state, which would have to be moved. */
static EGI_NOINLINE int go_tell(eg_group *group)
{
	struct eg_group_state *state = group_state(group);

	egi_submit_tell(state, &state->first_queue);
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
	struct eg_group_state *state = group ? group_state(group) : NULL;
	struct egi_queue *queue;

	if (EGI_UNLIKELY(!state || !site || !egi_state_is_owner(state)))
		return go_slow(group, fn, arg, site);
	queue = &state->first_queue;
	if (EGI_UNLIKELY(make_code(fn, site) != queue->code) && !queue_learn_code(queue, fn, site))
		return go_slow(group, fn, arg, site);
	if (EGI_UNLIKELY(!egi_queue_spill(queue, (struct egi_task){queue->code, arg})))
		return go_slow(group, fn, arg, site);
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

static int group_wait(eg_group *group, bool helps, int64_t deadline_ns, eg_error **ret_error)
{
	struct eg_group_state *state;
	int err = group_find(group, &state), code;

	if (err || !state)
		return err;
	helps = helps && (state->flags & EG_GROUP_NO_HELP) == 0;
	err = egi_wait(state, helps, deadline_ns, &code, ret_error);
	return err ? err : code;
}

int eg_group_wait(eg_group *group)
{
	return group_wait(group, true, EGI_FOREVER, NULL);
}

int eg_group_wait_until(eg_group *group, int64_t deadline_ns)
{
	return group_wait(group, false, deadline_ns, NULL);
}

int eg_group_pass(eg_group *group)
{
	eg_error *error = NULL;
	int code = group_wait(group, true, EGI_FOREVER, &error);

	(void)eg_fail_with(error);
	return code;
}

eg_error *eg_group_error(const eg_group *group)
{
	struct eg_group_state *state = group ? group_state(group) : NULL;

	return state ? egi_failures_first(&state->failures) : NULL;
}

size_t eg_group_errors(const eg_group *group, size_t max, eg_error **ret_errors)
{
	struct eg_group_state *state;

	if (!ret_errors || group_find(group, &state) || !state)
		return 0;
	return egi_failures_list(&state->failures, max, ret_errors);
}

size_t eg_group_error_count(const eg_group *group)
{
	struct eg_group_state *state;

	return group_find(group, &state) || !state ? 0 : egi_failures_total(&state->failures);
}

eg_ctx *eg_group_ctx(const eg_group *group)
{
	struct eg_group_state *state = group ? group_state(group) : NULL;

	return state ? state->ctx : NULL;
}

int eg_group_slots(const eg_group *group)
{
	struct eg_group_state *state;
	int err = group_find(group, &state);
	uint32_t slots_max;

	if (err)
		return err;
	slots_max = state ? egi_load_relaxed_u32(&state->slots_max) : EGI_GATE_MAX;
	return slots_max == EGI_GATE_MAX ? EG_LIMIT_NONE : (int)slots_max;
}

int eg_group_cancel(eg_group *group, eg_error *cause)
{
	struct eg_group_state *state;
	int err = group_find(group, &state);

	if (err)
		return err;
	if (!state || !state->owns_ctx)
		return -EINVAL;
	return eg_ctx_cancel(state->ctx, cause);
}

int eg_group_reset(eg_group *group)
{
	struct eg_group_state *state;
	eg_ctx *ctx;
	int err = group_find(group, &state);

	if (err || !state)
		return err;
	if (egi_state_unfinished(state) != 0)
		return -EBUSY;
	err = state_make_ctx(state, &ctx);
	if (err)
		return err;
	state_drop_ctx(state);
	egi_state_reset(state);
	state_set_ctx(state, ctx);
	return 0;
}

/* Ends a group with whatever is unfinished in it. Returns 0, EG_EINSIDE or EG_EFORKED. */
static int state_close(struct eg_group_state *state)
{
	int code;

	if (egi_recovery_is_inside(state))
		return EG_EINSIDE;
	egi_state_share(state);
	egi_state_close(state);
	if (state->owns_ctx)
		eg_ctx_cancel(state->ctx, NULL);
	/* [E2] full, by the swap [W5] of egi_state_close: what it says before the look at sleepers. */
	egi_event_notify(&state->room);
	return egi_wait(state, true, EGI_FOREVER, &code, NULL);
}

int eg_group_destroy(eg_group *group)
{
	struct eg_group_state *state;
	int err;

	if (!group)
		return 0;
	err = group_find(group, &state);
	if (!err && state) {
		bool ended = egi_state_end_alone(state);

		if (!ended)
			err = state_close(state);
		if (err == EG_EINSIDE)
			return err;
		if (err != EG_EFORKED) {
			if (state->owns_ctx)
				eg_ctx_cancel(state->ctx, NULL);
			state_drop_ctx(state);
			state_drop_parent(state);
			ended ? egi_state_discard(state) : egi_state_abandon(state);
		}
	}
	memset(group, 0, sizeof(*group));
	return 0;
}

void eg_group_destroyp(eg_group *group)
{
	eg_group_destroy(group);
}
