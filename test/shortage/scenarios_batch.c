/* SPDX-License-Identifier: MIT */

/*
 * Scenarios of batches in one call: each does all of its work or says that it did not, and the error is always there.
 */

#include "scenarios.h"

enum { ITEMS = 40 };

static int each_count(eg_ctx *ctx, void *arg, size_t index)
{
	(void)ctx, (void)index;
	atomic_fetch_add(&ran, 1);
	return arg ? eg_fail(-EIO, "index %s", (const char *)arg) : 0;
}

/* A code that is no success has an error, of that code, which is given back. */
static void told(int code, eg_error *error)
{
	CHECK(eg_error_code(error) == code);
	eg_error_unref(error);
}

void scenario_loop(void)
{
	eg_error *error;
	int code;

	begin();
	code = eg_for(NULL, ITEMS, each_count, NULL, EG_GROUP_OPTIONS(.limit = 2), &error);
	CHECK(code == 0 ? atomic_load(&ran) == ITEMS : code == -ENOMEM && atomic_load(&ran) == 0);
	told(code, error);

	begin();
	code = eg_for(NULL, ITEMS, each_count, (void *)"five", EG_GROUP_OPTIONS(.limit = 2), &error);
	CHECK(code == (atomic_load(&ran) > 0 ? -EIO : -ENOMEM));
	told(code, error);
}

struct half {
	long leaves, sum;
};

/* Deep enough that there is no room for so many deferred calls. */
static int divide(eg_ctx *ctx, void *arg)
{
	struct half *whole = arg, left = {whole->leaves - 1, 0}, right = {1, 0};
	int err;

	whole->sum = 1;
	if (whole->leaves == 1)
		return 0;
	err = eg_both(ctx, divide, &left, divide, &right);
	whole->sum = left.sum + right.sum;
	return err;
}

void scenario_halves(void)
{
	struct half left = {ITEMS, 0}, right = {ITEMS, 0};
	int code;

	begin();
	code = eg_both(NULL, divide, &left, divide, &right);
	CHECK(code == 0 ? left.sum == ITEMS && right.sum == ITEMS
			: code == -ENOMEM && left.sum == 0 && right.sum == 0);
}

struct large {
	long number;
	char rest[2000];
};

static int map_large(eg_ctx *ctx, void *arg, const void *in, void *out)
{
	(void)ctx, (void)arg;
	((struct large *)out)->number = *(const long *)in + 1;
	return 0;
}

void scenario_large_items(void)
{
	static struct large out[ITEMS];
	long in[ITEMS], made = 0;
	eg_error *error;
	int code;

	begin();
	for (long i = 0; i < ITEMS; i++) {
		in[i] = i;
		out[i].number = -1;
	}
	code = eg_map(NULL, ITEMS, in, sizeof(in[0]), out, sizeof(out[0]), map_large, NULL,
		      EG_GROUP_OPTIONS(.limit = 2), &error);
	for (long i = 0; i < ITEMS; i++) {
		CHECK(out[i].number == i + 1 || out[i].number == -1);
		made += out[i].number == i + 1;
	}
	CHECK(code == 0 ? made == ITEMS : code == -ENOMEM && made < ITEMS);
	told(code, error);
}

void scenario_lost_race(void)
{
	eg_error *error;
	int code;

	begin();
	code = eg_race(NULL, ITEMS, each_count, (void *)"five", EG_GROUP_OPTIONS(.limit = 2), NULL, &error);
	CHECK(atomic_load(&ran) == ITEMS ? code == -EIO : code == -ENOMEM && atomic_load(&ran) == 0);
	told(code, error);
}

static int try_third(eg_ctx *ctx, void *arg)
{
	long *tried = arg;

	(void)ctx;
	return ++*tried == 3 ? 0 : eg_fail(-EAGAIN, "attempt %ld", *tried);
}

static int task_retry(eg_ctx *ctx, void *arg)
{
	return eg_retry(
	    ctx, try_third, arg,
	    EG_RETRY_OPTIONS(.first_delay_ns = EG_RETRY_NO_DELAY, .attempt_timeout_ns = EG_SECONDS(3600)),
	    NULL);
}

void scenario_retry(void)
{
	eg_group group = EG_GROUP_INIT;
	long tried = 0;

	begin();
	if (note(eg_group_go(&group, task_retry, &tried))) {
		int code = eg_group_wait(&group);

		CHECK(code == 0 ? tried == 3 : code == -ENOMEM || (code == -EAGAIN && tried < 3));
	}
	end(&group);
}

/* Items that come to their end or are dropped; one may panic on the way. */
static struct {
	int pulled;
	int panics_at;
	atomic_int ended, dropped;
	char items[20];
} line;

static int line_source(eg_ctx *ctx, void *arg, void **item)
{
	(void)ctx;
	(void)arg;
	if (line.pulled == (int)sizeof(line.items))
		return 0;
	*item = &line.items[line.pulled++];
	return 1;
}

static int line_stage(eg_ctx *ctx, void *arg, void **item)
{
	(void)ctx;
	(void)arg;
	if (line.panics_at >= 0 && *item == &line.items[line.panics_at])
		eg_panic("this one");
	return 0;
}

static int line_sink(eg_ctx *ctx, void *arg, void **item)
{
	(void)ctx;
	(void)arg;
	(void)item;
	atomic_fetch_add(&line.ended, 1);
	return 0;
}

static void line_drop(void *item, void *arg)
{
	(void)item;
	(void)arg;
	atomic_fetch_add(&line.dropped, 1);
}

static int line_run(int panics_at)
{
	static const struct eg_stage stages[] = {{line_source, NULL, EG_STAGE_SERIAL},
						 {line_stage, NULL, EG_STAGE_PARALLEL},
						 {line_sink, NULL, EG_STAGE_IN_ORDER}};
	struct eg_group_options group = EG_GROUP_OPTIONS_INIT;
	eg_error *error = NULL;
	int code;

	line.pulled = 0;
	line.panics_at = panics_at;
	atomic_store(&line.ended, 0);
	atomic_store(&line.dropped, 0);
	group.limit = 3;
	code = eg_pipeline(NULL, stages, 3,
			   EG_PIPELINE_OPTIONS(.window = 5, .drop = line_drop, .group = &group), &error);
	CHECK(eg_error_code(error) == code);
	CHECK(atomic_load(&line.ended) + atomic_load(&line.dropped) == line.pulled);
	eg_error_unref(error);
	return code;
}

void scenario_pipeline(void)
{
	int code = line_run(-1);

	CHECK(code == 0 || code == -ENOMEM);
	CHECK(line.pulled == (code ? 0 : (int)sizeof(line.items)) && atomic_load(&line.dropped) == 0);
}

void scenario_pipeline_that_fails(void)
{
	int code = line_run(7);

	CHECK(code == EG_EPANIC || (code == -ENOMEM && line.pulled == 0));
}
