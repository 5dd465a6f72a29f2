/* SPDX-License-Identifier: MIT */
/*
 * Deferred calls: made last registered first when the task ends, by return or by panic, and all of them, even
 * if some panic themselves.
 */

#include "support.h"

/*
 * A log of the deferred calls, in the order in which they were made.
 */

enum { LOG_MAX = 4096 };

static struct {
	int entries[LOG_MAX];
	int count;
	pthread_t thread;
} calls;

static void log_call(void *arg)
{
	CHECK(pthread_equal(pthread_self(), calls.thread));
	if (calls.count < LOG_MAX)
		calls.entries[calls.count++] = (int)(intptr_t)arg;
}

static void log_and_panic(void *arg)
{
	log_call(arg);
	eg_panic("deferred call %d", (int)(intptr_t)arg);
}

static void log_and_defer_more(void *arg)
{
	log_call(arg);
	CHECK(eg_defer(log_call, CODE((intptr_t)arg + 1)) == 0);
}

static void log_expect(const int *expected, int count)
{
	assert_int_equal(calls.count, count);
	for (int i = 0; i < count; i++)
		assert_int_equal(calls.entries[i], expected[i]);
}

/* Runs one task in a group of its own; the group is left for the test to look at. */
static int run_one(eg_group *group, eg_task_fn *fn, void *arg)
{
	memset(group, 0, sizeof(*group));
	calls.count = 0;
	eg_group_set_limit(group, 1);
	eg_group_go(group, fn, arg);
	return eg_group_wait(group);
}

static int panics_in(const eg_error *error)
{
	int count = 0;

	for (; error; error = eg_error_joined(error))
		count += eg_error_kind(error) == EG_ERROR_PANIC;
	return count;
}

/* How a task of these tests ends. */
enum ending { BY_RETURN, BY_FAILURE, BY_PANIC, ENDINGS };

static int task_end(void *arg)
{
	if ((intptr_t)arg == BY_PANIC)
		eg_panic("the task");
	return (intptr_t)arg == BY_FAILURE ? -EIO : 0;
}

static int code_of(int ending)
{
	return ending == BY_PANIC ? EG_EPANIC : ending == BY_FAILURE ? -EIO : 0;
}

static int task_defers(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	calls.thread = pthread_self();
	for (int i = 1; i <= 3; i++)
		CHECK(eg_defer(log_call, CODE(i)) == 0);
	CHECK(calls.count == 0);
	return task_end(arg);
}

static void deferred_calls_are_made_last_first_however_the_task_ends(void **state)
{
	(void)state;
	for (int ending = 0; ending < ENDINGS; ending++) {
		eg_group group;

		assert_int_equal(run_one(&group, task_defers, CODE(ending)), code_of(ending));
		log_expect((const int[]){3, 2, 1}, 3);
		assert_null(eg_error_joined(eg_group_error(&group)));
		eg_group_destroy(&group);
	}
}

static int task_defers_many(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	calls.thread = pthread_self();
	for (int i = 0; i < 1000; i++)
		CHECK(eg_defer(log_call, CODE(i)) == 0);
	return task_end(arg);
}

static void a_thousand_deferred_calls_are_all_made(void **state)
{
	(void)state;
	for (int ending = 0; ending < ENDINGS; ending++) {
		eg_group group;

		assert_int_equal(run_one(&group, task_defers_many, CODE(ending)), code_of(ending));
		assert_int_equal(calls.count, 1000);
		for (int i = 0; i < 1000; i++)
			assert_int_equal(calls.entries[i], 999 - i);
		eg_group_destroy(&group);
	}
}

static int task_defers_panicking(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	calls.thread = pthread_self();
	CHECK(eg_defer(log_call, CODE(1)) == 0);
	CHECK(eg_defer(log_and_panic, CODE(2)) == 0);
	CHECK(eg_defer(log_call, CODE(3)) == 0);
	CHECK(eg_defer(log_and_panic, CODE(4)) == 0);
	CHECK(eg_defer(log_call, CODE(5)) == 0);
	return task_end(arg);
}

static void a_panic_in_a_deferred_call_joins_and_the_others_are_still_made(void **state)
{
	(void)state;
	for (int ending = 0; ending < ENDINGS; ending++) {
		eg_group group;
		eg_error *error;
		char text[16384];

		assert_int_equal(run_one(&group, task_defers_panicking, CODE(ending)),
				 ending == BY_FAILURE ? -EIO : EG_EPANIC);
		log_expect((const int[]){5, 4, 3, 2, 1}, 5);
		error = eg_group_error(&group);
		assert_int_equal(panics_in(error), ending == BY_PANIC ? 3 : 2);
		assert_int_equal(eg_group_error_count(&group), 1); /* one task, one error */
		if (ending == BY_PANIC)
			assert_string_equal(eg_error_message(error), "panic: the task");
		else if (ending == BY_RETURN)
			assert_string_equal(eg_error_message(error), "panic: deferred call 4");

		/* All of it is told to the reader. */
		eg_error_format(error, text, sizeof(text));
		assert_non_null(strstr(text, "deferred call 4"));
		assert_non_null(strstr(text, "deferred call 2"));
		eg_group_destroy(&group);
	}
}

static int task_defers_while_deferred(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	calls.thread = pthread_self();
	CHECK(eg_defer(log_call, CODE(1)) == 0);
	CHECK(eg_defer(log_and_defer_more, CODE(10)) == 0);
	return task_end(arg);
}

static void a_deferred_call_may_defer_another_which_comes_next(void **state)
{
	(void)state;
	for (int ending = 0; ending < ENDINGS; ending++) {
		eg_group group;

		assert_int_equal(run_one(&group, task_defers_while_deferred, CODE(ending)), code_of(ending));
		log_expect((const int[]){10, 11, 1}, 3);
		eg_group_destroy(&group);
	}
}

/*
 * A deferred call that defers itself and panics would go on for ever; the library has to end it, and the
 * worker must be healthy afterwards.
 */

static atomic_long endless_calls;

static void endless(void *arg)
{
	if (atomic_fetch_add(&endless_calls, 1) > 10000000) {
		CHECK(false); /* nobody ended it */
		return;
	}
	if (eg_defer(endless, arg))
		return; /* refusing is one way to end it */
	eg_panic("again");
}

static int task_endless(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	CHECK(eg_defer(endless, NULL) == 0);
	eg_panic("first");
}

static void endless_panics_in_deferred_calls_are_ended(void **state)
{
	eg_group group;
	atomic_long ran = 0;

	(void)state;
	atomic_store(&endless_calls, 0);
	assert_int_equal(run_one(&group, task_endless, NULL), EG_EPANIC);
	assert_string_equal(eg_error_message(eg_group_error(&group)), "panic: first");
	for (int i = 0; i < 100; i++)
		eg_group_go(&group, task_count, &ran);
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	assert_int_equal(atomic_load(&ran), 100);
	eg_group_destroy(&group);
}

/*
 * What deferred calls are for: giving back what a panicking task holds.
 */

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void unlock(void *mutex)
{
	pthread_mutex_unlock(mutex);
}

static int task_lock_and_panic(eg_ctx *ctx, void *arg)
{
	char *memory = malloc(1000);

	(void)ctx;
	pthread_mutex_lock(&held);
	CHECK(eg_defer(unlock, &held) == 0);
	CHECK(memory != NULL);
	CHECK(eg_defer(free, memory) == 0);
	if ((intptr_t)arg % 2)
		eg_panic("holding a lock");
	return 0;
}

static void a_panicking_task_gives_back_locks_and_memory(void **state)
{
	eg_group group = EG_GROUP_INIT;
	size_t heap;

	(void)state;
	eg_group_set_limit(&group, 4);
	for (int i = 0; i < 100; i++)
		eg_group_go(&group, task_lock_and_panic, CODE(i));
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	heap = heap_in_use();
	for (long i = 0; i < scaled(10000); i++)
		eg_group_go(&group, task_lock_and_panic, CODE(i));
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	assert_true(heap_in_use() < heap + (1 << 20));
	assert_int_equal(pthread_mutex_trylock(&held), 0);
	pthread_mutex_unlock(&held);
	eg_group_destroy(&group);
}

/* Deferred calls belong to their task: the next one on the same worker starts with none. */
static void deferred_calls_end_with_their_task(void **state)
{
	eg_group group;

	(void)state;
	assert_int_equal(run_one(&group, task_defers, CODE(BY_RETURN)), 0);
	assert_int_equal(calls.count, 3);
	for (int i = 0; i < 10; i++)
		eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(calls.count, 3);
	eg_group_destroy(&group);
}

static int task_defers_nothing(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	return eg_defer(NULL, NULL);
}

static void defer_refuses_null_and_calls_outside_a_task(void **state)
{
	eg_group group;

	(void)state;
	assert_int_equal(eg_defer(log_call, NULL), -EPERM);
	assert_int_equal(run_one(&group, task_defers_nothing, NULL), -EINVAL);
	assert_int_equal(eg_defer(log_call, NULL), -EPERM);
	eg_group_destroy(&group);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(deferred_calls_are_made_last_first_however_the_task_ends),
	    TEST(a_thousand_deferred_calls_are_all_made),
	    TEST(a_panic_in_a_deferred_call_joins_and_the_others_are_still_made),
	    TEST(a_deferred_call_may_defer_another_which_comes_next),
	    TEST(endless_panics_in_deferred_calls_are_ended),
	    TEST(a_panicking_task_gives_back_locks_and_memory),
	    TEST(deferred_calls_end_with_their_task),
	    TEST(defer_refuses_null_and_calls_outside_a_task),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
