/* SPDX-License-Identifier: MIT */
/*
 * Functions called when a context is over: once, with no lock held, and never after they were unregistered.
 */

#include "support.h"

#include <signal.h>
#include <unistd.h>

static void on_end(eg_ctx *ctx, void (*fn)(void *arg), void *arg, eg_ctx_callback *callback)
{
	if (eg_ctx_on_end(ctx, fn, arg, callback))
		abort();
}

static void count(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
}

static void a_function_is_called_once_by_the_cancellation(void **state)
{
	eg_ctx *root = ctx_under(NULL), *child = ctx_under(root), *other = ctx_under(root);
	eg_ctx_callback callbacks[4];
	atomic_int calls = 0;

	(void)state;
	on_end(root, count, &calls, &callbacks[0]);
	on_end(child, count, &calls, &callbacks[1]);
	on_end(child, count, &calls, &callbacks[2]);
	on_end(other, count, &calls, &callbacks[3]);
	assert_int_equal(eg_ctx_cancel(child, NULL), 0);
	assert_int_equal(atomic_load(&calls), 2);
	assert_int_equal(eg_ctx_cancel(root, NULL), 0);
	assert_int_equal(atomic_load(&calls), 4);
	assert_int_equal(eg_ctx_cancel(root, NULL), -EALREADY);
	assert_int_equal(atomic_load(&calls), 4);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(eg_ctx_off_end(&callbacks[i]), -EALREADY);
		assert_int_equal(eg_ctx_off_end(&callbacks[i]), -EALREADY);
	}
	eg_ctx_unref(other);
	eg_ctx_unref(child);
	eg_ctx_unref(root);
}

static void on_a_context_that_is_over_it_is_called_at_once(void **state)
{
	eg_ctx *ctx = ctx_under(NULL), *late;
	eg_ctx_callback callback;
	atomic_int calls = 0;

	(void)state;
	eg_ctx_cancel(ctx, NULL);
	on_end(ctx, count, &calls, &callback);
	assert_int_equal(atomic_load(&calls), 1);
	assert_int_equal(eg_ctx_off_end(&callback), -EALREADY);
	assert_int_equal(eg_ctx_with_timeout(NULL, 0, &late), 0);
	on_end(late, count, &calls, &callback);
	assert_int_equal(atomic_load(&calls), 2);
	eg_ctx_unref(late);
	eg_ctx_unref(ctx);
}

static void one_that_was_unregistered_is_not_called(void **state)
{
	eg_ctx *ctx = ctx_under(NULL);
	eg_ctx_callback callbacks[3];
	atomic_int calls = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		on_end(ctx, count, &calls, &callbacks[i]);
	assert_int_equal(eg_ctx_off_end(&callbacks[1]), 0);
	assert_int_equal(eg_ctx_off_end(&callbacks[1]), 0);
	memset(&callbacks[1], 0xff, sizeof(callbacks[1]));
	eg_ctx_cancel(ctx, NULL);
	assert_int_equal(atomic_load(&calls), 2);
	eg_ctx_unref(ctx);
}

static void null_and_zero_are_fine_or_refused(void **state)
{
	static const eg_ctx_callback zero = EG_CTX_CALLBACK_INIT;
	eg_ctx_callback callback = EG_CTX_CALLBACK_INIT;
	atomic_int calls = 0;

	(void)state;
	assert_int_equal(eg_ctx_off_end(NULL), -EINVAL);
	assert_int_equal(eg_ctx_off_end(&callback), 0);
	assert_int_equal(eg_ctx_on_end(NULL, NULL, NULL, &callback), -EINVAL);
	assert_int_equal(eg_ctx_on_end(NULL, count, NULL, NULL), -EINVAL);
	assert_memory_equal(&callback, &zero, sizeof(zero));
	assert_int_equal(eg_ctx_on_end(NULL, count, &calls, &callback), 0);
	assert_int_equal(eg_ctx_off_end(&callback), 0);
	assert_int_equal(atomic_load(&calls), 0);
}

/*
 * What a function may do
 */

struct self {
	eg_ctx *ctx;
	eg_ctx_callback callback;
	atomic_int *calls;
};

static struct self *self_make(eg_ctx *ctx, atomic_int *calls)
{
	struct self *self = calloc(1, sizeof(*self));

	if (!self)
		abort();
	self->ctx = ctx;
	self->calls = calls;
	return self;
}

static void unregister_and_free(void *arg)
{
	struct self *self = arg;

	CHECK(eg_ctx_off_end(&self->callback) == -EALREADY);
	CHECK(eg_ctx_off_end(&self->callback) == -EALREADY);
	atomic_fetch_add(self->calls, 1);
	memset(self, 0xff, sizeof(*self));
	free(self);
}

static void a_function_may_unregister_and_free_itself(void **state)
{
	eg_ctx *ctx = ctx_under(NULL);
	atomic_int calls = 0;

	(void)state;
	for (int i = 0; i < 10; i++) {
		struct self *self = self_make(ctx, &calls);

		on_end(ctx, unregister_and_free, self, &self->callback);
	}
	eg_ctx_cancel(ctx, NULL);
	assert_int_equal(atomic_load(&calls), 10);
	eg_ctx_unref(ctx);
}

/* The same room for another context, while the function is still running. */
struct moving {
	eg_ctx *next;
	eg_ctx_callback callback;
	atomic_int calls;
};

static void move_on(void *arg)
{
	struct moving *moving = arg;

	CHECK(eg_ctx_off_end(&moving->callback) == -EALREADY);
	on_end(moving->next, count, &moving->calls, &moving->callback);
}

static void a_function_may_register_anew_in_the_same_room(void **state)
{
	(void)state;
	for (int cancels = 0; cancels < 2; cancels++) {
		eg_ctx *first = ctx_under(NULL);
		struct moving moving = {.next = ctx_under(NULL)};

		on_end(first, move_on, &moving, &moving.callback);
		eg_ctx_cancel(first, NULL);
		assert_int_equal(atomic_load(&moving.calls), 0);
		if (cancels)
			eg_ctx_cancel(moving.next, NULL);
		assert_int_equal(eg_ctx_off_end(&moving.callback), cancels ? -EALREADY : 0);
		assert_int_equal(atomic_load(&moving.calls), cancels);
		eg_ctx_unref(moving.next);
		eg_ctx_unref(first);
	}
}

static void cancel_again(void *arg)
{
	struct self *self = arg;
	eg_ctx *child = ctx_under(self->ctx);

	CHECK(eg_ctx_err(self->ctx) == -ECANCELED);
	CHECK(eg_ctx_cancel(self->ctx, NULL) == -EALREADY);
	CHECK(eg_ctx_err(child) == -ECANCELED);
	eg_ctx_unref(child);
	atomic_fetch_add(self->calls, 1);
}

static void a_function_may_cancel_its_own_context(void **state)
{
	eg_ctx *ctx = ctx_under(NULL);
	atomic_int calls = 0;
	struct self *self = self_make(ctx, &calls);

	(void)state;
	on_end(ctx, cancel_again, self, &self->callback);
	eg_ctx_cancel(ctx, NULL);
	assert_int_equal(atomic_load(&calls), 1);
	free(self);
	eg_ctx_unref(ctx);
}

static void drop_reference(void *arg)
{
	struct self *self = arg;

	eg_ctx_unref(self->ctx);
	atomic_fetch_add(self->calls, 1);
}

/* The reference is the program's last. What keeps the context until the cancellation is through is the library's. */
static void a_function_may_drop_the_last_reference(void **state)
{
	atomic_int calls = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		eg_ctx *root = ctx_under(NULL), *ctx = ctx_under(root);
		struct self *first = self_make(ctx, &calls), *second = self_make(ctx, &calls);

		on_end(ctx, drop_reference, first, &first->callback);
		on_end(ctx, unregister_and_free, second, &second->callback);
		if (i % 2) {
			eg_ctx_cancel(root, NULL);
			eg_ctx_unref(root);
		} else {
			eg_ctx_unref(root);
			eg_ctx_cancel(ctx, NULL);
		}
		eg_ctx_off_end(&first->callback);
		free(first);
	}
	assert_int_equal(atomic_load(&calls), 200);
}

/* Nobody but the callback holds the context: its parent's end still reaches it. */
static void a_callback_keeps_its_context_alive(void **state)
{
	eg_ctx *root = ctx_under(NULL), *ctx = ctx_under(root);
	eg_ctx_callback callback, unused;
	atomic_int calls = 0;
	size_t before;

	(void)state;
	on_end(ctx, count, &calls, &callback);
	eg_ctx_unref(ctx);
	eg_ctx_cancel(root, NULL);
	assert_int_equal(atomic_load(&calls), 1);
	eg_ctx_unref(root);

	/* Unregistered, it is given back. */
	before = heap_in_use();
	for (int i = 0; i < 1000; i++) {
		ctx = ctx_under(NULL);
		on_end(ctx, count, &calls, &unused);
		eg_ctx_unref(ctx);
		assert_int_equal(eg_ctx_off_end(&unused), 0);
	}
	assert_true(heap_in_use() < before + 4096);
}

struct pair {
	eg_ctx *ctx;
	eg_ctx_callback mine, others;
	atomic_int *calls;
	int removed;
};

static void unregister_other(void *arg)
{
	struct pair *pair = arg;

	pair->removed += eg_ctx_off_end(&pair->others) == 0;
	atomic_fetch_add(pair->calls, 1);
}

static void a_function_may_unregister_another(void **state)
{
	struct pair pairs[2];
	atomic_int calls = 0;

	(void)state;
	pairs[0] = pairs[1] = (struct pair){.ctx = ctx_under(NULL), .calls = &calls};
	/* Whichever is called first takes the other out. */
	on_end(pairs[0].ctx, unregister_other, &pairs[0], &pairs[1].others);
	on_end(pairs[0].ctx, unregister_other, &pairs[1], &pairs[0].others);
	eg_ctx_cancel(pairs[0].ctx, NULL);
	assert_int_equal(atomic_load(&calls), 1);
	assert_int_equal(pairs[0].removed + pairs[1].removed, 1);
	eg_ctx_unref(pairs[0].ctx);
	eg_ctx_unref(pairs[1].ctx == pairs[0].ctx ? NULL : pairs[1].ctx);
}

static void register_another(void *arg)
{
	struct pair *pair = arg;

	on_end(pair->ctx, count, pair->calls, &pair->others);
	CHECK(atomic_load(pair->calls) == 1);
}

static void one_registered_by_another_is_called_at_once(void **state)
{
	atomic_int calls = 0;
	struct pair pair = {.ctx = ctx_under(NULL), .calls = &calls};

	(void)state;
	on_end(pair.ctx, register_another, &pair, &pair.mine);
	eg_ctx_cancel(pair.ctx, NULL);
	assert_int_equal(atomic_load(&calls), 1);
	eg_ctx_unref(pair.ctx);
}

/*
 * Several threads
 */

struct slow {
	eg_ctx *ctx;
	eg_ctx_callback callback;
	struct hold hold;
	_Atomic pid_t thread;
	atomic_bool ended, returned;
	int code;
};

static void slow_call(void *arg)
{
	struct slow *slow = arg;

	tally_add(&slow->hold.started, 1);
	tally_await(&slow->hold.release, 1);
	atomic_store(&slow->ended, true);
}

static void *slow_cancel(void *arg)
{
	struct slow *slow = arg;

	eg_ctx_cancel(slow->ctx, NULL);
	return NULL;
}

static void *slow_unregister(void *arg)
{
	struct slow *slow = arg;

	atomic_store(&slow->thread, thread_id());
	slow->code = eg_ctx_off_end(&slow->callback);
	CHECK(atomic_load(&slow->ended));
	atomic_store(&slow->returned, true);
	return NULL;
}

static void unregistering_waits_for_a_function_that_another_thread_is_calling(void **state)
{
	struct slow slow = {.ctx = ctx_under(NULL), .hold = HOLD_INIT};
	pthread_t canceller, unregisterer;

	(void)state;
	on_end(slow.ctx, slow_call, &slow, &slow.callback);
	assert_int_equal(pthread_create(&canceller, NULL, slow_cancel, &slow), 0);
	tally_await(&slow.hold.started, 1);
	assert_int_equal(pthread_create(&unregisterer, NULL, slow_unregister, &slow), 0);
	assert_true(thread_blocks(&slow.thread, &slow.returned));

	/* No lock of the library is held meanwhile. */
	eg_ctx_unref(ctx_under(slow.ctx));
	assert_int_equal(eg_ctx_cancel(slow.ctx, NULL), -EALREADY);
	tally_add(&slow.hold.release, 1);
	pthread_join(unregisterer, NULL);
	pthread_join(canceller, NULL);
	assert_int_equal(slow.code, -EALREADY);
	eg_ctx_unref(slow.ctx);
}

/* Registered and unregistered while others cancel: each is called exactly once, or was taken out in time. */
struct race {
	eg_ctx *ctx;
	struct tally start;
	atomic_int called, taken_out;
};

static void *race_main(void *arg)
{
	struct race *race = arg;
	struct {
		eg_ctx_callback callback;
		atomic_int calls;
	} mine[8];

	tally_meet(&race->start, 3);
	for (int i = 0; i < 8; i++) {
		atomic_init(&mine[i].calls, 0);
		on_end(race->ctx, count, &mine[i].calls, &mine[i].callback);
	}
	for (int i = 0; i < 8; i++) {
		bool in_time = eg_ctx_off_end(&mine[i].callback) == 0;

		CHECK(atomic_load(&mine[i].calls) == !in_time);
		atomic_fetch_add(in_time ? &race->taken_out : &race->called, 1);
	}
	/* What has been unregistered may be gone. */
	memset(mine, 0xff, sizeof(mine));
	return NULL;
}

static void registering_and_unregistering_race_with_the_cancellation(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 3000); round++) {
		struct race race = {.ctx = ctx_under(NULL), .start = TALLY_INIT};
		pthread_t threads[2];

		for (int i = 0; i < 2; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, race_main, &race), 0);
		tally_meet(&race.start, 3);
		for (long i = 0; i < round % 8; i++)
			sched_yield();
		assert_int_equal(eg_ctx_cancel(race.ctx, NULL), 0);
		for (int i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		assert_int_equal(atomic_load(&race.called) + atomic_load(&race.taken_out), 16);
		eg_ctx_unref(race.ctx);
	}
}

/* A mutex that the function takes too, and a condition: the usual way to wake a task. */
struct queue {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	atomic_bool returned;
	_Atomic pid_t thread;
};

static void queue_wake(void *arg)
{
	struct queue *queue = arg;

	pthread_mutex_lock(&queue->lock);
	pthread_cond_broadcast(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
}

static int task_wait_for_queue(eg_ctx *ctx, void *arg)
{
	struct queue *queue = arg;
	eg_ctx_callback callback;

	on_end(ctx, queue_wake, queue, &callback);
	pthread_mutex_lock(&queue->lock);
	atomic_store(&queue->thread, thread_id());
	while (!eg_ctx_err(ctx))
		pthread_cond_wait(&queue->changed, &queue->lock);
	pthread_mutex_unlock(&queue->lock);
	eg_ctx_off_end(&callback);
	atomic_store(&queue->returned, true);
	return eg_ctx_err(ctx);
}

static void a_task_in_a_condition_wait_is_woken(void **state)
{
	struct queue queue = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};
	eg_group group;

	(void)state;
	assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
	eg_group_go(&group, task_wait_for_queue, &queue);
	assert_true(thread_blocks(&queue.thread, &queue.returned));
	assert_int_equal(eg_group_cancel(&group, NULL), 0);
	assert_int_equal(eg_group_wait(&group), -ECANCELED);
	eg_group_destroy(&group);
}

/* A deadline's functions are called by another thread, on which no handler of the program ever runs. */
struct masked {
	struct tally called;
	pthread_t registers;
	bool is_other;
};

static void note_mask(void *arg)
{
	struct masked *masked = arg;
	sigset_t mask;

	masked->is_other = !pthread_equal(masked->registers, pthread_self());
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	if (masked->is_other) {
		CHECK(sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGUSR1) == 1);
		CHECK(sigismember(&mask, SIGSEGV) == 0);
	}
	tally_add(&masked->called, 1);
}

static void a_deadline_calls_on_a_thread_without_the_programs_signals(void **state)
{
	struct masked masked;

	(void)state;
	/* On a slow machine the deadline may have come before the function was registered: then it is this thread. */
	do {
		eg_ctx_callback callback;
		eg_ctx *ctx;

		masked = (struct masked){TALLY_INIT, pthread_self(), false};
		assert_int_equal(eg_ctx_with_timeout(NULL, 1000000, &ctx), 0);
		on_end(ctx, note_mask, &masked, &callback);
		tally_await(&masked.called, 1);
		assert_int_equal(eg_ctx_off_end(&callback), -EALREADY);
		eg_ctx_unref(ctx);
	} while (!masked.is_other);
}

/*
 * Size and misuse
 */

static void a_hundred_thousand_functions_are_called(void **state)
{
	long many = scaled(100000);
	eg_ctx_callback *callbacks = calloc((size_t)many, sizeof(*callbacks));
	eg_ctx *root = ctx_under(NULL), *at = eg_ctx_ref(root);
	atomic_int calls = 0;

	(void)state;
	assert_non_null(callbacks);
	for (long i = 0; i < many; i++) {
		eg_ctx *below = ctx_under(i % 3 ? root : at);

		on_end(below, count, &calls, &callbacks[i]);
		eg_ctx_unref(at);
		at = below;
	}
	eg_ctx_unref(at);
	eg_ctx_cancel(root, NULL);
	assert_int_equal(atomic_load(&calls), many);
	for (long i = 0; i < many; i++)
		assert_int_equal(eg_ctx_off_end(&callbacks[i]), -EALREADY);
	eg_ctx_unref(root);
	free(callbacks);
}

static void panic_in_call(void *arg)
{
	(void)arg;
	eg_panic("out of a call");
}

static int task_cancel_with_panic(eg_ctx *ctx, void *arg)
{
	eg_ctx_callback callback;

	(void)arg;
	on_end(ctx, panic_in_call, NULL, &callback);
	eg_ctx_cancel(ctx, NULL);
	return 0;
}

static void child_panics(void *arg)
{
	eg_group group;

	(void)arg;
	if (eg_group_init(&group, NULL, NULL))
		return;
	eg_group_go(&group, task_cancel_with_panic, NULL);
	(void)!eg_group_wait(&group);
}

static void a_panic_out_of_a_function_ends_the_process_with_a_line(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		skip();
	child_run(child_panics, NULL, &child);
	assert_true(child_killed(&child, SIGABRT));
	assert_non_null(strstr(child.text, "in a function called when a context ends"));
}

/* Panics are forbidden in a function, by the same count as everywhere: it may forbid them itself, and has to allow them. */
static void forbid_and_allow(void *arg)
{
	(void)arg;
	eg_panic_forbid();
	eg_panic_allow();
}

static void forbid_only(void *arg)
{
	(void)arg;
	eg_panic_forbid();
}

static void allow_only(void *arg)
{
	(void)arg;
	eg_panic_allow();
}

static int task_cancel_while_forbidden(eg_ctx *ctx, void *arg)
{
	void (*const *fn)(void *arg) = arg;
	eg_ctx_callback callback;

	eg_panic_forbid();
	on_end(ctx, *fn, NULL, &callback);
	eg_ctx_cancel(ctx, NULL);
	eg_panic_allow();
	return 0;
}

static void child_forbids(void *arg)
{
	eg_group group;

	if (eg_group_init(&group, NULL, NULL))
		_Exit(2);
	eg_group_go(&group, task_cancel_while_forbidden, arg);
	_Exit(eg_group_wait(&group) == 0 ? 0 : 3);
}

static void a_function_allows_the_panics_that_it_forbids_and_no_others(void **state)
{
	static void (*const functions[])(void *arg) = {forbid_and_allow, forbid_only, allow_only};
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		skip();
	for (int i = 0; i < 3; i++) {
		child_run(child_forbids, (void *)(uintptr_t)&functions[i], &child);
		if (i == 0) {
			assert_true(child_exited(&child, 0));
			continue;
		}
		assert_true(child_killed(&child, SIGABRT));
		assert_non_null(strstr(child.text, "a function called when a context ends"));
	}
}

/* A task inside a function is a task like any other. */
static int task_panic(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_panic("inside");
}

static void run_group(void *arg)
{
	eg_group group = EG_GROUP_INIT;

	eg_group_go(&group, task_panic, NULL);
	CHECK(eg_group_wait(&group) == EG_EPANIC);
	eg_group_destroy(&group);
	atomic_fetch_add((atomic_int *)arg, 1);
}

static int task_cancel_with_group(eg_ctx *ctx, void *arg)
{
	eg_ctx_callback callback;

	on_end(ctx, run_group, arg, &callback);
	eg_ctx_cancel(ctx, NULL);
	eg_panic("after it");
}

static void a_function_may_run_a_group_whose_tasks_panic(void **state)
{
	atomic_int calls = 0;
	eg_group group;

	(void)state;
	assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
	eg_group_go(&group, task_cancel_with_group, &calls);
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	assert_int_equal(atomic_load(&calls), 1);
	eg_group_destroy(&group);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_function_is_called_once_by_the_cancellation),
	    TEST(on_a_context_that_is_over_it_is_called_at_once),
	    TEST(one_that_was_unregistered_is_not_called),
	    TEST(null_and_zero_are_fine_or_refused),
	    TEST(a_function_may_unregister_and_free_itself),
	    TEST(a_function_may_register_anew_in_the_same_room),
	    TEST(a_function_may_cancel_its_own_context),
	    TEST(a_function_may_drop_the_last_reference),
	    TEST(a_callback_keeps_its_context_alive),
	    TEST(a_function_may_unregister_another),
	    TEST(one_registered_by_another_is_called_at_once),
	    TEST(unregistering_waits_for_a_function_that_another_thread_is_calling),
	    TEST(registering_and_unregistering_race_with_the_cancellation),
	    TEST(a_task_in_a_condition_wait_is_woken),
	    TEST(a_panic_out_of_a_function_ends_the_process_with_a_line),
	    TEST(a_function_allows_the_panics_that_it_forbids_and_no_others),
	    TEST(a_function_may_run_a_group_whose_tasks_panic),
	    TEST(a_deadline_calls_on_a_thread_without_the_programs_signals),
	    TEST(a_hundred_thousand_functions_are_called),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
