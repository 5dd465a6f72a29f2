/* SPDX-License-Identifier: MIT */
/*
 * Two calls at once if somebody has the time: that each is made once, whoever makes it, and that nobody can tell from what comes
 * back who did.
 */

#include "support.h"

/* A task of a group with this limit. Returns the group's code; its error, of which the caller has a reference. */
static int run_task(int limit, unsigned flags, eg_task_fn *fn, void *arg, eg_error **ret_error)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group;
	int code;

	options.limit = limit;
	options.flags = flags;
	assert_int_equal(eg_group_init(&group, NULL, &options), 0);
	assert_int_equal(eg_group_go(&group, fn, arg), 0);
	code = eg_group_wait(&group);
	if (ret_error)
		*ret_error = eg_error_ref(eg_group_error(&group));
	eg_group_destroy(&group);
	return code;
}

/*
 * All of it
 */

struct fib {
	int n;
	long value;
};

static int fib(eg_ctx *ctx, void *arg)
{
	struct fib *fib_of = arg, left = {fib_of->n - 1, 0}, right = {fib_of->n - 2, 0};
	int err = 0;

	fib_of->value = fib_of->n;
	if (fib_of->n < 2)
		return 0;
	err = eg_both(ctx, fib, &left, fib, &right);
	fib_of->value = left.value + right.value;
	return err;
}

static void a_recursion_is_right_under_every_limit(void **state)
{
	static const int limits[] = {1, 2, 3, 4, EG_LIMIT_NONE};

	(void)state;
	for (long i = 0; goes_on(i, 30); i++) {
		struct fib whole = {20, 0};

		assert_int_equal(run_task(limits[i % 5], i % 2 ? EG_GROUP_NO_HELP : 0, fib, &whole, NULL), 0);
		assert_int_equal(whole.value, 6765);
	}
}

static int several(eg_ctx *ctx, void *arg, size_t index)
{
	struct fib whole = {15, 0};
	int err = eg_both(ctx, fib, &whole, fib, &(struct fib){(int)index % 10, 0});

	CHECK(whole.value == 610);
	atomic_fetch_add((atomic_long *)arg, 1);
	return err;
}

static void tasks_and_loops_divide_themselves_side_by_side(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 10); i++) {
		struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
		struct fib wholes[20];
		atomic_long ran = 0;
		eg_group group;

		options.limit = 1 + (int)i % 4;
		assert_int_equal(eg_group_init(&group, NULL, &options), 0);
		for (int j = 0; j < 20; j++) {
			wholes[j] = (struct fib){12, 0};
			assert_int_equal(eg_group_go(&group, fib, &wholes[j]), 0);
		}
		assert_int_equal(eg_group_go_each(&group, 50, several, &ran), 0);
		assert_int_equal(eg_group_wait(&group), 0);
		for (int j = 0; j < 20; j++)
			assert_int_equal(wholes[j].value, 144);
		assert_int_equal(atomic_load(&ran), 50);
		eg_group_destroy(&group);
	}
}

static void outside_a_task_it_is_one(void **state)
{
	struct fib left = {18, 0}, right = {17, 0};

	(void)state;
	for (long i = 0; goes_on(i, 20); i++) {
		assert_int_equal(eg_both(NULL, fib, &left, fib, &right), 0);
		assert_int_equal(left.value + right.value, 2584 + 1597);
	}
	assert_int_equal(eg_both(NULL, task_return, CODE(-EIO), fib, &right), -EIO);
	assert_int_equal(eg_both(NULL, fib, &left, task_return, CODE(-EDOM)), -EDOM);
	assert_int_equal(eg_both(NULL, NULL, NULL, fib, &right), -EINVAL);
	assert_int_equal(eg_both(NULL, fib, &right, NULL, NULL), -EINVAL);
}

/* Left leaning, so that as many calls are open as there are levels; and the other way round. */
struct level {
	int levels;
	atomic_long *leaves;
	bool leans_right;
};

static int count_leaf(eg_ctx *ctx, void *leaves)
{
	(void)ctx;
	atomic_fetch_add((atomic_long *)leaves, 1);
	return 0;
}

static int lean(eg_ctx *ctx, void *arg)
{
	const struct level *level = arg;
	struct level next = {level->levels - 1, level->leaves, level->leans_right};

	if (level->levels == 0)
		return 0;
	if (level->leans_right)
		return eg_both(ctx, count_leaf, level->leaves, lean, &next);
	return eg_both(ctx, lean, &next, count_leaf, level->leaves);
}

static void it_may_be_deep(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		atomic_long leaves = 0;
		struct level whole = {1000, &leaves, i % 2};

		assert_int_equal(run_task(1 + i / 2 % 2, 0, lean, &whole, NULL), 0);
		assert_int_equal(atomic_load(&leaves), 1000);
	}
}

/*
 * Somebody else makes the second call
 */

struct pair {
	struct tally met;
	int slots[2];
	pthread_t threads[2];
	int parties; /* who meet before anybody goes on: 2, the second call is another thread's; or 1 */
	int codes[2];
	bool panics[2], exits[2], lasts[2];
	atomic_int over; /* how many calls have come to their end */
	int over_at_defer, over_at_unwinding;
};

#define PAIR_INIT .met = TALLY_INIT

static int be_one(eg_ctx *ctx, struct pair *pair, int i)
{
	(void)ctx;
	pair->slots[i] = eg_task_slot();
	pair->threads[i] = pthread_self();
	tally_meet(&pair->met, pair->parties);
	for (int turn = 0; pair->lasts[i] && turn < 1000; turn++)
		sched_yield();
	if (pair->panics[i])
		eg_panic("in part %d", i);
	if (pair->exits[i])
		pthread_exit(NULL);
	atomic_fetch_add(&pair->over, 1);
	return pair->codes[i] ? eg_fail(pair->codes[i], "part %d has failed", i) : 0;
}

static int be_first(eg_ctx *ctx, void *arg)
{
	return be_one(ctx, arg, 0);
}

static int be_second(eg_ctx *ctx, void *arg)
{
	return be_one(ctx, arg, 1);
}

static void note_over(void *arg)
{
	struct pair *pair = arg;

	pair->over_at_defer = atomic_load(&pair->over);
}

static void note_over_at_unwinding(void *arg)
{
	struct pair *pair = arg;

	pair->over_at_unwinding = atomic_load(&pair->over);
}

static int task_pair(eg_ctx *ctx, void *arg)
{
	int code;

	CHECK(eg_defer(note_over, arg) == 0);
	/* When the thread ends, and this frame is about to go. */
	pthread_cleanup_push(note_over_at_unwinding, arg);
	code = eg_both(ctx, be_first, arg, be_second, arg);
	pthread_cleanup_pop(0);
	return code;
}

static void another_worker_makes_the_second_call(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct pair pair = {PAIR_INIT, .parties = 2};

		assert_int_equal(run_task(2 + i / 2, i % 2 ? EG_GROUP_NO_HELP : 0, task_pair, &pair, NULL),
				 0);
		assert_false(pthread_equal(pair.threads[0], pair.threads[1]));
		assert_int_not_equal(pair.slots[0], pair.slots[1]);
		assert_in_range(pair.slots[0], 0, 1 + i / 2);
		assert_in_range(pair.slots[1], 0, 1 + i / 2);
		assert_int_equal(atomic_load(&pair.over), 2);
	}
	/* Outside a task, where there is somebody. */
	if (sysconf(_SC_NPROCESSORS_ONLN) >= 2) {
		struct pair pair = {PAIR_INIT, .parties = 2};

		assert_int_equal(eg_both(NULL, be_first, &pair, be_second, &pair), 0);
	}
}

static void what_fails_is_the_same_whoever_makes_the_call(void **state)
{
	(void)state;
	for (int parties = 1; parties <= 2; parties++) {
		struct pair second = {PAIR_INIT, .parties = parties, .codes = {0, -EIO}};
		struct pair first = {PAIR_INIT, .parties = parties, .codes = {-EDOM, 0}};
		struct pair both = {PAIR_INIT, .parties = parties, .codes = {-EDOM, -EIO}};
		eg_error *error;

		assert_int_equal(run_task(parties, 0, task_pair, &second, &error), -EIO);
		assert_string_equal(eg_error_message(error), "part 1 has failed");
		assert_int_equal(eg_error_kind(error), EG_ERROR_RETURNED);
		assert_int_equal(eg_error_task_index(error), 0);
		eg_error_unref(error);

		assert_int_equal(run_task(parties, 0, task_pair, &first, &error), -EDOM);
		assert_string_equal(eg_error_message(error), "part 0 has failed");
		eg_error_unref(error);
		/* The second call is not made, unless it was made already. */
		assert_int_equal(atomic_load(&first.over), parties);

		assert_int_equal(run_task(parties, 0, task_pair, &both, &error), -EDOM);
		assert_string_equal(eg_error_message(error), "part 0 has failed");
		eg_error_unref(error);
	}
}

static bool has_message(const eg_error *error, const char *message)
{
	for (; error; error = eg_error_cause(error))
		if (eg_error_message(error) && strstr(eg_error_message(error), message))
			return true;
	return false;
}

static void a_panic_goes_on_in_the_caller(void **state)
{
	(void)state;
	for (int parties = 1; parties <= 2; parties++)
		for (int i = 0; i < 2; i++) {
			struct pair pair = {PAIR_INIT, .parties = parties};
			eg_error *error;

			pair.panics[i] = pair.lasts[!i] = true;
			assert_int_equal(run_task(parties, 0, task_pair, &pair, &error), EG_EPANIC);
			assert_int_equal(eg_error_kind(error), EG_ERROR_PANIC);
			assert_int_equal(eg_error_task_index(error), 0);
			assert_true(has_message(error, i == 0 ? "in part 0" : "in part 1"));
			eg_error_unref(error);
			/* What runs is over before the task's deferred calls are made; what does not is not begun. */
			assert_int_equal(pair.over_at_defer, i == 1 ? 1 : parties - 1);
			assert_int_equal(atomic_load(&pair.over), i == 1 ? 1 : parties - 1);
		}
}

static void both_may_panic(void **state)
{
	struct pair pair = {PAIR_INIT, .parties = 2, .panics = {true, true}};
	eg_error *error;
	FILE *text_file;
	char *text;
	size_t size;

	(void)state;
	assert_int_equal(run_task(2, 0, task_pair, &pair, &error), EG_EPANIC);
	assert_true(has_message(error, "in part 0"));
	/* The later one is joined to it. */
	text_file = open_memstream(&text, &size);
	assert_non_null(text_file);
	eg_error_print(error, text_file);
	fclose(text_file);
	assert_non_null(strstr(text, "in part 0"));
	assert_non_null(strstr(text, "in part 1"));
	free(text);
	eg_error_unref(error);
}

static void a_part_may_end_its_thread(void **state)
{
	(void)state;
	for (int parties = 1; parties <= 2; parties++)
		for (int i = 0; i < 2; i++) {
			struct pair pair = {PAIR_INIT, .parties = parties};
			eg_error *error;

			pair.exits[i] = pair.lasts[!i] = true;
			assert_int_equal(run_task(parties, EG_GROUP_NO_HELP, task_pair, &pair, &error),
					 EG_EEXITED);
			eg_error_unref(error);
			assert_int_equal(pair.over_at_defer, i == 1 ? 1 : parties - 1);
			/* It is the caller's thread that has ended, unless another one had the second part. */
			if (i == 0 || parties == 1)
				assert_int_equal(pair.over_at_unwinding, i == 1 ? 1 : parties - 1);
		}
}

/*
 * Waiting
 */

/*
 * The caller waits for the second call, which another worker makes, and divides itself once more: what that offers only the
 * caller can take, with a limit of 2.
 */
struct family {
	atomic_bool is_begun, is_over, returned;
	_Atomic pid_t waits;
	struct tally helped;
	pthread_t caller;
	bool panics, exits;
	int code;
	atomic_bool deferred;
};

static int return_at_once(eg_ctx *ctx, void *arg)
{
	struct family *family = arg;

	(void)ctx;
	atomic_store(&family->waits, thread_id());
	while (!atomic_load(&family->is_begun))
		sched_yield();
	return 0;
}

static int await_help(eg_ctx *ctx, void *arg)
{
	struct family *family = arg;

	(void)ctx;
	tally_await(&family->helped, 1);
	/* What the caller has on its stack is used on, though its thread may be about to end. */
	for (int i = 0; i < 1000; i++)
		sched_yield();
	atomic_store(&family->is_over, true);
	return 0;
}

static void note_deferred(void *arg)
{
	struct family *family = arg;

	atomic_store(&family->deferred, true);
}

static int help(eg_ctx *ctx, void *arg)
{
	struct family *family = arg;

	(void)ctx;
	CHECK(pthread_equal(pthread_self(), family->caller));
	CHECK(eg_defer(note_deferred, family) == 0);
	tally_add(&family->helped, 1);
	if (family->panics)
		eg_panic("in the help");
	if (family->exits)
		pthread_exit(NULL);
	return family->code ? eg_fail(family->code, "the help has failed") : 0;
}

static int divide_again(eg_ctx *ctx, void *arg)
{
	struct family *family = arg;

	atomic_store(&family->is_begun, true);
	/* Not before the caller sleeps. */
	CHECK(thread_blocks(&family->waits, &family->returned));
	return eg_both(ctx, await_help, family, help, family);
}

static int task_family(eg_ctx *ctx, void *arg)
{
	struct family *family = arg;
	int own = 17, code;

	family->caller = pthread_self();
	CHECK(eg_fail(-EXDEV, "kept") == -EXDEV);
	code = eg_both(ctx, return_at_once, family, divide_again, family);
	CHECK(own == 17 && eg_task_slot() >= 0);
	atomic_store(&family->returned, true);
	return code;
}

static void who_waits_runs_parts_of_what_it_waits_for(void **state)
{
	static const struct {
		bool panics, exits;
		int code, result;
	} ends[] = {{false, false, 0, 0},
		    {false, false, -EIO, -EIO},
		    {true, false, 0, EG_EPANIC},
		    {false, true, 0, EG_EEXITED}};

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct family family = {.helped = TALLY_INIT,
					.panics = ends[i].panics,
					.exits = ends[i].exits,
					.code = ends[i].code};
		eg_error *error;

		assert_int_equal(run_task(2, EG_GROUP_NO_HELP, task_family, &family, &error), ends[i].result);
		assert_true(atomic_load(&family.is_over));
		assert_true(atomic_load(&family.deferred));
		if (ends[i].code)
			assert_string_equal(eg_error_message(error), "the help has failed");
		if (ends[i].panics)
			assert_true(has_message(error, "in the help"));
		eg_error_unref(error);
	}
}

/*
 * What belongs to a task
 */

static void set_flag(void *flag)
{
	*(bool *)flag = true;
}

static int defer_flag(eg_ctx *ctx, void *flag)
{
	(void)ctx;
	CHECK(eg_defer(set_flag, flag) == 0);
	CHECK(!*(bool *)flag);
	return 0;
}

static int task_defer(eg_ctx *ctx, void *arg)
{
	bool first = false, second = false, own = false;
	int err;

	(void)arg;
	{
		EG_SCOPE(scope);
		CHECK(eg_defer(set_flag, &own) == 0);
		err = eg_both(ctx, defer_flag, &first, defer_flag, &second);
		CHECK(first && second && !own);
	}
	CHECK(own);
	return err;
}

static void what_a_part_defers_is_done_when_it_returns(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 100); i++)
		assert_int_equal(run_task(1 + (int)i % 2, 0, task_defer, NULL, NULL), 0);
}

static int undefer_below(eg_ctx *ctx, void *flag)
{
	(void)ctx;
	CHECK(eg_undefer(set_flag, flag) == 0);
	return 0;
}

static int task_undefer(eg_ctx *ctx, void *arg)
{
	bool kept = false, taken_back = false;
	int err;

	(void)arg;
	eg_scope scope;

	eg_scope_begin(&scope);
	CHECK(eg_defer(set_flag, &taken_back) == 0 && eg_defer(set_flag, &kept) == 0);
	err = eg_both(ctx, undefer_below, &taken_back, task_nothing, NULL);
	eg_scope_end(&scope);
	CHECK(kept && !taken_back);
	return err;
}

static void a_part_may_take_back_what_the_task_has_deferred(void **state)
{
	(void)state;
	assert_int_equal(run_task(1, 0, task_undefer, NULL, NULL), 0);
}

static int make_data(eg_ctx *ctx, void *arg, void **ret_data)
{
	(void)ctx;
	atomic_fetch_add((atomic_int *)arg, 1);
	*ret_data = malloc(1);
	return *ret_data ? 0 : -ENOMEM;
}

static void free_data(void *arg, void *data)
{
	atomic_fetch_sub((atomic_int *)arg, 1);
	free(data);
}

static int want_data(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	CHECK(eg_task_slot_data() != NULL);
	tally_meet(arg, 2);
	return 0;
}

static int task_data(eg_ctx *ctx, void *arg)
{
	return eg_both(ctx, want_data, arg, want_data, arg);
}

static void the_slot_of_whoever_makes_the_call_has_its_data(void **state)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	struct tally met = TALLY_INIT;
	atomic_int made = 0;
	eg_group group;

	(void)state;
	options.limit = 2;
	options.slot_init = make_data;
	options.slot_finish = free_data;
	options.slot_arg = &made;
	assert_int_equal(eg_group_init(&group, NULL, &options), 0);
	assert_int_equal(eg_group_go(&group, task_data, &met), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&made), 2);
	eg_group_destroy(&group);
	assert_int_equal(atomic_load(&made), 0);
}

/*
 * Limits
 */

struct gauged_fib {
	struct gauge *gauge;
	int n;
};

static int gauged_fib(eg_ctx *ctx, void *arg)
{
	struct gauged_fib *whole = arg;
	struct gauged_fib left = {whole->gauge, whole->n - 1}, right = {whole->gauge, whole->n - 2};

	if (whole->n >= 2)
		return eg_both(ctx, gauged_fib, &left, gauged_fib, &right);
	gauge_enter(whole->gauge);
	for (int i = 0; i < 20; i++)
		sched_yield();
	gauge_leave(whole->gauge);
	return 0;
}

static void no_more_run_than_the_limits_allow(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
		struct gauge gauge = {0, 0};
		struct gauged_fib whole = {&gauge, 10};
		eg_limit *limit = NULL;
		eg_group group;

		options.limit = i < 3 ? i + 1 : 4;
		if (i >= 3) {
			assert_int_equal(eg_limit_create(i - 2, &limit), 0);
			options.shared_limit = limit;
		}
		assert_int_equal(eg_group_init(&group, NULL, &options), 0);
		eg_limit_unref(limit);
		assert_int_equal(eg_group_go(&group, gauged_fib, &whole), 0);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_in_range(atomic_load(&gauge.most), 1, i % 3 + 1);
		eg_group_destroy(&group);
	}
}

static void with_a_shared_limit_another_worker_takes_part(void **state)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	struct pair pair = {PAIR_INIT, .parties = 2};
	eg_limit *limit;
	eg_group group;

	(void)state;
	assert_int_equal(eg_limit_create(2, &limit), 0);
	options.shared_limit = limit;
	assert_int_equal(eg_group_init(&group, NULL, &options), 0);
	eg_limit_unref(limit);
	assert_int_equal(eg_group_go(&group, task_pair, &pair), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

/*
 * Numbers
 */

static void parts_are_not_counted(void **state)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	struct eg_stats stats = EG_STATS_INIT;
	struct fib wholes[] = {{16, 0}, {16, 0}, {16, 0}};
	eg_group group;

	(void)state;
	options.limit = 2;
	assert_int_equal(eg_group_init(&group, NULL, &options), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(eg_group_go(&group, fib, &wholes[i]), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(eg_group_stats(&group, &stats), 0);
	assert_int_equal(stats.accepted, 3);
	assert_int_equal(stats.done, 3);
	eg_group_destroy(&group);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_recursion_is_right_under_every_limit),
	    TEST(tasks_and_loops_divide_themselves_side_by_side),
	    TEST(outside_a_task_it_is_one),
	    TEST(it_may_be_deep),
	    TEST(another_worker_makes_the_second_call),
	    TEST(what_fails_is_the_same_whoever_makes_the_call),
	    TEST(a_panic_goes_on_in_the_caller),
	    TEST(both_may_panic),
	    TEST(a_part_may_end_its_thread),
	    TEST(who_waits_runs_parts_of_what_it_waits_for),
	    TEST(what_a_part_defers_is_done_when_it_returns),
	    TEST(a_part_may_take_back_what_the_task_has_deferred),
	    TEST(the_slot_of_whoever_makes_the_call_has_its_data),
	    TEST(no_more_run_than_the_limits_allow),
	    TEST(with_a_shared_limit_another_worker_takes_part),
	    TEST(parts_are_not_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
