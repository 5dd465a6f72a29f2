/* SPDX-License-Identifier: MIT */
/* commands COMMAND...: runs shell commands, as many at once as `make -j` allows
 * that runs this, or else as CPUs. The first one to fail ends the others. */
#include <errgroup.h>

static int run_command(eg_ctx *ctx, void *arg, size_t index)
{
	struct eg_command_result result = EG_COMMAND_RESULT_INIT;
	const char *command = ((char **)arg)[index];
	int err = eg_command_run(ctx, EG_COMMAND(EG_ARGV("sh", "-c", command)),
				 &result);

	if (result.output)
		fwrite(result.output, 1, result.output_size, stdout);
	eg_command_result_finish(&result);
	return err;
}

int main(int argc, char **argv)
{
	eg_error *error;
	eg_limit *limit;

	if (argc < 2)
		return fputs("Usage: commands COMMAND...\n", stderr), 2;
	if (eg_limit_from_jobserver(&limit) &&
	    eg_limit_create(EG_LIMIT_CPUS, &limit))
		return fputs("commands: out of memory\n", stderr), 1;
	int err = eg_for(NULL, argc - 1, run_command, argv + 1,
			 EG_GROUP_OPTIONS(.shared_limit = limit), &error);
	eg_limit_unref(limit);
	eg_error_print(error, stderr);
	eg_error_unref(error);
	return err ? 1 : 0;
}
