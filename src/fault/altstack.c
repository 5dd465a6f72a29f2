/* SPDX-License-Identifier: MIT */
/*
 * An alternate stack is made when its thread first needs it and kept until the thread ends. It is its thread's own, and the
 * handler's on that thread; only the links of the list of all are under a lock, for a forked child to find the zones in.
 *
 * The zone is said to be there before it is closed, and closed for as long as nobody is in it: a child that opens one which is
 * not closed loses nothing, one that misses it would have a hole in the stack of a new thread.
 */
#include "fault/altstack.h"
#include "os/mutex.h"

#if EGI_FAULT_HAS_MACHINE

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

/* What runs in it after an overflow: the landing, deferred calls and the hook. Threads are made large enough (os/thread.h). */
#define ZONE_SIZE ((size_t)256 * 1024)

/*
 * The handler takes 3 KiB besides the registers (gcc 12, x86-64), and may be interrupted by itself; what handlers of the
 * program's take that come in between, or are handed the fault, is not known.
 */
#define STACK_MIN ((size_t)64 * 1024)
#define STACK_ROOM ((size_t)16 * 1024)

static size_t page_up(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

/* The kernel puts all registers of the machine on the handler's stack, and more of them on newer machines: room for four. */
static size_t stack_size(void)
{
	long least = sysconf(_SC_MINSIGSTKSZ);
	size_t size = STACK_ROOM + 4 * (size_t)(least > 0 ? least : 0);

	return page_up(size < STACK_MIN ? STACK_MIN : size);
}

/* All altstacks, of threads that are there; in a forked child, until it has looked, also of those that are not. */
static struct egi_altstack *altstacks;
static struct egi_mutex altstacks_lock = EGI_MUTEX_INIT;

void egi_altstack_lock(void)
{
	egi_mutex_lock(&altstacks_lock);
}

void egi_altstack_unlock(void)
{
	egi_mutex_unlock(&altstacks_lock);
}

static void altstack_list(struct egi_altstack *altstack)
{
	egi_altstack_lock();
	altstack->next = altstacks;
	altstack->link = &altstacks;
	if (altstacks)
		altstacks->link = &altstack->next;
	altstacks = altstack;
	egi_altstack_unlock();
}

/* Under lock. */
static void altstack_unlist(struct egi_altstack *altstack)
{
	*altstack->link = altstack->next;
	if (altstack->next)
		altstack->next->link = altstack->link;
}

bool egi_altstack_prepare(void)
{
	size_t guard = page_up(1), stack = stack_size();
	size_t size = guard + stack + page_up(sizeof(struct egi_altstack));
	struct egi_altstack *altstack;
	char *mapping;

	if (egi_thread_self.altstack)
		return true;
	mapping =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapping == MAP_FAILED)
		return false;
	if (mprotect(mapping, guard, PROT_NONE)) {
		munmap(mapping, size);
		return false;
	}
	altstack = (struct egi_altstack *)(void *)(mapping + guard + stack);
	altstack->mapping = mapping;
	altstack->mapping_size = size;
	altstack->stack.ss_sp = mapping + guard;
	altstack->stack.ss_size = stack;
	(void)egi_thread_id(); /* so that the thread's end is noticed */
	altstack_list(altstack);
	egi_thread_self.altstack = altstack;
	return true;
}

/* The lowest address of the calling thread's stack, above its guard. It is one that pthread_create made. */
static bool find_stack_low(uintptr_t *ret_low)
{
	size_t size, guard = 0;
	pthread_attr_t attr;
	void *low;
	bool found;

	if (pthread_getattr_np(pthread_self(), &attr))
		return false;
	found =
	    pthread_attr_getstack(&attr, &low, &size) == 0 && pthread_attr_getguardsize(&attr, &guard) == 0;
	pthread_attr_destroy(&attr);
	if (!found || guard >= size)
		return false;
	/* Some versions of glibc count the guard as part of the stack, some do not. */
	*ret_low = (uintptr_t)low + page_up(guard);
	return true;
}

/* os/thread.h gives crew threads stacks that are large enough, unless thread-local data takes most of them. */
static void altstack_make_zone(struct egi_altstack *altstack)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), low;

	if (altstack->zone_high || !find_stack_low(&low) || here - low < 2 * ZONE_SIZE)
		return;
	/* Said before it is closed: another thread may fork in between. */
	altstack->zone_low = low;
	altstack->zone_high = low + ZONE_SIZE;
	if (mprotect((void *)low, ZONE_SIZE, PROT_NONE))
		altstack->zone_high = 0;
}

bool egi_altstack_enter(bool with_zone)
{
	struct egi_altstack *altstack;

	if (!egi_altstack_prepare())
		return false;
	altstack = egi_thread_self.altstack;
	/* Refused while the thread is in a signal handler on its own alternate stack. */
	if (!altstack->in_use && sigaltstack(&altstack->stack, &altstack->before))
		return false;
	altstack->in_use = true;
	altstack->users++;
	if (with_zone && egi_thread_self.is_crew)
		altstack_make_zone(altstack);
	return true;
}

void egi_altstack_leave(void)
{
	struct egi_altstack *altstack = egi_thread_self.altstack;

	if (--altstack->users > 0 || egi_thread_self.is_crew)
		return;
	if (sigaltstack(&altstack->before, NULL) == 0)
		altstack->in_use = false;
}

bool egi_altstack_is_on_stack(const struct egi_altstack *altstack, uintptr_t address)
{
	return address - (uintptr_t)altstack->stack.ss_sp < altstack->stack.ss_size;
}

bool egi_altstack_open_zone(struct egi_altstack *altstack)
{
	if (!altstack->zone_high || altstack->zone_is_open ||
	    mprotect((void *)altstack->zone_low, ZONE_SIZE, PROT_READ | PROT_WRITE))
		return false;
	altstack->zone_is_open = true;
	return true;
}

void egi_altstack_close_zone(struct egi_altstack *altstack)
{
	if (altstack->zone_is_open && mprotect((void *)altstack->zone_low, ZONE_SIZE, PROT_NONE) == 0)
		altstack->zone_is_open = false;
}

void egi_altstack_exit_thread(void)
{
	struct egi_altstack *altstack = egi_thread_self.altstack;
	stack_t now;

	if (!altstack)
		return;
	/* The stack is going to be another thread's: glibc keeps it. */
	if (altstack->zone_high && mprotect((void *)altstack->zone_low, ZONE_SIZE, PROT_READ | PROT_WRITE))
		return;
	if (altstack->in_use && sigaltstack(NULL, &now) == 0 && now.ss_sp == altstack->stack.ss_sp &&
	    sigaltstack(&altstack->before, NULL))
		return;
	egi_thread_self.altstack = NULL;
	egi_altstack_lock();
	altstack_unlist(altstack);
	egi_altstack_unlock();
	munmap(altstack->mapping, altstack->mapping_size);
}

/* Under lock, taken before the fork. */
void egi_altstack_start_child(void)
{
	struct egi_altstack *altstack = altstacks, *next;

	for (; altstack; altstack = next) {
		next = altstack->next;
		if (altstack == egi_thread_self.altstack ||
		    (altstack->zone_high &&
		     mprotect((void *)altstack->zone_low, ZONE_SIZE, PROT_READ | PROT_WRITE)))
			continue;
		altstack_unlist(altstack);
		munmap(altstack->mapping, altstack->mapping_size);
	}
}

#endif
