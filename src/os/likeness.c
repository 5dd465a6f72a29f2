/* SPDX-License-Identifier: MIT */
/*
 * What Linux keeps for each thread is read of the main thread and of the calling one, each in the way that the kernel offers,
 * and set where it differs: identity first, as what it may do about the rest depends on that. What cannot be read is left, and
 * what cannot be set is told to the caller.
 *
 *      identity, signals    /proc/self/status beside /proc/thread-self/status (identity.h)
 *      name                 /proc/self/comm
 *      CPUs                 sched_getaffinity (affinity.h)
 *      scheduling, nice     sched_getscheduler, getpriority
 *      memory policy        get_mempolicy, numa_maps
 *      I/O priority         ioprio_get
 */
#include "os/likeness.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/affinity.h"
#include "os/identity.h"
#include "os/status.h"
#include "os/text_file.h"

#define NAME_SIZE 16 /* of a thread, with the end */
/*
 * A look is a sched_yield and a reading of /proc, some 20 us: in all a millisecond. What is waited for takes less than a
 * hundredth of that, unless its thread has lost its CPU.
 */
#define LOOKS_AT_SIGNALS 50

/* The C library's own, which programs cannot block. */
#define SIGNALS_OF_LIBRARY (EGI_SIGNAL(32) | EGI_SIGNAL(33))

/* How a thread is scheduled, as one that it starts would be. */
struct scheduling {
	int policy;
	int priority; /* real-time */
	int nice;
};

static bool scheduling_read(pid_t thread, struct scheduling *ret_scheduling)
{
	struct sched_param param = {0};
	int policy = sched_getscheduler(thread), nice;
	bool is_reset;

	errno = 0;
	nice = getpriority(PRIO_PROCESS, (id_t)thread);
	if (policy < 0 || (nice == -1 && errno != 0) || sched_getparam(thread, &param) != 0)
		return false;
	is_reset = (policy & SCHED_RESET_ON_FORK) != 0;
	policy &= ~SCHED_RESET_ON_FORK;
	if (is_reset && (policy == SCHED_FIFO || policy == SCHED_RR || policy == SCHED_DEADLINE))
		*ret_scheduling = (struct scheduling){SCHED_OTHER, 0, 0};
	else
		*ret_scheduling =
		    (struct scheduling){policy, param.sched_priority, is_reset && nice < 0 ? 0 : nice};
	return true;
}

static bool take_scheduling(void)
{
	struct scheduling wanted, own;
	bool taken = true;

	if (!scheduling_read(getpid(), &wanted) || !scheduling_read(0, &own))
		return true;
	if (wanted.policy != own.policy || wanted.priority != own.priority) {
		struct sched_param param = {.sched_priority = wanted.priority};

		taken = sched_setscheduler(0, wanted.policy, &param) == 0;
	}
	if (wanted.nice != own.nice)
		taken = setpriority(PRIO_PROCESS, 0, wanted.nice) == 0 && taken;
	return taken;
}

static bool take_io_priority(void)
{
	long wanted = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, getpid());
	long own = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);

	/* A kernel without them keeps none. */
	if (wanted < 0 || own < 0 || wanted == own)
		return true;
	/* Without a class there is no level, and the one that the kernel tells is computed. */
	if (IOPRIO_PRIO_CLASS(wanted) == IOPRIO_CLASS_NONE)
		wanted = 0;
	return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, wanted) == 0;
}

/* What policy a thread has for memory that has none of its own: the second word of the first line. */
static bool read_memory_policy(const char *path, char *ret_text, size_t size)
{
	char *blank;

	if (egi_text_file_read(path, ret_text, size) == 0 || !(blank = strchr(ret_text, ' ')))
		return false;
	memmove(ret_text, blank + 1, strlen(blank));
	ret_text[strcspn(ret_text, " \n")] = '\0';
	return true;
}

/*
 * Most have none, and one system call tells. Of what else the main thread has the kernel only gives a description, which
 * is enough to know the same again.
 */
static bool take_memory_policy(void)
{
	char wanted[128], own[128];
	int mode = MPOL_DEFAULT;

	if (syscall(SYS_get_mempolicy, &mode, NULL, 0UL, NULL, 0UL) != 0 || mode == MPOL_DEFAULT)
		return true;
	if (!read_memory_policy("/proc/self/numa_maps", wanted, sizeof(wanted)) ||
	    !read_memory_policy("/proc/thread-self/numa_maps", own, sizeof(own)))
		return true;
	if (strcmp(wanted, "default") == 0)
		return syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0UL) == 0;
	return strcmp(wanted, own) == 0;
}

static void take_name(void)
{
	char own[NAME_SIZE] = "", wanted[NAME_SIZE + 1];
	size_t length = egi_text_file_read("/proc/self/comm", wanted, sizeof(wanted));

	/* The file has a line break behind the name, and perhaps some in it. */
	if (length > 0)
		wanted[length - 1] = '\0';
	else
		(void)snprintf(wanted, NAME_SIZE, "%s", program_invocation_short_name);
	if (prctl(PR_GET_NAME, own, 0UL, 0UL, 0UL) == 0 && strcmp(own, wanted) != 0)
		(void)prctl(PR_SET_NAME, wanted, 0UL, 0UL, 0UL);
}

/*
 * The C library blocks every signal for the moments in which it starts a thread or a process, its own among them: that is
 * not what the main thread blocks, and over soon. A thread that starts one of ours does the same. This library masks a
 * thread that forks.
 */
static bool find_blocked(struct egi_status *main_thread, uint32_t masked, egi_signals *ret_blocked)
{
	uint64_t blocked;

	for (int i = 0; i < LOOKS_AT_SIGNALS; i++) {
		if (egi_status_numbers(main_thread, "SigBlk", 16, &blocked, 1) != 1)
			return false;
		if ((blocked & SIGNALS_OF_LIBRARY) == 0 && masked % 2 == 0 &&
		    masked == egi_process_masked()) {
			*ret_blocked = blocked;
			return true;
		}
		sched_yield();
		masked = egi_process_masked();
		if (!egi_status_read_main(main_thread))
			return false;
	}
	return false;
}

bool egi_likeness_take(egi_signals *ret_blocked)
{
	struct egi_status main_thread, own;
	bool has_name = false, taken = true;
	uint32_t masked = egi_process_masked();

	if (egi_status_read_main(&main_thread) && egi_status_read_own(&own)) {
		has_name = !egi_status_differ(&main_thread, &own, "Name");
		taken = egi_identity_take(&main_thread, &own);
		(void)find_blocked(&main_thread, masked, ret_blocked);
	}
	if (!has_name)
		take_name();
	taken = egi_affinity_take() && taken;
	taken = take_scheduling() && taken;
	taken = take_memory_policy() && taken;
	return take_io_priority() && taken;
}

uint64_t egi_likeness_slack_ns(void)
{
	char text[32];

	if (egi_text_file_read("/proc/self/timerslack_ns", text, sizeof(text)) == 0)
		return 0;
	return strtoull(text, NULL, 10);
}
