/* SPDX-License-Identifier: MIT */
#include "timer.h"

#include <errno.h>

#include "clock.h"
#include "park.h"
#include "thread.h"

#define IDLE_MAX (5 * EGI_SECOND) /* the keeper goes after it has slept so long for nobody */
#define FIRE_AT_ONCE 32           /* timers taken out of the wheel under one lock */

/* Everything but the last three is under the lock. */
static struct {
	struct egi_mutex lock;
	struct egi_wheel wheel;
	pthread_t thread;
	bool running; /* there is a keeper */
	bool sleeping;
	bool stopping;
	bool awaited;     /* its end is: the process ends, and it was asleep */
	int64_t wakes_at; /* the keeper turns the wheel then at the latest */
	uint64_t uses;    /* raised by whoever arms or holds */
	uint64_t holds;
	const struct egi_timer_owner *owner;
	void (*on_kick)(void);
	uint32_t kicked;
	uint32_t wake; /* raised for the keeper, lowered by it before it looks again */
} timers = {
    .lock = EGI_MUTEX_INIT,
};

uint32_t egi_timer_by_clock;

static void *keeper_main(void *arg);

/* Under lock. */
static int ensure(void)
{
	if (timers.running)
		return 0;
	if (timers.stopping || egi_thread_create(&timers.thread, keeper_main, NULL) != 0)
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

void egi_timer_disarm(struct egi_timer *timer)
{
	egi_mutex_lock(&timers.lock);
	if (timer->armed)
		egi_wheel_remove(&timers.wheel, timer);
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

void egi_timer_on_kick(void (*kicked)(void))
{
	timers.on_kick = kicked;
}

void egi_timer_kick(void)
{
	egi_store_relaxed_u32(&timers.kicked, 1);
	/* [K1] release, in raising: the kick before the flag; pairs with [K2]. */
	egi_flag_raise(&timers.wake);
}

/* Under lock, which is given up meanwhile. False in a forked child, in which there is no keeper. */
static bool keeper_fires(void)
{
	uint32_t fork_count = egi_thread_fork_count;
	struct egi_timer *claimed[FIRE_AT_ONCE], *timer;
	int count = 0;

	while (count < FIRE_AT_ONCE && (timer = egi_wheel_take(&timers.wheel)) != NULL)
		if (timers.owner->claim(timer))
			claimed[count++] = timer;
	egi_mutex_unlock(&timers.lock);
	for (int i = 0; i < count && fork_count == egi_thread_fork_count; i++)
		timers.owner->fire(claimed[i]);
	if (fork_count != egi_thread_fork_count)
		return false;
	egi_mutex_lock(&timers.lock);
	return true;
}

/* The same for a kick. */
static bool keeper_is_kicked(void)
{
	uint32_t fork_count = egi_thread_fork_count;

	egi_mutex_unlock(&timers.lock);
	egi_store_relaxed_u32(&timers.kicked, 0);
	egi_fence_full(); /* [K2]: the kick is taken note of before what it was for is looked at */
	timers.on_kick();
	if (fork_count != egi_thread_fork_count)
		return false;
	egi_mutex_lock(&timers.lock);
	return true;
}

/* Under lock, which is given up meanwhile: sleeps until there may be something to do, or for as long as it may idle. */
static void keeper_sleeps(void)
{
	int64_t next = egi_wheel_next_ns(&timers.wheel), latest = egi_clock_after(IDLE_MAX);
	int64_t until = next < latest ? next : latest;

	timers.wakes_at = until;
	timers.sleeping = true;
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
	if (egi_load_acquire_u32(&timers.kicked) == 0)
		egi_flag_wait(&timers.wake, until);
	egi_mutex_lock(&timers.lock);
	timers.sleeping = false;
}

static void *keeper_main(void *arg)
{
	uint64_t uses = 0;
	bool idle = false;

	(void)arg;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	egi_thread_be_punctual();
	egi_mutex_lock(&timers.lock);
	while (!timers.stopping) {
		if (egi_load_acquire_u32(&timers.kicked) != 0) {
			if (!keeper_is_kicked())
				return NULL;
			continue;
		}
		if (egi_wheel_turn(&timers.wheel, eg_clock_now_ns())) {
			if (!keeper_fires())
				return NULL;
			continue;
		}
		/* Nothing was armed at the last look either, nor in between. */
		if (idle && uses == timers.uses && eg_clock_now_ns() >= timers.wakes_at)
			break;
		idle = timers.wheel.armed == 0 && timers.holds == 0;
		uses = timers.uses;
		keeper_sleeps();
	}
	timers.running = false;
	if (!timers.awaited)
		pthread_detach(pthread_self());
	egi_mutex_unlock(&timers.lock);
	return NULL;
}

void egi_timer_stop(void)
{
	bool ends;

	egi_mutex_lock(&timers.lock);
	timers.stopping = true;
	/* One that is calling somebody may be kept there for ever, or be the one that exits. */
	ends = timers.running && timers.sleeping;
	timers.awaited = ends;
	egi_mutex_unlock(&timers.lock);
	if (!ends)
		return;
	egi_flag_raise(&timers.wake);
	pthread_join(timers.thread, NULL);
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
	timers.running = timers.sleeping = false;
	timers.holds = 0;
	egi_store_relaxed_u32(&timers.kicked, 0);
	if (timers.wheel.armed != 0)
		egi_store_relaxed_u32(&egi_timer_by_clock, 1);
}
