/* SPDX-License-Identifier: MIT */
/*
 * Loops: a group and one range.
 */
#include <errgroup/batch.h>
#include <errno.h>

#include "batch/run.h"

int eg_for_at(eg_ctx *parent, size_t count, eg_each_fn *fn, void *arg, const struct eg_group_options *options,
	      eg_error **ret_error, struct eg_site *site)
{
	struct egi_run run;
	int err = egi_run_begin(&run, parent, options, EG_LIMIT_CPUS);

	if (!err)
		err = eg_group_go_each_at(&run.group, count, fn, arg, site);
	return egi_run_end(&run, err, ret_error);
}

int(eg_for)(eg_ctx *parent, size_t count, eg_each_fn *fn, void *arg, const struct eg_group_options *options,
	    eg_error **ret_error)
{
	return eg_for_at(parent, count, fn, arg, options, ret_error, NULL);
}

int eg_for_pieces_at(eg_ctx *parent, size_t count, size_t grain, eg_piece_fn *fn, void *arg,
		     const struct eg_group_options *options, eg_error **ret_error, struct eg_site *site)
{
	struct egi_run run;
	int err = egi_run_begin(&run, parent, options, EG_LIMIT_CPUS);

	if (!err)
		err = eg_group_go_pieces_at(&run.group, count, grain, fn, arg, site);
	return egi_run_end(&run, err, ret_error);
}

int(eg_for_pieces)(eg_ctx *parent, size_t count, size_t grain, eg_piece_fn *fn, void *arg,
		   const struct eg_group_options *options, eg_error **ret_error)
{
	return eg_for_pieces_at(parent, count, grain, fn, arg, options, ret_error, NULL);
}
