/* SPDX-License-Identifier: MIT */

/*
 * Scenarios of submission, waiting and limits, and the books that all scenarios keep.
 */

#include "scenarios.h"

#include <semaphore.h>

#include "shortage.h"

long accepted;
atomic_long ran;

int count_run(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	atomic_fetch_add(&ran, 1);
	return 0;
}

int count_and_fail(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	atomic_fetch_add(&ran, 1);
	return eg_fail(-EIO, "task %s", (const char *)arg);
}

void begin(void)
{
	accepted = 0;
	atomic_store(&ran, 0);
}

bool note(int result)
{
	CHECK(result == 0 || result == -ENOMEM);
	accepted += result == 0;
	return result == 0;
}

void go_many(eg_group *group, eg_task_fn *fn, long count)
{
	for (long i = 0; i < count; i++)
		note(eg_group_go(group, fn, "many"));
}

bool init(eg_group *group, eg_ctx *parent, const struct eg_group_options *options)
{
	eg_group before = *group;
	int result = eg_group_init(group, parent, options);

	CHECK(result == 0 || result == -ENOMEM);
	CHECK(result == 0 || memcmp(&before, group, sizeof(before)) == 0);
	return result == 0;
}

void end(eg_group *group)
{
	eg_group zero = EG_GROUP_INIT;

	CHECK(eg_group_destroy(group) == 0);
	CHECK(memcmp(group, &zero, sizeof(zero)) == 0);
}

void scenario_zero_group(void)
{
	eg_group group = EG_GROUP_INIT;

	begin();
	go_many(&group, count_run, 20);
	CHECK(eg_group_wait(&group) == 0);
	CHECK(atomic_load(&ran) == accepted);
	end(&group);
}

void scenario_group_with_options(void)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group = EG_GROUP_INIT;

	begin();
	options.limit = 2;
	options.collect = 4;
	if (!init(&group, NULL, &options))
		return;
	go_many(&group, count_run, 50);
	CHECK(eg_group_wait(&group) == 0);
	CHECK(eg_group_wait(&group) == 0);
	CHECK(atomic_load(&ran) == accepted);
	end(&group);
}

void scenario_no_help_group(void)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group = EG_GROUP_INIT;

	begin();
	options.limit = 3;
	options.flags = EG_GROUP_NO_HELP;
	if (!init(&group, NULL, &options))
		return;
	go_many(&group, count_run, 50);
	CHECK(eg_group_wait(&group) == 0);
	CHECK(atomic_load(&ran) == accepted);
	end(&group);
}

static int make_data(eg_ctx *ctx, void *arg, void **ret_data)
{
	(void)ctx;
	*ret_data = arg;
	return 0;
}

static void finish_data(void *arg, void *data)
{
	CHECK(arg == data);
}

static void note_end(const struct eg_event *event, void *arg)
{
	if (event->kind == EG_EVENT_END)
		atomic_fetch_add((atomic_long *)arg, 1);
}

static void note_progress(const struct eg_stats *stats, void *arg)
{
	*(struct eg_stats *)arg = *stats;
}

/* Where no thread can be had the waiter runs the tasks after all, and has told everything when it returns. */
void scenario_watched_group(void)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	struct eg_stats last = {.done = 0};
	eg_group group = EG_GROUP_INIT;
	atomic_long ended = 0;

	begin();
	options.limit = 2;
	options.slot_init = make_data;
	options.slot_finish = finish_data;
	options.slot_arg = &options;
	options.observe = note_end;
	options.observe_arg = &ended;
	options.progress = note_progress;
	options.progress_arg = &last;
	options.progress_every_ns = 1000000;
	if (!init(&group, NULL, &options))
		return;
	go_many(&group, count_run, 50);
	CHECK(eg_group_wait(&group) == 0);
	CHECK(atomic_load(&ran) == accepted && atomic_load(&ended) == accepted);
	CHECK(last.done == (uint64_t)accepted && last.accepted == last.done);
	end(&group);
}

void scenario_spill(void)
{
	eg_group group = EG_GROUP_INIT;
	int result = eg_group_set_limit(&group, 1);

	begin();
	CHECK(result == 0 || result == -ENOMEM);
	go_many(&group, count_run, scaled(SPILLED));
	CHECK(eg_group_wait(&group) == 0);
	CHECK(atomic_load(&ran) == accepted);
	end(&group);
}

static int index_runs(eg_ctx *ctx, void *arg, size_t index)
{
	(void)index;
	return count_run(ctx, arg);
}

static int piece_runs(eg_ctx *ctx, void *arg, size_t begin, size_t end)
{
	(void)ctx;
	(void)arg;
	atomic_fetch_add(&ran, (long)(end - begin));
	return 0;
}

/* The first takes no memory, those behind it do. */
void scenario_ranges(void)
{
	eg_group group = EG_GROUP_INIT;
	long indices = 0;

	begin();
	for (int i = 0; i < 4; i++) {
		indices += note(eg_group_go_each(&group, 30, index_runs, NULL)) ? 30 : 0;
		indices += note(eg_group_go_pieces(&group, 30, 0, piece_runs, NULL)) ? 30 : 0;
	}
	CHECK(eg_group_wait(&group) == 0);
	CHECK(atomic_load(&ran) == indices);
	end(&group);
}

struct cargo {
	char bytes[200];
};

static int cargo_arrives(eg_ctx *ctx, void *arg)
{
	const struct cargo *cargo = arg;

	(void)ctx;
	CHECK(cargo->bytes[0] == 'c' && cargo->bytes[199] == 'o');
	atomic_fetch_add(&ran, 1);
	return 0;
}

void scenario_copied_arguments(void)
{
	struct cargo cargo = {{[0] = 'c', [199] = 'o'}};
	eg_group group = EG_GROUP_INIT;

	begin();
	for (int i = 0; i < 10; i++)
		note(eg_group_go_copy(&group, cargo_arrives, &cargo, sizeof(cargo)));
	memset(&cargo, 0, sizeof(cargo));
	CHECK(eg_group_wait(&group) == 0);
	CHECK(atomic_load(&ran) == accepted);
	end(&group);
}

static int nests(eg_ctx *ctx, void *arg)
{
	eg_group group = EG_GROUP_INIT;
	long inner = 0;

	(void)ctx;
	(void)arg;
	for (int i = 0; i < 10; i++)
		inner += eg_group_go(&group, count_run, NULL) == 0;
	CHECK(eg_group_wait(&group) == 0);
	CHECK(eg_group_destroy(&group) == 0);
	/* Each inner task counted itself; this one takes the sum back and counts itself. */
	atomic_fetch_add(&ran, 1 - inner);
	return 0;
}

void scenario_nested_groups(void)
{
	eg_group group = EG_GROUP_INIT;

	begin();
	note(eg_group_set_limit(&group, 2));
	accepted = 0;
	go_many(&group, nests, 6);
	CHECK(eg_group_wait(&group) == 0);
	CHECK(atomic_load(&ran) == accepted);
	end(&group);
}

/* The calling task's group has the same limit, and none of the groups' waits helps. */
static int nests_under_limit(eg_ctx *ctx, void *arg)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group = EG_GROUP_INIT;
	long inner = 0;

	(void)ctx;
	options.limit = 2;
	options.flags = EG_GROUP_NO_HELP;
	options.shared_limit = arg;
	if (eg_group_init(&group, NULL, &options) == 0) {
		for (int i = 0; i < 5; i++)
			inner += eg_group_go(&group, count_run, NULL) == 0;
		CHECK(eg_group_wait(&group) == 0);
		CHECK(eg_group_destroy(&group) == 0);
	}
	atomic_fetch_add(&ran, 1 - inner);
	return 0;
}

void scenario_shared_limit(void)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_limit *limit = NULL, *tuned = NULL;
	eg_group group = EG_GROUP_INIT;
	int code;

	begin();
	code = eg_limit_create_tuned(1, 2, &tuned);
	CHECK(code == (tuned ? 0 : -ENOMEM));
	eg_limit_unref(tuned);
	code = eg_limit_create(1, &limit);
	CHECK(code == (limit ? 0 : -ENOMEM));
	if (!limit)
		return;
	options.flags = EG_GROUP_NO_HELP;
	options.shared_limit = limit;
	if (init(&group, NULL, &options))
		for (int i = 0; i < 4; i++)
			note(eg_group_go(&group, nests_under_limit, limit));
	eg_limit_unref(limit);
	CHECK(eg_group_wait(&group) == 0);
	CHECK(atomic_load(&ran) == accepted);
	end(&group);
}

static eg_group *inside;
static atomic_long inside_accepted;

static int submits(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	atomic_fetch_add(&ran, 1);
	for (int i = 0; i < 20; i++) {
		int result = eg_group_go(inside, count_run, NULL);

		CHECK(result == 0 || result == -ENOMEM);
		if (result == 0)
			atomic_fetch_add(&inside_accepted, 1);
	}
	return 0;
}

void scenario_submission_from_tasks(void)
{
	eg_group group = EG_GROUP_INIT;

	begin();
	inside = &group;
	atomic_store(&inside_accepted, 0);
	go_many(&group, submits, 4);
	CHECK(eg_group_wait(&group) == 0);
	CHECK(atomic_load(&ran) == accepted + atomic_load(&inside_accepted));
	end(&group);
}

void scenario_limit_changes(void)
{
	static const int limits[] = {1, 4, EG_LIMIT_NONE, 2, EG_LIMIT_CPUS};
	eg_group group = EG_GROUP_INIT;

	begin();
	for (size_t i = 0; i < 5; i++) {
		int result = eg_group_set_limit(&group, limits[i]);

		CHECK(result == 0 || result == -ENOMEM);
		go_many(&group, count_run, 30);
	}
	CHECK(eg_group_wait(&group) == 0);
	CHECK(atomic_load(&ran) == accepted);
	end(&group);
}

static sem_t gate;

static int holds(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	while (sem_wait(&gate) != 0)
		CHECK(errno == EINTR);
	atomic_fetch_add(&ran, 1);
	return 0;
}

/* The first task holds the only place until the group is cancelled, so no other can start before. */
void scenario_skipped_tasks(void)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group = EG_GROUP_INIT;
	bool is_held;
	size_t skipped;
	int result;

	begin();
	options.limit = 1;
	options.collect = 200;
	options.flags = EG_GROUP_SKIP_UNSTARTED;
	if (!init(&group, NULL, &options))
		return;
	sem_init(&gate, 0, 0);
	is_held = note(eg_group_go(&group, holds, NULL));
	go_many(&group, count_run, 100);
	CHECK(eg_group_cancel(&group, NULL) == 0);
	go_many(&group, count_run, 10);
	sem_post(&gate);
	result = eg_group_wait(&group);
	skipped = eg_group_error_count(&group);
	CHECK(atomic_load(&ran) + (long)skipped == accepted);
	CHECK(!is_held || (long)skipped >= accepted - 1);
	CHECK(result == (skipped ? -ECANCELED : 0));
	if (skipped)
		CHECK(eg_error_kind(eg_group_error(&group)) == EG_ERROR_SKIPPED);
	end(&group);
	sem_destroy(&gate);
}

void scenario_destroy_with_tasks_pending(void)
{
	eg_group group = EG_GROUP_INIT;

	begin();
	if (eg_group_set_limit(&group, 1) != 0)
		return;
	go_many(&group, count_run, 500);
	end(&group);
	CHECK(atomic_load(&ran) <= accepted);
}

void scenario_backlog(void)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group = EG_GROUP_INIT;

	begin();
	options.limit = 1;
	options.backlog = 1;
	if (!init(&group, NULL, &options))
		return;
	go_many(&group, count_run, 40);
	CHECK(eg_group_wait(&group) == 0);
	CHECK(atomic_load(&ran) == accepted);
	end(&group);
}

void scenario_no_backlog(void)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group = EG_GROUP_INIT;

	begin();
	options.limit = 2;
	options.backlog = EG_BACKLOG_NONE;
	if (!init(&group, NULL, &options))
		return;
	go_many(&group, count_run, 40);
	CHECK(eg_group_wait(&group) == 0);
	CHECK(atomic_load(&ran) == accepted);
	end(&group);
}

void scenario_try_go(void)
{
	eg_group group = EG_GROUP_INIT;
	int result = eg_group_set_limit(&group, 2);

	begin();
	CHECK(result == 0 || result == -ENOMEM);
	for (int i = 0; i < 20; i++) {
		result = eg_group_try_go(&group, count_run, NULL);
		CHECK(result == 0 || result == -EAGAIN || result == -ENOMEM);
		accepted += result == 0;
	}
	CHECK(eg_group_wait(&group) == 0);
	CHECK(atomic_load(&ran) == accepted);
	end(&group);
}

void scenario_wait_until(void)
{
	eg_group group = EG_GROUP_INIT;
	int result = EG_EUNFINISHED;

	begin();
	go_many(&group, count_run, 50);
	while (result == EG_EUNFINISHED)
		result = eg_group_wait_until(&group, eg_clock_now_ns() + 1000000000);
	CHECK(result == 0);
	CHECK(atomic_load(&ran) == accepted);
	end(&group);
}

static void *submit_from_thread(void *arg)
{
	for (int i = 0; i < 50; i++) {
		int result = eg_group_go((eg_group *)arg, count_run, NULL);

		CHECK(result == 0 || result == -ENOMEM);
		if (result == 0)
			atomic_fetch_add(&inside_accepted, 1);
	}
	return NULL;
}

void scenario_several_submitters(void)
{
	eg_group group = EG_GROUP_INIT;
	pthread_t threads[3];

	begin();
	atomic_store(&inside_accepted, 0);
	for (int i = 0; i < 3; i++)
		if (__real_pthread_create(&threads[i], NULL, submit_from_thread, &group) != 0)
			abort();
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	CHECK(eg_group_wait(&group) == 0);
	CHECK(atomic_load(&ran) == atomic_load(&inside_accepted));
	end(&group);
}
