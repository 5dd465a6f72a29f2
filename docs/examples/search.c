/* SPDX-License-Identifier: MIT */
/*
 * search: one query, three searches at once, results in a fixed order.
 *
 *     search [QUERY]
 *
 * The example that the documentation of Go's errgroup calls "Parallel": each search is a task that writes to
 * a place of its own, and once the wait has returned everything that the tasks wrote can be read. The
 * searches are made up and take as long as they would over a network; the slowest one decides how long it
 * takes in all.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <errgroup.h>

#include "shared/console.h"

struct search {
	const char *kind;
	long takes_ms;
	const char *query;
	char result[128];
};

/*
 * The task. It fails as soon as the context says that another search has failed: nobody wants its result
 * then.
 */
static int search_run(eg_ctx *ctx, void *arg)
{
	struct search *search = arg;
	struct timespec step = {.tv_nsec = 1000000};
	long waited_ms;

	if (search->query[0] == '\0')
		return eg_fail(-EINVAL, "%s: an empty query", search->kind);
	for (waited_ms = 0; waited_ms < search->takes_ms; waited_ms++) {
		if (eg_ctx_err(ctx) != 0)
			return eg_fail(eg_ctx_err(ctx), "%s: given up", search->kind);
		nanosleep(&step, NULL);
	}
	snprintf(search->result, sizeof(search->result), "%s result for \"%s\"", search->kind, search->query);
	return 0;
}

int main(int argc, char **argv)
{
	const char *query = argc > 1 ? argv[1] : "liberrgroup";
	struct search searches[] = {
	    {.kind = "web", .takes_ms = 30, .query = query},
	    {.kind = "image", .takes_ms = 20, .query = query},
	    {.kind = "video", .takes_ms = 10, .query = query},
	};
	const size_t count = sizeof(searches) / sizeof(searches[0]);
	eg_group group;
	size_t i;
	int error;

	console_init();
	error = eg_group_init(&group, NULL, NULL);
	if (error != 0) {
		console_report("%s", eg_strerror(error));
		return EXIT_FAILURE;
	}
	for (i = 0; i < count && error == 0; i++)
		error = eg_group_go(&group, search_run, &searches[i]);
	if (error == 0)
		error = eg_group_wait(&group);

	if (error != 0)
		console_report("%s", eg_group_error(&group) != NULL ? eg_error_message(eg_group_error(&group))
								    : eg_strerror(error));
	for (i = 0; i < count && error == 0; i++)
		error = console_print(searches[i].result);
	eg_group_destroy(&group);
	return error != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
