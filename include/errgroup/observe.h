/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_OBSERVE_H
#define ERRGROUP_OBSERVE_H

/*
 * A group seen from outside: numbers, progress, events.
 */

#include <errgroup/base.h>
#include <errgroup/error.h>

EG_BEGIN_DECLS

/*
 * How far a group is. A task is accepted; then pending, until a worker starts it; then running; then done:
 *
 *     accepted = pending + running + done      done includes what failed and what was skipped
 *
 * The numbers are since the group began or was last reset, over all rounds. They are sums of what the group's
 * threads write down for themselves, so no task pays for them, and while tasks start and end they are of
 * slightly different moments: the equation holds always, and done is never more than had been accepted, but a
 * task that is just starting or ending may still count as what it was, or already as what it will be. When
 * nothing starts, ends or is submitted they are exact.
 */
struct eg_stats {
	size_t size;       /* sizeof(struct eg_stats), set by EG_STATS_INIT */
	uint64_t accepted; /* tasks submitted with success */
	uint64_t done;     /* tasks that are over: succeeded, failed or skipped */
	uint64_t failed;   /* of these: failed, without the skipped; and errors by eg_group_fail */
	uint64_t skipped;  /* of these: never started, since the group was cancelled or destroyed */
	uint64_t running;  /* tasks started and not done; a piece of a range (eg_group_go_pieces) is one */
	uint64_t pending;  /* tasks not started */
	int limit;         /* tasks that may run at once; EG_LIMIT_NONE: no limit */
	int reserved;      /* 0 */
};

/* clang-format off */
#define EG_STATS_INIT {sizeof(struct eg_stats), 0, 0, 0, 0, 0, 0, 0, 0}
/* clang-format on */

/*
 * A progress function: the options progress, progress_arg and progress_every_ns of a group.
 *
 *     static void show(const struct eg_stats *stats, void *arg)
 *     {
 *             printf("\r%ju of %ju", (uintmax_t)stats->done, (uintmax_t)stats->accepted);
 *     }
 *
 * A thread that waits for the group calls it every progress_every_ns nanoseconds (0: a second) while tasks are
 * unfinished, and once when everything is done, before a wait returns; or when a group is destroyed that was
 * not waited for. If several threads wait one of them calls it, and never two at once. So that no task makes a
 * call late, the waiting threads run none, as with EG_GROUP_NO_HELP, unless no worker thread can be had.
 *
 * It must return, and not in a forked child; panics are forbidden meanwhile as between eg_panic_forbid and
 * eg_panic_allow, and so is the thread's cancellation. It may use the group; to wait for it, or to destroy it,
 * is EG_EINSIDE.
 *
 * @stats  as eg_group_stats gives them, at that moment; the library's, until it returns
 */
typedef void eg_progress_fn(const struct eg_stats *stats, void *arg);

/*
 * What happens in a group.
 *
 *   BEGIN   a task is about to be called
 *   FAIL    a task has failed: its error, which the group keeps or counts, and whose effect it has had; or
 *           eg_group_fail was called, of which there are no slot and no task
 *   END     a task has ended; behind FAIL, if it has failed
 *   SKIP    accepted tasks are not started
 *   STEAL   a worker has taken tasks over that another had claimed, and is going to run them
 *   THREAD  the tasks of this slot are run by this thread from now on
 *   OVER    everything is done; once for each round, in a thread that waits, before its wait returns
 */
enum eg_event_kind {
	EG_EVENT_BEGIN,
	EG_EVENT_FAIL,
	EG_EVENT_END,
	EG_EVENT_SKIP,
	EG_EVENT_STEAL,
	EG_EVENT_THREAD,
	EG_EVENT_OVER
};

/*
 * An event. What a kind has nothing to say of is 0, NULL, or -1 where 0 would be a number. Fields are only
 * ever added at the end, and kinds added: an observer leaves alone what it does not know.
 */
struct eg_event {
	size_t size;        /* of this structure, as this library knows it */
	unsigned kind;      /* of enum eg_event_kind */
	int slot;           /* the worker's; -1: OVER, and FAIL by eg_group_fail */
	int64_t time_ns;    /* when, as eg_clock_now_ns counts */
	int64_t task_index; /* BEGIN, FAIL, END: as eg_error_task_index counts; else -1 */
	int64_t began_ns;   /* BEGIN, FAIL, END: when the task began */
	uint64_t
	    count; /* tasks: SKIP and STEAL so many; OVER all that are done since the last reset; else 1, or 0 */
	int code;                   /* FAIL, END: the task's result, 0 for success */
	int from_slot;              /* STEAL: whose tasks; else -1 */
	int64_t thread;             /* THREAD: its number, as gettid(2) gives it */
	eg_error *error;            /* FAIL */
	const struct eg_site *site; /* BEGIN, FAIL, END: where the task was submitted; NULL: not known */
};

/*
 * An observer: the options observe and observe_arg of a group.
 *
 * It is called on the thread where an event happens, with nothing of the library's locked, several at once;
 * events of one slot come one after the other. The events of a task come in the order BEGIN, FAIL, END, and
 * before the task counts as done: whoever has waited for the group knows that the observer has seen
 * everything, OVER too.
 *
 * It must return, and not in a forked child; panics are forbidden meanwhile as between eg_panic_forbid and
 * eg_panic_allow. It must leave the running task alone: no eg_fail and no eg_defer. It may use the group; to
 * wait for it, or to destroy it, is EG_EINSIDE. What it does takes the tasks' time: some 0.1 us an event
 * before it does anything. A group that has no observer pays nothing.
 *
 * The same events are static probes of the provider "errgroup" for tracers, if the library was built with
 * them (eg_event(3)).
 *
 * @event  and what it points to: the library's, until the observer returns; an error may be kept with
 *         eg_error_ref, and the site lives as long as the process
 */
typedef void eg_observe_fn(const struct eg_event *event, void *arg);

EG_END_DECLS

#endif
