/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_OPTIONS_H
#define EGI_GROUP_OPTIONS_H

/*
 * What a program may ask of a group: its options as they come from the program, checked.
 */

#include <errgroup/group.h>

#include "os/compiler.h"

/* Flags of the library's own, for what is there in few groups. No program can set them. */
#define EGI_GROUP_SLOT_DATA (1u << 31)    /* slot_init or slot_finish */
#define EGI_GROUP_OBSERVED (1u << 30)     /* observe, or a tracer that has asked for the probes */
#define EGI_GROUP_PROGRESS (1u << 29)     /* progress */
#define EGI_GROUP_SHARED_LIMIT (1u << 28) /* shared_limit */
#define EGI_GROUP_STOPS (1u << 27)        /* EG_HALT_NOW or EG_HALT_SOON: nothing starts after an error */
#define EGI_GROUP_FEATURES \
	(EGI_GROUP_SLOT_DATA | EGI_GROUP_OBSERVED | EGI_GROUP_PROGRESS | EGI_GROUP_SHARED_LIMIT)

extern EGI_HIDDEN const struct eg_group_options egi_options_default;

/*
 * Takes over options, with the limit as a number or EG_LIMIT_NONE, halt_after as how many errors do not halt yet, and flags
 * that follow from others. They may come from a newer header: what is unknown here is refused unless it says "default".
 * Return: 0; or -EINVAL or EG_EFORKED, with nothing taken over.
 */
int egi_options_take(const struct eg_group_options *options, struct eg_group_options *ret_options);

/* What a limit that is no number stands for: EG_LIMIT_NONE, or a number. Return: 0 or -EINVAL. */
int egi_options_named_limit(int limit, int *ret_limit);

/* What a limit stands for: a number, or EG_LIMIT_NONE. Return: 0 or -EINVAL. */
static inline int egi_options_limit(int limit, int *ret_limit)
{
	if (limit < 1)
		return egi_options_named_limit(limit, ret_limit);
	*ret_limit = limit;
	return 0;
}

#endif
