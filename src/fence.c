/* SPDX-License-Identifier: MIT */
#include "fence.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "verify.h"

bool egi_fence_is_asymmetric;

static long membarrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0);
}

void egi_fence_start(void)
{
	egi_fence_is_asymmetric = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
}

void egi_fence_heavy(void)
{
	egi_fence_full();
	if (egi_fence_is_asymmetric)
		EGI_VERIFY(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0,
			   "membarrier failed after registration");
}
