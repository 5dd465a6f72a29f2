/* SPDX-License-Identifier: MIT */
#include "runtime/crew/show.h"

#include <stdlib.h>
#include <string.h>

#include "os/thread.h"
#include "runtime/crew/board.h"
#include "runtime/crew/crew.h"

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
	egi_crew_lock();
	egi_board_add_notices(page);
	egi_crew_unlock();
	return page;
}

/* What others have taken away from the page leaves room. */
static void page_sweep(struct egi_notices *page)
{
	uint64_t taken = page->taken;

	for (int at = 0; at < EGI_NOTICES_PER_PAGE; at++) {
		/* [N5] nothing is ordered: whoever took it away wrote nothing else of the page. */
		const struct egi_post *post = egi_load_acquire_ptr(&page->shown[at]);

		if (!post)
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
	return egi_notices_is_full(first) ? page_open() : first;
}

bool egi_announce_show(struct egi_post *post)
{
	struct egi_notices *page = egi_thread_self.notices;

	if (EGI_UNLIKELY(!page || egi_notices_is_full(page)))
		page = page_find();
	if (!page)
		return false;
	post->shown_at = egi_notices_show(page, post);
	post->shown_by = egi_thread_self.id;
	/* [N8] nothing is ordered: the thread itself asks, or whoever holds the crew's lock. */
	egi_store_release_ptr(&post->shown_in, page);
	/* Unless all are full, the first has room. */
	if (EGI_UNLIKELY(egi_notices_is_full(page)))
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

static EGI_COLD void hide_foreign(struct egi_post *post)
{
	struct egi_notices *page;

	egi_crew_lock();
	/* Its thread may be ending, and have put the post on the board. */
	page = egi_load_relaxed_ptr(&post->shown_in);
	if (page)
		egi_store_release_ptr(&page->shown[post->shown_at], NULL); /* [N5] nothing is ordered. */
	egi_crew_unlock();
}

void egi_announce_hide(struct egi_post *post)
{
	struct egi_notices *page = egi_load_relaxed_ptr(&post->shown_in);

	if (!page)
		return;
	if (EGI_UNLIKELY(post->shown_by != egi_thread_self.id))
		hide_foreign(post);
	else if (EGI_UNLIKELY(egi_notices_hide(page, post->shown_at)))
		page_reopen(page);
	egi_store_release_ptr(&post->shown_in, NULL); /* [N8] nothing is ordered. */
}

void egi_announce_exit_thread(void)
{
	struct egi_notices *page;

	while ((page = egi_thread_self.notices) != NULL) {
		egi_crew_take_over(page);
		ring_remove(page);
		egi_thread_self.notices = page->next != page ? page->next : NULL;
		free(page);
	}
}
