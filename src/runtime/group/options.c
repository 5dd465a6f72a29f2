/* SPDX-License-Identifier: MIT */
/*
 * A program's options are checked and taken over once, for a group that it makes or for one within a call (batch/run.c). What
 * is taken over says everything as the group needs it, and is nothing that could be checked again.
 */
#include "runtime/group/options.h"

#include <errno.h>

#include "fault/mode.h"
#include "os/cpus.h"
#include "os/sized.h"
#include "runtime/limit/limit.h"

#define KNOWN_FLAGS \
	(EG_GROUP_NO_CANCEL | EG_GROUP_SKIP_UNSTARTED | EG_GROUP_NO_HELP | EG_GROUP_ABORT_ON_PANIC)

const struct eg_group_options egi_options_default = EG_GROUP_OPTIONS_INIT;

int egi_options_named_limit(int limit, int *ret_limit)
{
	if (limit != EG_LIMIT_NONE && limit != EG_LIMIT_CPUS)
		return -EINVAL;
	*ret_limit = limit == EG_LIMIT_CPUS ? egi_cpus_count() : limit;
	return 0;
}

/* The features that few groups have, as flags. */
static unsigned feature_flags(const struct eg_group_options *options)
{
	return (options->slot_init || options->slot_finish ? EGI_GROUP_SLOT_DATA : 0) |
	       (options->observe ? EGI_GROUP_OBSERVED : 0) | (options->progress ? EGI_GROUP_PROGRESS : 0);
}

static void options_take_halt(struct eg_group_options *taken)
{
	if (taken->halt_after > 0)
		taken->halt_after--;
	if (taken->halt == EG_HALT_NOW)
		taken->flags |= EG_GROUP_SKIP_UNSTARTED;
	if (taken->halt == EG_HALT_NOW || taken->halt == EG_HALT_SOON)
		taken->flags |= EGI_GROUP_STOPS;
}

/* The group's own limit, if it says none, is as much as that allows. */
static int shared_limit_take(struct eg_group_options *options)
{
	if (egi_limit_is_dead(options->shared_limit))
		return EG_EFORKED;
	if (options->limit == 0)
		options->limit = egi_limit_most(options->shared_limit);
	options->flags |= EGI_GROUP_SHARED_LIMIT;
	return 0;
}

int egi_options_take(const struct eg_group_options *options, struct eg_group_options *ret_options)
{
	struct eg_group_options taken;
	int err = 0;

	if (!egi_sized_is_known(options, options->size, sizeof(taken)))
		return -EINVAL;
	taken = *options;
	if (taken.limit != 0)
		err = egi_options_limit(taken.limit, &taken.limit);
	if ((taken.flags & ~(unsigned)KNOWN_FLAGS) != 0 || taken.backlog < EG_BACKLOG_NONE ||
	    !egi_fault_is_mode(taken.fault) || taken.halt > EG_HALT_NEVER || taken.reserved != 0 ||
	    taken.progress_every_ns < 0)
		err = -EINVAL;
	if (err)
		return err;
	taken.flags |= feature_flags(&taken);
	options_take_halt(&taken);
	if (taken.shared_limit)
		err = shared_limit_take(&taken);
	if (!err)
		*ret_options = taken;
	return err;
}
