/* SPDX-License-Identifier: MIT */
/*
 * Ranges in a queue: each index is taken once, and in its turn, whatever stands before and behind it.
 */

#include "support.h"

#define COUNT_MAX 10000

/* What calls do to their indices. */
struct marks {
	atomic_int at[COUNT_MAX];
};

static struct marks marks;

static void marks_clear(void)
{
	for (size_t i = 0; i < COUNT_MAX; i++)
		atomic_store_explicit(&marks.at[i], 0, memory_order_relaxed);
}

/* The first `count` have been called so often, and no other. */
static bool marks_are(size_t count, int times)
{
	for (size_t i = 0; i < COUNT_MAX; i++)
		if (atomic_load_explicit(&marks.at[i], memory_order_relaxed) != (i < count ? times : 0))
			return false;
	return true;
}

static int mark_each(eg_ctx *ctx, void *arg, size_t index)
{
	(void)ctx;
	(void)arg;
	atomic_fetch_add_explicit(&marks.at[index], 1, memory_order_relaxed);
	return 0;
}

static int mark_piece(eg_ctx *ctx, void *arg, size_t begin, size_t end)
{
	(void)ctx;
	CHECK(begin < end);
	for (size_t i = begin; i < end; i++)
		mark_each(ctx, arg, i);
	return 0;
}

/* A piece of a grain, which the argument is, among so many indices. */
static size_t pieces_count;

static int mark_grain(eg_ctx *ctx, void *arg, size_t begin, size_t end)
{
	size_t grain = (size_t)(uintptr_t)arg;

	CHECK(begin % grain == 0);
	CHECK(end - begin == (pieces_count - begin < grain ? pieces_count - begin : grain));
	return mark_piece(ctx, arg, begin, end);
}

static const size_t counts[] = {0, 1, 2, 3, 63, 64, 65, 1000, COUNT_MAX};
static const int limits[] = {1, 2, 3, 8, EG_LIMIT_NONE};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void each_index_is_called_once_whatever_count_and_limit(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(counts); i++)
		for (size_t k = 0; k < LENGTH(limits); k++) {
			eg_group group = EG_GROUP_INIT;

			marks_clear();
			assert_int_equal(eg_group_set_limit(&group, limits[k]), 0);
			assert_int_equal(eg_group_go_each(&group, counts[i], mark_each, NULL), 0);
			assert_int_equal(eg_group_wait(&group), 0);
			assert_true(marks_are(counts[i], 1));
			eg_group_destroy(&group);
		}
}

static void pieces_cover_each_index_once_and_begin_at_multiples_of_the_grain(void **state)
{
	static const size_t grains[] = {1, 3, 7, 64, COUNT_MAX, SIZE_MAX};

	(void)state;
	for (size_t i = 0; i < LENGTH(counts); i++)
		for (size_t k = 0; k < LENGTH(grains); k++) {
			eg_group group = EG_GROUP_INIT;

			marks_clear();
			pieces_count = counts[i];
			assert_int_equal(eg_group_set_limit(&group, limits[k % LENGTH(limits)]), 0);
			assert_int_equal(eg_group_go_pieces(&group, counts[i], grains[k], mark_grain,
							    (void *)(uintptr_t)grains[k]),
					 0);
			assert_int_equal(eg_group_wait(&group), 0);
			assert_true(marks_are(counts[i], 1));
			eg_group_destroy(&group);
		}
}

static void pieces_sized_by_time_cover_each_index_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(counts); i++)
		for (size_t k = 0; k < LENGTH(limits); k++) {
			eg_group group = EG_GROUP_INIT;

			marks_clear();
			assert_int_equal(eg_group_set_limit(&group, limits[k]), 0);
			assert_int_equal(eg_group_go_pieces(&group, counts[i], 0, mark_piece, NULL), 0);
			assert_int_equal(eg_group_wait(&group), 0);
			assert_true(marks_are(counts[i], 1));
			eg_group_destroy(&group);
		}
}

static void many_ranges_of_one_thread_are_all_called(void **state)
{
	eg_group group = EG_GROUP_INIT;
	int ranges = (int)scaled(50);

	(void)state;
	marks_clear();
	eg_group_set_limit(&group, 2);
	for (int i = 0; i < ranges; i++) {
		assert_int_equal(eg_group_go_each(&group, 300, mark_each, NULL), 0);
		assert_int_equal(eg_group_go_pieces(&group, 300, 7, mark_piece, NULL), 0);
		assert_int_equal(eg_group_go_pieces(&group, 300, 0, mark_piece, NULL), 0);
	}
	assert_int_equal(eg_group_wait(&group), 0);
	assert_true(marks_are(300, 3 * ranges));
	eg_group_destroy(&group);
}

static void *submit_ranges(void *arg)
{
	for (int i = 0; i < 10; i++)
		CHECK(eg_group_go_each(arg, 100, mark_each, NULL) == 0);
	return NULL;
}

/* More threads than the 64 that have a queue of their own. */
static void ranges_of_many_threads_are_all_called(void **state)
{
	pthread_t threads[70];
	eg_group group = EG_GROUP_INIT;

	(void)state;
	marks_clear();
	eg_group_set_limit(&group, 2);
	for (size_t i = 0; i < LENGTH(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, submit_ranges, &group), 0);
	for (size_t i = 0; i < LENGTH(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_true(marks_are(100, 10 * (int)LENGTH(threads)));
	eg_group_destroy(&group);
}

static eg_group *outer;

static int submit_inside(eg_ctx *ctx, void *arg, size_t index)
{
	(void)ctx;
	(void)arg;
	(void)index;
	return eg_group_go_each(outer, 100, mark_each, NULL);
}

static void tasks_of_a_range_submit_ranges(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	marks_clear();
	outer = &group;
	eg_group_set_limit(&group, 2);
	assert_int_equal(eg_group_go_each(&group, 50, submit_inside, NULL), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_true(marks_are(100, 50));
	eg_group_destroy(&group);
}

/*
 * Order, with limit 1: every call takes the next number.
 */

static struct {
	size_t next;
	long wrong;
} order;

static void order_note(size_t number)
{
	order.wrong += order.next != number;
	order.next = number + 1;
}

static int order_task(eg_ctx *ctx, void *number)
{
	(void)ctx;
	order_note((size_t)(uintptr_t)number);
	return 0;
}

static int order_each(eg_ctx *ctx, void *base, size_t index)
{
	(void)ctx;
	order_note((size_t)(uintptr_t)base + index);
	return 0;
}

static int order_piece(eg_ctx *ctx, void *base, size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
		order_each(ctx, base, i);
	return 0;
}

/* So many tasks, a range, so many tasks, and so on; the numbers go on. Returns how many numbers there are. */
static size_t submit_mixed(eg_group *group, const size_t *sizes, size_t count, size_t from)
{
	for (size_t i = 0; i < count; i++) {
		void *base = (void *)(uintptr_t)from;
		int err = 0;

		if (i % 4 == 1)
			err = eg_group_go_each(group, sizes[i], order_each, base);
		else if (i % 4 == 3)
			err = eg_group_go_pieces(group, sizes[i], i % 8 == 3 ? 0 : 10, order_piece, base);
		for (size_t k = 0; i % 2 == 0 && !err && k < sizes[i]; k++)
			err = eg_group_go(group, order_task, (void *)(uintptr_t)(from + k));
		assert_int_equal(err, 0);
		from += sizes[i];
	}
	return from;
}

/* Ranges at both ends, in the ring, right before and behind it, in the overflow, and next to each other. */
static const size_t mixtures[][8] = {{1, 3, 1, 0, 0, 0, 0, 0},          {0, 5, 0, 5, 0, 5, 0, 5},
				     {10, 100, 20, 100, 30, 50, 0, 0},  {62, 10, 1, 10, 1, 10, 1, 10},
				     {63, 10, 63, 10, 1, 10, 0},        {64, 10, 200, 10, 1, 1, 300, 1000},
				     {300, 1000, 300, 1, 5, 10, 63, 10}};

static void limit_1_starts_ranges_in_their_turn_when_all_was_pending_first(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(mixtures); i++) {
		struct hold hold = HOLD_INIT;
		eg_group group = EG_GROUP_INIT;
		size_t total;

		eg_group_set_limit(&group, 1);
		order.next = 0;
		order.wrong = 0;
		eg_group_go(&group, task_hold, &hold);
		tally_await(&hold.started, 1);
		total = submit_mixed(&group, mixtures[i], LENGTH(mixtures[i]), 0);
		tally_add(&hold.release, 1);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(order.next, total);
		assert_int_equal(order.wrong, 0);
		eg_group_destroy(&group);
	}
}

static void limit_1_starts_ranges_in_their_turn_for_the_waiter_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(mixtures); i++) {
		eg_group group = EG_GROUP_INIT;
		size_t total;

		eg_group_set_limit(&group, 1);
		order.next = 0;
		order.wrong = 0;
		total = submit_mixed(&group, mixtures[i], LENGTH(mixtures[i]), 0);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(order.next, total);
		assert_int_equal(order.wrong, 0);
		eg_group_destroy(&group);
	}
}

static void limit_1_starts_ranges_in_their_turn_while_the_queue_is_drained(void **state)
{
	eg_group group = EG_GROUP_INIT;
	size_t total = 0;
	unsigned seed = 1;

	(void)state;
	eg_group_set_limit(&group, 1);
	order.next = 0;
	order.wrong = 0;
	for (long i = 0; goes_on(i, 300); i++) {
		size_t sizes[8];

		for (size_t k = 0; k < LENGTH(sizes); k++) {
			seed = seed * 1103515245U + 12345U;
			sizes[k] = (seed >> 16) % (seed % 7 == 0 ? 400 : 40);
		}
		total = submit_mixed(&group, sizes, LENGTH(sizes), total);
	}
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(order.next, total);
	assert_int_equal(order.wrong, 0);
	eg_group_destroy(&group);
}

/*
 * A task waits for all that was submitted before it: were a range's index behind it, it would wait for ever.
 */

static atomic_size_t started;

static int start_each(eg_ctx *ctx, void *arg, size_t index)
{
	(void)ctx;
	(void)arg;
	(void)index;
	atomic_fetch_add(&started, 1);
	return 0;
}

static int await_earlier(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	while (atomic_load(&started) < (size_t)(uintptr_t)arg)
		sched_yield();
	return 0;
}

static void a_task_may_wait_for_a_range_submitted_before_it_at_any_limit(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(limits); i++) {
		eg_group group = EG_GROUP_INIT;
		size_t total = 0;

		atomic_store(&started, 0);
		eg_group_set_limit(&group, limits[i]);
		for (long k = 0; goes_on(k, 100); k++) {
			size_t count = (size_t)(k * 7 % 90);

			assert_int_equal(eg_group_go_each(&group, count, start_each, NULL), 0);
			total += count;
			assert_int_equal(eg_group_go(&group, await_earlier, (void *)(uintptr_t)total), 0);
		}
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(atomic_load(&started), total);
		eg_group_destroy(&group);
	}
}

static int meet_each(eg_ctx *ctx, void *arg, size_t index)
{
	(void)index;
	return task_meet(ctx, arg);
}

static void indices_of_one_range_wait_for_each_other_within_the_limit(void **state)
{
	struct meeting meeting = {TALLY_INIT, 8};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_set_limit(&group, 8);
	assert_int_equal(eg_group_go_each(&group, 8, meet_each, &meeting), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

/* What a worker has learned of tasks that take no time must not have it claim long ones by the hundred. */
static void what_was_learned_of_short_tasks_does_not_hold_for_a_range(void **state)
{
	struct meeting meeting = {TALLY_INIT, 2};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_set_limit(&group, 2);
	for (long i = 0; i < scaled(20000); i++)
		eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_go_each(&group, (size_t)scaled(100000), start_each, NULL), 0);
	assert_int_equal(eg_group_go_each(&group, 2, meet_each, &meeting), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

static void a_hundred_million_indices_are_no_matter(void **state)
{
	eg_group group = EG_GROUP_INIT;
	size_t before = heap_in_use();

	(void)state;
	assert_int_equal(eg_group_go_each(&group, (size_t)scaled(3000000), start_each, NULL), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	assert_true(heap_in_use() <= before + 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(each_index_is_called_once_whatever_count_and_limit),
	    TEST(pieces_cover_each_index_once_and_begin_at_multiples_of_the_grain),
	    TEST(pieces_sized_by_time_cover_each_index_once),
	    TEST(many_ranges_of_one_thread_are_all_called),
	    TEST(ranges_of_many_threads_are_all_called),
	    TEST(tasks_of_a_range_submit_ranges),
	    TEST(limit_1_starts_ranges_in_their_turn_when_all_was_pending_first),
	    TEST(limit_1_starts_ranges_in_their_turn_for_the_waiter_alone),
	    TEST(limit_1_starts_ranges_in_their_turn_while_the_queue_is_drained),
	    TEST(a_task_may_wait_for_a_range_submitted_before_it_at_any_limit),
	    TEST(indices_of_one_range_wait_for_each_other_within_the_limit),
	    TEST(what_was_learned_of_short_tasks_does_not_hold_for_a_range),
	    TEST(a_hundred_million_indices_are_no_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
