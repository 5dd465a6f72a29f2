/* SPDX-License-Identifier: MIT */
/*
 * Contexts of each kind but that of signals: cancelled alone, with a deadline, with a value, or apart from their parent's end.
 * What a kind needs beyond eg_ctx lies behind it in the same block: a timer, where there is a deadline to wait for; the
 * value, where there is one. Each is made, completed while nobody knows it, and joined (tree.h).
 *
 * A deadline is kept by whoever has the earliest one: a context whose parent ends sooner has no timer, and one whose deadline
 * has passed is over before anybody gets it. Values are found by a chain of those that carry one, past all others.
 */
#include <errno.h>

#include "context/end.h"
#include "context/tree.h"
#include "error/error.h"
#include "os/clock.h"
#include "os/exception.h"

int eg_ctx_with_cancel(eg_ctx *parent, eg_ctx **ret_ctx)
{
	eg_ctx *ctx;

	if (!ret_ctx)
		return -EINVAL;
	ctx = egi_ctx_make(parent, sizeof(*ctx));
	if (!ctx)
		return -ENOMEM;
	if (parent)
		egi_ctx_join(ctx, 0);
	*ret_ctx = ctx;
	return 0;
}

int eg_ctx_without_cancel(eg_ctx *parent, eg_ctx **ret_ctx)
{
	eg_ctx *ctx;

	if (!ret_ctx)
		return -EINVAL;
	ctx = egi_ctx_make(parent, sizeof(*ctx));
	if (!ctx)
		return -ENOMEM;
	/* It is a root, but for its values. */
	ctx->deadline = EG_CTX_NO_DEADLINE;
	*ret_ctx = ctx;
	return 0;
}

/*
 * Deadlines
 */

static int with_deadline(eg_ctx *parent, int64_t deadline_ns, int64_t now_ns, eg_ctx **ret_ctx)
{
	bool is_past = deadline_ns <= now_ns, is_earlier = deadline_ns < eg_ctx_deadline(parent);
	bool is_timed = is_earlier && !is_past;
	eg_ctx *ctx = egi_ctx_make(parent, is_timed ? sizeof(struct egi_timed_ctx) : sizeof(*ctx));

	if (!ctx)
		return -ENOMEM;
	if (is_earlier)
		ctx->deadline = deadline_ns;
	ctx->timed = is_timed;
	egi_ctx_join(ctx, now_ns);
	/* Nobody else knows it. It may be over by its parent's end, and does not wait for that: the keeper may be late. */
	if (is_past)
		egi_ctx_end(ctx, -ETIMEDOUT, egi_error_deadline());
	*ret_ctx = ctx;
	return 0;
}

int eg_ctx_with_deadline(eg_ctx *parent, int64_t deadline_ns, eg_ctx **ret_ctx)
{
	if (!ret_ctx)
		return -EINVAL;
	return with_deadline(parent, deadline_ns, eg_clock_now_ns(), ret_ctx);
}

int eg_ctx_with_timeout(eg_ctx *parent, int64_t timeout_ns, eg_ctx **ret_ctx)
{
	int64_t now = eg_clock_now_ns(), deadline;

	if (!ret_ctx)
		return -EINVAL;
	if (timeout_ns <= 0)
		deadline = now;
	else if (__builtin_add_overflow(now, timeout_ns, &deadline))
		deadline = EG_CTX_NO_DEADLINE;
	return with_deadline(parent, deadline, now, ret_ctx);
}

/*
 * Values
 */

struct valued_ctx {
	eg_ctx ctx;
	const void *key;
	void *value;
	void (*release)(void *value);
	const eg_ctx *above; /* the next one up that carries a value */
};

static void valued_finish(eg_ctx *ctx)
{
	const struct valued_ctx *valued = EGI_CONTAINER_OF(ctx, struct valued_ctx, ctx);

	if (valued->release)
		EGI_CALL_PROGRAM(valued->release(valued->value));
}

int eg_ctx_with_value(eg_ctx *parent, const void *key, void *value, void (*release)(void *value),
		      eg_ctx **ret_ctx)
{
	struct valued_ctx *valued;
	eg_ctx *ctx;

	if (!key || !ret_ctx)
		return -EINVAL;
	ctx = egi_ctx_make(parent, sizeof(*valued));
	if (!ctx)
		return -ENOMEM;
	valued = EGI_CONTAINER_OF(ctx, struct valued_ctx, ctx);
	valued->key = key;
	valued->value = value;
	valued->release = release;
	valued->above = ctx->valued;
	ctx->valued = ctx;
	ctx->finish = valued_finish;
	egi_ctx_join(ctx, 0);
	*ret_ctx = ctx;
	return 0;
}

void *eg_ctx_value(const eg_ctx *ctx, const void *key)
{
	const eg_ctx *at = ctx ? ctx->valued : NULL;

	while (at) {
		const struct valued_ctx *valued = (const struct valued_ctx *)(const void *)at;

		if (valued->key == key)
			return valued->value;
		at = valued->above;
	}
	return NULL;
}
