/* SPDX-License-Identifier: MIT */
/*
 * A map: a loop whose body makes one item of another. The function writes to a scratch item, which takes its place once the
 * function has returned 0. So a place holds either what was there or a whole result, however the function ends, and an
 * item may be made of what lies in its own place.
 */
#include <errgroup/batch.h>
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "batch/run.h"
#include "task/recovery.h"

#define SCRATCH_SIZE 1024 /* of items on the stack, which has at least 1.5 MiB on the library's threads */

struct map {
	const unsigned char *in;
	unsigned char *out;
	size_t in_size, out_size;
	eg_map_fn *fn;
	void *arg;
};

/* Not inlined: while the function runs, this frame is where the program's code begins. */
static EGI_NOINLINE int map_make(const struct map *map, eg_ctx *ctx, size_t index, void *scratch)
{
	const void *in = map->in ? map->in + index * map->in_size : NULL;
	unsigned char *out = map->out + index * map->out_size;
	int code;

	memcpy(scratch, out, map->out_size);
	EGI_RECOVERY_CALL(code = map->fn(ctx, map->arg, in, scratch));
	if (code == 0)
		memcpy(out, scratch, map->out_size);
	return code;
}

static int map_small(eg_ctx *ctx, void *arg, size_t index)
{
	alignas(max_align_t) unsigned char scratch[SCRATCH_SIZE];

	return map_make(arg, ctx, index, scratch);
}

/* The memory is given back however the task ends. */
static int map_large(eg_ctx *ctx, void *arg, size_t index)
{
	const struct map *map = arg;
	void *scratch = malloc(map->out_size);

	if (!scratch)
		return -ENOMEM;
	if (eg_defer(free, scratch)) {
		free(scratch);
		return -ENOMEM;
	}
	return map_make(map, ctx, index, scratch);
}

/* Whether two arrays share bytes. */
static bool overlaps(const void *left, size_t left_size, const void *right, size_t right_size)
{
	uintptr_t from = (uintptr_t)left, to = (uintptr_t)right;

	return left_size > 0 && right_size > 0 && from < to + right_size && to < from + left_size;
}

static int map_check(const struct map *map, size_t count)
{
	size_t in_size, out_size;

	if (!map->fn || (!map->in && map->in_size > 0) || !map->out)
		return -EINVAL;
	if (__builtin_mul_overflow(count, map->in_size, &in_size) || in_size > PTRDIFF_MAX ||
	    __builtin_mul_overflow(count, map->out_size, &out_size) || out_size > PTRDIFF_MAX)
		return -EOVERFLOW;
	if (map->in == map->out && map->in_size == map->out_size)
		return 0;
	return overlaps(map->in, in_size, map->out, out_size) ? -EINVAL : 0;
}

int eg_map_at(eg_ctx *parent, size_t count, const void *in, size_t in_size, void *out, size_t out_size,
	      eg_map_fn *fn, void *arg, const struct eg_group_options *options, eg_error **ret_error,
	      struct eg_site *site)
{
	/* Something, where there is nothing to write. */
	struct map map = {in, out_size > 0 ? out : (void *)&map, in_size, out_size, fn, arg};
	int err = map_check(&map, count);
	struct egi_run run;

	if (err)
		return egi_run_tell(err, NULL, ret_error);
	err = egi_run_begin(&run, parent, options, EG_LIMIT_CPUS);
	if (!err)
		err = eg_group_go_each_at(&run.group, count, out_size > SCRATCH_SIZE ? map_large : map_small,
					  &map, site);
	return egi_run_end(&run, err, ret_error);
}

int(eg_map)(eg_ctx *parent, size_t count, const void *in, size_t in_size, void *out, size_t out_size,
	    eg_map_fn *fn, void *arg, const struct eg_group_options *options, eg_error **ret_error)
{
	return eg_map_at(parent, count, in, in_size, out, out_size, fn, arg, options, ret_error, NULL);
}
