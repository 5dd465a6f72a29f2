/* SPDX-License-Identifier: MIT */
#ifndef EGI_LIMIT_TUNER_H
#define EGI_LIMIT_TUNER_H

/*
 * A tuner finds out how many tasks at once get most done: told when tasks end, it says how many there should be. It knows no
 * limit, no thread and no clock.
 *
 * Threads: its owner's lock is held around all of it.
 */

#include <stdint.h>

#include "os/compiler.h"

/* What a window of measurement is for. */
enum egi_tuner_phase {
	EGI_TUNER_CLIMB,  /* at `base`, before the first step */
	EGI_TUNER_STEP,   /* a large step up from `base` */
	EGI_TUNER_BEFORE, /* at `base`, before a probe */
	EGI_TUNER_PROBE,  /* a small step off `base`, up or down */
	EGI_TUNER_AFTER,  /* at `base` again: whether it is as it was */
	EGI_TUNER_REST    /* at `base`, while nothing is to be gained */
};

struct egi_tuner {
	int least, most;
	bool (*is_pressed)(void *arg); /* whether memory or storage is short, and no growth is to be tried */
	void *arg;

	enum egi_tuner_phase phase;
	int base;     /* the best number so far */
	int tasks;    /* the number now */
	int probe;    /* the number that was probed */
	bool doubles; /* the next step does; otherwise it is by half */
	bool up;      /* where the probe goes, or went last */
	int refusals; /* probes in a row that have gained nothing */
	int resting;  /* windows of rest that are left */
	int64_t cost_before, cost_probe;

	/* the window */
	int skip; /* ends of tasks until it begins */
	int idle; /* ends of tasks in a row for which there were fewer tasks than the number */
	int64_t began_ns, ended;
};

void egi_tuner_init(struct egi_tuner *tuner, int least, int most, bool (*is_pressed)(void *arg), void *arg);

/* Goes on from so many: within the bounds. What was found of others is forgotten. */
void egi_tuner_restart(struct egi_tuner *tuner, int tasks);

/*
 * A task has ended. Returns how many are to run from now on.
 *
 * @is_full  as many ran as the number says
 */
int egi_tuner_note(struct egi_tuner *tuner, int64_t now_ns, bool is_full);

#endif
