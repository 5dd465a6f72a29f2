/* SPDX-License-Identifier: MIT */
#ifndef MD5ALL_INTERRUPT_H
#define MD5ALL_INTERRUPT_H

/*
 * SIGINT and SIGTERM cancel a context. The second one ends the process, as if nobody had caught it.
 *
 * One thread waits for the signals, which are blocked in all others, so no code runs inside a signal handler.
 */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include <errgroup.h>

struct interrupt {
	pthread_t thread;
	eg_ctx *ctx;
	sigset_t signals;
	int signal_fd;
	int finish_fd;      /* an eventfd: the thread goes home */
	_Atomic int signal; /* the first that came, or 0 */
};

/*
 * To be called before any other thread exists, as new threads take over the blocked signals. A signal that
 * was ignored when the program started stays ignored.
 *
 * Ownership: ctx must live until interrupt_finish. Return: 0 or -errno.
 */
int interrupt_init(struct interrupt *interrupt, eg_ctx *ctx);

/* Stops watching, the signals stay blocked. Returns the signal that came, or 0. */
int interrupt_finish(struct interrupt *interrupt);

#endif
