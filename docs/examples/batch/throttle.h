/* SPDX-License-Identifier: MIT */
#ifndef BATCH_THROTTLE_H
#define BATCH_THROTTLE_H

/*
 * What keeps jobs from starting while the machine has too much to do: --load and --memfree. Threads: any.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <errgroup.h>

struct throttle {
	double load_max;       /* of the last minute; 0: any */
	uint64_t memory_least; /* bytes that have to be available; 0: none */
};

/* Reads a size: a number, with K, M, G or T behind it, as 512M. Return: whether it is one. */
bool throttle_parse_size(const char *text, uint64_t *ret_bytes);

/*
 * Waits until a job may start, the context is over, or the flag is set. Each job that waits looks now and then, and holds
 * nothing meanwhile: a signal may come on its thread.
 */
void throttle_wait(const struct throttle *throttle, eg_ctx *ctx, const _Atomic bool *is_halted);

#endif
