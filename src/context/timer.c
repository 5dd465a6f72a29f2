/* SPDX-License-Identifier: MIT */
/*
 * The keeper goes around: it sees to a kick, fires timers that are due, lets its owner look when that is due, and when
 * there is none of these sleeps until there may be, or goes when it was needed by nobody for long.
 *
 * All is under the lock, but the two words that a signal's handler writes. It is the innermost lock of the contexts (tree.h):
 * timers are armed and disarmed under a tree's. `fire`, `look` and what a kick is for are called without it.
 *
 * Timers that the keeper has taken out of the wheel stay in `fired` until all of them were fired. Whoever is going to free
 * what one belongs to looks there, and sleeps until the round is over:
 *
 *     keeper                                    whoever frees a context
 *     takes the timer out, gives the lock up
 *                                               it is not armed: frees the context
 *     fires what is gone
 *
 * It goes only if nobody has armed a timer or held it since the look before: `uses` says so, since both may have come and
 * gone in between. `wakes_at` may be too early, which costs it a turn; it is never later than the first deadline.
 */
#include "context/timer.h"

#include <errno.h>

#include "os/clock.h"
#include "os/event.h"
#include "os/leave.h"
#include "os/mutex.h"
#include "os/thread.h"

/*
 * Timers taken out of the wheel under one lock. Whoever retires a timer that is not armed searches them, which 32 words, of
 * four lines, make cheap; and 32 contexts take a hundred times as long to end as the lock.
 */
#define FIRE_AT_ONCE 32

static struct {
	struct egi_mutex lock;
	struct egi_wheel wheel;
	pthread_t thread;
	bool running;     /* there is a keeper, */
	bool away;        /* but it is calling a function of the program */
	bool stopping;    /* the process ends: it is asleep for good, or going to be */
	bool dismissed;   /* the keeper is to go if nothing is armed or held */
	int64_t wakes_at; /* the keeper turns the wheel then at the latest */
	uint64_t uses;    /* raised by whoever arms or holds */
	uint64_t holds;
	unsigned firing; /* how many timers the keeper has taken out and is firing, */
	struct egi_timer *fired[FIRE_AT_ONCE];
	bool retiring;                       /* and whether somebody waits until it has done so */
	uint32_t rounds;                     /* raised then */
	const struct egi_timer_owner *owner; /* written once, at the beginning; and so is the next */
	void (*on_kick)(void);
	uint32_t
	    kicked;    /* without the lock: somebody kicks; raised for nothing, it costs the keeper a look */
	uint32_t wake; /* without the lock: raised for the keeper, lowered by it before it looks again */
} timers = {
    .lock = EGI_MUTEX_INIT,
};

uint32_t egi_timer_by_clock;

static void *keeper_main(void *arg);

/* Under lock. */
static inline int ensure(void)
{
	if (timers.stopping || timers.away)
		return -EAGAIN;
	if (timers.running)
		return 0;
	if (egi_thread_create(&timers.thread, keeper_main, NULL) != 0)
		return -EAGAIN;
	timers.running = true;
	timers.wakes_at = 0;
	return 0;
}

void egi_timer_start(const struct egi_timer_owner *owner)
{
	timers.owner = owner;
}

void egi_timer_arm(struct egi_timer *timer, int64_t due_ns, int64_t now_ns)
{
	bool earlier;

	egi_mutex_lock(&timers.lock);
	egi_wheel_add(&timers.wheel, timer, due_ns, now_ns);
	timers.uses++;
	if (EGI_UNLIKELY(ensure() != 0))
		egi_store_relaxed_u32(&egi_timer_by_clock, 1);
	earlier = timers.wakes_at > due_ns;
	if (earlier)
		timers.wakes_at = due_ns;
	egi_mutex_unlock(&timers.lock);
	if (earlier)
		egi_flag_raise(&timers.wake);
}

bool egi_timer_disarm(struct egi_timer *timer)
{
	bool armed;

	egi_mutex_lock(&timers.lock);
	armed = timer->armed;
	if (armed)
		egi_wheel_remove(&timers.wheel, timer);
	egi_mutex_unlock(&timers.lock);
	return armed;
}

/* Under lock. */
static bool is_firing(const struct egi_timer *timer)
{
	for (unsigned i = 0; i < timers.firing; i++)
		if (timers.fired[i] == timer)
			return true;
	return false;
}

/* Under lock, which is given up meanwhile: waits until the keeper has fired what it has taken out. */
static EGI_COLD void await_round(const struct egi_timer *timer)
{
	while (is_firing(timer)) {
		uint32_t round = timers.rounds;

		timers.retiring = true;
		egi_mutex_unlock(&timers.lock);
		egi_word_wait(&timers.rounds, round, EGI_FOREVER);
		egi_mutex_lock(&timers.lock);
	}
}

void egi_timer_retire(struct egi_timer *timer)
{
	egi_mutex_lock(&timers.lock);
	if (EGI_LIKELY(timer->armed))
		egi_wheel_remove(&timers.wheel, timer);
	else
		await_round(timer);
	egi_mutex_unlock(&timers.lock);
}

int egi_timer_ensure(void)
{
	int err;

	egi_mutex_lock(&timers.lock);
	timers.uses++;
	err = ensure();
	egi_mutex_unlock(&timers.lock);
	return err;
}

int egi_timer_hold(void)
{
	int err;

	egi_mutex_lock(&timers.lock);
	timers.uses++;
	err = ensure();
	if (!err)
		timers.holds++;
	egi_mutex_unlock(&timers.lock);
	return err;
}

void egi_timer_release(void)
{
	egi_mutex_lock(&timers.lock);
	timers.holds--;
	timers.uses++;
	egi_mutex_unlock(&timers.lock);
}

void egi_timer_leave(void)
{
	egi_mutex_lock(&timers.lock);
	timers.away = true;
	egi_store_relaxed_u32(&egi_timer_by_clock, 1);
	egi_mutex_unlock(&timers.lock);
}

void egi_timer_return(void)
{
	egi_mutex_lock(&timers.lock);
	timers.away = false;
	egi_mutex_unlock(&timers.lock);
}

void egi_timer_on_kick(void (*kicked)(void))
{
	timers.on_kick = kicked;
}

void egi_timer_kick(void)
{
	egi_store_relaxed_u32(&timers.kicked, 1);
	egi_fence_full(); /* [K1]: the kick before the flag; pairs with [K2] */
	egi_flag_raise(&timers.wake);
}

/* Under lock, which is given up meanwhile. */
static void keeper_fires(void)
{
	struct egi_timer *timer;

	while (timers.firing < FIRE_AT_ONCE && (timer = egi_wheel_take(&timers.wheel)) != NULL)
		timers.fired[timers.firing++] = timer;
	egi_mutex_unlock(&timers.lock);
	for (unsigned i = 0; i < timers.firing; i++)
		timers.owner->fire(timers.fired[i]);
	egi_mutex_lock(&timers.lock);
	timers.firing = 0;
	if (timers.retiring) {
		timers.retiring = false;
		egi_store_relaxed_u32(&timers.rounds, timers.rounds + 1);
		egi_word_wake_all(&timers.rounds);
	}
}

/* The same for a kick. */
static void keeper_is_kicked(void)
{
	egi_mutex_unlock(&timers.lock);
	egi_store_relaxed_u32(&timers.kicked, 0);
	egi_fence_full(); /* [K2]: the kick is lowered before what it was for is looked at; pairs with [K3] */
	timers.on_kick();
	egi_mutex_lock(&timers.lock);
}

/* The same for what its owner wants. False in a child that a function of the program forked: there is no keeper there. */
static bool keeper_looks(int64_t *ret_again)
{
	uint32_t fork_count = egi_thread_fork_count;

	egi_mutex_unlock(&timers.lock);
	egi_thread_be_usual();
	*ret_again = timers.owner->look();
	if (fork_count != egi_thread_fork_count)
		return false;
	egi_mutex_lock(&timers.lock);
	return true;
}

/*
 * Under lock, which is given up meanwhile: sleeps until there may be something to do, or for as long as it may idle, but
 * not beyond a time.
 */
static void keeper_sleeps(int64_t until)
{
	int64_t next = egi_wheel_next_ns(&timers.wheel), latest = egi_clock_after(EGI_LEAVE_AFTER);

	if (next < until)
		until = next;
	if (latest < until)
		until = latest;
	timers.wakes_at = until;
	egi_store_relaxed_u32(&timers.wake, 0);
	/*
	 * [K2] full: the flag is lowered before the last look for a kick; pairs with [K1]. Otherwise a kick is slept
	 * through:
	 *
	 *     keeper                                  handler
	 *     lowers the flag (still in its buffer)
	 *     sees no kick
	 *                                             kicks, raises the flag
	 *     the flag is low
	 */
	egi_fence_full();
	egi_mutex_unlock(&timers.lock);
	egi_thread_be_punctual();
	/* The look that [K2] is before. */
	if (egi_load_acquire_u32(&timers.kicked) == 0)
		egi_flag_wait(&timers.wake, until);
	egi_mutex_lock(&timers.lock);
}

/* Under lock: does what there is to do at once. False when there is nothing. */
static bool keeper_works(void)
{
	/* [K4] acquire, but no order is relied on: a hint, for [K2] is made in either case. */
	if (egi_load_acquire_u32(&timers.kicked) != 0)
		keeper_is_kicked();
	else if (egi_wheel_turn(&timers.wheel, eg_clock_now_ns()))
		keeper_fires();
	else
		return false;
	return true;
}

/* Under lock. */
static bool is_needed(void)
{
	return timers.wheel.armed != 0 || timers.holds != 0;
}

/* Under lock. False in a forked child, in which it is not held. */
static bool keeper_keeps(void)
{
	int64_t look_at = EGI_FOREVER;
	uint64_t uses = 0;
	bool idle = false;

	/* Somebody may have relied on it since it was dismissed, or its owner have to look first, for what it has fired. */
	while (!timers.dismissed || is_needed() || look_at != EGI_FOREVER) {
		timers.dismissed = timers.dismissed && !is_needed();
		if (timers.stopping) {
			egi_mutex_unlock(&timers.lock);
			egi_sleep_for_good();
		}
		if (keeper_works()) {
			look_at = INT64_MIN;
			continue;
		}
		if (look_at != EGI_FOREVER && (timers.dismissed || look_at <= eg_clock_now_ns())) {
			if (!keeper_looks(&look_at))
				return false;
			/* If there is something to do for it, it stays. */
			timers.dismissed = timers.dismissed && look_at == EGI_FOREVER;
			continue;
		}
		/* Nothing was armed at the last look either, nor in between. */
		if (idle && uses == timers.uses && eg_clock_now_ns() >= timers.wakes_at)
			break;
		idle = timers.wheel.armed == 0 && timers.holds == 0 && look_at == EGI_FOREVER;
		uses = timers.uses;
		keeper_sleeps(look_at);
	}
	return true;
}

static void *keeper_main(void *arg)
{
	(void)arg;
	egi_mutex_lock(&timers.lock);
	if (!keeper_keeps())
		return NULL;
	timers.running = timers.dismissed = false;
	egi_leave();
	egi_mutex_unlock(&timers.lock);
	return NULL;
}

void egi_timer_stop(void)
{
	egi_mutex_lock(&timers.lock);
	timers.stopping = true;
	egi_store_relaxed_u32(&egi_timer_by_clock, 1);
	egi_mutex_unlock(&timers.lock);
}

bool egi_timer_dismiss(bool is_at_work, int *ret_left)
{
	bool ends;

	egi_mutex_lock(&timers.lock);
	ends = timers.running && !timers.away && !timers.stopping && !is_at_work && !is_needed();
	timers.dismissed = ends;
	*ret_left = timers.running;
	egi_mutex_unlock(&timers.lock);
	if (ends)
		egi_flag_raise(&timers.wake);
	return ends;
}

void egi_timer_lock(void)
{
	egi_mutex_lock(&timers.lock);
}

void egi_timer_unlock(void)
{
	egi_mutex_unlock(&timers.lock);
}

void egi_timer_start_child(void)
{
	bool has_deadlines = timers.wheel.armed != 0 || timers.firing != 0;

	timers.running = timers.away = timers.dismissed = false;
	timers.holds = 0;
	timers.firing = 0;
	egi_store_relaxed_u32(&timers.kicked, 0);
	if (has_deadlines)
		egi_store_relaxed_u32(&egi_timer_by_clock, 1);
}
