/* SPDX-License-Identifier: MIT */
/*
 * Room for libdw: see libdw_room.h.
 *
 * Both are asked for before a look-up, not found out in it: memory by taking as much for a moment, the stack by where it
 * ends. What is measured is elfutils 0.188 on x86-64, by massif: the look-ups of the tests took 181 KB of stack at the most,
 * nearly all of it for a line table, the first 4,096 lines of which libdw reads onto the stack; and memory of less than a
 * tenth of the reserve, but for the bytes of the file, which the caller adds.
 */
#include "trace/libdw_room.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define RESERVE_BYTES (8u << 20)
#define VARIABLES_BYTES ((size_t)1 << 10)
#define STACK_BYTES (4 * 192u << 10) /* four times what was measured, for versions to come */
#define MAIN_STACK_BYTES ((size_t)8 << 20)

/*
 * A look-up that runs out of memory can be left (libdw_memory.h), but what it had is lost then, so libdw is left alone while
 * memory is so short that this is likely. mmap and not malloc, because freeing a large block changes how malloc treats the
 * next ones.
 *
 * The variables that libelf and libdw have in each thread the C library makes when they are first used, and ends the
 * process if it cannot. What is given back here is what it gets.
 */
bool egi_libdw_has_memory(uint64_t more)
{
	size_t size = RESERVE_BYTES + (size_t)more;
	void *probe = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *volatile variables;

	if (probe == MAP_FAILED)
		return false;
	munmap(probe, size);
	variables = malloc(VARIABLES_BYTES);
	free(variables);
	return variables != NULL;
}

/*
 * How low the calling thread's stack goes. That of the main thread glibc reads in /proc; where it cannot, the kernel has put
 * the program's name above it, and there is as much as may be used, of which the kernel keeps 128 MiB free on any machine.
 */
static uintptr_t stack_low(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), top = getauxval(AT_EXECFN);
	pthread_attr_t attributes;
	struct rlimit limit;
	void *low = NULL;
	size_t size = 0;

	if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
		pthread_attr_getstack(&attributes, &low, &size);
		pthread_attr_destroy(&attributes);
		return here - (uintptr_t)low < size ? (uintptr_t)low : here;
	}
	if (getrlimit(RLIMIT_STACK, &limit) != 0)
		return here;
	size = limit.rlim_cur < MAIN_STACK_BYTES ? limit.rlim_cur : MAIN_STACK_BYTES;
	return top - here < size ? top - size : here;
}

bool egi_libdw_has_stack(void)
{
	return (uintptr_t)__builtin_frame_address(0) - stack_low() >= STACK_BYTES;
}
