/* SPDX-License-Identifier: MIT */
/*
 * Pipelines that come to their end, whatever the sizes and kinds: each item goes through each stage once and in its turn, no
 * more are under way than the window says, and bad input is refused.
 */

#include "batch/pipeline_world.h"

#include "support.h"

/*
 * All sizes and kinds
 */

static void run_kinds(const enum eg_stage_kind *kinds, size_t count, size_t window, int limit, long items)
{
	struct world world;
	struct eg_group_options group = EG_GROUP_OPTIONS_INIT;

	group.limit = limit;
	world_init(&world, kinds, count, window, items);
	assert_int_equal(world_run(&world, NULL, &group), 0);
	assert_int_equal(world.pulled, items);
	world_check_all_done(&world);
	world_finish(&world);
}

static void each_item_goes_through_each_stage_once_and_in_its_turn(void **state)
{
	(void)state;
	for (size_t window = 1; window <= 17; window += IS_SANITIZED ? 4 : 1) {
		for (int limit = 1; limit <= 8; limit += IS_SANITIZED ? 3 : 1) {
			for (unsigned i = 0; i < 9; i++) {
				enum eg_stage_kind kinds[] = {EG_STAGE_SERIAL, i % 3, i / 3};

				run_kinds(kinds, 3, window, limit, 3 * (long)window + 2);
			}
		}
	}
}

static void any_number_of_stages_will_do(void **state)
{
	enum eg_stage_kind kinds[STAGES_MAX];

	(void)state;
	for (size_t i = 0; i < STAGES_MAX; i++)
		kinds[i] = i % 3;
	for (size_t count = 1; count <= STAGES_MAX; count++)
		run_kinds(kinds, count, 5, 3, 50);
	run_kinds(kinds, STAGES_MAX, 0, 0, 50);
	run_kinds(kinds, STAGES_MAX, 7, EG_LIMIT_NONE, 50);
	run_kinds(kinds, STAGES_MAX, 0, EG_LIMIT_NONE, 50);
}

static void a_stage_may_take_longer_than_another(void **state)
{
	static const enum eg_stage_kind kinds[] = {EG_STAGE_IN_ORDER, EG_STAGE_PARALLEL, EG_STAGE_SERIAL,
						   EG_STAGE_PARALLEL, EG_STAGE_IN_ORDER};

	(void)state;
	for (size_t slow = 0; slow <= 5; slow++) {
		struct world world;
		struct eg_group_options group = EG_GROUP_OPTIONS_INIT;

		group.limit = 4;
		world_init(&world, kinds, 5, 8, scaled(400));
		world.slow_stage = slow;
		world.spins = 2000;
		assert_int_equal(world_run(&world, NULL, &group), 0);
		world_check_all_done(&world);
		world_finish(&world);
	}
}

static void an_empty_source_is_no_error(void **state)
{
	static const enum eg_stage_kind kinds[] = {EG_STAGE_SERIAL, EG_STAGE_PARALLEL, EG_STAGE_IN_ORDER};

	(void)state;
	for (size_t count = 1; count <= 3; count++)
		run_kinds(kinds, count, 0, 2, 0);
}

static void items_may_end_in_any_stage_and_the_others_go_on_in_order(void **state)
{
	static const enum eg_stage_kind kinds[] = {EG_STAGE_IN_ORDER, EG_STAGE_PARALLEL, EG_STAGE_SERIAL,
						   EG_STAGE_IN_ORDER, EG_STAGE_PARALLEL, EG_STAGE_IN_ORDER};

	(void)state;
	for (int limit = 1; limit <= 4; limit++) {
		for (size_t consumes = 0; consumes <= 5; consumes++) {
			struct world world;
			struct eg_group_options group = EG_GROUP_OPTIONS_INIT;

			group.limit = limit;
			world_init(&world, kinds, 6, 6, 60);
			world.consuming_stage = consumes;
			world.consumes = true;
			assert_int_equal(world_run(&world, NULL, &group), 0);
			world_check_all_done(&world);
			world_finish(&world);
		}
	}
}

/*
 * The window
 */

struct look_ahead {
	size_t window;
	struct tally pulled;
	long items;
	int here[64];
};

static int source_counts(eg_ctx *ctx, void *arg, void **item)
{
	struct look_ahead *look = arg;
	long pulled = tally_value(&look->pulled);

	(void)ctx;
	if (pulled == look->items)
		return 0;
	*item = &look->here[pulled];
	tally_add(&look->pulled, 1);
	return 1;
}

/* The first item keeps the others from their end until as many are under way as may be. */
static int sink_waits_for_window(eg_ctx *ctx, void *arg, void **item)
{
	struct look_ahead *look = arg;

	(void)ctx;
	if (*item == &look->here[0]) {
		tally_await(&look->pulled, (long)look->window);
		for (int i = 0; i < 20; i++)
			sched_yield();
		CHECK(tally_value(&look->pulled) == (long)look->window);
	}
	return 0;
}

static int stage_nothing(eg_ctx *ctx, void *arg, void **item)
{
	(void)ctx;
	(void)arg;
	(void)item;
	return 0;
}

static void the_source_is_asked_for_as_many_as_there_is_room_for_and_no_more(void **state)
{
	(void)state;
	for (size_t window = 1; window <= 16; window++) {
		struct look_ahead look = {window, TALLY_INIT, 64, {0}};
		const struct eg_stage stages[] = {{source_counts, &look, EG_STAGE_SERIAL},
						  {stage_nothing, NULL, EG_STAGE_PARALLEL},
						  {sink_waits_for_window, &look, EG_STAGE_IN_ORDER}};
		struct eg_group_options group = EG_GROUP_OPTIONS_INIT;

		group.limit = 2;
		assert_int_equal(eg_pipeline(NULL, stages, 3,
					     EG_PIPELINE_OPTIONS(.window = window, .group = &group), NULL),
				 0);
		assert_int_equal(look.pulled.value, 64);
	}
}

/* An item that has ended keeps its place until its turn has come where items go in order. */
struct overtaking {
	struct tally later;
	atomic_long calls;
	int here[8];
	int pulled;
};

static int source_of_eight(eg_ctx *ctx, void *arg, void **item)
{
	struct overtaking *overtaking = arg;

	(void)ctx;
	if (overtaking->pulled == 8)
		return 0;
	*item = &overtaking->here[overtaking->pulled++];
	return 1;
}

static int stage_first_waits_for_the_fourth(eg_ctx *ctx, void *arg, void **item)
{
	struct overtaking *overtaking = arg;
	int *here = *item;

	(void)ctx;
	if (here == &overtaking->here[0])
		tally_await(&overtaking->later, 3);
	else if (here <= &overtaking->here[3])
		tally_add(&overtaking->later, 1);
	return 0;
}

static int sink_in_order(eg_ctx *ctx, void *arg, void **item)
{
	struct overtaking *overtaking = arg;

	(void)ctx;
	CHECK((int *)*item == &overtaking->here[atomic_fetch_add(&overtaking->calls, 1)]);
	return 0;
}

static void items_overtake_one_that_blocks_and_wait_for_it_where_order_counts(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		struct overtaking overtaking = {.later = TALLY_INIT};
		const struct eg_stage stages[] = {
		    {source_of_eight, &overtaking, EG_STAGE_SERIAL},
		    {stage_first_waits_for_the_fourth, &overtaking, EG_STAGE_PARALLEL},
		    {sink_in_order, &overtaking, EG_STAGE_IN_ORDER}};
		struct eg_group_options group = EG_GROUP_OPTIONS_INIT;

		group.limit = 2;
		assert_int_equal(
		    eg_pipeline(NULL, stages, 3, EG_PIPELINE_OPTIONS(.window = 4, .group = &group), NULL), 0);
		assert_int_equal(overtaking.calls, 8);
	}
}

static int stage_meet(eg_ctx *ctx, void *arg, void **item)
{
	(void)item;
	return task_meet(ctx, arg);
}

static void without_a_limit_all_items_of_a_window_may_be_in_a_stage_that_blocks(void **state)
{
	struct meeting meeting = {TALLY_INIT, 8};
	struct overtaking overtaking = {.later = TALLY_INIT};
	const struct eg_stage stages[] = {{source_of_eight, &overtaking, EG_STAGE_SERIAL},
					  {stage_meet, &meeting, EG_STAGE_PARALLEL}};
	struct eg_group_options group = EG_GROUP_OPTIONS_INIT;

	(void)state;
	group.limit = EG_LIMIT_NONE;
	assert_int_equal(
	    eg_pipeline(NULL, stages, 2, EG_PIPELINE_OPTIONS(.window = 8, .group = &group), NULL), 0);
	assert_int_equal(meeting.met.value, 8);
}

/*
 * Calls are tasks to the program
 */

struct calls {
	long items;
	long pulled;
	atomic_long deferred;
	atomic_int now, bad;
	size_t heap_early, heap_late;
};

static void deferred_call(void *arg)
{
	struct calls *calls = arg;

	atomic_fetch_add(&calls->deferred, 1);
	if (atomic_fetch_sub(&calls->now, 1) != 1)
		atomic_fetch_add(&calls->bad, 1);
}

static int source_defers(eg_ctx *ctx, void *arg, void **item)
{
	struct calls *calls = arg;

	(void)ctx;
	if (calls->pulled == calls->items / 10)
		calls->heap_early = heap_in_use();
	if (calls->pulled == calls->items) {
		calls->heap_late = heap_in_use();
		return 0;
	}
	calls->pulled++;
	*item = arg;
	return 1;
}

static int stage_defers(eg_ctx *ctx, void *arg, void **item)
{
	struct calls *calls = arg;

	(void)ctx;
	(void)item;
	if (atomic_fetch_add(&calls->now, 1) != 0)
		atomic_fetch_add(&calls->bad, 1);
	CHECK(eg_defer(deferred_call, calls) == 0);
	CHECK(eg_task_slot() >= 0 && eg_task_slot() < 2);
	eg_spawn_begin();
	return 0;
}

static void what_a_call_of_a_stage_defers_is_called_at_its_end(void **state)
{
	struct calls calls = {.items = scaled(10000)};
	const struct eg_stage stages[] = {{source_defers, &calls, EG_STAGE_SERIAL},
					  {stage_defers, &calls, EG_STAGE_SERIAL}};
	struct eg_group_options group = EG_GROUP_OPTIONS_INIT;

	(void)state;
	group.limit = 2;
	assert_int_equal(eg_pipeline(NULL, stages, 2, EG_PIPELINE_OPTIONS(.group = &group), NULL), 0);
	assert_int_equal(calls.deferred, calls.items);
	assert_int_equal(calls.bad, 0);
}

static void items_take_no_memory(void **state)
{
	struct calls calls = {.items = scaled(200000)};
	const struct eg_stage stages[] = {{source_defers, &calls, EG_STAGE_SERIAL},
					  {stage_nothing, NULL, EG_STAGE_PARALLEL},
					  {stage_nothing, NULL, EG_STAGE_IN_ORDER}};
	struct eg_group_options group = EG_GROUP_OPTIONS_INIT;

	(void)state;
	group.limit = 2;
	assert_int_equal(eg_pipeline(NULL, stages, 3, EG_PIPELINE_OPTIONS(.group = &group), NULL), 0);
	if (calls.heap_early != 0)
		assert_true(calls.heap_late < calls.heap_early + 64 * 1024);
}

/*
 * Pipelines in stages, and in tasks
 */

static int stage_nested(eg_ctx *ctx, void *arg, void **item)
{
	static const enum eg_stage_kind kinds[] = {EG_STAGE_SERIAL, EG_STAGE_PARALLEL, EG_STAGE_IN_ORDER};
	struct world world;

	(void)arg;
	(void)item;
	world_init(&world, kinds, 3, 3, 20);
	CHECK(world_run(&world, ctx, NULL) == 0);
	world_check_all_done(&world);
	world_finish(&world);
	return 0;
}

static void a_stage_may_run_a_pipeline(void **state)
{
	(void)state;
	for (int limit = 1; limit <= 3; limit++) {
		struct overtaking overtaking = {.later = TALLY_INIT};
		const struct eg_stage stages[] = {{source_of_eight, &overtaking, EG_STAGE_SERIAL},
						  {stage_nested, NULL, EG_STAGE_PARALLEL},
						  {sink_in_order, &overtaking, EG_STAGE_IN_ORDER}};
		struct eg_group_options group = EG_GROUP_OPTIONS_INIT;

		group.limit = limit;
		assert_int_equal(eg_pipeline(NULL, stages, 3, EG_PIPELINE_OPTIONS(.group = &group), NULL), 0);
		assert_int_equal(overtaking.calls, 8);
	}
}

/*
 * A limit that others have, too
 */

struct sharing {
	eg_limit *limit;
	atomic_bool other_is_done;
};

static int source_until_other_is_done(eg_ctx *ctx, void *arg, void **item)
{
	struct sharing *sharing = arg;

	(void)ctx;
	*item = sharing;
	return !atomic_load(&sharing->other_is_done);
}

static void *thread_with_other(void *arg)
{
	static const enum eg_stage_kind kinds[] = {EG_STAGE_SERIAL, EG_STAGE_PARALLEL, EG_STAGE_IN_ORDER};
	struct sharing *sharing = arg;
	struct eg_group_options group = EG_GROUP_OPTIONS_INIT;
	struct world world;

	group.shared_limit = sharing->limit;
	world_init(&world, kinds, 3, 3, 20);
	CHECK(world_run(&world, NULL, &group) == 0);
	world_check_all_done(&world);
	world_finish(&world);
	atomic_store(&sharing->other_is_done, true);
	return NULL;
}

/* One that goes on and on does not keep the only place from the other. */
static void pipelines_that_share_a_limit_take_turns(void **state)
{
	struct sharing sharing = {NULL, false};
	const struct eg_stage stages[] = {{source_until_other_is_done, &sharing, EG_STAGE_SERIAL},
					  {stage_nothing, NULL, EG_STAGE_PARALLEL}};
	struct eg_group_options group = EG_GROUP_OPTIONS_INIT;
	pthread_t thread;

	(void)state;
	assert_int_equal(eg_limit_create(1, &sharing.limit), 0);
	group.shared_limit = sharing.limit;
	assert_int_equal(pthread_create(&thread, NULL, thread_with_other, &sharing), 0);
	assert_int_equal(eg_pipeline(NULL, stages, 2, EG_PIPELINE_OPTIONS(.group = &group), NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	eg_limit_unref(sharing.limit);
}

/*
 * Bad input
 */

static int source_never(eg_ctx *ctx, void *arg, void **item)
{
	(void)ctx;
	(void)arg;
	(void)item;
	CHECK(false);
	return 0;
}

static void drop_never(void *item, void *arg)
{
	(void)item;
	(void)arg;
	CHECK(false);
}

static void check_refused(int code, const struct eg_stage *stages, size_t count,
			  const struct eg_pipeline_options *options)
{
	eg_error *error = NULL;

	assert_int_equal(eg_pipeline(NULL, stages, count, options, &error), code);
	assert_int_equal(eg_error_code(error), code);
	eg_error_unref(error);
}

static void bad_stages_are_refused(void **state)
{
	struct eg_stage stages[] = {{source_never, NULL, EG_STAGE_SERIAL},
				    {source_never, NULL, EG_STAGE_PARALLEL}};

	(void)state;
	check_refused(-EINVAL, NULL, 2, NULL);
	check_refused(-EINVAL, stages, 0, NULL);
	check_refused(-EOVERFLOW, stages, 65536, NULL);
	stages[1].fn = NULL;
	check_refused(-EINVAL, stages, 2, NULL);
	stages[1].fn = source_never;
	stages[1].kind = (enum eg_stage_kind)3;
	check_refused(-EINVAL, stages, 2, NULL);
	stages[1].kind = (enum eg_stage_kind) - 1;
	check_refused(-EINVAL, stages, 2, NULL);
}

static void bad_options_are_refused(void **state)
{
	const struct eg_stage stages[] = {{source_never, NULL, EG_STAGE_SERIAL},
					  {source_never, NULL, EG_STAGE_IN_ORDER}};
	struct {
		struct eg_pipeline_options options;
		uint64_t later;
	} newer = {EG_PIPELINE_OPTIONS_INIT, 1};
	struct eg_group_options group = EG_GROUP_OPTIONS_INIT;

	(void)state;
	check_refused(-EINVAL, stages, 2, &(struct eg_pipeline_options){.size = 8});
	check_refused(-EINVAL, stages, 2, &(struct eg_pipeline_options){.size = 8192});
	newer.options.size = sizeof(newer);
	check_refused(-EINVAL, stages, 2, &newer.options);
	group.limit = -7;
	check_refused(-EINVAL, stages, 2, EG_PIPELINE_OPTIONS(.group = &group, .drop = drop_never));
	check_refused(-EOVERFLOW, stages, 2, EG_PIPELINE_OPTIONS(.window = 1 << 24));
	check_refused(-EOVERFLOW, stages, 2, EG_PIPELINE_OPTIONS(.window = SIZE_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(each_item_goes_through_each_stage_once_and_in_its_turn),
	    TEST(any_number_of_stages_will_do),
	    TEST(a_stage_may_take_longer_than_another),
	    TEST(an_empty_source_is_no_error),
	    TEST(items_may_end_in_any_stage_and_the_others_go_on_in_order),
	    TEST(the_source_is_asked_for_as_many_as_there_is_room_for_and_no_more),
	    TEST(items_overtake_one_that_blocks_and_wait_for_it_where_order_counts),
	    TEST(without_a_limit_all_items_of_a_window_may_be_in_a_stage_that_blocks),
	    TEST(what_a_call_of_a_stage_defers_is_called_at_its_end),
	    TEST(items_take_no_memory),
	    TEST(a_stage_may_run_a_pipeline),
	    TEST(pipelines_that_share_a_limit_take_turns),
	    TEST(bad_stages_are_refused),
	    TEST(bad_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
