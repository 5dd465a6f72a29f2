/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_CPUS_H
#define EGI_OS_CPUS_H

/* How many CPUs this process may use: what its main thread's affinity and the quota allow, at least 1. */
int egi_cpus_count(void);

/*
 * The CPU bandwidth quota of this process's control group, and of the groups above it that it can see: cgroup
 * version 2 (cpu.max) and version 1 (cpu.cfs_quota_us and cpu.cfs_period_us).
 *
 * Return: CPUs, rounded up, the smallest that applies; 0 without a quota.
 */
int egi_cpus_quota(void);

#endif
