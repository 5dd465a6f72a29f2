/* SPDX-License-Identifier: MIT */
/*
 * A group's numbers for whoever asks. What has been accepted and what is done are sums (count.h); how many run is how many
 * have a place, since threads that find nothing to do give theirs up; and what is neither done nor running is pending. So the
 * three add up whenever they are read.
 */
#include <string.h>

#include "runtime/group/count.h"
#include "runtime/group/group.h"

/* What the first version ends with. Programs built with its headers have room for no more. */
#define STATS_SIZE_FIRST (offsetof(struct eg_stats, reserved) + sizeof(int))

/* No version will have more; a larger size is a mistake, and is not written. */
#define STATS_SIZE_MAX 4096

static void state_read(struct eg_group_state *state, struct eg_stats *stats)
{
	uint64_t limit = egi_gate_limit(&state->gate), unfinished;

	/* In this order: the difference is never negative. */
	stats->skipped = egi_failures_skipped(&state->failures);
	stats->failed = egi_failures_total(&state->failures) - stats->skipped;
	egi_state_count(state, &stats->accepted, &stats->done);
	unfinished = stats->accepted - stats->done;
	stats->running = egi_gate_running(&state->gate);
	if (stats->running > unfinished)
		stats->running = unfinished;
	stats->pending = unfinished - stats->running;
	stats->limit = limit == EGI_GATE_MAX ? EG_LIMIT_NONE : (int)limit;
}

int eg_group_stats(const eg_group *group, struct eg_stats *ret_stats)
{
	struct eg_stats stats = EG_STATS_INIT;
	struct eg_group_state *state;
	int err = egi_group_find(group, &state);
	size_t size;

	if (err)
		return err;
	if (!ret_stats || ret_stats->size < STATS_SIZE_FIRST || ret_stats->size > STATS_SIZE_MAX)
		return -EINVAL;
	stats.size = size = ret_stats->size;
	stats.limit = EG_LIMIT_NONE;
	if (state)
		state_read(state, &stats);
	memcpy(ret_stats, &stats, size < sizeof(stats) ? size : sizeof(stats));
	if (size > sizeof(stats))
		memset((char *)ret_stats + sizeof(stats), 0, size - sizeof(stats));
	return 0;
}
