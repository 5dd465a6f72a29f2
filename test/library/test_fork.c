/* SPDX-License-Identifier: MIT */
/*
 * Fork: in the child, groups of the parent are dead and say so at once, new groups work, and no lock is
 * inherited held; the parent notices nothing.
 */

#include "support.h"

#include <sys/wait.h>

#include <signal.h>
#include <unistd.h>

static int task_panic(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_panic("a panic");
}

/* Everything that a program needs, in a process that was forked with other threads in any state. */
static void expect_new_groups_work(void)
{
	static const int limits[] = {1, 2, EG_LIMIT_NONE};

	for (size_t i = 0; child_may_start_threads() && i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct hold hold = HOLD_INIT;
		atomic_long ran = 0;
		char text[4096];
		eg_group group;

		EXPECT(eg_group_init(&group, NULL, NULL) == 0);
		EXPECT(eg_group_set_limit(&group, limits[i]) == 0);
		for (int k = 0; k < 100; k++)
			EXPECT(eg_group_go(&group, task_count, &ran) == 0);
		EXPECT(eg_group_wait(&group) == 0);
		EXPECT(atomic_load(&ran) == 100);
		EXPECT(eg_group_reset(&group) == 0);

		/* Workers start in the child too: nobody waits for this one. */
		EXPECT(eg_group_go(&group, task_hold, &hold) == 0);
		tally_await(&hold.started, 1);
		tally_add(&hold.release, 1);
		EXPECT(eg_group_go(&group, task_panic, NULL) == 0);
		EXPECT(eg_group_wait(&group) == EG_EPANIC);
		EXPECT(eg_error_format(eg_group_error(&group), text, sizeof(text)) > 0);
		EXPECT(eg_group_destroy(&group) == 0);
	}
}

static void expect_dead(eg_group *group)
{
	struct eg_stats stats = EG_STATS_INIT;

	EXPECT(eg_group_go(group, task_nothing, NULL) == EG_EFORKED);
	EXPECT(eg_group_try_go(group, task_nothing, NULL) == EG_EFORKED);
	EXPECT(eg_group_go_copy(group, task_nothing, "", 1) == EG_EFORKED);
	EXPECT(eg_group_set_limit(group, 2) == EG_EFORKED);
	EXPECT(eg_group_wait(group) == EG_EFORKED);
	EXPECT(eg_group_wait_until(group, INT64_MAX) == EG_EFORKED);
	EXPECT(eg_group_cancel(group, NULL) == EG_EFORKED);
	EXPECT(eg_group_reset(group) == EG_EFORKED);
	EXPECT(eg_group_slots(group) == EG_EFORKED);
	EXPECT(eg_group_stats(group, &stats) == EG_EFORKED);
	EXPECT(eg_group_pass(group) == EG_EFORKED);
	EXPECT(eg_group_fail(group, eg_error_create(-EIO, "in the child")) == EG_EFORKED);
	EXPECT(eg_group_hold(group) == EG_EFORKED);
	EXPECT(eg_group_release(group) == EG_EFORKED);
	EXPECT(eg_group_fd(group) == EG_EFORKED);
}

static void child_of_live_group(void *arg)
{
	static const eg_group zero = EG_GROUP_INIT;
	eg_group *group = arg;

	expect_dead(group);
	EXPECT(eg_group_destroy(group) == 0);
	EXPECT(!memcmp(group, &zero, sizeof(zero)));
	expect_new_groups_work();

	/* What was forgotten is a zero group now and may be used again. */
	if (!child_may_start_threads())
		return;
	EXPECT(eg_group_go(group, task_return, CODE(-EIO)) == 0);
	EXPECT(eg_group_wait(group) == -EIO);
	EXPECT(eg_group_destroy(group) == 0);
}

static void in_the_child_live_groups_are_dead_and_new_ones_work(void **state)
{
	static const int limits[] = {1, 2, EG_LIMIT_NONE};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct hold hold = HOLD_INIT;
		atomic_long ran = 0;
		struct child child;
		eg_group group;

		assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
		eg_group_set_limit(&group, limits[i]);
		eg_group_go(&group, task_hold, &hold);
		tally_await(&hold.started, 1);
		for (int k = 0; k < 1000; k++)
			eg_group_go(&group, task_count, &ran);
		child_run(child_of_live_group, &group, &child);
		assert_true(child_exited(&child, 0));

		/* The parent's group goes on as if nothing had been. */
		eg_group_go(&group, task_count, &ran);
		tally_add(&hold.release, 1);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(atomic_load(&ran), 1001);
		eg_group_destroy(&group);
	}
}

static void child_of_finished_group(void *arg)
{
	eg_group *group = arg;

	expect_dead(group);
	EXPECT(eg_group_destroy(group) == 0);
	expect_new_groups_work();
}

static void a_group_without_pending_work_is_dead_in_the_child_too(void **state)
{
	struct child child;
	eg_group group;

	(void)state;
	assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	child_run(child_of_finished_group, &group, &child);
	assert_true(child_exited(&child, 0));
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

static void child_of_zero_group(void *arg)
{
	eg_group *group = arg;

	if (!child_may_start_threads())
		return;
	EXPECT(eg_group_go(group, task_return, CODE(-EIO)) == 0);
	EXPECT(eg_group_wait(group) == -EIO);
	EXPECT(eg_group_destroy(group) == 0);
}

static void a_group_not_used_before_the_fork_works_in_both(void **state)
{
	eg_group group = EG_GROUP_INIT;
	struct child child;

	(void)state;
	child_run(child_of_zero_group, &group, &child);
	assert_true(child_exited(&child, 0));
	eg_group_go(&group, task_return, CODE(-EPIPE));
	assert_int_equal(eg_group_wait(&group), -EPIPE);
	eg_group_destroy(&group);
}

static void contexts_and_errors(void *arg)
{
	eg_ctx *ctx = arg, *child;

	EXPECT(eg_ctx_err(ctx) == 0);
	EXPECT(eg_ctx_with_cancel(ctx, &child) == 0);
	EXPECT(eg_ctx_cancel(ctx, NULL) == 0);
	EXPECT(eg_ctx_err(child) == -ECANCELED);
	eg_ctx_unref(child);
}

static void contexts_work_on_in_the_child_and_stay_apart(void **state)
{
	struct child child;
	eg_ctx *ctx;

	(void)state;
	assert_int_equal(eg_ctx_with_cancel(NULL, &ctx), 0);
	child_run(contexts_and_errors, ctx, &child);
	assert_true(child_exited(&child, 0));
	assert_int_equal(eg_ctx_err(ctx), 0);
	eg_ctx_unref(ctx);
}

/*
 * At any moment: threads keep every lock of the library busy while the process is forked.
 */

struct churn {
	atomic_bool stop;
	eg_group group;
};

static int task_churn_inner(eg_ctx *ctx, void *arg)
{
	eg_ctx *own;

	(void)arg;
	if (!eg_ctx_with_cancel(ctx, &own)) {
		eg_ctx_cancel(own, NULL);
		eg_ctx_unref(own);
	}
	return eg_fail(-EIO, "churn");
}

static void *churn_main(void *arg)
{
	struct churn *churn = arg;

	for (long round = 0; !atomic_load(&churn->stop); round++) {
		char text[2048];
		eg_group group;

		if (eg_group_init(&group, NULL, NULL))
			break;
		eg_group_set_limit(&group, round % 2 ? 2 : EG_LIMIT_NONE);
		for (int i = 0; i < 10; i++)
			eg_group_go(&group, i == 5 ? task_panic : task_churn_inner, NULL);
		CHECK(eg_group_wait(&group) != 0);
		eg_error_format(eg_group_error(&group), text, sizeof(text));
		eg_group_destroy(&group);
	}
	return NULL;
}

static void child_of_churn(void *arg)
{
	struct churn *churn = arg;

	expect_dead(&churn->group);
	EXPECT(eg_group_destroy(&churn->group) == 0);
	if (child_of_busy_may_allocate())
		expect_new_groups_work();
}

static void a_fork_at_any_moment_leaves_no_lock_held(void **state)
{
	static struct churn churn;
	pthread_t threads[2];

	(void)state;
	memset(&churn, 0, sizeof(churn));
	eg_group_set_limit(&churn.group, 2);
	eg_group_go(&churn.group, task_nothing, NULL);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, churn_main, &churn), 0);
	for (long i = 0; goes_on(i, 200); i++) {
		struct child child;

		child_run(child_of_churn, &churn, &child);
		assert_true(child_exited(&child, 0));
	}
	atomic_store(&churn.stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(eg_group_wait(&churn.group), 0);
	eg_group_destroy(&churn.group);
}

/* What a group has the program told, and given back. */
struct told {
	eg_group group;
	int finished, events, progress;
};

static void count_finish(void *arg, void *data)
{
	(void)data;
	((struct told *)arg)->finished++;
}

static void count_over(const struct eg_event *event, void *arg)
{
	((struct told *)arg)->events += event->kind == EG_EVENT_OVER;
}

static void count_progress(const struct eg_stats *stats, void *arg)
{
	(void)stats;
	((struct told *)arg)->progress++;
}

static void child_of_told(void *arg)
{
	struct told *told = arg;

	expect_dead(&told->group);
	EXPECT(eg_group_destroy(&told->group) == 0);
	EXPECT(told->finished == 0 && told->events == 1 && told->progress == 1);
}

static void a_child_is_told_nothing_of_its_parents_groups(void **state)
{
	struct told told = {.finished = 0};
	struct child child;

	(void)state;
	assert_int_equal(
	    eg_group_init(&told.group, NULL,
			  EG_GROUP_OPTIONS(.limit = 1, .slot_finish = count_finish, .slot_arg = &told,
					   .observe = count_over, .observe_arg = &told,
					   .progress = count_progress, .progress_arg = &told,
					   .progress_every_ns = INT64_MAX)),
	    0);
	eg_group_go(&told.group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&told.group), 0);
	eg_group_go(&told.group, task_nothing, NULL);
	child_run(child_of_told, &told, &child);
	assert_true(child_exited(&child, 0));
	assert_int_equal(eg_group_wait(&told.group), 0);
	assert_int_equal(told.events, 2);
	assert_int_equal(told.progress, 2);
	eg_group_destroy(&told.group);
	assert_int_equal(told.finished, 1);
}

/*
 * Fork inside a task
 */

struct inside {
	eg_group *group;
	void (*fn)(void *arg);
	struct child child;
};

static int task_fork(eg_ctx *ctx, void *arg)
{
	struct inside *inside = arg;

	(void)ctx;
	child_run(inside->fn, inside->group, &inside->child);
	return 0;
}

static void child_inside_task(void *arg)
{
	expect_dead(arg);
	expect_new_groups_work();
}

static void a_task_may_fork_and_its_child_may_use_new_groups(void **state)
{
	eg_group group = EG_GROUP_INIT;
	struct inside inside = {&group, child_inside_task, {0, ""}};

	(void)state;
	eg_group_set_limit(&group, 2);
	for (int i = 0; i < 5; i++) {
		eg_group_go(&group, task_fork, &inside);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_true(child_exited(&inside.child, 0));
	}
	eg_group_destroy(&group);
}

/*
 * A stage of a pipeline that forks and returns in the child, too: the pipeline is the parent's.
 */

struct forking {
	pthread_t caller;
	int pulled, ended, dropped, pulled_before;
	pid_t child; /* -1: not forked yet; 0: this is the child */
};

static int source_of_ten(eg_ctx *ctx, void *arg, void **item)
{
	struct forking *forking = arg;

	(void)ctx;
	*item = forking;
	return forking->pulled++ < 10;
}

static int stage_forks(eg_ctx *ctx, void *arg, void **item)
{
	struct forking *forking = arg;

	(void)ctx;
	(void)item;
	/* The caller's thread is the one that comes back in the child. */
	if (forking->child < 0 && pthread_equal(pthread_self(), forking->caller)) {
		fflush(NULL);
		forking->pulled_before = forking->pulled;
		forking->child = fork();
	}
	forking->ended++;
	return 0;
}

static void drop_in_parent(void *item, void *arg)
{
	(void)item;
	((struct forking *)arg)->dropped++;
}

static void run_forking(struct forking *forking)
{
	const struct eg_stage stages[] = {{source_of_ten, forking, EG_STAGE_SERIAL},
					  {stage_forks, forking, EG_STAGE_IN_ORDER}};
	struct eg_group_options group = EG_GROUP_OPTIONS_INIT;
	int code, status;

	group.limit = 1;
	code = eg_pipeline(NULL, stages, 2,
			   EG_PIPELINE_OPTIONS(.drop = drop_in_parent, .drop_arg = forking, .group = &group),
			   NULL);
	if (forking->child == 0) {
		EXPECT(code == EG_EFORKED);
		EXPECT(forking->ended < 11 && forking->dropped == 0);
		EXPECT(forking->pulled == forking->pulled_before);
		expect_new_groups_work();
		_exit(0);
	}
	assert_int_equal(code, 0);
	assert_int_equal(forking->ended, 10);
	if (forking->child > 0) {
		assert_int_equal(waitpid(forking->child, &status, 0), forking->child);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

static void a_pipeline_is_dead_in_the_child_of_its_stage(void **state)
{
	struct forking forking = {pthread_self(), 0, 0, 0, 0, -1};

	(void)state;
	for (int i = 0; forking.child < 0 && i < 1000; i++) {
		forking.pulled = forking.ended = 0;
		run_forking(&forking);
	}
	assert_true(forking.child > 0);
}

static int init_forks(eg_ctx *ctx, void *arg, void **ret_data)
{
	(void)ret_data;
	return stage_forks(ctx, arg, NULL);
}

static int task_counts(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	((struct forking *)arg)->pulled++;
	return 0;
}

static void a_task_does_not_begin_in_the_child_of_its_slot_init(void **state)
{
	struct forking forking = {pthread_self(), 0, 0, 0, 0, -1};
	int status;

	(void)state;
	for (int i = 0; forking.child < 0 && i < 1000; i++) {
		eg_group group;
		int code;

		forking.pulled = 0;
		assert_int_equal(eg_group_init(&group, NULL,
					       EG_GROUP_OPTIONS(.limit = 1, .slot_init = init_forks,
								.slot_arg = &forking)),
				 0);
		eg_group_go(&group, task_counts, &forking);
		code = eg_group_wait(&group);
		eg_group_destroy(&group);
		if (forking.child == 0) {
			EXPECT(code == EG_EFORKED && forking.pulled == 0);
			_exit(0);
		}
		assert_int_equal(code, 0);
		assert_int_equal(forking.pulled, 1);
	}
	assert_true(forking.child > 0);
	assert_int_equal(waitpid(forking.child, &status, 0), forking.child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void child_panics(void *arg)
{
	(void)arg;
	eg_panic("in the child");
}

/* The child must not unwind into the copy of the worker and go on with the parent's tasks. */
static void a_panic_in_the_child_of_a_task_ends_the_child(void **state)
{
	eg_group group = EG_GROUP_INIT;
	struct inside inside = {&group, child_panics, {0, ""}};
	atomic_long ran = 0;

	(void)state;
	eg_group_set_limit(&group, 1);
	eg_group_go(&group, task_fork, &inside);
	eg_group_go(&group, task_count, &ran);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_true(child_killed(&inside.child, SIGABRT));
	assert_int_equal(atomic_load(&ran), 1);
	eg_group_destroy(&group);
}

static atomic_bool changing;
static atomic_int other_told, child_told;

static void hook_count(eg_error *error, void *arg)
{
	(void)error;
	atomic_fetch_add((atomic_int *)arg, 1);
}

static int task_panic_at_once(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_panic("at once");
}

/* A process is forked while another thread sets hooks, which it does all the time and with nothing else of the library. */
static void *set_hooks(void *arg)
{
	(void)arg;
	while (atomic_load(&changing)) {
		for (int i = 0; i < 100; i++)
			eg_panic_set_hook(hook_count, &other_told);
		sched_yield();
	}
	return NULL;
}

static void child_is_told(void *arg)
{
	eg_group group;

	atomic_store(&child_told, 0);
	eg_panic_set_hook(hook_count, &child_told);
	EXPECT(eg_group_init(&group, NULL, EG_GROUP_OPTIONS(.limit = 1)) == 0);
	EXPECT(eg_group_go(&group, task_panic_at_once, arg) == 0);
	EXPECT(eg_group_wait(&group) == EG_EPANIC);
	EXPECT(atomic_load(&child_told) == 1);
	eg_group_destroy(&group);
}

static void a_child_can_set_the_hook_that_its_parent_was_setting(void **state)
{
	pthread_t thread;

	(void)state;
	if (!child_may_start_threads() || !child_of_busy_may_allocate())
		skip();
	atomic_store(&changing, true);
	assert_int_equal(pthread_create(&thread, NULL, set_hooks, NULL), 0);
	for (long i = 0; goes_on(i, 200); i++) {
		struct child child;

		child_run(child_is_told, CODE(1), &child);
		assert_true(child_exited(&child, 0));
	}
	atomic_store(&changing, false);
	pthread_join(thread, NULL);
	eg_panic_set_hook(NULL, NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(in_the_child_live_groups_are_dead_and_new_ones_work),
	    TEST(a_group_without_pending_work_is_dead_in_the_child_too),
	    TEST(a_group_not_used_before_the_fork_works_in_both),
	    TEST(contexts_work_on_in_the_child_and_stay_apart),
	    TEST(a_child_can_set_the_hook_that_its_parent_was_setting),
	    TEST(a_fork_at_any_moment_leaves_no_lock_held),
	    TEST(a_child_is_told_nothing_of_its_parents_groups),
	    TEST(a_task_may_fork_and_its_child_may_use_new_groups),
	    TEST(a_pipeline_is_dead_in_the_child_of_its_stage),
	    TEST(a_task_does_not_begin_in_the_child_of_its_slot_init),
	    TEST(a_panic_in_the_child_of_a_task_ends_the_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
