/* SPDX-License-Identifier: MIT */
/*
 * The slot of a task: a number below the limit that no two tasks have at once, for what tasks reuse.
 */

#include "support.h"

#define SLOTS_MAX 64

/* What belongs to a slot is not atomic: only the slot keeps tasks apart. */
struct shelf {
	int limit;
	long sum[SLOTS_MAX];
	atomic_bool busy[SLOTS_MAX];
};

static int task_use_slot(eg_ctx *ctx, void *arg)
{
	struct shelf *shelf = arg;
	int slot = eg_task_slot();

	(void)ctx;
	CHECK(slot >= 0 && slot < shelf->limit);
	if (slot < 0 || slot >= SLOTS_MAX)
		return 0;
	CHECK(!atomic_exchange_explicit(&shelf->busy[slot], true, memory_order_relaxed));
	shelf->sum[slot]++;
	CHECK(eg_task_slot() == slot);
	atomic_store_explicit(&shelf->busy[slot], false, memory_order_relaxed);
	return 0;
}

static long shelf_sum(const struct shelf *shelf)
{
	long sum = 0;

	for (int i = 0; i < SLOTS_MAX; i++)
		sum += shelf->sum[i];
	return sum;
}

static void outside_tasks_there_is_no_slot(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_task_slot(), -1);
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(eg_task_slot(), -1);
	eg_group_destroy(&group);
}

static void no_two_tasks_at_once_have_the_same_slot_and_all_are_below_the_limit(void **state)
{
	static const int limits[] = {1, 2, 3, 8, 64};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct shelf shelf = {.limit = limits[i]};
		long count = scaled(50000);
		eg_group group = EG_GROUP_INIT;

		eg_group_set_limit(&group, limits[i]);
		for (long k = 0; k < count; k++)
			eg_group_go(&group, task_use_slot, &shelf);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(shelf_sum(&shelf), count);
		eg_group_destroy(&group);
	}
}

struct slot_meeting {
	struct tally met;
	long parties;
	atomic_int seen[SLOTS_MAX];
};

static int task_meet_with_slot(eg_ctx *ctx, void *arg)
{
	struct slot_meeting *meeting = arg;

	(void)ctx;
	atomic_fetch_add(&meeting->seen[eg_task_slot()], 1);
	tally_meet(&meeting->met, meeting->parties);
	return 0;
}

static void as_many_tasks_as_the_limit_have_all_slots_below_it(void **state)
{
	struct slot_meeting meeting = {.met = TALLY_INIT, .parties = 5};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_set_limit(&group, 5);
	for (int i = 0; i < 5; i++)
		eg_group_go(&group, task_meet_with_slot, &meeting);
	assert_int_equal(eg_group_wait(&group), 0);
	for (int i = 0; i < SLOTS_MAX; i++)
		assert_int_equal(atomic_load(&meeting.seen[i]), i < 5);
	eg_group_destroy(&group);
}

static int task_expect_slot_0(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	CHECK(eg_task_slot() == 0);
	return 0;
}

static int task_wait_for_inner_group(eg_ctx *ctx, void *arg)
{
	struct slot_meeting *meeting = arg;
	eg_group inner = EG_GROUP_INIT;
	int slot = eg_task_slot();

	(void)ctx;
	tally_meet(&meeting->met, meeting->parties);
	eg_group_set_limit(&inner, 1);
	for (int i = 0; i < 10; i++)
		CHECK(eg_group_go(&inner, task_expect_slot_0, NULL) == 0);
	CHECK(eg_group_wait(&inner) == 0);
	eg_group_destroy(&inner);
	CHECK(eg_task_slot() == slot);
	return 0;
}

static void in_nested_groups_the_slot_is_the_innermost_ones(void **state)
{
	struct slot_meeting meeting = {.met = TALLY_INIT, .parties = 3};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_set_limit(&group, 3);
	for (int i = 0; i < 3; i++)
		eg_group_go(&group, task_wait_for_inner_group, &meeting);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

static void note_slot(void *arg)
{
	*(int *)arg = eg_task_slot();
}

struct noted {
	int in_task, in_deferred;
};

static int task_panic_with_slot(eg_ctx *ctx, void *arg)
{
	struct noted *noted = arg;

	(void)ctx;
	noted->in_task = eg_task_slot();
	CHECK(eg_defer(note_slot, &noted->in_deferred) == 0);
	eg_panic("on purpose");
}

static void deferred_calls_and_the_error_have_the_tasks_slot(void **state)
{
	struct noted noted = {-2, -2};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_go(&group, task_panic_with_slot, &noted);
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	assert_true(noted.in_task >= 0);
	assert_int_equal(noted.in_deferred, noted.in_task);
	assert_int_equal(eg_error_worker_slot(eg_group_error(&group)), noted.in_task);
	eg_group_destroy(&group);
}

struct changer {
	eg_group *group;
	atomic_bool over;
	int most;
};

static void *change_limit_until_over(void *arg)
{
	struct changer *changer = arg;

	for (int i = 0; !atomic_load(&changer->over); i++) {
		CHECK(eg_group_set_limit(changer->group, 1 + i % changer->most) == 0);
		sched_yield();
	}
	return NULL;
}

/* A worker that gives up its place still has its slot for a moment, while another may take the place anew. */
static void slots_stay_below_the_highest_limit_while_the_limit_changes(void **state)
{
	struct shelf shelf = {.limit = 3};
	long count = scaled(300000);
	eg_group group = EG_GROUP_INIT;
	struct changer changer = {&group, false, 3};
	pthread_t thread;

	(void)state;
	eg_group_set_limit(&group, 3);
	assert_int_equal(pthread_create(&thread, NULL, change_limit_until_over, &changer), 0);
	for (long i = 0; i < count; i++)
		eg_group_go(&group, task_use_slot, &shelf);
	assert_int_equal(eg_group_wait(&group), 0);
	atomic_store(&changer.over, true);
	pthread_join(thread, NULL);
	assert_int_equal(shelf_sum(&shelf), count);
	eg_group_destroy(&group);
}

static void an_array_of_the_number_of_slots_holds_all_tasks(void **state)
{
	struct shelf shelf = {.limit = 5};
	eg_group group = EG_GROUP_INIT, bounded;
	int cpus;

	(void)state;
	assert_int_equal(eg_group_slots(NULL), -EINVAL);
	assert_int_equal(eg_group_slots(&group), EG_LIMIT_NONE);
	assert_int_equal(eg_group_set_limit(&group, 7), 0);
	assert_int_equal(eg_group_slots(&group), 7);
	/* As long as there are no tasks it is the limit. */
	assert_int_equal(eg_group_set_limit(&group, 3), 0);
	assert_int_equal(eg_group_slots(&group), 3);
	assert_int_equal(eg_group_set_limit(&group, 5), 0);
	for (int i = 0; i < 1000; i++)
		eg_group_go(&group, task_use_slot, &shelf);
	assert_int_equal(eg_group_set_limit(&group, 2), 0);
	assert_int_equal(eg_group_slots(&group), 5);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(eg_group_slots(&group), 5);
	assert_int_equal(eg_group_set_limit(&group, 6), 0);
	assert_int_equal(eg_group_slots(&group), 6);
	assert_int_equal(eg_group_set_limit(&group, EG_LIMIT_NONE), 0);
	assert_int_equal(eg_group_slots(&group), EG_LIMIT_NONE);
	eg_group_destroy(&group);

	/* The next group knows nothing of the last one's. */
	assert_int_equal(eg_group_init(&bounded, NULL, EG_GROUP_OPTIONS(.limit = 2)), 0);
	assert_int_equal(eg_group_slots(&bounded), 2);
	assert_int_equal(eg_group_set_limit(&bounded, EG_LIMIT_CPUS), 0);
	cpus = eg_group_slots(&bounded);
	assert_true(cpus >= 1 && cpus <= 1048575);
	shelf.limit = cpus;
	for (int i = 0; i < 1000; i++)
		eg_group_go(&bounded, task_use_slot, &shelf);
	assert_int_equal(eg_group_wait(&bounded), 0);
	eg_group_destroy(&bounded);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(outside_tasks_there_is_no_slot),
	    TEST(no_two_tasks_at_once_have_the_same_slot_and_all_are_below_the_limit),
	    TEST(as_many_tasks_as_the_limit_have_all_slots_below_it),
	    TEST(in_nested_groups_the_slot_is_the_innermost_ones),
	    TEST(deferred_calls_and_the_error_have_the_tasks_slot),
	    TEST(slots_stay_below_the_highest_limit_while_the_limit_changes),
	    TEST(an_array_of_the_number_of_slots_holds_all_tasks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
