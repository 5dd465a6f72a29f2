/* SPDX-License-Identifier: MIT */
/*
 * Errors: the first wins and stays, the first k are kept with where they came from, and eg_fail attaches
 * words.
 */

#include "support.h"

#include <limits.h>

static void group_init_collect(eg_group *group, int limit, unsigned collect)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.limit = limit;
	options.collect = collect;
	assert_int_equal(eg_group_init(group, NULL, &options), 0);
}

/*
 * Codes and the first error
 */

static void any_non_zero_result_reaches_wait_unchanged(void **state)
{
	static const int codes[] = {1, -1, 42, -EIO, -4095, -4096, EG_EPANIC, EG_EEXITED, INT_MAX, INT_MIN};

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		eg_group group = EG_GROUP_INIT;

		eg_group_go(&group, task_return, CODE(codes[i]));
		assert_int_equal(eg_group_wait(&group), codes[i]);
		assert_int_equal(eg_error_code(eg_group_error(&group)), codes[i]);
		assert_int_equal(eg_error_kind(eg_group_error(&group)), EG_ERROR_RETURNED);
		eg_group_destroy(&group);
	}
}

static void the_first_error_by_arrival_stays_until_reset(void **state)
{
	eg_group group = EG_GROUP_INIT;
	eg_error *first;

	(void)state;
	eg_group_set_limit(&group, 1);
	eg_group_go(&group, task_nothing, NULL);
	eg_group_go(&group, task_return, CODE(-EIO));
	eg_group_go(&group, task_return, CODE(-EPIPE));
	assert_int_equal(eg_group_wait(&group), -EIO);
	first = eg_group_error(&group);
	eg_group_go(&group, task_return, CODE(-ENOENT));
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_ptr_equal(eg_group_error(&group), first);
	assert_int_equal(eg_error_code(first), -EIO);
	assert_int_equal(eg_group_error_count(&group), 3);

	assert_int_equal(eg_group_reset(&group), 0);
	assert_null(eg_group_error(&group));
	eg_group_go(&group, task_return, CODE(-ENOENT));
	assert_int_equal(eg_group_wait(&group), -ENOENT);
	eg_group_destroy(&group);
}

/* Racing failures: whatever wins, everyone is told the same. */
static void racing_failures_give_one_consistent_winner(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 2000); round++) {
		eg_group group;
		eg_error *kept[8] = {NULL};
		int code;

		group_init_collect(&group, EG_LIMIT_NONE, 8);
		for (int i = 0; i < 8; i++)
			eg_group_go(&group, task_return, CODE(-100 - i));
		code = eg_group_wait(&group);
		assert_int_equal(eg_error_code(eg_group_error(&group)), code);
		assert_ptr_equal(eg_ctx_cause(eg_group_ctx(&group)), eg_group_error(&group));
		assert_int_equal(eg_group_errors(&group, 8, kept), 8);
		assert_ptr_equal(kept[0], eg_group_error(&group));
		assert_int_equal(eg_group_wait(&group), code);
		eg_group_destroy(&group);
	}
}

/*
 * At the end of a task: store, cancel, and only then give the place back
 */

static int task_fail_late(eg_ctx *ctx, void *arg)
{
	eg_group *group = arg;

	ctx_await_cancel(ctx);
	CHECK(eg_group_error(group) != NULL);
	CHECK(eg_error_code(eg_group_error(group)) == -EIO);
	CHECK(eg_ctx_cause(ctx) == eg_group_error(group));
	return -EINTR;
}

static void a_task_woken_by_the_cancellation_is_never_first(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 2000); round++) {
		eg_group group;

		group_init_collect(&group, EG_LIMIT_NONE, 3);
		eg_group_go(&group, task_fail_late, &group);
		eg_group_go(&group, task_return, CODE(-EIO));
		eg_group_go(&group, task_fail_late, &group);
		assert_int_equal(eg_group_wait(&group), -EIO);
		assert_int_equal(eg_group_error_count(&group), 3);
		eg_group_destroy(&group);
	}
}

static int task_see_failure(eg_ctx *ctx, void *arg)
{
	eg_group *group = arg;

	CHECK(eg_ctx_err(ctx) == -ECANCELED);
	CHECK(eg_group_error(group) == eg_ctx_cause(ctx));
	return 0;
}

static void the_task_that_gets_the_failed_ones_place_sees_error_and_cancellation(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 1000); round++) {
		eg_group group;

		group_init_collect(&group, 1, 0);
		eg_group_go(&group, task_return, CODE(-EIO));
		eg_group_go(&group, task_see_failure, &group);
		assert_int_equal(eg_group_wait(&group), -EIO);
		eg_group_destroy(&group);
	}
}

/*
 * Collection
 */

static void collect_keeps_the_first_k_in_arrival_order_and_counts_all(void **state)
{
	eg_error *errors[16];
	eg_group group;

	(void)state;
	group_init_collect(&group, 1, 10);
	for (int i = 1; i <= 100; i++)
		eg_group_go(&group, task_return, CODE(-1000 - i));
	assert_int_equal(eg_group_wait(&group), -1001);
	for (int i = 0; i < 16; i++)
		errors[i] = NULL;
	assert_int_equal(eg_group_errors(&group, 16, errors), 10);
	assert_int_equal(eg_group_error_count(&group), 100);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(eg_error_code(errors[i]), -1001 - i);
		assert_int_equal(eg_error_task_index(errors[i]), i);
		assert_int_equal(eg_error_worker_slot(errors[i]), 0);
	}
	for (int i = 10; i < 16; i++)
		assert_null(errors[i]);

	/* Less room than errors kept. */
	errors[4] = NULL;
	assert_int_equal(eg_group_errors(&group, 4, errors), 4);
	assert_int_equal(eg_error_code(errors[3]), -1004);
	assert_null(errors[4]);
	eg_group_destroy(&group);
}

static void one_error_is_kept_by_default_and_all_are_counted(void **state)
{
	eg_error *errors[2] = {NULL, NULL};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_group_errors(&group, 2, errors), 0);
	for (int i = 0; i < 10; i++)
		eg_group_go(&group, task_return, CODE(-EIO));
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_int_equal(eg_group_errors(&group, 2, errors), 1);
	assert_int_equal(eg_group_errors(&group, 2, NULL), 0);
	assert_int_equal(eg_group_errors(&group, 0, errors), 0);
	assert_int_equal(eg_group_error_count(&group), 10);
	assert_ptr_equal(errors[0], eg_group_error(&group));
	assert_null(errors[1]);
	eg_group_destroy(&group);
}

/*
 * Where an error came from: index, slot and site, also for tasks deep in the overflow and for call sites that
 * alternate, which is what a run-length record of sites would get wrong.
 */

struct sites {
	uint32_t lines[3];
	const char *function;
};

static struct sites submit_from_three_sites(eg_group *group, long count)
{
	struct sites sites = {{0}, __func__};

	for (long i = 0; i < count; i++) {
		void *code = CODE(i % 97 == 0 ? -1000 - (int)(i % 5) : 0);

		/* clang-format off */
		if (i % 3 == 0) {
			sites.lines[0] = __LINE__; eg_group_go(group, task_return, code);
		} else if (i % 3 == 1) {
			sites.lines[1] = __LINE__; eg_group_go(group, task_return, code);
		} else {
			sites.lines[2] = __LINE__; eg_group_go(group, task_return, code);
		}
		/* clang-format on */
	}
	return sites;
}

static void index_and_site_are_right_far_into_the_overflow(void **state)
{
	static const int limits[] = {1, 2, EG_LIMIT_NONE};
	long count = scaled(200000);
	unsigned failing = (unsigned)((count + 96) / 97);
	eg_error **errors = calloc(failing, sizeof(*errors));
	bool *seen = calloc((size_t)count, sizeof(*seen));

	(void)state;
	assert_non_null(errors);
	assert_non_null(seen);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct sites sites;
		eg_group group;
		long wrong = 0;

		memset(seen, 0, (size_t)count * sizeof(*seen));
		group_init_collect(&group, limits[i], failing);
		sites = submit_from_three_sites(&group, count);
		assert_true(eg_group_wait(&group) <= -1000);
		assert_int_equal(eg_group_errors(&group, failing, errors), failing);
		for (unsigned k = 0; k < failing; k++) {
			int64_t index = eg_error_task_index(errors[k]);
			const struct eg_site *site = eg_error_site(errors[k]);

			assert_in_range(index, 0, count - 1);
			wrong += index % 97 != 0 || seen[index];
			seen[index] = true;
			wrong += eg_error_code(errors[k]) != -1000 - (int)(index % 5);
			assert_non_null(site);
			wrong += site->line != sites.lines[index % 3];
			wrong += strcmp(site->function, sites.function) != 0;
			wrong += strstr(site->file, "test_error.c") == NULL;
		}
		assert_int_equal(wrong, 0);
		eg_group_destroy(&group);
	}
	free(errors);
	free(seen);
}

static void index_goes_on_counting_after_wait(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_set_limit(&group, 2);
	for (int i = 0; i < 1000; i++)
		eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	for (int i = 0; i < 10; i++)
		eg_group_go(&group, task_return, CODE(i == 5 ? -EIO : 0));
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_int_equal(eg_error_task_index(eg_group_error(&group)), 1005);
	eg_group_destroy(&group);
}

static void go_without_a_site_leaves_none_in_the_error(void **state)
{
	static struct eg_site site = {"elsewhere.c", "somewhere", 4711, 0};
	eg_error *errors[4];
	eg_group group;

	(void)state;
	group_init_collect(&group, 1, 4);
	(eg_group_go)(&group, task_return, CODE(-1));
	eg_group_go_at(&group, task_return, CODE(-2), NULL);
	eg_group_go_at(&group, task_return, CODE(-3), &site);
	(eg_group_go)(&group, task_return, CODE(-4));
	assert_int_equal(eg_group_wait(&group), -1);
	assert_int_equal(eg_group_errors(&group, 4, errors), 4);
	assert_null(eg_error_site(errors[0]));
	assert_null(eg_error_site(errors[1]));
	assert_string_equal(eg_error_site(errors[2])->file, "elsewhere.c");
	assert_string_equal(eg_error_site(errors[2])->function, "somewhere");
	assert_int_equal(eg_error_site(errors[2])->line, 4711);
	assert_null(eg_error_site(errors[3]));
	eg_group_destroy(&group);
}

static int task_meet_and_fail(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	tally_meet(arg, 4);
	return -EIO;
}

static void worker_slots_of_tasks_at_once_differ_and_lie_below_the_limit(void **state)
{
	struct tally met = TALLY_INIT;
	bool seen[4] = {false};
	eg_error *errors[4];
	eg_group group;

	(void)state;
	group_init_collect(&group, 4, 4);
	for (int i = 0; i < 4; i++)
		eg_group_go(&group, task_meet_and_fail, &met);
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_int_equal(eg_group_errors(&group, 4, errors), 4);
	for (int i = 0; i < 4; i++) {
		int slot = eg_error_worker_slot(errors[i]);

		assert_in_range(slot, 0, 3);
		assert_false(seen[slot]);
		seen[slot] = true;
	}
	eg_group_destroy(&group);
}

static void an_error_with_a_reference_outlives_its_group(void **state)
{
	eg_group *group = calloc(1, sizeof(*group));
	char text[4096];
	eg_error *error;

	(void)state;
	assert_non_null(group);
	eg_group_go(group, task_return, CODE(-EIO));
	assert_int_equal(eg_group_wait(group), -EIO);
	error = eg_error_ref(eg_group_error(group));
	eg_group_destroy(group);
	free(group);
	assert_int_equal(eg_error_code(error), -EIO);
	assert_string_equal(eg_error_site(error)->function, __func__);
	assert_true(eg_error_format(error, text, sizeof(text)) > 0);
	eg_error_unref(error);
}

/* Readers while tasks fail: what they see is always a beginning of the final list. */
static void errors_may_be_read_while_tasks_fail(void **state)
{
	eg_error *seen[100], *final[100];
	size_t count = 0, failed;
	eg_group group;

	(void)state;
	group_init_collect(&group, 2, 100);
	for (long i = 0; i < 100; i++) {
		size_t before = count;

		eg_group_go(&group, task_return, CODE(-1 - i));
		count = eg_group_errors(&group, 100, seen);
		assert_true(count >= before && count <= 100);
		assert_true(count == 0 || eg_group_error(&group) == seen[0]);
	}
	assert_true(eg_group_wait(&group) < 0);
	failed = eg_group_errors(&group, 100, final);
	assert_int_equal(failed, 100);
	for (size_t i = 0; i < count; i++)
		assert_ptr_equal(seen[i], final[i]);
	eg_group_destroy(&group);
}

/*
 * Errors of any shape are given back on any stack
 */

static eg_error *grown; /* all that there is so far */

static void call_panic_with_it(void *arg)
{
	(void)arg;
	eg_panic_with(grown);
}

/* Its error is joined by one that has all before it as its cause. */
static int task_join(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	CHECK(eg_defer(call_panic_with_it, NULL) == 0);
	eg_panic("joined later");
}

/* The same, and its own cause is as deep. */
static int task_join_both(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	CHECK(eg_defer(call_panic_with_it, NULL) == 0);
	eg_panic_with(eg_error_ref(grown));
}

static void grow_by_cause(void)
{
	eg_error *error = eg_error_create_from(grown, -EIO, "an error");

	eg_error_unref(grown);
	grown = error;
}

static void grow_by_task(eg_task_fn *fn)
{
	eg_group group = EG_GROUP_INIT;

	eg_group_go(&group, fn, NULL);
	(void)!eg_group_wait(&group);
	grown = eg_error_ref(eg_group_error(&group));
	eg_group_destroy(&group);
}

static void *give_back(void *arg)
{
	eg_error_unref(arg);
	return NULL;
}

static void give_back_on_a_small_stack(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	char text[256];

	/* To be printed needs no such stack either. */
	assert_in_range(eg_error_format(grown, text, sizeof(text)), 256, 65535);
	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstacksize(&attr, small_stack(65536)), 0);
	assert_int_equal(pthread_create(&thread, &attr, give_back, grown), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attr);
	grown = NULL;
}

static void errors_of_any_shape_are_given_back_on_a_small_stack(void **state)
{
	long depth = scaled(4000);
	size_t before;

	(void)state;
	grown = NULL;
	grow_by_task(task_join);
	eg_error_unref(grown);
	grown = NULL;
	before = heap_in_use();
	for (long i = 0; i < depth; i++)
		grow_by_cause();
	give_back_on_a_small_stack();
	for (long i = 0; i < depth; i++)
		grow_by_task(task_join);
	give_back_on_a_small_stack();
	for (long i = 0; i < depth; i++)
		grow_by_task(task_join_both);
	give_back_on_a_small_stack();
	for (long i = 0; i < depth; i++) {
		grow_by_task(i % 2 == 0 ? task_join : task_join_both);
		grow_by_cause();
	}
	give_back_on_a_small_stack();
	assert_true(heap_in_use() < before + (1 << 20));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(any_non_zero_result_reaches_wait_unchanged),
	    TEST(the_first_error_by_arrival_stays_until_reset),
	    TEST(racing_failures_give_one_consistent_winner),
	    TEST(a_task_woken_by_the_cancellation_is_never_first),
	    TEST(the_task_that_gets_the_failed_ones_place_sees_error_and_cancellation),
	    TEST(collect_keeps_the_first_k_in_arrival_order_and_counts_all),
	    TEST(one_error_is_kept_by_default_and_all_are_counted),
	    TEST(an_error_with_a_reference_outlives_its_group),
	    TEST(errors_may_be_read_while_tasks_fail),
	    TEST(errors_of_any_shape_are_given_back_on_a_small_stack),
	    TEST(index_and_site_are_right_far_into_the_overflow),
	    TEST(index_goes_on_counting_after_wait),
	    TEST(go_without_a_site_leaves_none_in_the_error),
	    TEST(worker_slots_of_tasks_at_once_differ_and_lie_below_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
