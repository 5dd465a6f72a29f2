/* SPDX-License-Identifier: MIT */
/*
 * A group's numbers for whoever asks: what count.c reads, in the structure that the program has.
 */
#include <string.h>

#include "os/sized.h"
#include "runtime/group/count.h"
#include "runtime/group/group.h"

/* What the first version ends with. Programs built with its headers have room for no more. */
#define STATS_SIZE_FIRST (offsetof(struct eg_stats, reserved) + sizeof(int))

int eg_group_stats(const eg_group *group, struct eg_stats *ret_stats)
{
	struct eg_stats stats = EG_STATS_INIT;
	struct eg_group_state *state;
	int err = egi_group_find(group, &state);
	size_t size;

	if (err)
		return err;
	if (!ret_stats || ret_stats->size < STATS_SIZE_FIRST || ret_stats->size > EGI_SIZED_MAX)
		return -EINVAL;
	stats.size = size = ret_stats->size;
	stats.limit = EG_LIMIT_NONE;
	if (state)
		egi_state_read_stats(state, &stats);
	memcpy(ret_stats, &stats, size < sizeof(stats) ? size : sizeof(stats));
	if (size > sizeof(stats))
		memset((char *)ret_stats + sizeof(stats), 0, size - sizeof(stats));
	return 0;
}
