/* SPDX-License-Identifier: MIT */
#ifndef EXPLORE_ENGINE_H
#define EXPLORE_ENGINE_H

/*
 * The explorer's inside, from the bottom up:
 *
 *   heap.c      memory that is never used again within a run, and is looked at when it was given back
 *   image.c     the program's static variables, put back before every run
 *   memory.c    atomic accesses, store buffers, and the fingerprint of what happened
 *   switch.c    stacks and thread-local variables
 *   threads.c   threads as coroutines, who goes on, sleeps, deadlines
 *   run.c       one run of a scenario
 *   choose.c    schedules: who decides, and what it decided
 *   search.c    many runs: every schedule within a bound, random ones, the smallest that fails
 *   plain.c     the library's accesses that are not atomic
 *   calls.c     what the library calls: futex, membarrier, the clock, malloc; calls_threads.c: pthread
 *   trace.c     a run told to a reader; names.c: what lies at an address
 *   main.c      the command; test.c: reports, and all of it as a test
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "explore.h"

/*
 * The explorer's own static variables lie in a section of their own: everything else is put back before every
 * run.
 */
#define KEPT __attribute__((section("explore_kept")))

#define THREADS_MAX 12

/*
 * What can be decided at a point: 0, the default, to go on or, if the thread cannot, the next ready one; or
 * one of these. The threads stand in a circle; SWITCH + k is the k-th ready one after the default's, and
 * costs k + 1 delays, every other one costs one.
 */
enum {
	CHOICE_DEFAULT = 0,
	CHOICE_SWITCH = 1,                         /* .. + THREADS_MAX - 1 */
	CHOICE_HOLD = CHOICE_SWITCH + THREADS_MAX, /* the store about to be made stays in the store buffer */
	CHOICE_FIRE = CHOICE_HOLD + 1,             /* the earliest deadline passes, and its sleeper goes on */
	CHOICE_DRAIN = CHOICE_FIRE + 1,            /* + thread: its oldest buffered store reaches memory */
	CHOICE_END = CHOICE_DRAIN + THREADS_MAX
};

#define CHOICE_BIT(choice) (UINT64_C(1) << (choice))

unsigned choice_cost(unsigned choice);

enum op {
	OP_LOAD,
	OP_READ,
	OP_WRITE,
	OP_STORE,
	OP_HOLD,
	OP_RMW,
	OP_CAS_FAILS,
	OP_FENCE,
	OP_BARRIER,
	OP_LOCK,
	OP_TRY_FAILS,
	OP_UNLOCK,
	OP_SLEEP,
	OP_WOKEN,
	OP_WAKE,
	OP_CREATE,
	OP_JOIN,
	OP_BEGIN,
	OP_END,
	OP_TOUCH,
	OP_STALL,
	OP_DRAIN,
	OP_FIRE,
	OP_ALLOC,
	OP_FREE,
	OP_BLOCKED
};

/*
 * heap.c
 */

void heap_init(void);
void heap_clear(void);
void *heap_take(size_t size, size_t align, const void *caller);
bool heap_owns(const void *at);
void heap_give(void *at, const void *caller);
size_t heap_size(const void *at);
/* Fails if the address lies in memory that was given back, or between two blocks. */
void heap_check(const void *at, size_t size);
/* At the end of a run: nothing is left, and nothing was written to what was given back. */
void heap_audit(void);
/* For traces: the block an address lies in. */
struct heap_block {
	char *at;
	size_t size;
	bool live;
	const void *taken_by, *given_by;
	unsigned number;
};
bool heap_find(const void *at, struct heap_block *ret_block);

/*
 * image.c
 */

void image_save(void);
void image_restore(void);

/*
 * memory.c
 */

#define BUFFER_MAX 16

struct store {
	void *at;
	uint64_t value; /* while its thread is away: what it will write */
	uint64_t below; /* while its thread goes on: what the others see */
	uint64_t print;
	uint8_t size;
};

struct buffer {
	unsigned count;
	struct store stores[BUFFER_MAX];
};

void memory_clear(void);
/* The thread comes to the processor or leaves it: memory is as it sees it, or as all others do. */
void memory_enter(struct buffer *buffer);
void memory_leave(struct buffer *buffer);
void memory_drain_one(unsigned thread);
void memory_drain(unsigned thread);
void memory_drain_all(void);
/* The current thread gives memory back: what it has stored there comes first. */
void memory_forget(const void *at, size_t size);
/* An access of the current thread that reads and changes an object, for the fingerprint alone. */
void memory_note(const void *at, uint64_t what);

/* Whether a word has been accessed atomically in this run. */
bool memory_is_atomic(const void *at);
/* Before a plain access to such a word. */
void memory_read_plainly(const void *at, unsigned size, const void *caller);
void memory_write_plainly(void *at, unsigned size, const void *caller);

/*
 * switch.c
 */

void switch_init(void);
/* Leaves one stack for another; goes on when somebody comes back. */
void switch_stacks(void **ret_from, void *to);
/* A new stack, on which `begin` is going to be called; it must not return. */
void *switch_prepare(char *stack_end, void (*begin)(void));
/* A thread's copy of the thread-local variables: as new, put in place, put away. */
void switch_begin(unsigned thread);
void switch_load(unsigned thread);
void switch_save(unsigned thread);

/*
 * threads.c
 */

enum thread_state { THREAD_NONE, THREAD_READY, THREAD_ASLEEP, THREAD_BLOCKED, THREAD_ENDED };

#define NO_DEADLINE INT64_MAX

struct thread {
	void *stack_pointer;
	char *stack;
	enum thread_state state;
	const void *waits_for;
	int64_t deadline;
	bool timed_out;
	uint64_t since;    /* order of going to sleep */
	const void *tried; /* the lock that it last found locked, since it came to the processor */
	uint64_t print;    /* fingerprint of all it has done and seen */
	int error;         /* errno */
	void *(*main)(void *arg);
	void *arg;
	struct buffer buffer;
};

struct machine {
	struct thread threads[THREADS_MAX];
	unsigned threads_count;
	unsigned current;
	uint32_t ready;    /* a bit for each thread */
	uint32_t buffered; /* those with stores in their buffer */
	bool running;
	bool deciding; /* between explore_begin and explore_end */
	bool tracing;
	bool is_over;
	bool timers;
	bool refuses;        /* membarrier(2), while deciding */
	const void *stop_at; /* a store to which takes a thread from the processor: explore_advance */
	bool in_order;       /* no store is ever held back */
	uint32_t step;
	uint64_t points; /* of all runs */
	uint64_t sleeps;
	int64_t now;
	uint64_t prints; /* of all threads and all memory, summed up */
	char failure[1024];
	bool failed, cut;
};

extern struct machine machine;

#define STEPS_MAX 20000

void threads_init(void);
/* Whether an address lies on a thread's stack. */
bool threads_own(const void *at);
/* The machine as new, with one thread; returns when the run is over. */
void threads_start(void *(*main)(void *arg));

/* The current thread cannot go on, or would rather not: another does. A certain one does. */
void threads_go_on(void);
void threads_switch(unsigned next);
void threads_pass_time(int64_t ns);

/* A point: before what the thread does next. Returns whether the store that it makes should be held back. */
bool threads_point(bool is_store);

/* What is not a point, and must not go on for ever either. */
void threads_count_point(void);

/* The current thread sleeps on something until woken; false when its deadline passed. */
bool threads_sleep(enum thread_state state, const void *waits_for, int64_t deadline);
/* Wakes up to `max` sleepers of an object, who slept longest first; returns how many. */
unsigned threads_wake(enum thread_state state, const void *waits_for, unsigned max);
void threads_stall(void);
/* Before a store. */
void threads_stop_at(const void *at);
/* The current thread has tried a lock in vain. */
void threads_retry(const void *lock);
unsigned threads_create(void *(*main)(void *arg), void *arg);
void threads_exit(void) __attribute__((noreturn));
/* Ends the run at once. */
void threads_abandon(void) __attribute__((noreturn));

static inline struct thread *thread_now(void)
{
	return &machine.threads[machine.current];
}

/*
 * run.c
 */

/* One run of the scenario under the decisions of choose.c. */
void run_scenario(const struct explore_scenario *scenario);
/* How many CPUs the library is told of. */
int explore_cpus(void);

/*
 * Fingerprints
 */

static inline uint64_t print_mix(uint64_t a, uint64_t b)
{
	uint64_t x = (a ^ b) * UINT64_C(0x9e3779b97f4a7c15);

	x ^= x >> 32;
	x = (x + b) * UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 29;
}

/* The current thread saw or did something. */
static inline void thread_print(struct thread *thread, uint64_t what)
{
	uint64_t before = thread->print;

	thread->print = print_mix(before, what);
	machine.prints += thread->print - before;
}

/*
 * calls.c
 */

void calls_clear(void);
/* The current thread ends: its thread-specific values are destroyed. */
void calls_end_thread(void);

/*
 * choose.c: a schedule is the list of the points at which something else than the default was decided.
 */

#define DELAYS_MAX 5

struct decision {
	uint32_t step;
	uint32_t choice;
};

enum chooser { CHOOSE_LIST, CHOOSE_RANDOM, CHOOSE_PRIORITIES };

/* The decisions of the run: given for CHOOSE_LIST, noted for the others. */
struct schedule {
	enum chooser chooser;
	struct decision *decisions;
	uint32_t count, room;
	uint32_t next;
	uint64_t seed;
	uint64_t random;
	unsigned changes; /* of priorities */
	unsigned budget;  /* delays left after the given ones; with any, alternatives are noted */
	bool merges;      /* a run that comes to a state known already is cut short */
	uint64_t *offers; /* by step: what could have been decided */
};

extern struct schedule schedule;

void choose_init(void);
/* Forgets the states known. */
void choose_forget(void);
void choose_list(const struct decision *decisions, uint32_t count, unsigned budget, bool merges,
		 uint64_t *offers);
void choose_random(uint64_t seed, unsigned changes, uint32_t length);
/* Priorities are for new threads too. */
void choose_new_thread(unsigned thread);
/* Decides: `offer` has the bits of what is possible, `must` says that the thread cannot go on. */
unsigned choose(uint64_t offer, bool must);

/*
 * Whether everything is decided: the last of a list was, and nothing is to be noted. Then instead of choose:
 */
static inline bool choose_is_spent(void)
{
	return schedule.chooser == CHOOSE_LIST && schedule.budget == 0 && schedule.next == schedule.count &&
	       !machine.tracing;
}

void choose_spent(bool must);

/*
 * search.c
 */

struct search_result {
	bool failed;
	uint64_t schedules;
	uint64_t cut;   /* those that were cut short because they came to a state known already */
	uint32_t steps; /* the most */
	double seconds;
	uint64_t seed;
	uint64_t at; /* the number of the schedule that failed */
	struct decision *decisions;
	uint32_t count;
};

void search_delays(const struct explore_scenario *scenario, unsigned bound, uint64_t schedules_max,
		   bool merges, struct search_result *ret_result);
void search_random(const struct explore_scenario *scenario, uint64_t seed, uint64_t schedules,
		   unsigned changes, struct search_result *ret_result);
/* Drops decisions that the failure does not need. */
void search_shrink(const struct explore_scenario *scenario, struct search_result *result);
/* One schedule with its trace. */
bool search_replay(const struct explore_scenario *scenario, const struct decision *decisions, uint32_t count);

/*
 * trace.c, names.c
 */

void trace_init(void);
void trace_clear(void);
void trace_add(enum op op, const void *at, unsigned size, uint64_t value, const void *caller);
void trace_text(const char *text);
/* The telling begins here. */
void trace_mark(void);
void trace_print(void);

void names_clear(void);
/* Writes what lies at an address: "state.gate", "crew.lock", "block 3+0x40". */
void names_describe(const void *at, char *buffer, size_t size);
/* Writes the function and the line of an address in the program's code. */
void names_of_code(const void *const *addresses, unsigned count, char (*ret_names)[64]);

#define TRACE(op, at, size, value, caller)                                          \
	do {                                                                        \
		if (__builtin_expect(machine.tracing, 0))                           \
			trace_add((op), (at), (unsigned)(size), (value), (caller)); \
	} while (0)

#define CALLER() __builtin_return_address(0)

#endif
