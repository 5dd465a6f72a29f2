/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_AFFINITY_H
#define EGI_OS_AFFINITY_H

/*
 * On which CPUs the process may run: what its main thread may, whoever asks. A thread of the program may have bound
 * itself to one of them; the library's threads, which run tasks for all, do not follow it.
 */

#include <sched.h>
#include <sys/types.h>

#include "os/compiler.h"

/*
 * The CPUs of a thread, 0 for the calling one; of the calling one, too, if there is no such thread.
 *
 * Return: NULL without memory or if the kernel does not tell; else to be given back with CPU_FREE.
 */
cpu_set_t *egi_affinity_read(pid_t thread, size_t *ret_size);

/* How many the process may run on, at least 1. */
int egi_affinity_cpus(void);

/* Gives the calling thread those of the process. Return: false if the kernel does not let it. */
bool egi_affinity_take(void);

#endif
