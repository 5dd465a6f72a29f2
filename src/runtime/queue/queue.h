/* SPDX-License-Identifier: MIT */
#ifndef EGI_QUEUE_QUEUE_H
#define EGI_QUEUE_QUEUE_H

/*
 * The pending tasks of one submitting thread: the ring in front, the overflow array behind it, and beside them the loops.
 *
 * The submitter fills the ring; when it is full it spills into the overflow, and goes on spilling until the
 * overflow has been taken empty. So whenever both hold tasks the ring's are older, and consumers empty the ring
 * first. The order would break here:
 *
 *   consumer                                 submitter
 *   the ring is empty
 *                                            the overflow is empty: fills the ring with 1..63, spills 64
 *   takes 64 from the overflow, ahead of 1
 *
 * so a consumer looks at the overflow first, holds its lock, and only then judges the ring. While the lock is
 * held nobody empties the overflow, hence nothing new enters the ring, and an empty ring stays empty.
 *
 * Loops (loop.h) lie in a list of their own, each with its position: how many entries, which is what a task in the ring or
 * the overflow is called here, were put before it. Entries are taken one after the other, so the number of those taken
 * is the position of the next; and when that is the oldest loop's, the loop's indices come first, until none is left.
 *
 *   entries     0 1 2 3 4 5 6 7 8 9 ...        the ring's, then the overflow's
 *                   ^ taken   ^ barrier        the oldest loop's position, or EGI_LOOP_NONE
 *
 * The barrier is what consumers see of all that. Nobody takes an entry at it or behind it, and it moves only under the
 * lock: when the loop is used up, to the next loop or away; when there is none, to one just put. Each place that it has
 * had is behind the one before, for those who look at it after they have looked for entries:
 *
 *   consumer                                 submitter
 *   there is no barrier
 *                                            puts a loop, which sets the barrier to 4; puts entry 4
 *   takes 4 from the ring, ahead of the loop
 *
 * Everything the submitter writes per task lies on lines that consumers read only when they come for more.
 */

#include "runtime/queue/loop.h"
#include "runtime/queue/overflow.h"
#include "runtime/queue/ring.h"

#define EGI_QUEUE_SHARED UINT64_MAX /* the owner of a queue that several threads fill under a lock */

#define EGI_QUEUE_LIGHT 2048 /* tasks: 32 KiB, so that the states that a thread keeps hold 32 MiB at most */

struct egi_queue {
	struct egi_overflow overflow;
	struct egi_ring ring;

	/* the submitter's */
	EGI_ALIGNED uint64_t ring_in; /* tasks ever put into the ring; raised before the task can be taken */
	uint64_t looped; /* indices of all loops ever put here; raised before they can be taken */
	bool spilling;
	struct egi_task *stop; /* the next place in the overflow at which egi_queue_spill does not append */
	uint64_t code; /* the last task's, so that the next, which mostly has the same, need not be checked */

	/* rarely written */
	uint64_t owner; /* the submitting thread, 0 while nobody has the queue, or EGI_QUEUE_SHARED */
	uint64_t
	    index_base; /* entries put by the last reset of the group: indices of single tasks count from here */
	uint64_t looped_base; /* the same of what is counted for loops */
	struct egi_queue *next;
	EGI_ALIGNED struct egi_loops loops; /* under the overflow's lock */
};

/*
 * A batch taken: a range of the overflow; `count` tasks copied to the taker's buffer when segment is NULL; or so many units
 * of a loop, when tasks is NULL as well.
 */
struct egi_batch {
	struct egi_range range;
	uint64_t sequence; /* entries of this queue taken before these; or the first index */
	bool is_like;      /* of a loop: it is like the one that was asked for */
};

/*
 * How much to take. What a taker knows of one loop's calls says nothing of another's, nor of tasks: of what it does not
 * know it takes one.
 */
struct egi_appetite {
	uint64_t tasks;              /* at most so many entries */
	uint64_t units;              /* and so many units of a loop that is like this one */
	const struct egi_body *like; /* or NULL: there is none */
};

void egi_queue_init(struct egi_queue *queue, uint64_t owner);
void egi_queue_finish(struct egi_queue *queue);

/*
 * How often, in tasks, a spilling submitter looks whether the overflow has been taken empty: as often as it could fill the
 * ring meanwhile. The look reads a line that consumers write.
 */
#ifndef EGI_QUEUE_RECHECK
#define EGI_QUEUE_RECHECK EGI_RING_SLOTS
#endif

/*
 * The submitter only. Return: 0 or -ENOMEM with nothing changed.
 */
int egi_queue_put(struct egi_queue *queue, struct egi_task task);

/*
 * Why egi_queue_spill, the fast path of a submission, does not append: there is something to do first, and the submitter
 * has to come by egi_queue_put. Or the segment ends, whatever was said.
 */
enum egi_queue_stop {
	EGI_STOP_RING,    /* it is not spilling: the task goes into the ring */
	EGI_STOP_RECHECK, /* it has spilled so many: the overflow may have been taken empty */
	EGI_STOP_UNSHOWN  /* nobody would see the task: its group has no notice (runtime/group/call.h) */
};

/* The submitter only: when to stop next, and why. */
static inline void egi_queue_stop(struct egi_queue *queue, enum egi_queue_stop why)
{
	ptrdiff_t count = why == EGI_STOP_RECHECK ? EGI_QUEUE_RECHECK - 1 : 0;

	if (count > 0 && count > egi_overflow_room(&queue->overflow))
		count = egi_overflow_room(&queue->overflow);
	/* There may be no segment yet, and to nothing even 0 must not be added. */
	queue->stop = count > 0 ? queue->overflow.next + count : queue->overflow.next;
}

/* The same as egi_queue_put, for a submitter that is spilling and has nothing to look at; false if it is not, or has. */
static inline bool egi_queue_spill(struct egi_queue *queue, struct egi_task task)
{
	if (queue->overflow.next == queue->stop)
		return false;
	egi_overflow_append(&queue->overflow, task);
	return true;
}

/*
 * The submitter only: puts a loop that has indices, as egi_queue_put puts a task. Return: 0; -ENOMEM or -EOVERFLOW, if
 * too many indices would wait, with nothing changed.
 */
int egi_queue_put_loop(struct egi_queue *queue, const struct egi_body *body);

/* How many entries were ever put here. */
static inline uint64_t egi_queue_entries(const struct egi_queue *queue)
{
	/* [Q4] nothing hangs on the order of these: they follow what makes tasks known, [R2], [O2] or [D1]. */
	return egi_load_acquire_u64(&queue->ring_in) + egi_load_acquire_u64(&queue->overflow.published);
}

/*
 * How many tasks were ever put here, a loop's indices being one each. All counts rise before, or as, a task can be
 * taken, so that nobody who has seen a task finish can count it as finished and not as submitted. Not less than the
 * number at the time of the call.
 */
static inline uint64_t egi_queue_submitted(const struct egi_queue *queue)
{
	return egi_queue_entries(queue) + egi_load_acquire_u64(&queue->looped); /* [Q4], the same */
}

/* A group begins, or is reset, and nothing is unfinished: what comes is counted from here. */
static inline void egi_queue_begin(struct egi_queue *queue)
{
	queue->index_base = egi_queue_entries(queue);
	queue->looped_base = egi_load_relaxed_u64(&queue->looped);
}

/* Whether a loop waits here. */
static inline bool egi_queue_has_loops(const struct egi_queue *queue)
{
	/* [Q6] acquire: pairs with [Q5] and [Q7]. */
	return egi_load_acquire_u64(&queue->overflow.barrier) != EGI_LOOP_NONE;
}

/* Whether the queue, with no task in it, holds little memory. */
static inline bool egi_queue_is_light(const struct egi_queue *queue)
{
	return egi_overflow_capacity(&queue->overflow) <= EGI_QUEUE_LIGHT;
}

/* Whether tasks wait here. */
static inline bool egi_queue_has_tasks(const struct egi_queue *queue)
{
	return !egi_ring_is_empty(&queue->ring) || egi_overflow_pending(&queue->overflow) != 0 ||
	       egi_queue_has_loops(queue);
}

/* How many indices wait in loops. */
static inline uint64_t egi_queue_looping(const struct egi_queue *queue)
{
	/* [Q9] acquire: pairs with [Q8]. */
	uint64_t taken = egi_load_acquire_u64(&queue->loops.taken);

	/* [Q4], too; taken is read first, so the difference is never negative. */
	return egi_load_acquire_u64(&queue->looped) - taken;
}

/* How many tasks wait here; exact while nobody puts or takes. */
static inline uint64_t egi_queue_pending(const struct egi_queue *queue)
{
	uint64_t entries = egi_overflow_pending(&queue->overflow) + egi_ring_size(&queue->ring);

	return EGI_LIKELY(!egi_queue_has_loops(queue)) ? entries : entries + egi_queue_looping(queue);
}

/* How many tasks have been taken from here, modulo 2^64 and good only to see whether it changes. */
static inline uint64_t egi_queue_taken(const struct egi_queue *queue)
{
	/* [U1] nothing is ordered: it is compared with an earlier one. */
	return egi_load_acquire_u64(&queue->overflow.taken) + egi_ring_taken(&queue->ring) +
	       egi_load_acquire_u64(&queue->loops.taken); /* [U1] */
}

/*
 * Takes some of the oldest tasks. Any thread. False if there are none.
 *
 * @buffer    holds EGI_RING_SLOTS
 * @ret_body  what to call, if it is a loop; may be what the appetite is for
 */
bool egi_queue_take(struct egi_queue *queue, const struct egi_appetite *appetite, struct egi_task *buffer,
		    struct egi_body *ret_body, struct egi_batch *ret_batch);

/*
 * The same while no other thread takes or puts, and no loop waits: all of the ring, or up to `max` tasks of the overflow.
 */
bool egi_queue_take_alone(struct egi_queue *queue, uint64_t max, struct egi_task *buffer,
			  struct egi_batch *ret_batch);

/*
 * Takes all that is left of the loop whose indices are next, and returns how many: they are not going to be called.
 * None, if other tasks are next. Any thread.
 */
uint64_t egi_queue_drop_loop(struct egi_queue *queue);

#endif
