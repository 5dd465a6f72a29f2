/* SPDX-License-Identifier: MIT */
/*
 * Contexts: a tree in which cancellation runs down and never up, happens once, and carries its cause.
 */

#include "support.h"

#include <malloc.h>

static void null_is_the_background_context_which_is_never_cancelled(void **state)
{
	(void)state;
	assert_int_equal(eg_ctx_err(NULL), 0);
	assert_null(eg_ctx_cause(NULL));
	assert_null(eg_ctx_ref(NULL));
	eg_ctx_unref(NULL);
	assert_int_equal(eg_ctx_cancel(NULL, NULL), -EINVAL);
	assert_int_equal(eg_ctx_with_cancel(NULL, NULL), -EINVAL);
}

static void the_first_cancellation_wins(void **state)
{
	eg_error *first = eg_error_create(-EIO, "first"), *second = eg_error_create(-EPIPE, "second");
	eg_ctx *ctx = ctx_under(NULL);

	(void)state;
	assert_int_equal(eg_ctx_err(ctx), 0);
	assert_null(eg_ctx_cause(ctx));
	assert_int_equal(eg_ctx_cancel(ctx, first), 0);
	assert_int_equal(eg_ctx_cancel(ctx, second), -EALREADY);
	assert_int_equal(eg_ctx_cancel(ctx, NULL), -EALREADY);
	assert_int_equal(eg_ctx_err(ctx), -ECANCELED);
	assert_ptr_equal(eg_ctx_cause(ctx), first);

	/* The context has a reference of its own to the cause. */
	eg_error_unref(first);
	eg_error_unref(second);
	assert_string_equal(eg_error_message(eg_ctx_cause(ctx)), "first");
	assert_ptr_equal(eg_ctx_ref(ctx), ctx);
	eg_ctx_unref(ctx);
	eg_ctx_unref(ctx);
}

static void cancellation_without_a_cause_is_plain_canceled(void **state)
{
	eg_ctx *ctx = ctx_under(NULL);

	(void)state;
	assert_int_equal(eg_ctx_cancel(ctx, NULL), 0);
	assert_non_null(eg_ctx_cause(ctx));
	assert_int_equal(eg_error_code(eg_ctx_cause(ctx)), -ECANCELED);
	assert_string_equal(eg_error_message(eg_ctx_cause(ctx)), "canceled");
	eg_ctx_unref(ctx);
}

static void cancellation_runs_down_and_never_up_or_sideways(void **state)
{
	eg_error *cause = eg_error_create(-EIO, "cause");
	eg_ctx *root = ctx_under(NULL), *left = ctx_under(root), *right = ctx_under(root);
	eg_ctx *leaf = ctx_under(left), *deep = ctx_under(leaf);

	(void)state;
	assert_int_equal(eg_ctx_cancel(left, cause), 0);
	assert_ptr_equal(eg_ctx_cause(leaf), cause);
	assert_ptr_equal(eg_ctx_cause(deep), cause);
	assert_int_equal(eg_ctx_cancel(deep, NULL), -EALREADY);
	assert_int_equal(eg_ctx_err(right), 0);
	assert_int_equal(eg_ctx_err(root), 0);

	assert_int_equal(eg_ctx_cancel(root, NULL), 0);
	assert_int_equal(eg_error_code(eg_ctx_cause(right)), -ECANCELED);
	assert_ptr_equal(eg_ctx_cause(left), cause); /* cancelled once, with its own cause */
	assert_ptr_equal(eg_ctx_cause(deep), cause);
	eg_ctx_unref(deep);
	eg_ctx_unref(leaf);
	eg_ctx_unref(right);
	eg_ctx_unref(left);
	eg_ctx_unref(root);
	eg_error_unref(cause);
}

static void a_child_of_a_cancelled_parent_is_cancelled_with_the_parents_cause(void **state)
{
	eg_error *cause = eg_error_create(-EIO, "cause");
	eg_ctx *root = ctx_under(NULL), *child, *grandchild;

	(void)state;
	eg_ctx_cancel(root, cause);
	child = ctx_under(root);
	grandchild = ctx_under(child);
	assert_int_equal(eg_ctx_err(child), -ECANCELED);
	assert_ptr_equal(eg_ctx_cause(grandchild), cause);
	eg_ctx_unref(root);
	eg_ctx_unref(child);
	eg_ctx_unref(grandchild);
	eg_error_unref(cause);
}

static void a_child_keeps_its_parents_alive_and_still_hears_of_them(void **state)
{
	eg_ctx *root = ctx_under(NULL), *middle = ctx_under(root), *leaf = ctx_under(middle);

	(void)state;
	eg_ctx_unref(middle);
	assert_int_equal(eg_ctx_cancel(root, NULL), 0);
	eg_ctx_unref(root);
	assert_int_equal(eg_ctx_err(leaf), -ECANCELED);
	eg_ctx_unref(leaf);
}

static void dropping_a_context_cancels_nothing_and_unlinks_it(void **state)
{
	eg_ctx *root = ctx_under(NULL), *stays = ctx_under(root);
	size_t before, after;

	(void)state;
	for (int i = 0; i < 1000; i++)
		eg_ctx_unref(ctx_under(root));
	before = heap_in_use();
	for (long i = 0; goes_on(i, 200000); i++)
		eg_ctx_unref(ctx_under(root));
	after = heap_in_use();
	assert_true(after < before + 65536);
	assert_int_equal(eg_ctx_err(root), 0);
	assert_int_equal(eg_ctx_err(stays), 0);
	eg_ctx_cancel(root, NULL);
	assert_int_equal(eg_ctx_err(stays), -ECANCELED);
	eg_ctx_unref(stays);
	eg_ctx_unref(root);
}

/*
 * Size: no recursion, shown by a thread with a small stack.
 */

static const char big_key;

static void big_tree_called(void *arg)
{
	atomic_fetch_add((atomic_long *)arg, 1);
}

/* Every kind of context, in turn; those with deadlines, values and functions are the ones with more to undo. */
static eg_ctx *big_tree_derive(eg_ctx *parent, long number, eg_ctx_callback *callback, atomic_long *called)
{
	eg_ctx *ctx = NULL;
	int err;

	if (number % 4 == 1)
		err = eg_ctx_with_timeout(parent, INT64_C(3600000000000) - number, &ctx);
	else if (number % 4 == 2)
		err = eg_ctx_with_value(parent, &big_key, called, NULL, &ctx);
	else
		err = eg_ctx_with_cancel(parent, &ctx);
	if (!err && number % 4 == 3)
		err = eg_ctx_on_end(ctx, big_tree_called, called, callback);
	if (err)
		abort();
	return ctx;
}

static void *big_tree_main(void *arg)
{
	long count = scaled(1000000);
	eg_ctx **all = calloc((size_t)count, sizeof(*all));
	eg_ctx_callback *callbacks = calloc((size_t)count, sizeof(*callbacks));
	bool wide = arg != NULL;
	eg_ctx *root = ctx_under(NULL);
	atomic_long called = 0;

	CHECK(all != NULL && callbacks != NULL);
	for (long i = 0; all && callbacks && i < count; i++)
		all[i] = big_tree_derive(wide || i == 0 ? root : all[i - 1], i, &callbacks[i], &called);
	CHECK(eg_ctx_cancel(root, NULL) == 0);
	CHECK(atomic_load(&called) == count / 4);
	for (long i = 0; all && i < count; i++)
		CHECK(eg_ctx_err(all[i]) == -ECANCELED);

	/* From the top, so that the last reference, to the deepest, takes the whole chain along. */
	eg_ctx_unref(root);
	for (long i = 0; all && callbacks && i < count; i++) {
		eg_ctx_off_end(&callbacks[i]);
		eg_ctx_unref(all[i]);
	}
	free(callbacks);
	free(all);
	return NULL;
}

static void big_tree_run(void *wide)
{
	pthread_attr_t attr;
	pthread_t thread;
	size_t before;

	/* The thread that sees to deadlines is there before. */
	eg_ctx_unref(big_tree_derive(NULL, 1, NULL, NULL));
	before = heap_in_use();
	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstacksize(&attr, small_stack(65536)), 0);
	assert_int_equal(pthread_create(&thread, &attr, big_tree_main, wide), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
	assert_true(heap_in_use() < before + 65536);
}

static void a_chain_of_a_million_is_cancelled_and_freed_on_a_small_stack(void **state)
{
	(void)state;
	big_tree_run(NULL);
}

static void a_million_children_are_cancelled_and_freed_on_a_small_stack(void **state)
{
	(void)state;
	big_tree_run(&big_tree_run);
}

/*
 * Races
 */

struct canceller {
	eg_ctx *ctx;
	eg_error *cause;
	struct tally *start;
	long parties;
	int code;
};

static void *canceller_main(void *arg)
{
	struct canceller *canceller = arg;

	tally_meet(canceller->start, canceller->parties);
	canceller->code = eg_ctx_cancel(canceller->ctx, canceller->cause);
	CHECK(eg_ctx_err(canceller->ctx) == -ECANCELED);
	CHECK(eg_ctx_cause(canceller->ctx) != NULL);
	return NULL;
}

static void of_two_cancellations_at_once_exactly_one_wins_with_its_cause(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 2000); round++) {
		struct tally start = TALLY_INIT;
		eg_ctx *ctx = ctx_under(NULL), *child = ctx_under(ctx);
		struct canceller cancellers[2];
		pthread_t threads[2];
		int winner;

		for (int i = 0; i < 2; i++) {
			eg_error *cause = eg_error_create(-100 - i, "cause %d", i);

			cancellers[i] = (struct canceller){ctx, cause, &start, 2, 1};
			assert_int_equal(pthread_create(&threads[i], NULL, canceller_main, &cancellers[i]),
					 0);
		}
		for (int i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		assert_int_equal(cancellers[0].code + cancellers[1].code, -EALREADY);
		winner = cancellers[0].code ? 1 : 0;
		assert_ptr_equal(eg_ctx_cause(ctx), cancellers[winner].cause);
		assert_ptr_equal(eg_ctx_cause(child), cancellers[winner].cause);
		for (int i = 0; i < 2; i++)
			eg_error_unref(cancellers[i].cause);
		eg_ctx_unref(child);
		eg_ctx_unref(ctx);
	}
}

/* A parent and its child cancelled at once, while the parent's own reference is dropped. */
static void parent_and_child_may_be_cancelled_at_once(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 2000); round++) {
		struct tally start = TALLY_INIT;
		eg_ctx *parent = ctx_under(NULL), *child = ctx_under(parent), *leaf = ctx_under(child);
		struct canceller cancellers[2] = {{parent, NULL, &start, 2, 1}, {child, NULL, &start, 2, 1}};
		pthread_t threads[2];

		for (int i = 0; i < 2; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, canceller_main, &cancellers[i]),
					 0);
		for (int i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		assert_int_equal(cancellers[0].code, 0);
		assert_true(cancellers[1].code == 0 || cancellers[1].code == -EALREADY);
		eg_ctx_unref(parent);
		eg_ctx_unref(child);
		assert_int_equal(eg_ctx_err(leaf), -ECANCELED);
		eg_ctx_unref(leaf);
	}
}

struct breeder {
	eg_ctx *root;
	struct tally *start;
};

static void *breeder_main(void *arg)
{
	struct breeder *breeder = arg;
	eg_ctx *kept[16];

	tally_meet(breeder->start, 3);
	for (int i = 0; i < 16; i++)
		kept[i] = ctx_under(i % 3 && i > 2 ? kept[i - 2] : breeder->root);
	for (int i = 0; i < 16; i += 2)
		eg_ctx_unref(kept[i]);
	for (int i = 1; i < 16; i += 2) {
		ctx_await_cancel(kept[i]);
		CHECK(eg_error_code(eg_ctx_cause(kept[i])) == -EIO);
		eg_ctx_unref(kept[i]);
	}
	return NULL;
}

/* Children made, dropped and cancelled at once: none may miss the cancellation. */
static void no_child_made_during_a_cancellation_misses_it(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 1000); round++) {
		struct tally start = TALLY_INIT;
		eg_error *cause = eg_error_create(-EIO, "cause");
		eg_ctx *root = ctx_under(NULL);
		struct breeder breeder = {root, &start};
		pthread_t threads[2];

		for (int i = 0; i < 2; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, breeder_main, &breeder), 0);
		tally_meet(&start, 3);
		for (long i = 0; i < round % 64; i++)
			sched_yield();
		assert_int_equal(eg_ctx_cancel(root, cause), 0);
		eg_error_unref(cause);
		for (int i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		eg_ctx_unref(root);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(null_is_the_background_context_which_is_never_cancelled),
	    TEST(the_first_cancellation_wins),
	    TEST(cancellation_without_a_cause_is_plain_canceled),
	    TEST(cancellation_runs_down_and_never_up_or_sideways),
	    TEST(a_child_of_a_cancelled_parent_is_cancelled_with_the_parents_cause),
	    TEST(a_child_keeps_its_parents_alive_and_still_hears_of_them),
	    TEST(dropping_a_context_cancels_nothing_and_unlinks_it),
	    TEST(a_chain_of_a_million_is_cancelled_and_freed_on_a_small_stack),
	    TEST(a_million_children_are_cancelled_and_freed_on_a_small_stack),
	    TEST(of_two_cancellations_at_once_exactly_one_wins_with_its_cause),
	    TEST(parent_and_child_may_be_cancelled_at_once),
	    TEST(no_child_made_during_a_cancellation_misses_it),
	};

	/* What threads have allocated counts too. */
	mallopt(M_ARENA_MAX, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
