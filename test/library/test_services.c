/* SPDX-License-Identifier: MIT */
/*
 * The programs that people write with an error group: three services of which any one ends all, work that
 * stops at the first error, work that reports every error, and work that outlives the group.
 */

#include "support.h"

/*
 * Server, shutdown watcher and signal watcher. The server knows nothing of contexts and stops only when the
 * shutdown watcher tells it to; the signal watcher ends when the context does.
 */

enum service { SERVER, SHUTDOWN_WATCHER, SIGNAL_WATCHER, SERVICES };

struct services {
	struct tally running;
	struct tally stop_server;  /* opened by the shutdown watcher */
	atomic_bool end[SERVICES]; /* ends that service, from outside */
	atomic_int ended[SERVICES];
};

static int task_server(eg_ctx *ctx, void *arg)
{
	struct services *services = arg;

	(void)ctx;
	tally_meet(&services->running, SERVICES);
	while (!atomic_load(&services->end[SERVER]) && !tally_value(&services->stop_server))
		sched_yield();
	atomic_fetch_add(&services->ended[SERVER], 1);
	return eg_fail(-ESHUTDOWN, "server closed");
}

static int task_shutdown_watcher(eg_ctx *ctx, void *arg)
{
	struct services *services = arg;

	tally_meet(&services->running, SERVICES);
	while (!atomic_load(&services->end[SHUTDOWN_WATCHER]) && !eg_ctx_err(ctx))
		sched_yield();
	tally_add(&services->stop_server, 1);
	atomic_fetch_add(&services->ended[SHUTDOWN_WATCHER], 1);
	return 0;
}

static int task_signal_watcher(eg_ctx *ctx, void *arg)
{
	struct services *services = arg;

	tally_meet(&services->running, SERVICES);
	while (!atomic_load(&services->end[SIGNAL_WATCHER])) {
		if (eg_ctx_err(ctx)) {
			atomic_fetch_add(&services->ended[SIGNAL_WATCHER], 1);
			return eg_ctx_err(ctx);
		}
		sched_yield();
	}
	atomic_fetch_add(&services->ended[SIGNAL_WATCHER], 1);
	return eg_fail(-EINTR, "signal received");
}

static void any_of_three_services_that_ends_ends_all(void **state)
{
	static const int expected[SERVICES] = {-ESHUTDOWN, -ESHUTDOWN, -EINTR};

	(void)state;
	for (int which = 0; which < SERVICES; which++) {
		static struct services services;
		eg_group group;

		memset(&services, 0, sizeof(services));
		services.running = (struct tally)TALLY_INIT;
		services.stop_server = (struct tally)TALLY_INIT;
		assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
		eg_group_go(&group, task_server, &services);
		eg_group_go(&group, task_shutdown_watcher, &services);
		eg_group_go(&group, task_signal_watcher, &services);
		tally_await(&services.running, SERVICES);
		atomic_store(&services.end[which], true);

		assert_int_equal(eg_group_wait(&group), expected[which]);
		for (int i = 0; i < SERVICES; i++)
			assert_int_equal(atomic_load(&services.ended[i]), 1);
		eg_group_destroy(&group);
	}
}

/*
 * All errors, and the first error
 */

static void every_error_is_collected_with_the_task_it_came_from(void **state)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_error *errors[64];
	bool seen[64] = {false};
	eg_group group;

	(void)state;
	options.limit = 4;
	options.collect = 64;
	assert_int_equal(eg_group_init(&group, NULL, &options), 0);
	for (int i = 0; i < 64; i++)
		eg_group_go(&group, task_return, CODE(i % 2 ? -1000 - i : 0));
	assert_true(eg_group_wait(&group) < -1000);
	assert_int_equal(eg_group_errors(&group, 64, errors), 32);
	for (int i = 0; i < 32; i++) {
		int64_t index = eg_error_task_index(errors[i]);

		assert_in_range(index, 0, 63);
		assert_false(seen[index]);
		seen[index] = true;
		assert_int_equal(eg_error_code(errors[i]), -1000 - (int)index);
	}
	eg_group_destroy(&group);
}

static int task_rest(eg_ctx *ctx, void *arg)
{
	atomic_long *cancelled = arg;

	ctx_await_cancel(ctx);
	atomic_fetch_add(cancelled, 1);
	return 0;
}

static void the_first_error_cancels_the_rest(void **state)
{
	atomic_long cancelled = 0;
	eg_group group;

	(void)state;
	assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
	for (int i = 0; i < 5; i++)
		eg_group_go(&group, task_rest, &cancelled);
	eg_group_go(&group, task_return, CODE(-EIO));
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_int_equal(atomic_load(&cancelled), 5);
	eg_group_destroy(&group);
}

static void a_zero_group_lets_the_rest_go_on_after_an_error(void **state)
{
	atomic_long ran = 0;
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_set_limit(&group, 1);
	eg_group_go(&group, task_return, CODE(-EIO));
	for (int i = 0; i < 100; i++)
		eg_group_go(&group, task_count, &ran);
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_int_equal(atomic_load(&ran), 100);
	eg_group_destroy(&group);
}

/*
 * Work that outlives the group: the group's own context is over after wait, as the documents that the project
 * grew from found out; the context that the group was derived from is not.
 */

static void only_the_groups_own_context_dies_with_the_group(void **state)
{
	eg_ctx *program, *of_group, *from_group, *from_program;
	eg_group group;

	(void)state;
	assert_int_equal(eg_ctx_with_cancel(NULL, &program), 0);
	assert_int_equal(eg_group_init(&group, program, NULL), 0);
	assert_int_equal(eg_ctx_with_cancel(eg_group_ctx(&group), &from_group), 0);
	assert_int_equal(eg_ctx_with_cancel(program, &from_program), 0);
	of_group = eg_ctx_ref(eg_group_ctx(&group));

	eg_group_go(&group, task_return, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(eg_group_destroy(&group), 0);

	assert_int_equal(eg_ctx_err(of_group), -ECANCELED);
	assert_int_equal(eg_ctx_err(from_group), -ECANCELED);
	assert_int_equal(eg_ctx_err(program), 0);
	assert_int_equal(eg_ctx_err(from_program), 0);
	eg_ctx_unref(of_group);
	eg_ctx_unref(from_group);
	eg_ctx_unref(from_program);
	eg_ctx_unref(program);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(any_of_three_services_that_ends_ends_all),
	    TEST(every_error_is_collected_with_the_task_it_came_from),
	    TEST(the_first_error_cancels_the_rest),
	    TEST(a_zero_group_lets_the_rest_go_on_after_an_error),
	    TEST(only_the_groups_own_context_dies_with_the_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
