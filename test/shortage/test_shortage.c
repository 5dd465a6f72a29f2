/* SPDX-License-Identifier: MIT */

/*
 * What happens when memory or threads run out, at every place where they can.
 *
 * A scenario (scenarios.h) is run with the first allocation failing, then the second, and so on until it passes
 * untouched; then again with the first and all later ones failing, and so on. After each run as many blocks are
 * allocated as before it, but for the library's own caches (threads, call sites, names), which are bounded: a run
 * that leaves more behind is repeated, and a leak grows every time.
 *
 * The same with pthread_create, each run in a forked child so that no cached thread hides the failure.
 */

#include "runtime/group/state.h"
#include "runtime/member/look.h"
#include "scenarios.h"
#include "shortage.h"

#include <sys/wait.h>
#include <unistd.h>

enum {
	DENSE = 400, /* beyond so many allocations not every one is failed */
	THREADS = 8, /* how far thread creation is failed one by one */
	/*
	 * Repeats before growth is called a leak. A thread of the crew that is the last in a group keeps its state, up to
	 * 32 of them, and on a busy machine it can be last many times in a row.
	 */
	TRIES = 200,
	SETTLE = 20000, /* yields given to threads that still give back memory */
	UNTOUCHED = 7   /* exit status of a child in which nothing failed */
};

typedef void scenario_fn(void);

/*
 * Out of memory
 */

/*
 * True once no more blocks are live than before, for which threads that are about to end get some time. A block may also be
 * what a thread keeps that is new, and then the next try has it before; so it is no more than a tenth of a second on a
 * machine where a yield takes milliseconds.
 */
static bool is_settled(long before)
{
	int64_t end = eg_clock_now_ns() + INT64_C(100000000);

	for (int i = 0; i < SETTLE && (i == 0 || eg_clock_now_ns() < end); i++) {
		if (faults_live() <= before)
			return true;
		sched_yield();
	}
	return false;
}

/* What this thread keeps for its next groups is given up, so that they have to ask for memory. */
static void drop_kept(void)
{
	egi_look_exit_thread();
	egi_state_exit_thread();
}

/* Runs a scenario with one plan and returns whether anything failed in it. */
static bool memory_round(scenario_fn *scenario, long at, bool persists)
{
	long injected = 0;

	for (int try = 0; try < TRIES; try++) {
		long before;

		drop_kept();
		before = faults_live();
		faults_arm(FAULT_MEMORY, at, persists);
		scenario();
		injected = faults_disarm();
		drop_kept();
		if (is_settled(before))
			return injected > 0;
	}
	faults_list_new();
	fprintf(stderr, "every run leaves blocks behind, with allocation %ld failing%s\n", at,
		persists ? " and all later ones" : "");
	check_failed("a leak", __FILE__, __LINE__);
	return false;
}

static void memory_fails(scenario_fn *scenario)
{
	/* Fills the library's caches. */
	for (int i = 0; i < 3; i++)
		scenario();
	for (int persists = 0; persists < 2; persists++) {
		long at = 1;

		/* How many allocations there are depends a little on the schedule: two clean runs end it. */
		for (int untouched = 0; untouched < 2; at += 1 + (at > DENSE ? at / 16 : 0))
			untouched = memory_round(scenario, at, persists) ? 0 : untouched + 1;
		CHECK(at > 3);
	}
}

/*
 * No threads
 */

struct thread_plan {
	scenario_fn *scenario;
	long at;
	bool persists;
};

static void thread_child(void *arg)
{
	const struct thread_plan *plan = arg;
	long injected;

	faults_arm(FAULT_THREAD, plan->at, plan->persists);
	plan->scenario();
	injected = faults_disarm();
	fflush(NULL);
	_exit(injected ? 0 : UNTOUCHED);
}

static bool thread_round(scenario_fn *scenario, long at, bool persists)
{
	struct thread_plan plan = {scenario, at, persists};
	static struct child child;
	bool is_untouched;

	child_run(thread_child, &plan, &child);
	is_untouched = WIFEXITED(child.status) && WEXITSTATUS(child.status) == UNTOUCHED;
	if ((!is_untouched && child.status != 0) || child.text[0]) {
		fprintf(stderr, "with thread %ld%s refused: status %#x\n%s\n", at,
			persists ? " and all later" : "", (unsigned)child.status, child.text);
		check_failed("the child failed", __FILE__, __LINE__);
		return false;
	}
	return !is_untouched;
}

static void threads_fail(scenario_fn *scenario)
{
	bool is_reached = false;

	for (int persists = 0; persists < 2; persists++)
		for (long at = 1; at <= THREADS && thread_round(scenario, at, persists); at++)
			is_reached = true;
	CHECK(is_reached);
}

/*
 * One test a scenario, or two
 */

static const struct {
	const char *name;
	scenario_fn *fn;
	bool needs_threads;
} scenarios[] = {
    {"zero_group", scenario_zero_group, true},
    {"group_with_options", scenario_group_with_options, true},
    {"no_help_group", scenario_no_help_group, true},
    {"watched_group", scenario_watched_group, true},
    {"spill", scenario_spill, true},
    {"ranges", scenario_ranges, true},
    {"collected_errors", scenario_collected_errors, false},
    {"copied_arguments", scenario_copied_arguments, false},
    {"panic", scenario_panic, false},
    {"many_defers", scenario_many_defers, false},
    {"nested_groups", scenario_nested_groups, true},
    {"shared_limit", scenario_shared_limit, true},
    {"submission_from_tasks", scenario_submission_from_tasks, true},
    {"context_tree", scenario_context_tree, false},
    {"context_kinds", scenario_context_kinds, true},
    {"deadline", scenario_deadline, true},
    {"limit_changes", scenario_limit_changes, true},
    {"errors_in_text", scenario_errors_in_text, false},
    {"passed_on", scenario_passed_on, false},
    {"frames", scenario_frames, false},
    {"resets", scenario_resets, false},
    {"loop", scenario_loop, true},
    {"halves", scenario_halves, true},
    {"large_items", scenario_large_items, false},
    {"lost_race", scenario_lost_race, false},
    {"retry", scenario_retry, true},
    {"pipeline", scenario_pipeline, true},
    {"pipeline_that_fails", scenario_pipeline_that_fails, true},
    {"skipped_tasks", scenario_skipped_tasks, true},
    {"destroy_with_tasks_pending", scenario_destroy_with_tasks_pending, true},
    {"backlog", scenario_backlog, true},
    {"no_backlog", scenario_no_backlog, true},
    {"try_go", scenario_try_go, true},
    {"wait_until", scenario_wait_until, true},
    {"poll", scenario_poll, false},
    {"command", scenario_command, false},
    {"several_submitters", scenario_several_submitters, true},
};

#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

static void test_threads(void **state)
{
	threads_fail(*(scenario_fn **)*state);
}

static void test_memory(void **state)
{
	memory_fails(*(scenario_fn **)*state);
}

int main(void)
{
	static struct CMUnitTest tests[2 * SCENARIOS];
	static scenario_fn *fns[SCENARIOS];
	static char names[2 * SCENARIOS][80];
	size_t count = 0;

	/* Threads first: a child must start without any. */
	for (int is_memory = 0; is_memory < 2; is_memory++)
		for (size_t i = 0; i < SCENARIOS; i++) {
			if (!is_memory && !scenarios[i].needs_threads)
				continue;
			fns[i] = scenarios[i].fn;
			snprintf(names[count], sizeof(names[count]), "%s_in_%s",
				 is_memory ? "memory_runs_out" : "threads_run_out", scenarios[i].name);
			tests[count] =
			    (struct CMUnitTest){names[count], is_memory ? test_memory : test_threads,
						test_begin, test_end, &fns[i]};
			count++;
		}
	return _cmocka_run_group_tests("faults", tests, count, NULL, NULL);
}
