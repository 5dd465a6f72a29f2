/* SPDX-License-Identifier: MIT */
#ifndef BATCH_ORDER_H
#define BATCH_ORDER_H

/*
 * The order in which jobs are passed on: that of their numbers, or the one in which they have ended.
 *
 * Jobs are let in one after the other, and so few at a time that what waits to be passed on is bounded. One thread
 * passes on at a time; others leave their jobs to it, and run something else.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "job.h"

/* Passes a job on, whose owner it becomes: once for each job that was let in, one after the other. */
typedef void order_pass_fn(struct job *job, void *arg);

struct order {
	order_pass_fn *pass;
	void *arg;
	bool keeps_order;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t room;
	struct job **waiting;    /* the job whose turn is N is at N modulo `window` */
	uint64_t window, enough; /* so many places; when so many are free, who waits for one is woken */
	uint64_t let_in, arrived, passed;
	bool is_passing;
};

/*
 * @window  how many may be between being let in and passed on
 * Return: 0 or -ENOMEM.
 */
int order_init(struct order *order, bool keeps_order, uint64_t window, order_pass_fn *pass,
	       void *arg) EG_MUST_CHECK;
void order_finish(struct order *order);

/* Waits for room. Threads: one, always the same. */
void order_let_in(struct order *order, struct job *job);

/* A job has come to its end, or is not going to begin. Threads: any. */
void order_arrive(struct order *order, struct job *job);

#endif
