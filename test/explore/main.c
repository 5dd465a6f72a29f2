/* SPDX-License-Identifier: MIT */
/*
 * The explorer's command: see usage() and docs/contributing.md.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/time.h>
#include <unistd.h>

#include "command.h"
#include "engine.h"
#include "planted.h"

#define RANDOM_SEED 1
#define WATCH_SECONDS 5

void egi_library_begin(void);

static int usage(FILE *to)
{
	fputs("Usage: explore --list\n"
	      "       explore SCENARIO --delay N                    every schedule with at most N delays\n"
	      "       explore SCENARIO --random N [--seed S]        N random schedules\n"
	      "       explore SCENARIO --random N [--seed S] --pct D  the same by priorities that change D "
	      "times\n"
	      "       explore SCENARIO --replay POINT:CHOICE,...    one schedule, with its trace; - is the "
	      "default one\n"
	      "       explore --tap quick|full                      all scenarios, for a test\n"
	      "With --no-buffers no store is ever held back, with --no-merge no run is cut short.\n"
	      "A program with planted bugs takes --plant NAME first.\n",
	      to);
	return to == stdout ? 0 : 2;
}

/*
 * Faults in the program under exploration end its run, not the explorer.
 */

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (!machine.running)
		_exit(128 + number);
	explore_fail("%s at address %p", number == SIGTRAP ? "trap" : "memory fault", info->si_addr);
}

/*
 * Points passed when the alarm last came: if there are no more by the next, the program is in a loop without
 * any.
 */
static uint64_t watched KEPT;

static void on_watch(int number)
{
	(void)number;
	if (machine.running && watched == machine.points)
		explore_fail("livelock: a loop without any point");
	watched = machine.points;
}

void catch_faults(void)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
	stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
	struct sigaction action = {.sa_sigaction = on_fault,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

	sigaltstack(&stack, NULL);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigaction(faults[i], &action, NULL);
	signal(SIGALRM, on_watch);
	setitimer(ITIMER_REAL, &(struct itimerval){{WATCH_SECONDS, 0}, {WATCH_SECONDS, 0}}, NULL);
}

/*
 * By hand
 */

static bool decisions_parse(const char *text, struct decision **ret_decisions, uint32_t *ret_count)
{
	struct decision *decisions = calloc(STEPS_MAX, sizeof(*decisions));
	uint32_t count = 0;
	int length;

	if (!decisions)
		return false;
	while (strcmp(text, "-") != 0 && *text && count < STEPS_MAX) {
		if (sscanf(text, "%u:%u%n", &decisions[count].step, &decisions[count].choice, &length) != 2 ||
		    decisions[count].choice >= CHOICE_END) {
			free(decisions);
			return false;
		}
		text += length;
		text += *text == ',';
		count++;
	}
	*ret_decisions = decisions;
	*ret_count = count;
	return true;
}

struct command {
	uint64_t random, seed;
	unsigned delay, changes;
	bool is_random, merges;
	const char *replay;
};

static bool command_parse(char **arguments, struct command *ret_command)
{
	struct command command = {.seed = RANDOM_SEED, .merges = true};
	bool has_way = false;

	for (; *arguments; arguments++) {
		const char *value = arguments[1];

		if (strcmp(*arguments, "--no-merge") == 0) {
			command.merges = false;
			continue;
		}
		if (strcmp(*arguments, "--no-buffers") == 0) {
			machine.in_order = true;
			continue;
		}
		if (!value)
			return false;
		if (strcmp(*arguments, "--delay") == 0)
			command.delay = (unsigned)strtoul(value, NULL, 10);
		else if (strcmp(*arguments, "--random") == 0)
			command.random = strtoull(value, NULL, 10);
		else if (strcmp(*arguments, "--seed") == 0)
			command.seed = strtoull(value, NULL, 10);
		else if (strcmp(*arguments, "--pct") == 0)
			command.changes = (unsigned)strtoul(value, NULL, 10);
		else if (strcmp(*arguments, "--replay") == 0)
			command.replay = value;
		else
			return false;
		command.is_random |= strcmp(*arguments, "--random") == 0;
		has_way |= strcmp(*arguments, "--seed") != 0 && strcmp(*arguments, "--pct") != 0;
		arguments++;
	}
	if (!has_way || command.delay > DELAYS_MAX)
		return false;
	*ret_command = command;
	return true;
}

static int explore_by_hand(const struct explore_scenario *scenario, const struct command *command)
{
	struct search_result result;

	if (command->replay) {
		struct decision *decisions;
		uint32_t count;
		bool failed;

		if (!decisions_parse(command->replay, &decisions, &count))
			return usage(stderr);
		failed = search_replay(scenario, decisions, count);
		trace_print();
		printf("# %s\n", failed ? machine.failure : "nothing wrong");
		return failed;
	}
	if (command->is_random)
		search_random(scenario, command->seed, command->random, command->changes, &result);
	else
		search_delays(scenario, command->delay, UINT64_MAX, command->merges, &result);
	if (result.failed)
		report_failure(scenario, &result);
	report_result(&result);
	return result.failed;
}

static int list(void)
{
	for (const struct explore_scenario *scenario = explore_scenarios; scenario->name; scenario++)
		printf("%-24s %s\n", scenario->name, scenario->about);
	for (unsigned i = 0; i < explore_plants_count; i++)
		printf("planted: %-24s found by %s\n", explore_plants[i].name, explore_plants[i].scenario);
	return 0;
}

/*
 * The same addresses every time, so that counts and traces are. Where it is forbidden they differ, and
 * nothing else.
 */
static void fix_addresses(char **arguments)
{
	int before = personality(0xffffffff);

	if (before < 0 || (before & ADDR_NO_RANDOMIZE) != 0)
		return;
	if (personality((unsigned long)before | ADDR_NO_RANDOMIZE) < 0)
		return;
	if ((personality(0xffffffff) & ADDR_NO_RANDOMIZE) != 0)
		execv("/proc/self/exe", arguments);
}

static int run_command(char **arguments)
{
	const struct explore_scenario *scenario;
	struct command command;

	arguments++;
	if (*arguments && strcmp(*arguments, "--plant") == 0 && arguments[1]) {
		for (unsigned i = 1; i <= explore_plants_count; i++)
			if (strcmp(explore_plants[i - 1].name, arguments[1]) == 0)
				explore_planted = i;
		if (explore_planted == 0)
			return usage(stderr);
		arguments += 2;
	}
	if (!*arguments)
		return usage(stderr);
	if (strcmp(*arguments, "--help") == 0)
		return usage(stdout);
	if (strcmp(*arguments, "--list") == 0)
		return list();
	heap_init();
	threads_init();
	choose_init();
	trace_init();
	catch_faults();
	/* What the first use makes is there before every run. */
	egi_library_begin();
	image_save();
	if (strcmp(*arguments, "--tap") == 0)
		return arguments[1] ? test_all(strcmp(arguments[1], "full") == 0) : usage(stderr);
	scenario = scenario_find(*arguments);
	if (!scenario || !command_parse(arguments + 1, &command))
		return usage(stderr);
	return explore_by_hand(scenario, &command);
}

int main(int count, char **arguments)
{
	int status;

	(void)count;
	fix_addresses(arguments);
	status = run_command(arguments);
	fflush(stdout);
	/* Not through the library's destructor: its variables are as the last run left them. */
	_exit(status);
}
