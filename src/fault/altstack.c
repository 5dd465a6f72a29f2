/* SPDX-License-Identifier: MIT */
#include "fault/altstack.h"
#include "os/mutex.h"

#if EGI_FAULT_HAS_MACHINE

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#define ZONE_SIZE ((size_t)256 * 1024)
#define STACK_MIN ((size_t)64 * 1024)
#define STACK_ROOM ((size_t)16 * 1024)

static size_t page_up(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

/* The kernel puts all registers of the machine on the handler's stack, and more of them on newer machines. */
static size_t stack_size(void)
{
	long least = sysconf(_SC_MINSIGSTKSZ);
	size_t size = STACK_ROOM + 4 * (size_t)(least > 0 ? least : 0);

	return page_up(size < STACK_MIN ? STACK_MIN : size);
}

/* All pads, of threads that are there; in a forked child, until it has looked, also of those that are not. */
static struct egi_fault_pad *pads;
static struct egi_mutex pads_lock = EGI_MUTEX_INIT;

void egi_fault_pad_lock(void)
{
	egi_mutex_lock(&pads_lock);
}

void egi_fault_pad_unlock(void)
{
	egi_mutex_unlock(&pads_lock);
}

static void pad_list(struct egi_fault_pad *pad)
{
	egi_fault_pad_lock();
	pad->next = pads;
	pad->link = &pads;
	if (pads)
		pads->link = &pad->next;
	pads = pad;
	egi_fault_pad_unlock();
}

/* Under lock. */
static void pad_unlist(struct egi_fault_pad *pad)
{
	*pad->link = pad->next;
	if (pad->next)
		pad->next->link = pad->link;
}

bool egi_fault_pad_prepare(void)
{
	size_t guard = page_up(1), stack = stack_size();
	size_t size = guard + stack + page_up(sizeof(struct egi_fault_pad));
	struct egi_fault_pad *pad;
	char *mapping;

	if (egi_thread_self.pad)
		return true;
	mapping =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapping == MAP_FAILED)
		return false;
	if (mprotect(mapping, guard, PROT_NONE)) {
		munmap(mapping, size);
		return false;
	}
	pad = (struct egi_fault_pad *)(void *)(mapping + guard + stack);
	pad->mapping = mapping;
	pad->mapping_size = size;
	pad->stack.ss_sp = mapping + guard;
	pad->stack.ss_size = stack;
	(void)egi_thread_id(); /* so that the thread's end is noticed */
	pad_list(pad);
	egi_thread_self.pad = pad;
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
static void pad_make_zone(struct egi_fault_pad *pad)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), low;

	if (pad->zone_high || !find_stack_low(&low) || here - low < 2 * ZONE_SIZE)
		return;
	/* Said before it is closed: another thread may fork in between. */
	pad->zone_low = low;
	pad->zone_high = low + ZONE_SIZE;
	if (mprotect((void *)low, ZONE_SIZE, PROT_NONE))
		pad->zone_high = 0;
}

bool egi_fault_pad_enter(bool with_zone)
{
	struct egi_fault_pad *pad;

	if (!egi_fault_pad_prepare())
		return false;
	pad = egi_thread_self.pad;
	/* Refused while the thread is in a signal handler on its own alternate stack. */
	if (!pad->in_use && sigaltstack(&pad->stack, &pad->before))
		return false;
	pad->in_use = true;
	pad->users++;
	if (with_zone && egi_thread_self.is_crew)
		pad_make_zone(pad);
	return true;
}

void egi_fault_pad_leave(void)
{
	struct egi_fault_pad *pad = egi_thread_self.pad;

	if (--pad->users > 0 || egi_thread_self.is_crew)
		return;
	if (sigaltstack(&pad->before, NULL) == 0)
		pad->in_use = false;
}

bool egi_fault_pad_is_on_stack(const struct egi_fault_pad *pad, uintptr_t address)
{
	return address - (uintptr_t)pad->stack.ss_sp < pad->stack.ss_size;
}

bool egi_fault_pad_open_zone(struct egi_fault_pad *pad)
{
	if (!pad->zone_high || pad->zone_is_open ||
	    mprotect((void *)pad->zone_low, ZONE_SIZE, PROT_READ | PROT_WRITE))
		return false;
	pad->zone_is_open = true;
	return true;
}

void egi_fault_pad_close_zone(struct egi_fault_pad *pad)
{
	if (pad->zone_is_open && mprotect((void *)pad->zone_low, ZONE_SIZE, PROT_NONE) == 0)
		pad->zone_is_open = false;
}

void egi_fault_pad_exit_thread(void)
{
	struct egi_fault_pad *pad = egi_thread_self.pad;
	stack_t now;

	if (!pad)
		return;
	/* The stack is going to be another thread's: glibc keeps it. */
	if (pad->zone_high && mprotect((void *)pad->zone_low, ZONE_SIZE, PROT_READ | PROT_WRITE))
		return;
	if (pad->in_use && sigaltstack(NULL, &now) == 0 && now.ss_sp == pad->stack.ss_sp &&
	    sigaltstack(&pad->before, NULL))
		return;
	egi_thread_self.pad = NULL;
	egi_fault_pad_lock();
	pad_unlist(pad);
	egi_fault_pad_unlock();
	munmap(pad->mapping, pad->mapping_size);
}

/* Under lock, taken before the fork. */
void egi_fault_pad_start_child(void)
{
	struct egi_fault_pad *pad = pads, *next;

	for (; pad; pad = next) {
		next = pad->next;
		if (pad == egi_thread_self.pad ||
		    (pad->zone_high && mprotect((void *)pad->zone_low, ZONE_SIZE, PROT_READ | PROT_WRITE)))
			continue;
		pad_unlist(pad);
		munmap(pad->mapping, pad->mapping_size);
	}
}

#endif
