/* SPDX-License-Identifier: MIT */
/*
 * A list to which one end is added and from whose other end is taken. The first loop lies in the list itself, so that
 * most of them need no memory.
 */
#include "runtime/queue/loop.h"

#include <errno.h>
#include <stdlib.h>

#include "os/atomic.h"

void egi_loops_init(struct egi_loops *loops)
{
	loops->oldest = loops->newest = NULL;
	loops->taken = 0;
	loops->uses_first = false;
}

static struct egi_loop *loop_alloc(struct egi_loops *loops)
{
	if (loops->uses_first)
		return malloc(sizeof(struct egi_loop));
	loops->uses_first = true;
	return &loops->first;
}

static void loop_free(struct egi_loops *loops, struct egi_loop *loop)
{
	if (loop == &loops->first)
		loops->uses_first = false;
	else
		free(loop);
}

int egi_loops_put(struct egi_loops *loops, const struct egi_body *body, uint64_t position)
{
	struct egi_loop *loop = loop_alloc(loops);

	if (!loop)
		return -ENOMEM;
	*loop = (struct egi_loop){.body = *body, .position = position};
	if (loops->newest)
		loops->newest->after = loop;
	else
		loops->oldest = loop;
	loops->newest = loop;
	return 0;
}

/* Takes so many indices of the oldest loop. */
static void loops_advance(struct egi_loops *loops, uint64_t indices)
{
	struct egi_loop *loop = loops->oldest;

	loop->next += indices;
	/* [Q8] release: what was submitted before it was taken; pairs with [Q9]. */
	egi_store_release_u64(&loops->taken, loops->taken + indices);
	if (loop->next < loop->body.count)
		return;
	loops->oldest = loop->after;
	if (!loops->oldest)
		loops->newest = NULL;
	loop_free(loops, loop);
}

uint32_t egi_loops_take(struct egi_loops *loops, uint64_t max, uint64_t *ret_begin)
{
	const struct egi_loop *loop = loops->oldest;
	uint64_t left = loop->body.count - loop->next, grain = loop->body.grain;
	uint64_t units = left / grain + (left % grain != 0);

	if (units > max)
		units = max;
	if (units > EGI_LOOP_TAKE_MAX)
		units = EGI_LOOP_TAKE_MAX;
	*ret_begin = loop->next;
	loops_advance(loops, egi_body_indices(&loop->body, loop->next, (uint32_t)units));
	return (uint32_t)units;
}

uint64_t egi_loops_drop(struct egi_loops *loops)
{
	const struct egi_loop *loop = loops->oldest;
	uint64_t left = loop ? loop->body.count - loop->next : 0;

	if (left > 0)
		loops_advance(loops, left);
	return left;
}
