/* SPDX-License-Identifier: MIT */
/*
 * Every step is a compare-and-swap of the word. Two steps an item are all there are while one runner carries items on its own:
 * it goes on to the source with the place of the item before, and leaves the source.
 */
#include "batch/traffic.h"

#include "os/clock.h"
#include "runtime/crew/crew.h"

#define BUSY UINT64_C(1)   /* a runner is in the source */
#define ENDED UINT64_C(2)  /* the source is not asked any more */
#define CALLED UINT64_C(4) /* a runner was called and has not come */
#define RUNNER UINT64_C(8) /* one of those that there are, that one included */
#define RUNNERS ((UINT64_C(1) << 21) - 1)
#define READY (RUNNER << 21)
#define PLACE (READY << 16)

/*
 * A runner with nothing to do watches for so long before it ends: the next item of a source or a last stage of a few
 * microseconds is there by then. To end, and to be called again, costs two threads about a microsecond each.
 */
#ifndef EGI_TRAFFIC_WATCH
#define EGI_TRAFFIC_WATCH (3 * EGI_MICROSECOND)
#endif
#define STALLS (EGI_TRAFFIC_WATCH > 0 ? 16 : 0) /* half a microsecond or so */

static uint64_t word_runners(uint64_t word)
{
	return word / RUNNER & RUNNERS;
}

static bool word_has_ready(uint64_t word)
{
	return (word / READY & EGI_TRAFFIC_READY_MAX) != 0;
}

static bool word_has_source(uint64_t word)
{
	return (word & (BUSY | ENDED)) == 0 && word >= PLACE;
}

static bool word_has_work(uint64_t word)
{
	return word_has_source(word) || word_has_ready(word);
}

/* Calls another runner if there is work for one. */
static bool word_call(const struct egi_traffic *traffic, uint64_t *word)
{
	if ((*word & CALLED) != 0 || !word_has_work(*word) || word_runners(*word) >= traffic->runners_max)
		return false;
	*word = (*word | CALLED) + RUNNER;
	return true;
}

/* False if somebody was faster; *word is then what it is now. */
static bool traffic_step(struct egi_traffic *traffic, uint64_t *word, uint64_t next)
{
	/* [P3] full: what was done in the source, or to an item, before the word says so, and after it for who takes it. */
	return egi_cas_u64(&traffic->word, word, next);
}

/* A step after which there may be work for another runner. */
#define STEP(traffic, word, change)                                           \
	(__extension__({                                                      \
		uint64_t word = egi_load_relaxed_u64(&(traffic)->word), next; \
		bool called;                                                  \
		do {                                                          \
			next = (change);                                      \
			called = word_call((traffic), &next);                 \
		} while (!traffic_step((traffic), &word, next));              \
		called;                                                       \
	}))

void egi_traffic_init(struct egi_traffic *traffic, size_t window, uint32_t runners_max)
{
	traffic->word = window * PLACE + RUNNER + CALLED;
	traffic->runners_max = runners_max;
}

bool egi_traffic_is_over(const struct egi_traffic *traffic, size_t window)
{
	return (traffic->word & ENDED) != 0 && traffic->word / PLACE == window;
}

void egi_traffic_uncall(struct egi_traffic *traffic)
{
	uint64_t word = egi_load_relaxed_u64(&traffic->word);

	while (!traffic_step(traffic, &word, (word & ~CALLED) - RUNNER))
		;
}

bool egi_traffic_call(struct egi_traffic *traffic)
{
	uint64_t word = egi_load_relaxed_u64(&traffic->word);

	do
		if ((word & CALLED) != 0)
			return false;
	while (!traffic_step(traffic, &word, (word | CALLED) + RUNNER));
	return true;
}

void egi_traffic_come(struct egi_traffic *traffic)
{
	uint64_t word = egi_load_relaxed_u64(&traffic->word);

	while (!traffic_step(traffic, &word, word & ~CALLED))
		;
}

bool egi_traffic_leave_source(struct egi_traffic *traffic, bool ended)
{
	return STEP(traffic, word, (word & ~BUSY) | (ended ? ENDED : 0));
}

bool egi_traffic_add_ready(struct egi_traffic *traffic)
{
	return STEP(traffic, word, word + READY);
}

bool egi_traffic_free_place(struct egi_traffic *traffic)
{
	return STEP(traffic, word, word + PLACE);
}

bool egi_traffic_pull_again(struct egi_traffic *traffic)
{
	uint64_t word = egi_load_relaxed_u64(&traffic->word);
	int stalls = 0;

	do {
		/* Sources are left soon, for the most part. */
		while ((word & (BUSY | ENDED)) == BUSY && !word_has_ready(word) && stalls++ < STALLS) {
			egi_stall();
			word = egi_load_relaxed_u64(&traffic->word);
		}
		if ((word & (BUSY | ENDED)) != 0 || word_has_ready(word))
			return false;
	} while (!traffic_step(traffic, &word, word | BUSY));
	return true;
}

enum egi_traffic_work egi_traffic_take(struct egi_traffic *traffic, bool *ret_called)
{
	uint64_t word = egi_load_relaxed_u64(&traffic->word), next;
	bool is_ready;

	do {
		if (!word_has_work(word)) {
			*ret_called = false;
			return EGI_TRAFFIC_NONE;
		}
		is_ready = word_has_ready(word);
		next = is_ready ? word - READY : (word | BUSY) - PLACE;
		*ret_called = word_call(traffic, &next);
	} while (!traffic_step(traffic, &word, next));
	return is_ready ? EGI_TRAFFIC_READY : EGI_TRAFFIC_SOURCE;
}

void egi_traffic_watch(const struct egi_traffic *traffic)
{
	int64_t end;

	/* A runner that is alone has nobody to watch. */
	if (word_runners(egi_load_relaxed_u64(&traffic->word)) == 1 || !egi_crew_has_cpus())
		return;
	end = egi_clock_after(EGI_TRAFFIC_WATCH);
	do
		for (int i = 0; i < STALLS; i++) {
			if (word_has_work(egi_load_relaxed_u64(&traffic->word)))
				return;
			egi_stall();
		}
	while (eg_clock_now_ns() < end);
}

bool egi_traffic_try_end(struct egi_traffic *traffic)
{
	uint64_t word = egi_load_relaxed_u64(&traffic->word);

	do
		if (word_has_work(word))
			return false;
	while (!traffic_step(traffic, &word, word - RUNNER));
	return true;
}

bool egi_traffic_end(struct egi_traffic *traffic)
{
	return STEP(traffic, word, word - RUNNER);
}
