/* SPDX-License-Identifier: MIT */
/*
 * Sections in which a task starts programs: the thread has the process's signal mask meanwhile (os/thread.h). They are
 * counted in the task, so that one that panics or returns inside a section ends it, and with it what its thread lets in; the
 * thread counts as well, since a task that waits inside one runs others on top, which begin and end their own.
 */
#include <errgroup/spawn.h>

#include "os/thread.h"
#include "os/verify.h"
#include "task/recovery.h"

/* A section belongs to the running task, and ends with it at the latest. */
void eg_spawn_begin(void)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;

	if (recovery) {
		recovery->dirty = true;
		recovery->spawns++;
	}
	egi_thread_begin_spawn();
}

void eg_spawn_end(void)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;
	unsigned *count = recovery ? &recovery->spawns : &egi_thread_self.spawns;

	EGI_VERIFY(*count > 0, "eg_spawn_end without eg_spawn_begin");
	if (recovery)
		recovery->spawns--;
	egi_thread_end_spawns(1);
}
