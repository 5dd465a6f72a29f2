/* SPDX-License-Identifier: MIT */
/*
 * A worker whose claim is empty looks, in this order, for
 *
 *   1. a claim of another worker that is late, one worker a time in turn: it is older than what is in the queues
 *   2. tasks in the queues, which it goes round from where it was last
 *   3. the claims of all others, until each is done or late, and what running tasks offer (offers.h): nothing else is left
 *
 * Whoever finds something asks for another worker if there is work for one, so each that comes brings the next. What is
 * here is done once a claim, not once a task; it reads the clock once.
 */
#include "runtime/group/schedule.h"

#include "os/clock.h"
#include "os/pause.h"
#include "runtime/group/call.h"
#include "runtime/group/count.h"
#include "runtime/group/observe.h"
#include "runtime/group/offers.h"
#include "runtime/group/permit.h"

/*
 * A claim doubles while it takes less than CLAIM_SHORT. With 2 us instead of 8 a stream of tasks of 1 us kept two
 * workers 85% busy instead of 91% (stream_1us, 2 CPUs). One that has just doubled may take twice that, and must not
 * shrink at once; and one that is not to shrink must not count as late.
 */
#define CLAIM_SHORT (8 * EGI_MICROSECOND)
#define CLAIM_LONG (2 * CLAIM_SHORT + CLAIM_SHORT / 4)
#define CLAIM_LATE (2 * CLAIM_SHORT + CLAIM_SHORT / 2)

/* A claim of so many takes CLAIM_SHORT at 2 ns a task, the least that one takes. */
#define CHUNK_MAX (CLAIM_SHORT / 2)
#define CHUNK_SKIPPED (16 * CHUNK_MAX) /* of tasks that are not started */

/*
 * A claim of one such task is late. They are worth a thread beyond the CPUs when the limit allows one: they may well
 * block.
 */
#define TASK_LONG CLAIM_LATE

/*
 * What a piece of a loop is to take if its size is not given, and how much larger the next may be than the last: what
 * the first indices take, with cold caches, says little.
 */
#define PIECE_TIME (50 * EGI_MICROSECOND)
#define PIECE_GROWTH 4

/*
 * When few tiny tasks are left a worker leaves them for so long: see worker_linger. With 5, 10 and 20 us a million empty
 * tasks took 9, 8 and 8 ns each, with 40 us 5 to 7 (batch_empty at limit 2, 2 CPUs).
 */
#define LINGER (40 * EGI_MICROSECOND)
#define TINY_CLAIM 64 /* tasks of which a claim has so many took a quarter of a microsecond at most */
#define FEW (4 * TINY_CLAIM)

/* What was claimed last is one piece, and nobody can take over a part of it. */
static bool worker_is_timed(const struct egi_worker *worker)
{
	return egi_claim_is_loop(&worker->claim) && worker->claim.body.kind == EGI_LOOP_TIMED;
}

/*
 * How many units to claim of a loop, if it is like the last: what the last claim suggests, at most a fair share. Of
 * pieces that are sized by time half a fair share: nobody can take over what is left of one.
 */
static uint64_t worker_share(const struct egi_worker *worker, uint64_t pending)
{
	const struct egi_body *body = &worker->claim.body;
	uint64_t running = worker->biased ? 1 : egi_gate_word_running(egi_gate_look(&worker->state->gate));
	uint64_t share = pending / body->grain / (body->kind == EGI_LOOP_TIMED ? 2 * running : running);

	if (share == 0)
		share = 1;
	return share < worker->chunk ? share : worker->chunk;
}

/* How many tasks to claim from a queue: what the last claim suggests, at most a fair share. */
static uint64_t worker_appetite(const struct egi_worker *worker, const struct egi_queue *queue)
{
	struct eg_group_state *state = worker->state;
	uint64_t share;

	if (EGI_UNLIKELY(egi_find_is_asked(worker, EGI_ATTENTION_SKIP)))
		return CHUNK_SKIPPED;
	if (worker->chunk == 1)
		return 1;
	if (EGI_UNLIKELY(egi_claim_is_loop(&worker->claim)))
		return worker_share(worker, egi_queue_looping(queue));
	if (state->backlog != 0)
		return 1;
	share = egi_queue_pending(queue) / egi_gate_word_running(egi_gate_look(&state->gate));
	if (share == 0)
		share = 1;
	return share < worker->chunk ? share : worker->chunk;
}

/* The same for a piece that was sized by time. */
static void worker_learn_piece(struct egi_worker *worker, int64_t took)
{
	uint64_t most = worker->claimed * PIECE_GROWTH;

	if (most > EGI_LOOP_TAKE_MAX)
		most = EGI_LOOP_TAKE_MAX;
	worker->chunk = most;
	if (took > PIECE_TIME / PIECE_GROWTH)
		worker->chunk = worker->claimed * (uint64_t)PIECE_TIME / (uint64_t)took;
	if (worker->chunk == 0)
		worker->chunk = 1;
	worker->tasks_are_long = took / (int64_t)worker->claimed > TASK_LONG;
}

/* Learns from the claim that just ended. */
static void worker_learn(struct egi_worker *worker, int64_t now)
{
	int64_t took = now - worker->claimed_ns;

	if (worker->claimed_ns == 0)
		return;
	if (EGI_UNLIKELY(worker_is_timed(worker))) {
		worker_learn_piece(worker, took);
		return;
	}
	worker->tasks_are_long = took / (int64_t)worker->claimed > TASK_LONG;
	if (took < CLAIM_SHORT && worker->claimed >= worker->chunk && worker->chunk < CHUNK_MAX) {
		worker->chunk *= 2;
	} else if (took > CLAIM_LONG) {
		uint64_t fitting = worker->claimed * (uint64_t)CLAIM_LONG / (uint64_t)took;

		worker->chunk = fitting > 0 ? fitting : 1;
	}
}

/* Notes what a claim has come to, from which the next one's size is learned. */
static void worker_note_claim(struct egi_worker *worker)
{
	worker->claimed = egi_claim_count(&worker->claim);
	if (worker->claimed == 0)
		worker->claimed = 1; /* stolen meanwhile */
	if (EGI_UNLIKELY(worker->claim.is_new)) {
		worker->claim.is_new = false;
		worker->chunk = 1;
	}
}

/*
 * Takes over another worker's claim if it has been held for so long that it is stuck behind a task. One that is not is
 * left alone: claims are so small that their holder is done with them sooner than a thief. `*ret_due`: when the claim is
 * going to be late, if it holds tasks and is not yet; the time now if its holder was busy with it.
 */
static bool worker_steal(struct egi_worker *worker, struct egi_worker *victim, int64_t now, int64_t *ret_due)
{
	int64_t due;

	if (victim == worker || !egi_claim_has_tasks(&victim->claim))
		return false;
	due = (int64_t)egi_load_relaxed_u64(&victim->claim.claimed_at_ns) + CLAIM_LATE;
	if (now >= due && egi_claim_steal(&worker->claim, &victim->claim, (uint64_t)now)) {
		if (EGI_UNLIKELY(egi_find_is_asked(worker, EGI_ATTENTION_OBSERVE)))
			egi_observe_steal(worker, victim);
		return true;
	}
	if (due < *ret_due)
		*ret_due = due > now ? due : now;
	return false;
}

/* Looks at one other worker per call: what is late is older than what is in the queues. */
static bool worker_steal_late(struct egi_worker *worker, int64_t now)
{
	struct egi_slots *block = &worker->state->slots;
	/* [T4] acquire: pairs with [T3]. */
	uint32_t made = egi_load_acquire_u32(&block->made);
	struct egi_worker *victim;
	int64_t due = EGI_FOREVER;

	if (made <= 1)
		return false;
	/* [T4], too. The first block only: with more workers than that, order is not what anybody notices. */
	victim = egi_load_acquire_ptr(&block->workers[worker->suspect++ % made]);
	return victim && worker_steal(worker, victim, now, &due);
}

static bool worker_claim(struct egi_worker *worker, int64_t now)
{
	/* [J5] acquire: pairs with [Q2]. */
	struct egi_queue *first = egi_load_acquire_ptr(&worker->state->queues);
	struct egi_queue *start = worker->cursor ? worker->cursor : first;
	struct egi_queue *queue = start;

	do {
		struct egi_queue *next = queue->next ? queue->next : first;

		if (egi_claim_refill(&worker->claim, queue, worker_appetite(worker, queue), (uint64_t)now)) {
			worker->cursor = next;
			return true;
		}
		queue = next;
	} while (queue != start);
	return false;
}

/* Waits until a claim is done, or late. */
static void worker_watch(const struct egi_worker *holder, int64_t due)
{
	do
		for (int i = 0; i < 32; i++)
			egi_stall();
	while (egi_claim_has_tasks(&holder->claim) && eg_clock_now_ns() < due);
}

/*
 * Takes a part of a task that another worker is running. It comes by no look at what is asked of workers, so that is looked at
 * here: with more workers than the limit allows none is taken, nor without a permit.
 */
static bool worker_steal_offer(struct egi_worker *worker, struct egi_worker *victim)
{
	if (egi_find_is_asked(worker, EGI_ATTENTION_SHRINK) ||
	    (egi_find_is_asked(worker, EGI_ATTENTION_PERMIT) && !egi_permit_try(worker)) ||
	    !egi_offers_steal(egi_worker_offers(victim), &victim->recovery, worker, NULL, &worker->taken))
		return false;
	worker->stolen = &worker->taken;
	return true;
}

/* Which of the others offers something, from the one on that was asked last. NULL: none. */
static struct egi_worker *worker_find_offer(struct egi_worker *worker, bool *ret_is_forking)
{
	struct egi_slots_walk walk = {&worker->state->slots, 0};
	struct egi_worker *victim;

	while ((victim = egi_slots_next(&walk)) != NULL) {
		struct egi_offers *offers = egi_worker_offers(victim);

		if (victim == worker || !egi_offers_are_made(offers))
			continue;
		*ret_is_forking = true;
		if (egi_offers_has(offers))
			return victim;
	}
	return NULL;
}

/*
 * The same, for as long as tasks make offers, and a while longer: most are taken back before anybody has come. One that is gone
 * at the second look was not worth a theft.
 */
static bool worker_await_offer(struct egi_worker *worker, int64_t now)
{
	int64_t end = now + LINGER;
	struct egi_worker *seen = NULL;
	bool is_forking = false, may_look_again = egi_crew_has_cpus();

	do {
		struct egi_worker *victim = worker_find_offer(worker, &is_forking);

		if (victim && (victim == seen || !may_look_again) && worker_steal_offer(worker, victim))
			return true;
		if (!is_forking || !may_look_again)
			return false;
		seen = victim;
		for (int i = 0; i < 32; i++)
			egi_stall();
		now = eg_clock_now_ns();
	} while (now < end);
	return false;
}

/*
 * The queues are empty. Waits for the claims of others that are not late yet to become so, or to be done. Looks at all of
 * them rarely, and at one of them, which is late first, every microsecond, since their holders write there for every task.
 * False if nothing is left to start.
 */
static bool worker_steal_any(struct egi_worker *worker, int64_t now)
{
	struct eg_group_state *state = worker->state;

	unsigned turns = 0;

	for (;;) {
		struct egi_slots_walk walk = {&state->slots, 0};
		struct egi_worker *victim, *first = NULL;
		int64_t due = EGI_FOREVER, first_due = EGI_FOREVER;

		while ((victim = egi_slots_next(&walk)) != NULL) {
			if (worker_steal(worker, victim, now, &due))
				return true;
			if (due < first_due) {
				first_due = due;
				first = victim;
			}
		}
		if (!first)
			return worker_await_offer(worker, now);
		/* It is late, and its holder in the middle of something. */
		if (first_due <= now)
			egi_pause(&turns);
		else
			worker_watch(first, first_due);
		now = eg_clock_now_ns();
		if (worker_claim(worker, now))
			return true;
	}
}

/*
 * Whether there is more than the task about to start, so that another thread could be of use. If it is all that has been
 * claimed, it still lies in the claim.
 */
static bool worker_sees_more(struct egi_worker *worker)
{
	return (worker->claimed > 1 && !worker_is_timed(worker)) ||
	       egi_state_has_tasks_beside(worker->state, worker);
}

/*
 * The tasks are tiny and few are left: a submitter is at work, and slower than this worker. To go on would take the
 * lines that it writes from it task by task; a moment later there is a batch to take. Not while somebody waits, who
 * may be waiting for this worker to say that all is done, not when this thread is a submitter itself, and not after a loop,
 * which was submitted as a whole. Returns the time at the end.
 */
static int64_t worker_linger(const struct egi_worker *worker, int64_t now)
{
	struct eg_group_state *state = worker->state;
	int64_t end = now + LINGER;

	if (worker->chunk < TINY_CLAIM || egi_claim_is_loop(&worker->claim) ||
	    egi_gate_has_waiters(&state->gate) ||
	    egi_thread_self.queue_life == egi_load_relaxed_u64(&state->gate.life) || !egi_crew_has_cpus() ||
	    egi_state_pending(state) >= FEW)
		return now;
	while (now < end) {
		for (int i = 0; i < 32; i++)
			egi_stall();
		now = eg_clock_now_ns();
	}
	return now;
}

/*
 * The same for a thread that has taken the post down, and whose task may need the one that somebody relied on it for
 * (../crew/README.md). It is asked once, of the first task, since until the group is posted again submitters call.
 *
 *     submitter                              worker
 *     puts a task (still in its buffer)
 *     POSTED: somebody will come
 *                                            takes POSTED away, claims the task before it
 *                                            sees no more tasks: calls nobody
 *                                            runs the task, which waits for the other
 */
static EGI_COLD bool worker_sees_more_behind_fence(struct egi_worker *worker)
{
	egi_fence_heavy(); /* [G2] the gate before the look for tasks; pairs with [G1] */
	return worker_sees_more(worker);
}

/* Whether another thread is to be asked for, of whom the first look at what has been claimed decides for the crew's threads. */
static bool worker_wants_another(struct egi_worker *worker, bool is_first)
{
	return worker_sees_more(worker) ||
	       (is_first && egi_thread_self.is_crew && worker_sees_more_behind_fence(worker));
}

/* The same for the owner of a biased group, in a section, when there are loops: of these it leaves something to others. */
static EGI_COLD bool worker_claim_alone(struct egi_worker *worker)
{
	struct egi_queue *queue = &worker->state->first_queue;
	int64_t now = eg_clock_now_ns();

	/* Nothing is known of what was not claimed by time. */
	if (egi_claim_is_loop(&worker->claim))
		worker_learn(worker, now);
	else
		egi_find_begin(worker);
	worker->claimed_ns = now;
	if (!egi_claim_refill_looping(&worker->claim, queue, worker_appetite(worker, queue), (uint64_t)now))
		return false;
	worker_note_claim(worker);
	return true;
}

EGI_COLD bool egi_find_first_looping(struct egi_worker *worker)
{
	egi_find_begin(worker);
	return worker_claim_alone(worker);
}

/*
 * The owner of a biased group claims all there is, since nobody is there to share it with; whoever comes later takes
 * from the claim, which counts as late. False if there is nothing, and so everything is done; or if the group turns
 * out to be shared.
 */
bool egi_find_more_biased(struct egi_worker *worker)
{
	struct eg_group_state *state = worker->state;
	bool found;

	if (!egi_queue_has_tasks(&state->first_queue))
		return false;
	if (EGI_UNLIKELY(!egi_gate_begin_alone(&state->gate))) {
		egi_gate_share(&state->gate);
		worker->biased = false;
		return false;
	}
	if (EGI_UNLIKELY(egi_queue_has_loops(&state->first_queue)))
		found = worker_claim_alone(worker);
	else
		found = egi_claim_refill_alone(&worker->claim, &state->first_queue);
	egi_gate_end_alone(&state->gate);
	return found;
}

/* A thread could not be had. The task about to start may need it; when the shortage is long, that is asked now and then. */
static EGI_COLD void worker_await_thread(struct egi_worker *worker, int64_t now)
{
	if (egi_hire_shortage_now() == EGI_SHORTAGE_LONG && !egi_hire_is_due(now))
		return;
	if (egi_gate_has_room(&worker->state->gate) && worker_sees_more(worker))
		egi_crew_await_thread();
}

/* Claims more. On success asks for another worker if there is work for one: each that comes brings the next. */
bool egi_find_more(struct egi_worker *worker)
{
	struct eg_group_state *state = worker->state;
	int64_t now = eg_clock_now_ns();
	bool is_first = worker->claimed_ns == 0, urgent;

	if (EGI_UNLIKELY(worker->stolen != NULL))
		return true;
	worker_learn(worker, now);
	now = worker_linger(worker, now);
	worker->claimed_ns = now;
	if (!worker_steal_late(worker, now) && !worker_claim(worker, now) && !worker_steal_any(worker, now))
		return false;
	if (EGI_UNLIKELY(worker->stolen != NULL))
		egi_find_begin(worker);
	worker_note_claim(worker);
	if (state->backlog != 0) {
		egi_fence_full(); /* [E2]: the claim before the look at sleepers */
		egi_event_notify(&state->room);
	}
	egi_fence_light(); /* [G1] the claim before the look at the gate; pairs with [G2] */
	urgent = worker->tasks_are_long && egi_gate_limit(&state->gate) != EGI_GATE_MAX;
	if (egi_gate_may_post(&state->gate, urgent) && !egi_permit_is_awaited(state) &&
	    worker_wants_another(worker, is_first))
		egi_state_call(state, urgent);
	if (EGI_UNLIKELY(egi_hire_shortage_now() != EGI_SHORTAGE_NONE))
		worker_await_thread(worker, now);
	return true;
}
