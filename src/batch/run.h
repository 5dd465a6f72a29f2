/* SPDX-License-Identifier: MIT */
#ifndef EGI_BATCH_RUN_H
#define EGI_BATCH_RUN_H

/*
 * What every call of this floor is: a group that begins, is filled, waited for and destroyed in one function, and an error
 * that is handed over. In its simplest form:
 *
 *     err = egi_run_begin(&run, parent, options, EG_LIMIT_CPUS);
 *     if (!err)
 *             err = eg_group_go_each_at(&run.group, ...);
 *     return egi_run_end(&run, err, ret_error);
 */

#include <errgroup/group.h>

struct egi_run {
	eg_group group;
	struct egi_recovery *outer; /* the task that the caller runs, or NULL */
};

/*
 * Takes over the caller's options, as egi_options_take does. `limit` is what a limit of 0 means without a shared one. Return: 0,
 * -EINVAL or EG_EFORKED.
 */
int egi_run_options(const struct eg_group_options *options, int limit, struct eg_group_options *ret_taken);

/* Begins a group with such options; or, in the first form, with the caller's. The run is all-zero on failure. */
int egi_run_begin_with(struct egi_run *run, eg_ctx *parent, const struct eg_group_options *taken);
int egi_run_begin(struct egi_run *run, eg_ctx *parent, const struct eg_group_options *options, int limit);

/*
 * Waits, as eg_group_wait does. If a task ends the calling thread meanwhile, the rest is cancelled and waited for while
 * the callers' frames are still there, and this does not return.
 */
int egi_run_wait(struct egi_run *run);

/* Gives back what the run holds. What was not waited for is cancelled, skipped and waited for. */
void egi_run_finish(struct egi_run *run);

/*
 * Returns the code of an error, which it takes over and hands to the caller: by ret_error, or as what the caller's task
 * fails with. NULL stands for an error of the code alone.
 */
int egi_run_tell(int code, eg_error *error, eg_error **ret_error);

/* All of that: waits unless filling the group has failed, with err; finishes; tells. */
int egi_run_end(struct egi_run *run, int err, eg_error **ret_error);

#endif
