/* SPDX-License-Identifier: MIT */
/* all_errors FILE...: checks that each ends with a newline. Every one that does
 * not is told. */
#include <errgroup.h>
#include <errno.h>

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
	eg_group group;

	if (argc < 2)
		return fputs("Usage: all_errors FILE...\n", stderr), 2;
	if (eg_group_init(&group, NULL,
			  EG_GROUP_OPTIONS(.limit = EG_LIMIT_CPUS,
					   .halt = EG_HALT_NEVER,
					   .collect = EG_COLLECT_ALL)) ||
	    eg_group_go_each(&group, argc - 1, check_file, argv + 1))
		return fputs("all_errors: out of memory\n", stderr), 1;
	int err = eg_group_wait(&group);
	eg_group_report(&group, stderr);
	eg_group_destroy(&group);
	return err ? 1 : 0;
}
