/* SPDX-License-Identifier: MIT */
/*
 * A race: a loop whose tasks stop nobody by failing, and all by success. The first that returns 0 puts its index into
 * `winner` and cancels the group; whoever returns 0 later finds it taken. Errors are kept until then, and joined if nobody
 * wins.
 */
#include <errgroup/batch.h>
#include <errno.h>

#include "batch/run.h"
#include "error/error.h"
#include "os/atomic.h"
#include "task/recovery.h"

#define NOBODY UINT64_MAX /* indices are below the count, which is at most that */
#define ERRORS_MAX 64 /* kept until somebody wins: as many as are printed of one error and what it leads to */

struct race {
	eg_group *group;
	eg_each_fn *fn;
	void *arg;
	uint64_t winner;
};

/* Not inlined: while the function runs, this frame is where the program's code begins. */
static EGI_NOINLINE int race_run(eg_ctx *ctx, void *arg, size_t index)
{
	struct race *race = arg;
	uint64_t nobody = NOBODY;
	int code;

	EGI_RECOVERY_CALL(code = race->fn(ctx, race->arg, index));
	/* [F9] nothing is ordered: whoever comes later has lost, and the caller reads it after the wait. */
	if (code == 0 && egi_cas_u64(&race->winner, &nobody, index))
		eg_group_cancel(race->group, NULL);
	return code;
}

static int race_options(const struct eg_group_options *options, struct eg_group_options *ret_options)
{
	int err = egi_run_options(options, EG_LIMIT_NONE, ret_options);

	if (err)
		return err;
	if (options &&
	    ((options->flags & EG_GROUP_NO_CANCEL) != 0 || options->halt != 0 || options->halt_after != 0))
		return -EINVAL;
	ret_options->halt = EG_HALT_NEVER;
	ret_options->collect = ERRORS_MAX;
	return 0;
}

/* The first error, with the others joined to it in order of arrival. NULL if there is none. */
static eg_error *errors_join(const eg_group *group)
{
	eg_error *errors[ERRORS_MAX], *joined = NULL;
	size_t count = eg_group_errors(group, ERRORS_MAX, errors);

	while (count > 0) {
		eg_error *error = eg_error_ref(errors[--count]);

		joined = joined ? egi_error_add_joined(error, joined) : error;
	}
	return joined;
}

/* Nobody has won. What came from outside is said first: it may be why they all failed. */
static eg_error *race_error(const eg_group *group, eg_ctx *parent, int *code)
{
	int ended = eg_ctx_err(parent);
	eg_error *error = errors_join(group);

	if (ended == 0 || *code == EG_EFORKED)
		return error;
	*code = ended;
	return egi_error_add_joined(egi_error_make_plain(EG_ERROR_RETURNED, ended,
							 eg_error_ref(eg_ctx_cause(parent)), NULL,
							 "ended before anybody had won"),
				    error);
}

int eg_race_at(eg_ctx *parent, size_t count, eg_each_fn *fn, void *arg,
	       const struct eg_group_options *options, size_t *ret_winner, eg_error **ret_error,
	       struct eg_site *site)
{
	struct race race = {NULL, fn, arg, NOBODY};
	struct eg_group_options chosen;
	struct egi_run run;
	eg_error *error = NULL;
	int code = fn && count > 0 ? race_options(options, &chosen) : -EINVAL;

	if (code)
		return egi_run_tell(code, NULL, ret_error);
	code = egi_run_begin_with(&run, parent, &chosen);
	race.group = &run.group;
	if (!code)
		code = eg_group_go_each_at(&run.group, count, race_run, &race, site);
	if (!code) {
		code = egi_run_wait(&run);
		if (race.winner != NOBODY)
			code = 0;
		else
			error = race_error(&run.group, parent, &code);
	}
	egi_run_finish(&run);
	if (code == 0 && ret_winner)
		*ret_winner = (size_t)race.winner;
	return egi_run_tell(code, error, ret_error);
}

int(eg_race)(eg_ctx *parent, size_t count, eg_each_fn *fn, void *arg, const struct eg_group_options *options,
	     size_t *ret_winner, eg_error **ret_error)
{
	return eg_race_at(parent, count, fn, arg, options, ret_winner, ret_error, NULL);
}
