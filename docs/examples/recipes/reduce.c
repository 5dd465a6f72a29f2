/* SPDX-License-Identifier: MIT */
/* reduce N: how many bits are set in all numbers below N. Each worker adds up
 * those of the numbers that it gets. */
#include <errgroup.h>
#include <stdlib.h>

#define WORKERS 64

static int count_bits(eg_ctx *ctx, void *arg, size_t begin, size_t end)
{
	long *sum = (long *)arg + eg_task_slot();

	for (size_t number = begin; number < end; number++)
		*sum += __builtin_popcountl(number);
	return 0;
}

int main(int argc, char **argv)
{
	size_t below = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	long sums[WORKERS] = {0}, total = 0;

	if (below == 0)
		return fputs("Usage: reduce N\n", stderr), 2;
	if (eg_for_pieces(NULL, below, 0, count_bits, sums,
			  EG_GROUP_OPTIONS(.limit = WORKERS), NULL))
		return fputs("reduce: out of memory\n", stderr), 1;
	for (int i = 0; i < WORKERS; i++)
		total += sums[i];
	printf("%ld\n", total);
	return 0;
}
