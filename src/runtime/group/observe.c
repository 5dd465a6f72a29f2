/* SPDX-License-Identifier: MIT */
/*
 * An event is told on the thread where it happens, with nothing held, and is a structure on that thread's stack. The order of
 * a task's events is that of their calls:
 *
 *   worker                                    waiter
 *   begin
 *   [slot_init], the task, its deferred calls
 *   [its error is kept, the group cancelled]
 *   [fail], end
 *   counts the task [D2]
 *                                             all are counted [D1]
 *                                             over
 *                                             the wait returns
 *
 * So whoever has waited knows that the observer has seen everything. A worker remembers that it has told a task's beginning:
 * its end is then told once, whichever way it takes, since every way that is not the plain one leads through egi_task_end,
 * and none is plain for a recovery that needs work.
 */
#include "runtime/group/observe.h"

#include <unistd.h>

#include "os/clock.h"
#include "os/exception.h"
#include "os/verify.h"
#include "runtime/group/probes.h"
#include "task/panic.h"

#ifdef EGI_HAVE_USDT
unsigned short egi_probes_semaphore __attribute__((section(".probes"), used));
#endif

static EGI_NOINLINE void tell_probes(const struct eg_group_state *state, const struct eg_event *event)
{
	(void)state;
	switch (event->kind) {
	case EG_EVENT_BEGIN:
		DTRACE_PROBE6(errgroup, begin, state, event->slot, event->task_index,
			      event->site ? event->site->file : NULL, event->site ? event->site->line : 0,
			      event->site ? event->site->function : NULL);
		break;
	case EG_EVENT_END:
		DTRACE_PROBE4(errgroup, end, state, event->slot, event->task_index, event->code);
		break;
	case EG_EVENT_FAIL:
		DTRACE_PROBE6(errgroup, fail, state, event->slot, event->task_index, event->code,
			      eg_error_kind(event->error), eg_error_message(event->error));
		break;
	case EG_EVENT_SKIP:
		DTRACE_PROBE3(errgroup, skip, state, event->slot, event->count);
		break;
	case EG_EVENT_STEAL:
		DTRACE_PROBE4(errgroup, steal, state, event->slot, event->from_slot, event->count);
		break;
	case EG_EVENT_THREAD:
		DTRACE_PROBE3(errgroup, thread, state, event->slot, event->thread);
		break;
	case EG_EVENT_OVER:
		DTRACE_PROBE2(errgroup, over, state, event->count);
		break;
	default:
		break;
	}
}

static void tell(const struct eg_group_state *state, const struct eg_event *event)
{
	const struct egi_observer *observer = &state->observer;
	unsigned *forbidden = egi_panic_forbidden(), before = *forbidden;

	tell_probes(state, event);
	if (!observer->fn)
		return;
	++*forbidden;
	EGI_CALL_PROGRAM(observer->fn(event, observer->arg));
	EGI_VERIFY(--*forbidden == before, "an observer left panics forbidden, or allowed them");
}

static struct eg_event event_of_kind(enum eg_event_kind kind, int slot)
{
	return (struct eg_event){.size = sizeof(struct eg_event),
				 .kind = kind,
				 .slot = slot,
				 .task_index = -1,
				 .time_ns = eg_clock_now_ns(),
				 .from_slot = -1};
}

static struct eg_event event_of_worker(enum eg_event_kind kind, const struct egi_worker *worker)
{
	return event_of_kind(kind, (int)worker->slot);
}

static struct eg_event event_of_task(enum eg_event_kind kind, struct egi_worker *worker)
{
	struct egi_error_origin origin = worker->recovery.origin(&worker->recovery);
	struct eg_event event = event_of_worker(kind, worker);

	event.task_index = origin.task_index;
	event.site = origin.site;
	event.count = worker->weight;
	return event;
}

/* Slots are a timeline's lanes: whoever draws one wants to know which thread a lane is, when it becomes another. */
static void tell_thread(struct egi_worker *worker)
{
	struct eg_event event = event_of_worker(EG_EVENT_THREAD, worker);

	worker->observed_thread = egi_thread_id();
	event.thread = gettid();
	tell(worker->state, &event);
}

void egi_observe_begin(struct egi_worker *worker)
{
	struct eg_event event;

	worker->recovery.dirty = true;
	worker->is_observed = true;
	if (worker->observed_thread != egi_thread_id())
		tell_thread(worker);
	event = event_of_task(EG_EVENT_BEGIN, worker);
	worker->began_ns = event.began_ns = event.time_ns;
	tell(worker->state, &event);
}

void egi_observe_end(struct egi_worker *worker, eg_error *error)
{
	struct eg_event event;

	if (worker->is_observed) {
		/* If the observer ends the thread, against the rules, this task at least does not end twice. */
		worker->is_observed = false;
		event = event_of_task(EG_EVENT_FAIL, worker);
		event.began_ns = worker->began_ns;
		event.code = eg_error_code(error);
		event.error = error;
		if (error)
			tell(worker->state, &event);
		event.kind = EG_EVENT_END;
		tell(worker->state, &event);
	}
	eg_error_unref(error);
}

void egi_observe_fail(struct eg_group_state *state, eg_error *error)
{
	struct eg_event event = event_of_kind(EG_EVENT_FAIL, -1);

	event.code = eg_error_code(error);
	event.error = error;
	tell(state, &event);
}

void egi_observe_skip(struct egi_worker *worker, uint64_t count)
{
	struct eg_event event = event_of_worker(EG_EVENT_SKIP, worker);

	event.count = count;
	tell(worker->state, &event);
}

void egi_observe_steal(struct egi_worker *worker, const struct egi_worker *victim)
{
	struct eg_event event = event_of_worker(EG_EVENT_STEAL, worker);

	/* Unless another thief has been here meanwhile. */
	event.count = egi_claim_count_tasks(&worker->claim);
	if (event.count == 0)
		event.count = 1;
	event.from_slot = (int)victim->slot;
	tell(worker->state, &event);
}

void egi_observe_over(struct eg_group_state *state, uint64_t done)
{
	struct eg_event event = event_of_kind(EG_EVENT_OVER, -1);

	event.count = done;
	tell(state, &event);
}
