/* SPDX-License-Identifier: MIT */
/*
 * Hill climbing on measured throughput. The number first doubles as long as that pays, from the least or what the program
 * says; so what is 32 is found from 2 in four steps. When it no longer does, half as many more are tried once.
 * Then it is probed, by an eighth up or down in turn. Each probe is measured between two measurements of
 * the number that there is: if these two differ by more than would count, something else has changed, and the probe says
 * nothing. That is all the rejection of noise that there is, and drifts of the load, which a comparison with what was
 * measured long ago would take for gains, cancel out.
 *
 *     throughput
 *        |            .---------  more tasks gain nothing: the service is full, the CPUs are
 *        |         .-'    '.
 *        |      .-'         '.    more tasks lose: they are in each other's way
 *        |   .-'
 *        +----------------------- tasks at once
 *
 * A step has to bring 40 to 50% of what it would if tasks did not hinder each other. The same share decides downwards: who gives
 * up an eighth of the tasks and loses less than 40% of an eighth is better off. So the number stays at the left end of whatever
 * is flat, and neither creeps to the right in noise nor holds more of a service than it gets out of it.
 *
 * When both directions are refused the number rests, twice as long each time that this happens again, since a probe downwards costs
 * what it loses: 12% of three windows in a cycle of nineteen at last.
 *
 * A window begins when as many tasks run as are to, and those that were under way have ended. It ends after ten ends of
 * tasks for each that runs, because tasks which take the same time end in bursts: a burst more or less at its ends is then
 * 10%. On the way up three will do, but for no less than a fifth of a second: a step that pays mostly doubles what gets
 * done, and one that is refused by mistake is made up for by probes; but one that is taken by mistake, because other
 * programs took the CPUs for a moment, is made up for by many. A window in which fewer tasks run says nothing, because it
 * is the program that has no more; it is begun anew.
 *
 * All is reckoned in whole numbers, costs in picoseconds a task: a task may have its thread trap on inexact results.
 */
#include "runtime/limit/tuner.h"

#include "os/clock.h"

#define ROUNDS 10                            /* ends for each task that runs, in a window; */
#define ROUNDS_CLIMB 3                       /* on the way up, where steps are large; */
#define ROUNDS_LEAST 3                       /* of long tasks; */
#define WINDOW_LEAST (20 * EGI_MILLISECOND)  /* and how long it is at least; */
#define WINDOW_CLIMB (200 * EGI_MILLISECOND) /* on the way up, too; */
#define WINDOW_LONG (2 * EGI_SECOND)         /* after which tasks are taken for long */

/* Shares, of 1024. */
#define ONE 1024
#define STEP_PAYS (ONE / 2)
#define PROBE_PAYS (ONE * 2 / 5)

#define REST_ENDS (ONE / 4)

#define REST_DOUBLED 4 /* times, from one window: 16 */
#define COST_MOST (INT64_C(1) << 52)

/* Begins a window, with another number of tasks or the same. */
static void tuner_begin(struct egi_tuner *tuner, enum egi_tuner_phase phase, int tasks)
{
	int before = tuner->tasks;

	tuner->phase = phase;
	tuner->tasks = tasks;
	tuner->idle = 0;
	/* Those that are under way were begun among another number. */
	tuner->skip = tasks == before ? 1 : (tasks > before ? tasks : before) + 1;
}

void egi_tuner_init(struct egi_tuner *tuner, int least, int most, bool (*is_pressed)(void *arg), void *arg)
{
	*tuner = (struct egi_tuner){.least = least,
				    .most = most,
				    .is_pressed = is_pressed,
				    .arg = arg,
				    .doubles = true,
				    .base = least,
				    .tasks = least};
	tuner_begin(tuner, EGI_TUNER_CLIMB, least);
}

void egi_tuner_restart(struct egi_tuner *tuner, int tasks)
{
	tuner->base = tasks;
	tuner->doubles = true;
	tuner->refusals = tuner->resting = 0;
	tuner_begin(tuner, EGI_TUNER_CLIMB, tasks);
}

/*
 * What a large step leads to, and a small one; `base` if there is none.
 */

static int probe_size(const struct egi_tuner *tuner)
{
	return tuner->base < 16 ? 1 : tuner->base / 8;
}

static int step_of(const struct egi_tuner *tuner)
{
	int by = tuner->doubles ? tuner->base : (tuner->base + 1) / 2, room = tuner->most - tuner->base;

	if ((!tuner->doubles && by <= probe_size(tuner)) || tuner->is_pressed(tuner->arg))
		return tuner->base;
	return tuner->base + (by < room ? by : room);
}

static int probe_of(const struct egi_tuner *tuner)
{
	int by = probe_size(tuner), to = tuner->base + (tuner->up ? by : -by);

	if (tuner->up && tuner->is_pressed(tuner->arg))
		return tuner->base;
	return to < tuner->least ? tuner->least : to > tuner->most ? tuner->most : to;
}

/* By how much more gets done, in shares of 1024. */
static int64_t gain_of(int64_t cost_before, int64_t cost)
{
	return cost_before * ONE / cost - ONE;
}

/* What so many instead of `base` would gain if tasks did not hinder each other, and the share of it that pays. */
static int64_t gain_that_pays(const struct egi_tuner *tuner, int tasks, int64_t share)
{
	return share * (tasks - tuner->base) / tuner->base;
}

/*
 * What follows when a window is over
 */

static void tuner_probe(struct egi_tuner *tuner, int64_t cost);

/* A probe has not led anywhere: the other direction, or a rest if that has not either. */
static void tuner_refuse(struct egi_tuner *tuner, int64_t cost)
{
	tuner->up = !tuner->up;
	tuner->refusals++;
	if (tuner->refusals % 2 != 0) {
		tuner_probe(tuner, cost);
		return;
	}
	tuner->resting =
	    tuner->refusals / 2 > REST_DOUBLED ? 1 << REST_DOUBLED : 1 << (tuner->refusals / 2 - 1);
	tuner->cost_before = cost;
	tuner_begin(tuner, EGI_TUNER_REST, tuner->base);
}

static void tuner_probe(struct egi_tuner *tuner, int64_t cost)
{
	tuner->probe = probe_of(tuner);
	tuner->cost_before = cost;
	if (tuner->probe == tuner->base)
		tuner_refuse(tuner, cost);
	else
		tuner_begin(tuner, EGI_TUNER_PROBE, tuner->probe);
}

/* All three windows of a probe are over. */
static void tuner_judge(struct egi_tuner *tuner, int64_t cost)
{
	int64_t pays = gain_that_pays(tuner, tuner->probe, PROBE_PAYS);
	int64_t noise = gain_of(tuner->cost_before, cost), counts = pays < 0 ? -pays : pays;

	if (noise > counts || -noise > counts) {
		tuner_probe(tuner, cost);
		return;
	}
	if (gain_of((tuner->cost_before + cost) / 2, tuner->cost_probe) <= pays) {
		tuner_refuse(tuner, cost);
		return;
	}
	tuner->refusals = 0;
	tuner->base = tuner->probe;
	tuner_begin(tuner, EGI_TUNER_BEFORE, tuner->base);
}

/* What is measured next is a step, or, if there is none, what there is again. */
static void tuner_step(struct egi_tuner *tuner)
{
	tuner->probe = step_of(tuner);
	tuner_begin(tuner, tuner->probe == tuner->base ? EGI_TUNER_BEFORE : EGI_TUNER_STEP, tuner->probe);
}

static void tuner_stepped(struct egi_tuner *tuner, int64_t cost)
{
	bool pays = gain_of(tuner->cost_before, cost) >= gain_that_pays(tuner, tuner->probe, STEP_PAYS);

	if (pays) {
		tuner->base = tuner->probe;
		tuner->cost_before = cost;
	}
	if (!tuner->doubles) {
		tuner_begin(tuner, EGI_TUNER_BEFORE, tuner->base);
		return;
	}
	tuner->doubles = pays;
	tuner_step(tuner);
}

/* The same goes on, unless the load has become another. */
static void tuner_rest(struct egi_tuner *tuner, int64_t cost)
{
	int64_t differs = gain_of(tuner->cost_before, cost);

	if (differs > REST_ENDS || -differs > REST_ENDS)
		tuner->refusals = tuner->resting = 0;
	if (tuner->resting-- > 0)
		tuner_begin(tuner, EGI_TUNER_REST, tuner->base);
	else
		tuner_probe(tuner, cost);
}

static void tuner_measured(struct egi_tuner *tuner, int64_t cost)
{
	switch (tuner->phase) {
	case EGI_TUNER_CLIMB:
		tuner->cost_before = cost;
		tuner->up = true;
		tuner_step(tuner);
		break;
	case EGI_TUNER_STEP:
		tuner_stepped(tuner, cost);
		break;
	case EGI_TUNER_BEFORE:
		tuner_probe(tuner, cost);
		break;
	case EGI_TUNER_PROBE:
		tuner->cost_probe = cost;
		tuner_begin(tuner, EGI_TUNER_AFTER, tuner->base);
		break;
	case EGI_TUNER_AFTER:
		tuner_judge(tuner, cost);
		break;
	case EGI_TUNER_REST:
		tuner_rest(tuner, cost);
		break;
	}
}

/* The window says nothing. If there are fewer tasks for long, what is being tried cannot be. */
static void tuner_idle(struct egi_tuner *tuner)
{
	int idle = tuner->idle + 1;

	if (idle > ROUNDS * tuner->tasks && tuner->tasks > tuner->base)
		tuner_begin(tuner, EGI_TUNER_BEFORE, tuner->base);
	else
		tuner_begin(tuner, tuner->phase, tuner->tasks);
	tuner->idle = idle > ROUNDS * tuner->tasks ? 0 : idle;
}

/* Whether what has been seen in a window that took so long is enough. */
static bool window_is_over(const struct egi_tuner *tuner, int64_t took)
{
	bool climbs = tuner->phase == EGI_TUNER_CLIMB || tuner->phase == EGI_TUNER_STEP;
	int rounds = climbs ? ROUNDS_CLIMB : ROUNDS;

	if (took > WINDOW_LONG)
		rounds = ROUNDS_LEAST;
	return took >= (climbs ? WINDOW_CLIMB : WINDOW_LEAST) && tuner->ended >= rounds * tuner->tasks;
}

int egi_tuner_note(struct egi_tuner *tuner, int64_t now_ns, bool is_full)
{
	int64_t took = now_ns - tuner->began_ns, cost;

	if (!is_full) {
		tuner_idle(tuner);
		return tuner->tasks;
	}
	if (tuner->skip > 0) {
		tuner->skip--;
		tuner->began_ns = now_ns;
		tuner->ended = 0;
		return tuner->tasks;
	}
	tuner->ended++;
	if (!window_is_over(tuner, took))
		return tuner->tasks;
	cost = took / tuner->ended < COST_MOST / 1000 ? took * 1000 / tuner->ended : COST_MOST;
	tuner_measured(tuner, cost > 0 ? cost : 1);
	return tuner->tasks;
}
