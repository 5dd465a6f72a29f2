/* SPDX-License-Identifier: MIT */
/*
 * Start order: the tasks of one submitting thread start in the order of submission, wherever each of them was
 * queued. With limit 1 that is a total order and is checked as one; with more, tiny tasks may be taken in
 * batches.
 */

#include "support.h"

struct order {
	eg_group group;
	long next; /* with limit 1, tasks run one at a time and hand this on */
	long wrong;
};

static struct order order;

static int task_next(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	order.wrong += order.next++ != (long)(intptr_t)arg;
	return 0;
}

static void order_init(int limit)
{
	memset(&order, 0, sizeof(order));
	eg_group_set_limit(&order.group, limit);
}

static void order_finish(long expected)
{
	assert_int_equal(eg_group_wait(&order.group), 0);
	assert_int_equal(order.next, expected);
	assert_int_equal(order.wrong, 0);
	eg_group_destroy(&order.group);
}

static void limit_1_starts_in_order_when_everything_was_pending_first(void **state)
{
	static const long counts[] = {10, 63, 64, 65, 255, 256, 257, 1023, 1024, 1025, 4097, 100000};

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct hold hold = HOLD_INIT;

		order_init(1);
		eg_group_go(&order.group, task_hold, &hold);
		tally_await(&hold.started, 1);
		for (long k = 0; k < counts[i]; k++)
			eg_group_go(&order.group, task_next, CODE(k));
		tally_add(&hold.release, 1);
		order_finish(counts[i]);
	}
}

static void limit_1_starts_in_order_while_the_queue_is_drained(void **state)
{
	long count = scaled(1000000);

	(void)state;
	order_init(1);
	for (long k = 0; k < count; k++)
		eg_group_go(&order.group, task_next, CODE(k));
	order_finish(count);
}

/*
 * Bursts of all sizes around ring capacities with a drain between: the queue is full, empty and anything
 * between, and what spilled must still come before what fits into the ring again.
 */
static void limit_1_starts_in_order_across_bursts_that_spill_and_drain(void **state)
{
	static struct hold holds[300];
	unsigned seed = 1;
	long count = 0;

	(void)state;
	order_init(1);
	for (long burst = 0; goes_on(burst, 300); burst++) {
		struct hold *hold = &holds[burst];
		long size, drained;

		*hold = (struct hold)HOLD_INIT;
		seed = seed * 1103515245U + 12345U;
		size = (long)(seed >> 16) % 3000;
		seed = seed * 1103515245U + 12345U;
		drained = size ? (long)(seed >> 16) % size : 0;

		/* Some go in behind a held task, and the rest while the first are being drained. */
		eg_group_go(&order.group, task_hold, hold);
		for (long k = 0; k < drained; k++)
			eg_group_go(&order.group, task_next, CODE(count + k));
		tally_add(&hold->release, 1);
		for (long k = drained; k < size; k++)
			eg_group_go(&order.group, task_next, CODE(count + k));
		count += size;
	}
	order_finish(count);
}

static void limit_1_starts_in_order_across_rounds_of_wait(void **state)
{
	long count = 0;

	(void)state;
	order_init(1);
	for (long size = 1; size < 3000; size = size * 3 / 2 + 1) {
		for (long k = 0; k < size; k++)
			eg_group_go(&order.group, task_next, CODE(count + k));
		count += size;
		assert_int_equal(eg_group_wait(&order.group), 0);
		assert_int_equal(order.next, count);
	}
	order_finish(count);
}

static int task_submit_in_order(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	for (long k = 0; k < (long)(intptr_t)arg; k++)
		CHECK(eg_group_go(&order.group, task_next, CODE(k)) == 0);
	return 0;
}

static void limit_1_starts_in_order_what_a_task_submits(void **state)
{
	long count = scaled(100000);

	(void)state;
	order_init(1);
	eg_group_go(&order.group, task_submit_in_order, CODE(count));
	order_finish(count);
}

/*
 * Several submitters: no order between them, but each one's own.
 */

struct lane {
	long next;
	long wrong;
	long count;
	long lanes;
	struct tally *start;
};

struct lane_task {
	struct lane *lane;
	long index;
};

static int task_lane(eg_ctx *ctx, void *arg)
{
	struct lane_task *task = arg;

	(void)ctx;
	task->lane->wrong += task->lane->next++ != task->index;
	return 0;
}

static void *lane_main(void *arg)
{
	struct lane *lane = arg;

	tally_meet(lane->start, lane->lanes);
	for (long k = 0; k < lane->count; k++) {
		struct lane_task task = {lane, k};

		CHECK(eg_group_go_copy(&order.group, task_lane, &task, sizeof(task)) == 0);
	}
	return NULL;
}

static void keep_order_of_each(long count, long tasks)
{
	struct tally start = TALLY_INIT;
	struct lane *lanes = calloc((size_t)count, sizeof(*lanes));
	pthread_t *threads = calloc((size_t)count, sizeof(*threads));

	assert_non_null(lanes);
	assert_non_null(threads);
	order_init(1);
	for (long i = 0; i < count; i++) {
		lanes[i] = (struct lane){0, 0, tasks, count, &start};
		assert_int_equal(pthread_create(&threads[i], NULL, lane_main, &lanes[i]), 0);
	}
	for (long i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	order_finish(0);
	for (long i = 0; i < count; i++) {
		assert_int_equal(lanes[i].next, lanes[i].count);
		assert_int_equal(lanes[i].wrong, 0);
	}
	free(threads);
	free(lanes);
}

static void limit_1_keeps_the_order_of_each_of_two_submitters(void **state)
{
	(void)state;
	keep_order_of_each(2, scaled(50000));
}

/* More submitters than the 64 that have a queue of their own. */
static void limit_1_keeps_the_order_of_each_of_many_submitters(void **state)
{
	(void)state;
	keep_order_of_each(150, scaled(1000));
}

/*
 * What start order is good for: a task may wait for tasks submitted before it, whatever the limit, for those
 * have started or start before it. Were they held back behind it, all workers could end up waiting.
 */

struct link {
	atomic_bool done;
	struct link *before; /* some earlier one, or NULL */
};

static int task_link(eg_ctx *ctx, void *arg)
{
	struct link *link = arg;

	(void)ctx;
	while (link->before && !atomic_load(&link->before->done))
		sched_yield();
	atomic_store(&link->done, true);
	return 0;
}

static void a_task_may_wait_for_any_task_submitted_before_it_at_any_limit(void **state)
{
	static const int limits[] = {1, 2, 3, 8};
	long count = scaled(20000);
	struct link *links = calloc((size_t)count, sizeof(*links));
	unsigned seed = 1;

	(void)state;
	assert_non_null(links);
	for (size_t i = 0; i < 2 * sizeof(limits) / sizeof(limits[0]); i++) {
		struct hold hold = HOLD_INIT;
		eg_group group = EG_GROUP_INIT;

		/* Far back, near and direct predecessors; and everything pending first, or not. */
		eg_group_set_limit(&group, limits[i / 2]);
		if (i % 2)
			eg_group_go(&group, task_hold, &hold);
		for (long k = 0; k < count; k++) {
			long back;

			seed = seed * 1103515245U + 12345U;
			back = (seed >> 16) % 3 == 0 ? 1 : (long)((seed >> 16) % 700) + 1;
			links[k].before = k >= back ? &links[k - back] : NULL;
			atomic_store(&links[k].done, false);
		}
		for (long k = 0; k < count; k++)
			eg_group_go(&group, task_link, &links[k]);
		tally_add(&hold.release, 1);
		assert_int_equal(eg_group_wait(&group), 0);
		eg_group_destroy(&group);
	}
	free(links);
}

/*
 * Two workers: a task takes its ticket after it started, so a task whose thread was preempted in between may
 * have a late ticket. An early one it has by as many places as there are tasks before it that have not
 * started, or have and are in that state.
 */

struct ticket {
	long at;
};

static struct {
	atomic_long next;
	struct tally started;
	struct tally released;
} tickets;

static int task_ticket(eg_ctx *ctx, void *arg)
{
	struct ticket *ticket = arg;

	(void)ctx;
	ticket->at = atomic_fetch_add(&tickets.next, 1);
	return 0;
}

static int task_slow_ticket(eg_ctx *ctx, void *arg)
{
	struct ticket *ticket = arg;

	(void)task_ticket(ctx, ticket);
	tally_add(&tickets.started, 1);
	tally_await(&tickets.released, ticket->at + 1);
	return 0;
}

static struct ticket *tickets_create(long count)
{
	struct ticket *all = calloc((size_t)count, sizeof(*all));

	assert_non_null(all);
	atomic_store(&tickets.next, 0);
	tickets.started = (struct tally)TALLY_INIT;
	tickets.released = (struct tally)TALLY_INIT;
	return all;
}

static void tickets_finish(struct ticket *all, long count, long early_max)
{
	long early = 0;

	assert_int_equal(atomic_load(&tickets.next), count);
	for (long i = 0; i < count; i++)
		early += all[i].at < i - early_max;
	assert_int_equal(early, 0);
	free(all);
}

/* Every task is held until both workers are busy: none is taken early, and one at most is between the two. */
static void limit_2_starts_tasks_that_take_their_time_in_order(void **state)
{
	long count = scaled(2000) + 10;
	struct ticket *all = tickets_create(count);
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_set_limit(&group, 2);
	for (long i = 0; i < count; i++)
		eg_group_go(&group, task_slow_ticket, &all[i]);
	for (long i = 0; i < count; i++) {
		tally_await(&tickets.started, i + 2 < count ? i + 2 : count);
		tally_add(&tickets.released, 1);
	}
	assert_int_equal(eg_group_wait(&group), 0);
	tickets_finish(all, count, 1);
	eg_group_destroy(&group);
}

/*
 * Tiny tasks are taken in batches, which blurs the order by a tenth of a millisecond, and by more where a worker is
 * preempted between a batch and its start. How many places that is depends on the machine; the order must not be
 * turned over, nor a batch be left until the end.
 */
static void limit_2_starts_tiny_tasks_in_order_but_for_a_blur(void **state)
{
	(void)state;
	for (int pending_first = 0; pending_first < 2; pending_first++) {
		long count = scaled(500000);
		struct ticket *all = tickets_create(count);
		struct hold hold = HOLD_INIT;
		eg_group group = EG_GROUP_INIT;

		eg_group_set_limit(&group, 2);
		if (pending_first) {
			eg_group_go(&group, task_hold, &hold);
			eg_group_go(&group, task_hold, &hold);
			tally_await(&hold.started, 2);
		}
		for (long i = 0; i < count; i++)
			eg_group_go(&group, task_ticket, &all[i]);
		tally_add(&hold.release, 1);
		assert_int_equal(eg_group_wait(&group), 0);
		tickets_finish(all, count, count / 4);
		eg_group_destroy(&group);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(limit_1_starts_in_order_when_everything_was_pending_first),
	    TEST(limit_1_starts_in_order_while_the_queue_is_drained),
	    TEST(limit_1_starts_in_order_across_bursts_that_spill_and_drain),
	    TEST(limit_1_starts_in_order_across_rounds_of_wait),
	    TEST(limit_1_starts_in_order_what_a_task_submits),
	    TEST(limit_1_keeps_the_order_of_each_of_two_submitters),
	    TEST(limit_1_keeps_the_order_of_each_of_many_submitters),
	    TEST(a_task_may_wait_for_any_task_submitted_before_it_at_any_limit),
	    TEST(limit_2_starts_tasks_that_take_their_time_in_order),
	    TEST(limit_2_starts_tiny_tasks_in_order_but_for_a_blur),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
