/* SPDX-License-Identifier: MIT */
#ifndef BATCH_SHOW_H
#define BATCH_SHOW_H

/*
 * The bar: how many jobs are done, how fast that goes, how long it will take, and which of those that run has run for longest.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <errgroup.h>

struct show {
	bool is_shown;
	int64_t start_ns;

	pthread_mutex_t lock; /* of what follows */
	struct show_job {
		int64_t began_ns; /* 0: there is none */
		uint64_t number;
		char text[80]; /* the begin of its command */
	} * jobs;              /* that of each slot */
	size_t slots;
	uint64_t known, total; /* so many have been read; so many there are, or 0: that is not known */
	uint64_t done, failed, passed_over;
};

/* Draws the bar: the group's option of that name, with the show as its argument. */
void show_draw(const struct eg_stats *stats, void *show);

/* @total  how many jobs there are, or 0. Without memory nothing is shown. */
void show_init(struct show *show, bool is_wanted, size_t slots, uint64_t total);
void show_finish(struct show *show);

/* Where nothing is shown these do nothing. Threads: any. */
void show_read(struct show *show, bool is_passed_over); /* one more job is known */
void show_all_read(struct show *show);
void show_begin(struct show *show, int slot, uint64_t number, const char *line);
void show_end(struct show *show, int slot, bool has_failed);

#endif
