/* SPDX-License-Identifier: MIT */
/*
 * OpenMP tasks, built with gcc (libgomp) and with clang (libomp).
 *
 * A pool is a parallel region of WORKERS threads, entered outside the timed region, in which a single thread
 * submits: the other threads wait at the region's end and run tasks there, and the submitting one runs tasks
 * in its taskwait. Groups are the children of a task, waited for by taskwait.
 *
 * Whether idle threads spin or sleep makes a large difference, in both directions: on the whole spinning was
 * measured to be faster where tasks do work, and sleeping where they are empty. Each case gets the faster of
 * the two, see RT_SPINS; OMP_WAIT_POLICY in the environment decides for all of them.
 *
 * Neither runtime keeps many tasks pending by default: submission beyond some hundreds runs the task at once.
 * libomp can be told to (KMP_ENABLE_TASK_THROTTLING), and is where that is what the case measures; libgomp
 * can not.
 *
 * cancel_pending is left out: "cancel taskgroup" would need every batch to be a lexical taskgroup.
 *
 * Loops are "parallel for", with a reduction where there is a sum, and schedule(static). Built with RT_GUIDED or
 * RT_DYNAMIC the program is another runtime, which has loops only, with that schedule. Dynamic chunks are so small that
 * they are many for a thread, and so large that taking them costs nothing.
 */
#if defined(RT_GUIDED)
#define RT_FEW_CASES
#define RT_SCHEDULE guided
#elif defined(RT_DYNAMIC)
#define RT_FEW_CASES
#define RT_SCHEDULE dynamic, count / ((size_t)workers * 4096) + 1
#else
#define RT_SCHEDULE static
#endif

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../bench.h"

typedef void rt_fn(void *arg);

struct rt_pool {
	int workers;
};

struct rt_group {
	int unused;
};

#if defined(__clang__)
#define RT_CAN_PEND
#define RT_PENDING_MAX 1000000 /* 3 s; three times as many take longer than half a minute */
#endif
#define RT_HAS_WAIT
#define RT_HAS_GROUP
#define RT_HAS_SPAWN
#define RT_HAS_NESTED
#define RT_HAS_THREADS

#define RT_HELD(workers) ((workers)-1)
#define RT_TASK(name, arg) static inline void name(void *arg)
#define RT_RETURN return
#define rt_argument(arg) (arg)

#if defined(__clang__)
#define RT_SPINS                                                                                  \
	"stream_1us stream_slow scaling uneven metg50 metg50_stream metg_curve skynet fork_join " \
	"spawn_nested for_range for_range_each for_uneven for_ramp "
#else
#define RT_SPINS                                                                                   \
	"stream_1us stream_slow scaling uneven metg50_stream metg_curve for_range for_range_each " \
	"for_uneven for_ramp "
#endif
#define RT_PENDS "submit_only drain_only metg50 pending_memory "

/* Whether the case is one of the names, each of which a space follows. */
static bool rt_is_listed(const char *name, const char *names)
{
	size_t length = strlen(name);

	for (const char *at = names; *at != '\0'; at = strchr(at, ' ') + 1)
		if (strncmp(at, name, length) == 0 && at[length] == ' ')
			return true;
	return false;
}

/* The environment is read before main: the program is executed again with it. */
static void rt_setup(char **argv)
{
	if (argv[1] == NULL || getenv("BENCH_OPENMP_IS_SET") != NULL)
		return;
	setenv("BENCH_OPENMP_IS_SET", "1", 1);
	setenv("OMP_WAIT_POLICY", rt_is_listed(argv[1], RT_SPINS) ? "active" : "passive", 0);
	setenv("OMP_DYNAMIC", "false", 1);
	if (rt_is_listed(argv[1], RT_PENDS))
		setenv("KMP_ENABLE_TASK_THROTTLING", "0", 1);
	execv("/proc/self/exe", argv);
	bench_fail("cannot execute itself again");
}

static inline void rt_with_team(int workers, rt_body *body, void *context)
{
	struct rt_pool pool = {workers};

#pragma omp parallel num_threads(workers)
#pragma omp single
	body(&pool, context);
}

#define rt_with_pool(workers, tasks, fn, body, context) \
	((void)(tasks), (void)(fn), rt_with_team((workers), (body), (context)))

#define rt_submit(pool, fn, argument)                                \
	do {                                                         \
		void *rt_arg = (argument);                           \
                                                                     \
		(void)(pool);                                        \
		_Pragma("omp task firstprivate(rt_arg)") fn(rt_arg); \
	} while (0)

static inline void rt_wait(struct rt_pool *pool)
{
	(void)pool;
#pragma omp taskwait
}

#define rt_finish rt_wait

/* taskwait waits for the tasks of its own task only. */
#define rt_spawn(pool, fn, argument)                   \
	do {                                           \
		_Pragma("omp taskgroup")               \
		{                                      \
			rt_submit(pool, fn, argument); \
		}                                      \
	} while (0)

#define rt_group_open(group, pool, fn) ((void)((group)->unused = 0), (void)(pool), (void)(fn))
#define rt_group_submit(group, fn, argument) rt_submit(group, fn, argument)

static inline void rt_group_wait(struct rt_group *group)
{
	(void)group;
#pragma omp taskwait
}

static inline void rt_group_close(struct rt_group *group)
{
	(void)group;
}

#define RT_HAS_FOR
#define RT_EACH(name, arg, index) static BENCH_OPAQUE void name(void *arg, size_t index)
#define RT_EACH_RETURN return

typedef void rt_each_fn(void *arg, size_t index);

#define RT_TEXT(text) #text
#define RT_PRAGMA(text) _Pragma(RT_TEXT(text))
#define RT_FOR(clause, ...) RT_PRAGMA(omp parallel for num_threads(workers) schedule(__VA_ARGS__) clause)

static inline uint64_t rt_for_sum(int workers, size_t count)
{
	uint64_t sum = 0;

	RT_FOR(reduction(+ : sum), RT_SCHEDULE)
	for (size_t i = 0; i < count; i++)
		sum += bench_term(i);
	return sum;
}

static inline __attribute__((always_inline)) void rt_for_each(int workers, size_t count, rt_each_fn *fn,
							      void *arg)
{
	RT_FOR(shared(arg), RT_SCHEDULE)
	for (size_t i = 0; i < count; i++)
		fn(arg, i);
}

#include "../cases.h"
