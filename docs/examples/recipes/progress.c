/* SPDX-License-Identifier: MIT */
/* progress FILE...: reads files into the page cache and says how far it is. */
#include <errgroup.h>
#include <errno.h>

static int read_file(eg_ctx *ctx, void *arg, size_t index)
{
	const char *path = ((char **)arg)[index];
	FILE *stream = fopen(path, "r");
	char buffer[65536];
	int err = 0;

	if (!stream)
		return eg_fail(-errno, "cannot open %s", path);
	while (!err && fread(buffer, sizeof(buffer), 1, stream) == 1)
		err = eg_ctx_err(ctx);
	err = ferror(stream) ? -errno : err;
	fclose(stream);
	return err ? eg_fail(err, "cannot read %s", path) : 0;
}

static void show(const struct eg_stats *stats, void *arg)
{
	fprintf(stderr, "\r%ld of %d files", (long)stats->done, *(int *)arg);
}

int main(int argc, char **argv)
{
	int count = argc - 1;
	eg_error *error;
	eg_limit *limit;

	if (argc < 2 || eg_limit_create_tuned(2, 64, &limit))
		return fputs("Usage: progress FILE...\n", stderr), 2;
	int err =
	    eg_for(NULL, count, read_file, argv + 1,
		   EG_GROUP_OPTIONS(.progress = show, .progress_arg = &count,
				    .progress_every_ns = EG_MILLISECONDS(100),
				    .shared_limit = limit),
		   &error);
	fputs("\n", stderr);
	eg_limit_unref(limit);
	eg_error_print(error, stderr);
	eg_error_unref(error);
	return err ? 1 : 0;
}
