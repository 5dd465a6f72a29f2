/* SPDX-License-Identifier: MIT */
#ifndef BENCH_PEERS_POOL_GROUP_H
#define BENCH_PEERS_POOL_GROUP_H

/*
 * Groups of a runtime that has none: tasks of the pool, and a wait for all that it has. Included after rt_submit and
 * rt_wait.
 */

#define RT_HAS_GROUP

struct rt_group {
	struct rt_pool *pool;
};

#define rt_group_open(group, of_pool, fn) ((void)(fn), (void)((group)->pool = (of_pool)))
#define rt_group_submit(group, fn, arg) rt_submit((group)->pool, fn, (arg))
#define rt_group_wait(group) rt_wait((group)->pool)
#define rt_group_close(group) ((void)(group))

#endif
