/* SPDX-License-Identifier: MIT */
/* map NUMBER...: prints the smallest prime factor of each, in order. */
#include <errgroup.h>
#include <errno.h>
#include <stdlib.h>

static int find_factor(eg_ctx *ctx, void *arg, const void *in, void *out)
{
	const char *text = *(char *const *)in;
	char *end;
	unsigned long number = strtoul(text, &end, 10), divisor = 2;

	if (*end || number < 2)
		return eg_fail(-EINVAL, "not a number from 2: %s", text);
	while (divisor <= number / divisor && number % divisor &&
	       !eg_ctx_err(ctx))
		divisor++;
	*(unsigned long *)out = number % divisor ? number : divisor;
	return eg_ctx_err(ctx);
}

int main(int argc, char **argv)
{
	unsigned long *factors;
	eg_error *error;

	if (argc < 2 || !(factors = calloc(argc, sizeof(*factors))))
		return fputs("Usage: map NUMBER...\n", stderr), 2;
	int err = eg_map(NULL, argc - 1, argv + 1, sizeof(*argv), factors,
			 sizeof(*factors), find_factor, NULL, NULL, &error);
	for (int i = 1; !err && i < argc; i++)
		printf("%lu\n", factors[i - 1]);
	eg_error_print_line(error, stderr);
	eg_error_unref(error);
	free(factors);
	return err ? 1 : 0;
}
