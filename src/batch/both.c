/* SPDX-License-Identifier: MIT */
/*
 * Two calls, of which the second is offered to whoever has nothing to do (runtime/group/offers.h) while the first is made.
 * Mostly nobody comes, and then it is two calls and some twenty instructions around them.
 *
 * While the offer is open its arguments are likely to lie in frames of the task. So it is closed before they go, however
 * they do:
 *
 *   return           here
 *   panic, fault     by a deferred call of the library's
 *   the thread ends  by the routine that the unwinder calls for the frame, see both_judge
 */
#include <errgroup/batch.h>
#include <errgroup/panic.h>

#include <errno.h>

#include "batch/run.h"
#include "os/exception.h"
#include "runtime/group/join.h"
#include "runtime/group/task_end.h"
#include "task/defer.h"

/* The task is being unwound. What is still running is waited for; what it fails with joins the task's failure. */
static void both_unwound(void *arg)
{
	struct egi_offer *offer = arg;
	struct egi_worker *worker = egi_worker_of(egi_thread_self.recovery);
	struct egi_offers *offers = worker->offers;
	uint32_t at = (uint32_t)(offer - offers->offers);
	eg_error *error;

	/* It was closed when the thread ended, or its thief is in another process. */
	if (at >= offers->top || egi_worker_is_forked(worker) || egi_offers_take_back(offers, at))
		return;
	error = egi_join(worker, at, false);
	if (error)
		egi_recovery_add(&worker->recovery, error);
}

static _Unwind_Reason_Code both_judge(int version, _Unwind_Action actions, _Unwind_Exception_Class kind,
				      struct _Unwind_Exception *exception, struct _Unwind_Context *context)
{
	if ((actions & _UA_SEARCH_PHASE) != 0)
		return egi_exception_judge(version, actions, kind, exception, context);
	egi_join_exiting();
	return _URC_CONTINUE_UNWIND;
}

/* A call that nobody else can make, to its end: what it has deferred is done. */
static EGI_NOINLINE int call_here(struct egi_recovery *recovery, eg_ctx *ctx, eg_task_fn *fn, void *arg)
{
	const void *entry = recovery->entry;
	size_t defers = recovery->defers_count;
	int code;

	recovery->entry = __builtin_frame_address(0);
	EGI_CALL_PROGRAM(code = fn(ctx, arg));
	recovery->entry = entry;
	if (EGI_UNLIKELY(recovery->dirty))
		egi_recovery_run_defers(recovery, defers);
	return code;
}

/*
 * The first call has forked, and this is the child: nobody is here who could have taken the offer, or hold its lock. Whether it was
 * taken before is seen all the same.
 */
static EGI_COLD int both_in_child(struct egi_worker *worker, uint32_t at, int code)
{
	struct egi_offers *offers = worker->offers;
	const struct egi_offer *offer = &offers->offers[at];

	egi_store_relaxed_u32(&offers->top, at);
	if (egi_load_relaxed_u32(&offers->robbed) != 0 || egi_load_relaxed_u32(&offers->bottom) > at)
		return EG_EFORKED;
	return code ? code : call_here(&worker->recovery, offer->ctx, offer->fn, offer->arg);
}

/* The offer was taken. Returns the code of both. */
static EGI_COLD int both_join(struct egi_worker *worker, uint32_t at, int code)
{
	eg_error *error;

	/* It may run what ends the thread. This frame stands for that of eg_both, which may be gone. */
	EGI_CALL_JUDGED(both_judge, error = egi_join(worker, at, true));
	if (egi_worker_is_forked(worker))
		return EG_EFORKED;
	if (!error)
		return code;
	/* As if it had happened here. */
	if (eg_error_kind(error) != EG_ERROR_RETURNED)
		eg_panic_with(error);
	if (code == 0)
		return eg_fail_with(error);
	eg_error_unref(error);
	return code;
}

static EGI_COLD int both_in_turn(struct egi_recovery *recovery, eg_ctx *ctx, eg_task_fn *first,
				 void *first_arg, eg_task_fn *second, void *second_arg)
{
	int code = call_here(recovery, ctx, first, first_arg);

	return code ? code : call_here(recovery, ctx, second, second_arg);
}

/* Outside a task, both are one, of a group of its own. */
struct both {
	eg_task_fn *first, *second;
	void *first_arg, *second_arg;
};

static int task_both(eg_ctx *ctx, void *arg)
{
	const struct both *both = arg;

	return eg_both(ctx, both->first, both->first_arg, both->second, both->second_arg);
}

static EGI_COLD int both_outside(eg_ctx *ctx, struct both *both)
{
	struct egi_run run;
	int err = egi_run_begin(&run, ctx, NULL, EG_LIMIT_CPUS);

	if (!err)
		err = eg_group_go(&run.group, task_both, both);
	return egi_run_end(&run, err, NULL);
}

/* The worker's first. */
static EGI_COLD bool both_begin(struct egi_worker *worker)
{
	struct egi_offers *offers = egi_offers_create();

	if (offers)
		/* [C9] release: all of it before it is seen; pairs with [C10]. */
		egi_store_release_ptr(&worker->offers, offers);
	return offers != NULL;
}

/* Whether an offer can be made; then its deferred call is registered. */
static inline bool both_may_offer(struct egi_worker *worker)
{
	const struct egi_offers *offers;

	/* Without the routine an offer might outlive the frame that has made it. */
	if (!EGI_CALLS_ARE_JUDGED || (EGI_UNLIKELY(!worker->offers) && !both_begin(worker)))
		return false;
	offers = worker->offers;
	return EGI_LIKELY(offers->top < EGI_OFFERS) &&
	       egi_recovery_defer(&worker->recovery, both_unwound, &worker->offers->offers[offers->top]);
}

int eg_both(eg_ctx *ctx, eg_task_fn *first, void *first_arg, eg_task_fn *second, void *second_arg)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;
	struct egi_worker *worker;
	struct egi_offers *offers;
	const void *entry;
	uint32_t at;
	int code;

	if (EGI_UNLIKELY(!first || !second))
		return -EINVAL;
	if (EGI_UNLIKELY(!recovery))
		return both_outside(ctx, &(struct both){first, second, first_arg, second_arg});
	worker = egi_worker_of(recovery);
	if (EGI_UNLIKELY(!both_may_offer(worker)))
		return both_in_turn(recovery, ctx, first, first_arg, second, second_arg);
	offers = worker->offers;
	at = egi_offers_push(offers, second, second_arg, ctx);
	/* [G1] light: the offer before the look at the gate; pairs with [G2]. [C20] and at the hungry; pairs with [C19]. */
	egi_fence_light();
	if (EGI_UNLIKELY(egi_offers_are_unseen(worker)))
		egi_offers_tell(worker);
	entry = recovery->entry;
	recovery->entry = __builtin_frame_address(0);
	EGI_CALL_JUDGED(both_judge, code = first(ctx, first_arg));
	recovery->entry = entry;
	if (EGI_LIKELY(!recovery->dirty)) {
		recovery->defers_count--;
	} else {
		egi_recovery_undefer(recovery, both_unwound, &offers->offers[at]);
		if (egi_worker_is_forked(worker))
			return both_in_child(worker, at, code);
	}
	if (EGI_UNLIKELY(!egi_offers_take_back(offers, at)))
		return both_join(worker, at, code);
	return code ? code : call_here(recovery, ctx, second, second_arg);
}
