/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_H
#define BENCH_CASES_H

/*
 * Every case, compiled for the runtime that includes this file at its end, and main().
 *
 * A case is written once, in the common subset of C and C++, in terms of the operations below. The runtime, a
 * file of peers/, defines them as static inline functions or macros in its own documented way, so that no
 * indirect call of ours is in the measured path and a task has the signature that the runtime calls.
 *
 *   RT_TASK(name, arg) { ... RT_RETURN; }   a task; rt_argument(arg) is the void * that was submitted
 *   RT_HELD(workers)      how many threads besides the submitter run tasks: as many can be held
 *   rt_setup(argv)        called first; may set the environment and execute the program again
 *   rt_with_pool(workers, tasks, fn, body, context)
 *                         makes a pool for up to so many pending tasks, calls body(pool, context), and
 *                         closes it. A pool runs one task function only: some runtimes have no more than that
 *   rt_submit(pool, fn, arg)
 *   rt_finish(pool)       the last wait: every task of the pool has ended
 *
 * and, each announced by a macro of its own,
 *
 *   RT_CAN_PEND    tasks submitted while the workers are held stay pending, however many; none is run at once
 *   RT_PENDING_MAX beyond so many pending tasks the runtime becomes too slow to measure
 *   RT_HAS_THREADS threads besides the submitter wait for tasks and sleep or spin meanwhile;
 *                  rt_submit_to_others(pool, fn, arg) where rt_submit does not promise that one of them
 *                  runs the task if the submitter blocks
 *   RT_HAS_WAIT    rt_wait(pool): as rt_finish, and the pool goes on
 *   RT_HAS_GROUP   struct rt_group, rt_group_open(group, pool, fn), rt_group_submit(group, fn, arg),
 *                  rt_group_wait(group), rt_group_close(group)
 *   RT_HAS_SPAWN   tasks may submit to their own pool, and rt_finish waits for what they submitted, too;
 *                  rt_spawn(pool, fn, arg) where submitting and that wait are one
 *   RT_HAS_NESTED  groups can be made and waited for inside tasks
 *   RT_HAS_BOTH    rt_both(fn, left, right), in a task: fn(left) and fn(right), perhaps at once, until both have returned;
 *                  and rt_root(workers, fn, arg): fn(arg), as such a task, with so many threads. Where tasks are no such
 *                  functions, RT_OWN_BOTH says that fib_both_root and queens_root, of the same form, are the runtime's own
 *   RT_HAS_PLAIN_RECURSION
 *                  the nested cases are plain recursion instead: what they cost with no tasks at all
 *   RT_HAS_CANCEL  rt_with_cancel_pool; RT_FAIL(pool) in place of RT_RETURN; and long rt_finish_failed(pool),
 *                  the wait, which returns how many tasks were skipped, or -1 where the runtime does not tell
 *   RT_HAS_PANIC   see cases/panic.h
 *   RT_HAS_FAULT   see cases/fault.h
 *   RT_HAS_FOR     loops over ranges, each by WORKERS threads, from the call to the end of the last index:
 *                  uint64_t rt_for_sum(workers, count), the sum of bench_term over the indices, in the runtime's pieces;
 *                  rt_for_each(workers, count, fn, arg), a call of RT_EACH(fn, arg, index) { ... RT_EACH_RETURN; } for
 *                  each index
 *   RT_HAS_PIPELINE
 *                  rt_pipeline(workers, pipeline), see pipeline.h
 *   RT_FEW_CASES   it has nothing but these three, and perhaps batch_empty_run of its own, which RT_BATCH_EMPTY says
 *   RT_HAS_CTX     rt_ctx, rt_ctx_call; rt_ctx_under(parent), rt_ctx_until(parent, ns, from_now), rt_ctx_cancel,
 *                  rt_ctx_free, rt_ctx_is_over, rt_ctx_wait, rt_ctx_fd, rt_ctx_on_end, rt_ctx_off_end, and
 *                  rt_ctx_block_submission(ctx, begins, woken): see cases/ctx.h
 *
 * WORKERS counts all threads that run tasks: the submitter too, where its wait helps.
 */

#include "bench.h"

#ifndef RT_FEW_CASES
#include "cases/batch.h"

#include "cases/batch_empty.h"
#include "cases/cancel_pending.h"
#include "cases/ctx.h"
#include "cases/fault.h"
#include "cases/fork_join.h"
#include "cases/group_small.h"
#include "cases/idle_cpu.h"
#include "cases/metg50.h"
#include "cases/metg50_stream.h"
#include "cases/panic.h"
#include "cases/pending_memory.h"
#include "cases/scaling.h"
#include "cases/skynet.h"
#include "cases/spawn_nested.h"
#include "cases/stream_1us.h"
#include "cases/submit_only.h"
#include "cases/uneven.h"
#include "cases/wake_idle.h"
#endif
#include "cases/fork_both.h"
#include "cases/queens.h"
#ifdef RT_HAS_FOR
#include "cases/for_range.h"
#include "cases/for_uneven.h"
#endif
#ifdef RT_HAS_PIPELINE
#include "cases/pipeline.h"
#endif

static const struct bench_case rt_cases[] = {
#if !defined(RT_FEW_CASES) || defined(RT_BATCH_EMPTY)
    {"batch_empty", batch_empty_run},
#endif
#ifndef RT_FEW_CASES
    {"stream_1us", stream_1us_run},
    {"stream_slow", stream_slow_run},
    {"scaling", scaling_run},
    {"uneven", uneven_run},
    {"metg50_stream", metg50_stream_run},
    {"metg_curve", metg_curve_run},
#ifdef RT_CAN_PEND
    {"submit_only", submit_only_run},
    {"drain_only", drain_only_run},
    {"metg50", metg50_run},
    {"pending_memory", pending_memory_run},
#endif
#ifdef RT_HAS_GROUP
    {"group_small", group_small_run},
#endif
#if defined(RT_HAS_NESTED) || defined(RT_HAS_PLAIN_RECURSION)
    {"skynet", skynet_run},
    {"fork_join", fork_join_run},
#endif
#if defined(RT_HAS_SPAWN) || defined(RT_HAS_PLAIN_RECURSION)
    {"spawn_nested", spawn_nested_run},
#endif
#ifdef RT_HAS_THREADS
    {"wake_idle", wake_idle_run},
    {"wake_worker", wake_worker_run},
    {"idle_cpu", idle_cpu_run},
#endif
#ifdef RT_HAS_CANCEL
    {"cancel_pending", cancel_pending_run},
#endif
#ifdef RT_HAS_PANIC
    {"panic", panic_run},
#endif
#ifdef RT_HAS_FAULT
    {"fault", fault_run},
#endif
#ifdef RT_HAS_CTX
    {"ctx_create", ctx_create_run},
    {"ctx_child", ctx_child_run},
    {"ctx_timeout", ctx_timeout_run},
    {"ctx_cancel", ctx_cancel_run},
    {"ctx_deadlines", ctx_deadlines_run},
    {"ctx_wake", ctx_wake_run},
#endif
#endif
#ifdef RT_HAS_BOTH
    {"fork_both", fork_both_run},
    {"queens", queens_run},
#endif
#ifdef RT_HAS_FOR
    {"for_range", for_range_run},
    {"for_range_each", for_range_each_run},
    {"for_uneven", for_uneven_run},
    {"for_ramp", for_ramp_run},
#endif
#ifdef RT_HAS_PIPELINE
    {"pipeline", pipeline_run},
    {"pipeline_1us", pipeline_1us_run},
#endif
};

int main(int argc, char **argv)
{
	rt_setup(argv);
	return bench_main(argc, argv, rt_cases, sizeof(rt_cases) / sizeof(rt_cases[0]));
}

#endif
