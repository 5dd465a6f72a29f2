/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_PROBES_H
#define EGI_GROUP_PROBES_H

/*
 * Static probes for tracers: one for each kind of event, of the provider `errgroup`. A probe is a nop, and a note in the
 * library's file that says where it is and where its arguments are; it lies where events are told, which a task comes by only
 * if its group is observed. So a tracer has to say that it is there: it raises the probe's semaphore, a counter in memory,
 * while it is attached. One semaphore does for all probes, since a group is observed or it is not.
 */

#include "os/compiler.h"

#ifdef EGI_HAVE_USDT

/* Raised by tracers from outside the process. */
extern unsigned short egi_probes_semaphore EGI_HIDDEN;

/* The names that sys/sdt.h makes of a provider and a probe. */
#define errgroup_begin_semaphore egi_probes_semaphore
#define errgroup_end_semaphore egi_probes_semaphore
#define errgroup_fail_semaphore egi_probes_semaphore
#define errgroup_skip_semaphore egi_probes_semaphore
#define errgroup_steal_semaphore egi_probes_semaphore
#define errgroup_thread_semaphore egi_probes_semaphore
#define errgroup_over_semaphore egi_probes_semaphore

#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

/* How many tracers want to see what happens. */
static inline unsigned egi_probes_wanted(void)
{
	return *(const volatile unsigned short *)&egi_probes_semaphore;
}

#else

#define DTRACE_PROBE2(provider, name, a, b) ((void)0)
#define DTRACE_PROBE3(provider, name, a, b, c) ((void)0)
#define DTRACE_PROBE4(provider, name, a, b, c, d) ((void)0)
#define DTRACE_PROBE6(provider, name, a, b, c, d, e, f) ((void)0)

static inline unsigned egi_probes_wanted(void)
{
	return 0;
}

#endif

#endif
