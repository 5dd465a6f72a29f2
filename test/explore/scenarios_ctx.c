/* SPDX-License-Identifier: MIT */
/*
 * Scenarios about contexts: the end of one, and whoever derives from it, registers with it, sleeps on it or drops it; and
 * the thread that sees to deadlines.
 */
#include "scenarios.h"

#include <errno.h>

#include "context/timer.h"

#define SECOND 1000000000
#define LONG_NS (10LL * SECOND) /* longer than the keeper stays for nobody */

static eg_ctx *root;
static unsigned called;
static bool running, flag;

static eg_ctx *derive(eg_ctx *parent)
{
	eg_ctx *ctx = NULL;

	EXPLORE_REQUIRE(eg_ctx_with_cancel(parent, &ctx) == 0);
	return ctx;
}

static void *cancel_root(void *arg)
{
	(void)arg;
	eg_ctx_cancel(root, NULL);
	return NULL;
}

static void *cancel_and_drop_root(void *arg)
{
	cancel_root(arg);
	eg_ctx_unref(root);
	return NULL;
}

static void note_call(void *arg)
{
	(void)arg;
	running = true;
	called++;
	explore_touch(&running, "calls", 1);
	running = false;
}

/* A function is registered and unregistered, and the context ends: it is called once or not at all, and never late. */
void end_against_register(void)
{
	eg_ctx_callback callback;
	pthread_t other;
	int err;

	called = 0;
	root = derive(NULL);
	eg_ctx_ref(root);
	explore_begin();
	other = thread_start(cancel_and_drop_root, NULL);
	EXPLORE_REQUIRE(eg_ctx_on_end(root, note_call, NULL, &callback) == 0);
	err = eg_ctx_off_end(&callback);
	EXPLORE_REQUIRE(!running && called == (err != 0));
	thread_join(other);
	EXPLORE_REQUIRE(called == (err != 0));
	eg_ctx_unref(root);
}

static eg_ctx_callback self_callback;

static void drop_everything(void *arg)
{
	eg_ctx *ctx = arg;

	called++;
	EXPLORE_REQUIRE(eg_ctx_off_end(&self_callback) != 0);
	eg_ctx_unref(ctx);
}

/* Two ends at once, of a context and its parent; the function unregisters itself and drops the last reference. */
void two_ends_and_the_last_reference(void)
{
	eg_ctx *child;
	pthread_t other;

	called = 0;
	root = derive(NULL);
	child = derive(root);
	eg_ctx_ref(child);
	EXPLORE_REQUIRE(eg_ctx_on_end(child, drop_everything, child, &self_callback) == 0);
	explore_begin();
	other = thread_start(cancel_and_drop_root, NULL);
	eg_ctx_cancel(child, NULL);
	EXPLORE_REQUIRE(eg_ctx_err(child) != 0);
	eg_ctx_unref(child);
	thread_join(other);
	EXPLORE_REQUIRE(called == 1);
}

/* Children are made and dropped while the parent ends: none misses it, and nobody touches what is gone. */
void end_against_children(void)
{
	eg_ctx *stays, *goes, *leaf;
	pthread_t other;

	root = derive(NULL);
	goes = derive(root);
	leaf = derive(goes);
	explore_begin();
	other = thread_start(cancel_root, NULL);
	stays = derive(root);
	eg_ctx_unref(goes);
	eg_ctx_unref(leaf);
	thread_join(other);
	EXPLORE_REQUIRE(eg_ctx_err(stays) != 0 && eg_ctx_cause(stays));
	eg_ctx_unref(stays);
	eg_ctx_unref(root);
}

/* Somebody goes to sleep on a context as its parent ends. */
void end_against_wait(void)
{
	eg_ctx *child;
	pthread_t other;

	root = derive(NULL);
	child = derive(root);
	explore_begin();
	other = thread_start(cancel_root, NULL);
	EXPLORE_REQUIRE(eg_ctx_wait_until(child, EG_CTX_NO_DEADLINE) == 0);
	EXPLORE_REQUIRE(eg_ctx_cause(child));
	eg_ctx_unref(child);
	thread_join(other);
	eg_ctx_unref(root);
}

/* Somebody asks why a context is over as it is cancelled: nothing yet, or that. */
void cause_against_cancel(void)
{
	eg_error *cause;
	pthread_t other;

	root = derive(NULL);
	explore_begin();
	other = thread_start(cancel_root, NULL);
	cause = eg_ctx_cause(root);
	EXPLORE_REQUIRE(!cause || eg_error_code(cause) == -125);
	thread_join(other);
	eg_ctx_unref(root);
}

static eg_ctx *unattended;
static int said;

static void *ask_late(void *arg)
{
	(void)arg;
	explore_pass_time(200000);
	said = eg_ctx_err(unattended);
	return NULL;
}

/* No thread sees to deadlines. Who asks is told that one has passed as the parent is cancelled: that stays so. */
void clock_against_cancel(void)
{
	pthread_t other;

	said = 0;
	root = derive(NULL);
	egi_timer_stop();
	EXPLORE_REQUIRE(eg_ctx_with_timeout(root, 100000, &unattended) == 0);
	explore_begin();
	other = thread_start(ask_late, NULL);
	eg_ctx_cancel(root, NULL);
	thread_join(other);
	EXPLORE_REQUIRE(said == eg_ctx_err(unattended));
	EXPLORE_REQUIRE(eg_error_code(eg_ctx_cause(unattended)) == said);
	eg_ctx_unref(unattended);
	eg_ctx_unref(root);
}

static int await_end(eg_ctx *ctx, void *arg)
{
	(void)arg;
	EXPLORE_REQUIRE(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
	return 0;
}

static int start_late(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	explore_fail("a task starts after the end");
}

/* A task is woken by the end of its group's context and returns: none starts behind it. */
void end_against_next_task(void)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	pthread_t other;

	options.limit = 1;
	options.flags = EG_GROUP_SKIP_UNSTARTED;
	root = derive(NULL);
	EXPLORE_REQUIRE(eg_group_init(&group, root, &options) == 0);
	EXPLORE_REQUIRE((eg_group_go)(&group, await_end, NULL) == 0);
	EXPLORE_REQUIRE((eg_group_go)(&group, start_late, NULL) == 0);
	explore_begin();
	other = thread_start(cancel_root, NULL);
	EXPLORE_REQUIRE(eg_group_wait(&group) == -125);
	eg_group_destroy(&group);
	thread_join(other);
	eg_ctx_unref(root);
}

/* A deadline that comes while the context is cancelled and dropped: one of them ends it, and it is gone once. */
void deadline_against_release(void)
{
	eg_ctx *timed, *child;

	root = derive(NULL);
	EXPLORE_REQUIRE(eg_ctx_with_timeout(root, 100000, &timed) == 0);
	child = derive(timed);
	explore_settle();
	explore_begin();
	explore_pass_time(200000);
	if (eg_ctx_cancel(timed, NULL) != 0)
		EXPLORE_REQUIRE(eg_ctx_err(timed) == -110);
	EXPLORE_REQUIRE(eg_ctx_err(child) == eg_ctx_err(timed));
	eg_ctx_unref(timed);
	eg_ctx_unref(child);
	eg_ctx_unref(root);
}

/* The same, dropped without being cancelled: the timer has no reference. */
void deadline_against_drop(void)
{
	eg_ctx *timed;

	EXPLORE_REQUIRE(eg_ctx_with_timeout(NULL, 100000, &timed) == 0);
	explore_settle();
	explore_begin();
	explore_pass_time(200000);
	eg_ctx_unref(timed);
}

static void raise_flag(void *arg)
{
	(void)arg;
	explore_raise(&flag);
}

static eg_ctx *grace;

static void await_deadline(void *arg)
{
	EXPLORE_REQUIRE(eg_ctx_with_timeout(NULL, 100000, &grace) == 0);
	EXPLORE_REQUIRE(eg_ctx_wait_until(grace, EG_CTX_NO_DEADLINE) == 0);
	eg_ctx_unref(grace);
	raise_flag(arg);
}

static eg_ctx *with_call(void (*fn)(void *arg), eg_ctx *parent, int64_t timeout_ns, eg_ctx_callback *callback)
{
	eg_ctx *timed;

	EXPLORE_REQUIRE(eg_ctx_with_timeout(parent, timeout_ns, &timed) == 0);
	EXPLORE_REQUIRE(eg_ctx_on_end(timed, fn, NULL, callback) == 0);
	return timed;
}

/* A function called at a deadline waits for another deadline. */
void function_waits_for_deadline(void)
{
	eg_ctx_callback callback;
	eg_ctx *timed;

	flag = false;
	timed = with_call(await_deadline, NULL, 100000, &callback);
	explore_begin();
	explore_await(&flag);
	EXPLORE_REQUIRE(eg_ctx_off_end(&callback) != 0);
	eg_ctx_unref(timed);
}

static void await_flag(void *arg)
{
	(void)arg;
	explore_await(&flag);
}

/* A function called at a deadline waits for one that is called at another. */
void function_waits_for_function(void)
{
	eg_ctx_callback callbacks[2];
	eg_ctx *first, *second;

	flag = false;
	first = with_call(await_flag, NULL, 100000, &callbacks[0]);
	second = with_call(raise_flag, NULL, 200000, &callbacks[1]);
	explore_begin();
	explore_await(&flag);
	/* The second may have come before the first. */
	(void)eg_ctx_off_end(&callbacks[0]);
	EXPLORE_REQUIRE(eg_ctx_off_end(&callbacks[1]) != 0);
	eg_ctx_unref(first);
	eg_ctx_unref(second);
}

static void meet_other(void *arg)
{
	(void)arg;
	if (++called == 2)
		explore_raise(&flag);
	else
		explore_await(&flag);
}

/* One deadline calls two functions, and the first waits for the second. */
void functions_of_one_context_meet(void)
{
	eg_ctx_callback callbacks[2];
	eg_ctx *ctx;

	called = 0;
	flag = false;
	ctx = with_call(meet_other, NULL, 100000, &callbacks[0]);
	EXPLORE_REQUIRE(eg_ctx_on_end(ctx, meet_other, NULL, &callbacks[1]) == 0);
	explore_begin();
	explore_await(&flag);
	for (int i = 0; i < 2; i++)
		EXPLORE_REQUIRE(eg_ctx_off_end(&callbacks[i]) != 0);
	eg_ctx_unref(ctx);
}

static void count_call(void *arg)
{
	(void)arg;
	if (++called == 2)
		explore_raise(&flag);
}

/* The keeper queues a call as the thread that makes them has made the last. */
void calls_against_caller(void)
{
	eg_ctx_callback callbacks[2];
	eg_ctx *first, *second;

	called = 0;
	flag = false;
	root = derive(NULL);
	first = with_call(count_call, root, 100000, &callbacks[0]);
	second = with_call(count_call, root, 200000, &callbacks[1]);
	explore_begin();
	explore_await(&flag);
	for (int i = 0; i < 2; i++)
		EXPLORE_REQUIRE(eg_ctx_off_end(&callbacks[i]) != 0);
	eg_ctx_unref(first);
	eg_ctx_unref(second);
	eg_ctx_unref(root);
}

/* The keeper has been idle for long and goes, and a deadline is set: somebody sees to it. */
void deadline_against_leaving_keeper(void)
{
	eg_ctx_callback callback;
	eg_ctx *timed;

	flag = false;
	EXPLORE_REQUIRE(eg_ctx_with_timeout(NULL, 100000, &timed) == 0);
	eg_ctx_unref(timed);
	/* It wakes for the deadline that was, and sees that there is none. */
	EXPLORE_REQUIRE(eg_ctx_wait_until(NULL, eg_clock_now_ns() + SECOND) != 0);
	explore_begin();
	explore_pass_time(LONG_NS);
	EXPLORE_REQUIRE(eg_ctx_with_timeout(NULL, 100000, &timed) == 0);
	EXPLORE_REQUIRE(eg_ctx_on_end(timed, raise_flag, NULL, &callback) == 0);
	explore_await(&flag);
	EXPLORE_REQUIRE(eg_clock_now_ns() >= eg_ctx_deadline(timed));
	EXPLORE_REQUIRE(eg_ctx_off_end(&callback) != 0);
	eg_ctx_unref(timed);
}

/* A deadline has passed, and the keeper comes late: what is made below with one that has passed is over at once. */
void deadline_past_below_late(void)
{
	eg_ctx *late, *child;
	int64_t deadline;

	EXPLORE_REQUIRE(eg_ctx_with_timeout(NULL, 100000, &late) == 0);
	deadline = eg_ctx_deadline(late);
	explore_begin();
	explore_pass_time(SECOND);
	EXPLORE_REQUIRE(eg_ctx_with_timeout(late, 0, &child) == 0);
	EXPLORE_REQUIRE(eg_ctx_err(child) == -ETIMEDOUT && eg_ctx_deadline(child) == deadline);
	eg_ctx_unref(child);
	eg_ctx_unref(late);
}

/* A later deadline, and then an earlier one, while the keeper goes to sleep: it wakes for the earlier. */
void two_deadlines_against_keeper(void)
{
	eg_ctx *late, *early;

	explore_begin();
	EXPLORE_REQUIRE(eg_ctx_with_timeout(NULL, SECOND, &late) == 0);
	EXPLORE_REQUIRE(eg_ctx_with_timeout(NULL, 100000, &early) == 0);
	EXPLORE_REQUIRE(eg_ctx_wait_until(early, EG_CTX_NO_DEADLINE) == 0);
	EXPLORE_REQUIRE(eg_ctx_err(late) == 0 && eg_clock_now_ns() < eg_ctx_deadline(early) + SECOND / 100);
	eg_ctx_unref(early);
	eg_ctx_unref(late);
}

static void note_kick(void)
{
	explore_raise(&flag);
}

/* A signal's handler kicks the keeper as it goes to sleep: the kick is not slept through. */
void kick_against_keeper(void)
{
	int64_t begin = eg_clock_now_ns();

	flag = false;
	egi_timer_on_kick(note_kick);
	EXPLORE_REQUIRE(egi_timer_hold() == 0);
	explore_begin();
	egi_timer_kick();
	explore_await(&flag);
	EXPLORE_REQUIRE(eg_clock_now_ns() - begin < SECOND);
	egi_timer_release();
}

/* The keeper is idle, somebody holds it, and much later kicks it: it is there. */
void hold_against_leaving_keeper(void)
{
	eg_ctx *timed;

	flag = false;
	egi_timer_on_kick(note_kick);
	EXPLORE_REQUIRE(eg_ctx_with_timeout(NULL, 100000, &timed) == 0);
	eg_ctx_unref(timed);
	EXPLORE_REQUIRE(eg_ctx_wait_until(NULL, eg_clock_now_ns() + SECOND) != 0);
	explore_begin();
	EXPLORE_REQUIRE(egi_timer_hold() == 0);
	EXPLORE_REQUIRE(eg_ctx_wait_until(NULL, eg_clock_now_ns() + LONG_NS) != 0);
	egi_timer_kick();
	explore_await(&flag);
	egi_timer_release();
}

/* Idle threads are told to end as a deadline comes: both of its functions are called, though one waits for the other. */
void end_idle_against_deadline(void)
{
	eg_ctx_callback callbacks[2];
	eg_ctx *timed;

	called = 0;
	flag = false;
	timed = with_call(meet_other, NULL, 100000, &callbacks[0]);
	EXPLORE_REQUIRE(eg_ctx_on_end(timed, meet_other, NULL, &callbacks[1]) == 0);
	explore_begin();
	explore_pass_time(SECOND);
	EXPLORE_REQUIRE(eg_threads_end_idle() >= 0);
	explore_await(&flag);
	for (int i = 0; i < 2; i++)
		EXPLORE_REQUIRE(eg_ctx_off_end(&callbacks[i]) != 0);
	eg_ctx_unref(timed);
}
