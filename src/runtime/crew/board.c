/* SPDX-License-Identifier: MIT */
#include "runtime/crew/board.h"

#include "os/clock.h"
#include "os/verify.h"

#define LOOKS_MAX \
	16 /* posts that the sentinel looks at in one round, and pages of notices that are not empty */
#define GLIMPSES_MAX 256 /* pages, empty or not */
#ifndef SCAN_AT_ONCE
#define SCAN_AT_ONCE 64 /* pages, before the lock is given up for a moment */
#endif

struct egi_board egi_board = {
    .lock = EGI_MUTEX_INIT,
    .posted = TAILQ_HEAD_INITIALIZER(egi_board.posted),
    .notices = TAILQ_HEAD_INITIALIZER(egi_board.notices),
};

uint32_t egi_crew_watching;

void egi_board_add(struct egi_post *post)
{
	TAILQ_INSERT_TAIL(&egi_board.posted, post, link);
	post->on_board = true;
	post->is_urgent = false;
	post->moved_at = eg_clock_now_ns();
	egi_board.posts++;
}

void egi_board_remove(struct egi_post *post)
{
	TAILQ_REMOVE(&egi_board.posted, post, link);
	post->on_board = false;
	egi_board.posts--;
	egi_board.urgent -= post->is_urgent;
	if (egi_board.stuck == post)
		egi_board.stuck = NULL;
}

void egi_board_make_urgent(struct egi_post *post)
{
	if (post->is_urgent)
		return;
	post->is_urgent = true;
	egi_board.urgent++;
	TAILQ_REMOVE(&egi_board.posted, post, link);
	TAILQ_INSERT_HEAD(&egi_board.posted, post, link);
}

/* To the end, so that the others get their turn. */
static void board_rotate(struct egi_post *post)
{
	TAILQ_REMOVE(&egi_board.posted, post, link);
	TAILQ_INSERT_TAIL(&egi_board.posted, post, link);
}

struct egi_post *egi_board_enlist(bool any)
{
	struct egi_post *post;

	while ((post = TAILQ_FIRST(&egi_board.posted)) != NULL && (any || post->is_urgent)) {
		egi_board_remove(post);
		if (post->customer->enlist(post))
			return post;
	}
	return NULL;
}

/* Notes a group in which nothing moves. */
static void board_note_stuck(struct egi_post *post)
{
	if (!egi_board.stuck || post->moved_at < egi_board.stuck->moved_at)
		egi_board.stuck = post;
}

struct egi_post *egi_board_look(bool spare_cpu, bool may_serve, int64_t now)
{
	int looks = egi_board.posts < LOOKS_MAX ? egi_board.posts : LOOKS_MAX;

	egi_board.stuck = NULL;
	/* Each once: what moved between the last two looks has not moved since the last. */
	for (; looks > 0; looks--) {
		struct egi_post *post = TAILQ_FIRST(&egi_board.posted);
		enum egi_post_look look = post->customer->look(post, spare_cpu);

		if (look == EGI_POST_DONE) {
			egi_board_remove(post);
			if (post->customer->retire(post))
				egi_board_add(post);
			continue;
		}
		if (look != EGI_POST_STUCK)
			post->moved_at = now;
		if (!may_serve && !post->is_urgent && look != EGI_POST_SLOW) {
			if (look == EGI_POST_STUCK)
				board_note_stuck(post);
			board_rotate(post);
			continue;
		}
		egi_board_remove(post);
		if (post->customer->enlist(post))
			return post;
	}
	return NULL;
}

struct egi_post *egi_board_enlist_stuck(void)
{
	struct egi_post *post = egi_board.stuck;

	if (!post)
		return NULL;
	egi_board_remove(post);
	return post->customer->enlist(post) ? post : NULL;
}

void egi_board_abandon_all(void)
{
	struct egi_post *post;

	TAILQ_FOREACH(post, &egi_board.posted, link)
	post->customer->abandon(post);
}

/* False if the group is busy. */
static bool board_adopt(struct egi_post *post)
{
	enum egi_post_adoption adoption = post->on_board ? EGI_POST_LEFT : post->customer->adopt(post);

	if (adoption == EGI_POST_ADOPTED)
		egi_board_add(post);
	return adoption != EGI_POST_BUSY;
}

void egi_board_add_notices(struct egi_notices *page)
{
	/* Nobody has been shown anything here: a scan need not look at it. */
	page->scan = egi_board.scan;
	TAILQ_INSERT_TAIL(&egi_board.notices, page, link);
}

/* Looked at: to the end, so that all get their turn. */
static void notices_rotate(struct egi_notices *page)
{
	page->scan = egi_board.scan;
	TAILQ_REMOVE(&egi_board.notices, page, link);
	TAILQ_INSERT_TAIL(&egi_board.notices, page, link);
}

/*
 * The first group of a page in which tasks waited at the last look already. The first is the outermost and has the most to
 * do; to share the others, too, would only slow their thread down.
 */
static struct egi_post *notices_find_old(struct egi_notices *page, bool *ret_waiting)
{
	struct egi_notices_walk walk = egi_notices_walk(page);
	struct egi_post *old = NULL, *post;

	while ((post = egi_notices_next(&walk)) != NULL) {
		enum egi_post_glance glance = post->customer->glance(post);

		if (glance == EGI_POST_NOTHING || post->on_board)
			continue;
		*ret_waiting = true;
		if (glance == EGI_POST_OLD && !old)
			old = post;
	}
	return old;
}

void egi_board_look_at_notices(bool may_serve, bool *ret_active, bool *ret_waiting)
{
	struct egi_notices *last = TAILQ_LAST(&egi_board.notices, egi_notices_list), *page = NULL;

	*ret_active = *ret_waiting = false;
	for (int looks = 0, i = 0; page != last && looks < LOOKS_MAX && i < GLIMPSES_MAX; i++) {
		struct egi_post *old;
		uint64_t given;
		bool active;

		page = TAILQ_FIRST(&egi_board.notices);
		given = egi_load_relaxed_u64(&page->given);
		active = given != page->given_seen;
		looks += egi_load_relaxed_u64(&page->taken) != 0;
		old = notices_find_old(page, ret_waiting);
		/* A thread that goes on making groups is not stuck: it will come to its other groups as well. */
		if (old && (may_serve || !active))
			board_adopt(old);
		*ret_active = *ret_active || active;
		page->given_seen = given;
		notices_rotate(page);
	}
}

static bool notices_are_waiting(struct egi_notices *page)
{
	struct egi_notices_walk walk = egi_notices_walk(page);
	struct egi_post *post;

	while ((post = egi_notices_next(&walk)) != NULL)
		if (!post->on_board && post->customer->glance(post) != EGI_POST_NOTHING)
			return true;
	return false;
}

bool egi_board_has_work(void)
{
	struct egi_notices *page;
	struct egi_post *post;

	TAILQ_FOREACH(post, &egi_board.posted, link)
	if (!post->customer->is_over(post))
		return true;
	TAILQ_FOREACH(page, &egi_board.notices, link)
	if (notices_are_waiting(page))
		return true;
	return false;
}

/*
 * Pages that have been looked at, by this scan or by the sentinel meanwhile, lie at the end of the list, so the scan is over
 * when one of them comes first.
 */
bool egi_board_is_shown_waiting(void)
{
	struct egi_notices *page;
	bool waiting = false;
	uint64_t scan = ++egi_board.scan;

	egi_board.is_scanning = true;
	for (int i = 1; !waiting && (page = TAILQ_FIRST(&egi_board.notices)) != NULL && page->scan != scan;
	     i++) {
		waiting = notices_are_waiting(page);
		notices_rotate(page);
		if (i % SCAN_AT_ONCE == 0) {
			egi_mutex_unlock(&egi_board.lock);
			egi_mutex_lock(&egi_board.lock);
		}
	}
	egi_board.is_scanning = false;
	return waiting;
}

static bool notices_adopt(struct egi_notices *page)
{
	struct egi_notices_walk walk = egi_notices_walk(page);
	struct egi_post *post;
	bool done = true;

	while ((post = egi_notices_next(&walk)) != NULL)
		if (post->customer->glance(post) != EGI_POST_NOTHING && !board_adopt(post))
			done = false;
	return done;
}

bool egi_board_adopt_all(void)
{
	struct egi_notices *page;
	bool done = true;

	TAILQ_FOREACH(page, &egi_board.notices, link)
	if (!notices_adopt(page))
		done = false;
	return done;
}

void egi_board_drop_notices(struct egi_notices *page)
{
	struct egi_notices_walk walk = egi_notices_walk(page);
	struct egi_post *post;

	EGI_VERIFY(notices_adopt(page), "internal: a group is busy though its thread is not");
	while ((post = egi_notices_next(&walk)) != NULL)
		egi_store_release_ptr(&post->shown_in, NULL); /* [N8] nothing is ordered. */
	TAILQ_REMOVE(&egi_board.notices, page, link);
}

void egi_board_start_child(struct egi_notices *pages)
{
	struct egi_notices *page = pages;

	TAILQ_INIT(&egi_board.posted);
	TAILQ_INIT(&egi_board.notices);
	egi_board.posts = egi_board.urgent = 0;
	egi_board.stuck = NULL;
	egi_board.is_scanning = false;
	if (!page)
		return;
	do {
		for (int at = 0; at < EGI_NOTICES_PER_PAGE; at++)
			page->shown[at] = NULL;
		page->taken = 0;
		egi_board_add_notices(page);
		page = page->next;
	} while (page != pages);
}
