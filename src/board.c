/* SPDX-License-Identifier: MIT */
#include "board.h"

#include "verify.h"

#define LOOKS_MAX 16 /* posts that the sentinel looks at in one round, and threads' notices */

struct egi_board egi_board = {
    .posted = TAILQ_HEAD_INITIALIZER(egi_board.posted),
    .notices = TAILQ_HEAD_INITIALIZER(egi_board.notices),
};

void egi_board_add(struct egi_post *post)
{
	TAILQ_INSERT_TAIL(&egi_board.posted, post, link);
	post->on_board = true;
	post->is_urgent = false;
	egi_board.posts++;
}

void egi_board_remove(struct egi_post *post)
{
	TAILQ_REMOVE(&egi_board.posted, post, link);
	post->on_board = false;
	egi_board.posts--;
	egi_board.urgent -= post->is_urgent;
}

void egi_board_make_urgent(struct egi_post *post)
{
	egi_board.urgent += !post->is_urgent;
	post->is_urgent = true;
}

/* To the end, so that the others get their turn. */
static void board_rotate(struct egi_post *post)
{
	TAILQ_REMOVE(&egi_board.posted, post, link);
	TAILQ_INSERT_TAIL(&egi_board.posted, post, link);
}

struct egi_post *egi_board_enlist(void)
{
	struct egi_post *post;

	while ((post = TAILQ_FIRST(&egi_board.posted)) != NULL) {
		egi_board_remove(post);
		if (post->customer->enlist(post))
			return post;
	}
	return NULL;
}

struct egi_post *egi_board_look(bool spare_cpu, bool may_serve, bool may_grow)
{
	for (int i = 0; i < LOOKS_MAX; i++) {
		struct egi_post *post = TAILQ_FIRST(&egi_board.posted);
		enum egi_post_look look;

		if (!post)
			break;
		look = post->customer->look(post, spare_cpu);
		if (look != EGI_POST_DONE && !may_serve && (look == EGI_POST_MOVING || !may_grow)) {
			board_rotate(post);
			continue;
		}
		egi_board_remove(post);
		if (look != EGI_POST_DONE && post->customer->enlist(post))
			return post;
		if (look == EGI_POST_DONE && post->customer->retire(post))
			egi_board_add(post);
	}
	return NULL;
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

/*
 * The first group of a thread in which tasks waited at the last look already. The first is the outermost and has the most to
 * do; to share the others, too, would only slow their thread down.
 */
static struct egi_post *notices_find_old(struct egi_notices *notices, bool *ret_waiting)
{
	struct egi_post *old = NULL;

	for (int i = 0; i < EGI_NOTICES_MAX; i++) {
		/* [N3] acquire: pairs with [N4]. */
		struct egi_post *post = egi_load_acquire_ptr(&notices->shown[i]);
		enum egi_post_glance glance = post ? post->customer->glance(post) : EGI_POST_NOTHING;

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
	struct egi_notices *notices = TAILQ_FIRST(&egi_board.notices);
	struct egi_notices *last = TAILQ_LAST(&egi_board.notices, egi_notices_list);

	*ret_active = *ret_waiting = false;
	for (int i = 0; notices && i < LOOKS_MAX; i++) {
		struct egi_notices *next = TAILQ_NEXT(notices, link);
		uint64_t given = egi_load_relaxed_u64(&notices->given);
		struct egi_post *old = notices_find_old(notices, ret_waiting);
		bool active = given != notices->given_seen;

		/* A thread that goes on making groups is not stuck: it will come to its other groups as well. */
		if (old && (may_serve || !active))
			board_adopt(old);
		*ret_active = *ret_active || active;
		notices->given_seen = given;
		/* To the end, so that all get their turn. */
		TAILQ_REMOVE(&egi_board.notices, notices, link);
		TAILQ_INSERT_TAIL(&egi_board.notices, notices, link);
		if (notices == last)
			break;
		notices = next;
	}
}

bool egi_board_is_shown_waiting(void)
{
	struct egi_notices *notices;

	TAILQ_FOREACH(notices, &egi_board.notices, link)
	for (int i = 0; i < EGI_NOTICES_MAX; i++) {
		struct egi_post *post = egi_load_acquire_ptr(&notices->shown[i]);

		if (post && !post->on_board && post->customer->glance(post) != EGI_POST_NOTHING)
			return true;
	}
	return false;
}

static bool notices_adopt(struct egi_notices *notices)
{
	bool done = true;

	for (int i = 0; i < EGI_NOTICES_MAX; i++) {
		struct egi_post *post = egi_load_acquire_ptr(&notices->shown[i]);

		if (post && post->customer->glance(post) != EGI_POST_NOTHING && !board_adopt(post))
			done = false;
	}
	return done;
}

bool egi_board_adopt_all(void)
{
	struct egi_notices *notices;
	bool done = true;

	TAILQ_FOREACH(notices, &egi_board.notices, link)
	if (!notices_adopt(notices))
		done = false;
	return done;
}

void egi_board_drop_notices(struct egi_notices *notices)
{
	EGI_VERIFY(notices_adopt(notices), "internal: a group is busy though its thread is not");
	for (int i = 0; i < EGI_NOTICES_MAX; i++) {
		struct egi_post *post = egi_load_relaxed_ptr(&notices->shown[i]);

		if (post)
			egi_store_release_ptr(&post->shown_in, NULL);
	}
	TAILQ_REMOVE(&egi_board.notices, notices, link);
}

void egi_board_start_child(struct egi_notices *notices)
{
	TAILQ_INIT(&egi_board.posted);
	TAILQ_INIT(&egi_board.notices);
	egi_board.posts = egi_board.urgent = 0;
	if (!notices)
		return;
	for (int i = 0; i < EGI_NOTICES_MAX; i++)
		notices->shown[i] = NULL;
	notices->top = 0;
	TAILQ_INSERT_TAIL(&egi_board.notices, notices, link);
}
