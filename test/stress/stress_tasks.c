/* SPDX-License-Identifier: MIT */

/*
 * The tasks of the stress test. What a task does follows from its cell and the round's seed: most do nothing, the
 * others submit, wait for a group of their own, meet a task that they submitted, change the limit, cancel or call
 * what is forbidden inside a task; at the end some fail, panic or leave a panic to a deferred call.
 */

#include "stress.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 3

uint64_t mix(uint64_t value)
{
	value += UINT64_C(0x9e3779b97f4a7c15);
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

unsigned draw(uint64_t *state, unsigned below)
{
	*state = mix(*state);
	return (unsigned)((*state >> 32) % below);
}

bool chance(uint64_t *state, unsigned percent)
{
	return draw(state, 100) < percent;
}

static int task_any(eg_ctx *ctx, void *arg);

static int task_copied(eg_ctx *ctx, void *arg)
{
	struct cell *cell;

	memcpy(&cell, arg, sizeof(cell));
	return task_any(ctx, cell);
}

/* What a submission may answer, by what the round allows. */
static void submitted(struct cell *cell, int result)
{
	struct run *run = cell->run;

	if (result == 0) {
		atomic_fetch_add(&cell->accepted, 1);
		return;
	}
	REQUIRE(run, result == -EAGAIN || result == -ECANCELED);
	REQUIRE(run, result != -ECANCELED || run->options.backlog != 0 || run->is_abandoned);
	if (cell->done)
		sem_post(cell->done);
}

bool submit(struct run *run, uint64_t *state, unsigned depth, sem_t *done)
{
	size_t index = atomic_fetch_add(&run->used, 1);
	struct cell *cell;

	if (index >= CELLS_MAX) {
		atomic_fetch_sub(&run->used, 1);
		return false;
	}
	cell = &run->cells[index];
	cell->run = run;
	cell->depth = (unsigned char)depth;
	cell->done = done;
	switch (draw(state, 8)) {
	case 0:
		submitted(cell, eg_group_go_copy(&run->group, task_copied, &cell, sizeof(cell)));
		break;
	case 1:
		/* A task that must not be refused is not offered where it can be. */
		if (!done) {
			submitted(cell, eg_group_try_go(&run->group, task_any, cell));
			break;
		}
		/* fall through */
	default:
		submitted(cell, eg_group_go(&run->group, task_any, cell));
	}
	return true;
}

/* A task of a group inside a task. */
static int inner_count(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	atomic_fetch_add((atomic_uint *)arg, 1);
	return 0;
}

static int inner_each(eg_ctx *ctx, void *arg, size_t index)
{
	(void)index;
	return inner_count(ctx, arg);
}

static int inner_piece(eg_ctx *ctx, void *arg, size_t begin, size_t end)
{
	(void)ctx;
	atomic_fetch_add((atomic_uint *)arg, (unsigned)(end - begin));
	return 0;
}

/* Now and then a range. Returns how many indices it has. */
static unsigned submit_indices(struct run *run, eg_group *group, uint64_t *state, atomic_uint *count)
{
	unsigned indices = chance(state, 20) ? draw(state, 100) : 0;
	size_t grain = draw(state, 8);

	if (chance(state, 50))
		REQUIRE(run, eg_group_go_each(group, indices, inner_each, count) == 0);
	else
		REQUIRE(run, eg_group_go_pieces(group, indices, grain, inner_piece, count) == 0);
	return indices;
}

/* A whole group inside a task, on the task's stack. */
static void do_nested(struct run *run, uint64_t *state, eg_ctx *ctx)
{
	static const int limits[] = {0, 1, 2, 5};
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group = EG_GROUP_INIT;
	atomic_uint count = 0;
	unsigned tasks = draw(state, 12), indices = 0;

	options.limit = limits[draw(state, 4)];
	options.flags = chance(state, 25) ? EG_GROUP_NO_HELP : 0;
	if (chance(state, 50))
		REQUIRE(run, eg_group_init(&group, ctx, &options) == 0);
	for (unsigned i = 0; i < tasks; i++) {
		REQUIRE(run, eg_group_go(&group, inner_count, &count) == 0);
		indices += submit_indices(run, &group, state, &count);
	}
	REQUIRE(run, eg_group_wait(&group) == 0);
	REQUIRE(run, atomic_load(&count) == tasks + indices);
	REQUIRE(run, eg_group_destroy(&group) == 0);
}

/* A task that divides itself, into so many leaves. */
struct division {
	uint64_t state;
	unsigned leaves;
	bool may_fail;
	atomic_uint *count;
};

static int divide(eg_ctx *ctx, void *arg)
{
	struct division *whole = arg, left = *whole, right = *whole;

	if (whole->leaves == 1) {
		atomic_fetch_add(whole->count, 1);
		if (chance(&whole->state, 10))
			sched_yield();
		return whole->may_fail && chance(&whole->state, 2) ? -EIO : 0;
	}
	left.leaves = 1 + draw(&whole->state, whole->leaves - 1);
	right.leaves = whole->leaves - left.leaves;
	right.state = mix(whole->state);
	return eg_both(ctx, divide, &left, divide, &right);
}

static void do_division(struct run *run, uint64_t *state, eg_ctx *ctx)
{
	atomic_uint count = 0;
	struct division whole = {*state, 1 + draw(state, 200), chance(state, 30), &count};
	int result = divide(ctx, &whole);

	REQUIRE(run, result == 0 || (whole.may_fail && result == -EIO));
	REQUIRE(run, result != 0 || atomic_load(&count) == whole.leaves);
	REQUIRE(run, atomic_load(&count) <= whole.leaves);
}

/* The parent blocks until the child has run: without a limit every accepted task gets to. */
static void do_rendezvous(struct run *run, uint64_t *state, unsigned depth)
{
	sem_t done;

	sem_init(&done, 0, 0);
	if (submit(run, state, depth, &done))
		while (sem_wait(&done) != 0)
			REQUIRE(run, errno == EINTR);
	sem_destroy(&done);
}

void do_limit(struct run *run, uint64_t *state)
{
	static const int limits[] = {1, 2, 3, 7, EG_LIMIT_NONE, EG_LIMIT_CPUS};
	int result = eg_group_set_limit(&run->group, limits[draw(state, 6)]);

	/* Of a group that is destroyed meanwhile no limit can be changed. */
	REQUIRE(run, result == 0 || (result == -ECANCELED && run->is_abandoned));
}

void do_cancel(struct run *run)
{
	eg_error *cause = eg_error_create(-ESTALE, "cancelled by a task");
	int result = eg_group_cancel(&run->group, cause);

	eg_error_unref(cause);
	REQUIRE(run, result == 0 || result == -EALREADY || result == -EINVAL);
	REQUIRE(run, result != -EINVAL || eg_group_ctx(&run->group) == run->parent);
}

static void defer_nothing(void *arg)
{
	(void)arg;
}

static void defer_panic(void *arg)
{
	(void)arg;
	eg_panic("deferred");
}

/* How a task ends. It has left the run's books before: nothing of the run is touched afterwards. */
static int end_task(struct run *run, uint64_t *state, bool is_rough)
{
	unsigned how = draw(state, is_rough ? 12 : 4000);

	if (how >= 1 && how <= 6)
		atomic_fetch_add(&run->failed, 1);
	atomic_fetch_sub(&run->active, 1);
	switch (how) {
	case 1:
		return -EIO;
	case 2:
		return eg_fail(-ENOSPC, "no room for %u", how);
	case 3:
		return 77;
	case 4:
		eg_panic("round %u", how);
	case 5:
		eg_panic_with(eg_error_create(-EPROTO, "carried"));
	case 6:
		/* The first eight need no memory, so this cannot fail. */
		if (eg_defer(defer_nothing, NULL) != 0 || eg_defer(defer_panic, NULL) != 0)
			abort();
		return 0;
	default:
		return 0;
	}
}

static int task_any(eg_ctx *ctx, void *arg)
{
	struct cell *cell = arg;
	struct run *run = cell->run;
	uint64_t state = mix(run->seed ^ (uint64_t)(cell - run->cells));
	int active = atomic_fetch_add(&run->active, 1) + 1;
	bool may_block = run->limit == EG_LIMIT_NONE && !run->is_abandoned &&
			 !(run->options.flags & EG_GROUP_SKIP_UNSTARTED) && run->options.backlog == 0;

	REQUIRE(run, atomic_fetch_add(&cell->ran, 1) == 0);
	REQUIRE(run, run->limit <= 0 || active <= run->limit);
	if (cell->done)
		sem_post(cell->done);
	switch (draw(&state, 400)) {
	case 0 ... 39:
		for (unsigned children = 1 + draw(&state, 4); cell->depth < DEPTH_MAX && children > 0;
		     children--)
			submit(run, &state, cell->depth + 1U, NULL);
		break;
	case 40 ... 49:
		do_nested(run, &state, ctx);
		break;
	case 50 ... 79:
		for (unsigned spins = draw(&state, 8); spins > 0; spins--)
			sched_yield();
		break;
	case 80:
		if (run->limit == 0)
			do_limit(run, &state);
		break;
	case 81:
		REQUIRE(run, eg_group_wait(&run->group) == EG_EINSIDE);
		REQUIRE(run, eg_group_wait_until(&run->group, 0) == EG_EINSIDE);
		REQUIRE(run, eg_group_destroy(&run->group) == EG_EINSIDE);
		break;
	case 82:
		if (may_block && cell->depth < DEPTH_MAX)
			do_rendezvous(run, &state, cell->depth + 1U);
		break;
	case 83:
		if (run->is_rough)
			do_cancel(run);
		break;
	case 84 ... 93:
		do_division(run, &state, ctx);
		break;
	default:
		break;
	}
	return end_task(run, &state, run->is_rough);
}
