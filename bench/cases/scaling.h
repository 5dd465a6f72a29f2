/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_SCALING_H
#define BENCH_CASES_SCALING_H

/* scaling: TASKS tasks of 1 us of work each, submitted and waited for, in tasks a second. */

static void scaling_run(const struct bench_args *args)
{
	batch_check(args);
	for (int run = 0; run < args->runs; run++) {
		bench_calibrate();
		bench_print((double)args->tasks * 1e9 /
			    batch_spin_ns(args->workers, args->tasks, bench_loops(1000), 0));
	}
}

#endif
