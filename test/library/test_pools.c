/* SPDX-License-Identifier: MIT */
/*
 * What users of other pools rely on: workers survive panics, limits hold, a group is used round after round,
 * results belong to inputs, and stopping while tasks submit more has no race.
 */

#include "support.h"

static int task_gauge(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	gauge_enter(arg);
	sched_yield();
	gauge_leave(arg);
	return 0;
}

static int task_meet_four(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	tally_meet(arg, 4);
	return 0;
}

static int task_panic(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_panic("this is what panicking looks like");
}

static void as_many_panics_as_there_are_workers_leave_the_workers_usable(void **state)
{
	static const int limits[] = {1, 10, 100};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		eg_group group = EG_GROUP_INIT;
		struct tally met = TALLY_INIT;

		eg_group_set_limit(&group, limits[i]);
		for (int k = 0; k < 3 * limits[i]; k++)
			eg_group_go(&group, task_panic, NULL);
		assert_int_equal(eg_group_wait(&group), EG_EPANIC);
		assert_int_equal(eg_group_error_count(&group), 3 * limits[i]);

		/* Every worker is still there: the tasks of a full house meet. */
		assert_int_equal(eg_group_reset(&group), 0);
		if (limits[i] >= 4) {
			for (int k = 0; k < 4; k++)
				eg_group_go(&group, task_meet_four, &met);
		}
		eg_group_go(&group, task_return, NULL);
		assert_int_equal(eg_group_wait(&group), 0);
		eg_group_destroy(&group);
	}
}

static void limits_1_10_and_100_hold(void **state)
{
	static const int limits[] = {1, 10, 100};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		eg_group group = EG_GROUP_INIT;
		struct gauge gauge = {0};

		eg_group_set_limit(&group, limits[i]);
		for (int k = 0; k < 100 * limits[i]; k++)
			eg_group_go(&group, task_gauge, &gauge);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_in_range(atomic_load(&gauge.most), 1, limits[i]);
		eg_group_destroy(&group);
	}
}

static void submit_wait_submit_wait_runs_every_round(void **state)
{
	eg_group group = EG_GROUP_INIT;
	atomic_long ran = 0;

	(void)state;
	eg_group_set_limit(&group, 2);
	for (long round = 1; goes_on(round - 1, 1000); round++) {
		for (int k = 0; k < 10; k++)
			eg_group_go(&group, task_count, &ran);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(atomic_load(&ran), 10 * round);
	}
	eg_group_destroy(&group);
}

/*
 * Results belong to inputs, not to finishing times: here the tasks finish in reverse order, each waiting for
 * the one after it.
 */

enum { REVERSE_TASKS = 8 };

struct reverse {
	struct tally *done; /* one more than there are tasks; done[i] opens when task i has finished */
	int index;
	int result;
};

static int task_reverse(eg_ctx *ctx, void *arg)
{
	struct reverse *reverse = arg;

	(void)ctx;
	tally_await(&reverse->done[reverse->index + 1], 1);
	reverse->result = reverse->index * reverse->index;
	tally_add(&reverse->done[reverse->index], 1);
	return 0;
}

static void results_keep_input_order_when_tasks_finish_in_reverse(void **state)
{
	struct tally done[REVERSE_TASKS + 1];
	struct reverse reverse[REVERSE_TASKS];
	eg_group group = EG_GROUP_INIT;

	(void)state;
	for (int i = 0; i <= REVERSE_TASKS; i++)
		done[i] = (struct tally)TALLY_INIT;
	for (int i = 0; i < REVERSE_TASKS; i++) {
		reverse[i] = (struct reverse){done, i, -1};
		eg_group_go(&group, task_reverse, &reverse[i]);
	}
	tally_add(&done[REVERSE_TASKS], 1);
	assert_int_equal(eg_group_wait(&group), 0);
	for (int i = 0; i < REVERSE_TASKS; i++)
		assert_int_equal(reverse[i].result, i * i);
	eg_group_destroy(&group);
}

/*
 * Submitting while the group is stopped: every task submits its successor until the group refuses.
 */

struct relay {
	eg_group group;
	atomic_long accepted;
	atomic_long ran;
	struct tally going;
};

static int task_relay(eg_ctx *ctx, void *arg)
{
	struct relay *relay = arg;
	int code;

	(void)ctx;
	if (atomic_fetch_add(&relay->ran, 1) == 100)
		tally_add(&relay->going, 1);
	code = eg_group_go(&relay->group, task_relay, relay);
	if (!code)
		atomic_fetch_add(&relay->accepted, 1);
	else
		CHECK(code == -ECANCELED);
	return 0;
}

static void submitting_while_the_group_stops_is_accepted_or_refused_and_never_hangs(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 100); round++) {
		static struct relay relay;
		long ran;

		memset(&relay, 0, sizeof(relay));
		relay.going = (struct tally)TALLY_INIT;
		eg_group_set_limit(&relay.group, 2);
		for (int i = 0; i < 4; i++) {
			assert_int_equal(eg_group_go(&relay.group, task_relay, &relay), 0);
			atomic_fetch_add(&relay.accepted, 1);
		}
		tally_await(&relay.going, 1);
		assert_int_equal(eg_group_destroy(&relay.group), 0);

		/* Nothing runs any more, and nothing ran that was not accepted. */
		ran = atomic_load(&relay.ran);
		assert_true(ran <= atomic_load(&relay.accepted));
		assert_true(ran > 100);
	}
}

/*
 * Many groups at once share no bound: a task of each waits for a task of every other.
 */

enum { GROUPS = 100 };

static int task_meet_all(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	tally_meet(arg, GROUPS);
	return 0;
}

static void a_hundred_groups_at_once_do_not_hold_each_other_up(void **state)
{
	static eg_group groups[GROUPS];
	struct tally met = TALLY_INIT;

	(void)state;
	memset(groups, 0, sizeof(groups));
	for (int i = 0; i < GROUPS; i++) {
		eg_group_set_limit(&groups[i], 1);
		eg_group_go(&groups[i], task_meet_all, &met);
	}
	for (int i = 0; i < GROUPS; i++) {
		assert_int_equal(eg_group_wait(&groups[i]), 0);
		eg_group_destroy(&groups[i]);
	}
}

/* Two groups hand one ball to and fro; each is empty most of the time and wakes up again and again. */
struct pingpong {
	eg_group groups[2];
	long left;
	struct tally done;
};

static int task_pingpong(eg_ctx *ctx, void *arg)
{
	struct pingpong *game = arg;

	(void)ctx;
	if (game->left-- == 0)
		tally_add(&game->done, 1);
	else
		CHECK(eg_group_go(&game->groups[game->left % 2], task_pingpong, game) == 0);
	return 0;
}

static void two_groups_may_wake_each_other_for_ever(void **state)
{
	static struct pingpong game;

	(void)state;
	memset(&game, 0, sizeof(game));
	game.done = (struct tally)TALLY_INIT;
	game.left = scaled(20000);
	for (int i = 0; i < 2; i++)
		eg_group_set_limit(&game.groups[i], 1);
	eg_group_go(&game.groups[0], task_pingpong, &game);
	tally_await(&game.done, 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(eg_group_wait(&game.groups[i]), 0);
		eg_group_destroy(&game.groups[i]);
	}
	assert_int_equal(game.left, -1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(as_many_panics_as_there_are_workers_leave_the_workers_usable),
	    TEST(limits_1_10_and_100_hold),
	    TEST(submit_wait_submit_wait_runs_every_round),
	    TEST(results_keep_input_order_when_tasks_finish_in_reverse),
	    TEST(submitting_while_the_group_stops_is_accepted_or_refused_and_never_hangs),
	    TEST(a_hundred_groups_at_once_do_not_hold_each_other_up),
	    TEST(two_groups_may_wake_each_other_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
