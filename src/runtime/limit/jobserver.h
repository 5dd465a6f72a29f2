/* SPDX-License-Identifier: MIT */
#ifndef EGI_LIMIT_JOBSERVER_H
#define EGI_LIMIT_JOBSERVER_H

/*
 * GNU make's jobserver: a pipe with a byte, a token, for each job beyond the first of each process that make starts. Whoever
 * wants to run one more takes a byte out, and puts the same byte back when it is done. make and all that it has started take from
 * the same pipe. It knows no limit.
 *
 * Threads: its owner's lock is held around all of it but egi_jobserver_wait, which is for one thread at a time.
 */

#include "os/compiler.h"

struct egi_jobserver {
	int read_end, write_end; /* ours, and not inherited by programs that are started */
	int wake;                /* a counter of the kernel's: the waiting thread is to look */
	int most;                /* jobs that this process may run: its own and tokens */
	int held;                /* tokens */
	bool is_over;            /* no token is taken or given back any more */
	unsigned char tokens[];  /* as they were taken */
};

/*
 * Finds and opens what MAKEFLAGS names.
 * Return: 0; -ENOENT if it names none; -EBADF if that is not there, or no pipe; -ENOMEM; or what open(2) and eventfd(2) say.
 */
int egi_jobserver_open(const char *makeflags, struct egi_jobserver **ret_jobserver);

/* Closes it, with no token held; or, as a copy in a forked child, with whatever its parent holds. */
void egi_jobserver_close(struct egi_jobserver *jobserver);

/* Takes a token if there is one. Without waiting. */
bool egi_jobserver_try_take(struct egi_jobserver *jobserver);

/* Gives back a token that is held. */
void egi_jobserver_give_back(struct egi_jobserver *jobserver);

/* Gives all back, and takes no more. */
void egi_jobserver_end(struct egi_jobserver *jobserver);

/* Whether there is any use in waiting for a token. */
bool egi_jobserver_has_more(const struct egi_jobserver *jobserver);

/* Waits until there may be a token, if one is wanted, or the time has come, or the thread is woken, now or before. */
void egi_jobserver_wait(struct egi_jobserver *jobserver, bool wants_token, int64_t until_ns);
void egi_jobserver_wake(struct egi_jobserver *jobserver);

#endif
