/* SPDX-License-Identifier: MIT */
/*
 * Bounded submission: eg_group_try_go, which never queues, and the backlog bound, which makes eg_group_go
 * wait for room.
 *
 * That a call blocks is seen in the state of the calling thread; a call that does not block has returned
 * before that thread could ever be seen asleep.
 */

#include "support.h"

static void group_init_bounded(eg_group *group, eg_ctx *parent, int limit, int backlog)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.limit = limit;
	options.backlog = backlog;
	assert_int_equal(eg_group_init(group, parent, &options), 0);
}

/* A thread that submits one task. */
struct goer {
	eg_group *group;
	eg_task_fn *fn;
	void *arg;
	_Atomic pid_t thread;
	atomic_bool returned;
	int code;
	pthread_t pthread;
};

static void *goer_main(void *arg)
{
	struct goer *goer = arg;

	atomic_store(&goer->thread, thread_id());
	goer->code = eg_group_go(goer->group, goer->fn, goer->arg);
	atomic_store(&goer->returned, true);
	return NULL;
}

static void goer_start(struct goer *goer, eg_group *group, eg_task_fn *fn, void *arg)
{
	memset(goer, 0, sizeof(*goer));
	goer->group = group;
	goer->fn = fn;
	goer->arg = arg;
	goer->code = 1;
	assert_int_equal(pthread_create(&goer->pthread, NULL, goer_main, goer), 0);
}

/*
 * try_go
 */

static void try_go_tasks_start_at_once_and_together(void **state)
{
	eg_group group = EG_GROUP_INIT;
	struct hold hold = HOLD_INIT;

	(void)state;
	eg_group_set_limit(&group, 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(eg_group_try_go(&group, task_hold, &hold), 0);
	tally_await(&hold.started, 4); /* nobody waits for the group */
	assert_int_equal(eg_group_try_go(&group, task_hold, &hold), -EAGAIN);
	tally_add(&hold.release, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(tally_value(&hold.started), 4);
	eg_group_destroy(&group);
}

static void try_go_refuses_while_a_task_is_pending(void **state)
{
	eg_group group = EG_GROUP_INIT;
	struct hold hold = HOLD_INIT;
	atomic_long ran = 0;

	(void)state;
	eg_group_set_limit(&group, 1);
	assert_int_equal(eg_group_go(&group, task_hold, &hold), 0);
	assert_int_equal(eg_group_go(&group, task_count, &ran), 0);
	assert_int_equal(eg_group_try_go(&group, task_count, &ran), -EAGAIN);
	tally_await(&hold.started, 1);
	assert_int_equal(eg_group_try_go(&group, task_count, &ran), -EAGAIN);
	tally_add(&hold.release, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&ran), 1);
	eg_group_destroy(&group);
}

static void try_go_always_accepts_without_a_limit(void **state)
{
	eg_group group = EG_GROUP_INIT;
	struct hold hold = HOLD_INIT;

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(eg_group_try_go(&group, task_hold, &hold), 0);
	tally_await(&hold.started, 20);
	tally_add(&hold.release, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

static void try_go_accepts_again_once_the_limit_is_raised(void **state)
{
	eg_group group = EG_GROUP_INIT;
	struct hold hold = HOLD_INIT;

	(void)state;
	eg_group_set_limit(&group, 1);
	assert_int_equal(eg_group_try_go(&group, task_hold, &hold), 0);
	assert_int_equal(eg_group_try_go(&group, task_hold, &hold), -EAGAIN);
	eg_group_set_limit(&group, 2);
	assert_int_equal(eg_group_try_go(&group, task_hold, &hold), 0);
	tally_await(&hold.started, 2);
	assert_int_equal(eg_group_try_go(&group, task_hold, &hold), -EAGAIN);
	tally_add(&hold.release, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

/* A race of many: the number accepted and unfinished never passes the limit, and all accepted ran. */
struct tryer {
	eg_group *group;
	struct gauge *gauge;
	atomic_long *ran;
	long accepted;
};

static int task_tried(eg_ctx *ctx, void *arg)
{
	struct tryer *tryer = arg;

	(void)ctx;
	gauge_enter(tryer->gauge);
	atomic_fetch_add(tryer->ran, 1);
	gauge_leave(tryer->gauge);
	return 0;
}

static void *tryer_main(void *arg)
{
	struct tryer *tryer = arg;

	for (long i = 0; goes_on(i, 20000); i++) {
		int code = eg_group_try_go(tryer->group, task_tried, tryer);

		CHECK(code == 0 || code == -EAGAIN);
		tryer->accepted += code == 0;
	}
	return NULL;
}

static void try_go_from_many_threads_keeps_to_the_limit(void **state)
{
	struct gauge gauge = {0};
	atomic_long ran = 0;
	struct tryer tryers[4];
	pthread_t threads[4];
	eg_group group = EG_GROUP_INIT;
	long accepted = 0;

	(void)state;
	eg_group_set_limit(&group, 3);
	for (int i = 0; i < 4; i++) {
		tryers[i] = (struct tryer){&group, &gauge, &ran, 0};
		assert_int_equal(pthread_create(&threads[i], NULL, tryer_main, &tryers[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		accepted += tryers[i].accepted;
	}
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&ran), accepted);
	assert_in_range(atomic_load(&gauge.most), 1, 3);
	eg_group_destroy(&group);
}

/*
 * The backlog
 */

static void go_blocks_when_the_backlog_is_full_and_goes_on_when_a_task_starts(void **state)
{
	struct hold hold = HOLD_INIT;
	struct goer goer;
	atomic_long ran = 0;
	eg_group group;

	(void)state;
	group_init_bounded(&group, NULL, 1, 2);
	assert_int_equal(eg_group_go(&group, task_hold, &hold), 0);
	tally_await(&hold.started, 1);
	assert_int_equal(eg_group_go(&group, task_count, &ran), 0);
	assert_int_equal(eg_group_go(&group, task_count, &ran), 0);
	goer_start(&goer, &group, task_count, &ran);
	assert_true(thread_blocks(&goer.thread, &goer.returned));
	assert_int_equal(atomic_load(&ran), 0);

	tally_add(&hold.release, 1);
	pthread_join(goer.pthread, NULL);
	assert_int_equal(goer.code, 0);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&ran), 3);
	eg_group_destroy(&group);
}

static void backlog_none_blocks_go_until_its_task_can_start(void **state)
{
	struct hold hold = HOLD_INIT;
	struct goer goer;
	atomic_long ran = 0;
	eg_group group;

	(void)state;
	group_init_bounded(&group, NULL, 2, EG_BACKLOG_NONE);
	assert_int_equal(eg_group_go(&group, task_hold, &hold), 0);
	assert_int_equal(eg_group_go(&group, task_hold, &hold), 0);
	tally_await(&hold.started, 2);
	goer_start(&goer, &group, task_count, &ran);
	assert_true(thread_blocks(&goer.thread, &goer.returned));
	assert_int_equal(atomic_load(&ran), 0);

	tally_add(&hold.release, 1);
	pthread_join(goer.pthread, NULL);
	assert_int_equal(goer.code, 0);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&ran), 1);
	eg_group_destroy(&group);
}

static void raising_the_limit_lets_a_blocked_go_through(void **state)
{
	struct hold hold = HOLD_INIT;
	struct goer goer;
	eg_group group;

	(void)state;
	group_init_bounded(&group, NULL, 1, EG_BACKLOG_NONE);
	assert_int_equal(eg_group_go(&group, task_hold, &hold), 0);
	tally_await(&hold.started, 1);
	goer_start(&goer, &group, task_hold, &hold);
	assert_true(thread_blocks(&goer.thread, &goer.returned));

	assert_int_equal(eg_group_set_limit(&group, 2), 0);
	pthread_join(goer.pthread, NULL);
	assert_int_equal(goer.code, 0);
	tally_await(&hold.started, 2);
	tally_add(&hold.release, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

/* Who cancels the context of the blocked go. */
enum canceller { BY_GROUP, BY_PARENT, BY_ERROR, CANCELLERS };

struct failing {
	struct tally started;
	struct tally fail;
	struct tally end;
};

static int task_fail_on_demand(eg_ctx *ctx, void *arg)
{
	struct failing *failing = arg;

	(void)ctx;
	tally_add(&failing->started, 1);
	tally_await(&failing->fail, 1);
	return -EIO;
}

static int task_end_on_demand(eg_ctx *ctx, void *arg)
{
	struct failing *failing = arg;

	(void)ctx;
	tally_add(&failing->started, 1);
	tally_await(&failing->end, 1);
	return 0;
}

/*
 * When a failing task is the canceller it also gives its place back, which one of the blocked calls may get
 * before it looks at the context; that one returns 0 and its task runs.
 */
static void a_blocked_go_wakes_with_ecanceled_when_the_context_is_cancelled(void **state)
{
	(void)state;
	for (int by = 0; by < CANCELLERS; by++) {
		struct failing failing = {TALLY_INIT, TALLY_INIT, TALLY_INIT};
		struct goer goers[4];
		eg_ctx *parent;
		eg_group group;
		int refused = 0;

		assert_int_equal(eg_ctx_with_cancel(NULL, &parent), 0);
		group_init_bounded(&group, parent, 2, EG_BACKLOG_NONE);
		eg_group_go(&group, task_fail_on_demand, &failing);
		eg_group_go(&group, task_end_on_demand, &failing);
		tally_await(&failing.started, 2);
		for (int i = 0; i < 4; i++) {
			goer_start(&goers[i], &group, task_end_on_demand, &failing);
			assert_true(thread_blocks(&goers[i].thread, &goers[i].returned));
		}
		if (by == BY_GROUP)
			assert_int_equal(eg_group_cancel(&group, NULL), 0);
		else if (by == BY_PARENT)
			assert_int_equal(eg_ctx_cancel(parent, NULL), 0);
		else
			tally_add(&failing.fail, 1);
		for (int i = 0; i < 4; i++) {
			pthread_join(goers[i].pthread, NULL);
			refused += goers[i].code == -ECANCELED;
			assert_true(goers[i].code == -ECANCELED || (goers[i].code == 0 && by == BY_ERROR));
		}
		assert_in_range(refused, by == BY_ERROR ? 3 : 4, 4);

		tally_add(&failing.end, 1);
		tally_add(&failing.fail, 1);
		assert_int_equal(eg_group_wait(&group), -EIO);
		assert_int_equal(tally_value(&failing.started), 2 + 4 - refused);
		eg_group_destroy(&group);
		eg_ctx_unref(parent);
	}
}

struct flood {
	eg_group *group;
	atomic_long ran;
	long count;
};

static int task_flood(eg_ctx *ctx, void *arg)
{
	struct flood *flood = arg;

	(void)ctx;
	for (long i = 0; i < flood->count; i++)
		CHECK(eg_group_go(flood->group, task_count, &flood->ran) == 0);
	return 0;
}

static void go_never_blocks_inside_a_task_of_the_same_group(void **state)
{
	static const int backlogs[] = {EG_BACKLOG_NONE, 1, 100};

	(void)state;
	for (size_t i = 0; i < sizeof(backlogs) / sizeof(backlogs[0]); i++) {
		struct flood flood = {.count = scaled(10000)};
		eg_group group;

		group_init_bounded(&group, NULL, 1, backlogs[i]);
		flood.group = &group;
		assert_int_equal(eg_group_go(&group, task_flood, &flood), 0);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(atomic_load(&flood.ran), flood.count);
		eg_group_destroy(&group);
	}
}

static void a_bounded_stream_runs_exactly_once_and_stays_within_the_bound(void **state)
{
	static const int backlogs[] = {EG_BACKLOG_NONE, 1, 7, 1000};

	(void)state;
	for (size_t i = 0; i < sizeof(backlogs) / sizeof(backlogs[0]); i++) {
		long room = 2 + (backlogs[i] > 0 ? backlogs[i] : 0);
		long count = scaled(20000), over = 0;
		atomic_long ran = 0;
		eg_group group;

		/* Accepted and not yet counted: waiting in the backlog, or running, two at most. */
		group_init_bounded(&group, NULL, 2, backlogs[i]);
		for (long k = 1; k <= count; k++) {
			assert_int_equal(eg_group_go(&group, task_count, &ran), 0);
			over += k - atomic_load(&ran) > room;
		}
		assert_int_equal(over, 0);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(atomic_load(&ran), count);
		eg_group_destroy(&group);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(try_go_tasks_start_at_once_and_together),
	    TEST(try_go_refuses_while_a_task_is_pending),
	    TEST(try_go_always_accepts_without_a_limit),
	    TEST(try_go_accepts_again_once_the_limit_is_raised),
	    TEST(try_go_from_many_threads_keeps_to_the_limit),
	    TEST(go_blocks_when_the_backlog_is_full_and_goes_on_when_a_task_starts),
	    TEST(backlog_none_blocks_go_until_its_task_can_start),
	    TEST(raising_the_limit_lets_a_blocked_go_through),
	    TEST(a_blocked_go_wakes_with_ecanceled_when_the_context_is_cancelled),
	    TEST(go_never_blocks_inside_a_task_of_the_same_group),
	    TEST(a_bounded_stream_runs_exactly_once_and_stays_within_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
