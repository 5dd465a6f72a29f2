/* SPDX-License-Identifier: MIT */
/*
 * Maps: results in their places, and nothing in the places of those that failed.
 *
 *     ERRGROUP_TEST_ITEMS=1000000 build/test/test_map        with so many items rather than 20,000
 */

#include "support.h"

#include <errgroup.h>

/* 20,000, or as the environment says; less where everything is slow. */
static size_t items(void)
{
	const char *text = getenv("ERRGROUP_TEST_ITEMS");
	long count = text ? atol(text) : 0;

	return (size_t)scaled(count > 0 ? count : 20000);
}

static uint64_t *numbers_make(size_t count)
{
	uint64_t *numbers = malloc(count * sizeof(*numbers));

	assert_non_null(numbers);
	for (size_t i = 0; i < count; i++)
		numbers[i] = i;
	return numbers;
}

/* What a result is: of any other item it would be another. */
static uint64_t mixed(uint64_t number)
{
	return number * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

#define UNTOUCHED UINT64_C(0x5555555555555555)

/* Which item ends in which way, and how many were begun. */
struct plan {
	uint64_t bad;
	int (*end)(eg_ctx *ctx);
	eg_ctx *cancel;
	atomic_long ran;
};

static int fail_by_code(eg_ctx *ctx)
{
	(void)ctx;
	return eg_fail(-EILSEQ, "no such number");
}

static int fail_by_panic(eg_ctx *ctx)
{
	(void)ctx;
	eg_panic("no such number");
}

static int map_mix(eg_ctx *ctx, void *arg, const void *in, void *out)
{
	struct plan *plan = arg;
	uint64_t number;

	memcpy(&number, in, sizeof(number));
	if (plan) {
		atomic_fetch_add(&plan->ran, 1);
		if (number == plan->bad) {
			*(uint64_t *)out = 0;
			if (plan->end)
				return plan->end(ctx);
			eg_ctx_cancel(plan->cancel, NULL);
		} else if (plan->cancel && number > plan->bad) {
			/* Or all of them might have run by then, and nothing be amiss. */
			ctx_await_cancel(plan->cancel);
		}
	}
	*(uint64_t *)out = mixed(number);
	return 0;
}

static void under_every_limit_all_results_are_in_their_places(void **state)
{
	size_t count = items();
	uint64_t *in = numbers_make(count), *out = malloc(count * sizeof(*out));

	(void)state;
	for (int limit = 1; limit <= 8; limit++) {
		memset(out, 0x55, count * sizeof(*out));
		assert_int_equal(eg_map(NULL, count, in, sizeof(*in), out, sizeof(*out), map_mix, NULL,
					EG_GROUP_OPTIONS(.limit = limit), NULL),
				 0);
		for (size_t i = 0; i < count; i++)
			if (out[i] != mixed(i))
				fail_msg("limit %d: item %zu", limit, i);
	}
	free(in);
	free(out);
}

static void a_map_may_be_in_place(void **state)
{
	size_t count = items();
	uint64_t *numbers = numbers_make(count);

	(void)state;
	assert_int_equal(eg_map(NULL, count, numbers, sizeof(*numbers), numbers, sizeof(*numbers), map_mix,
				NULL, NULL, NULL),
			 0);
	for (size_t i = 0; i < count; i++)
		if (numbers[i] != mixed(i))
			fail_msg("item %zu", i);
	free(numbers);
}

/* Each place has its result or is as it was; and none but those begun have one. The bad one's is as it was. */
static void places_are_whole(const uint64_t *out, size_t count, const struct plan *plan, bool is_written)
{
	size_t results = 0;

	for (size_t i = 0; i < count; i++) {
		if (out[i] == mixed(i))
			results++;
		else if (out[i] != UNTOUCHED)
			fail_msg("item %zu is half done", i);
	}
	assert_true(results + !is_written == (size_t)atomic_load(&plan->ran));
	assert_true((out[plan->bad] == mixed(plan->bad)) == is_written);
}

static void an_item_that_fails_leaves_its_place_alone_and_is_the_error(int (*end)(eg_ctx *ctx), int code)
{
	size_t count = items();
	uint64_t *in = numbers_make(count), *out = malloc(count * sizeof(*out));

	for (int limit = 1; limit <= 8; limit++) {
		struct plan plan = {.bad = count / 2, .end = end};
		eg_error *error;

		memset(out, 0x55, count * sizeof(*out));
		assert_int_equal(eg_map(NULL, count, in, sizeof(*in), out, sizeof(*out), map_mix, &plan,
					EG_GROUP_OPTIONS(.limit = limit), &error),
				 code);
		assert_non_null(strstr(eg_error_message(error), "no such number"));
		assert_int_equal(eg_error_task_index(error), plan.bad);
		places_are_whole(out, count, &plan, false);
		eg_error_unref(error);
	}
	free(in);
	free(out);
}

static void a_failed_item_leaves_its_place_alone_and_is_the_error(void **state)
{
	(void)state;
	an_item_that_fails_leaves_its_place_alone_and_is_the_error(fail_by_code, -EILSEQ);
}

static void a_panicked_item_leaves_its_place_alone_and_is_the_error(void **state)
{
	(void)state;
	an_item_that_fails_leaves_its_place_alone_and_is_the_error(fail_by_panic, EG_EPANIC);
}

static void a_cancelled_map_has_whole_results_and_says_so(void **state)
{
	size_t count = items();
	uint64_t *in = numbers_make(count), *out = malloc(count * sizeof(*out));

	(void)state;
	for (int limit = 1; limit <= 8; limit++) {
		struct plan plan = {.bad = count / 2, .cancel = ctx_under(NULL)};
		eg_error *error;

		memset(out, 0x55, count * sizeof(*out));
		assert_int_equal(eg_map(plan.cancel, count, in, sizeof(*in), out, sizeof(*out), map_mix,
					&plan, EG_GROUP_OPTIONS(.limit = limit), &error),
				 -ECANCELED);
		assert_int_equal(eg_error_kind(error), EG_ERROR_SKIPPED);
		places_are_whole(out, count, &plan, true);
		eg_error_unref(error);
		eg_ctx_unref(plan.cancel);
	}
	free(in);
	free(out);
}

/*
 * Items of other sizes
 */

struct large {
	uint64_t number;
	char rest[5000];
};

static int map_large(eg_ctx *ctx, void *arg, const void *in, void *out)
{
	struct large *large = out;
	const uint64_t *number = in;

	CHECK((uintptr_t)out % _Alignof(max_align_t) == 0);
	/* What it does not write stays. */
	CHECK(large->rest[4999] == 'u');
	large->number = *number;
	memset(large->rest, 'w', 4999);
	return *number % 3 == 1 ? fail_by_panic(ctx) : arg && *number % 3 == 2 ? -EIO : 0;
}

static void large_items_take_memory_that_is_given_back(void **state)
{
	uint64_t *in = numbers_make(30);
	struct large *out = malloc(30 * sizeof(*out));
	size_t before = heap_in_use();

	(void)state;
	for (int round = 0; round < 2; round++) {
		memset(out, 'u', 30 * sizeof(*out));
		assert_true(eg_map(NULL, 30, in, sizeof(*in), out, sizeof(*out), map_large, &round,
				   EG_GROUP_OPTIONS(.limit = 2, .halt = EG_HALT_NEVER), NULL) != 0);
		for (size_t i = 0; i < 30; i++) {
			assert_int_equal(out[i].rest[0], i % 3 == 0 ? 'w' : 'u');
			assert_int_equal(out[i].rest[4999], 'u');
		}
		if (round == 0)
			before = heap_in_use();
	}
	assert_true(heap_in_use() <= before + 30 * sizeof(*out));
	free(in);
	free(out);
}

static int map_nothing(eg_ctx *ctx, void *arg, const void *in, void *out)
{
	(void)ctx, (void)out;
	CHECK(!in);
	atomic_fetch_add((atomic_long *)arg, 1);
	return 0;
}

static int map_count(eg_ctx *ctx, void *arg, const void *in, void *out)
{
	(void)ctx, (void)in;
	*(long *)out = atomic_fetch_add((atomic_long *)arg, 1);
	return 0;
}

static void there_may_be_nothing_on_either_side(void **state)
{
	atomic_long calls = 0;
	long out[10] = {0}, sum = 0;

	(void)state;
	assert_int_equal(eg_map(NULL, 10, NULL, 0, NULL, 0, map_nothing, &calls, NULL, NULL), 0);
	assert_int_equal(atomic_load(&calls), 10);
	assert_int_equal(eg_map(NULL, 10, NULL, 0, out, sizeof(out[0]), map_count, &calls, NULL, NULL), 0);
	for (size_t i = 0; i < 10; i++)
		sum += out[i];
	assert_int_equal(sum, 10 * 10 + 45);
	assert_int_equal(eg_map(NULL, 0, out, sizeof(out[0]), out, sizeof(out[0]), map_mix, NULL, NULL, NULL),
			 0);
}

static int map_fail(const void *in, size_t in_size, void *out, size_t out_size, size_t count)
{
	atomic_long calls = 0;
	int code = eg_map(NULL, count, in, in_size, out, out_size, map_count, &calls, NULL, NULL);

	assert_int_equal(atomic_load(&calls), 0);
	return code;
}

static void arrays_that_cannot_be_are_refused(void **state)
{
	long numbers[20] = {0};

	(void)state;
	assert_int_equal(map_fail(NULL, 8, numbers, 8, 1), -EINVAL);
	assert_int_equal(map_fail(numbers, 8, NULL, 8, 1), -EINVAL);
	assert_int_equal(map_fail(numbers, 8, numbers + 1, 8, 10), -EINVAL);
	assert_int_equal(map_fail(numbers + 1, 8, numbers, 8, 10), -EINVAL);
	assert_int_equal(map_fail(numbers, 4, numbers, 8, 10), -EINVAL);
	assert_int_equal(map_fail(numbers, 8, numbers + 10, 8, SIZE_MAX / 4), -EOVERFLOW);
	assert_int_equal(map_fail(numbers, 8, numbers + 10, 8, SIZE_MAX / 16 + 1), -EOVERFLOW);
	assert_int_equal(eg_map(NULL, 10, numbers, 8, numbers + 10, 8, NULL, NULL, NULL, NULL), -EINVAL);
	/* Side by side is no overlap. */
	assert_int_equal(eg_map(NULL, 10, numbers, 8, numbers + 10, 8, map_mix, NULL, NULL, NULL), 0);
	assert_int_equal((eg_map)(NULL, 10, numbers + 10, 8, numbers, 8, map_mix, NULL, NULL, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(under_every_limit_all_results_are_in_their_places),
	    TEST(a_map_may_be_in_place),
	    TEST(a_failed_item_leaves_its_place_alone_and_is_the_error),
	    TEST(a_panicked_item_leaves_its_place_alone_and_is_the_error),
	    TEST(a_cancelled_map_has_whole_results_and_says_so),
	    TEST(large_items_take_memory_that_is_given_back),
	    TEST(there_may_be_nothing_on_either_side),
	    TEST(arrays_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
