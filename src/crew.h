/* SPDX-License-Identifier: MIT */
#ifndef EGI_CREW_H
#define EGI_CREW_H

/*
 * The crew: the process's worker threads, shared by all groups, and the board on which groups ask for them.
 *
 * A thread is started only when a post asks for one and no idle thread is left; it serves one post after the
 * other, sleeps when the board is empty, and leaves after a while. Up to the number of CPUs less one, a post gets
 * a thread at once: the submitting or waiting thread keeps a CPU busy itself. Beyond that, posts stay on the
 * board under the eyes of one idle thread, the sentinel, which looks every so often whether the posted groups
 * move and takes part in one that does not. So a million small tasks need no more threads than CPUs, tasks that
 * block get more threads as long as tasks wait behind them, and a burst of posts costs no system call while the
 * sentinel is awake.
 *
 * The sentinel looks after 50 us at first and every millisecond at the latest while anything is posted, goes on
 * for about a millisecond after the last post, and then sleeps like any other: an idle process uses no CPU.
 */

#include <sys/queue.h>

#include "base.h"

enum egi_crew_look {
	EGI_CREW_DONE,   /* nothing to do: take the post down */
	EGI_CREW_MOVING, /* tasks wait, and are being started */
	EGI_CREW_SERVE   /* tasks wait and a thread is wanted */
};

struct egi_crew_post {
	const struct egi_crew_customer *customer;
	bool on_board;
	bool is_urgent;
	TAILQ_ENTRY(egi_crew_post) link;
};

/*
 * What a group does for the crew. All but `serve` are called with the crew's lock held: they must be short and
 * may take no lock.
 */
struct egi_crew_customer {
	/* The post comes off the board; takes a place for the calling thread to serve. False: no place is free. */
	bool (*enlist)(struct egi_crew_post *post);
	/* How the group fares; `spare_cpu` says that a CPU may be idle. */
	enum egi_crew_look (*look)(struct egi_crew_post *post, bool spare_cpu);
	/* The post comes off the board unserved because nothing waits. True: it was a mistake, put it back. */
	bool (*retire)(struct egi_crew_post *post);
	/* No thread can be had for the post: whoever waits for the group should help. */
	void (*abandon)(struct egi_crew_post *post);
	/* Works for the group until there is nothing to do, and leaves the place. */
	void (*serve)(struct egi_crew_post *post);
};

/*
 * Puts a post on the board. `urgent`: a thread should come even if the CPUs are busy. Threads: any.
 */
void egi_crew_call(struct egi_crew_post *post, bool urgent);

/* Takes a post down. Afterwards the crew does not know it. Threads: any, not from a customer's function. */
void egi_crew_forget(struct egi_crew_post *post);

/* Whether no thread can be had: one was wanted, could not be started, and none has come free since. */
bool egi_crew_is_missing(void);

/* Whether there is more than one CPU, so that it can be worth while to watch another thread work. */
bool egi_crew_has_cpus(void);

/* At load: counts CPUs. At exit: ends the threads that are idle. Around fork. */
void egi_crew_start(void);
void egi_crew_stop(void);
void egi_crew_lock(void);
void egi_crew_unlock(void);
void egi_crew_start_child(void);

#endif
