/* SPDX-License-Identifier: MIT */
/*
 * The kernel keeps a set of CPUs for each thread. That of the process is its main thread's, which taskset acts on. A set is as
 * large as the kernel was built for, and one that is too small is refused; so it is asked for in ever larger ones.
 */
#include "os/affinity.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CPUS_FIRST CPU_SETSIZE       /* what the C library's own sets hold, and nearly every kernel takes */
#define CPUS_MAX (CPUS_FIRST * 1024) /* no kernel is built for as many */

/* The kernel refuses a set smaller than its own; it grows until it fits. */
cpu_set_t *egi_affinity_read(pid_t thread, size_t *ret_size)
{
	for (int cpus = CPUS_FIRST; cpus <= CPUS_MAX; cpus *= 2) {
		size_t size = CPU_ALLOC_SIZE((size_t)cpus);
		cpu_set_t *set = CPU_ALLOC((size_t)cpus);

		if (!set)
			return NULL;
		if (sched_getaffinity(thread, size, set) == 0 ||
		    (errno == ESRCH && sched_getaffinity(0, size, set) == 0)) {
			*ret_size = size;
			return set;
		}
		CPU_FREE(set);
		if (errno != EINVAL)
			return NULL;
	}
	return NULL;
}

int egi_affinity_cpus(void)
{
	size_t size;
	cpu_set_t *set = egi_affinity_read(getpid(), &size);
	int count = 0;

	if (set)
		count = CPU_COUNT_S(size, set);
	CPU_FREE(set);
	return count > 0 ? count : 1;
}

bool egi_affinity_take(void)
{
	size_t size, own_size;
	cpu_set_t *set = egi_affinity_read(getpid(), &size);
	cpu_set_t *own = egi_affinity_read(0, &own_size);
	bool taken = true;

	if (set && own && (size != own_size || memcmp(set, own, size) != 0))
		taken = sched_setaffinity(0, size, set) == 0;
	CPU_FREE(set);
	CPU_FREE(own);
	return taken;
}
