/* SPDX-License-Identifier: MIT */
/*
 * Sleeping and waking by futex. The kernel puts a thread to sleep only while a word still has the value that the caller saw, so
 * a change between the look and the sleep is never missed; that is all that is built on here. A word may be gone by the time it
 * is woken: to the kernel it is an address, and whoever else sleeps there wakes for no reason, as every caller allows for.
 *
 * Sleeps end at a time on the kernel's clock. Where the program's is another they are short, and end by the program's.
 */
#include "os/event.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/verify.h"

/*
 * ThreadSanitizer keeps a signal back until the thread calls a function that it knows. A sleep with a timeout, however far,
 * returns when a signal arrives, instead of being restarted; and then such a function is called.
 */
#ifdef __SANITIZE_THREAD__
#define SLEEPS_ARE_RESTARTED false
#define take_signals() ((void)eg_clock_now_ns())
#else
#define SLEEPS_ARE_RESTARTED true
#define take_signals() ((void)0)
#endif

/* FUTEX_WAIT_BITSET because its timeout is absolute, on CLOCK_MONOTONIC. EINTR and a changed word are wake-ups like any other. */
static bool word_wait(uint32_t *word, uint32_t value, int64_t deadline_ns)
{
	struct timespec deadline = egi_clock_timespec(deadline_ns);
	bool no_deadline = deadline_ns == EGI_FOREVER && SLEEPS_ARE_RESTARTED;

	if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value, no_deadline ? NULL : &deadline, NULL,
		    FUTEX_BITSET_MATCH_ANY) == 0)
		return true;
	EGI_VERIFY(errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT, "futex wait failed");
	return errno != ETIMEDOUT;
}

/*
 * The program's clock is not the kernel's: sleeps for as long as the clock says, or until it may have run ahead, by the
 * kernel's; whether the time has come is the clock's to say.
 */
static EGI_COLD bool word_wait_by_clock(uint32_t *word, uint32_t value, int64_t deadline_ns)
{
	int64_t now = eg_clock_now_ns();
	struct timespec left;

	if (now >= deadline_ns)
		return false;
	left = egi_clock_timespec(deadline_ns < now + EGI_CLOCK_SLEEP_MAX ? deadline_ns - now
									  : EGI_CLOCK_SLEEP_MAX);
	if (syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &left, NULL, 0) == 0)
		return true;
	EGI_VERIFY(errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT, "futex wait failed");
	return errno != ETIMEDOUT || eg_clock_now_ns() < deadline_ns;
}

bool egi_word_wait(uint32_t *word, uint32_t value, int64_t deadline_ns)
{
	int saved = errno;
	bool in_time;

	if (EGI_LIKELY(deadline_ns == EGI_FOREVER || egi_clock_is_kernels()))
		in_time = word_wait(word, value, deadline_ns);
	else
		in_time = word_wait_by_clock(word, value, deadline_ns);
	take_signals();
	errno = saved;
	return in_time;
}

static void futex_wake(uint32_t *word, int count)
{
	int saved = errno;

	/* Waking fails only for a bad address, which cannot hold a sleeper. */
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
	errno = saved;
}

void egi_word_wake_all(uint32_t *word)
{
	futex_wake(word, INT_MAX);
}

void egi_event_prepare(struct egi_event *event, uint32_t *ret_key)
{
	/* [E1] full: the sleeper is announced before it looks again; pairs with [E2]. */
	egi_add_u32(&event->sleepers, 1);
	/* [E3] acquire: the key before the sleeper looks again; pairs with [E4]. */
	*ret_key = egi_load_acquire_u32(&event->sequence);
}

void egi_event_finish(struct egi_event *event)
{
	egi_add_u32(&event->sleepers, UINT32_MAX); /* [U1] nothing is ordered: at worst one more is woken. */
}

bool egi_event_wait(struct egi_event *event, uint32_t key, int64_t deadline_ns)
{
	return egi_word_wait(&event->sequence, key, deadline_ns);
}

void egi_event_notify(struct egi_event *event)
{
	/* [E2] full, before this load, by the caller's read-modify-write or fence; pairs with [E1]. */
	if (egi_load_acquire_u32(&event->sleepers) == 0)
		return;
	/* [E4] full: the change before the key that stands for it; pairs with [E3]. */
	egi_add_u32(&event->sequence, 1);
	egi_word_wake_all(&event->sequence);
}

bool egi_flag_wait(uint32_t *flag, int64_t deadline_ns)
{
	/* [E6] acquire: pairs with [E5]. */
	while (egi_load_acquire_u32(flag) == 0)
		if (!egi_word_wait(flag, 0, deadline_ns))
			return egi_load_acquire_u32(flag) != 0; /* [E6] */
	return true;
}

void egi_flag_raise(uint32_t *flag)
{
	/* [E5] release: what it is raised for, before it is; pairs with [E6]. */
	egi_store_release_u32(flag, 1);
	futex_wake(flag, 1);
}

void egi_sleep_for_good(void)
{
	uint32_t never = 0;

	for (;;)
		egi_word_wait(&never, 0, EGI_FOREVER);
}
