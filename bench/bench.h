/* SPDX-License-Identifier: MIT */
#ifndef BENCH_H
#define BENCH_H

/*
 * What every measured runtime shares: the command line, clocks, work of a known length, and the proof that
 * each task ran once. The header is C and C++, and what it declares is compiled once, in C, so that the work
 * is the same machine code for all.
 *
 *     RUNTIME list                         the cases that it can do, one a line
 *     RUNTIME CASE WORKERS TASKS RUNS      one warm-up, then one line with the figure of each run
 *
 * Exit status: 0; 1 with a message when a result was wrong; 2 for a bad command line; 77 for a case that the
 * runtime cannot do.
 */

#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BENCH_CANNOT 77 /* exit status: not a case of this runtime, or not with these workers */

struct bench_args {
	int workers;
	long tasks; /* the size parameter of the case, which is not a number of tasks in all of them */
	int runs;
};

/* Warms up, makes the runs, and prints the figure of each. */
typedef void bench_case_run(const struct bench_args *args);

struct bench_case {
	const char *name;
	bench_case_run *run;
};

/* What a case does with a pool of the runtime's; cases.h says what a pool is. */
struct rt_pool;
typedef void rt_body(struct rt_pool *pool, void *context);

int bench_main(int argc, char **argv, const struct bench_case *cases, size_t count);

/* Prints what is wrong and ends the process with 1, or that the case cannot be done and ends it with 77. */
void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void bench_cannot(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Prints the figures of one run: in most cases one, else those that the case names. */
void bench_print(double figure);
void bench_print_pair(double length_ns, double percent);
void bench_print_wake(double p50_ns, double p99_ns, double cpu_percent);

/* Now on the monotonic clock, and the CPU time that all threads of the process have used. */
int64_t bench_now_ns(void);
int64_t bench_cpu_ns(void);

/* Sleeps; the kernel adds its timer slack, about 50 us. */
void bench_sleep_us(long us);

/* The given part (0.5 is the median) of the samples, which it sorts. */
double bench_percentile(double *samples, size_t count, double part);

/*
 * Work: a loop of so many dependent steps. It counts instructions and not time, because a task that spun
 * until a moment had come would get its time for nothing while it was preempted, and too many threads would
 * look free. bench_loops says how many steps take that long on an undisturbed CPU, measured anew by
 * bench_calibrate.
 */
void bench_spin(uintptr_t loops);
void bench_calibrate(void);
uintptr_t bench_loops(double ns);

/* The time that `tasks` calls of bench_spin(loops) take on one thread, the best of several. */
double bench_serial_ns(uintptr_t loops, long tasks);

/*
 * Marks: a byte a task, which the task increments. bench_marks_check fails unless each was incremented once,
 * and frees them.
 */
unsigned char *bench_marks_open(long count);
void bench_marks_check(unsigned char *marks, long count);

/*
 * Holding workers: tasks with bench_hold_arg as their argument call bench_hold_here and stay there. There is
 * one hold a process.
 *
 *   bench_hold_wait     the submitter waits until so many tasks are held
 *   bench_hold_ready    wakes them and returns once all are running, on the edge of returning
 *   bench_hold_release  lets them return: what is timed from here on holds no wake-up of theirs
 */
extern sem_t bench_hold_arg;
void bench_hold_here(void);
void bench_hold_wait(int held);
void bench_hold_ready(int held);
void bench_hold_release(void);

/*
 * Ranges: the work for an index is some multiplications that no compiler can foresee or do for several indices at once.
 * There are so many that they keep the multiplier busy, and what else there is in a loop, which compilers arrange
 * differently, fits in beside them. The sum of it over a range is known without the work.
 *
 *   bench_term(index)        the term of the sum
 *   bench_use(index)         needs the index, and that is all
 *   bench_range_sum(a, b)    the sum from a up to below b, in a plain loop
 *   bench_range_check(sum, count)  ends the program unless that is the sum of the first `count` terms
 *
 * BENCH_OPAQUE makes a call of a function a call, whatever the compiler knows of the function.
 */
#define BENCH_TERM UINT64_C(0x9e3779b97f4a7c15)
#define BENCH_TERM_STEPS 4

#if defined(__clang__)
#define BENCH_OPAQUE __attribute__((noinline))
#else
#define BENCH_OPAQUE __attribute__((noipa))
#endif

static inline uint64_t bench_term(size_t index)
{
	uint64_t term = index;

	for (int i = 0; i < BENCH_TERM_STEPS; i++) {
		term *= BENCH_TERM;
		__asm__("" : "+r"(term));
	}
	return term;
}

static inline void bench_use(size_t index)
{
	__asm__ volatile("" : : "r"(index));
}

static inline uint64_t bench_range_sum(size_t begin, size_t end)
{
	uint64_t sum = 0;

	for (size_t i = begin; i < end; i++)
		sum += bench_term(i);
	return sum;
}

void bench_range_check(uint64_t sum, long count);

/* The most memory that the process has had resident since bench_rss_reset, in bytes. */
void bench_rss_reset(void);
int64_t bench_rss_peak(void);

/* sem_wait that goes on after a signal. */
void bench_sem_wait(sem_t *sem);

#ifdef __cplusplus
}
#endif

#endif
