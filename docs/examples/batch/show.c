/* SPDX-License-Identifier: MIT */
/*
 * What is shown is what jobs write down when they begin and end. The estimate is that of the whole run: what is left takes
 * as long as what was done. Jobs that an earlier run has done take no time, and are left out of that.
 */

#include "show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/bar.h"
#include "../shared/console.h"

void show_init(struct show *show, bool is_wanted, size_t slots, uint64_t total)
{
	*show = (struct show){.slots = slots, .total = total, .start_ns = eg_clock_now_ns()};
	pthread_mutex_init(&show->lock, NULL);
	if (is_wanted)
		show->jobs = calloc(slots, sizeof(*show->jobs));
	show->is_shown = show->jobs != NULL;
}

void show_finish(struct show *show)
{
	if (show->is_shown)
		console_bar(NULL);
	pthread_mutex_destroy(&show->lock);
	free(show->jobs);
}

void show_read(struct show *show, bool is_passed_over)
{
	if (!show->is_shown)
		return;
	pthread_mutex_lock(&show->lock);
	show->known++;
	show->passed_over += is_passed_over;
	pthread_mutex_unlock(&show->lock);
}

void show_all_read(struct show *show)
{
	if (!show->is_shown)
		return;
	pthread_mutex_lock(&show->lock);
	show->total = show->known;
	pthread_mutex_unlock(&show->lock);
}

/* A column for each byte, and nothing that a terminal acts on. */
static void copy_plain(char *to, size_t size, const char *text)
{
	size_t length = 0;

	for (; *text != '\0' && length + 1 < size; text++) {
		/* Of a character of several bytes the first stands for all. */
		if (((unsigned char)*text & 0xc0) != 0x80)
			to[length++] = '?';
		if (*text >= ' ' && *text < 127)
			to[length - 1] = *text;
	}
	to[length] = '\0';
}

void show_begin(struct show *show, int slot, uint64_t number, const char *line)
{
	struct show_job *job = &show->jobs[slot];

	if (!show->is_shown)
		return;
	pthread_mutex_lock(&show->lock);
	job->began_ns = eg_clock_now_ns();
	job->number = number;
	copy_plain(job->text, sizeof(job->text), line);
	pthread_mutex_unlock(&show->lock);
}

void show_end(struct show *show, int slot, bool has_failed)
{
	if (!show->is_shown)
		return;
	pthread_mutex_lock(&show->lock);
	show->jobs[slot].began_ns = 0;
	show->done++;
	show->failed += has_failed;
	pthread_mutex_unlock(&show->lock);
}

/* The job that has run for longest, or NULL. Under the lock. */
static const struct show_job *slowest(const struct show *show)
{
	const struct show_job *found = NULL;

	for (size_t i = 0; i < show->slots; i++) {
		const struct show_job *job = &show->jobs[i];

		if (job->began_ns != 0 && (found == NULL || job->began_ns < found->began_ns))
			found = job;
	}
	return found;
}

void show_draw(const struct eg_stats *stats, void *arg)
{
	struct show *show = arg;
	int64_t now_ns = eg_clock_now_ns();
	char text[256], eta[32] = "--:--", took[32] = "", failed[32] = "", job[128] = "";
	const struct show_job *longest;
	double elapsed = (double)(now_ns - show->start_ns) / 1e9, share = -1, rate;
	uint64_t done, all;

	(void)stats;
	if (!show->is_shown)
		return;
	pthread_mutex_lock(&show->lock);
	done = show->done + show->passed_over;
	all = show->total > 0 ? show->total : show->known;
	rate = elapsed > 0 ? (double)show->done / elapsed : 0;
	if (show->total > 0)
		share = (double)done / (double)all;
	if (show->total > 0 && rate > 0)
		bar_seconds(eta, sizeof(eta), (double)(all - done) / rate);
	if (show->failed > 0)
		snprintf(failed, sizeof(failed), ", %" PRIu64 " failed", show->failed);
	longest = slowest(show);
	if (longest != NULL)
		snprintf(job, sizeof(job), "  %s #%" PRIu64 " %s",
			 bar_seconds(took, sizeof(took), (double)(now_ns - longest->began_ns) / 1e9),
			 longest->number, longest->text);
	snprintf(text, sizeof(text), "%" PRIu64 "/%" PRIu64 "%s%s  %.1f/s  ETA %s%s", done, all,
		 show->total > 0 ? "" : "+", failed, rate, eta, job);
	pthread_mutex_unlock(&show->lock);
	bar_show(text, share);
}
