/* SPDX-License-Identifier: MIT */
/*
 * A ring of jobs that have ended, at the places of their turns. A turn is given when a job is let in, or, without order,
 * when it arrives; no more are under way than the ring has places, so that no two meet there.
 *
 * Everybody who is let in arrives, so there is room again some time, whatever happens. Without order who waits for room is
 * woken when half of it is free, and not for every job; in order the first place may be the only one for long, since what is
 * passed on waits for the slowest.
 */

#include "order.h"

#include <errno.h>
#include <stdlib.h>

int order_init(struct order *order, bool keeps_order, uint64_t window, order_pass_fn *pass, void *arg)
{
	*order = (struct order){.pass = pass, .arg = arg, .keeps_order = keeps_order, .window = window};
	order->enough = keeps_order ? 1 : window / 2;
	order->waiting = calloc(window, sizeof(*order->waiting));
	if (order->waiting == NULL)
		return -ENOMEM;
	pthread_mutex_init(&order->lock, NULL);
	pthread_cond_init(&order->room, NULL);
	return 0;
}

void order_finish(struct order *order)
{
	pthread_cond_destroy(&order->room);
	pthread_mutex_destroy(&order->lock);
	free(order->waiting);
}

static uint64_t order_room(const struct order *order)
{
	return order->window - (order->let_in - order->passed);
}

void order_let_in(struct order *order, struct job *job)
{
	pthread_mutex_lock(&order->lock);
	if (order_room(order) == 0)
		while (order_room(order) < order->enough)
			pthread_cond_wait(&order->room, &order->lock);
	job->turn = order->let_in++;
	pthread_mutex_unlock(&order->lock);
}

void order_arrive(struct order *order, struct job *job)
{
	pthread_mutex_lock(&order->lock);
	if (!order->keeps_order)
		job->turn = order->arrived;
	order->arrived++;
	order->waiting[job->turn % order->window] = job;
	while (!order->is_passing && (job = order->waiting[order->passed % order->window]) != NULL) {
		order->is_passing = true;
		order->waiting[order->passed % order->window] = NULL;
		pthread_mutex_unlock(&order->lock);
		order->pass(job, order->arg);
		pthread_mutex_lock(&order->lock);
		order->is_passing = false;
		order->passed++;
		if (order_room(order) == order->enough)
			pthread_cond_signal(&order->room);
	}
	pthread_mutex_unlock(&order->lock);
}
