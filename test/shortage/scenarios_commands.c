/* SPDX-License-Identifier: MIT */

/*
 * Scenarios of what blocks: polling many descriptors, and running programs. What a program writes is there, or counted.
 */

#include "scenarios.h"

#include <poll.h>

enum { DESCRIPTORS = 20, WRITTEN = 20000 };

void scenario_poll(void)
{
	struct pollfd fds[DESCRIPTORS];
	eg_ctx *ctx;
	int err;

	for (int i = 0; i < DESCRIPTORS; i++)
		fds[i] = (struct pollfd){-1, POLLIN, -1};
	if (eg_ctx_with_cancel(NULL, &ctx) != 0)
		return;
	err = eg_ctx_poll(ctx, fds, DESCRIPTORS, 0);
	CHECK(err == 0 || err == -ENOMEM);
	for (int i = 0; i < DESCRIPTORS; i++)
		CHECK(fds[i].revents == (err ? -1 : 0));
	eg_ctx_unref(ctx);
}

static int run_program(eg_ctx *ctx, void *arg)
{
	struct eg_command_result *result = arg;

	atomic_fetch_add(&ran, 1);
	return eg_command_run(
	    ctx, EG_COMMAND(EG_ARGV("sh", "-c", "head -c 20000 /dev/zero; echo err >&2; exit 3")), result);
}

void scenario_command(void)
{
	struct eg_command_result result = EG_COMMAND_RESULT_INIT;
	eg_group group = EG_GROUP_INIT;
	int err;

	begin();
	if (!init(&group, NULL, NULL))
		return;
	note(eg_group_go(&group, run_program, &result));
	err = eg_group_wait(&group);
	CHECK(err == (accepted ? err : 0) && (!accepted || err == EG_ESTATUS(3) || err == -ENOMEM));
	if (err == EG_ESTATUS(3)) {
		CHECK(result.output_size + result.output_dropped == WRITTEN && result.exit_status == 3);
		CHECK(result.output_size >= 4095 && result.output[result.output_size] == '\0');
		CHECK(result.errors_size == 4 && strcmp(result.errors, "err\n") == 0);
	} else {
		CHECK(!result.output && !result.errors);
	}
	eg_command_result_finish(&result);
	end(&group);
}
