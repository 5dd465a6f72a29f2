/* SPDX-License-Identifier: MIT */
#include "announce.h"

#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "crew.h"
#include "thread.h"

/* Gives the calling thread its notices. */
static EGI_COLD void notices_open(void)
{
	struct egi_notices *notices = aligned_alloc(EGI_CACHE_PAIR, sizeof(*notices));

	/* The exit hook of a registered thread frees them. */
	if (!notices || !egi_thread_id()) {
		free(notices);
		return;
	}
	memset(notices, 0, sizeof(*notices));
	egi_crew_lock();
	TAILQ_INSERT_TAIL(&egi_board.notices, notices, link);
	egi_crew_unlock();
	egi_thread_self.notices = notices;
}

bool egi_announce_show(struct egi_post *post)
{
	int at;

	if (EGI_UNLIKELY(!egi_thread_self.notices))
		notices_open();
	at = egi_thread_self.notices ? egi_notices_show(egi_thread_self.notices, post) : -1;
	if (at < 0)
		return false;
	post->shown_at = at;
	egi_store_release_ptr(&post->shown_in, egi_thread_self.notices);
	return true;
}

void egi_announce_hide(struct egi_post *post)
{
	struct egi_notices *notices = egi_load_relaxed_ptr(&post->shown_in);

	if (!notices)
		return;
	if (notices == egi_thread_self.notices) {
		egi_notices_hide(notices, post->shown_at);
	} else {
		egi_crew_lock();
		/* Its thread may be ending, and have put the post on the board. */
		if (post->shown_in)
			egi_store_release_ptr(&post->shown_in->shown[post->shown_at], NULL);
		egi_crew_unlock();
	}
	egi_store_release_ptr(&post->shown_in, NULL);
}

void egi_announce_exit_thread(void)
{
	struct egi_notices *notices = egi_thread_self.notices;

	if (!notices)
		return;
	egi_crew_take_over(notices);
	egi_thread_self.notices = NULL;
	free(notices);
}
