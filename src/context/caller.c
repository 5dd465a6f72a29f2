/* SPDX-License-Identifier: MIT */
/*
 * The threads that call functions when a deadline or a signal has ended their context.
 *
 * The keeper ends contexts and calls nobody, so no deadline waits for a function of the program. Contexts with calls to
 * make wait in queues, one for each of the trees' locks; threads come and take one call after the other. One thread does
 * while it gets on. A function may wait: for another deadline, for a group whose tasks have some. So when calls wait
 * and none has been taken for a millisecond, the keeper starts one more thread; there are never more than functions that
 * take so long, and one.
 *
 *   waiting   a bit for each queue that may hold something, under the lock here. Set after something was queued, and
 *             cleared before the queue is looked at:
 *
 *               keeper                           caller
 *                                                sees an empty queue
 *               queues a context, sets the bit
 *                                                clears the bit: nobody comes
 *
 *   looking   how many threads have cleared a bit and may have to set it again. The keeper, who sees none meanwhile, looks
 *             again a little later, or this happens:
 *
 *               keeper                           caller
 *                                                clears the bit, takes the first call of two
 *               sees no bit: sleeps for long
 *                                                sets the bit again
 *                                                makes the call, which waits for the second
 *
 * The lock is not held while another is taken, but for what starting and leaving threads take.
 *
 * If not one thread can be had, the keeper makes the calls itself, and meanwhile whoever asks or waits for a deadline
 * looks at the clock (timer.h): a function that waits for one is not stuck.
 */
#include "context/caller.h"

#include "os/atomic.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/leave.h"
#include "os/mutex.h"

/*
 * Calls that wait for so long get another thread: some twenty times what starting one takes (55 us on a Xeon of 2 CPUs,
 * Linux 6.18), so that functions which return soon are called by one thread.
 */
#define STUCK (1 * EGI_MILLISECOND)
#define RETRY (10 * STUCK) /* when to try again to start one, if it was refused */

struct caller {
	uint32_t wake; /* raised for an idle one */
	bool dismissed;
	LIST_ENTRY(caller) link;
};

/* Everything but the queues is under the lock. */
static struct {
	struct egi_mutex lock;
	LIST_HEAD(, caller) idle;
	uint32_t waiting;
	unsigned looking;
	unsigned last; /* the queue that was last taken from: the others come first */
	unsigned threads;
	uint32_t calling; /* how many threads are in a function that they call; lowered without the lock */
	uint64_t taken;   /* how often somebody came for a call */
	uint64_t seen;    /* the same when the keeper last saw it change, */
	int64_t seen_at;  /* and when that was; 0: the first call is waiting */
	bool stopping;
	struct egi_ctx_queue queues[EGI_CTX_LOCKS]; /* each under the trees' lock */
} callers = {
    .lock = EGI_MUTEX_INIT,
};

_Static_assert(EGI_CTX_LOCKS <= 32, "a bit for each queue");

struct egi_ctx_queue *egi_ctx_caller_queue(unsigned lock)
{
	return &callers.queues[lock];
}

void egi_ctx_caller_note(unsigned lock)
{
	egi_mutex_lock(&callers.lock);
	/* What waits since now is not stuck yet. */
	if (callers.waiting == 0)
		callers.seen_at = 0;
	callers.waiting |= UINT32_C(1) << lock;
	egi_mutex_unlock(&callers.lock);
}

/* Under lock: the next queue that may hold something. */
static unsigned queue_choose(void)
{
	uint32_t later = callers.waiting & ~((UINT32_C(2) << callers.last) - 1);

	return (unsigned)__builtin_ctz(later != 0 ? later : callers.waiting);
}

/* Under lock, which is given up meanwhile: makes one call, if there is one. False in a child that it forked. */
static bool callers_serve(void)
{
	unsigned number = queue_choose();
	uint32_t bit = UINT32_C(1) << number;
	struct egi_ctx_queue *queue = &callers.queues[number];
	struct egi_ctx_calling calling;
	bool found, more;

	callers.waiting &= ~bit;
	callers.looking++;
	callers.last = number;
	egi_mutex_unlock(&callers.lock);
	egi_ctx_lock(number);
	found = !TAILQ_EMPTY(queue);
	if (found)
		egi_ctx_call_take(queue, &calling);
	more = !TAILQ_EMPTY(queue);
	egi_ctx_unlock(number);
	egi_mutex_lock(&callers.lock);
	callers.looking--;
	if (more)
		callers.waiting |= bit;
	callers.taken++;
	if (!found)
		return true;
	calling.under_way = &callers.calling;
	egi_add_u32(&callers.calling, 1); /* [Z2] nothing is ordered */
	egi_mutex_unlock(&callers.lock);
	if (!egi_ctx_call_make(&calling))
		return false;
	egi_mutex_lock(&callers.lock);
	return true;
}

/* Under lock, which is given up meanwhile. False when the thread is to go. */
static bool caller_rest(struct caller *caller)
{
	LIST_INSERT_HEAD(&callers.idle, caller, link);
	egi_mutex_unlock(&callers.lock);
	(void)egi_flag_wait(&caller->wake, egi_clock_after(EGI_LEAVE_AFTER));
	egi_mutex_lock(&callers.lock);
	/* It may have been raised just now; who raises it has taken the thread out of the list. */
	if (egi_load_relaxed_u32(&caller->wake) == 0) {
		LIST_REMOVE(caller, link);
		return false;
	}
	egi_store_relaxed_u32(&caller->wake, 0);
	return !caller->dismissed;
}

static void *caller_main(void *arg)
{
	struct caller caller = {0};
	bool stays = true;

	(void)arg;
	egi_mutex_lock(&callers.lock);
	while (stays || callers.stopping) {
		if (callers.stopping) {
			egi_mutex_unlock(&callers.lock);
			egi_sleep_for_good();
		}
		if (callers.waiting == 0)
			stays = caller_rest(&caller);
		else if (!callers_serve())
			return NULL;
	}
	callers.threads--;
	egi_leave();
	egi_mutex_unlock(&callers.lock);
	return NULL;
}

/* Under lock: takes an idle thread out of the list and wakes it. NULL if there is none. */
static struct caller *callers_wake(void)
{
	struct caller *caller = LIST_FIRST(&callers.idle);

	if (caller) {
		LIST_REMOVE(caller, link);
		egi_flag_raise(&caller->wake);
	}
	return caller;
}

/* Under lock: whether calls have waited for so long that the threads there are must be held up. */
static bool callers_are_stuck(int64_t now)
{
	if (callers.seen_at == 0 || callers.taken != callers.seen) {
		callers.seen = callers.taken;
		callers.seen_at = now;
	}
	return callers.threads == 0 || now >= callers.seen_at + STUCK;
}

/* Under lock: calls wait. Sees to it that a thread comes for them; false if there is none. *ret_again: when to look again. */
static bool callers_hire(int64_t now, int64_t *ret_again)
{
	pthread_t thread;

	*ret_again = now + STUCK;
	if (callers_wake() || !callers_are_stuck(now))
		return true;
	callers.seen_at = now;
	if (egi_thread_create(&thread, caller_main, NULL) == 0) {
		callers.threads++;
		return true;
	}
	*ret_again = now + RETRY;
	return callers.threads > 0;
}

int64_t egi_ctx_caller_look(void)
{
	int64_t again = EGI_FOREVER;

	egi_mutex_lock(&callers.lock);
	while (callers.waiting != 0 && !callers.stopping && !callers_hire(eg_clock_now_ns(), &again)) {
		egi_mutex_unlock(&callers.lock);
		egi_timer_leave();
		egi_mutex_lock(&callers.lock);
		if (callers.waiting != 0 && !callers_serve())
			return again;
		egi_mutex_unlock(&callers.lock);
		egi_timer_return();
		egi_mutex_lock(&callers.lock);
		again = EGI_FOREVER;
	}
	if (callers.waiting == 0 && callers.looking > 0)
		again = egi_clock_after(STUCK);
	egi_mutex_unlock(&callers.lock);
	return again;
}

void egi_ctx_caller_start(void)
{
	LIST_INIT(&callers.idle);
	callers.waiting = 0;
	callers.looking = 0;
	callers.threads = 0;
	callers.calling = 0;
	for (unsigned i = 0; i < EGI_CTX_LOCKS; i++)
		TAILQ_INIT(&callers.queues[i]);
}

void egi_ctx_caller_stop(void)
{
	egi_mutex_lock(&callers.lock);
	callers.stopping = true;
	egi_mutex_unlock(&callers.lock);
}

bool egi_ctx_caller_dismiss(int *ret_left, bool *ret_waits)
{
	struct caller *caller;
	bool ending;

	egi_mutex_lock(&callers.lock);
	while ((caller = LIST_FIRST(&callers.idle)) != NULL) {
		caller->dismissed = true;
		callers_wake();
	}
	/*
	 * Whoever is not calling a function is on its way to being idle, or to its end, or asleep for good. [Z2] acquire, but
	 * no order is relied on: raised under the lock, and lowered before the call is done ([X4]).
	 */
	ending = !callers.stopping && callers.threads > egi_load_acquire_u32(&callers.calling);
	*ret_left = (int)callers.threads;
	*ret_waits = callers.waiting != 0;
	egi_mutex_unlock(&callers.lock);
	return ending;
}

void egi_ctx_caller_lock(void)
{
	egi_mutex_lock(&callers.lock);
}

void egi_ctx_caller_unlock(void)
{
	egi_mutex_unlock(&callers.lock);
}
