/* SPDX-License-Identifier: MIT */
/*
 * Submission: every accepted task runs exactly once, from wherever and whenever it was submitted, and nothing
 * is held back while a worker is free.
 */

#include "support.h"

/*
 * A bitmap of tasks, one byte each: how often every task ran.
 */

struct runs {
	atomic_uchar *ran;
	long count;
};

static struct runs runs_create(long count)
{
	struct runs runs = {calloc((size_t)count, 1), count};

	assert_non_null(runs.ran);
	return runs;
}

static void runs_finish_all_once(struct runs *runs)
{
	long wrong = 0;

	for (long i = 0; i < runs->count; i++)
		wrong += atomic_load_explicit(&runs->ran[i], memory_order_relaxed) != 1;
	assert_int_equal(wrong, 0);
	free(runs->ran);
}

static int task_mark(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	atomic_fetch_add_explicit((atomic_uchar *)arg, 1, memory_order_relaxed);
	return 0;
}

static void a_million_tasks_run_exactly_once_at_limits_1_2_8_and_none(void **state)
{
	static const int limits[] = {1, 2, 8, EG_LIMIT_NONE};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct runs runs = runs_create(scaled(1000000));
		eg_group group = EG_GROUP_INIT;

		eg_group_set_limit(&group, limits[i]);
		for (long k = 0; k < runs.count; k++)
			assert_int_equal(eg_group_go(&group, task_mark, &runs.ran[k]), 0);
		assert_int_equal(eg_group_wait(&group), 0);
		runs_finish_all_once(&runs);
		eg_group_destroy(&group);
	}
}

struct submitter {
	eg_group *group;
	atomic_uchar *ran;
	long count;
	struct tally *start;
};

static void *submitter_main(void *arg)
{
	struct submitter *submitter = arg;

	tally_meet(submitter->start, 4);
	for (long i = 0; i < submitter->count; i++)
		CHECK(eg_group_go(submitter->group, task_mark, &submitter->ran[i]) == 0);
	return NULL;
}

static void four_submitting_threads_lose_nothing(void **state)
{
	static const int limits[] = {1, 2, EG_LIMIT_NONE};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct runs runs = runs_create(4 * scaled(50000));
		struct tally start = TALLY_INIT;
		struct submitter submitters[4];
		eg_group group = EG_GROUP_INIT;
		pthread_t threads[4];

		eg_group_set_limit(&group, limits[i]);
		for (int k = 0; k < 4; k++) {
			long share = runs.count / 4;

			submitters[k] = (struct submitter){&group, runs.ran + k * share, share, &start};
			assert_int_equal(pthread_create(&threads[k], NULL, submitter_main, &submitters[k]),
					 0);
		}
		for (int k = 0; k < 4; k++)
			pthread_join(threads[k], NULL);
		assert_int_equal(eg_group_wait(&group), 0);
		runs_finish_all_once(&runs);
		eg_group_destroy(&group);
	}
}

/* Two threads make the first use of an all-zero group at once: one state is made, not two. */
static void two_threads_may_make_the_first_use_of_a_zero_group_at_once(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 1000); round++) {
		atomic_uchar ran[4] = {0};
		struct tally start = TALLY_INIT;
		struct submitter submitters[4];
		eg_group group = EG_GROUP_INIT;
		pthread_t threads[4];

		for (int k = 0; k < 4; k++) {
			submitters[k] = (struct submitter){&group, &ran[k], 1, &start};
			assert_int_equal(pthread_create(&threads[k], NULL, submitter_main, &submitters[k]),
					 0);
		}
		for (int k = 0; k < 4; k++)
			pthread_join(threads[k], NULL);
		assert_int_equal(eg_group_wait(&group), 0);
		for (int k = 0; k < 4; k++)
			assert_int_equal(atomic_load(&ran[k]), 1);
		eg_group_destroy(&group);
	}
}

/*
 * Nobody waits: the tasks must run all the same, far past the capacity of any ring.
 */
static void tasks_past_the_ring_run_although_nobody_waits(void **state)
{
	static const int limits[] = {1, 2, EG_LIMIT_NONE};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct hold hold = HOLD_INIT;
		atomic_long ran = 0;
		long count = scaled(100000);
		eg_group group = EG_GROUP_INIT;

		eg_group_set_limit(&group, limits[i]);
		eg_group_go(&group, task_hold, &hold);
		tally_await(&hold.started, 1);
		for (long k = 0; k < count; k++)
			eg_group_go(&group, task_count, &ran);
		tally_add(&hold.release, 1);
		while (atomic_load(&ran) < count)
			sched_yield();
		assert_int_equal(eg_group_wait(&group), 0);
		eg_group_destroy(&group);
	}
}

/*
 * Submission from inside tasks
 */

struct inner {
	eg_group *group;
	struct runs runs;
	struct tally release;
};

static int task_submit_all(eg_ctx *ctx, void *arg)
{
	struct inner *inner = arg;

	(void)ctx;
	tally_await(&inner->release, 1);
	for (long i = 0; i < inner->runs.count; i++)
		CHECK(eg_group_go(inner->group, task_mark, &inner->runs.ran[i]) == 0);
	return 0;
}

/*
 * The task submits only after another thread went to sleep in wait with nothing pending: whatever wait
 * flushes was flushed before.
 */
static void a_task_that_spills_while_another_thread_waits_has_all_of_it_run(void **state)
{
	static const int limits[] = {1, 2, EG_LIMIT_NONE};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct hold hold = HOLD_INIT;
		eg_group group = EG_GROUP_INIT;
		struct inner inner = {&group, runs_create(scaled(100000)), TALLY_INIT};
		struct waiter waiter = WAITER_INIT(&group);
		pthread_t thread;

		eg_group_set_limit(&group, limits[i]);
		eg_group_go(&group, task_submit_all, &inner);
		if (limits[i] == 2)
			eg_group_go(&group, task_hold, &hold);
		assert_int_equal(pthread_create(&thread, NULL, waiter_main, &waiter), 0);
		/*
		 * With limit 1 the waiter itself may have taken the task: then it sleeps in the gate, which
		 * is as good, for the flush came before.
		 */
		assert_true(thread_blocks(&waiter.thread, &waiter.returned));
		tally_add(&inner.release, 1);
		tally_add(&hold.release, 1);
		pthread_join(thread, NULL);
		assert_int_equal(waiter.code, 0);
		runs_finish_all_once(&inner.runs);
		eg_group_destroy(&group);
	}
}

struct cascade {
	eg_group *group;
	long left; /* touched by one task at a time */
};

static int task_cascade(eg_ctx *ctx, void *arg)
{
	struct cascade *cascade = arg;

	(void)ctx;
	if (--cascade->left > 0)
		CHECK(eg_group_go(cascade->group, task_cascade, cascade) == 0);
	return 0;
}

static void a_cascade_of_200000_tasks_each_submitting_the_next_is_waited_for(void **state)
{
	static const int limits[] = {1, 2, EG_LIMIT_NONE};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		eg_group group = EG_GROUP_INIT;
		struct cascade cascade = {&group, scaled(200000)};

		eg_group_set_limit(&group, limits[i]);
		eg_group_go(&group, task_cascade, &cascade);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(cascade.left, 0);
		eg_group_destroy(&group);
	}
}

struct tree {
	eg_group *group;
	atomic_long *leaves;
	int depth;
};

static int task_tree(eg_ctx *ctx, void *arg)
{
	struct tree *tree = arg;
	struct tree child = {tree->group, tree->leaves, tree->depth - 1};

	(void)ctx;
	if (tree->depth == 0) {
		atomic_fetch_add(tree->leaves, 1);
		return 0;
	}
	for (int i = 0; i < 4; i++)
		CHECK(eg_group_go_copy(tree->group, task_tree, &child, sizeof(child)) == 0);
	return 0;
}

static void a_tree_of_tasks_that_submit_tasks_counts_every_leaf(void **state)
{
	static const int limits[] = {1, 2, 8, EG_LIMIT_NONE};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		atomic_long leaves = 0;
		eg_group group = EG_GROUP_INIT;
		struct tree root = {&group, &leaves, 7};

		eg_group_set_limit(&group, limits[i]);
		eg_group_go(&group, task_tree, &root);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(atomic_load(&leaves), 16384);
		eg_group_destroy(&group);
	}
}

/*
 * Copied arguments
 */

struct copied {
	long index;
	atomic_uchar *ran;
	unsigned char bytes[40];
};

static int task_copied(eg_ctx *ctx, void *arg)
{
	struct copied *copied = arg;

	(void)ctx;
	CHECK((uintptr_t)arg % _Alignof(max_align_t) == 0);
	for (size_t i = 0; i < sizeof(copied->bytes); i++)
		CHECK(copied->bytes[i] == (unsigned char)(copied->index + (long)i));
	atomic_fetch_add(&copied->ran[copied->index], 1);
	memset(copied, 0xff, sizeof(*copied)); /* the copy is the task's own */
	return 0;
}

static void go_copy_gives_every_task_its_own_aligned_copy(void **state)
{
	struct runs runs = runs_create(scaled(50000));
	eg_group group = EG_GROUP_INIT;
	struct copied copied;

	(void)state;
	eg_group_set_limit(&group, 2);
	for (long i = 0; i < runs.count; i++) {
		copied.index = i;
		copied.ran = runs.ran;
		for (size_t k = 0; k < sizeof(copied.bytes); k++)
			copied.bytes[k] = (unsigned char)(i + (long)k);
		assert_int_equal(eg_group_go_copy(&group, task_copied, &copied, sizeof(copied)), 0);
		memset(&copied, 0, sizeof(copied));
	}
	assert_int_equal(eg_group_wait(&group), 0);
	runs_finish_all_once(&runs);
	eg_group_destroy(&group);
}

static int task_sum(eg_ctx *ctx, void *arg)
{
	const unsigned char *bytes = arg;
	long sum = 0;

	(void)ctx;
	for (size_t i = 0; i < 100000; i++)
		sum += bytes[i];
	return sum == 100000 * 7 ? 0 : -EBADMSG;
}

static void go_copy_takes_arguments_of_any_size_and_of_none(void **state)
{
	eg_group group = EG_GROUP_INIT;
	unsigned char *bytes = malloc(100000);

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 7, 100000);
	assert_int_equal(eg_group_go_copy(&group, task_sum, bytes, 100000), 0);
	free(bytes);
	assert_int_equal(eg_group_go_copy(&group, task_nothing, "", 0), 0);
	assert_int_equal(eg_group_go_copy(&group, task_nothing, NULL, 0), 0);
	assert_int_equal(eg_group_wait_until(&group, INT64_MAX), 0);
	eg_group_destroy(&group);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_million_tasks_run_exactly_once_at_limits_1_2_8_and_none),
	    TEST(four_submitting_threads_lose_nothing),
	    TEST(two_threads_may_make_the_first_use_of_a_zero_group_at_once),
	    TEST(tasks_past_the_ring_run_although_nobody_waits),
	    TEST(a_task_that_spills_while_another_thread_waits_has_all_of_it_run),
	    TEST(a_cascade_of_200000_tasks_each_submitting_the_next_is_waited_for),
	    TEST(a_tree_of_tasks_that_submit_tasks_counts_every_leaf),
	    TEST(go_copy_gives_every_task_its_own_aligned_copy),
	    TEST(go_copy_takes_arguments_of_any_size_and_of_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
