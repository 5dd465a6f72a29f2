/* SPDX-License-Identifier: MIT */
/* race COMMAND...: prints what the first shell command to succeed has said. */
#include <errgroup.h>
#include <stdlib.h>

struct run {
	const char *command;
	struct eg_command_result result;
};

static int run_command(eg_ctx *ctx, void *arg, size_t index)
{
	struct run *run = (struct run *)arg + index;

	return eg_command_run(
	    ctx, EG_COMMAND(EG_ARGV("sh", "-c", run->command)), &run->result);
}

int main(int argc, char **argv)
{
	struct run *runs;
	eg_error *error;
	size_t winner;

	if (argc < 2 || !(runs = calloc(argc, sizeof(*runs))))
		return fputs("Usage: race COMMAND...\n", stderr), 2;
	for (int i = 0; i < argc - 1; i++)
		runs[i] = (struct run){argv[i + 1], EG_COMMAND_RESULT_INIT};
	int err =
	    eg_race(NULL, argc - 1, run_command, runs, NULL, &winner, &error);
	if (!err)
		fputs(runs[winner].result.output, stdout);
	for (int i = 0; i < argc - 1; i++)
		eg_command_result_finish(&runs[i].result);
	eg_error_print_line(error, stderr);
	eg_error_unref(error);
	free(runs);
	return err ? 1 : 0;
}
