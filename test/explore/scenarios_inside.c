/* SPDX-License-Identifier: MIT */
/*
 * Scenarios below the public API, for protocols that the API reaches on a long way only: small enough for
 * more delays.
 */
#include "os/event.h"
#include "runtime/group/call.h"
#include "runtime/queue/claim.h"
#include "scenarios.h"

#define TASKS_MAX 8

static struct egi_queue queue;
static struct egi_claim claims[3];
static unsigned taken[TASKS_MAX];

static void put_range(size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		struct egi_task task = {1, (void *)(uintptr_t)i};

		if (!egi_queue_spill(&queue, task))
			EXPLORE_REQUIRE(egi_queue_put(&queue, task) == 0);
	}
}

/* An empty queue and claims, with tasks in the first claim and after them some in the queue. */
static void claims_open(size_t in_claim, size_t in_queue)
{
	egi_queue_init(&queue, 1);
	for (size_t i = 0; i < 3; i++)
		egi_claim_init(&claims[i]);
	put_range(0, in_claim + in_queue);
	if (in_claim > 0)
		EXPLORE_REQUIRE(egi_claim_refill(&claims[0], &queue, in_claim, 1));
}

/* Takes what the claim holds. */
static void take_all(struct egi_claim *claim)
{
	struct egi_task task;

	while (egi_claim_next(claim, &task)) {
		explore_touch(&taken, "takes", (uintptr_t)task.arg);
		EXPLORE_REQUIRE(taken[(uintptr_t)task.arg]++ == 0);
	}
}

/* What is left in claims that nobody owns any more; then every task was taken once. */
static void claims_close(size_t count)
{
	explore_end();
	for (size_t i = 0; i < 3; i++) {
		take_all(&claims[i]);
		while (egi_claim_refill(&claims[i], &queue, 1, 1))
			take_all(&claims[i]);
		egi_claim_leave(&claims[i]);
		egi_claim_finish(&claims[i]);
	}
	for (size_t i = 0; i < count; i++)
		EXPLORE_REQUIRE(taken[i] == 1);
	egi_queue_finish(&queue);
}

static void *steal(void *arg)
{
	struct egi_claim *claim = arg;

	if (egi_claim_steal(claim, &claims[0], 1))
		take_all(claim);
	return NULL;
}

/* The owner takes its tasks one by one while a thief takes what is left. */
void claim_owner_and_thief(void)
{
	pthread_t thief;

	claims_open(3, 0);
	explore_begin();
	thief = thread_start(steal, &claims[1]);
	take_all(&claims[0]);
	thread_join(thief);
	claims_close(3);
}

/* The owner claims anew while a thief comes. */
void claim_refill_and_thief(void)
{
	pthread_t thief;

	claims_open(1, 2);
	explore_begin();
	thief = thread_start(steal, &claims[1]);
	take_all(&claims[0]);
	if (egi_claim_refill(&claims[0], &queue, 2, 1))
		take_all(&claims[0]);
	thread_join(thief);
	claims_close(3);
}

/* Two thieves, one of whom is also robbed. */
void claim_two_thieves(void)
{
	pthread_t first, second;

	claims_open(3, 0);
	explore_begin();
	first = thread_start(steal, &claims[1]);
	second = thread_start(steal, &claims[2]);
	take_all(&claims[0]);
	thread_join(first);
	thread_join(second);
	claims_close(3);
}

static void *take_some(void *arg)
{
	struct egi_claim *claim = arg;

	for (int i = 0; i < 2; i++)
		if (egi_claim_refill(claim, &queue, 2, 1))
			take_all(claim);
	return NULL;
}

/* Two takers empty the ring while its producer fills it again, and spills. */
void queue_two_takers(void)
{
	pthread_t first, second;

	claims_open(0, 2);
	explore_begin();
	first = thread_start(take_some, &claims[1]);
	second = thread_start(take_some, &claims[2]);
	put_range(2, 5);
	thread_join(first);
	thread_join(second);
	claims_close(5);
}

static struct egi_event event;
static uint32_t condition;

static void *wait_for_condition(void *arg)
{
	uint32_t key;

	(void)arg;
	while (egi_load_acquire_u32(&condition) == 0) {
		egi_event_prepare(&event, &key);
		if (egi_load_acquire_u32(&condition) == 0)
			egi_event_wait(&event, key, INT64_MAX);
		egi_event_finish(&event);
	}
	return NULL;
}

/* Two sleepers, and a notifier whose change is a plain store followed by a fence. */
void event_sleepers_and_notifier(void)
{
	pthread_t first, second;

	explore_begin();
	first = thread_start(wait_for_condition, NULL);
	second = thread_start(wait_for_condition, NULL);
	egi_store_release_u32(&condition, 1);
	egi_fence_full();
	egi_event_notify(&event);
	thread_join(first);
	thread_join(second);
}

static struct eg_group_state *state;

static void *look_at_state(void *arg)
{
	(void)arg;
	/*
	 * As the crew does when it has been shown a group; whether the group is still there it finds out
	 * itself.
	 */
	(void)egi_gate_try_share(&state->gate);
	return NULL;
}

/*
 * The crew is about to contest a small group that is gone, and whose state is another group's by now, when
 * somebody else has contested that one, and seen its owner outside of a section.
 */
void state_used_again(void)
{
	pthread_t crew, other;

	call_crew();
	group_open(2, 0, EG_GROUP_NO_CANCEL);
	state = group.eg_state;
	crew = thread_start(look_at_state, NULL);
	explore_advance(crew, &state->gate.contested);
	eg_group_destroy(&group);
	group_open(2, 0, EG_GROUP_NO_CANCEL);
	EXPLORE_REQUIRE(group.eg_state == state);
	submit_range(0, 2);
	other = thread_start(wait_too, NULL);
	explore_advance(other, &state->gate.word);
	explore_begin();
	wait_for_all();
	thread_join(other);
	thread_join(crew);
	eg_group_destroy(&group);
}

static void *take_notice_away(void *arg)
{
	egi_notices_take_away(arg);
	return NULL;
}

/* A thread hides its notice and uses the place again, when somebody else is about to take the notice away. */
void notice_hidden_by_two(void)
{
	struct eg_group_state *next_state;
	eg_group next = EG_GROUP_INIT;
	struct egi_notices *page;
	pthread_t other;

	group_open(2, 0, EG_GROUP_NO_CANCEL);
	EXPLORE_REQUIRE(eg_group_init(&next, NULL, NULL) == 0);
	state = group.eg_state;
	next_state = next.eg_state;
	EXPLORE_REQUIRE(egi_notices_show(&state->request));
	explore_begin();
	other = thread_start(take_notice_away, &state->request);
	egi_notices_hide(&state->request);
	EXPLORE_REQUIRE(egi_notices_show(&next_state->request));
	thread_join(other);
	explore_end();
	page = next_state->request.shown_on;
	EXPLORE_REQUIRE(page->shown[next_state->request.shown_at] == &next_state->request);
	EXPLORE_REQUIRE(!egi_request_is_shown(&state->request));
	eg_group_destroy(&next);
	eg_group_destroy(&group);
}

static void *call_twice(void *arg)
{
	(void)arg;
	egi_state_call(state, true);
	egi_state_call(state, true);
	return NULL;
}

/*
 * A worker posts its group once more, when a thread has come for it meanwhile; then the group ends. The next one of the same
 * state begins with nothing on the board.
 */
void state_kept_off_board(void)
{
	pthread_t other;

	group_open(2, 0, EG_GROUP_NO_CANCEL);
	state = group.eg_state;
	explore_begin();
	other = thread_start(call_twice, NULL);
	thread_join(other);
	eg_group_destroy(&group);
	if (egi_thread_self.kept == state)
		EXPLORE_REQUIRE(!egi_request_is_posted(&state->request));
}

static void *share_state(void *arg)
{
	(void)arg;
	egi_gate_share(&state->gate);
	return NULL;
}

/* Somebody comes to a small group while its owner changes the limit, and the owner waits for that thread and does nothing else. */
void share_against_limit(void)
{
	pthread_t other;

	group_open(2, 0, EG_GROUP_NO_CANCEL);
	state = group.eg_state;
	explore_begin();
	other = thread_start(share_state, NULL);
	EXPLORE_REQUIRE(eg_group_set_limit(&group, 1) == 0);
	thread_join(other);
	explore_end();
	eg_group_destroy(&group);
}

/*
 * Two threads come to a small group whose owner is about to take its tasks. Both have seen that nobody had come before; the one
 * that is slower finds that the other has, which may not yet be through with having the owner know.
 */
void two_newcomers(void)
{
	pthread_t first, second;

	call_crew();
	group_open(2, 0, EG_GROUP_NO_CANCEL);
	state = group.eg_state;
	submit_range(0, 2);
	first = thread_start(share_state, NULL);
	explore_advance(first, &state->gate.contested);
	second = thread_start(wait_too, NULL);
	explore_advance(second, &state->gate.contested);
	explore_begin();
	wait_for_all();
	thread_join(second);
	thread_join(first);
	eg_group_destroy(&group);
}

static void body_awaits(struct job *job)
{
	explore_await(&job->other->flag);
}

/*
 * A thread of the crew comes, and there is no memory for its slot just then. Nobody else sees to the task for which it came:
 * the group's other worker waits for that task.
 */
void slot_refused(void)
{
	group_open_elsewhere(2, 0, EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL);
	jobs[0].body = body_awaits;
	jobs[0].other = &jobs[1];
	jobs[1].body = body_raises;
	explore_refuse_memory(sizeof(struct egi_worker));
	submit_range(0, 2);
	explore_begin();
	wait_and_destroy();
}

static void *raise_limit(void *arg)
{
	(void)arg;
	EXPLORE_REQUIRE(eg_group_set_limit(&group, 3) == 0);
	return NULL;
}

/* Two threads set the limit: whichever is last, no slot lies beyond what the group says. */
void two_limits(void)
{
	pthread_t other;

	group_open(3, 0, EG_GROUP_NO_CANCEL);
	state = group.eg_state;
	egi_gate_share(&state->gate);
	explore_begin();
	other = thread_start(raise_limit, NULL);
	EXPLORE_REQUIRE(eg_group_set_limit(&group, 2) == 0);
	thread_join(other);
	explore_end();
	EXPLORE_REQUIRE((uint64_t)eg_group_slots(&group) >= egi_gate_limit(&state->gate));
	eg_group_destroy(&group);
}
