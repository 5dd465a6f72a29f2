/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_THREAD_H
#define EGI_OS_THREAD_H

/*
 * Threads: what the library knows of each that uses it, and how its own are started. What can fail for lack of resources
 * returns a code; what can fail only through a defect aborts loudly.
 */

#include <pthread.h>

#include "os/compiler.h"
#include "os/process.h"

/*
 * What the library knows of the calling thread, in static thread-local storage: reachable without a call, from
 * a signal handler too, and until the very end of the thread.
 */
struct egi_thread {
	uint64_t id;                   /* never reused, 0 until first asked for */
	struct egi_recovery *recovery; /* innermost task running here, NULL outside tasks (task/recovery.h) */
	struct egi_queue *queue;       /* last submitted to, and in which life of a group: */
	uint64_t queue_life;           /* (runtime/group/state.h) */
	uint64_t life_next, life_end;  /* lives to give to groups made here (runtime/group/state.h) */
	struct eg_group_state *kept;   /* states to make groups of (runtime/group/state.h) */
	unsigned kept_count, kept_max;
	unsigned trees_made;         /* contexts without a parent (context/tree.c) */
	struct egi_notices *notices; /* the groups it shows to the crew (runtime/crew/notices.h) */

	/* what happens when a task fails */
	struct egi_guarded_call *guarded_call; /* innermost (task/guarded_call.h) */
	struct egi_recovery *told_of;  /* the task whose panic the hook is being told of (task/recovery.h) */
	struct egi_altstack *altstack; /* where its faults are handled (fault/altstack.h) */
	unsigned panic_forbidden;      /* how often, outside tasks (task/panic.h) */
	bool is_crew;                  /* the library's own */
	bool is_leaving;               /* it ends, and may be joined (leave.h) */
	struct egi_member *member;     /* of the crew, if it is one (runtime/crew/roster.h) */

	/* of a thread that the library has started, be it crew or not */
	bool is_ours;
	bool is_odd;      /* it kept something of the thread that had it started: better used for no others */
	bool is_punctual; /* its sleeps end on time */
	unsigned spawns;  /* sections that are open in which it starts programs */
	uint64_t slack_ns;   /* how late its sleeps may end otherwise */
	egi_signals blocked; /* what the process blocks, which this thread blocks and more */
};

extern __thread struct egi_thread egi_thread_self __attribute__((tls_model("initial-exec")));

/*
 * What the library needs once in a process, made when the first thread registers: library.c's, which is above all other
 * files. Returns when it is there.
 *
 * The one call that runs up. It has to be a name: whoever comes first may do so before any constructor has run that could hand
 * in a function, and of an archive the linker takes library.c only because something names it.
 */
void egi_library_begin(void);

/* Once in a process: the key whose destructor notices that a thread ends, and has `exits` called there. */
void egi_thread_start(void (*exits)(void));

/*
 * In a forked child: the calling thread is another than the one it is a copy of; and, when everything else is ready for
 * signals, it is the child's main thread: if it was one of ours, it blocks what the process does.
 */
void egi_thread_start_child(void);
void egi_thread_open_child(void);

/* Gives the calling thread its id and its exit hook. With the first thread the library begins. */
uint64_t egi_thread_register(void);

static inline uint64_t egi_thread_id(void)
{
	uint64_t id = egi_thread_self.id;

	return EGI_LIKELY(id != 0) ? id : egi_thread_register();
}

/*
 * Starts a thread that is as the process is, whichever thread calls this (likeness.h). It computes as a program begins,
 * cannot be cancelled, and blocks every signal but what its own instructions and calls raise; of these the process may
 * block some. Its stack is as large as those of the program's threads by default (ulimit -s), and at least so large that
 * a task has a MiB besides what is kept for stack overflows (fault/altstack.h).
 * Return: 0 or -EAGAIN.
 */
#define EGI_THREAD_STACK_LEAST ((size_t)1536 * 1024)
int egi_thread_create(pthread_t *ret_thread, void *(*main)(void *arg), void *arg);

/*
 * Has the timed sleeps of the calling thread, one of ours, end on time, instead of the usual 50 us late; or as usual, which
 * is how it has to be when the program's code runs: processes that it starts inherit it. Each is free if it is so already.
 */
void egi_thread_be_punctual(void);
void egi_thread_be_usual(void);

/*
 * Sections in which the calling thread starts programs (spawn.h). In the outermost one a thread of ours blocks what the
 * process does; the threads of the program have their own masks anyway.
 */
void egi_thread_begin_spawn(void);
void egi_thread_end_spawns(unsigned count);

/* What a program is to block that the calling thread starts, whether it is in such a section or not. */
sigset_t egi_thread_spawn_mask(void);

/* Raised by one in every forked child: what was made under another number is dead here. */
extern uint32_t egi_thread_fork_count;

#endif
