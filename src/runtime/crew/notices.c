/* SPDX-License-Identifier: MIT */
/*
 * A notice is shown and hidden by plain stores, since the page is its thread's. What others do is rare: the destroyer of a
 * group takes the notice of another thread away, under the crew's lock. Both may come at once, and only one of them may
 * clear the spot, because the thread is free to use it again as soon as it has hidden its notice:
 *
 *   thread                              destroyer
 *                                       the notice is at spot 0
 *   hides it
 *   shows its next group at spot 0
 *                                       clears spot 0
 *
 * So `shown_on` is swapped for NULL, and whoever has done so clears the spot [N8]. One that was taken away by somebody
 * else stays taken on the page, until the thread finds the page full and sweeps it.
 */
#include "runtime/crew/notices.h"

#include <stdlib.h>
#include <string.h>

#include "os/mutex.h"
#include "os/thread.h"
#include "runtime/crew/board.h"

struct egi_pages egi_pages = {
    .list = TAILQ_HEAD_INITIALIZER(egi_pages.list),
};

uint32_t egi_crew_watching;

static bool page_is_full(const struct egi_notices *page)
{
	return page->taken == EGI_NOTICES_FULL;
}

/* Puts a page into the calling thread's ring, first. */
static void ring_insert(struct egi_notices *page)
{
	struct egi_notices *first = egi_thread_self.notices;

	page->next = first ? first : page;
	page->before = first ? first->before : page;
	page->before->next = page;
	page->next->before = page;
	egi_thread_self.notices = page;
}

static void ring_remove(struct egi_notices *page)
{
	page->before->next = page->next;
	page->next->before = page->before;
}

/* Under lock. Nobody has been shown anything here: a scan need not look at it. */
static void page_list(struct egi_notices *page)
{
	page->scan = egi_pages.scan;
	TAILQ_INSERT_TAIL(&egi_pages.list, page, link);
}

/* One more page for the calling thread. */
static EGI_COLD struct egi_notices *page_open(void)
{
	struct egi_notices *page = aligned_alloc(EGI_CACHE_PAIR, sizeof(*page));

	/* The exit hook of a registered thread frees it. */
	if (!page || !egi_thread_id()) {
		free(page);
		return NULL;
	}
	memset(page, 0, sizeof(*page));
	ring_insert(page);
	egi_mutex_lock(&egi_board.lock);
	page_list(page);
	egi_mutex_unlock(&egi_board.lock);
	return page;
}

/* What others have taken away from the page leaves room. */
static void page_sweep(struct egi_notices *page)
{
	uint64_t taken = page->taken;

	for (int at = 0; at < EGI_NOTICES_PER_PAGE; at++) {
		/* [N5] nothing is ordered: whoever took it away wrote nothing else of the page. */
		const struct egi_request *request = egi_load_acquire_ptr(&page->shown[at]);

		if (!request)
			taken &= ~(UINT64_C(1) << at);
	}
	egi_store_relaxed_u64(&page->taken, taken);
}

/* A page with room, when none seems to have any. The one that has been full for longest is swept before there is one more. */
static EGI_COLD struct egi_notices *page_find(void)
{
	struct egi_notices *first = egi_thread_self.notices;

	if (!first)
		return page_open();
	page_sweep(first);
	return page_is_full(first) ? page_open() : first;
}

/* Puts a notice on a page that has room. Returns its spot. */
static int page_put(struct egi_notices *page, struct egi_request *request)
{
	uint64_t taken = page->taken;
	int at = __builtin_ctzll(~taken);

	/* [N4] release: what the request belongs to, before the notice of it; pairs with [N3]. */
	egi_store_release_ptr(&page->shown[at], request);
	egi_store_relaxed_u64(&page->taken, taken | (taken + 1)); /* the lowest bit that is not set */
	egi_store_relaxed_u64(&page->given, page->given + 1);
	return at;
}

bool egi_notices_show(struct egi_request *request)
{
	struct egi_notices *page = egi_thread_self.notices;

	if (EGI_UNLIKELY(!page || page_is_full(page)))
		page = page_find();
	if (!page)
		return false;
	request->shown_at = page_put(page, request);
	/* [N8] nothing is ordered: the thread itself asks, or whoever comes to the group by other ways. */
	egi_store_release_ptr(&request->shown_on, page);
	/* Unless all are full, the first has room. */
	if (EGI_UNLIKELY(page_is_full(page)))
		egi_thread_self.notices = page->next;
	return true;
}

/* A page that was full has room now, and comes first. */
static EGI_COLD void page_reopen(struct egi_notices *page)
{
	if (page == egi_thread_self.notices)
		return;
	ring_remove(page);
	ring_insert(page);
}

/* The thread clears a spot on a page of its own. */
static inline void page_clear(struct egi_notices *page, int at)
{
	uint64_t taken = page->taken;

	/* [N5] nothing is ordered: who sees it looks at nothing. */
	egi_store_release_ptr(&page->shown[at], NULL);
	egi_store_relaxed_u64(&page->taken, taken & ~(UINT64_C(1) << at));
	if (EGI_UNLIKELY(taken == EGI_NOTICES_FULL))
		page_reopen(page);
}

void egi_notices_hide(struct egi_request *request)
{
	struct egi_notices *page = egi_load_relaxed_ptr(&request->shown_on);

	/* [N8] nothing is ordered: who makes it NULL clears the spot. */
	if (page && egi_cas_ptr(&request->shown_on, page, NULL))
		page_clear(page, request->shown_at);
}

void egi_notices_hide_alone(struct egi_request *request)
{
	struct egi_notices *page = egi_load_relaxed_ptr(&request->shown_on);

	if (!page)
		return;
	egi_store_release_ptr(&request->shown_on, NULL); /* [N8] nothing is ordered. */
	page_clear(page, request->shown_at);
}

void egi_notices_take_away(struct egi_request *request)
{
	struct egi_notices *page;

	if (!egi_request_is_shown(request))
		return;
	/* The thread may be ending, and its pages with it: they go under the lock. */
	egi_mutex_lock(&egi_board.lock);
	page = egi_load_relaxed_ptr(&request->shown_on);
	/* [N8] nothing is ordered: who makes it NULL clears the spot. */
	if (page && egi_cas_ptr(&request->shown_on, page, NULL))
		egi_store_release_ptr(&page->shown[request->shown_at], NULL); /* [N5] nothing is ordered. */
	egi_mutex_unlock(&egi_board.lock);
}

struct egi_notices_walk egi_notices_walk(struct egi_notices *page)
{
	/* [N6] nothing is ordered: what has to be seen is seen behind [N2]. */
	return (struct egi_notices_walk){page, egi_load_acquire_u64(&page->taken)};
}

struct egi_request *egi_notices_next(struct egi_notices_walk *walk)
{
	while (walk->left != 0) {
		int at = __builtin_ctzll(walk->left);
		/* [N3] acquire: pairs with [N4]. */
		struct egi_request *request = egi_load_acquire_ptr(&walk->page->shown[at]);

		walk->left &= walk->left - 1;
		if (request && !egi_request_is_posted(request))
			return request;
	}
	return NULL;
}

void egi_notices_rotate(struct egi_notices *page)
{
	page->scan = egi_pages.scan;
	TAILQ_REMOVE(&egi_pages.list, page, link);
	TAILQ_INSERT_TAIL(&egi_pages.list, page, link);
}

void egi_notices_close(struct egi_notices *page)
{
	for (int at = 0; at < EGI_NOTICES_PER_PAGE; at++) {
		struct egi_request *request = egi_load_relaxed_ptr(&page->shown[at]);

		if (request)
			egi_store_release_ptr(&request->shown_on, NULL); /* [N8] nothing is ordered. */
	}
	TAILQ_REMOVE(&egi_pages.list, page, link);
}

void egi_notices_free(struct egi_notices *page)
{
	ring_remove(page);
	egi_thread_self.notices = page->next != page ? page->next : NULL;
	free(page);
}

void egi_notices_start_child(void)
{
	struct egi_notices *pages = egi_thread_self.notices, *page = pages;

	TAILQ_INIT(&egi_pages.list);
	egi_pages.is_scanning = false;
	if (!page)
		return;
	do {
		for (int at = 0; at < EGI_NOTICES_PER_PAGE; at++)
			page->shown[at] = NULL;
		page->taken = 0;
		page_list(page);
		page = page->next;
	} while (page != pages);
}
