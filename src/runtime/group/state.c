/* SPDX-License-Identifier: MIT */
/*
 * A state is some pages of memory that are dear to make and cheap to use again: rings, slots, locks. So it outlives its group.
 * A thread keeps the states of groups that ended on it, and makes its next groups of them; what differs from group to group
 * is set in egi_state_create, everything else in state_alloc.
 *
 * The last thing that a group does with its state is egi_gate_leave or egi_gate_kill: whoever is told by it that nobody is
 * left inside keeps the state, or frees it. The crew may still come, through a notice that was taken away meanwhile; it holds
 * the crew's lock then, under which a request is forgotten before the memory goes.
 */
#include "runtime/group/state.h"

#include <stdlib.h>

#include "os/annotate.h"
#include "os/clock.h"
#include "os/verify.h"
#include "runtime/group/options.h"
#include "runtime/group/probes.h"
#include "runtime/limit/limit.h"

/*
 * The most states that a thread keeps: enough for groups within groups, and for a thousand that are made before the first
 * ends. 5 MiB.
 */
#define KEPT_MAX 1024
#define KEPT_WORKERS 4 /* the most workers of a state that is kept */

/* What stays as it is from one group to the next. */
static struct eg_group_state *state_alloc(void)
{
	struct eg_group_state *state = aligned_alloc(EGI_CACHE_PAIR, sizeof(*state));

	if (!state)
		return NULL;
	egi_gate_init(&state->gate);
	state->attention = 0;
	state->finished = state->room = (struct egi_event){0, 0};
	state->awaiting = state->is_helped = 0;
	state->limit = NULL;
	egi_failures_init(&state->failures);
	state->held = state->released = 0;
	state->done_fd = EGI_CTX_FD_NONE;
	state->has_done_fd = 0;
	egi_mutex_init(&state->lock);
	egi_mutex_init(&state->submission);
	egi_mutex_init(&state->sharing);
	egi_mutex_init(&state->progress.lock);
	state->progress.teller = EGI_OWNER_NONE;
	state->request = (struct egi_request){.waiters = &state->finished, .submitters = &state->room};
	egi_slots_init(&state->slots, &state->first_worker, state);
	egi_queue_init(&state->first_queue, 0);
	state->queues = &state->first_queue;
	state->queues_count = 1;
	state->shared = NULL;
	return state;
}

/*
 * A state that this thread keeps, or a new one. NULL without memory.
 *
 * A thread keeps at most as many as it has ever had to make, so that one that makes few groups, and is the last to leave
 * many of others, a worker mostly, does not hoard theirs.
 */
static struct eg_group_state *state_get(struct egi_thread *self)
{
	struct eg_group_state *state = self->kept;

	if (!state) {
		if (self->kept_max < KEPT_MAX)
			self->kept_max++;
		return state_alloc();
	}
	self->kept = state->next_kept;
	self->kept_count--;
	return state;
}

/* Nothing has been told of this group yet. */
static void state_set_observed(struct eg_group_state *state, const struct eg_group_options *options)
{
	struct egi_slots_walk walk = {&state->slots, 0};
	struct egi_worker *worker;

	state->flags |= EGI_GROUP_OBSERVED;
	state->attention |= EGI_ATTENTION_OBSERVE;
	state->observer = (struct egi_observer){options->observe, options->observe_arg};
	while ((worker = egi_slots_next(&walk)) != NULL)
		worker->observed_thread = 0;
}

/*
 * What few groups have. Returns whether the group may be biased all the same: not if functions of the program's are called
 * when all is done, since that would be in a section, or when the group is gone; nor if tasks need permits, where there is
 * nothing to be gained.
 */
static EGI_COLD bool state_set_features(struct eg_group_state *state, const struct eg_group_options *options)
{
	if ((options->flags & (EG_GROUP_SKIP_UNSTARTED | EGI_GROUP_STOPS)) != 0)
		state->attention |= EGI_ATTENTION_LOOK;
	if ((options->flags & EGI_GROUP_SLOT_DATA) != 0) {
		state->attention |= EGI_ATTENTION_DATA;
		state->slot_hooks =
		    (struct egi_slot_hooks){options->slot_init, options->slot_finish, options->slot_arg};
	}
	if ((options->flags & EGI_GROUP_SHARED_LIMIT) != 0) {
		state->attention |= EGI_ATTENTION_PERMIT;
		state->limit = eg_limit_ref(options->shared_limit);
	}
	if (options->observe || egi_probes_wanted() != 0)
		state_set_observed(state, options);
	state->progress.fn = options->progress;
	state->progress.arg = options->progress_arg;
	state->progress.every_ns = options->progress_every_ns > 0 ? options->progress_every_ns : EGI_SECOND;
	state->progress.told = 0;
	state->progress.due_ns = 0;
	return (state->flags & EGI_GROUP_FEATURES) == 0;
}

struct eg_group_state *egi_state_create(const struct eg_group_options *options)
{
	struct egi_thread *self = &egi_thread_self;
	struct eg_group_state *state = state_get(self);
	uint64_t limit = egi_gate_limit_of(options->limit), id = egi_thread_id();
	bool biased = options->backlog == 0;

	if (!state)
		return NULL;
	egi_gate_begin_life(&state->gate);
	state->fork_count = egi_thread_fork_count;
	state->flags = options->flags;
	state->is_hooks = egi_recovery_is_hooks();
	state->faults = options->fault;
	state->backlog = options->backlog;
	state->halt = options->halt;
	state->halt_after = options->halt_after;
	state->ctx = state->parent = NULL;
	state->owns_ctx = false;
	state->attention = 0;
	state->halted = state->over = state->closed = 0;
	/* One comparison for all of them. */
	if (EGI_UNLIKELY(
		((options->flags & (EG_GROUP_SKIP_UNSTARTED | EGI_GROUP_STOPS | EGI_GROUP_FEATURES)) |
		 egi_probes_wanted()) != 0))
		biased = state_set_features(state, options) && biased;
	egi_failures_keep(&state->failures, options->collect);
	egi_queue_stop(&state->first_queue, EGI_STOP_UNSHOWN);
	egi_queue_begin(&state->first_queue);
	state->used_before = state->first_queue.index_base + state->first_queue.looped_base;
	state->slots_max = (uint32_t)limit;
	/* Where room is asked for under a lock there is nothing to be gained by a bias. */
	state->first_queue.owner = biased ? id : 0;
	egi_gate_open(&state->gate, limit, biased);
	return state;
}

void egi_state_reset(struct eg_group_state *state)
{
	egi_failures_forget(&state->failures);
	/* [W9] release: nothing hangs from it; a new round is known by its tasks and its context. */
	egi_store_release_u32(&state->halted, 0);
	egi_store_release_u32(&state->over, 0); /* [W9], the same */
	egi_state_ask(state, 0, EGI_ATTENTION_SKIP);
	for (struct egi_queue *queue = state->queues; queue; queue = queue->next)
		egi_queue_begin(queue);
	state->progress.told = 0;
	state->progress.due_ns = 0;
}

static void state_free(struct eg_group_state *state)
{
	struct egi_queue *queue = state->queues;

	/* Also when it is not posted: a thread of the crew may be looking at it, under the crew's lock. */
	egi_crew_forget(&state->request);
	while (queue) {
		struct egi_queue *next = queue->next;

		egi_queue_finish(queue);
		if (queue != &state->first_queue)
			free(queue);
		queue = next;
	}
	egi_slots_finish(&state->slots);
	egi_failures_finish(&state->failures);
	egi_mutex_finish(&state->lock);
	egi_mutex_finish(&state->submission);
	egi_mutex_finish(&state->sharing);
	egi_mutex_finish(&state->progress.lock);
	free(state);
}

/*
 * Whether the group may be on the board. The bit is set before the request is posted, but a worker may post it once more, as
 * urgent, just when a thread has come for it and cleared the bit:
 *
 *   worker                             thread of the crew
 *   sets the bit
 *                                      takes the request down, clears the bit
 *   posts the request
 *
 * The worker was inside, so its post is seen here.
 */
static bool is_on_board(const struct eg_group_state *state)
{
	return egi_gate_is_posted(&state->gate) || egi_request_is_posted(&state->request);
}

/*
 * The group is gone, and with it everybody who was inside. The calling thread keeps the state for its next group if it is an
 * ordinary one.
 */
static void state_retire(struct eg_group_state *state)
{
	struct egi_thread *self = &egi_thread_self;

	egi_annotate_acquire(state);
	egi_failures_forget(&state->failures);
	if (EGI_UNLIKELY(state->limit)) {
		eg_limit_unref(state->limit);
		state->limit = NULL;
	}
	EGI_ASSERT(!state->ctx && !state->parent && !egi_request_is_shown(&state->request) &&
		   state->done_fd.read < 0);
	if (self->kept_count >= self->kept_max || self->id == 0 || state->queues_count > 1 ||
	    state->slots.made > KEPT_WORKERS || !egi_queue_is_light(&state->first_queue)) {
		state_free(state);
		return;
	}
	if (is_on_board(state))
		egi_crew_forget(&state->request);
	state->next_kept = self->kept;
	self->kept = state;
	self->kept_count++;
}

void egi_state_exit_thread(void)
{
	struct egi_thread *self = &egi_thread_self;

	while (self->kept) {
		struct eg_group_state *state = self->kept;

		self->kept = state->next_kept;
		self->kept_count--;
		state_free(state);
	}
}

/* Under lock. NULL without memory. */
static struct egi_queue *queue_add(struct eg_group_state *state, uint64_t owner)
{
	struct egi_queue *queue = aligned_alloc(EGI_CACHE_PAIR, sizeof(*queue));

	if (!queue)
		return NULL;
	egi_queue_init(queue, owner);
	queue->next = state->queues;
	state->queues_count++;
	/* [Q2] release: the queue before its link; pairs with [J5]. */
	egi_store_release_ptr(&state->queues, queue);
	return queue;
}

/* Under lock: the thread's queue, or one for it. Beyond a number of threads they share one. */
static struct egi_queue *queue_find(struct eg_group_state *state, uint64_t thread)
{
	struct egi_queue *queue;

	for (queue = state->queues; queue; queue = queue->next)
		if (queue->owner == thread)
			return queue;
	if (state->first_queue.owner == 0) {
		state->first_queue.owner = thread;
		return &state->first_queue;
	}
	if (state->queues_count < EGI_QUEUES_MAX)
		return queue_add(state, thread);
	if (!state->shared)
		state->shared = queue_add(state, EGI_QUEUE_SHARED);
	return state->shared;
}

struct egi_queue *egi_state_queue(struct eg_group_state *state)
{
	struct egi_thread *self = &egi_thread_self;
	uint64_t thread = egi_thread_id();
	struct egi_queue *queue = egi_state_queue_fast(state);

	if (queue)
		return queue;
	egi_mutex_lock(&state->lock);
	queue = queue_find(state, thread);
	if (queue && queue->owner == thread && state->backlog == 0 && state->closed == 0) {
		self->queue = queue;
		self->queue_life = state->gate.life;
	}
	egi_mutex_unlock(&state->lock);
	return queue;
}

void egi_state_release(struct eg_group_state *state)
{
	egi_annotate_release(state);
	if (egi_gate_leave(&state->gate))
		state_retire(state);
}

bool egi_state_end_alone(struct eg_group_state *state)
{
	struct egi_gate *gate = &state->gate;

	if (!egi_gate_is_mine(gate) || !egi_gate_begin_alone(gate))
		return false;
	if (egi_gate_is_engaged(gate) || egi_queue_has_tasks(&state->first_queue)) {
		egi_gate_end_alone(gate);
		return false;
	}
	egi_gate_kill_alone(gate);
	egi_gate_end_alone(gate);
	return true;
}

void egi_state_discard(struct eg_group_state *state)
{
	egi_notices_hide_alone(&state->request);
	state_retire(state);
}

void egi_state_abandon(struct eg_group_state *state)
{
	if (egi_state_end_alone(state)) {
		egi_state_discard(state);
		return;
	}
	egi_gate_share(&state->gate);
	egi_notices_take_away(&state->request);
	egi_annotate_release(state);
	if (egi_gate_kill(&state->gate))
		state_retire(state);
}

void egi_state_close(struct eg_group_state *state)
{
	egi_mutex_lock(&state->lock);
	/* [W1] release: before nobody finds a queue of his own; pairs with [W2]. */
	egi_store_release_u32(&state->closed, 1);
	egi_gate_disown(&state->gate);
	egi_mutex_unlock(&state->lock);
	egi_state_ask(state, EGI_ATTENTION_SKIP, 0);
}

void egi_state_ask(struct eg_group_state *state, uint32_t set, uint32_t clear)
{
	uint32_t attention = egi_load_relaxed_u32(&state->attention);

	/* [W5] full: what it is about before the word; taken back, the word before the look. */
	while (!egi_cas_u32(&state->attention, &attention, (attention & ~clear) | set))
		;
	/* Whoever waits for a permit looks again. */
	if (EGI_UNLIKELY(state->limit && set != 0))
		egi_limit_call(state->limit, state);
}

/* Submitters do not wait for room any more. */
static void state_refuse(struct eg_group_state *state)
{
	/* [W3] release: the end of the context, or of all starts, before the word of it; pairs with [W4]. */
	egi_store_release_u32(&state->halted, 1);
	egi_fence_full(); /* [E2]: the change before the look at sleepers */
	egi_event_notify(&state->room);
}

void egi_state_halt(struct eg_group_state *state)
{
	/* [W8] acquire: the caller was told by the context's end [X1], and [W7] comes before that. */
	if (egi_load_acquire_u32(&state->over) != 0)
		return;
	if (state->flags & EG_GROUP_SKIP_UNSTARTED) {
		egi_state_stop(state);
		return;
	}
	state_refuse(state);
}

void egi_state_stop(struct eg_group_state *state)
{
	egi_state_ask(state, EGI_ATTENTION_SKIP, 0);
	state_refuse(state);
}
