/* SPDX-License-Identifier: MIT */
/*
 * Many runs.
 *
 * The search through all schedules within a bound goes by the number of deviations: a run notes what else
 * could have been decided at each point after its last deviation, and each of these is a schedule with one
 * more. So each schedule is run once, and the first that fails has the fewest deviations. A run that comes to
 * a state known already is cut short there: see choose.c.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"

/* A schedule that is to have successors: at most DELAYS_MAX - 1 deviations. */
struct entry {
	uint32_t count, used;
	struct decision decisions[DELAYS_MAX - 1];
};

static struct {
	struct entry *entries;
	size_t first, count, room;
} queue KEPT;

static uint64_t offers[STEPS_MAX] KEPT;

/* Of the processor: what others do on the machine does not count. */
static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void queue_push(const struct entry *entry)
{
	if (queue.count == queue.room) {
		queue.room = queue.room ? queue.room * 2 : 1024;
		queue.entries = realloc(queue.entries, queue.room * sizeof(*entry));
		if (!queue.entries)
			abort();
	}
	queue.entries[queue.count++] = *entry;
}

static void result_keep(struct search_result *result, const struct decision *decisions, uint32_t count)
{
	result->failed = true;
	result->at = result->schedules;
	result->count = count;
	result->decisions = malloc((count + 1) * sizeof(*decisions));
	if (!result->decisions)
		abort();
	if (count > 0)
		memcpy(result->decisions, decisions, count * sizeof(*decisions));
}

/* Runs a schedule of the search. Returns false when the search is over. */
static bool try_entry(const struct explore_scenario *scenario, const struct decision *decisions,
		      uint32_t count, unsigned budget, bool merges, uint64_t schedules_max,
		      struct search_result *result)
{
	choose_list(decisions, count, budget, merges, offers);
	run_scenario(scenario);
	result->schedules++;
	result->cut += machine.cut;
	if (machine.step > result->steps)
		result->steps = machine.step;
	if (machine.failed)
		result_keep(result, decisions, count);
	return !machine.failed && result->schedules < schedules_max;
}

/*
 * All that one deviation more makes of an entry that has just run: those without a delay left are run at
 * once.
 */
static bool try_successors(const struct explore_scenario *scenario, const struct entry *entry, unsigned bound,
			   bool merges, uint64_t schedules_max, struct search_result *result)
{
	uint32_t begin = entry->count ? entry->decisions[entry->count - 1].step + 1 : 0;
	uint32_t end = machine.step;

	for (uint32_t step = begin; step < end; step++) {
		for (uint64_t bits = offers[step]; bits != 0; bits &= bits - 1) {
			unsigned choice = (unsigned)__builtin_ctzll(bits);
			unsigned used = entry->used + choice_cost(choice);
			struct decision decisions[DELAYS_MAX];
			struct entry next;

			if (used > bound)
				continue;
			if (used < bound) {
				next = *entry;
				next.decisions[next.count++] = (struct decision){step, choice};
				next.used = used;
				queue_push(&next);
				continue;
			}
			memcpy(decisions, entry->decisions, entry->count * sizeof(*decisions));
			decisions[entry->count] = (struct decision){step, choice};
			if (!try_entry(scenario, decisions, entry->count + 1, 0, merges, schedules_max,
				       result))
				return false;
		}
	}
	return true;
}

void search_delays(const struct explore_scenario *scenario, unsigned bound, uint64_t schedules_max,
		   bool merges, struct search_result *ret_result)
{
	struct entry entry = {0, 0, {{0, 0}}};
	double begin = seconds_now();

	memset(ret_result, 0, sizeof(*ret_result));
	choose_forget();
	queue.first = queue.count = 0;
	queue_push(&entry);
	while (queue.first < queue.count) {
		entry = queue.entries[queue.first++];
		if (!try_entry(scenario, entry.decisions, entry.count, bound - entry.used, merges,
			       schedules_max, ret_result) ||
		    !try_successors(scenario, &entry, bound, merges, schedules_max, ret_result))
			break;
	}
	ret_result->seconds = seconds_now() - begin;
}

void search_random(const struct explore_scenario *scenario, uint64_t seed, uint64_t schedules,
		   unsigned changes, struct search_result *ret_result)
{
	double begin = seconds_now();
	uint32_t length = 200;

	memset(ret_result, 0, sizeof(*ret_result));
	ret_result->seed = seed;
	for (uint64_t i = 0; i < schedules && !ret_result->failed; i++) {
		choose_random(seed + i, changes, length);
		run_scenario(scenario);
		ret_result->schedules++;
		if (machine.step > ret_result->steps)
			ret_result->steps = machine.step;
		if (machine.step > length)
			length = machine.step;
		if (machine.failed) {
			ret_result->seed = seed + i;
			result_keep(ret_result, schedule.decisions, schedule.count);
		}
	}
	ret_result->seconds = seconds_now() - begin;
}

bool search_replay(const struct explore_scenario *scenario, const struct decision *decisions, uint32_t count)
{
	machine.tracing = true;
	choose_list(decisions, count, 0, false, offers);
	run_scenario(scenario);
	machine.tracing = false;
	return machine.failed;
}

static bool fails_with(const struct explore_scenario *scenario, const struct decision *decisions,
		       uint32_t count)
{
	choose_list(decisions, count, 0, false, offers);
	run_scenario(scenario);
	return machine.failed;
}

void search_shrink(const struct explore_scenario *scenario, struct search_result *result)
{
	struct decision *shorter = malloc((result->count + 1) * sizeof(*shorter));
	bool shrunk = true;

	if (!shorter)
		return;
	for (uint32_t size = result->count / 2 + 1; size > 0; size = shrunk ? size : size / 2) {
		shrunk = false;
		for (uint32_t at = 0; at + size <= result->count;) {
			uint32_t rest = result->count - at - size;

			memcpy(shorter, result->decisions, at * sizeof(*shorter));
			memcpy(shorter + at, result->decisions + at + size, rest * sizeof(*shorter));
			if (!fails_with(scenario, shorter, at + rest)) {
				at += size;
				continue;
			}
			result->count = at + rest;
			memcpy(result->decisions, shorter, result->count * sizeof(*shorter));
			shrunk = true;
		}
	}
	free(shorter);
}
