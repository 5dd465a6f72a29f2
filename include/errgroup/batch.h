/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_BATCH_H
#define ERRGROUP_BATCH_H

/*
 * Batches in one call: a loop, a map, a race, a function that is tried again. Each makes a group, fills it, waits for it as
 * eg_group_wait does, helping, and destroys it.
 *
 *     err = eg_for(NULL, count, hash_file, files, EG_GROUP_OPTIONS(.limit = 4), &error);
 *
 * They have these in common:
 *
 *   parent     the context above the tasks'; NULL: background. Once it is over no task starts, and what a loop has not
 *              done is its error, of code -ECANCELED
 *   options    of the group, or NULL for the defaults. A `limit` of 0 is EG_LIMIT_CPUS, or, where there is a
 *              shared_limit, or in a race, EG_LIMIT_NONE. EG_GROUP_SKIP_UNSTARTED is always set: the first error
 *              stops what has not started, unless `halt` says otherwise
 *   ret_error  where to put the error, or NULL
 *
 * Each returns 0 or the code of the first error, as eg_group_wait does. *ret_error is then always set, whatever has failed:
 * to NULL, or to the error, of which the caller owns a reference. Without ret_error a call inside a task attaches the
 * error to it, as eg_group_pass does, so that a task which ends with
 *
 *     return eg_for(ctx, count, fn, arg, NULL, NULL);
 *
 * fails as the innermost task did, with its kind, message, backtrace and cause.
 *
 * Nothing of a call is left when it returns: no task runs, and arguments may lie on the caller's stack. If a task ends the
 * calling thread (pthread_exit), the rest is cancelled and waited for before that thread's stack goes.
 *
 * The functions are macros over their _at forms, which record the call site. eg_both, at the end, is apart from all that: two
 * calls within a task.
 */

#include <stdbool.h>

#include <errgroup/group.h>

EG_BEGIN_DECLS

/*
 * Calls fn(ctx, arg, index) for each index below count, as so many tasks (eg_group_go_each).
 *
 * Threads: any. Blocking: until all tasks have ended. Ordering: everything the tasks wrote is visible to the caller.
 * Return: 0, the function has returned 0 for each index; the first error's code; -EINVAL for a NULL fn or options that
 * eg_group_init refuses; -ENOMEM; what else eg_group_init and eg_group_go_each return.
 */
EG_PUBLIC int eg_for(eg_ctx *parent, size_t count, eg_each_fn *fn, void *arg,
		     const struct eg_group_options *options, eg_error **ret_error);
EG_PUBLIC int eg_for_at(eg_ctx *parent, size_t count, eg_each_fn *fn, void *arg,
			const struct eg_group_options *options, eg_error **ret_error, struct eg_site *site);

/*
 * Calls fn(ctx, arg, begin, end) for pieces that together are all indices below count, for bodies too small to be called
 * one by one (eg_group_go_pieces).
 *
 * @grain  indices a piece; 0: sized by the time that they take
 *
 * Threads, blocking, ordering, return: as eg_for.
 */
EG_PUBLIC int eg_for_pieces(eg_ctx *parent, size_t count, size_t grain, eg_piece_fn *fn, void *arg,
			    const struct eg_group_options *options, eg_error **ret_error);
EG_PUBLIC int eg_for_pieces_at(eg_ctx *parent, size_t count, size_t grain, eg_piece_fn *fn, void *arg,
			       const struct eg_group_options *options, eg_error **ret_error,
			       struct eg_site *site);

/*
 * Makes one item of another: 0, with *out written, or the item's error.
 *
 * @out  the item to write, aligned for any type; it begins as a copy of what is in its place
 */
typedef int eg_map_fn(eg_ctx *ctx, void *arg, const void *in, void *out);

/*
 * Makes out[i] of in[i] for each i below count. Whatever finishes first, results are in their places; the place of an item
 * that failed, panicked or was skipped is as it was.
 *
 * @in   count items of in_size bytes; NULL with in_size 0: fn gets NULL
 * @out  room for count items of out_size bytes. It may be `in` itself, if the sizes are equal
 *
 * Ownership: items of more than 1 KiB take memory of their size for each task that runs. Threads, blocking, ordering: as
 * eg_for.
 * Return: as eg_for, and -EINVAL for arrays that overlap otherwise, or NULL with a size; -EOVERFLOW for arrays beyond any
 * object.
 */
EG_PUBLIC int eg_map(eg_ctx *parent, size_t count, const void *in, size_t in_size, void *out, size_t out_size,
		     eg_map_fn *fn, void *arg, const struct eg_group_options *options, eg_error **ret_error);
EG_PUBLIC int eg_map_at(eg_ctx *parent, size_t count, const void *in, size_t in_size, void *out,
			size_t out_size, eg_map_fn *fn, void *arg, const struct eg_group_options *options,
			eg_error **ret_error, struct eg_site *site);

/*
 * Calls fn(ctx, arg, index) for each index below count, at once unless a limit is set, and returns when one has won: it was
 * the first to return 0. The others are cancelled then, and waited for; those not started do not start. A failure stops
 * nobody.
 *
 * @options     the flag EG_GROUP_NO_CANCEL and the fields halt and halt_after are not for races; collect means nothing, the first
 *              64 errors are kept
 * @ret_winner  the index of the winner, there is exactly one; or NULL
 *
 * Threads, ordering: as eg_for. Blocking: until all tasks have ended.
 * Return: 0, with *ret_winner set; if none has won, the code of the first error, which has the others joined to it; if the
 * parent is over and none has won, the code of eg_ctx_err, with the parent's cause as the error's; -EINVAL for a count of
 * 0, a NULL fn or options that are not for races; else as eg_for. *ret_winner is untouched on failure.
 */
EG_PUBLIC int eg_race(eg_ctx *parent, size_t count, eg_each_fn *fn, void *arg,
		      const struct eg_group_options *options, size_t *ret_winner, eg_error **ret_error);
EG_PUBLIC int eg_race_at(eg_ctx *parent, size_t count, eg_each_fn *fn, void *arg,
			 const struct eg_group_options *options, size_t *ret_winner, eg_error **ret_error,
			 struct eg_site *site);

#define EG_RETRY_NO_DELAY (-1) /* each attempt follows the one before at once */

/*
 * Whether to try again after an error, asked on the calling thread. The error is borrowed.
 */
typedef bool eg_retry_if_fn(const eg_error *error, void *arg);

/*
 * How to try again. Zero means default everywhere; fields are only ever added at the end.
 */
struct eg_retry_options {
	size_t size;                /* sizeof(struct eg_retry_options), set by EG_RETRY_OPTIONS_INIT */
	unsigned attempts;          /* how many at most; 0: 3 */
	unsigned reserved;          /* 0 */
	int64_t first_delay_ns;     /* the longest delay before the second; 0: 100 ms; EG_RETRY_NO_DELAY */
	int64_t delay_max_ns;       /* the longest before any; 0: 10 s */
	int64_t attempt_timeout_ns; /* until the context of an attempt is over; 0: none but the parent's */
	eg_retry_if_fn *retry_if;   /* NULL: after what the task returned, but -ECANCELED */
	void *retry_arg;
	const struct eg_group_options *group; /* of the group that each attempt is the task of; or NULL */
};

/* As EG_GROUP_OPTIONS_INIT and EG_GROUP_OPTIONS. */
/* clang-format off */
#define EG_RETRY_OPTIONS_INIT {sizeof(struct eg_retry_options), 0, 0, 0, 0, 0, NULL, NULL, NULL}
#ifndef __cplusplus
#define EG_RETRY_OPTIONS(...) \
	(&(struct eg_retry_options){.size = sizeof(struct eg_retry_options), __VA_ARGS__})
#endif
/* clang-format on */

/*
 * Calls fn(ctx, arg) until it returns 0, as a task of its own each time, so that a panic is an error too. Between two
 * attempts it sleeps for a random time, from nothing to a bound that doubles with each.
 *
 * Panics, faults, the end of a thread and -ECANCELED are not tried again, unless retry_if says so; -ECANCELED of an attempt
 * whose own time was over is. Nothing is when the parent is over, or is going to be before the next attempt.
 *
 * @options  NULL for the defaults. Of those of the group the limit means nothing
 *
 * Threads: any. Blocking: for the attempts and the delays, which end with the parent. Ordering: as eg_for.
 * Return: 0; the code of the last attempt's error, whose cause, after its own causes, is the error of the attempt before,
 * and so on: the latest 16 are kept; -ECANCELED if the parent was over before the first; -EINVAL for a NULL fn, options of a
 * wrong size or a negative time that has no name; else as eg_for.
 */
EG_PUBLIC int eg_retry(eg_ctx *parent, eg_task_fn *fn, void *arg, const struct eg_retry_options *options,
		       eg_error **ret_error);
EG_PUBLIC int eg_retry_at(eg_ctx *parent, eg_task_fn *fn, void *arg, const struct eg_retry_options *options,
			  eg_error **ret_error, struct eg_site *site);

#if defined(__GNUC__) && !defined(EG_NO_SITES)
#define eg_for(...) eg_for_at(__VA_ARGS__, EG_SITE())
#define eg_for_pieces(...) eg_for_pieces_at(__VA_ARGS__, EG_SITE())
#define eg_map(...) eg_map_at(__VA_ARGS__, EG_SITE())
#define eg_race(...) eg_race_at(__VA_ARGS__, EG_SITE())
#define eg_retry(...) eg_retry_at(__VA_ARGS__, EG_SITE())
#endif

/*
 * Calls both functions, at once if somebody has the time: the second one is offered to the group's other workers while the
 * calling thread makes the first call, and made here, afterwards, if nobody has taken it. So what divides itself, a sort, a
 * walk of a tree, a recursion, uses all CPUs and costs little more than calls.
 *
 *     static int sort(eg_ctx *ctx, void *arg)
 *     {
 *             struct part *part = arg, left, right;
 *
 *             if (part->count < 1000)
 *                     return sort_small(part);
 *             split(part, &left, &right);
 *             return eg_both(ctx, sort, &left, sort, &right);
 *     }
 *
 * Both are parts of the calling task: they are not counted or observed as tasks, and their errors have its index. A part that
 * another worker runs has that worker's slot. What a part defers is done when it returns.
 *
 * If the first call fails and the second has not been started, it is not made. A panic or a fault in either goes on in the
 * caller, when the other one is over: from another thread with the error and the trace of where it happened as its cause.
 * If a part ends its thread, the other one is waited for before the stack goes.
 *
 * While it waits the calling thread runs parts of what it waits for, and nothing else; then it sleeps. What is called must
 * not rely on both running at the same time. In a group with a shared limit another worker takes part if there is a place.
 * Outside a task the call is one, of a group of its own with as many workers as CPUs.
 *
 * @ctx         what both get, as a rule the caller's; outside a task the context above theirs, or NULL
 * @first_arg   and @second_arg: may lie on the caller's stack
 *
 * Threads: any. Blocking: until both have returned. Ordering: what they wrote is visible to the caller.
 * Return: 0; what the first call has returned, or else the second, as the task's failure with the message that was attached
 * there; -EINVAL for a NULL function; EG_EFORKED, with the second perhaps not called, in a child that the first has forked;
 * outside a task also what eg_group_init and eg_group_go fail with, and EG_EPANIC.
 */
EG_PUBLIC int eg_both(eg_ctx *ctx, eg_task_fn *first, void *first_arg, eg_task_fn *second,
		      void *second_arg) EG_MUST_CHECK;

EG_END_DECLS

#endif
