/* SPDX-License-Identifier: MIT */
/*
 * The floor's shared object. The caller of floor_run is one of its threads; the others spin on `round`, which
 * says that there is a list to run, and answer by their own `done`. They yield after a while, since there may
 * be fewer CPUs than threads.
 */
#include "floor.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define SPINS_BEFORE_YIELD 20000
#define ROUND_SHORT 5000     /* ns */
#define SETTLE_MAX 100000000 /* ns */
#define LINE 128             /* bytes between what different threads write */

struct floor_task {
	floor_fn *fn;
	void *arg;
};

struct floor_thread {
	struct floor_list *list;
	pthread_t thread;
	size_t index;
	uint64_t done; /* the last round that it has run */
} __attribute__((aligned(LINE)));

struct floor_list {
	struct floor_task *tasks;
	size_t count;
	size_t threads;
	struct floor_thread *others;
	uint64_t round __attribute__((aligned(LINE))); /* UINT64_MAX: the end */
};

static void wait_for_change(const uint64_t *word, uint64_t old)
{
	for (unsigned spins = 0; __atomic_load_n(word, __ATOMIC_ACQUIRE) == old; spins++) {
#if defined(__x86_64__)
		__builtin_ia32_pause();
#endif
		if (spins > SPINS_BEFORE_YIELD)
			sched_yield();
	}
}

static void run_part(const struct floor_list *list, size_t index)
{
	const struct floor_task *task = list->tasks + list->count * index / list->threads;
	const struct floor_task *end = list->tasks + list->count * (index + 1) / list->threads;

	for (; task < end; task++)
		task->fn(task->arg);
}

static void *thread_main(void *arg)
{
	struct floor_thread *self = arg;

	for (uint64_t round = 0;; round++) {
		wait_for_change(&self->list->round, round);
		if (__atomic_load_n(&self->list->round, __ATOMIC_ACQUIRE) == UINT64_MAX)
			return NULL;
		run_part(self->list, self->index);
		__atomic_store_n(&self->done, round + 1, __ATOMIC_RELEASE);
	}
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/*
 * A new thread often starts on its maker's CPU, and stays there for milliseconds. Rounds without tasks are run until
 * one of them is as short as it is between CPUs, or for so long that there can be no more than one CPU.
 */
static void settle(struct floor_list *list)
{
	int64_t begin = now_ns(), before, after = begin;

	do {
		before = after;
		floor_run(list);
		after = now_ns();
	} while (after - before > ROUND_SHORT && after - begin < SETTLE_MAX);
}

struct floor_list *floor_create(size_t threads, size_t tasks_max)
{
	struct floor_list *list = aligned_alloc(LINE, sizeof(*list));

	if (list == NULL)
		abort();
	*list = (struct floor_list){.threads = threads};
	list->tasks = calloc(tasks_max, sizeof(list->tasks[0]));
	list->others = aligned_alloc(LINE, threads * sizeof(list->others[0]));
	if (list->tasks == NULL || list->others == NULL)
		abort();
	for (size_t i = 1; i < threads; i++) {
		list->others[i] = (struct floor_thread){.list = list, .index = i};
		if (pthread_create(&list->others[i].thread, NULL, thread_main, &list->others[i]) != 0)
			abort();
	}
	settle(list);
	return list;
}

void floor_destroy(struct floor_list *list)
{
	__atomic_store_n(&list->round, UINT64_MAX, __ATOMIC_RELEASE);
	for (size_t i = 1; i < list->threads; i++)
		pthread_join(list->others[i].thread, NULL);
	free(list->others);
	free(list->tasks);
	free(list);
}

void floor_submit(struct floor_list *list, floor_fn *fn, void *arg)
{
	struct floor_task *task = &list->tasks[list->count++];

	task->fn = fn;
	task->arg = arg;
}

void floor_run(struct floor_list *list)
{
	uint64_t round = list->round;

	__atomic_store_n(&list->round, round + 1, __ATOMIC_RELEASE);
	run_part(list, 0);
	for (size_t i = 1; i < list->threads; i++)
		wait_for_change(&list->others[i].done, round);
	list->count = 0;
}

void floor_run_alone(struct floor_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		list->tasks[i].fn(list->tasks[i].arg);
	list->count = 0;
}
