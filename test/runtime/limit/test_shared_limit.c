/* SPDX-License-Identifier: MIT */
/*
 * Limits that groups share: never more tasks of all of them at once than allowed and as many as allowed, whoever runs them and
 * however they end; groups take turns; and groups within groups under one limit, or under several, never wait for one another.
 */

#include "support.h"

#include <signal.h>
#include <sys/wait.h>

static eg_limit *limit_of(int tasks)
{
	eg_limit *limit;

	assert_int_equal(eg_limit_create(tasks, &limit), 0);
	return limit;
}

static void group_open(eg_group *group, eg_limit *limit, int own, unsigned flags)
{
	assert_int_equal(
	    eg_group_init(group, NULL, EG_GROUP_OPTIONS(.limit = own, .flags = flags, .shared_limit = limit)),
	    0);
}

/*
 * How many at once
 */

#define GROUPS 3

static void tasks_of_several_groups_stay_within_a_limit_that_they_share(void **state)
{
	(void)state;
	for (int tasks = 1; tasks <= 3; tasks++) {
		eg_limit *limit = limit_of(tasks);

		for (long round = 0; goes_on(round, 100); round++) {
			struct gauged gauged = {.yields = true};
			eg_group groups[GROUPS];
			struct waiter waiters[GROUPS];
			pthread_t threads[GROUPS];

			for (int i = 0; i < GROUPS; i++) {
				group_open(&groups[i], limit, 2, i == 0 ? EG_GROUP_NO_HELP : 0);
				waiters[i] = (struct waiter)WAITER_INIT(&groups[i]);
			}
			for (int k = 0; k < 20 * GROUPS; k++)
				eg_group_go(&groups[k % GROUPS], task_gauged, &gauged);
			for (int i = 0; i < GROUPS; i++)
				assert_int_equal(pthread_create(&threads[i], NULL, waiter_main, &waiters[i]),
						 0);
			for (int i = 0; i < GROUPS; i++) {
				pthread_join(threads[i], NULL);
				assert_int_equal(waiters[i].code, 0);
				eg_group_destroy(&groups[i]);
			}
			assert_int_equal(atomic_load(&gauged.ran), 20 * GROUPS);
			assert_in_range(atomic_load(&gauged.gauge.most), 1, tasks);
		}
		eg_limit_unref(limit);
	}
}

static void as_many_tasks_of_different_groups_run_at_once_as_the_limit_allows(void **state)
{
	eg_limit *limit = limit_of(4);
	struct meeting meeting = {TALLY_INIT, 4};
	eg_group groups[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		group_open(&groups[i], limit, 2, 0);
		for (int k = 0; k < 2; k++)
			eg_group_go(&groups[i], task_meet, &meeting);
	}
	/* Nobody waits for the groups. */
	tally_await(&meeting.met, 4);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(eg_group_wait(&groups[i]), 0);
		eg_group_destroy(&groups[i]);
	}
	eg_limit_unref(limit);
}

static void a_group_has_a_limit_of_its_own_besides(void **state)
{
	eg_limit *limit = limit_of(8);
	struct gauged gauged = {.yields = true};
	eg_group group;

	(void)state;
	group_open(&group, limit, 1, 0);
	for (int i = 0; i < 100; i++)
		eg_group_go(&group, task_gauged, &gauged);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&gauged.gauge.most), 1);
	eg_group_destroy(&group);
	/* One that says none has as much as the shared one allows when the group is made. */
	group_open(&group, limit, 0, 0);
	assert_int_equal(eg_group_slots(&group), 8);
	eg_group_destroy(&group);
	assert_int_equal(eg_limit_set(limit, 3), 0);
	group_open(&group, limit, 0, 0);
	assert_int_equal(eg_group_slots(&group), 3);
	eg_group_destroy(&group);
	eg_limit_unref(limit);
}

static void raising_a_shared_limit_acts_at_once(void **state)
{
	eg_limit *limit = limit_of(1);
	struct meeting meeting = {TALLY_INIT, 3};
	eg_group groups[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		group_open(&groups[i], limit, 0, 0);
		eg_group_go(&groups[i], task_meet, &meeting);
	}
	tally_await(&meeting.met, 1);
	assert_int_equal(eg_limit_now(limit), 1);
	assert_int_equal(eg_limit_set(limit, 3), 0);
	assert_int_equal(eg_limit_now(limit), 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(eg_group_wait(&groups[i]), 0);
		eg_group_destroy(&groups[i]);
	}
	eg_limit_unref(limit);
}

static void a_raised_limit_is_reached_by_one_group(void **state)
{
	eg_limit *limit = limit_of(1);
	struct meeting meeting = {TALLY_INIT, 4};
	eg_group group;

	(void)state;
	group_open(&group, limit, 4, 0);
	for (int i = 0; i < 4; i++)
		eg_group_go(&group, task_meet, &meeting);
	tally_await(&meeting.met, 1);
	assert_int_equal(eg_limit_set(limit, 4), 0);
	tally_await(&meeting.met, 4);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	eg_limit_unref(limit);
}

static void lowering_a_shared_limit_acts_as_tasks_end(void **state)
{
	eg_limit *limit = limit_of(3);
	struct meeting meeting = {TALLY_INIT, 3};
	struct gauged gauged = {.yields = true};
	eg_group group;

	(void)state;
	group_open(&group, limit, 3, EG_GROUP_NO_HELP);
	for (int i = 0; i < 3; i++)
		eg_group_go(&group, task_meet, &meeting);
	tally_await(&meeting.met, 3);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(eg_limit_set(limit, 1), 0);
	for (int i = 0; i < 100; i++)
		eg_group_go(&group, task_gauged, &gauged);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&gauged.ran), 100);
	/* Workers that still had permits have given them back before they start another task. */
	assert_int_equal(atomic_load(&gauged.gauge.most), 1);
	eg_group_destroy(&group);
	eg_limit_unref(limit);
}

/*
 * Turns
 */

struct stream {
	eg_group *group;
	atomic_bool *over;
};

/* Goes on submitting itself until it is told to stop. */
static int task_stream(eg_ctx *ctx, void *arg)
{
	const struct stream *stream = arg;

	(void)ctx;
	if (!atomic_load(stream->over))
		CHECK(eg_group_go(stream->group, task_stream, arg) == 0);
	return 0;
}

static int task_set(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	atomic_store((atomic_bool *)arg, true);
	return 0;
}

static void a_group_whose_tasks_never_end_leaves_places_to_others(void **state)
{
	eg_limit *limit = limit_of(1);
	atomic_bool over = false;
	eg_group busy, other;
	struct stream stream = {&busy, &over};

	(void)state;
	group_open(&busy, limit, 1, EG_GROUP_NO_HELP);
	group_open(&other, limit, 1, EG_GROUP_NO_HELP);
	eg_group_go(&busy, task_stream, &stream);
	eg_group_go(&other, task_set, &over);
	assert_int_equal(eg_group_wait(&other), 0);
	assert_int_equal(eg_group_wait(&busy), 0);
	eg_group_destroy(&other);
	eg_group_destroy(&busy);
	eg_limit_unref(limit);
}

/*
 * Groups within groups. A task counts itself as running but while it waits.
 */

struct level {
	struct gauge *gauge;
	atomic_long *leaves;
	eg_limit *const *limits; /* of the groups of this level's tasks, and so on */
	int depth;
	int fan;
	unsigned flags;
	int backlog;
	bool polls; /* its wait has a deadline */
};

static int group_poll(eg_group *group)
{
	int code;

	do
		code = eg_group_wait_until(group, eg_clock_now_ns() + 1000000);
	while (code == EG_EUNFINISHED);
	return code;
}

static int task_level(eg_ctx *ctx, void *arg)
{
	const struct level *level = arg;
	struct level below = *level;
	eg_group group;
	int code;

	gauge_enter(level->gauge);
	if (level->depth == 0) {
		atomic_fetch_add(level->leaves, 1);
		gauge_leave(level->gauge);
		return 0;
	}
	below.depth--;
	below.limits++;
	CHECK(eg_group_init(&group, ctx,
			    EG_GROUP_OPTIONS(.limit = 3, .flags = level->flags, .backlog = level->backlog,
					     .shared_limit = below.limits[0])) == 0);
	gauge_leave(level->gauge);
	for (int i = 0; i < level->fan; i++)
		CHECK(eg_group_go(&group, task_level, &below) == 0);
	code = level->polls ? group_poll(&group) : eg_group_wait(&group);
	gauge_enter(level->gauge);
	CHECK(eg_group_destroy(&group) == 0);
	gauge_leave(level->gauge);
	return code;
}

/* Two trees of groups, whose groups have the limits of two lists in turn, from the top down. */
static void run_trees(const struct level *kind, eg_limit *const *first, eg_limit *const *second)
{
	eg_limit *const *limits[2] = {first, second};
	atomic_long leaves = 0;
	eg_group groups[2];
	struct level tops[2];
	long expected = 2;

	for (int i = 0; i < kind->depth; i++)
		expected *= kind->fan;
	for (int i = 0; i < 2; i++) {
		tops[i] = *kind;
		tops[i].leaves = &leaves;
		tops[i].limits = limits[i];
		group_open(&groups[i], limits[i][0], 2, kind->flags);
		eg_group_go(&groups[i], task_level, &tops[i]);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(eg_group_wait(&groups[i]), 0);
		eg_group_destroy(&groups[i]);
	}
	assert_int_equal(atomic_load(&leaves), expected);
}

static void trees_of_groups_under_one_limit_stay_within_it_and_end(void **state)
{
	(void)state;
	for (int tasks = 1; tasks <= 3; tasks++) {
		eg_limit *limit = limit_of(tasks);
		eg_limit *const limits[] = {limit, limit, limit, limit};

		for (int way = 0; way < 4; way++) {
			struct gauge gauge = {0, 0};
			struct level kind = {&gauge, NULL, NULL, 3, 3, 0, 0, false};

			kind.flags = way == 1 ? EG_GROUP_NO_HELP : 0;
			kind.polls = way == 2;
			kind.backlog = way == 3 ? 1 : 0;
			run_trees(&kind, limits, limits);
			assert_in_range(atomic_load(&gauge.most), 1, tasks);
		}
		eg_limit_unref(limit);
	}
}

static void trees_of_groups_under_limits_in_opposite_orders_end(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 20); round++) {
		eg_limit *one = limit_of(1), *other = limit_of(1);
		eg_limit *const first[] = {one, other, one, other}, *const second[] = {other, one, NULL, one};

		for (int way = 0; way < 4; way++) {
			struct gauge gauge = {0, 0};
			struct level kind = {&gauge, NULL, NULL, 3, 2, 0, 0, false};

			kind.flags = way == 1 ? EG_GROUP_NO_HELP : 0;
			kind.polls = way == 2;
			kind.backlog = way == 3 ? 1 : 0;
			run_trees(&kind, first, second);
		}
		eg_limit_unref(one);
		eg_limit_unref(other);
	}
}

struct lending {
	eg_limit *limit;
	struct hold hold;
};

static int task_waits_for_hold(eg_ctx *ctx, void *arg)
{
	struct lending *lending = arg;
	eg_group inner;
	int code;

	CHECK(eg_group_init(&inner, ctx, EG_GROUP_OPTIONS(.flags = EG_GROUP_NO_HELP)) == 0);
	CHECK(eg_group_go(&inner, task_hold, &lending->hold) == 0);
	code = eg_group_wait(&inner);
	eg_group_destroy(&inner);
	return code;
}

/* The only place is lent by a task that waits for what a later task lets go. */
static void a_task_that_waits_for_a_group_without_the_limit_lends_its_place(void **state)
{
	struct lending lending = {limit_of(1), HOLD_INIT};
	eg_group group;

	(void)state;
	group_open(&group, lending.limit, 2, EG_GROUP_NO_HELP);
	eg_group_go(&group, task_waits_for_hold, &lending);
	tally_await(&lending.hold.started, 1);
	eg_group_go(&group, task_gate, &lending.hold.release);
	tally_add(&lending.hold.release, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	eg_limit_unref(lending.limit);
}

/* Others of the group are started until the one that waited has gone on. */
struct starving {
	struct lending lending;
	eg_group group;
	atomic_bool has_begun, went_on;
};

static int task_waits_and_goes_on(eg_ctx *ctx, void *arg)
{
	struct starving *starving = arg;
	int code = task_waits_for_hold(ctx, &starving->lending);

	atomic_store(&starving->went_on, true);
	return code;
}

static int task_starts_another(eg_ctx *ctx, void *arg)
{
	struct starving *starving = arg;

	(void)ctx;
	atomic_store(&starving->has_begun, true);
	sched_yield();
	return atomic_load(&starving->went_on) ? 0
					       : eg_group_go(&starving->group, task_starts_another, starving);
}

static void a_task_whose_wait_is_over_goes_on_before_others_of_its_group_start(void **state)
{
	struct starving starving = {.lending = {limit_of(1), HOLD_INIT}};

	(void)state;
	group_open(&starving.group, starving.lending.limit, 2, EG_GROUP_NO_HELP);
	eg_group_go(&starving.group, task_waits_and_goes_on, &starving);
	tally_await(&starving.lending.hold.started, 1);
	eg_group_go(&starving.group, task_starts_another, &starving);
	while (!atomic_load(&starving.has_begun))
		sched_yield();
	tally_add(&starving.lending.hold.release, 1);
	assert_int_equal(eg_group_wait(&starving.group), 0);
	eg_group_destroy(&starving.group);
	eg_limit_unref(starving.lending.limit);
}

/* A task waits for a group without the limit, which is its own thread's alone, and a task of which waits for another. */
struct deep {
	struct lending lending;
	struct gauge gauge;
	_Atomic pid_t thread;
	atomic_bool is_over, went_on;
};

static int task_deep(eg_ctx *ctx, void *arg)
{
	struct deep *deep = arg;
	int code = task_waits_for_hold(ctx, &deep->lending);

	atomic_store(&deep->is_over, true);
	return code;
}

static int task_above(eg_ctx *ctx, void *arg)
{
	struct deep *deep = arg;
	eg_group inner = EG_GROUP_INIT;
	int code;

	(void)ctx;
	atomic_store(&deep->thread, thread_id());
	CHECK(eg_group_go(&inner, task_deep, deep) == 0);
	code = eg_group_wait(&inner);
	atomic_store(&deep->went_on, true);
	gauge_enter(&deep->gauge);
	gauge_leave(&deep->gauge);
	eg_group_destroy(&inner);
	return code;
}

struct rival {
	struct deep *deep;
	struct hold hold;
};

static int task_rival(eg_ctx *ctx, void *arg)
{
	struct rival *rival = arg;

	gauge_enter(&rival->deep->gauge);
	(void)task_hold(ctx, &rival->hold);
	gauge_leave(&rival->deep->gauge);
	return 0;
}

static void a_place_that_was_lent_from_further_inside_comes_back_as_well(void **state)
{
	struct deep deep = {.lending = {limit_of(1), HOLD_INIT}};
	struct rival rival = {&deep, HOLD_INIT};
	eg_group groups[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		group_open(&groups[i], deep.lending.limit, 1, EG_GROUP_NO_HELP);
	eg_group_go(&groups[0], task_above, &deep);
	tally_await(&deep.lending.hold.started, 1);
	eg_group_go(&groups[1], task_rival, &rival);
	tally_await(&rival.hold.started, 1);
	tally_add(&deep.lending.hold.release, 1);
	while (!atomic_load(&deep.is_over))
		sched_yield();
	(void)thread_blocks(&deep.thread, &deep.went_on);
	tally_add(&rival.hold.release, 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(eg_group_wait(&groups[i]), 0);
		eg_group_destroy(&groups[i]);
	}
	assert_int_equal(atomic_load(&deep.gauge.most), 1);
	eg_limit_unref(deep.lending.limit);
}

/*
 * Ways out
 */

static int task_panics(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_panic("no way");
}

static int task_exits(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	pthread_exit(NULL);
}

static void panic_again(void *arg)
{
	(void)arg;
	eg_panic("again");
}

static int task_panics_twice(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	CHECK(eg_defer(panic_again, NULL) == 0);
	eg_panic("once");
}

/* A task of a group of its own ends so, and with the thread the outer task, if it was this thread that helped. */
static int task_nests_end(eg_ctx *ctx, void *arg)
{
	eg_limit *limit = arg;
	eg_group inner;

	CHECK(eg_group_init(&inner, ctx,
			    EG_GROUP_OPTIONS(.limit = 1, .flags = EG_GROUP_NO_HELP, .shared_limit = limit)) ==
	      0);
	eg_group_go(&inner, task_exits, NULL);
	CHECK(eg_group_wait(&inner) == EG_EEXITED);
	eg_group_destroy(&inner);
	pthread_exit(NULL);
}

static void a_place_comes_back_however_its_task_ends(void **state)
{
	static eg_task_fn *const ends[] = {task_panics, task_panics_twice, task_exits, task_nests_end,
					   task_return};
	eg_limit *limit = limit_of(2);

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct meeting meeting = {TALLY_INIT, 2};
		eg_group group;

		group_open(&group, limit, 2, EG_GROUP_NO_HELP);
		for (int k = 0; k < 8; k++)
			eg_group_go(&group, ends[i], ends[i] == task_return ? CODE(-EIO) : limit);
		assert_true(eg_group_wait(&group) < 0);
		assert_int_equal(eg_group_error_count(&group), 8);
		/* Both places are there. */
		for (int k = 0; k < 2; k++)
			eg_group_go(&group, task_meet, &meeting);
		assert_true(eg_group_wait(&group) < 0);
		assert_int_equal(tally_value(&meeting.met), 2);
		eg_group_destroy(&group);
	}
	eg_limit_unref(limit);
}

/* The only place is taken until the test lets it go. */
static void hold_the_place(eg_group *group, eg_limit *limit, struct hold *hold)
{
	group_open(group, limit, 1, EG_GROUP_NO_HELP);
	eg_group_go(group, task_hold, hold);
	tally_await(&hold->started, 1);
}

static void let_the_place_go(eg_group *group, struct hold *hold)
{
	tally_add(&hold->release, 1);
	assert_int_equal(eg_group_wait(group), 0);
	eg_group_destroy(group);
}

static void a_group_that_waits_for_a_place_can_be_given_up(void **state)
{
	eg_limit *limit = limit_of(1);

	(void)state;
	for (long round = 0; goes_on(round, 50); round++) {
		struct hold hold = HOLD_INIT;
		eg_group holder, group;

		hold_the_place(&holder, limit, &hold);
		group_open(&group, limit, 2, round % 2 ? EG_GROUP_SKIP_UNSTARTED : 0);
		for (int i = 0; i < 3; i++)
			eg_group_go(&group, task_nothing, NULL);
		for (long i = 0; i < round % 5; i++)
			sched_yield();
		if (round % 2) {
			struct waiter waiter = WAITER_INIT(&group);
			pthread_t thread;

			assert_int_equal(pthread_create(&thread, NULL, waiter_main, &waiter), 0);
			if (round % 4 == 1)
				(void)thread_blocks(&waiter.thread, &waiter.returned);
			assert_int_equal(eg_group_cancel(&group, NULL), 0);
			pthread_join(thread, NULL);
			assert_int_equal(waiter.code, -ECANCELED);
			assert_int_equal(eg_group_error_count(&group), 3);
		}
		/* Returns although no place is free. */
		eg_group_destroy(&group);
		let_the_place_go(&holder, &hold);
	}
	eg_limit_unref(limit);
}

static void a_wait_with_a_deadline_gives_up_while_no_place_is_free(void **state)
{
	eg_limit *limit = limit_of(1);
	struct hold hold = HOLD_INIT;
	eg_group holder, group;

	(void)state;
	hold_the_place(&holder, limit, &hold);
	group_open(&group, limit, 1, 0);
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait_until(&group, eg_clock_now_ns() + 1000000), EG_EUNFINISHED);
	let_the_place_go(&holder, &hold);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	eg_limit_unref(limit);
}

/*
 * The object
 */

static void numbers_that_are_no_limit_are_refused(void **state)
{
	static const int numbers[] = {0, EG_LIMIT_NONE, -3, 1048576};
	eg_limit *limit = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		assert_int_equal(eg_limit_create(numbers[i], &limit), -EINVAL);
		assert_null(limit);
	}
	assert_int_equal(eg_limit_create(1, NULL), -EINVAL);
	assert_int_equal(eg_limit_create(EG_LIMIT_CPUS, &limit), 0);
	assert_true(eg_limit_now(limit) >= 1);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		assert_int_equal(eg_limit_set(limit, numbers[i]), -EINVAL);
	assert_int_equal(eg_limit_set(NULL, 1), -EINVAL);
	assert_int_equal(eg_limit_now(NULL), -EINVAL);
	assert_null(eg_limit_ref(NULL));
	eg_limit_unref(NULL);
	assert_ptr_equal(eg_limit_ref(limit), limit);
	eg_limit_unref(limit);
	eg_limit_unref(limit);
}

static void a_limit_that_tunes_itself_stays_within_its_bounds(void **state)
{
	eg_limit *limit = NULL;
	struct gauged gauged = {.yields = true};
	eg_group groups[2];

	(void)state;
	assert_int_equal(eg_limit_create_tuned(3, 2, &limit), -EINVAL);
	assert_int_equal(eg_limit_create_tuned(0, 2, &limit), -EINVAL);
	assert_int_equal(eg_limit_create_tuned(1, EG_LIMIT_NONE, &limit), -EINVAL);
	assert_int_equal(eg_limit_create_tuned(1, 2, NULL), -EINVAL);
	assert_null(limit);
	assert_int_equal(eg_limit_create_tuned(2, 4, &limit), 0);
	assert_int_equal(eg_limit_now(limit), 2);
	assert_int_equal(eg_limit_set(limit, 1), -EINVAL);
	assert_int_equal(eg_limit_set(limit, 5), -EINVAL);
	assert_int_equal(eg_limit_now(limit), 2);
	assert_int_equal(eg_limit_set(limit, 3), 0);
	assert_int_equal(eg_limit_now(limit), 3);
	for (int i = 0; i < 2; i++)
		group_open(&groups[i], limit, 0, 0);
	assert_int_equal(eg_group_slots(&groups[0]), 4);
	for (long i = 0; i < scaled(20000); i++)
		eg_group_go(&groups[i % 2], task_gauged, &gauged);
	for (int i = 0; i < 2; i++)
		assert_int_equal(eg_group_wait(&groups[i]), 0);
	assert_int_equal(atomic_load(&gauged.ran), scaled(20000));
	assert_in_range(atomic_load(&gauged.gauge.most), 1, 4);
	assert_in_range(eg_limit_now(limit), 2, 4);
	for (int i = 0; i < 2; i++)
		eg_group_destroy(&groups[i]);
	eg_limit_unref(limit);
}

static void a_group_keeps_its_limit(void **state)
{
	eg_limit *limit = limit_of(1);
	struct gauged gauged = {.yields = true};
	eg_group group;

	(void)state;
	group_open(&group, limit, 4, 0);
	eg_limit_unref(limit);
	for (int i = 0; i < 10; i++)
		eg_group_go(&group, task_gauged, &gauged);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&gauged.gauge.most), 1);
	eg_group_destroy(&group);
}

struct forking {
	eg_limit *limit;
	eg_group *group;
};

static void child_of_limit(void *arg)
{
	struct forking *forking = arg;
	eg_group group = EG_GROUP_INIT;

	EXPECT(eg_limit_set(forking->limit, 2) == EG_EFORKED);
	EXPECT(eg_limit_now(forking->limit) == EG_EFORKED);
	EXPECT(eg_group_init(&group, NULL, EG_GROUP_OPTIONS(.shared_limit = forking->limit)) == EG_EFORKED);
	EXPECT(eg_group_destroy(forking->group) == 0);
	eg_limit_unref(forking->limit);
}

static void in_a_forked_child_a_limit_is_dead(void **state)
{
	struct forking forking = {limit_of(1), NULL};
	struct child child;
	eg_group group;

	(void)state;
	group_open(&group, forking.limit, 0, 0);
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	forking.group = &group;
	child_run(child_of_limit, &forking, &child);
	assert_true(child_exited(&child, 0));
	eg_group_destroy(&group);
	eg_limit_unref(forking.limit);
}

/* The child waits for a group of its own, inside the task. */
static int task_forks(eg_ctx *ctx, void *arg)
{
	pid_t pid = fork();
	int status = 0;

	(void)ctx;
	(void)arg;
	if (pid == 0) {
		eg_group inner = EG_GROUP_INIT;

		eg_group_go(&inner, task_nothing, NULL);
		EXPECT(eg_group_wait(&inner) == 0);
		eg_group_destroy(&inner);
		_exit(0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

static void a_child_that_a_task_forks_leaves_the_parents_places_alone(void **state)
{
	eg_limit *limit = limit_of(1);
	eg_group group;

	(void)state;
	if (is_emulated() || !child_may_start_threads())
		skip();
	group_open(&group, limit, 1, 0);
	eg_group_go(&group, task_forks, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	/* The place is there. */
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	eg_limit_unref(limit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(tasks_of_several_groups_stay_within_a_limit_that_they_share),
	    TEST(as_many_tasks_of_different_groups_run_at_once_as_the_limit_allows),
	    TEST(a_group_has_a_limit_of_its_own_besides),
	    TEST(raising_a_shared_limit_acts_at_once),
	    TEST(a_raised_limit_is_reached_by_one_group),
	    TEST(lowering_a_shared_limit_acts_as_tasks_end),
	    TEST(a_group_whose_tasks_never_end_leaves_places_to_others),
	    TEST(trees_of_groups_under_one_limit_stay_within_it_and_end),
	    TEST(trees_of_groups_under_limits_in_opposite_orders_end),
	    TEST(a_task_that_waits_for_a_group_without_the_limit_lends_its_place),
	    TEST(a_task_whose_wait_is_over_goes_on_before_others_of_its_group_start),
	    TEST(a_place_that_was_lent_from_further_inside_comes_back_as_well),
	    TEST(a_place_comes_back_however_its_task_ends),
	    TEST(a_group_that_waits_for_a_place_can_be_given_up),
	    TEST(a_wait_with_a_deadline_gives_up_while_no_place_is_free),
	    TEST(numbers_that_are_no_limit_are_refused),
	    TEST(a_limit_that_tunes_itself_stays_within_its_bounds),
	    TEST(a_group_keeps_its_limit),
	    TEST(in_a_forked_child_a_limit_is_dead),
	    TEST(a_child_that_a_task_forks_leaves_the_parents_places_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
