/* SPDX-License-Identifier: MIT */
/* slots PATTERN FILE...: counts the lines that match, as grep -Ec does. Each
 * worker has a compiled pattern: a common one would be locked at each match. */
#include <errgroup.h>
#include <errno.h>
#include <regex.h>
#include <stdlib.h>

static int make_pattern(eg_ctx *ctx, void *arg, void **ret_data)
{
	regex_t *pattern = malloc(sizeof(*pattern));

	if (pattern && !regcomp(pattern, arg, REG_EXTENDED | REG_NOSUB))
		return *ret_data = pattern, 0;
	free(pattern);
	return eg_fail(-EINVAL, "not a pattern: %s", (char *)arg);
}

static void free_pattern(void *arg, void *data)
{
	regfree(data);
	free(data);
}

static int count_matches(eg_ctx *ctx, void *arg, const void *in, void *out)
{
	const char *path = *(char *const *)in;
	FILE *stream = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;

	if (!stream)
		return eg_fail(-errno, "cannot open %s", path);
	while (getline(&line, &room, stream) > 0 && !eg_ctx_err(ctx))
		*(long *)out += !regexec(eg_task_slot_data(), line, 0, NULL, 0);
	free(line);
	fclose(stream);
	return eg_ctx_err(ctx);
}

int main(int argc, char **argv)
{
	long *counts;
	eg_error *error;

	if (argc < 3 || !(counts = calloc(argc, sizeof(*counts))))
		return fputs("Usage: slots PATTERN FILE...\n", stderr), 2;
	int err = eg_map(NULL, argc - 2, argv + 2, sizeof(*argv), counts,
			 sizeof(*counts), count_matches, NULL,
			 EG_GROUP_OPTIONS(.slot_init = make_pattern,
					  .slot_arg = argv[1],
					  .slot_finish = free_pattern),
			 &error);
	for (int i = 2; !err && i < argc; i++)
		printf("%s:%ld\n", argv[i], counts[i - 2]);
	eg_error_print_line(error, stderr);
	eg_error_unref(error);
	free(counts);
	return err ? 1 : 0;
}
