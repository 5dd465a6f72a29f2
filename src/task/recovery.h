/* SPDX-License-Identifier: MIT */
#ifndef EGI_TASK_RECOVERY_H
#define EGI_TASK_RECOVERY_H

/*
 * Recovery: where a panic in a task lands, and what belongs to the running task and to no other.
 *
 * A worker sets one jump buffer before it runs any number of tasks. A thread that helps with another group from
 * inside a task has a chain of recoveries, innermost first; each belongs to a worker and outlives the stack of
 * the task, because a task may end its thread.
 */

#include <errgroup/panic.h>
#include <errgroup/task.h>
#include <setjmp.h>

#include "error/error.h"
#include "os/fpenv.h"
#include "os/thread.h"

struct egi_defer {
	void (*fn)(void *arg);
	void *arg;
	bool is_ours; /* the library's: made whatever happens, and never panics */
};

#define EGI_DEFERS_INLINE 9 /* eight for the task, as task.h says, and one for its copied argument (copy.h) */

struct egi_recovery {
	/*
	 * Looked at after every task: whether any of the below needs work. Set for nothing, it costs the task's end a
	 * call; not set, what the task left behind would be the next one's. As wide as a task's code, to be looked at together.
	 */
	int dirty;
	bool abort_on_panic;
	bool is_hooks;     /* the hook made the group, or a group above it: it is not told */
	unsigned panics;   /* of the running task */
	int64_t part;      /* which part of the task is running, as its errors' index; -1: the task is one */
	eg_error *failure; /* of the running task: what it is going to fail with */
	eg_error *message; /* attached by eg_fail or eg_fail_with */
	size_t defers_count, defers_room;
	size_t defers_base;       /* those below are of a call further out: see egi_recovery_begin_inner */
	struct egi_defer *defers; /* `defers_inline`, or memory */
	struct eg_scope *scope;   /* innermost open scope, on the task's stack */
	size_t scopes_begin;      /* the deferred calls from here on belong to open scopes */
	unsigned panic_forbidden; /* how often (panic.h) */
	unsigned spawns;          /* sections that are open in which it starts programs */
	unsigned formatting;      /* panics of which the message is being formatted */
	struct egi_defer defers_inline[EGI_DEFERS_INLINE];

	struct egi_recovery *outer;
	const void *group; /* the group whose tasks run here: an identity, never followed */
	struct egi_error_origin (*origin)(struct egi_recovery *recovery);
	void (*exited)(struct egi_recovery *recovery); /* the thread ended inside the running task */

	/* what makes a jump safe */
	uint64_t magic;
	uint64_t thread;
	uint32_t fork_count;
	const void *frame; /* in the stack frame that jump_to returns to */
	const void *stop;  /* in the stack frame that calls tasks: where backtraces end */
	/*
	 * In the stack frame of ours that called the user's code which is running: `stop`, or one nearer. Between it and
	 * that code's frames there are none of the library, so no lock of ours is held and nothing half done.
	 */
	const void *entry;
	unsigned faults;    /* which faults become errors here: EG_FAULT_*, or 0 (fault/mode.h) */
	unsigned unblocked; /* and which of their signals the thread had blocked (fault/chain.h) */
	struct egi_fpenv fpenv;
	jmp_buf jump_to;
};

void egi_recovery_init(struct egi_recovery *recovery);

/* Gives back memory for deferred calls, of which there are none; tasks that have left nothing to do leave it to the next. */
void egi_recovery_finish(struct egi_recovery *recovery);

/* Makes a recovery the calling thread's innermost one; `frame` lies in the function that calls setjmp. */
void egi_recovery_enter(struct egi_recovery *recovery, const void *frame);
void egi_recovery_leave(struct egi_recovery *recovery);

/* The function that uses it calls tasks, or deferred calls, from now on. */
#define EGI_RECOVERY_CALL_HERE(recovery) ((recovery)->stop = (recovery)->entry = __builtin_frame_address(0))

/*
 * A call of the program's in a function of ours that runs as a task, and holds nothing then: EGI_RECOVERY_CALL(code = fn(arg)).
 * That function is not to be inlined.
 */
#define EGI_RECOVERY_CALL(call)                                                \
	do {                                                                   \
		struct egi_recovery *recovery_here = egi_thread_self.recovery; \
		const void *entry_before = recovery_here->entry;               \
		recovery_here->entry = __builtin_frame_address(0);             \
		call;                                                          \
		recovery_here->entry = entry_before;                           \
	} while (0)

/*
 * The calling thread ends, perhaps inside tasks: has each of them recorded as failed, down to but without `outer`, one of
 * them; NULL: all.
 */
void egi_recovery_exit_inside(const struct egi_recovery *outer);

/* Whether the calling thread is running a task of this group, at any depth. */
bool egi_recovery_is_inside(const void *group);

/* Whether the calling thread is in the hook, or in a task of a group that the hook made: such groups are the hook's. */
bool egi_recovery_is_hooks(void);

/* Makes the deferred calls down to so many, last registered first. */
void egi_recovery_run_defers(struct egi_recovery *recovery, size_t down_to);

/*
 * Ends the running task with an error, which it takes over: calls the hook, makes the deferred calls and jumps.
 *
 * @end_process  how the process ends if the group wants that: abort, or what a fault is to look like
 */
void egi_recovery_unwind(struct egi_recovery *recovery, eg_error *error, void (*end_process)(void))
    __attribute__((noreturn));

/*
 * Ends the running task: makes an error of a non-zero code, with what eg_fail attached, runs the deferred calls
 * and returns the task's error, or NULL. A deferred call that panics jumps; calling this again with code 0 then
 * finishes the work.
 */
eg_error *egi_recovery_end_task(struct egi_recovery *recovery, int code);

/*
 * A call of the program's ends that is a part of the running task, and to the program a task of its own: the same without the
 * task's end, which has the error. The deferred calls are made down to so many.
 */
void egi_recovery_end_call(struct egi_recovery *recovery, int code, size_t down_to);

/*
 * A task that waits runs a part of another task meanwhile, on top of its own stack: what belongs to the running task is put
 * aside, and back again at the end, so that a panic in there ends that part and nothing else. The caller sets `jump_to` and
 * says that it calls tasks (EGI_RECOVERY_CALL_HERE) in between.
 */
struct egi_recovery_aside {
	bool is_dirty;
	unsigned panics;
	int64_t part;
	eg_error *failure, *message;
	size_t defers_base;
	struct eg_scope *scope;
	size_t scopes_begin;
	unsigned panic_forbidden, spawns, formatting;
	const void *frame, *stop, *entry;
	struct egi_fpenv fpenv;
	jmp_buf jump_to;
};

void egi_recovery_begin_inner(struct egi_recovery *recovery, struct egi_recovery_aside *aside,
			      const void *frame);

/* The same as egi_recovery_end_task: returns what the part has failed with. Then egi_recovery_leave_inner. */
eg_error *egi_recovery_end_inner(struct egi_recovery *recovery, int code);
void egi_recovery_leave_inner(struct egi_recovery *recovery, const struct egi_recovery_aside *aside);

/* Adds an error to what the running task fails with, and takes it over. */
void egi_recovery_add(struct egi_recovery *recovery, eg_error *error);

/* In a forked child: has the loops of the tasks that the calling thread was running notice. */
void egi_recovery_mark_all(void);

#endif
