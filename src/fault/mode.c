/* SPDX-License-Identifier: MIT */
/*
 * A mode is set for the process, or a group has one. The first that is not off prepares the process: what the C library is
 * like is learned, and the handlers are put in front of those that are there, for good. A thread then does its part before
 * it runs tasks of a group with such a mode: it has a stack for the handler, and takes the signals of faults that it had
 * blocked; afterwards it is as it was.
 *
 * Preparing is under a lock here, and the list of alternate stacks under one of its own, which is taken inside (altstack.c).
 * Neither is held while the loader is called: whoever loads a plugin may fork in a constructor, and waits for both. The
 * handler takes no lock; all that it reads of others was written before the handlers were there, or is its own thread's.
 */
#include "fault/mode.h"

#include <errno.h>

#include "fault/altstack.h"
#include "fault/chain.h"
#include "fault/handler.h"
#include "fault/libc.h"
#include "os/mutex.h"
#include "trace/unwind/step.h"

uint32_t egi_fault_process_mode;

static struct egi_mutex lock = EGI_MUTEX_INIT; /* preparing */
static bool is_started;

bool egi_fault_is_mode(unsigned mode)
{
	switch (mode) {
	case 0:
	case EG_FAULT_OFF:
	case EG_FAULT_GO:
	case EG_FAULT_ALL:
	case EG_FAULT_GO | EG_FAULT_STACK:
	case EG_FAULT_ALL | EG_FAULT_STACK:
		return true;
	default:
		return false;
	}
}

#if EGI_FAULT_HAS_MACHINE

void egi_fault_lock(void)
{
	egi_mutex_lock(&lock);
	egi_altstack_lock();
}

void egi_fault_unlock(void)
{
	egi_altstack_unlock();
	egi_mutex_unlock(&lock);
}

void egi_fault_start_child(void)
{
	egi_fault_start_process();
	egi_altstack_start_child();
}

/* Whether frames of this library have an unwind table: every walk ends at one. */
static bool has_tables(void)
{
	uintptr_t here = (uintptr_t)has_tables, start, end;
	struct egi_module_view view;

	return egi_module_find(here, &view) && egi_unwind_find_function(&view, here, &start, &end);
}

/* Under lock. */
static int prepare(void)
{
	if (egi_machine_has_shadow_stack() || !has_tables())
		return -ENOTSUP;
	if (!is_started) {
		egi_fault_start_process();
		is_started = true;
	}
	/* The calling thread is likely to help; what others lack is known only when they come to it. */
	if (!egi_altstack_prepare())
		return -ENOMEM;
	return egi_fault_chain_install(egi_fault_handle);
}

/* What is pending arrives at once, and the handler puts it back. */
static void unblock(unsigned set)
{
	struct egi_altstack *altstack = egi_thread_self.altstack;

	altstack->unblocked |= set;
	altstack->is_unblocking = true;
	egi_fault_chain_unblock(set);
	altstack->is_unblocking = false;
}

static void block_again(unsigned set)
{
	struct egi_altstack *altstack = egi_thread_self.altstack;

	egi_fault_chain_block(set);
	altstack->unblocked = 0;
	for (const struct egi_recovery *outer = egi_thread_self.recovery; outer; outer = outer->outer)
		if (outer->faults != 0)
			altstack->unblocked |= outer->unblocked;
}

void egi_fault_arm(struct egi_recovery *recovery, unsigned mode)
{
	/* Without memory for the handler's stack faults stay the process's. */
	if (!egi_altstack_enter((mode & EG_FAULT_STACK) != 0))
		return;
	recovery->faults = mode;
	recovery->unblocked = egi_fault_chain_blocked();
	if (recovery->unblocked != 0)
		unblock(recovery->unblocked);
}

void egi_fault_disarm(const struct egi_recovery *recovery)
{
	if (recovery->unblocked != 0)
		block_again(recovery->unblocked);
	egi_altstack_leave();
}

void egi_fault_close(void)
{
	struct egi_altstack *altstack = egi_thread_self.altstack;

	/* Unless what was unwound ran inside what is still running in the zone. */
	if (altstack && (uintptr_t)__builtin_frame_address(0) > altstack->zone_high)
		egi_altstack_close_zone(altstack);
}

void egi_fault_exit_thread(void)
{
	egi_altstack_exit_thread();
}

#else

void egi_fault_lock(void)
{
}

void egi_fault_unlock(void)
{
}

void egi_fault_start_child(void)
{
}

static int prepare(void)
{
	(void)is_started;
	return -ENOTSUP;
}

void egi_fault_arm(struct egi_recovery *recovery, unsigned mode)
{
	(void)recovery;
	(void)mode;
}

void egi_fault_disarm(const struct egi_recovery *recovery)
{
	(void)recovery;
}

void egi_fault_close(void)
{
}

void egi_fault_exit_thread(void)
{
}

#endif

int egi_fault_prepare(unsigned mode)
{
	int err;

	if (mode <= EG_FAULT_OFF)
		return 0;
	(void)egi_thread_id(); /* the library may begin here */
	/* Without the lock: it calls the loader. */
	err = egi_libc_learn();
	if (err)
		return err;
	egi_mutex_lock(&lock);
	err = prepare();
	egi_mutex_unlock(&lock);
	return err;
}

int eg_fault_set_mode(unsigned mode)
{
	int err;

	if (!egi_fault_is_mode(mode))
		return -EINVAL;
	err = egi_fault_prepare(mode);
	if (err)
		return err;
	/* [Y1] release: what was learned of the process before the mode; pairs with [Y2]. */
	egi_store_release_u32(&egi_fault_process_mode, mode);
	return 0;
}
