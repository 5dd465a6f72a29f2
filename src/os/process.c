/* SPDX-License-Identifier: MIT */
/*
 * What only the main thread can tell of itself lies in a few words, which it writes whenever it comes by, and any thread may
 * read. Nothing is asked for: it may be asleep in a system call for good.
 */
#include "os/process.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/atomic.h"
#include "os/fpenv.h"
#include "os/verify.h"

/* Written by the main thread alone. Each is right by itself, so no order between them matters. */
static struct egi_process noted;
static uint32_t is_noted;

static egi_signals signals_of(const sigset_t *set)
{
	egi_signals signals = 0;

	for (int number = 1; number <= 64; number++)
		if (sigismember(set, number) == 1)
			signals |= EGI_SIGNAL(number);
	return signals;
}

sigset_t egi_signals_set(egi_signals signals)
{
	sigset_t set;

	sigemptyset(&set);
	/* Those that the C library keeps for itself are refused. */
	for (int number = 1; number <= 64; number++)
		if ((signals & EGI_SIGNAL(number)) != 0)
			(void)sigaddset(&set, number);
	return set;
}

egi_signals egi_signals_blocked(void)
{
	sigset_t blocked;

	sigemptyset(&blocked);
	(void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	return signals_of(&blocked);
}

static struct {
	uint32_t times; /* twice as many, and odd meanwhile */
	sigset_t before;
} masking;

/*
 *     thread that masks                  thread that looks
 *                                        reads `times`: even
 *     `times` becomes odd
 *     blocks signals
 *                                        reads the mask: not the process's own
 *                                        reads `times` again: another, so looks again
 *
 * The kernel writes and shows a mask under a lock, and so whoever sees the mask sees what was written before.
 */
void egi_process_mask(egi_signals signals)
{
	sigset_t set = egi_signals_set(signals);

	/* [L3] relaxed: before the mask is set, by the kernel's lock; pairs with [L5]. */
	egi_store_relaxed_u32(&masking.times, egi_load_relaxed_u32(&masking.times) + 1);
	EGI_VERIFY(pthread_sigmask(SIG_BLOCK, &set, &masking.before) == 0, "cannot block signals");
}

void egi_process_unmask(void)
{
	EGI_VERIFY(pthread_sigmask(SIG_SETMASK, &masking.before, NULL) == 0, "cannot restore signals");
	/* [L4] release: after the mask; pairs with [L5]. */
	egi_store_release_u32(&masking.times, egi_load_relaxed_u32(&masking.times) + 1);
}

uint32_t egi_process_masked(void)
{
	/* [L5] acquire: before the mask is read, and after it, by the kernel's lock; pairs with [L3] and [L4]. */
	return egi_load_acquire_u32(&masking.times);
}

bool egi_process_is_main(void)
{
	return syscall(SYS_gettid) == getpid();
}

void egi_process_note(void)
{
	int slack;

	if (!egi_process_is_main())
		return;
	slack = prctl(PR_GET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL);
	egi_store_relaxed_u64(&noted.blocked, egi_signals_blocked());
	egi_store_relaxed_u64(&noted.slack_ns, slack > 0 ? (uint64_t)slack : 0);
	egi_store_relaxed_u64(&noted.flush, egi_fpenv_flush());
	/* [L1] release: what is noted before the word that it is; pairs with [L2]. */
	egi_store_release_u32(&is_noted, 1);
}

bool egi_process_noted(struct egi_process *ret_process)
{
	/* [L2] acquire: the word before what is noted; pairs with [L1]. */
	if (egi_load_acquire_u32(&is_noted) == 0)
		return false;
	ret_process->blocked = egi_load_relaxed_u64(&noted.blocked);
	ret_process->slack_ns = egi_load_relaxed_u64(&noted.slack_ns);
	ret_process->flush = egi_load_relaxed_u64(&noted.flush);
	return true;
}

void egi_process_start_child(void)
{
	egi_store_relaxed_u32(&is_noted, 0);
}
