/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_GROUP_H
#define ERRGROUP_GROUP_H

/*
 * A group: tasks that belong together, run by a bounded number of workers, waited for as one.
 *
 *     eg_group group = EG_GROUP_INIT;
 *     eg_group_set_limit(&group, 4);
 *     for (size_t i = 0; i < count; i++)
 *             eg_group_go(&group, hash_file, &files[i]);
 *     int err = eg_group_wait(&group);
 *     if (err)
 *             eg_error_print(eg_group_error(&group), stderr);
 *     eg_group_destroy(&group);
 *
 * The first task that fails decides the group's result and cancels the group's context. Every accepted task
 * runs exactly once or is reported as skipped.
 *
 * An all-zero group is valid: no limit, no context to cancel. A group must not be copied once used.
 */

#include <errgroup/base.h>
#include <errgroup/ctx.h>
#include <errgroup/error.h>
#include <errgroup/limit.h>
#include <errgroup/observe.h>
#include <errgroup/task.h>

EG_BEGIN_DECLS

typedef struct eg_group {
	struct eg_group_state *eg_state; /* private */
	uint64_t eg_reserved[3];         /* private, zero */
} eg_group;

/* clang-format off */
#define EG_GROUP_INIT {NULL, {0, 0, 0}}
/* clang-format on */

/* What a backlog may be besides a number from 1, or 0. */
#define EG_BACKLOG_NONE (-1) /* no task waits: eg_group_go blocks until the task can start */

enum eg_group_flags {
	EG_GROUP_NO_CANCEL = 1 << 0, /* tasks get the parent context as it is; the group cancels nothing */
	EG_GROUP_SKIP_UNSTARTED = 1 << 1, /* once the context is over, no task starts; they are reported */
	EG_GROUP_NO_HELP = 1 << 2,        /* eg_group_wait runs no task, if any other thread can */
	EG_GROUP_ABORT_ON_PANIC = 1 << 3  /* a panic prints its error and aborts; no deferred call is made */
};

/*
 * What errors do to the rest of the group: the first one, or the n-th (halt_after). The group fails with its first error in
 * any case, and when a context is cancelled because of errors, that one is the cause.
 *
 *                    tasks that run    tasks not started           submitters without room
 *   EG_HALT_CANCEL   are cancelled     run, in a cancelled context -ECANCELED
 *   EG_HALT_NOW      are cancelled     are skipped                 -ECANCELED
 *   EG_HALT_SOON     are left alone    are skipped                 -ECANCELED
 *   EG_HALT_NEVER    are left alone    run                         go on waiting
 *
 * Skipped tasks are errors of kind EG_ERROR_SKIPPED, which halt nothing. EG_HALT_NOW skips what has not started whatever
 * ends the context, as EG_GROUP_SKIP_UNSTARTED does with any of them; for EG_HALT_SOON and EG_HALT_NEVER a context that is
 * over by itself is as for EG_HALT_CANCEL. With EG_GROUP_NO_CANCEL nothing is cancelled: EG_HALT_NOW is EG_HALT_SOON then,
 * and EG_HALT_CANCEL is EG_HALT_NEVER. A group that was halted stays so until eg_group_reset.
 */
enum eg_halt {
	EG_HALT_CANCEL, /* the context is cancelled: tasks that look at it end early, the others run */
	EG_HALT_NOW,    /* the context is cancelled, and no task starts any more */
	EG_HALT_SOON,   /* no task starts any more; what has begun is brought to its end */
	EG_HALT_NEVER   /* every task runs, whatever the others do */
};

/* To keep all errors, as the option collect. Memory is 8 bytes and an error each. */
#define EG_COLLECT_ALL 0xffffffffu

/*
 * Options. Zero means default everywhere; fields are only ever added at the end. A larger structure, from a
 * newer header, is accepted if all that this library does not know is zero.
 */
struct eg_group_options {
	size_t size; /* sizeof(struct eg_group_options), set by EG_GROUP_OPTIONS_INIT */
	int limit; /* tasks running at once, as eg_group_set_limit takes it; 0: EG_LIMIT_NONE, or as shared_limit */
	int backlog;         /* tasks accepted but not started before eg_group_go blocks; 0: any number */
	unsigned collect;    /* errors kept, in order of arrival: so many, or EG_COLLECT_ALL; 0: 1 */
	unsigned flags;      /* of enum eg_group_flags */
	unsigned fault;      /* of enum eg_fault_mode; 0: as the process (eg_fault_set_mode) */
	unsigned halt;       /* of enum eg_halt: what errors do to the rest; 0: EG_HALT_CANCEL */
	unsigned halt_after; /* how many errors it takes for that; 0: 1 */
	unsigned reserved;   /* 0 */

	/* A limit on the tasks of all groups that have it, besides the group's own (errgroup/limit.h); or NULL. */
	eg_limit *shared_limit;

	/* What is dear to make, once for each slot that is used (errgroup/task.h); or NULL. */
	eg_slot_init_fn *slot_init;
	eg_slot_finish_fn *slot_finish;
	void *slot_arg;

	/* Who wants to see what happens (errgroup/observe.h); or NULL. */
	eg_observe_fn *observe;
	void *observe_arg;

	/* Called in waiting threads, every so often while tasks are unfinished (errgroup/observe.h); or NULL. */
	eg_progress_fn *progress;
	void *progress_arg;
	int64_t progress_every_ns; /* 0: a second; negative: -EINVAL */
};

/*
 * EG_GROUP_OPTIONS_INIT begins a variable. In C, EG_GROUP_OPTIONS is a pointer to options of which some are
 * named, and which live as long as the block around them:
 *
 *     eg_group_init(&group, parent, EG_GROUP_OPTIONS(.limit = 4, .flags = EG_GROUP_SKIP_UNSTARTED));
 */
/* clang-format off */
#define EG_GROUP_OPTIONS_INIT \
	{sizeof(struct eg_group_options), 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0}
#ifndef __cplusplus
#define EG_GROUP_OPTIONS(...) \
	(&(struct eg_group_options){.size = sizeof(struct eg_group_options), __VA_ARGS__})
#endif
/* clang-format on */

/*
 * Initialises a group whose tasks share a context derived from parent (NULL: background). The group cancels
 * that context at the first error, with the error as the cause, or when a wait returns.
 *
 * @parent   gains a reference until eg_group_destroy returns
 * @options  NULL for the defaults
 *
 * Ownership: what the group holds is given back by eg_group_destroy. Threads: one, before anyone else uses
 * the group.
 * Return: 0; -EINVAL for a NULL group, options of a wrong size, a negative limit or backlog that has no name
 * above, an unknown flag, fault mode or halt; -ENOMEM; EG_EFORKED in a forked child, for a shared limit of its
 * parent; with a fault mode also what eg_fault_set_mode returns. The group is untouched on failure.
 */
EG_PUBLIC int eg_group_init(eg_group *group, eg_ctx *parent,
			    const struct eg_group_options *options) EG_MUST_CHECK;

/*
 * Sets how many tasks may run at once, a helping waiter included. Raising acts at once, lowering as running
 * tasks end.
 *
 * @limit  1 or more, 1,048,575 being as good as none; EG_LIMIT_NONE; EG_LIMIT_CPUS
 *
 * Threads: any, also while tasks run. Return: 0; -EINVAL for a NULL group or any other limit; -ENOMEM when an
 * all-zero group could not get its state; -ECANCELED when the group is being destroyed; EG_EFORKED in a
 * forked child.
 */
EG_PUBLIC int eg_group_set_limit(eg_group *group, int limit);

/*
 * How many slots the group's tasks use at most: the size of an array that eg_task_slot indexes.
 *
 *     scratches = calloc((size_t)eg_group_slots(&group), sizeof(*scratches));
 *
 * That is the limit, with EG_LIMIT_CPUS the number that it stands for; or, once tasks have been submitted,
 * the highest limit that the group has had since. It holds until the limit is raised beyond it.
 *
 * Threads: any. Return: the number, 1 or more; EG_LIMIT_NONE if the group has no limit, or had none when
 * tasks were submitted: then no number is certain; -EINVAL for NULL; EG_EFORKED in a forked child.
 */
EG_PUBLIC int eg_group_slots(const eg_group *group) EG_MUST_CHECK;

/*
 * Submits a task and returns without waiting for any task, unless the group has a backlog bound.
 *
 * Tasks of one submitting thread start in the order of submission; where several workers run tasks of a few
 * microseconds or less, which they take in batches, the order may be blurred by a tenth of a millisecond.
 *
 * eg_group_go and its relatives are functions, and macros over the _at forms, which record the call site.
 *
 * @arg   handed to fn
 * @site  the call site; NULL: not known
 *
 * Ownership: arg stays the caller's and must live until the task has ended. Threads: any, and inside tasks of
 * the same group at any moment, also while others wait. Blocking: only with a backlog bound, never inside a
 * task of this group; if no worker thread can be had, the blocked submitter runs tasks itself. Ordering: what
 * the submitter wrote before is visible to the task.
 * Return: 0, the task is accepted; -EINVAL for a NULL group or fn; -ENOMEM, nothing accepted; -ECANCELED when
 * the group is being destroyed or, while blocked on the backlog, its context ended; EG_EFORKED in a forked
 * child.
 */
EG_PUBLIC int eg_group_go(eg_group *group, eg_task_fn *fn, void *arg);
EG_PUBLIC int eg_group_go_at(eg_group *group, eg_task_fn *fn, void *arg, struct eg_site *site);

/*
 * Submits a task only if it can start at once: fewer tasks than the limit are accepted and unfinished. Always
 * accepts without a limit.
 *
 * Ownership, threads, ordering: as eg_group_go. Blocking: never. Return: as eg_group_go, and -EAGAIN, nothing
 * accepted.
 */
EG_PUBLIC int eg_group_try_go(eg_group *group, eg_task_fn *fn, void *arg) EG_MUST_CHECK;
EG_PUBLIC int eg_group_try_go_at(eg_group *group, eg_task_fn *fn, void *arg,
				 struct eg_site *site) EG_MUST_CHECK;

/*
 * Submits a task with a copy of its argument: size bytes at bytes, aligned for any type, given back when the
 * task has ended. A loop variable needs no malloc.
 *
 * Ownership: bytes stay the caller's, who may free them at once. Threads, blocking, ordering: as eg_group_go.
 * Return: as eg_group_go, and -EINVAL for NULL bytes with a size, -EOVERFLOW for a size beyond any object.
 */
EG_PUBLIC int eg_group_go_copy(eg_group *group, eg_task_fn *fn, const void *bytes, size_t size);
EG_PUBLIC int eg_group_go_copy_at(eg_group *group, eg_task_fn *fn, const void *bytes, size_t size,
				  struct eg_site *site);

/*
 * Ranges: submits count tasks at once, fn(ctx, arg, index) for each index from 0 to below count. They take the
 * time and the memory of one submission, whatever the count, and are tasks as others are: each is started,
 * skipped, reported, panics and is counted by itself, under the group's limit and options. The index of a
 * task in its error is this index (eg_error_task_index).
 *
 * The indices start in order, after the tasks that the thread submitted before and before those that it
 * submits afterwards; as with eg_group_go, short ones are taken in batches.
 *
 * With a backlog bound a range is accepted whole when there is room for one task.
 *
 * @count  0 is accepted, and nothing is called
 * @arg    handed to every call
 * @site   the call site; NULL: not known
 *
 * Ownership: arg stays the caller's and must live until all calls have ended. Threads, blocking, ordering: as
 * eg_group_go. Return: as eg_group_go, and -EOVERFLOW, nothing accepted, if more than 2^56 indices that one
 * thread has submitted would be waiting. Where a thread has a range in the group already that has not been started
 * to the end another takes some memory, and may be -ENOMEM.
 */
EG_PUBLIC int eg_group_go_each(eg_group *group, size_t count, eg_each_fn *fn, void *arg);
EG_PUBLIC int eg_group_go_each_at(eg_group *group, size_t count, eg_each_fn *fn, void *arg,
				  struct eg_site *site);

/*
 * The same in pieces: fn(ctx, arg, begin, end) is to do what is to be done for the indices from begin to below
 * end. For work that is too small to be called one by one.
 *
 * A piece is one call, which takes one place under the limit, starts or is skipped as a whole, and makes at
 * most one error, whose index is the piece's begin. Where tasks are counted (eg_group_error_count for those
 * that were skipped, for one) a piece that did not start counts as many as it has indices.
 *
 * @grain  how many indices a piece has, the last one fewer: it begins at a multiple of grain. 0: pieces are
 *         sized by the time they take, some tens of microseconds each, and smaller towards the end
 *
 * All else is as eg_group_go_each says.
 */
EG_PUBLIC int eg_group_go_pieces(eg_group *group, size_t count, size_t grain, eg_piece_fn *fn, void *arg);
EG_PUBLIC int eg_group_go_pieces_at(eg_group *group, size_t count, size_t grain, eg_piece_fn *fn, void *arg,
				    struct eg_site *site);

/*
 * Waits until every accepted task has ended, those that tasks submitted included, and nobody holds the group
 * open; then cancels the group's context and returns the first error. The waiting thread runs tasks itself
 * while a place under the limit is free, unless EG_GROUP_NO_HELP is set; from inside a task of another group
 * that is how nesting never starves.
 *
 * Repeated waits return the same; the error stays until eg_group_reset, and tasks submitted after a wait are
 * waited for by the next.
 *
 * Ownership: the group may be destroyed, and it and all arguments freed, the instant the caller's wait
 * returns, whoever else waits: other threads' waits that have begun return the same result and touch neither.
 * Threads: any, several at once. Blocking: until the tasks have ended. Ordering: everything the tasks wrote
 * is visible to the caller.
 * Return: 0; the first failed task's result (eg_error_code of eg_group_error); -EINVAL for NULL; EG_EINSIDE
 * inside a task of this group; EG_EFORKED in a forked child. No task's result is one of the last two: see
 * errgroup/base.h.
 */
EG_PUBLIC int eg_group_wait(eg_group *group) EG_MUST_CHECK;

/*
 * The same, giving up at an absolute time. The caller runs no task, so that none can keep it past the time,
 * unless no worker thread could be had.
 *
 * @deadline_ns  as eg_clock_now_ns counts; in the past means: only look
 *
 * Return: as eg_group_wait, and EG_EUNFINISHED with the group as it was, which no task's result is either.
 */
EG_PUBLIC int eg_group_wait_until(eg_group *group, int64_t deadline_ns) EG_MUST_CHECK;

/*
 * Waits as eg_group_wait does, and attaches the group's error to the running task, so that a task which waits
 * for a group of its own fails as that did: with its kind, message, backtrace and cause (eg_fail_with).
 *
 *     return eg_group_pass(&inner);
 *
 * Outside a task it is eg_group_wait.
 *
 * Ownership: the group stays the caller's, who may destroy it before the task returns. All else is as
 * eg_group_wait says.
 */
EG_PUBLIC int eg_group_pass(eg_group *group) EG_MUST_CHECK;

/*
 * Holds a group open, and lets it go again: until as many releases as holds no wait returns, also when every task has
 * ended. So an event loop keeps its group between two submissions, and what is about to be submitted from elsewhere is
 * waited for.
 *
 *     eg_group_hold(&group);
 *     ... callbacks submit ...
 *     eg_group_release(&group);      the last callback has been: from now on a wait may return
 *
 * A hold is no task: it takes no place under a limit or backlog, and is not skipped. eg_group_destroy drops holds, and does
 * not wait for them; a release afterwards is -EPERM, as on any all-zero group.
 *
 * Threads: any, and inside tasks; a hold need not be released by the thread that made it. A group may be destroyed, and freed,
 * as soon as a wait has returned that the last release let go. Blocking: never. Ordering: what a thread wrote before it
 * released is visible to whoever's wait returns then.
 * Return: 0; -EINVAL for NULL; EG_EFORKED in a forked child. eg_group_hold also -ENOMEM when an all-zero group could not
 * get its state and -ECANCELED when the group is being destroyed; eg_group_release -EPERM when the group is not held.
 */
EG_PUBLIC int eg_group_hold(eg_group *group);
EG_PUBLIC int eg_group_release(eg_group *group);

/*
 * A descriptor for poll, select, epoll and io_uring that is readable when everything is done: every task has ended and nobody
 * holds the group open. It stays readable until a wait has returned, and becomes so again when what was submitted after that
 * is done. With it an event loop needs no thread that waits:
 *
 *     eg_group_hold(&group);
 *     fd = eg_group_fd(&group);
 *     ... callbacks submit, the last one releases; when fd is readable: ...
 *     err = eg_group_wait(&group);   does not block
 *
 * A group in which nothing is unfinished is done, also before the first task; hence the hold. If more was submitted since it
 * became readable, a wait takes as long as that; eg_group_wait_until with a time in the past looks, and then lowers it until
 * that is done.
 *
 * It is made at the first call; later ones return the same. It is never 0, 1 or 2, and must not be read, written or closed.
 *
 * Ownership: the group's, closed by eg_group_destroy. Threads: any. Blocking: never for long.
 * Return: the descriptor; -EINVAL for NULL; -EMFILE, -ENFILE or -ENOMEM when there is none to be had; -EAGAIN when no
 * worker thread can be started, so that nobody would run the tasks; -ECANCELED when the group is being destroyed; EG_EFORKED
 * in a forked child.
 */
EG_PUBLIC int eg_group_fd(eg_group *group) EG_MUST_CHECK;

/*
 * Fails a group from outside its tasks: a watchdog, a callback, a submitter that cannot go on. The error is recorded as a
 * task's would be: kept or counted, the group's result if it is the first, and halting the rest if it is the n-th.
 *
 * @error  gains a reference of its own, if it is kept
 *
 * Threads: any, and inside tasks, whose own results are not changed by it. Blocking: as eg_ctx_cancel, when it halts the
 * group. Ordering: waits that begin after it see it, whether anything ran or not; a wait that is about to return may not.
 * Return: 0; -EINVAL for a NULL group or error; -ENOMEM when an all-zero group could not get its state; -ECANCELED when the
 * group is being destroyed; EG_EFORKED in a forked child.
 */
EG_PUBLIC int eg_group_fail(eg_group *group, eg_error *error);

/*
 * The first error, or NULL; the errors kept, in order of arrival; and how many there were in all, of skipped
 * tasks and by eg_group_fail as well, which may be more than were kept (the option collect).
 *
 * Ownership: borrowed, until eg_group_reset or eg_group_destroy. Threads: any. Return: eg_group_errors how
 * many it has stored, at most max; 0 for a NULL group or ret_errors, or in a forked child.
 */
EG_PUBLIC eg_error *eg_group_error(const eg_group *group);
EG_PUBLIC size_t eg_group_errors(const eg_group *group, size_t max, eg_error **ret_errors);
EG_PUBLIC size_t eg_group_error_count(const eg_group *group);

/*
 * Writes the errors kept to a stream for whoever uses the program, a line each (eg_error_print_line), in order of arrival;
 * those that read the same are one line that says how many. Then how many more there were.
 *
 *     cannot open a.txt: No such file or directory
 *     17 times: connection refused
 *     83 more errors
 *
 * Threads: any, as eg_group_errors; the errors must stay, so neither eg_group_reset nor eg_group_destroy may overlap it. Without
 * memory the first 64 are written, each for itself. Return: 0, also without an error; -EINVAL for a NULL group or stream; -EIO
 * when the stream failed; EG_EFORKED in a forked child.
 */
EG_PUBLIC int eg_group_report(const eg_group *group, FILE *stream);

/*
 * How far the group is: how many tasks it has accepted, and what has become of them (errgroup/observe.h).
 *
 *     struct eg_stats stats = EG_STATS_INIT;
 *
 *     if (eg_group_stats(&group, &stats) == 0)
 *             printf("%ju of %ju\n", (uintmax_t)stats.done, (uintmax_t)stats.accepted);
 *
 * @ret_stats  with its size set, by EG_STATS_INIT; what this library does not know of it becomes zero
 *
 * Threads: any, also in tasks and while others submit and wait. Blocking: never. Return: 0; -EINVAL for a NULL
 * group or ret_stats, or one that is smaller than the first version's; EG_EFORKED in a forked child. ret_stats
 * is untouched on failure.
 */
EG_PUBLIC int eg_group_stats(const eg_group *group, struct eg_stats *ret_stats) EG_MUST_CHECK;

/*
 * The context that the group's tasks get: NULL, the background context, for an all-zero group.
 *
 * Ownership: borrowed, until eg_group_reset or eg_group_destroy. Threads: any.
 */
EG_PUBLIC eg_ctx *eg_group_ctx(const eg_group *group);

/*
 * Cancels the group's context. The cause is what eg_ctx_cause says to the tasks, and no error of the group: a
 * wait returns what the tasks do, 0 if they all do. With EG_GROUP_SKIP_UNSTARTED the tasks not yet started
 * are skipped, and reported as errors of kind EG_ERROR_SKIPPED that have this cause; without it they run,
 * with a context that is over.
 *
 * @cause  why; gains a reference of its own. NULL means plain "canceled"
 *
 * Threads: any. Blocking: as eg_ctx_cancel. Return: 0 if this call cancelled it; -EALREADY if the context was
 * over before; -EINVAL for a NULL group or one without a context of its own; EG_EFORKED in a forked child.
 */
EG_PUBLIC int eg_group_cancel(eg_group *group, eg_error *cause);

/*
 * After a wait: forgets errors and cancellation and keeps the options, as if newly initialised.
 *
 * Threads: one; nobody may use the group meanwhile. Return: 0; -EINVAL for NULL; -EBUSY with tasks
 * unfinished, or the group held open; -ENOMEM with the group unchanged; EG_EFORKED in a forked child.
 */
EG_PUBLIC int eg_group_reset(eg_group *group);

/*
 * Cancels the context, skips the tasks not started, waits for the running ones and frees. NULL and all-zero
 * groups are fine, and the group is all-zero afterwards. eg_group_destroyp is the same for a pointer, for
 * __attribute__((cleanup)).
 *
 * In a forked child the group is only forgotten.
 *
 * Ownership: gives the group's references to its contexts back before it returns; another thread that is
 * still inside its wait may have one to the group's own, and so to its parent, until it returns. Threads:
 * one. Nothing may overlap it but waits that have begun and calls that the group's own tasks make; what these
 * submit or set is -ECANCELED. Blocking: until the running tasks have ended. Return: 0; EG_EINSIDE inside a
 * task of this group, with nothing done.
 */
EG_PUBLIC int eg_group_destroy(eg_group *group);
EG_PUBLIC void eg_group_destroyp(eg_group *group);

#if defined(__GNUC__) && !defined(EG_NO_SITES)
#define EG_SITE()                                                                       \
	(__extension__({                                                                \
		static struct eg_site eg_site_here = {__FILE__, __func__, __LINE__, 0}; \
		&eg_site_here;                                                          \
	}))
/* Whatever the arguments are, commas in them included: of compound literals, of templates. */
#define eg_group_go(...) eg_group_go_at(__VA_ARGS__, EG_SITE())
#define eg_group_try_go(...) eg_group_try_go_at(__VA_ARGS__, EG_SITE())
#define eg_group_go_copy(...) eg_group_go_copy_at(__VA_ARGS__, EG_SITE())
#define eg_group_go_each(...) eg_group_go_each_at(__VA_ARGS__, EG_SITE())
#define eg_group_go_pieces(...) eg_group_go_pieces_at(__VA_ARGS__, EG_SITE())
#endif

EG_END_DECLS

#endif
