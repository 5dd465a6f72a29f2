/* SPDX-License-Identifier: MIT */
/*
 * Observers: what they are told of each task and of the group, in which order, and that it is all before a wait returns.
 */

#include "support.h"

#include <signal.h>

#define LOG_MAX 4096

/* What an observer has been told, in the order of arrival. */
struct event_log {
	struct eg_event events[LOG_MAX];
	pid_t threads[LOG_MAX]; /* who told it */
	atomic_size_t count;
};

static void log_event(const struct eg_event *event, void *arg)
{
	struct event_log *log = arg;
	size_t at = atomic_fetch_add(&log->count, 1);

	CHECK(at < LOG_MAX);
	if (at >= LOG_MAX)
		return;
	log->events[at] = *event;
	log->threads[at] = thread_id();
}

static void log_clear(struct event_log *log)
{
	atomic_store(&log->count, 0);
}

static size_t log_count(const struct event_log *log, unsigned kind)
{
	size_t count = 0;

	for (size_t i = 0; i < atomic_load(&log->count); i++)
		count += log->events[i].kind == kind;
	return count;
}

static uint64_t log_sum(const struct event_log *log, unsigned kind)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < atomic_load(&log->count); i++)
		if (log->events[i].kind == kind)
			sum += log->events[i].count;
	return sum;
}

/* Where the first event of a kind is, from a place on; of the slot if that is not -1. LOG_MAX: nowhere. */
static size_t log_find(const struct event_log *log, size_t from, unsigned kind, int slot)
{
	for (size_t i = from; i < atomic_load(&log->count); i++)
		if (log->events[i].kind == kind && (slot < 0 || log->events[i].slot == slot))
			return i;
	return LOG_MAX;
}

static void group_begin(eg_group *group, struct event_log *log, int limit, unsigned flags)
{
	log_clear(log);
	assert_int_equal(eg_group_init(group, NULL,
				       EG_GROUP_OPTIONS(.limit = limit, .flags = flags, .observe = log_event,
							.observe_arg = log)),
			 0);
}

/* Each slot's tasks begin and end one after the other, on the thread that was told. */
static void assert_slot_is_in_order(const struct event_log *log, int slot)
{
	const struct eg_event *begun = NULL;
	bool failed = false;
	pid_t thread = 0;

	for (size_t i = 0; i < atomic_load(&log->count); i++) {
		const struct eg_event *event = &log->events[i];

		assert_int_equal(event->size, sizeof(*event));
		if (event->slot != slot)
			continue;
		if (event->kind == EG_EVENT_THREAD)
			thread = (pid_t)event->thread;
		assert_true(event->kind == EG_EVENT_STEAL || event->kind == EG_EVENT_SKIP ||
			    log->threads[i] == thread);
		assert_true(event->time_ns > 0);
		if (event->kind == EG_EVENT_BEGIN) {
			assert_null(begun);
			begun = event;
			failed = false;
			assert_int_equal(event->began_ns, event->time_ns);
		}
		if (event->kind != EG_EVENT_FAIL && event->kind != EG_EVENT_END)
			continue;
		assert_non_null(begun);
		assert_int_equal(event->task_index, begun->task_index);
		assert_int_equal(event->began_ns, begun->time_ns);
		assert_true(event->time_ns >= begun->time_ns);
		if (event->kind == EG_EVENT_FAIL) {
			assert_false(failed);
			assert_int_not_equal(event->code, 0);
			failed = true;
			continue;
		}
		assert_int_equal(event->code != 0, failed);
		begun = NULL;
	}
	assert_null(begun);
}

static void what_happens_to_a_task_is_told_in_order_and_before_the_wait_returns(void **state)
{
	static struct event_log log;
	const struct eg_event *event;
	eg_group group;
	int line;

	(void)state;
	group_begin(&group, &log, 1, EG_GROUP_NO_HELP);
	eg_group_go(&group, task_nothing, NULL);
	line = __LINE__ + 1;
	eg_group_go(&group, task_return, CODE(-EIO));
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_int_equal(atomic_load(&log.count), 7);
	assert_int_equal(log.events[0].kind, EG_EVENT_THREAD);
	assert_int_equal(log.events[0].thread, log.threads[0]);
	assert_int_not_equal(log.threads[0], thread_id());
	assert_int_equal(log.events[1].kind, EG_EVENT_BEGIN);
	assert_int_equal(log.events[1].task_index, 0);
	assert_int_equal(log.events[2].kind, EG_EVENT_END);
	assert_int_equal(log.events[2].code, 0);
	assert_null(log.events[2].error);
	event = &log.events[3];
	assert_int_equal(event->kind, EG_EVENT_BEGIN);
	assert_int_equal(event->task_index, 1);
	assert_int_equal(event->slot, 0);
	assert_int_equal(event->from_slot, -1);
	assert_int_equal(event->count, 1);
	assert_int_equal(event->site->line, line);
	event = &log.events[4];
	assert_int_equal(event->kind, EG_EVENT_FAIL);
	assert_int_equal(event->code, -EIO);
	assert_ptr_equal(event->error, eg_group_error(&group));
	assert_int_equal(log.events[5].kind, EG_EVENT_END);
	assert_int_equal(log.events[5].code, -EIO);
	event = &log.events[6];
	assert_int_equal(event->kind, EG_EVENT_OVER);
	assert_int_equal(event->count, 2);
	assert_int_equal(event->slot, -1);
	assert_int_equal(event->task_index, -1);
	assert_int_equal(log.threads[6], thread_id());
	assert_slot_is_in_order(&log, 0);
	eg_group_destroy(&group);
	assert_int_equal(atomic_load(&log.count), 7);

	/* A group that nobody observes has the same memory now. */
	assert_int_equal(eg_group_init(&group, NULL, EG_GROUP_OPTIONS(.limit = 1)), 0);
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	assert_int_equal(atomic_load(&log.count), 7);
}

static void the_end_is_told_once_a_round_and_not_of_nothing(void **state)
{
	static struct event_log log;
	eg_group group;

	(void)state;
	group_begin(&group, &log, 2, 0);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&log.count), 0);
	for (uint64_t round = 1; round <= 3; round++) {
		eg_group_go(&group, task_nothing, NULL);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(log_count(&log, EG_EVENT_OVER), round);
		assert_int_equal(log_sum(&log, EG_EVENT_OVER), round * (round + 1) / 2);
	}
	assert_int_equal(eg_group_reset(&group), 0);
	log_clear(&log);
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(log_sum(&log, EG_EVENT_OVER), 1);
	/* Nobody has waited for this one. */
	eg_group_go(&group, task_nothing, NULL);
	eg_group_destroy(&group);
	assert_int_equal(log_sum(&log, EG_EVENT_OVER), 3);
	assert_int_equal(log_sum(&log, EG_EVENT_END) + log_sum(&log, EG_EVENT_SKIP), 2);
}

/*
 * Random programs
 */

struct program {
	eg_group group;
	atomic_uint seed;
	atomic_long left; /* how many tasks tasks may still submit */
};

static void defer_panics(void *arg)
{
	(void)arg;
	eg_panic("in a deferred call");
}

static int task_at_random(eg_ctx *ctx, void *arg)
{
	struct program *program = arg;
	unsigned choice = (atomic_fetch_add(&program->seed, 0x9e3779b9U) >> 16) % 24;

	(void)ctx;
	if (choice < 12 && atomic_fetch_sub(&program->left, 1) > 0)
		CHECK(eg_group_go(&program->group, task_at_random, program) == 0);
	switch (choice) {
	case 1:
		return eg_fail(-EIO, "number %u", choice);
	case 2:
		eg_panic("number %u", choice);
	case 3:
		CHECK(eg_defer(defer_panics, NULL) == 0);
		return -EDOM;
	case 4:
		if (getpid() != thread_id())
			pthread_exit(NULL);
		return 0;
	case 5:
		return -ENOENT;
	case 6:
		(void)eg_group_set_limit(&program->group, 2 + (int)(program->seed >> 20) % 3);
		return 0;
	case 7:
		return eg_fail_with(eg_error_create(-EPERM, "passed on"));
	default:
		return 0;
	}
}

static void run_program(struct event_log *log, unsigned seed, int limit, unsigned flags)
{
	struct program program = {.seed = seed, .left = 40};
	struct eg_stats stats = EG_STATS_INIT;

	group_begin(&program.group, log, limit, flags);
	for (int i = 0; i < 40; i++)
		eg_group_go(&program.group, task_at_random, &program);
	if (eg_group_wait(&program.group) == 0)
		assert_null(eg_group_error(&program.group));
	assert_int_equal(eg_group_stats(&program.group, &stats), 0);
	assert_int_equal(stats.pending + stats.running, 0);
	assert_int_equal(log_sum(log, EG_EVENT_BEGIN) + stats.skipped, stats.accepted);
	assert_int_equal(log_count(log, EG_EVENT_END), log_count(log, EG_EVENT_BEGIN));
	assert_int_equal(log_count(log, EG_EVENT_FAIL), stats.failed);
	assert_int_equal(log_sum(log, EG_EVENT_SKIP), stats.skipped);
	assert_int_equal(log_count(log, EG_EVENT_OVER), 1);
	assert_int_equal(log->events[atomic_load(&log->count) - 1].kind, EG_EVENT_OVER);
	for (int slot = 0; slot < 64; slot++)
		assert_slot_is_in_order(log, slot);
	eg_group_destroy(&program.group);
}

static void the_books_balance_whatever_tasks_do(void **state)
{
	static struct event_log log;
	unsigned seed = 0;

	(void)state;
	for (long done = 0; goes_on(done, 60); done++, seed += 7919) {
		static const int limits[] = {1, 2, 4, EG_LIMIT_NONE};

		run_program(&log, seed, limits[done % 4], done % 3 ? 0 : EG_GROUP_SKIP_UNSTARTED);
	}
}

/*
 * Steals
 */

static void await_running(const eg_group *group, uint64_t running)
{
	struct eg_stats stats = EG_STATS_INIT;

	do {
		assert_int_equal(eg_group_stats(group, &stats), 0);
		sched_yield();
	} while (stats.running != running);
}

/*
 * A worker that has to go, since the limit was lowered, leaves the task that it has claimed to whoever comes by. False: the
 * other one has come first, to a task that nobody had claimed yet.
 */
static bool is_stolen(void)
{
	static struct event_log log;
	struct hold holds[2] = {HOLD_INIT, HOLD_INIT};
	const struct eg_event *steal;
	size_t at;
	eg_group group;

	group_begin(&group, &log, 2, EG_GROUP_NO_HELP);
	for (int i = 0; i < 2; i++) {
		eg_group_go(&group, task_hold, &holds[i]);
		tally_await(&holds[i].started, 1);
	}
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_set_limit(&group, 1), 0);
	tally_add(&holds[1].release, 1);
	await_running(&group, 1);
	tally_add(&holds[0].release, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(log_count(&log, EG_EVENT_END), 3);
	at = log_find(&log, 0, EG_EVENT_STEAL, -1);
	if (at != LOG_MAX) {
		steal = &log.events[at];
		assert_int_equal(steal->count, 1);
		assert_int_equal(steal->slot, log.events[log_find(&log, 0, EG_EVENT_BEGIN, -1)].slot);
		assert_int_equal(steal->from_slot, 1 - steal->slot);
		assert_int_equal(log.events[log_find(&log, at, EG_EVENT_BEGIN, steal->slot)].task_index, 2);
	}
	eg_group_destroy(&group);
	return at != LOG_MAX;
}

static void a_task_that_another_worker_had_claimed_is_stolen(void **state)
{
	(void)state;
	for (int tries = 0; !is_stolen(); tries++)
		assert_true(tries < 1000);
}

/*
 * What observers may do
 */

struct inside {
	eg_group group;
	atomic_int waits, fails, overs;
	eg_error *kept;
};

static void use_group(const struct eg_event *event, void *arg)
{
	struct inside *inside = arg;
	struct eg_stats stats = EG_STATS_INIT;

	CHECK(eg_group_stats(&inside->group, &stats) == 0);
	CHECK(eg_group_wait(&inside->group) == EG_EINSIDE);
	CHECK(eg_group_wait_until(&inside->group, 0) == EG_EINSIDE);
	CHECK(eg_group_destroy(&inside->group) == EG_EINSIDE);
	atomic_fetch_add(&inside->waits, 1);
	if (event->kind == EG_EVENT_END)
		CHECK(stats.done < stats.accepted);
	if (event->kind == EG_EVENT_FAIL && atomic_fetch_add(&inside->fails, 1) == 0) {
		CHECK(eg_ctx_err(eg_group_ctx(&inside->group)) != 0);
		CHECK(eg_group_cancel(&inside->group, NULL) == -EALREADY);
		inside->kept = eg_error_ref(event->error);
	}
	if (event->kind == EG_EVENT_OVER) {
		CHECK(stats.done == stats.accepted);
		atomic_fetch_add(&inside->overs, 1);
	}
}

static void an_observer_may_use_the_group_but_not_wait_for_it(void **state)
{
	struct inside inside = {.kept = NULL};

	(void)state;
	assert_int_equal(
	    eg_group_init(&inside.group, NULL,
			  EG_GROUP_OPTIONS(.limit = 2, .observe = use_group, .observe_arg = &inside)),
	    0);
	eg_group_go(&inside.group, task_return, CODE(-EIO));
	eg_group_go(&inside.group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&inside.group), -EIO);
	assert_true(atomic_load(&inside.waits) >= 7);
	assert_int_equal(atomic_load(&inside.fails), 1);
	assert_int_equal(atomic_load(&inside.overs), 1);
	eg_group_destroy(&inside.group);
	assert_int_equal(eg_error_code(inside.kept), -EIO);
	assert_int_equal(eg_error_task_index(inside.kept), 0);
	eg_error_unref(inside.kept);
}

static void panic_at_begin(const struct eg_event *event, void *arg)
{
	(void)arg;
	if (event->kind == EG_EVENT_BEGIN)
		eg_panic("in an observer");
}

static void child_panics_in_observer(void *arg)
{
	eg_group group;

	(void)arg;
	EXPECT(eg_group_init(&group, NULL, EG_GROUP_OPTIONS(.observe = panic_at_begin)) == 0);
	eg_group_go(&group, task_nothing, NULL);
	EXPECT(eg_group_wait(&group) == 0);
}

static void a_panic_in_an_observer_ends_the_process(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		skip();
	child_run(child_panics_in_observer, NULL, &child);
	assert_true(child_killed(&child, SIGABRT));
	assert_non_null(strstr(child.text, "panic between eg_panic_forbid and eg_panic_allow"));
}

/*
 * Together with others
 */

static int init_fails_once(eg_ctx *ctx, void *arg, void **ret_data)
{
	(void)ctx;
	(void)ret_data;
	return atomic_fetch_add((atomic_long *)arg, 1) == 0 ? -EIO : 0;
}

static void a_task_that_fails_before_it_is_called_has_begun_and_ended(void **state)
{
	static struct event_log log;
	atomic_long calls = 0;
	eg_group group;

	(void)state;
	assert_int_equal(
	    eg_group_init(&group, NULL,
			  EG_GROUP_OPTIONS(.limit = 1, .slot_init = init_fails_once, .slot_arg = &calls,
					   .observe = log_event, .observe_arg = &log)),
	    0);
	log_clear(&log);
	eg_group_go(&group, task_nothing, NULL);
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_int_equal(log_count(&log, EG_EVENT_BEGIN), 2);
	assert_int_equal(log_count(&log, EG_EVENT_FAIL), 1);
	assert_int_equal(log_count(&log, EG_EVENT_END), 2);
	assert_slot_is_in_order(&log, 0);
	eg_group_destroy(&group);
}

struct shared_end {
	eg_group group;
	atomic_long overs, slow;
	struct hold hold;
};

static void note_over_slowly(const struct eg_event *event, void *arg)
{
	struct shared_end *end = arg;

	if (event->kind != EG_EVENT_OVER)
		return;
	for (int i = 0; i < 100; i++)
		sched_yield();
	atomic_fetch_add(&end->overs, 1);
}

static void *wait_for_end(void *arg)
{
	struct shared_end *end = arg;

	CHECK(eg_group_wait(&end->group) == 0);
	CHECK(atomic_load(&end->overs) == 1);
	return NULL;
}

static void no_waiter_returns_before_the_end_has_been_told(void **state)
{
	(void)state;
	for (long done = 0; goes_on(done, 30); done++) {
		struct shared_end end = {.hold = HOLD_INIT};
		pthread_t threads[3];

		assert_int_equal(
		    eg_group_init(&end.group, NULL,
				  EG_GROUP_OPTIONS(.limit = 1, .flags = EG_GROUP_NO_HELP,
						   .observe = note_over_slowly, .observe_arg = &end)),
		    0);
		eg_group_go(&end.group, task_hold, &end.hold);
		tally_await(&end.hold.started, 1);
		for (int i = 0; i < 3; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, wait_for_end, &end), 0);
		tally_add(&end.hold.release, 1);
		for (int i = 0; i < 3; i++)
			pthread_join(threads[i], NULL);
		eg_group_destroy(&end.group);
		assert_int_equal(atomic_load(&end.overs), 1);
	}
}

static int each_fails_now_and_then(eg_ctx *ctx, void *arg, size_t index)
{
	(void)ctx;
	(void)arg;
	if (index % 50 == 7)
		eg_panic("index %zu", index);
	return index % 50 == 9 ? -EIO : 0;
}

static int piece_fails_now_and_then(eg_ctx *ctx, void *arg, size_t begin, size_t end)
{
	(void)ctx;
	(void)arg;
	CHECK(end > begin);
	return begin % 50 == 0 ? -EIO : 0;
}

static void ranges_are_told_as_tasks_are_and_pieces_with_all_their_indices(void **state)
{
	static struct event_log log;
	struct eg_stats stats = EG_STATS_INIT;
	eg_group group;

	(void)state;
	group_begin(&group, &log, 3, 0);
	assert_int_equal(eg_group_go_each(&group, 200, each_fails_now_and_then, NULL), 0);
	assert_int_not_equal(eg_group_wait(&group), 0);
	assert_int_equal(log_count(&log, EG_EVENT_BEGIN), 200);
	assert_int_equal(log_count(&log, EG_EVENT_END), 200);
	assert_int_equal(log_count(&log, EG_EVENT_FAIL), 8);
	for (int slot = 0; slot < 3; slot++)
		assert_slot_is_in_order(&log, slot);
	eg_group_destroy(&group);

	group_begin(&group, &log, 3, 0);
	assert_int_equal(eg_group_go_pieces(&group, 205, 10, piece_fails_now_and_then, NULL), 0);
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_int_equal(log_count(&log, EG_EVENT_BEGIN), 21);
	assert_int_equal(log_sum(&log, EG_EVENT_BEGIN), 205);
	assert_int_equal(log_sum(&log, EG_EVENT_END), 205);
	assert_int_equal(log_count(&log, EG_EVENT_FAIL), 5);
	assert_int_equal(log_sum(&log, EG_EVENT_OVER), 205);
	assert_int_equal(eg_group_stats(&group, &stats), 0);
	assert_int_equal(stats.done, 205);
	assert_int_equal(stats.failed, 5);
	eg_group_destroy(&group);

	group_begin(&group, &log, 1, EG_GROUP_SKIP_UNSTARTED);
	assert_int_equal(eg_group_go_pieces(&group, 205, 10, piece_fails_now_and_then, NULL), 0);
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_int_equal(log_sum(&log, EG_EVENT_END), 10);
	assert_int_equal(log_sum(&log, EG_EVENT_SKIP), 195);
	eg_group_destroy(&group);
}

static void a_failure_from_outside_is_told_without_a_task(void **state)
{
	static struct event_log log;
	eg_error *error = eg_error_create(-EPERM, "from outside");
	struct eg_stats stats = EG_STATS_INIT;
	eg_group group;
	size_t at;

	(void)state;
	group_begin(&group, &log, 1, 0);
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_fail(&group, error), 0);
	assert_int_equal(eg_group_wait(&group), -EPERM);
	assert_int_equal(log_count(&log, EG_EVENT_FAIL), 1);
	at = log_find(&log, 0, EG_EVENT_FAIL, -1);
	assert_int_equal(log.events[at].slot, -1);
	assert_int_equal(log.events[at].task_index, -1);
	assert_ptr_equal(log.events[at].error, error);
	assert_int_equal(log.threads[at], thread_id());
	assert_slot_is_in_order(&log, 0);
	assert_int_equal(eg_group_stats(&group, &stats), 0);
	assert_int_equal(stats.done, 1);
	assert_int_equal(stats.failed, 1);
	eg_group_destroy(&group);
	eg_error_unref(error);
}

static int task_has_inner_group(eg_ctx *ctx, void *arg)
{
	eg_group inner = EG_GROUP_INIT;

	(void)ctx;
	for (int i = 0; i < 3; i++)
		CHECK(eg_group_go(&inner, task_nothing, NULL) == 0);
	CHECK(eg_group_wait(&inner) == 0);
	eg_group_destroy(&inner);
	return eg_group_go(arg, task_nothing, NULL);
}

static void groups_of_tasks_are_not_observed_with_them(void **state)
{
	static struct event_log log;
	eg_group group;

	(void)state;
	group_begin(&group, &log, 1, 0);
	eg_group_go(&group, task_has_inner_group, &group);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(log_count(&log, EG_EVENT_BEGIN), 2);
	assert_int_equal(log_count(&log, EG_EVENT_OVER), 1);
	assert_slot_is_in_order(&log, 0);
	eg_group_destroy(&group);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(what_happens_to_a_task_is_told_in_order_and_before_the_wait_returns),
	    TEST(the_end_is_told_once_a_round_and_not_of_nothing),
	    TEST(the_books_balance_whatever_tasks_do),
	    TEST(a_task_that_another_worker_had_claimed_is_stolen),
	    TEST(an_observer_may_use_the_group_but_not_wait_for_it),
	    TEST(a_panic_in_an_observer_ends_the_process),
	    TEST(a_task_that_fails_before_it_is_called_has_begun_and_ended),
	    TEST(no_waiter_returns_before_the_end_has_been_told),
	    TEST(ranges_are_told_as_tasks_are_and_pieces_with_all_their_indices),
	    TEST(a_failure_from_outside_is_told_without_a_task),
	    TEST(groups_of_tasks_are_not_observed_with_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
