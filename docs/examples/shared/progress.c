/* SPDX-License-Identifier: MIT */
/*
 * The progress bar and the survey behind it.
 */

#include "progress.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bar.h"
#include "console.h"
#include "walk.h"

/* A file costs about as much as reading this many bytes, whatever its size. It evens out the estimate. */
#define PROGRESS_FILE_COST 16384.0

static int survey_task(eg_ctx *ctx, void *arg)
{
	struct progress *progress = arg;
	struct walk_file file;
	struct walk walk;
	int result;

	walk_init(&walk, progress->operands, false);
	while ((result = walk_next(&walk, &file)) != 0 && eg_ctx_err(ctx) == 0) {
		struct stat status;

		/* Errors are for the other walk to report; here they only blur the estimate. */
		if (result < 0)
			continue;
		if (stat(file.path, &status) == 0)
			atomic_fetch_add(&progress->bytes_found, (uint64_t)status.st_size);
		atomic_fetch_add(&progress->files_found, 1);
	}
	walk_finish(&walk);
	if (result == 0)
		atomic_store(&progress->is_complete, true);
	return 0;
}

/*
 * Renders a number of bytes: "17 B", "3.4 KiB", "120 MiB".
 */
static const char *bytes_format(char *text, size_t size, double bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	size_t unit = 0;

	while (bytes >= 1000 && unit < 6) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, size, bytes < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
	return text;
}

static void progress_update_rate(struct progress *progress, int64_t now_ns, uint64_t bytes)
{
	double seconds = (double)(now_ns - progress->last_ns) / 1e9;
	double weight = 1 - exp(-seconds / 3); /* what happened three seconds ago counts for a third */
	bool is_first = progress->last_ns == progress->start_ns;

	if (seconds < 0.01)
		return;
	progress->rate +=
	    (is_first ? 1 : weight) * ((double)(bytes - progress->last_bytes) / seconds - progress->rate);
	progress->last_ns = now_ns;
	progress->last_bytes = bytes;
}

/* How many tasks there were says less than the program's own counts. */
static void progress_draw(const struct eg_stats *stats, void *arg)
{
	struct progress *progress = arg;
	uint64_t files = atomic_load(progress->files_done);
	uint64_t bytes = atomic_load(progress->bytes_done);
	bool is_complete = atomic_load(&progress->is_complete);
	uint64_t files_found = atomic_load(&progress->files_found);
	uint64_t bytes_found = atomic_load(&progress->bytes_found);
	double done = (double)bytes + PROGRESS_FILE_COST * (double)files;
	double total = (double)bytes_found + PROGRESS_FILE_COST * (double)files_found;
	int64_t now_ns = eg_clock_now_ns();
	double elapsed = (double)(now_ns - progress->start_ns) / 1e9;
	char done_text[32], total_text[32], rate_text[32], eta_text[32];
	char text[256];
	double share = -1;

	(void)stats;
	progress_update_rate(progress, now_ns, bytes);
	bytes_format(done_text, sizeof(done_text), (double)bytes);
	bytes_format(total_text, sizeof(total_text), (double)bytes_found);
	bytes_format(rate_text, sizeof(rate_text), progress->rate);
	if (is_complete) {
		/* Files may have grown since the survey saw them. */
		share = total > 0 && done < total ? done / total : 1;
		bar_seconds(eta_text, sizeof(eta_text), done > 0 ? elapsed * (1 - share) / share : 0);
	} else {
		snprintf(eta_text, sizeof(eta_text), "--:--");
	}
	snprintf(text, sizeof(text), "%" PRIu64 "/%" PRIu64 "%s files  %s/%s  %s/s  ETA %s", files,
		 files_found, is_complete ? "" : "+", done_text, total_text, rate_text, eta_text);
	bar_show(text, share);
}

void progress_init(struct progress *progress, eg_ctx *ctx, char *const *operands,
		   const _Atomic uint64_t *files_done, const _Atomic uint64_t *bytes_done,
		   struct eg_group_options *options)
{
	*progress =
	    (struct progress){.operands = operands, .files_done = files_done, .bytes_done = bytes_done};
	progress->start_ns = progress->last_ns = eg_clock_now_ns();
	if (!bar_is_wanted() || eg_group_init(&progress->survey, ctx, NULL) != 0)
		return;
	progress->is_shown = eg_group_go(&progress->survey, survey_task, progress) == 0;
	if (!progress->is_shown) {
		eg_group_destroy(&progress->survey);
		return;
	}
	options->progress = progress_draw;
	options->progress_arg = progress;
	options->progress_every_ns = EG_MILLISECONDS(100);
}

static void progress_report(const struct progress *progress)
{
	uint64_t files = atomic_load(progress->files_done);
	uint64_t bytes = atomic_load(progress->bytes_done);
	double elapsed = (double)(eg_clock_now_ns() - progress->start_ns) / 1e9;
	char bytes_text[32], rate_text[32];

	bytes_format(bytes_text, sizeof(bytes_text), (double)bytes);
	bytes_format(rate_text, sizeof(rate_text), elapsed > 0 ? (double)bytes / elapsed : 0);
	console_report("%" PRIu64 " files, %s in %.1f s, %s/s", files, bytes_text, elapsed, rate_text);
}

void progress_finish(struct progress *progress, bool reports)
{
	if (!progress->is_shown)
		return;
	eg_group_destroy(&progress->survey);
	console_bar(NULL);
	if (reports)
		progress_report(progress);
}
