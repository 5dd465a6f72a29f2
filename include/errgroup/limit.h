/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_LIMIT_H
#define ERRGROUP_LIMIT_H

/*
 * A limit as an object: how many tasks of all groups that have it run at once.
 *
 *     err = eg_limit_create(8, &limit);
 *     ...
 *     eg_group_init(&downloads, ctx, EG_GROUP_OPTIONS(.shared_limit = limit));
 *     eg_group_init(&checks, ctx, EG_GROUP_OPTIONS(.shared_limit = limit));
 *     eg_limit_unref(limit);
 *
 * A task of such a group needs a place under both limits, its group's own and the shared one. Whoever runs it
 * counts, a waiting thread that helps as well. When there are more tasks than places, the groups take turns, and
 * the one that has waited longest is next; a group keeps a place for a fraction of a millisecond, whatever tasks
 * it runs in that time.
 *
 * Groups may be nested. A task that waits for another group, or for room in its backlog, lends its place
 * while it sleeps, and has one again when the wait returns: it is served before tasks that have not started.
 * While it helps with that group, tasks which have the same limit run in the place that it has. So tasks wait
 * for groups of their own under any limit, even of one; a wait with a deadline may return later for it. A
 * task that waits in any other way keeps its place.
 *
 * A group whose own limit is left out takes that of the shared one as it is then, or the most that it can
 * become, and so has no more threads and slots than tasks that can run; eg_group_set_limit changes it.
 *
 * In a forked child a limit is its parent's, and dead: groups made there cannot have it.
 */

#include <errgroup/base.h>

EG_BEGIN_DECLS

/*
 * What a limit may be besides a number from 1, of a group and here. All else is -EINVAL, so that a wrong
 * computation does not become "no limit". In a group's options 0 is a field left out, and so the default.
 */
#define EG_LIMIT_NONE (-1) /* every accepted task gets to run, even if all others block; not here */
#define EG_LIMIT_CPUS (-2) /* as many as CPUs: the process's affinity and cgroup quota, when it is set */

/*
 * Makes a limit of so many tasks.
 *
 * @tasks  1 or more, 1,048,575 being the most that there is; EG_LIMIT_CPUS
 *
 * Ownership: the caller owns one reference to *ret_limit; each group that has it keeps one until it is
 * destroyed. Threads: any.
 * Return: 0; -EINVAL for any other number or a NULL ret_limit; -ENOMEM. *ret_limit is untouched on failure.
 */
EG_PUBLIC int eg_limit_create(int tasks, eg_limit **ret_limit) EG_MUST_CHECK;

/*
 * Makes a limit that finds out by itself how many tasks at once get most done, because that is seldom known: what a
 * service takes, how deep storage queues, how many CPUs tasks leave idle that wait and compute. It begins at the
 * least, or at what eg_limit_set says, grows by half as long as that pays, and then tries a few more or fewer every now and then. What it compares
 * is how many tasks end in a time, so it is for tasks of one kind, of which there are more than run. Where the
 * kernel says that memory or storage is short (/proc/pressure) it does not grow.
 *
 * @least, @most  as for eg_limit_create; the number stays between them
 *
 * Return: as eg_limit_create, and -EINVAL if least is more than most.
 */
EG_PUBLIC int eg_limit_create_tuned(int least, int most, eg_limit **ret_limit) EG_MUST_CHECK;

/*
 * The limit that GNU make has set for all that it runs, by make -j: a recipe whose line begins with + is told of it
 * in MAKEFLAGS, and shares it with make, with the other recipes and with what they start. One task is free, the
 * place that make has given the process. Each further one holds a token of make's jobserver, from its start to
 * its end, whatever that is; the tokens of all running tasks are given back when the process calls exit or returns
 * from main.
 *
 * A process that is ended otherwise, by _exit, by abort or by a signal that nobody handles, gives nothing
 * back, and make goes on with less. For SIGINT and SIGTERM there is eg_ctx_with_signals.
 *
 *     err = eg_limit_from_jobserver(&limit);
 *     if (err == -ENOENT)
 *             err = eg_limit_create(EG_LIMIT_CPUS, &limit);
 *
 * A process has one such limit: while there are references, this gives another one to the same. Groups that say
 * no limit of their own get what make -j says; or the number of CPUs, where older makes do not tell.
 *
 * Ownership, threads: as eg_limit_create; nobody may change the environment meanwhile.
 * Return: 0; -EINVAL for a NULL ret_limit; -ENOENT if MAKEFLAGS names no jobserver; -EBADF if it names one that is not
 * there, mostly because the recipe's line does not begin with +; -ENOMEM; -EMFILE, -ENFILE, -EACCES or what
 * else opening it may say. *ret_limit is untouched on failure.
 */
EG_PUBLIC int eg_limit_from_jobserver(eg_limit **ret_limit) EG_MUST_CHECK;

/*
 * Another reference; and one less. The last one frees the limit.
 *
 * Ownership: eg_limit_ref returns its argument, with a reference that the caller owns. Threads: any. NULL does
 * nothing.
 */
EG_PUBLIC eg_limit *eg_limit_ref(eg_limit *limit);
EG_PUBLIC void eg_limit_unref(eg_limit *limit);

/*
 * Changes how many tasks may run at once. Raising acts at once, lowering as running tasks end. A limit that tunes
 * itself goes on from there: a good guess saves it the way from the least.
 *
 * @tasks  as for eg_limit_create; of a limit that tunes itself, within its bounds
 *
 * Groups keep the limits of their own. Threads: any, also while tasks run.
 * Return: 0; -EINVAL for a NULL limit, any other number, or a limit that is make's; EG_EFORKED in a forked
 * child.
 */
EG_PUBLIC int eg_limit_set(eg_limit *limit, int tasks);

/*
 * How many tasks may run at once, as things are: what a limit that tunes itself has found or is trying; for one
 * of make's, one more than the tokens that are held.
 *
 * Threads: any. Return: the number, 1 or more; -EINVAL for NULL; EG_EFORKED in a forked child.
 */
EG_PUBLIC int eg_limit_now(const eg_limit *limit);

EG_END_DECLS

#endif
