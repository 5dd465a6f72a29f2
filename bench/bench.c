/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define CALIBRATION_LOOPS 100000 /* some 30 us: short enough to fit between two interruptions */
#define CALIBRATION_TRIES 40
#define SERIAL_TRIES 3
#define SERIAL_MAX_NS 2e6 /* a serial run this long says as much as a longer one */

static double loops_per_ns;

void bench_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

void bench_cannot(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(BENCH_CANNOT);
}

void bench_print(double figure)
{
	printf("%.6g\n", figure);
	fflush(stdout);
}

void bench_print_pair(double length_ns, double percent)
{
	printf("%.6g %.6g\n", length_ns, percent);
	fflush(stdout);
}

void bench_print_wake(double p50_ns, double p99_ns, double cpu_percent)
{
	printf("%.6g %.6g %.4g\n", p50_ns, p99_ns, cpu_percent);
	fflush(stdout);
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t bench_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t bench_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void bench_sleep_us(long us)
{
	struct timespec left = {us / 1000000, us % 1000000 * 1000};

	while (us > 0 && nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

double bench_percentile(double *samples, size_t count, double part)
{
	qsort(samples, count, sizeof(samples[0]), compare);
	return samples[(size_t)((double)(count - 1) * part + 0.5)];
}

/* Aligned, and each step depends on the one before: one step a cycle whatever else the core does. */
__attribute__((aligned(64), noinline)) void bench_spin(uintptr_t loops)
{
	for (; loops != 0; loops--)
		__asm__ volatile("" : "+r"(loops));
}

void bench_calibrate(void)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < CALIBRATION_TRIES; i++) {
		int64_t begin = bench_now_ns(), took;

		bench_spin(CALIBRATION_LOOPS);
		took = bench_now_ns() - begin;
		if (took < best)
			best = took;
	}
	loops_per_ns = CALIBRATION_LOOPS / (double)best;
}

uintptr_t bench_loops(double ns)
{
	if (loops_per_ns <= 0)
		bench_calibrate();
	return (uintptr_t)(ns * loops_per_ns + 0.5);
}

double bench_serial_ns(uintptr_t loops, long tasks)
{
	double best = 0;
	long calls = tasks;

	if (loops_per_ns <= 0)
		bench_calibrate();
	if ((double)loops / loops_per_ns * (double)calls > SERIAL_MAX_NS)
		calls = (long)(SERIAL_MAX_NS * loops_per_ns / (double)loops) + 1;
	for (int i = 0; i < SERIAL_TRIES; i++) {
		int64_t begin = bench_now_ns();
		double took;

		for (long call = 0; call < calls; call++)
			bench_spin(loops);
		took = (double)(bench_now_ns() - begin) * (double)tasks / (double)calls;
		if (i == 0 || took < best)
			best = took;
	}
	return best;
}

unsigned char *bench_marks_open(long count)
{
	/* Zero pages that nobody has touched: the measured memory does not hold them until the tasks run. */
	unsigned char *marks = calloc((size_t)count + 1, 1);

	if (marks == NULL)
		bench_fail("no memory for %ld marks", count);
	return marks;
}

void bench_marks_check(unsigned char *marks, long count)
{
	for (long i = 0; i < count; i++)
		if (marks[i] != 1)
			bench_fail("task %ld of %ld ran %d times", i, count, marks[i]);
	free(marks);
}

void bench_range_check(uint64_t sum, long count)
{
	/* One of two neighbours is even. */
	uint64_t half = count % 2 == 0 ? (uint64_t)count / 2 : (uint64_t)count;
	uint64_t other = count % 2 == 0 ? (uint64_t)count - 1 : ((uint64_t)count - 1) / 2;

	for (int i = 0; i < BENCH_TERM_STEPS; i++)
		half *= BENCH_TERM;
	if (sum != half * other)
		bench_fail("indices of %ld were lost or came twice", count);
}

sem_t bench_hold_arg; /* posted by the submitter; its address is what marks a task that is to be held */
static sem_t hold_held;
static int hold_running, hold_is_over;

void bench_sem_wait(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		;
}

void bench_hold_here(void)
{
	sem_post(&hold_held);
	bench_sem_wait(&bench_hold_arg);
	__atomic_fetch_add(&hold_running, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&hold_is_over, __ATOMIC_ACQUIRE))
		sched_yield();
}

void bench_hold_wait(int held)
{
	__atomic_store_n(&hold_running, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&hold_is_over, 0, __ATOMIC_SEQ_CST);
	for (int i = 0; i < held; i++)
		bench_sem_wait(&hold_held);
}

void bench_hold_ready(int held)
{
	for (int i = 0; i < held; i++)
		sem_post(&bench_hold_arg);
	while (__atomic_load_n(&hold_running, __ATOMIC_SEQ_CST) != held)
		sched_yield();
}

void bench_hold_release(void)
{
	__atomic_store_n(&hold_is_over, 1, __ATOMIC_RELEASE);
}

void bench_rss_reset(void)
{
	FILE *file = fopen("/proc/self/clear_refs", "w");

	if (file == NULL)
		return;
	fputs("5\n", file);
	fclose(file);
}

int64_t bench_rss_peak(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	long kib = -1;

	while (file != NULL && kib < 0 && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "VmHWM: %ld", &kib) != 1)
			kib = -1;
	if (file != NULL)
		fclose(file);
	if (kib < 0)
		bench_fail("no VmHWM in /proc/self/status");
	return (int64_t)kib * 1024;
}

static long number(const char *text, long least, long most)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || *text == '\0' || *end != '\0' || value < least || value > most) {
		fprintf(stderr, "not a number from %ld to %ld: %s\n", least, most, text);
		exit(2);
	}
	return value;
}

int bench_main(int argc, char **argv, const struct bench_case *cases, size_t count)
{
	struct bench_args args;

	if (argc == 2 && strcmp(argv[1], "list") == 0) {
		for (size_t i = 0; i < count; i++)
			puts(cases[i].name);
		return 0;
	}
	if (argc != 5) {
		fprintf(stderr, "usage: %s list | CASE WORKERS TASKS RUNS\n", argv[0]);
		return 2;
	}
	args.workers = (int)number(argv[2], 1, 4096);
	args.tasks = number(argv[3], 0, 1000000000);
	args.runs = (int)number(argv[4], 1, 1000000);
	sem_init(&bench_hold_arg, 0, 0);
	sem_init(&hold_held, 0, 0);
	for (size_t i = 0; i < count; i++)
		if (strcmp(argv[1], cases[i].name) == 0) {
			cases[i].run(&args);
			return 0;
		}
	bench_cannot("%s cannot do %s", argv[0], argv[1]);
}
