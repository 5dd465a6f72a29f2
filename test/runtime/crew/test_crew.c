/* SPDX-License-Identifier: MIT */
/*
 * The crew from inside: threads that cannot be had for a moment, what is done under its lock, who counts as computing, and
 * what a thread shows it.
 *
 * The linker's --wrap sends the library's calls of pthread_create and sched_yield here.
 */

#include "support.h"

#include <limits.h>
#include <unistd.h>

#include "runtime/crew/board.h"
#include "runtime/crew/notices.h"
#include "runtime/crew/pulse.h"
#include "runtime/group/state.h"

/*
 * Calls of the system
 */

static atomic_long refusals; /* of the next threads, so many cannot be had */
static atomic_bool lock_was_held;
static atomic_long yields; /* of the thread that counts its own */
static __thread bool counts_yields;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*entry)(void *),
			  void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*entry)(void *),
			  void *arg);
int __real_sched_yield(void);
int __wrap_sched_yield(void);

/* Whether the calling thread holds the crew's lock, where the C library says whose a lock is. */
static bool holds_lock(void)
{
#ifdef __GLIBC__
	return __atomic_load_n(&egi_board.lock.native.__data.__owner, __ATOMIC_RELAXED) == thread_id();
#else
	return false;
#endif
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*entry)(void *),
			  void *arg)
{
	if (holds_lock())
		atomic_store(&lock_was_held, true);
	if (atomic_fetch_sub(&refusals, 1) > 0)
		return EAGAIN;
	return __real_pthread_create(thread, attributes, entry, arg);
}

int __wrap_sched_yield(void)
{
	if (counts_yields)
		atomic_fetch_add(&yields, 1);
	return __real_sched_yield();
}

/*
 * Threads that cannot be had for a moment: tasks that need one another do not run until they can.
 */

#define REFUSED 6 /* some 60 ms, as the crew tries again */

static void begin_shortage(void)
{
	assert_true(eg_threads_end_idle() == 0);
	atomic_store(&refusals, REFUSED);
}

static void end_shortage(void)
{
	assert_true(atomic_load(&refusals) <= 0);
}

static void meet_three(void)
{
	struct meeting meeting = {TALLY_INIT, 3};
	eg_group group = EG_GROUP_INIT;

	for (int i = 0; i < 3; i++)
		eg_group_go(&group, task_meet, &meeting);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

static void a_waiter_that_helps_does_not_run_what_needs_another_thread(void **state)
{
	(void)state;
	begin_shortage();
	meet_three();
	end_shortage();
}

static void threads_are_tried_for_while_a_waiter_sleeps(void **state)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	struct meeting meeting = {TALLY_INIT, 3};
	eg_group group;

	(void)state;
	options.flags = EG_GROUP_NO_HELP;
	begin_shortage();
	assert_int_equal(eg_group_init(&group, NULL, &options), 0);
	for (int i = 0; i < 3; i++)
		eg_group_go(&group, task_meet, &meeting);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	end_shortage();
}

static void threads_are_tried_for_while_a_waiter_sleeps_until_a_deadline(void **state)
{
	struct meeting meeting = {TALLY_INIT, 3};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	begin_shortage();
	for (int i = 0; i < 3; i++)
		eg_group_go(&group, task_meet, &meeting);
	assert_int_equal(eg_group_wait_until(&group, EG_CTX_NO_DEADLINE), 0);
	eg_group_destroy(&group);
	end_shortage();
}

struct convener {
	eg_group *group;
	struct meeting *meeting;
};

static int task_convene(eg_ctx *ctx, void *arg)
{
	struct convener *convener = arg;

	(void)ctx;
	for (long i = 0; i < convener->meeting->parties; i++)
		CHECK(eg_group_go(convener->group, task_meet, convener->meeting) == 0);
	return 0;
}

/* The shortage begins when the waiter is at work already. */
static void a_waiter_does_not_go_on_to_what_needs_another_thread(void **state)
{
	struct meeting meeting = {TALLY_INIT, 3};
	eg_group group = EG_GROUP_INIT;
	struct convener convener = {&group, &meeting};

	(void)state;
	begin_shortage();
	eg_group_go(&group, task_convene, &convener);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	end_shortage();
}

static int task_wait_inside(eg_ctx *ctx, void *arg)
{
	struct meeting *meeting = arg;
	eg_group inner = EG_GROUP_INIT;
	int err;

	(void)ctx;
	for (long i = 0; i < meeting->parties; i++)
		CHECK(eg_group_go(&inner, task_meet, meeting) == 0);
	err = eg_group_wait(&inner);
	eg_group_destroy(&inner);
	return err;
}

static void nor_does_a_task_that_waits_for_a_group_of_its_own(void **state)
{
	struct meeting meeting = {TALLY_INIT, 3};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	begin_shortage();
	eg_group_set_limit(&group, 1);
	eg_group_go(&group, task_wait_inside, &meeting);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	end_shortage();
}

static void threads_are_tried_for_while_a_submitter_waits_for_room(void **state)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	struct meeting meeting = {TALLY_INIT, 2};
	eg_group group;

	(void)state;
	options.backlog = 1;
	begin_shortage();
	assert_int_equal(eg_group_init(&group, NULL, &options), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(eg_group_go(&group, task_meet, &meeting), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	end_shortage();
}

static int task_sleep(eg_ctx *ctx, void *arg)
{
	struct tally *woken = arg;

	(void)ctx;
	while (tally_value(woken) == 0)
		(void)eg_ctx_sleep_until(NULL, eg_clock_now_ns() + 1000000);
	return 0;
}

static int task_wake(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	tally_add(arg, 1);
	return 0;
}

/* Two tasks on a waiter's thread, of which one sleeps in the library until the other has run; after the time of patience. */
static void threads_are_tried_for_while_a_task_sleeps(void **state)
{
	struct tally woken = TALLY_INIT;
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_threads_end_idle(), 0);
	atomic_store(&refusals, 12);
	eg_group_go(&group, task_sleep, &woken);
	eg_group_go(&group, task_wake, &woken);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	end_shortage();
}

static void without_any_thread_the_waiter_runs_all(void **state)
{
	atomic_long ran = 0;

	(void)state;
	assert_int_equal(eg_threads_end_idle(), 0);
	atomic_store(&refusals, LONG_MAX);
	for (int round = 0; round < 1000; round++) {
		eg_group group = EG_GROUP_INIT;

		for (int i = 0; i < 10; i++)
			eg_group_go(&group, task_count, &ran);
		assert_int_equal(eg_group_wait(&group), 0);
		eg_group_destroy(&group);
	}
	/* It was tried for a bounded number of times. */
	assert_in_range(LONG_MAX - atomic_load(&refusals), 1, 5000);
	assert_int_equal(atomic_load(&ran), 10000);
	/* When threads can be had again, they are. */
	atomic_store(&refusals, 0);
	meet_three();
}

static void no_thread_is_started_with_the_lock_held(void **state)
{
	struct meeting meeting = {TALLY_INIT, 20};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_threads_end_idle(), 0);
	atomic_store(&lock_was_held, false);
	for (int i = 0; i < 20; i++)
		eg_group_go(&group, task_meet, &meeting);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	assert_false(atomic_load(&lock_was_held));
}

/*
 * Waiting for another thread
 */

struct sharer {
	struct eg_group_state *state;
	_Atomic pid_t thread;
	atomic_bool returned;
};

static void *sharer_main(void *arg)
{
	struct sharer *sharer = arg;

	counts_yields = true;
	atomic_store(&sharer->thread, thread_id());
	egi_gate_share(&sharer->state->gate);
	atomic_store(&sharer->returned, true);
	return NULL;
}

/* To yield does not help an owner of lower priority, so whoever waits for it sleeps, soon. */
static void whoever_waits_for_a_groups_owner_sleeps(void **state)
{
	eg_group group = EG_GROUP_INIT;
	struct sharer sharer = {0};
	pthread_t thread;

	(void)state;
	eg_group_set_limit(&group, 1);
	sharer.state = group.eg_state;
	assert_true(egi_gate_begin_alone(&sharer.state->gate));
	atomic_store(&yields, 0);
	assert_int_equal(pthread_create(&thread, NULL, sharer_main, &sharer), 0);
	for (int i = 0; i < 20; i++)
		assert_true(thread_blocks(&sharer.thread, &sharer.returned));
	assert_in_range(atomic_load(&yields), 0, 10);
	egi_gate_end_alone(&sharer.state->gate);
	pthread_join(thread, NULL);
	assert_true(atomic_load(&sharer.returned));
	eg_group_destroy(&group);
}

/*
 * What a thread shows: as much as it likes, without a search, on no more pages than that takes
 */

#define SHOWN 1000

static long pages_now(void)
{
	const struct egi_notices *first = egi_thread_self.notices, *page = first;
	long count = 0;

	if (!first)
		return 0;
	do {
		count++;
		page = page->next;
	} while (page != first);
	return count;
}

static eg_group shown[SHOWN];

static struct egi_request *request_of(int number)
{
	struct eg_group_state *state = shown[number].eg_state;

	return &state->request;
}

static void open_all(void)
{
	for (int i = 0; i < SHOWN; i++)
		assert_int_equal(eg_group_init(&shown[i], NULL, NULL), 0);
}

static void destroy_all(void)
{
	for (int i = 0; i < SHOWN; i++)
		eg_group_destroy(&shown[i]);
}

static void show_all(void)
{
	for (int i = 0; i < SHOWN; i++)
		assert_true(egi_notices_show(request_of(i)));
}

static void *take_all_away(void *arg)
{
	for (int i = 0; i < SHOWN; i++)
		egi_notices_take_away(request_of(i));
	return arg;
}

static void a_thread_shows_any_number_of_groups(void **state)
{
	long pages;

	(void)state;
	open_all();
	show_all();
	pages = pages_now();
	assert_in_range(pages, SHOWN / 64, SHOWN / 64 + 2);
	for (int round = 0; round < 20; round++) {
		/* In the order in which they came, the other way round, and every other one first. */
		for (int i = 0; i < SHOWN; i++)
			egi_notices_hide(request_of(round % 3 == 0   ? i
						    : round % 3 == 1 ? SHOWN - 1 - i
								     : (2 * i) % SHOWN + (2 * i >= SHOWN)));
		show_all();
		assert_int_equal(pages_now(), pages);
	}
	destroy_all();
}

static void places_that_others_have_cleared_are_used_again(void **state)
{
	long pages;

	(void)state;
	open_all();
	show_all();
	pages = pages_now();
	for (int round = 0; round < 20; round++) {
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, take_all_away, NULL), 0);
		pthread_join(thread, NULL);
		show_all();
		assert_in_range(pages_now(), pages, pages + 1);
	}
	destroy_all();
}

/*
 * Who computes
 */

struct patient {
	struct egi_pulse pulse;
	struct tally ready;
	struct tally go_on;
	atomic_bool over;
};

#define PATIENT_INIT                                     \
	{                                                \
		.ready = TALLY_INIT, .go_on = TALLY_INIT \
	}

static void *computes(void *arg)
{
	struct patient *patient = arg;

	egi_pulse_init(&patient->pulse);
	tally_add(&patient->ready, 1);
	while (!atomic_load(&patient->over))
		;
	return NULL;
}

static void *is_blocked(void *arg)
{
	struct patient *patient = arg;

	egi_pulse_init(&patient->pulse);
	tally_add(&patient->ready, 1);
	tally_await(&patient->go_on, 1);
	return NULL;
}

/* The test's guard ends it if it never is so. */
static void await_pulse(struct patient *patient, bool blocked)
{
	do {
		sched_yield();
		egi_pulse_take(&patient->pulse);
	} while (patient->pulse.is_blocked != blocked);
}

static void take_pulses(void *arg)
{
	struct patient busy = PATIENT_INIT, asleep = PATIENT_INIT;
	pthread_t threads[2];

	(void)arg;
	EXPECT(pthread_create(&threads[0], NULL, computes, &busy) == 0);
	EXPECT(pthread_create(&threads[1], NULL, is_blocked, &asleep) == 0);
	tally_await(&busy.ready, 1);
	tally_await(&asleep.ready, 1);
	await_pulse(&asleep, true);
	await_pulse(&busy, false);
	await_pulse(&asleep, true);
	atomic_store(&busy.over, true);
	tally_add(&asleep.go_on, 1);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
}

static void the_kernel_tells_who_computes(void **state)
{
	(void)state;
	take_pulses(NULL);
}

static void take_pulses_without_proc(void *arg)
{
	EXPECT(chroot("/sys") == 0 && chdir("/") == 0);
	EXPECT(access("/proc", F_OK) != 0);
	take_pulses(arg);
}

static void the_clock_tells_it_where_there_is_no_proc(void **state)
{
	struct child child;

	(void)state;
	if (geteuid() != 0 || access("/sys/proc", F_OK) == 0 || !child_may_start_threads())
		skip();
	child_run(take_pulses_without_proc, NULL, &child);
	assert_true(child_exited(&child, 0));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_waiter_that_helps_does_not_run_what_needs_another_thread),
	    TEST(threads_are_tried_for_while_a_waiter_sleeps),
	    TEST(threads_are_tried_for_while_a_waiter_sleeps_until_a_deadline),
	    TEST(a_waiter_does_not_go_on_to_what_needs_another_thread),
	    TEST(nor_does_a_task_that_waits_for_a_group_of_its_own),
	    TEST(threads_are_tried_for_while_a_submitter_waits_for_room),
	    TEST(threads_are_tried_for_while_a_task_sleeps),
	    TEST(without_any_thread_the_waiter_runs_all),
	    TEST(no_thread_is_started_with_the_lock_held),
	    TEST(whoever_waits_for_a_groups_owner_sleeps),
	    TEST(a_thread_shows_any_number_of_groups),
	    TEST(places_that_others_have_cleared_are_used_again),
	    TEST(the_kernel_tells_who_computes),
	    TEST(the_clock_tells_it_where_there_is_no_proc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
