/* SPDX-License-Identifier: MIT */

/*
 * A submitter and three consumers on one queue, the library's source compiled in: what check_tsan.sh looks at with
 * ThreadSanitizer, as it is and with an ordering taken out. Exit status 1 when a task is lost or run twice.
 */

#include "runtime/queue/claim.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define TASKS 50000
#define CONSUMERS 3

/* Instead of library.c's: nothing here needs what that makes, but the fence. */
void egi_library_begin(void)
{
}

static struct egi_queue queue;
static struct egi_claim claims[CONSUMERS];
static uint32_t
    runs[TASKS]; /* plain on purpose: written by the submitter, then by the task's only consumer */
static uint32_t done;

static void *consumer_main(void *arg)
{
	size_t self = (size_t)(uintptr_t)arg, turn = self;
	struct egi_task task;

	while (egi_load_acquire_u32(&done) < TASKS) {
		if (egi_claim_next(&claims[self], &task)) {
			runs[(uintptr_t)task.arg]++;
			egi_add_u32(&done, 1);
			continue;
		}
		if (egi_claim_refill(&claims[self], &queue, 1 + turn++ % 90, 1))
			continue;
		if (!egi_claim_steal(&claims[self], &claims[(self + 1 + turn % 2) % CONSUMERS], 1))
			sched_yield();
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[CONSUMERS];
	int bad = 0;

	egi_fence_start();
	egi_queue_init(&queue, 1);
	for (size_t i = 0; i < CONSUMERS; i++)
		egi_claim_init(&claims[i]);
	for (size_t i = 0; i < CONSUMERS; i++)
		if (pthread_create(&threads[i], NULL, consumer_main, (void *)(uintptr_t)i) != 0)
			abort();
	for (size_t i = 0; i < TASKS; i++) {
		struct egi_task task = {1, (void *)(uintptr_t)i};

		runs[i] = 1;
		if (egi_queue_put(&queue, task) != 0)
			abort();
		if (i % 1000 == 0)
			sched_yield();
	}
	for (size_t i = 0; i < CONSUMERS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < TASKS; i++)
		bad += runs[i] != 2;
	return bad != 0;
}
