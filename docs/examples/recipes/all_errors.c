/* SPDX-License-Identifier: MIT */
/* all_errors FILE...: tells of each that cannot be read or ends in mid-line. */
#include <errgroup.h>
#include <errno.h>
#include <stdlib.h>

static int check_file(eg_ctx *ctx, void *arg, size_t index)
{
	const char *path = ((char **)arg)[index];
	FILE *stream = fopen(path, "r");
	int last;

	if (!stream)
		return eg_fail(-errno, "cannot open %s", path);
	last = fseek(stream, -1, SEEK_END) ? '\n' : getc(stream);
	fclose(stream);
	return last == '\n' ? 0 : eg_fail(-EILSEQ, "no last newline: %s", path);
}

int main(int argc, char **argv)
{
	eg_error **errors = calloc(argc, sizeof(*errors));
	eg_group group;

	if (argc < 2 || !errors)
		return fputs("Usage: all_errors FILE...\n", stderr), 2;
	if (eg_group_init(&group, NULL,
			  EG_GROUP_OPTIONS(.limit = EG_LIMIT_CPUS,
					   .halt = EG_HALT_NEVER,
					   .collect = EG_COLLECT_ALL)) ||
	    eg_group_go_each(&group, argc - 1, check_file, argv + 1))
		return fputs("all_errors: out of memory\n", stderr), 1;
	int err = eg_group_wait(&group);
	eg_group_errors(&group, argc, errors);
	for (int i = 0; errors[i]; i++)
		fprintf(stderr, "%s\n", eg_error_message(errors[i]));
	eg_group_destroy(&group);
	free(errors);
	return err ? 1 : 0;
}
