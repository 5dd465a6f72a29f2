/* SPDX-License-Identifier: MIT */
#ifndef EXPLORE_H
#define EXPLORE_H

/*
 * What a scenario sees of the explorer.
 *
 * A scenario is a small program over the library. It runs as the main thread of a machine that has one
 * processor, a clock that stands still until somebody lets it go on, and a scheduler that decides before
 * every atomic access, lock and system call who goes on; the explorer runs it again and again under other
 * decisions. Threads are made with pthread_create and joined with pthread_join as ever, memory comes from
 * malloc; none of them is real. What the program does between two such points nothing interrupts.
 *
 * Static variables and memory are as new in every run. After `run` has returned, the library is shut down as
 * at the end of a process; then every thread must have ended and everything must have been given back.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct explore_scenario {
	const char *name;
	const char *about; /* one line: what meets what */
	void (*run)(void);
	int cpus; /* that the library believes in */
	bool
	    timers; /* sleeps may end by their deadline at any moment, not only when nothing else can go on */
	bool refuses;   /* membarrier(2) is refused from explore_begin on */
	unsigned quick; /* the delay bound of a quick test, and of a full one */
	unsigned full;
	unsigned random; /* random schedules of a full test, in thousands */
};

/* All scenarios, ended by one without a name. */
extern const struct explore_scenario explore_scenarios[];

/*
 * Before the first, nothing is decided but by the default, so that preparations cost no schedules; nor after
 * the last.
 */
void explore_begin(void);
void explore_end(void);

/* Lets the other threads go on until all of them sleep or have ended; deadlines do not pass. */
void explore_settle(void);

/* Lets one thread go on until it is about to store to an address, or sleeps or ends. Before explore_begin. */
void explore_advance(pthread_t thread, const void *until);

/* Ends the run: the schedule is shown. */
void explore_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#define EXPLORE_TEXT(line) #line
#define EXPLORE_PLACE(file, line) file ":" EXPLORE_TEXT(line) ": "
#define EXPLORE_REQUIRE(condition)                                                                   \
	do {                                                                                         \
		if (!(condition))                                                                    \
			explore_fail("%s", EXPLORE_PLACE(__FILE__, __LINE__) "not so: " #condition); \
	} while (0)

/* A point at which others may go on, in the program's own code: it looks at or changes the object. */
void explore_touch(const void *at, const char *what, uint64_t value);

/*
 * Sleeps until the flag is raised; raises it. A lock and a condition of the program's own would do the same.
 */
void explore_await(const bool *flag);
void explore_raise(bool *flag);

/* Whether one of the library's descriptors is readable; sleeps until it is. */
bool explore_is_readable(int fd);
void explore_poll(int fd);

/* Time passes: what a task would take. */
void explore_pass_time(int64_t ns);

/* The next block of that size is not to be had. */
void explore_refuse_memory(size_t size);

/* Gives an address a name in traces. */
void explore_name(const void *at, const char *name);

#endif
