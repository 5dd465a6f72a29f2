/* SPDX-License-Identifier: MIT */
/* sort WORD...: prints words in order. Each half is sorted by whoever has the
 * time. */
#include <errgroup.h>
#include <stdlib.h>
#include <string.h>

#define FEW 100

struct part {
	char **lines, **spare;
	size_t count;
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(char **)a, *(char **)b);
}

static int sort(eg_ctx *ctx, void *arg)
{
	struct part *all = arg;
	size_t half = all->count / 2, i = 0, j = half;
	char **lines = all->lines;
	struct part low = {lines, all->spare, half};
	struct part high = {lines + half, all->spare + half, all->count - half};

	if (all->count < FEW)
		return qsort(lines, all->count, sizeof(*lines), compare), 0;
	int err = eg_both(ctx, sort, &low, sort, &high);
	for (size_t k = 0; k < all->count; k++) {
		bool is_low = j == all->count ||
			      (i < half && compare(&lines[i], &lines[j]) <= 0);
		all->spare[k] = lines[is_low ? i++ : j++];
	}
	memcpy(lines, all->spare, all->count * sizeof(*lines));
	return err;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return fputs("Usage: sort WORD...\n", stderr), 2;
	struct part all = {argv + 1, malloc(argc * sizeof(*argv)), argc - 1};

	if (!all.spare || sort(NULL, &all))
		return fputs("sort: out of memory\n", stderr), 1;
	for (size_t i = 0; i < all.count; i++)
		puts(all.lines[i]);
	free(all.spare);
	return 0;
}
