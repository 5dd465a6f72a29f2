/* SPDX-License-Identifier: MIT */
/*
 * One look reads /proc/self/task/TID/stat: three system calls, some 10 us. The thread may be gone; a descriptor may not be
 * had; then the clock has to do.
 */
#include "runtime/crew/pulse.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/clock.h"

#define SLICE (5 * EGI_MILLISECOND) /* what a thread that could run waits for its turn, mostly */

void egi_pulse_init(struct egi_pulse *pulse)
{
	pulse->tid = (pid_t)syscall(SYS_gettid);
	if (pthread_getcpuclockid(pthread_self(), &pulse->clock) != 0)
		pulse->clock = CLOCK_THREAD_CPUTIME_ID;
	egi_pulse_forget(pulse);
}

/* The letter that stands for a thread's state, or 0 if it is not to be had. */
static char state_of(pid_t tid)
{
	char path[sizeof("/proc/self/task//stat") + 3 * sizeof(tid)], text[64];
	const char *name_end;
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return 0;
	/* The thread's name, which may hold anything, is in parentheses, and 15 bytes at most. */
	text[length] = '\0';
	name_end = strrchr(text, ')');
	return name_end && name_end[1] == ' ' ? name_end[2] : 0;
}

static void take_by_clock(struct egi_pulse *pulse)
{
	int64_t now = eg_clock_now_ns(), used;
	struct timespec time;

	/* A thread that is gone neither computes nor counts. */
	if (clock_gettime(pulse->clock, &time) != 0) {
		pulse->is_blocked = true;
		return;
	}
	used = (int64_t)time.tv_sec * EGI_SECOND + time.tv_nsec;
	if (used != pulse->used_ns) {
		pulse->used_ns = used;
		pulse->since_ns = now;
	}
	pulse->is_blocked = now - pulse->since_ns >= SLICE;
}

void egi_pulse_take(struct egi_pulse *pulse)
{
	int saved = errno;
	char state = state_of(pulse->tid);

	if (state)
		pulse->is_blocked = state != 'R';
	else
		take_by_clock(pulse);
	errno = saved;
}
