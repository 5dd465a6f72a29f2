/* SPDX-License-Identifier: MIT */
#include "worker.h"

#include <errno.h>

#include "box.h"
#include "clock.h"
#include "site.h"
#include "verify.h"

/* A claim grows while it takes less than the first, shrinks when it takes more than the second. */
#define CLAIM_SHORT (2 * EGI_MICROSECOND)
#define CLAIM_LONG (8 * EGI_MICROSECOND)
/* When few tiny tasks are left a worker leaves them for so long: see worker_linger. */
#define LINGER (40 * EGI_MICROSECOND)
#define HANDFUL 256
#define CHUNK_OF_TINY 64

/* A claim that has been held for so long is stuck behind a task. */
#define CLAIM_LATE (20 * EGI_MICROSECOND)
#define CHUNK_MAX 4096
#define CHUNK_SKIPPED 65536

/* Tasks longer than this are worth a thread beyond the CPUs when the limit allows one: they may well block. */
#define TASK_LONG (20 * EGI_MICROSECOND)

static struct egi_worker *worker_of(struct egi_recovery *recovery)
{
	return EGI_CONTAINER_OF(recovery, struct egi_worker, recovery);
}

/* A copy of the task's thread in a forked child: its group is dead, and locks may be held by nobody. */
static bool worker_is_forked(const struct egi_worker *worker)
{
	return worker->state->fork_count != egi_thread_fork_count;
}

static bool worker_is_asked(const struct egi_worker *worker, uint32_t attention)
{
	return (egi_load_relaxed_u32(&worker->state->attention) & attention) != 0;
}

static struct egi_error_origin worker_origin(struct egi_recovery *recovery)
{
	struct egi_worker *worker = worker_of(recovery);
	uint64_t index;
	const struct egi_task *task = egi_claim_current(&worker->claim, &index);

	return (struct egi_error_origin){(int64_t)index, (int)worker->slot,
					 egi_site_find(egi_task_site(task))};
}

/* Keeps or counts the error, and cancels if it is the first. In this order: nothing woken can come before it. */
static void worker_fail(struct eg_group_state *state, eg_error *error)
{
	if (!egi_failures_add(&state->failures, error))
		return;
	if (state->owns_ctx)
		eg_ctx_cancel(state->ctx, error);
}

/* The task has ended: with a code, with defers to run, or by a panic whose error waits in the recovery. */
static EGI_COLD void worker_end_task(struct egi_worker *worker, int code)
{
	struct eg_group_state *state = worker->state;
	struct egi_recovery *recovery = &worker->recovery;
	eg_error *error;

	if (code != 0 && !recovery->dirty && !egi_failures_wants(&state->failures)) {
		egi_failures_count(&state->failures, 1);
		return;
	}
	error = egi_recovery_end_task(recovery, code);
	if (!error)
		return;
	if (worker_is_forked(worker))
		eg_error_unref(error);
	else
		worker_fail(state, error);
}

/* Counts the task, or the tasks, that just ended. */
static void worker_count(struct egi_worker *worker, uint64_t ended)
{
	/* [D2] release: what the task did before its count; pairs with [D1]. */
	egi_store_release_u64(&worker->done, worker->done + ended);
	if (worker->state->backlog == 0)
		return;
	egi_fence_full(); /* [E2]: the count before the look at sleepers */
	egi_event_notify(&worker->state->room);
}

/* An error that says what a task would have been and why it did not start. */
static eg_error *worker_skip_error(struct egi_worker *worker)
{
	struct eg_group_state *state = worker->state;
	struct egi_error_origin origin = worker_origin(&worker->recovery);
	eg_error *cause = state->ctx ? eg_error_ref(eg_ctx_cause(state->ctx)) : NULL;
	eg_error *error =
	    egi_error_make_plain(EG_ERROR_SKIPPED, -ECANCELED, cause, NULL, "canceled before it started");

	origin.worker_slot = -1;
	egi_error_set_origin(error, origin);
	return error;
}

/*
 * Tasks that were accepted and are not to start: this one and what else is claimed. There may be millions, so they are
 * counted together.
 */
static EGI_COLD void worker_skip(struct egi_worker *worker, struct egi_task task)
{
	struct eg_group_state *state = worker->state;
	uint64_t skipped = 0, unkept = 0;

	do {
		if (egi_task_fn(&task) == egi_box_run)
			egi_box_free(task.arg);
		if (egi_failures_wants(&state->failures))
			egi_failures_add(&state->failures, worker_skip_error(worker));
		else
			unkept++;
		skipped++;
	} while (worker_is_asked(worker, EGI_ATTENTION_SKIP) && egi_claim_next(&worker->claim, &task));
	egi_failures_count(&state->failures, unkept);
	worker_count(worker, skipped);
}

/* How many tasks to claim from a queue: what the last claim suggests, at most a fair share. */
static uint64_t worker_appetite(const struct egi_worker *worker, const struct egi_queue *queue)
{
	struct eg_group_state *state = worker->state;
	uint64_t share;

	if (EGI_UNLIKELY(worker_is_asked(worker, EGI_ATTENTION_SKIP)))
		return CHUNK_SKIPPED;
	if (worker->chunk == 1 || state->backlog != 0)
		return 1;
	share = egi_queue_pending(queue) / egi_gate_running(egi_load_relaxed_u64(&state->gate));
	if (share == 0)
		share = 1;
	return share < worker->chunk ? share : worker->chunk;
}

/* Learns from the claim that just ended. */
static void worker_learn(struct egi_worker *worker, int64_t now)
{
	int64_t took = now - worker->claimed_ns;

	if (worker->claimed_ns == 0)
		return;
	worker->tasks_are_long = took / (int64_t)worker->claimed > TASK_LONG;
	if (took < CLAIM_SHORT && worker->claimed >= worker->chunk && worker->chunk < CHUNK_MAX) {
		worker->chunk *= 2;
	} else if (took > CLAIM_LONG) {
		uint64_t fitting = worker->claimed * (uint64_t)CLAIM_LONG / (uint64_t)took;

		worker->chunk = fitting > 0 ? fitting : 1;
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
	if (now >= due && egi_claim_steal(&worker->claim, &victim->claim, (uint64_t)now))
		return true;
	if (due < *ret_due)
		*ret_due = due > now ? due : now;
	return false;
}

/* Looks at one other worker per call: what is late is older than what is in the queues. */
static bool worker_steal_late(struct egi_worker *worker, int64_t now)
{
	struct egi_slots *block = &worker->state->slots;
	uint32_t made = egi_load_acquire_u32(&block->made);
	struct egi_worker *victim;
	int64_t due = EGI_FOREVER;

	if (made <= 1)
		return false;
	/* The first block only: with more workers than that, order is not what anybody notices. */
	victim = egi_load_acquire_ptr(&block->workers[worker->suspect++ % made]);
	return victim && worker_steal(worker, victim, now, &due);
}

static bool worker_claim(struct egi_worker *worker, int64_t now)
{
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

/*
 * The queues are empty. Waits for the claims of others that are not late yet to become so, or to be done. Looks at them
 * rarely, since their holders write there for every task. False if nothing is left to start.
 */
static bool worker_steal_any(struct egi_worker *worker, int64_t now)
{
	struct eg_group_state *state = worker->state;

	for (;;) {
		struct egi_slots_walk walk = {&state->slots, 0};
		struct egi_worker *victim;
		int64_t due = EGI_FOREVER;

		while ((victim = egi_slots_next(&walk)) != NULL)
			if (worker_steal(worker, victim, now, &due))
				return true;
		if (due == EGI_FOREVER)
			return false;
		do {
			for (int i = 0; i < 32; i++)
				egi_stall();
			now = eg_clock_now_ns();
		} while (now < due && egi_state_unfinished(state) != 0);
		if (worker_claim(worker, now))
			return true;
	}
}

/* Whether there is more than the task about to start, so that another thread could be of use. */
static bool worker_sees_more(struct egi_worker *worker)
{
	return worker->claimed > 1 || egi_state_has_tasks(worker->state);
}

/*
 * The tasks are tiny and few are left: a submitter is at work, and slower than this worker. To go on would take the
 * lines that it writes from it task by task; a moment later there is a batch to take. Not while somebody waits, who
 * may be waiting for this worker to say that all is done, and not when this thread is a submitter itself. Returns
 * the time at the end.
 */
static int64_t worker_linger(const struct egi_worker *worker, int64_t now)
{
	struct eg_group_state *state = worker->state;
	uint64_t gate = egi_load_relaxed_u64(&state->gate);
	int64_t end = now + LINGER;

	if (worker->chunk < CHUNK_OF_TINY || egi_gate_holders(gate) > egi_gate_running(gate) ||
	    egi_thread_self.queue_life == state->life || !egi_crew_has_cpus() ||
	    egi_state_pending(state) >= HANDFUL)
		return now;
	while (now < end) {
		for (int i = 0; i < 32; i++)
			egi_stall();
		now = eg_clock_now_ns();
	}
	return now;
}

/*
 * The owner of a biased group claims all there is, since nobody is there to share it with; whoever comes later takes
 * from the claim, which counts as late. False if there is nothing, and so everything is done; or if the group turns
 * out to be shared.
 */
static bool worker_find_biased(struct egi_worker *worker)
{
	struct eg_group_state *state = worker->state;
	bool found;

	if (!egi_queue_has_tasks(&state->first_queue))
		return false;
	if (EGI_UNLIKELY(!egi_bias_begin(state))) {
		egi_state_share(state);
		worker->biased = false;
		return false;
	}
	found = egi_claim_refill_alone(&worker->claim, &state->first_queue);
	egi_bias_end(state);
	return found;
}

/* Claims more. On success asks for another worker if there is work for one: each that comes brings the next. */
static bool worker_find(struct egi_worker *worker)
{
	struct eg_group_state *state = worker->state;
	int64_t now = eg_clock_now_ns();
	uint64_t gate;
	bool limited;

	worker_learn(worker, now);
	now = worker_linger(worker, now);
	worker->claimed_ns = now;
	if (!worker_steal_late(worker, now) && !worker_claim(worker, now) && !worker_steal_any(worker, now))
		return false;
	worker->claimed = egi_claim_count(&worker->claim);
	if (worker->claimed == 0)
		worker->claimed = 1; /* stolen meanwhile */
	if (state->backlog != 0) {
		egi_fence_full(); /* [E2]: the claim before the look at sleepers */
		egi_event_notify(&state->room);
	}
	egi_fence_light(); /* [G1] the claim before the look at the gate; pairs with [G2] */
	gate = egi_load_relaxed_u64(&state->gate);
	limited = egi_gate_limit(gate) != EGI_GATE_MAX;
	if (egi_gate_has_room(gate) && (!egi_gate_is_quiet(gate) || (limited && worker->tasks_are_long)) &&
	    worker_sees_more(worker))
		egi_state_call(state, limited && worker->tasks_are_long);
	return true;
}

/* More are running than the limit allows: this worker gives up its place if it is still one too many. */
static bool worker_yields(struct egi_worker *worker)
{
	struct eg_group_state *state = worker->state;
	uint64_t gate = egi_load_relaxed_u64(&state->gate);

	do {
		if (egi_gate_running(gate) <= egi_gate_limit(gate)) {
			egi_state_ask(state, 0, EGI_ATTENTION_SHRINK);
			/* The limit may have been lowered again in between. */
			gate = egi_load_acquire_u64(&state->gate);
			if (egi_gate_running(gate) > egi_gate_limit(gate))
				egi_state_ask(state, EGI_ATTENTION_SHRINK, 0);
			return false;
		}
	} while (!egi_cas_u64(&state->gate, &gate, gate - EGI_GATE_RUNNING_ONE));
	return true;
}

static EGI_NOINLINE enum egi_worker_end worker_loop(struct egi_worker *worker)
{
	struct eg_group_state *state = worker->state;
	struct egi_recovery *recovery = &worker->recovery;

	recovery->stop = __builtin_frame_address(0);
	for (;;) {
		struct egi_task task;
		int code;

		if (EGI_UNLIKELY(!egi_claim_next(&worker->claim, &task))) {
			if (worker->biased && worker_find_biased(worker))
				continue;
			if (worker->biased)
				return EGI_WORKER_DONE;
			if (!worker_find(worker))
				return EGI_WORKER_DRY;
			continue;
		}
		/*
		 * Looked at after the claim, like the context below: a wait may have ended and a reset begun a new
		 * round while this worker was looking for a task of it.
		 */
		if (EGI_UNLIKELY(egi_load_relaxed_u32(&state->attention) != 0)) {
			if (worker_is_asked(worker, EGI_ATTENTION_SHRINK) && worker_yields(worker)) {
				egi_claim_put_back(&worker->claim);
				return EGI_WORKER_YIELDED;
			}
			if (worker_is_asked(worker, EGI_ATTENTION_SKIP)) {
				worker_skip(worker, task);
				continue;
			}
		}
		code = egi_task_fn(&task)(state->ctx, task.arg);
		if (EGI_UNLIKELY(code != 0 || recovery->dirty)) {
			worker_end_task(worker, code);
			if (worker_is_forked(worker))
				return EGI_WORKER_FORKED;
		}
		worker_count(worker, 1);
	}
}

/* The frame to which a panic returns. It has nothing of its own that a jump could spoil. */
static EGI_NOINLINE enum egi_worker_end worker_run_recovered(struct egi_worker *worker)
{
	enum egi_worker_end end;

	egi_recovery_enter(&worker->recovery, __builtin_frame_address(0));
	if (setjmp(worker->recovery.jump_to)) {
		worker_end_task(worker, 0);
		worker_count(worker, 1);
	}
	end = worker_loop(worker);
	egi_recovery_leave(&worker->recovery);
	return end;
}

/* Leaves the slot. What is still claimed, after a task ended its thread, say, is the next owner's, or a thief's. */
static void worker_retire(struct egi_worker *worker)
{
	egi_claim_leave(&worker->claim);
	egi_slots_return(worker);
}

/*
 * The thread ended inside a task: by pthread_exit, or cancelled while it helped. Its stack is gone; the task
 * becomes an error, and the worker leaves as if it had found nothing.
 */
static void worker_exited(struct egi_recovery *recovery)
{
	struct egi_worker *worker = worker_of(recovery);
	struct eg_group_state *state = worker->state;

	if (worker_is_forked(worker))
		return;
	egi_state_share(state);
	worker->biased = false;
	egi_recovery_enter(recovery, __builtin_frame_address(0));
	if (!setjmp(recovery->jump_to))
		egi_recovery_add(recovery, egi_error_make_plain(EG_ERROR_EXITED, EG_EEXITED, NULL, NULL,
								"the task ended its thread"));
	worker_end_task(worker, 0);
	egi_recovery_leave(recovery);
	worker_count(worker, 1);
	worker_retire(worker);
	egi_state_leave_place(state);
	if (egi_state_has_left_over(state))
		egi_state_call(state, false);
	egi_state_notify_if_done(state);
	egi_state_release(state);
}

static enum egi_worker_end worker_run(struct egi_worker *worker, bool biased)
{
	struct eg_group_state *state = worker->state;

	worker->recovery.group = state;
	worker->recovery.origin = worker_origin;
	worker->recovery.exited = worker_exited;
	worker->recovery.abort_on_panic = (state->flags & EG_GROUP_ABORT_ON_PANIC) != 0;
	worker->chunk = 1;
	worker->claimed_ns = 0;
	worker->tasks_are_long = false;
	worker->biased = biased;
	return worker_run_recovered(worker);
}

enum egi_worker_end egi_worker_run(struct eg_group_state *state)
{
	struct egi_worker *worker = egi_slots_take(state);
	enum egi_worker_end end;

	if (!worker) {
		egi_state_leave_place(state);
		return EGI_WORKER_NO_SLOT;
	}
	end = worker_run(worker, false);
	if (end != EGI_WORKER_FORKED)
		worker_retire(worker);
	return end;
}

enum egi_worker_end egi_worker_run_biased(struct eg_group_state *state)
{
	struct egi_worker *worker = &state->first_worker;
	enum egi_worker_end end;
	bool found;

	if (!egi_bias_is_mine(state) || !egi_bias_begin(state))
		return EGI_WORKER_SHARED;
	if (state->slots.taken != 0) {
		egi_bias_end(state);
		return EGI_WORKER_INSIDE;
	}
	/* The first slot, and with it the place that the gate is going to show should the group be shared. */
	found = egi_claim_refill_alone(&worker->claim, &state->first_queue);
	egi_store_relaxed_u64(&state->slots.taken, found);
	egi_bias_end(state);
	if (!found)
		return EGI_WORKER_DONE;
	end = worker_run(worker, true);
	if (end == EGI_WORKER_FORKED)
		return end;
	/* The slot is given up last: the worker may be another thread's from then on. */
	if (end == EGI_WORKER_DONE) {
		if (egi_bias_begin(state)) {
			egi_claim_leave_alone(&worker->claim);
			egi_store_relaxed_u64(&state->slots.taken, 0);
			egi_bias_end(state);
			return EGI_WORKER_DONE;
		}
		egi_state_share(state);
		end = EGI_WORKER_DRY;
	}
	worker_retire(worker);
	return end;
}

void egi_worker_help(struct eg_group_state *state)
{
	enum egi_worker_end end;
	bool placed;

	egi_state_share(state);
	egi_state_hold(state, true, &placed);
	if (placed) {
		end = egi_worker_run(state);
		if (end == EGI_WORKER_FORKED)
			return;
		if (end == EGI_WORKER_DRY && egi_state_leave_place(state) && egi_state_has_left_over(state))
			egi_state_call(state, false);
		egi_state_notify_if_done(state);
	}
	egi_state_release(state);
}
