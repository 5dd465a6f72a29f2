/* SPDX-License-Identifier: MIT */
/*
 * A group's numbers: what they say of tasks, and that they agree with each other at any time.
 */

#include "support.h"

static struct eg_stats stats_of(const eg_group *group)
{
	struct eg_stats stats = EG_STATS_INIT;

	CHECK(eg_group_stats(group, &stats) == 0);
	return stats;
}

static void assert_stats(const eg_group *group, uint64_t done, uint64_t failed, uint64_t skipped,
			 uint64_t running, uint64_t pending)
{
	struct eg_stats stats = stats_of(group);

	assert_int_equal(stats.done, done);
	assert_int_equal(stats.failed, failed);
	assert_int_equal(stats.skipped, skipped);
	assert_int_equal(stats.running, running);
	assert_int_equal(stats.pending, pending);
	assert_int_equal(stats.accepted, done + running + pending);
}

static void a_group_without_tasks_has_numbers_of_nothing(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_stats(&group, 0, 0, 0, 0, 0);
	assert_int_equal(stats_of(&group).limit, EG_LIMIT_NONE);
	assert_int_equal(eg_group_set_limit(&group, 3), 0);
	assert_stats(&group, 0, 0, 0, 0, 0);
	assert_int_equal(stats_of(&group).limit, 3);
	eg_group_destroy(&group);
	assert_stats(&group, 0, 0, 0, 0, 0);
}

static void what_is_not_a_group_or_has_no_room_is_refused(void **state)
{
	struct eg_stats stats = {.size = sizeof(stats) - 1, .done = 7};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_group_stats(&group, NULL), -EINVAL);
	assert_int_equal(eg_group_stats(&group, &stats), -EINVAL);
	stats.size = SIZE_MAX;
	assert_int_equal(eg_group_stats(&group, &stats), -EINVAL);
	stats.size = sizeof(stats);
	assert_int_equal(eg_group_stats(NULL, &stats), -EINVAL);
	assert_int_equal(stats.done, 7);
}

static void what_a_newer_header_has_more_is_zero(void **state)
{
	struct {
		struct eg_stats known;
		uint64_t later[2], behind;
	} stats = {.later = {1, 2}, .behind = 3};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	stats.known.size = offsetof(__typeof__(stats), behind);
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(eg_group_stats(&group, &stats.known), 0);
	assert_int_equal(stats.known.size, offsetof(__typeof__(stats), behind));
	assert_int_equal(stats.known.done, 1);
	assert_int_equal(stats.later[0], 0);
	assert_int_equal(stats.later[1], 0);
	assert_int_equal(stats.behind, 3);
	eg_group_destroy(&group);
}

static void tasks_are_pending_then_running_then_done(void **state)
{
	struct hold hold = HOLD_INIT;
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_set_limit(&group, 2);
	for (int i = 0; i < 6; i++)
		eg_group_go(&group, task_hold, &hold);
	tally_await(&hold.started, 2);
	assert_stats(&group, 0, 0, 0, 2, 4);
	tally_add(&hold.release, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_stats(&group, 6, 0, 0, 0, 0);
	eg_group_destroy(&group);
}

static void failed_and_skipped_tasks_are_done_and_told_apart(void **state)
{
	eg_group group;

	(void)state;
	assert_int_equal(
	    eg_group_init(&group, NULL, EG_GROUP_OPTIONS(.limit = 1, .flags = EG_GROUP_SKIP_UNSTARTED)), 0);
	eg_group_go(&group, task_nothing, NULL);
	eg_group_go(&group, task_nothing, NULL);
	eg_group_go(&group, task_return, CODE(-5));
	for (int i = 0; i < 9; i++)
		eg_group_go(&group, task_return, CODE(-6));
	assert_int_equal(eg_group_wait(&group), -5);
	assert_stats(&group, 12, 1, 9, 0, 0);
	assert_int_equal(eg_group_error_count(&group), 10);
	eg_group_destroy(&group);
}

static void they_count_over_rounds_and_begin_anew_with_a_reset(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	for (int i = 0; i < 3; i++)
		eg_group_go(&group, task_return, CODE(i));
	assert_int_not_equal(eg_group_wait(&group), 0);
	assert_stats(&group, 3, 2, 0, 0, 0);
	eg_group_go(&group, task_nothing, NULL);
	assert_int_not_equal(eg_group_wait(&group), 0);
	assert_stats(&group, 4, 2, 0, 0, 0);
	assert_int_equal(eg_group_reset(&group), 0);
	assert_stats(&group, 0, 0, 0, 0, 0);
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_stats(&group, 1, 0, 0, 0, 0);
	eg_group_destroy(&group);
}

static void a_group_knows_nothing_of_the_one_before(void **state)
{
	(void)state;
	for (uint64_t i = 1; i < 20; i++) {
		eg_group group;

		assert_int_equal(
		    eg_group_init(&group, NULL, EG_GROUP_OPTIONS(.flags = EG_GROUP_SKIP_UNSTARTED)), 0);
		assert_stats(&group, 0, 0, 0, 0, 0);
		eg_group_cancel(&group, NULL);
		for (uint64_t k = 0; k < i; k++)
			eg_group_go(&group, task_nothing, NULL);
		assert_int_equal(eg_group_wait(&group), -ECANCELED);
		assert_stats(&group, i, 0, i, 0, 0);
		eg_group_destroy(&group);
	}
}

/*
 * Any time
 */

#define SUBMITTERS 2
#define LIMIT 3

struct busy {
	eg_group group;
	long count;
	atomic_ulong accepted[SUBMITTERS]; /* raised when the call has returned */
	atomic_int submitters;
	atomic_bool over;
};

struct submitter {
	struct busy *busy;
	int index;
};

static int task_submits_one_more(eg_ctx *ctx, void *arg)
{
	struct busy *busy = arg;

	(void)ctx;
	CHECK(eg_group_go(&busy->group, task_return, CODE(-1)) == 0);
	return 0;
}

static void *submit_many(void *arg)
{
	struct submitter *submitter = arg;
	struct busy *busy = submitter->busy;

	for (long i = 0; i < busy->count; i++) {
		CHECK(eg_group_go(&busy->group, i % 3 ? task_nothing : task_submits_one_more, busy) == 0);
		atomic_fetch_add(&busy->accepted[submitter->index], 1);
	}
	return NULL;
}

static void *look_until_over(void *arg)
{
	struct busy *busy = arg;
	struct eg_stats last = EG_STATS_INIT;

	while (!atomic_load(&busy->over)) {
		uint64_t known = 0;
		struct eg_stats now;

		for (int i = 0; i < SUBMITTERS; i++)
			known += atomic_load(&busy->accepted[i]);
		now = stats_of(&busy->group);
		CHECK(now.accepted >= known);
		CHECK(now.done + now.running + now.pending == now.accepted);
		CHECK(now.done <= now.accepted);
		CHECK(now.running <= LIMIT);
		CHECK(now.skipped == 0);
		CHECK(now.accepted >= last.accepted && now.done >= last.done && now.failed >= last.failed);
		last = now;
		sched_yield();
	}
	return NULL;
}

static void they_agree_while_others_submit_and_run(void **state)
{
	struct busy busy = {.group = EG_GROUP_INIT, .count = scaled(30000)};
	struct submitter submitters[SUBMITTERS];
	pthread_t threads[SUBMITTERS], looker;
	uint64_t extra = SUBMITTERS * (uint64_t)((busy.count + 2) / 3);

	(void)state;
	assert_int_equal(eg_group_set_limit(&busy.group, LIMIT), 0);
	assert_int_equal(pthread_create(&looker, NULL, look_until_over, &busy), 0);
	for (int i = 0; i < SUBMITTERS; i++) {
		submitters[i] = (struct submitter){&busy, i};
		assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &submitters[i]), 0);
	}
	for (int i = 0; i < SUBMITTERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(eg_group_wait(&busy.group), -1);
	assert_stats(&busy.group, SUBMITTERS * (uint64_t)busy.count + extra, extra, 0, 0, 0);
	atomic_store(&busy.over, true);
	pthread_join(looker, NULL);
	eg_group_destroy(&busy.group);
}

static int task_looks(eg_ctx *ctx, void *arg)
{
	struct eg_stats stats = stats_of(arg);

	(void)ctx;
	CHECK(stats.accepted == 1 && stats.running == 1 && stats.pending == 0 && stats.done == 0);
	return 0;
}

static void a_task_that_asks_is_running(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		eg_group group = EG_GROUP_INIT;

		eg_group_go(&group, task_looks, &group);
		assert_int_equal(eg_group_wait(&group), 0);
		eg_group_destroy(&group);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_group_without_tasks_has_numbers_of_nothing),
	    TEST(what_is_not_a_group_or_has_no_room_is_refused),
	    TEST(what_a_newer_header_has_more_is_zero),
	    TEST(tasks_are_pending_then_running_then_done),
	    TEST(failed_and_skipped_tasks_are_done_and_told_apart),
	    TEST(they_count_over_rounds_and_begin_anew_with_a_reset),
	    TEST(a_group_knows_nothing_of_the_one_before),
	    TEST(they_agree_while_others_submit_and_run),
	    TEST(a_task_that_asks_is_running),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
