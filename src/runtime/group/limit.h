/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_LIMIT_H
#define EGI_GROUP_LIMIT_H

/* How many threads may run tasks of a group: what a program may say of it, for options and eg_group_set_limit. */

/* What a limit stands for: a number, or EG_LIMIT_NONE. Return: 0 or -EINVAL. */
int egi_limit_find(int limit, int *ret_limit);

#endif
