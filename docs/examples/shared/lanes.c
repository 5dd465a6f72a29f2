/* SPDX-License-Identifier: MIT */
#include "lanes.h"

#include <unistd.h>

static _Thread_local int lane_hint;

pid_t lanes_thread(void)
{
	static _Thread_local pid_t thread;

	if (thread == 0)
		thread = gettid();
	return thread;
}

int lanes_held(const struct lanes *lanes)
{
	pid_t self = lanes_thread();

	if (lanes->lanes[lane_hint].holder == self)
		return lane_hint;
	for (int i = 0; i < lanes->end; i++)
		if (lanes->lanes[i].holder == self)
			return i;
	return -1;
}

/*
 * Nobody holds it, and what was drawn there had ended by then: who has just left it may have ended after the task began that
 * is told of only now.
 */
static bool lane_is_free(const struct lane *lane, int64_t begin_ns)
{
	return lane->holder == 0 && lane->end_ns <= begin_ns;
}

static int lane_choose(const struct lanes *lanes, int slot, int64_t begin_ns)
{
	if (slot >= 0 && slot < LANES_MAX && lane_is_free(&lanes->lanes[slot], begin_ns))
		return slot;
	for (int i = 0; i < LANES_MAX; i++)
		if (lane_is_free(&lanes->lanes[i], begin_ns))
			return i;
	return LANES_BEYOND;
}

void lanes_enter(struct lanes *lanes, int slot, int64_t begin_ns)
{
	int lane = lanes_held(lanes);

	if (lane < 0) {
		lane = lane_choose(lanes, slot, begin_ns);
		if (lane == LANES_BEYOND)
			return;
		lanes->lanes[lane].holder = lanes_thread();
		if (lane >= lanes->end)
			lanes->end = lane + 1;
		lane_hint = lane;
	}
	lanes->lanes[lane].depth++;
}

void lanes_fail(struct lanes *lanes, eg_error *error)
{
	int lane = lanes_held(lanes);

	if (lane >= 0)
		lanes->lanes[lane].error = eg_error_ref(error);
}

int lanes_leave(struct lanes *lanes, int64_t end_ns, eg_error **ret_error)
{
	int held = lanes_held(lanes);
	struct lane *lane;

	*ret_error = NULL;
	if (held < 0)
		return LANES_BEYOND;
	lane = &lanes->lanes[held];
	*ret_error = lane->error;
	lane->error = NULL;
	lane->end_ns = end_ns;
	if (--lane->depth == 0)
		lane->holder = 0;
	return held;
}

int lanes_use(struct lanes *lanes, int lane)
{
	if (lane < 0 || lane > LANES_BEYOND)
		lane = LANES_BEYOND;
	if (lane >= lanes->end)
		lanes->end = lane + 1;
	lanes->lanes[lane].is_used = true;
	return lane;
}
