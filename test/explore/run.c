/* SPDX-License-Identifier: MIT */
/*
 * A run: the scenario as the main thread of a program that begins and ends, and what the scenario may ask
 * for.
 */
#include "engine.h"

static const struct explore_scenario *scenario_now KEPT;

int eg_threads_end_idle(void);

/* What the program does when it ends: the library's destructor is there. */
extern void (*const fini_begin[])(void) __asm__("__fini_array_start");
extern void (*const fini_end[])(void) __asm__("__fini_array_end");

static void library_end(void)
{
	for (void (*const *fini)(void) = fini_end; fini != fini_begin;)
		(*--fini)();
}

static void *scenario_main(void *arg)
{
	(void)arg;
	scenario_now->run();
	explore_end();
	/*
	 * As if the main thread had ended, with nothing to do for anybody: what threads keep for themselves
	 * is given back.
	 */
	explore_settle();
	calls_end_thread();
	EXPLORE_REQUIRE(eg_threads_end_idle() == 0);
	library_end();
	machine.is_over = true;
	return NULL;
}

void explore_begin(void)
{
	machine.deciding = true;
	trace_mark();
}

void explore_end(void)
{
	machine.deciding = false;
	memory_drain_all();
}

void explore_settle(void)
{
	while ((machine.ready & ~(UINT32_C(1) << machine.current)) != 0)
		threads_go_on();
}

void explore_advance(pthread_t thread, const void *until)
{
	machine.stop_at = until;
	threads_switch((unsigned)thread - 1);
	machine.stop_at = NULL;
}

int explore_cpus(void)
{
	return scenario_now ? scenario_now->cpus : 1;
}

void explore_pass_time(int64_t ns)
{
	threads_pass_time(ns);
}

void run_scenario(const struct explore_scenario *scenario)
{
	image_restore();
	heap_clear();
	memory_clear();
	trace_clear();
	names_clear();
	calls_clear();
	scenario_now = scenario;
	machine.deciding = machine.is_over = machine.failed = machine.cut = false;
	machine.timers = scenario->timers;
	machine.refuses = scenario->refuses;
	threads_start(scenario_main);
}
