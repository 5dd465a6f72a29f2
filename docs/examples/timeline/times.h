/* SPDX-License-Identifier: MIT */
#ifndef TIMELINE_TIMES_H
#define TIMELINE_TIMES_H

/*
 * Times as text, and where an axis has its marks.
 */

#include <stdint.h>

#define TIMES_SIZE 32

/* How long something took, to three digits: "12.3 ms", "2 min 05 s". */
void times_duration(int64_t ns, char text[TIMES_SIZE]);

/* A step of 1, 2 or 5 and zeros, or of whole minutes and hours, of which an extent has at most so many. */
int64_t times_step(int64_t extent_ns, unsigned most);

/* A mark's label, in the unit that fits the largest one and with the digits that the step needs. */
void times_mark(int64_t ns, int64_t step_ns, int64_t largest_ns, char text[TIMES_SIZE]);

#endif
