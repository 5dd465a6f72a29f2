/* SPDX-License-Identifier: MIT */
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
