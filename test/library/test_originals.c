/* SPDX-License-Identifier: MIT */
/*
 * What the originals promise, as tests: golang.org/x/sync/errgroup and the kratos variant with its worker
 * pool.
 *
 * Where an original measures seconds (four tasks of a second take about one, or two with a limit of two) the
 * tests here let tasks wait for one another instead: tasks that meet did run at once, whatever the clock
 * says.
 */

#include "support.h"

/*
 * x/sync
 */

static const struct {
	int count;
	int codes[3];
	int first;
} error_lists[] = {
    {0, {0}, 0}, {1, {0}, 0}, {1, {-EIO}, -EIO}, {2, {-EIO, 0}, -EIO}, {3, {-EIO, 0, -EPIPE}, -EIO},
};

static void zero_group_returns_the_first_error_after_every_go(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(error_lists) / sizeof(error_lists[0]); i++) {
		eg_group group = EG_GROUP_INIT;
		int first = 0;

		assert_int_equal(eg_group_wait(&group), 0);
		for (int k = 0; k < error_lists[i].count; k++) {
			int code = error_lists[i].codes[k];

			assert_int_equal(eg_group_go(&group, task_return, CODE(code)), 0);
			if (!first)
				first = code;
			assert_int_equal(eg_group_wait(&group), first);
		}
		assert_int_equal(first, error_lists[i].first);
		assert_int_equal(eg_group_destroy(&group), 0);
	}
}

static void context_is_over_after_wait_whatever_the_tasks_returned(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(error_lists) / sizeof(error_lists[0]); i++) {
		eg_group group;
		eg_ctx *ctx;

		assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
		ctx = eg_group_ctx(&group);
		assert_non_null(ctx);
		assert_int_equal(eg_ctx_err(ctx), 0);
		eg_group_set_limit(&group, 1);
		for (int k = 0; k < error_lists[i].count; k++)
			eg_group_go(&group, task_return, CODE(error_lists[i].codes[k]));
		assert_int_equal(eg_group_wait(&group), error_lists[i].first);
		assert_int_equal(eg_ctx_err(ctx), -ECANCELED);
		eg_group_destroy(&group);
	}
}

static void cause_is_the_error_or_plain_canceled_on_success(void **state)
{
	(void)state;
	for (int code = -EIO; code <= 0; code += EIO) {
		eg_group group;

		assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
		eg_group_go(&group, task_return, CODE(code));
		assert_int_equal(eg_group_wait(&group), code);
		if (code)
			assert_ptr_equal(eg_ctx_cause(eg_group_ctx(&group)), eg_group_error(&group));
		else
			assert_string_equal(eg_error_message(eg_ctx_cause(eg_group_ctx(&group))), "canceled");
		assert_int_equal(eg_error_code(eg_ctx_cause(eg_group_ctx(&group))), code ? code : -ECANCELED);
		eg_group_destroy(&group);
	}
}

static void try_go_accepts_42_of_43_at_limit_42_and_again_after_wait(void **state)
{
	eg_group group = EG_GROUP_INIT;
	struct tally gate = TALLY_INIT;
	struct hold hold = HOLD_INIT;

	(void)state;
	eg_group_set_limit(&group, 42);
	for (int i = 0; i < 42; i++)
		assert_int_equal(eg_group_try_go(&group, task_hold, &hold), 0);
	assert_int_equal(eg_group_try_go(&group, task_hold, &hold), -EAGAIN);
	tally_await(&hold.started, 42);
	assert_int_equal(eg_group_try_go(&group, task_hold, &hold), -EAGAIN);
	tally_add(&hold.release, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(tally_value(&hold.started), 42);

	assert_int_equal(eg_group_try_go(&group, task_return, NULL), 0);
	assert_int_equal(eg_group_wait(&group), 0);

	eg_group_set_limit(&group, 1);
	assert_int_equal(eg_group_try_go(&group, task_gate, &gate), 0);
	assert_int_equal(eg_group_try_go(&group, task_return, NULL), -EAGAIN);
	tally_add(&gate, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

static int task_gauge(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	gauge_enter(arg);
	sched_yield();
	gauge_leave(arg);
	return 0;
}

static void limit_10_never_has_more_than_10_of_1025_tasks_active(void **state)
{
	eg_group group = EG_GROUP_INIT;
	struct gauge gauge = {0};

	(void)state;
	eg_group_set_limit(&group, 10);
	for (int i = 0; i < 1025; i++)
		eg_group_go(&group, task_gauge, &gauge);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_in_range(atomic_load(&gauge.most), 1, 10);
	assert_int_equal(atomic_load(&gauge.now), 0);
	eg_group_destroy(&group);
}

struct search {
	const char *kind;
	const char *query;
	char result[64];
};

static int task_search(eg_ctx *ctx, void *arg)
{
	struct search *search = arg;

	(void)ctx;
	if (!search->query)
		return eg_fail(-ENOENT, "no query for %s", search->kind);
	snprintf(search->result, sizeof(search->result), "%s result for %s", search->kind, search->query);
	return 0;
}

static void just_errors_reports_the_one_fetch_that_failed(void **state)
{
	struct search searches[] = {{"web", "golang", ""}, {"image", NULL, ""}, {"video", "golang", ""}};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	for (int i = 0; i < 3; i++)
		eg_group_go(&group, task_search, &searches[i]);
	assert_int_equal(eg_group_wait(&group), -ENOENT);
	assert_string_equal(eg_error_message(eg_group_error(&group)), "no query for image");
	eg_group_destroy(&group);
}

static void parallel_searches_give_results_in_order(void **state)
{
	struct search searches[] = {{"web", "golang", ""}, {"image", "golang", ""}, {"video", "golang", ""}};
	eg_group group;

	(void)state;
	assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
	for (int i = 0; i < 3; i++)
		eg_group_go(&group, task_search, &searches[i]);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_string_equal(searches[0].result, "web result for golang");
	assert_string_equal(searches[1].result, "image result for golang");
	assert_string_equal(searches[2].result, "video result for golang");
	eg_group_destroy(&group);
}

/*
 * The pipeline: a walker inside the group submits a digest task for every file as it finds it.
 */

enum { PIPELINE_FILES = 2000 };

struct pipeline {
	eg_group group;
	struct digest {
		struct pipeline *pipeline;
		uint32_t file;
		uint32_t sum;
	} digests[PIPELINE_FILES];
};

static uint32_t digest_of(uint32_t file)
{
	uint32_t sum = 2166136261U;

	for (uint32_t i = 0; i < 64; i++)
		sum = (sum ^ (file + i)) * 16777619U;
	return sum;
}

static int task_digest(eg_ctx *ctx, void *arg)
{
	struct digest *digest = arg;

	(void)ctx;
	digest->sum = digest_of(digest->file);
	return 0;
}

static int task_walk(eg_ctx *ctx, void *arg)
{
	struct pipeline *pipeline = arg;

	for (uint32_t i = 0; i < PIPELINE_FILES && !eg_ctx_err(ctx); i++) {
		pipeline->digests[i].file = i;
		CHECK(eg_group_go(&pipeline->group, task_digest, &pipeline->digests[i]) == 0);
	}
	return 0;
}

static void pipeline_digests_every_file_that_a_walker_inside_the_group_finds(void **state)
{
	static const int limits[] = {1, 2, 20, EG_LIMIT_NONE};
	static struct pipeline pipeline;

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		memset(&pipeline, 0, sizeof(pipeline));
		assert_int_equal(eg_group_init(&pipeline.group, NULL, NULL), 0);
		eg_group_set_limit(&pipeline.group, limits[i]);
		eg_group_go(&pipeline.group, task_walk, &pipeline);
		assert_int_equal(eg_group_wait(&pipeline.group), 0);
		for (uint32_t k = 0; k < PIPELINE_FILES; k++)
			assert_int_equal(pipeline.digests[k].sum, digest_of(k));
		eg_group_destroy(&pipeline.group);
	}
}

/*
 * kratos
 */

static int task_meet_four(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	tally_meet(arg, 4);
	return 0;
}

static void four_tasks_without_a_limit_run_at_once(void **state)
{
	eg_group group = EG_GROUP_INIT;
	struct tally met = TALLY_INIT;

	(void)state;
	for (int i = 0; i < 4; i++)
		eg_group_go(&group, task_meet_four, &met);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

struct pair_member {
	struct tally *met;
	struct gauge *gauge;
};

static int task_pair(eg_ctx *ctx, void *arg)
{
	struct pair_member *member = arg;

	(void)ctx;
	gauge_enter(member->gauge);
	tally_meet(member->met, 2);
	gauge_leave(member->gauge);
	return 0;
}

static void four_tasks_at_limit_2_run_two_by_two(void **state)
{
	struct tally met[2] = {TALLY_INIT, TALLY_INIT};
	struct gauge gauge = {0};
	struct pair_member members[4];
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_set_limit(&group, 2);
	for (int i = 0; i < 4; i++) {
		members[i] = (struct pair_member){&met[i / 2], &gauge};
		eg_group_go(&group, task_pair, &members[i]);
	}
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&gauge.most), 2);
	eg_group_destroy(&group);
}

static int task_until_cancelled(eg_ctx *ctx, void *arg)
{
	(void)arg;
	ctx_await_cancel(ctx);
	return eg_ctx_err(ctx);
}

static void an_error_cancels_the_context_of_a_sibling_under_a_limit(void **state)
{
	eg_group group;

	(void)state;
	assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
	eg_group_set_limit(&group, 2);
	eg_group_go(&group, task_until_cancelled, NULL);
	eg_group_go(&group, task_return, CODE(-EIO));
	assert_int_equal(eg_group_wait(&group), -EIO);
	eg_group_destroy(&group);
}

static int task_panic(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_panic("this is what panicking looks like");
}

static void an_explicit_panic_comes_back_as_an_error_with_and_without_a_limit(void **state)
{
	(void)state;
	for (int limit = -1; limit <= 2; limit += 3) {
		eg_group group = EG_GROUP_INIT;

		eg_group_set_limit(&group, limit);
		eg_group_go(&group, task_panic, NULL);
		assert_int_equal(eg_group_wait(&group), EG_EPANIC);
		assert_int_equal(eg_error_kind(eg_group_error(&group)), EG_ERROR_PANIC);
		assert_non_null(
		    strstr(eg_error_message(eg_group_error(&group)), "what panicking looks like"));
		eg_group_destroy(&group);
	}
}

static void wait_repeated_returns_the_same(void **state)
{
	(void)state;
	for (int limit = -1; limit <= 2; limit += 3) {
		eg_group group = EG_GROUP_INIT;
		eg_error *error;

		eg_group_set_limit(&group, limit);
		eg_group_go(&group, task_return, CODE(-EIO));
		assert_int_equal(eg_group_wait(&group), -EIO);
		error = eg_group_error(&group);
		assert_int_equal(eg_group_wait(&group), -EIO);
		assert_int_equal(eg_group_wait(&group), -EIO);
		assert_ptr_equal(eg_group_error(&group), error);
		eg_group_destroy(&group);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(zero_group_returns_the_first_error_after_every_go),
	    TEST(context_is_over_after_wait_whatever_the_tasks_returned),
	    TEST(cause_is_the_error_or_plain_canceled_on_success),
	    TEST(try_go_accepts_42_of_43_at_limit_42_and_again_after_wait),
	    TEST(limit_10_never_has_more_than_10_of_1025_tasks_active),
	    TEST(just_errors_reports_the_one_fetch_that_failed),
	    TEST(parallel_searches_give_results_in_order),
	    TEST(pipeline_digests_every_file_that_a_walker_inside_the_group_finds),
	    TEST(four_tasks_without_a_limit_run_at_once),
	    TEST(four_tasks_at_limit_2_run_two_by_two),
	    TEST(an_error_cancels_the_context_of_a_sibling_under_a_limit),
	    TEST(an_explicit_panic_comes_back_as_an_error_with_and_without_a_limit),
	    TEST(wait_repeated_returns_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
