/* SPDX-License-Identifier: MIT */
/*
 * Reports, and the explorer as a test: every scenario, or every planted bug, in TAP.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "engine.h"
#include "planted.h"

#define RANDOM_SEED 1

/*
 * Showing a failure
 */

static void decisions_print(FILE *to, const struct decision *decisions, uint32_t count)
{
	if (count == 0)
		fputc('-', to);
	for (uint32_t i = 0; i < count; i++)
		fprintf(to, "%s%u:%u", i ? "," : "", decisions[i].step, decisions[i].choice);
}

/* Makes the failing schedule short and tells it. */
void report_failure(const struct explore_scenario *scenario, struct search_result *result)
{
	printf("# schedule %llu", (unsigned long long)result->at);
	if (result->seed)
		printf(", of seed %llu", (unsigned long long)result->seed);
	printf(", fails with %u deviations\n", result->count);
	search_shrink(scenario, result);
	search_replay(scenario, result->decisions, result->count);
	trace_print();
	printf("# %s\n# replay: %s%s%s %s --replay ", machine.failure, program_invocation_name,
	       explore_planted ? " --plant " : "",
	       explore_planted ? explore_plants[explore_planted - 1].name : "", scenario->name);
	decisions_print(stdout, result->decisions, result->count);
	putchar('\n');
}

void report_result(const struct search_result *result)
{
	printf("# %llu schedules, %llu of them cut short, at most %u points, %.2f s, %.0f a second\n",
	       (unsigned long long)result->schedules, (unsigned long long)result->cut, result->steps,
	       result->seconds, result->seconds > 0 ? (double)result->schedules / result->seconds : 0);
}

/*
 * As a test
 */

#define CASES 3 /* of a scenario */

static unsigned cases KEPT;
static bool bad KEPT;

static void case_report(const struct explore_scenario *scenario, struct search_result *result,
			const char *how)
{
	printf("%s %u - %s: %s (%llu)\n", result->failed ? "not ok" : "ok", ++cases, scenario->name, how,
	       (unsigned long long)result->schedules);
	report_result(result);
	if (result->failed) {
		bad = true;
		report_failure(scenario, result);
	}
	fflush(stdout);
}

static void scenario_test(const struct explore_scenario *scenario, bool full)
{
	struct search_result result;
	unsigned bound = full ? scenario->full : scenario->quick;
	uint64_t random = full ? scenario->random * UINT64_C(1000) : 1000;
	char how[80];

	search_delays(scenario, bound, UINT64_MAX, true, &result);
	snprintf(how, sizeof(how), "every schedule with at most %u delays", bound);
	case_report(scenario, &result, how);
	search_random(scenario, RANDOM_SEED, random / 2, 0, &result);
	case_report(scenario, &result, "random schedules");
	search_random(scenario, RANDOM_SEED, random / 2, 3, &result);
	case_report(scenario, &result, "random schedules by priorities");
}

const struct explore_scenario *scenario_find(const char *name)
{
	const struct explore_scenario *scenario = explore_scenarios;

	while (scenario->name && strcmp(scenario->name, name) != 0)
		scenario++;
	return scenario->name ? scenario : NULL;
}

/* A planted bug must be found by its scenario within so many schedules. */
static void plant_test(unsigned number)
{
	const struct explore_plant *plant = &explore_plants[number - 1];
	const struct explore_scenario *scenario = scenario_find(plant->scenario);
	struct search_result result;

	explore_planted = number;
	memset(&result, 0, sizeof(result));
	if (scenario && *plant->gone == '\0')
		search_delays(scenario, plant->delay, plant->schedules, true, &result);
	printf("%s %u - %s is found by %s within %llu schedules\n", result.failed ? "ok" : "not ok", ++cases,
	       plant->name, plant->scenario, (unsigned long long)plant->schedules);
	if (result.failed)
		printf("# after %llu: %s\n", (unsigned long long)result.at, machine.failure);
	else
		printf("# %s\n", *plant->gone ? plant->gone : "not found");
	bad |= !result.failed;
	fflush(stdout);
}

/* A scenario's or a planted bug's share of the test, in a process of its own that writes to a file. */
static pid_t part_start(unsigned part, bool full, FILE *to)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child != 0)
		return child;
	if (dup2(fileno(to), STDOUT_FILENO) < 0)
		_exit(1);
	catch_faults();
	if (explore_plants_count > 0) {
		cases = part;
		plant_test(part + 1);
	} else {
		cases = CASES * part;
		scenario_test(&explore_scenarios[part], full);
	}
	fflush(stdout);
	_exit(bad);
}

static void file_show(FILE *from)
{
	char block[4096];
	size_t size;

	rewind(from);
	while ((size = fread(block, 1, sizeof(block), from)) > 0)
		fwrite(block, 1, size, stdout);
	fclose(from);
}

#define PARTS_MAX 128

/* As many at a time as there are CPUs; what they wrote is shown in order. */
int test_all(bool full)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN), busy = 0;
	FILE *outputs[PARTS_MAX];
	unsigned count = explore_plants_count;
	int status;

	while (explore_plants_count == 0 && explore_scenarios[count].name)
		count++;
	printf("1..%u\n", explore_plants_count > 0 ? count : CASES * count);
	for (unsigned part = 0; part < count; part++) {
		if (busy == cpus && wait(&status) > 0) {
			bad |= status != 0;
			busy--;
		}
		outputs[part] = tmpfile();
		if (!outputs[part] || part_start(part, full, outputs[part]) < 0)
			abort();
		busy++;
	}
	while (wait(&status) > 0)
		bad |= status != 0;
	for (unsigned part = 0; part < count; part++)
		file_show(outputs[part]);
	return bad;
}
