/* SPDX-License-Identifier: MIT */
/* checksum FILE...: prints what sum(1) does. A file that cannot be read is
 * tried three times, for ten seconds each. */
#include <errgroup.h>
#include <errno.h>
#include <stdlib.h>

struct file {
	const char *path;
	unsigned sum;
	long size;
};

static int sum_file(eg_ctx *ctx, void *arg)
{
	struct file *file = arg;
	FILE *stream = fopen(file->path, "r");
	int c, err = 0;

	if (!stream)
		return eg_fail(-errno, "cannot open %s", file->path);
	file->sum = 0;
	for (file->size = 0; (c = getc(stream)) != EOF && !err; file->size++) {
		file->sum = (file->sum >> 1 | file->sum << 15) + c;
		file->sum &= 0xffff;
		err = eg_ctx_err(ctx);
	}
	err = ferror(stream) ? -errno : err;
	fclose(stream);
	return err ? eg_fail(err, "cannot read %s", file->path) : 0;
}

static int try_file(eg_ctx *ctx, void *arg, size_t index)
{
	return eg_retry(ctx, sum_file, (struct file *)arg + index,
			EG_RETRY_OPTIONS(.attempt_timeout_ns = EG_SECONDS(10)),
			NULL);
}

int main(int argc, char **argv)
{
	struct file *files;
	eg_error *error;

	if (argc < 2 || !(files = calloc(argc, sizeof(*files))))
		return fputs("Usage: checksum FILE...\n", stderr), 2;
	for (int i = 1; i < argc; i++)
		files[i - 1].path = argv[i];
	int err = eg_for(NULL, argc - 1, try_file, files, NULL, &error);
	for (struct file *file = files; !err && file->path; file++)
		printf("%05u %5ld %s\n", file->sum, (file->size + 1023) / 1024,
		       file->path);
	eg_error_print_line(error, stderr);
	eg_error_unref(error);
	free(files);
	return err ? 1 : 0;
}
