/* SPDX-License-Identifier: MIT */
/*
 * A list of members for each activity, and how many are on it. Those whose pulse was taken go to the end of their
 * list, so that all get their turn, and are known there by their thread when the lock is taken again.
 */
#include "runtime/crew/roster.h"

#include <stdlib.h>

#include "os/leave.h"
#include "os/mutex.h"
#include "os/thread.h"
#include "runtime/crew/board.h"

#define SAMPLE_RUNNING 32 /* at most so many pulses are taken at once: a third of a millisecond */
#define SAMPLE_BLOCKED 2  /* those are many, and change rarely */
#define SAMPLE_MAX (SAMPLE_RUNNING + SAMPLE_BLOCKED)

#define EMPTY(activity) TAILQ_HEAD_INITIALIZER(egi_roster.members[activity])

struct egi_roster egi_roster = {
    .members = {EMPTY(EGI_MEMBER_AWAKE), EMPTY(EGI_MEMBER_IDLE), EMPTY(EGI_MEMBER_RUNNING),
		EMPTY(EGI_MEMBER_BLOCKED)},
};

static void roster_insert(struct egi_member *member, enum egi_member_activity activity)
{
	member->activity = activity;
	TAILQ_INSERT_HEAD(&egi_roster.members[activity], member, link);
	egi_roster.counts[activity]++;
}

static void roster_remove(struct egi_member *member)
{
	TAILQ_REMOVE(&egi_roster.members[member->activity], member, link);
	egi_roster.counts[member->activity]--;
}

struct egi_member *egi_roster_add(void)
{
	struct egi_member *member = calloc(1, sizeof(*member));

	if (!member)
		return NULL;
	member->number = ++egi_roster.last_number;
	member->fork_count = egi_thread_fork_count;
	roster_insert(member, EGI_MEMBER_AWAKE);
	egi_roster.coming++;
	return member;
}

void egi_roster_drop(struct egi_member *member)
{
	egi_roster.coming--;
	roster_remove(member);
	free(member);
}

/*
 * What the C library allocates for a thread, it refers to from the thread's control block by an address in its middle, and
 * memcheck calls it possibly lost. Nobody joins idle threads when the process ends, so its beginning is kept here.
 */
static const void *thread_block(void)
{
#if defined(__GLIBC__) && defined(__x86_64__)
	const char *vector;

	__asm__("mov %%fs:8, %0" : "=r"(vector));
	return vector - 2 * sizeof(void *);
#else
	return NULL;
#endif
}

void egi_roster_begin(struct egi_member *member)
{
	egi_thread_self.member = member;
	member->block = thread_block();
	egi_pulse_init(&member->pulse);
}

void egi_roster_move(struct egi_member *member, enum egi_member_activity activity)
{
	roster_remove(member);
	roster_insert(member, activity);
}

/* Copies the pulses of the first of a list, and has those come last. */
static int sample_begin(enum egi_member_activity activity, int max, struct egi_pulse *ret_pulses)
{
	struct egi_members *members = &egi_roster.members[activity];
	int count = egi_roster.counts[activity] < max ? egi_roster.counts[activity] : max;

	for (int i = 0; i < count; i++) {
		struct egi_member *member = TAILQ_FIRST(members);

		ret_pulses[i] = member->pulse;
		TAILQ_REMOVE(members, member, link);
		TAILQ_INSERT_TAIL(members, member, link);
	}
	return count;
}

/* Notes what was found of those that still are where they were; others have gone on meanwhile. */
static void sample_end(enum egi_member_activity activity, const struct egi_pulse *pulses, int count)
{
	struct egi_member *member = TAILQ_LAST(&egi_roster.members[activity], egi_members);

	while (member && count > 0) {
		struct egi_member *before = TAILQ_PREV(member, egi_members, link);
		const struct egi_pulse *pulse = &pulses[--count];

		if (member->pulse.tid != pulse->tid)
			continue;
		member->pulse = *pulse;
		if (pulse->is_blocked != (activity == EGI_MEMBER_BLOCKED))
			egi_roster_move(member, pulse->is_blocked ? EGI_MEMBER_BLOCKED : EGI_MEMBER_RUNNING);
		member = before;
	}
}

int egi_roster_sample(void)
{
	struct egi_pulse pulses[SAMPLE_MAX];
	int running = sample_begin(EGI_MEMBER_RUNNING, SAMPLE_RUNNING, pulses);
	int blocked = sample_begin(EGI_MEMBER_BLOCKED, SAMPLE_BLOCKED, pulses + running);

	egi_mutex_unlock(&egi_board.lock);
	for (int i = 0; i < running + blocked; i++)
		egi_pulse_take(&pulses[i]);
	egi_mutex_lock(&egi_board.lock);
	sample_end(EGI_MEMBER_RUNNING, pulses, running);
	sample_end(EGI_MEMBER_BLOCKED, pulses + running, blocked);
	return egi_roster.counts[EGI_MEMBER_RUNNING];
}

void egi_roster_leave(struct egi_member *member)
{
	roster_remove(member);
	free(member);
	egi_leave();
}

void egi_roster_start_child(void)
{
	for (int activity = 0; activity < EGI_MEMBER_ACTIVITIES; activity++) {
		struct egi_members *members = &egi_roster.members[activity];
		struct egi_member *member;

		while ((member = TAILQ_FIRST(members)) != NULL) {
			roster_remove(member);
			if (member != egi_thread_self.member)
				free(member);
		}
	}
	egi_roster.coming = 0;
}
