/* SPDX-License-Identifier: MIT */
/*
 * The life of a thread in the library.
 *
 *      of the program     first use: egi_thread_register .... its end: thread_exits, by the destructor of a key
 *      of the library     egi_thread_create -> thread_begins: made like the process, then `main` -> leave.h
 *
 * Threads are started with every signal blocked, so that there is no moment at which a new one takes a signal of the program's.
 * What it blocks afterwards is all but what its own instructions and calls raise (close_signals); while it starts a program for
 * a task it blocks what the process does, since programs inherit that.
 */
#include "os/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "os/atomic.h"
#include "os/fpenv.h"
#include "os/likeness.h"
#include "os/verify.h"

/* ns of slack. 0 would be the default, and less than a wake-up takes is as good as none. */
#define PUNCTUAL 1000

__thread struct egi_thread egi_thread_self __attribute__((tls_model("initial-exec")));

uint32_t egi_thread_fork_count;

/* Written once, before the first thread has an id. */
static pthread_key_t exit_key;
static bool has_exit_key;
static void (*exit_hook)(void);

/*
 * Runs when a registered thread ends. A thread that pthread_exit or cancellation took out of a task still has
 * its recovery frame then; the frame's stack is gone, what it stands for is not. Another key's destructor may use
 * the library afterwards: then the thread registers anew, and comes here again.
 */
static void thread_exits(void *self)
{
	(void)self;
	exit_hook();
	egi_thread_self.id = 0;
	egi_thread_self.queue_life = 0;
}

void egi_thread_start(void (*exits)(void))
{
	exit_hook = exits;
	/*
	 * A program may have used up its keys, of which there are 1,024. Then nobody notices that a thread ends: what it
	 * keeps stays, and a task that it ends never does. Not again in a child whose parent forked in here.
	 */
	if (!has_exit_key)
		has_exit_key = pthread_key_create(&exit_key, thread_exits) == 0;
}

uint64_t egi_thread_register(void)
{
	static uint64_t last;

	egi_library_begin();
	egi_process_note();
	/* [Z1] nothing is ordered: a number that no other thread has. */
	egi_thread_self.id = egi_add_u64(&last, 1) + 1;
	/* Only keys beyond the first 32 of a process need memory; without, it is as if there were no key. */
	if (has_exit_key)
		(void)pthread_setspecific(exit_key, &egi_thread_self);
	return egi_thread_self.id;
}

/*
 * What an instruction of the thread raises. They are open everywhere: if they are blocked, the kernel ends the process
 * without asking its handler.
 */
#define RAISED_BY_INSTRUCTIONS                                                                \
	(EGI_SIGNAL(SIGSEGV) | EGI_SIGNAL(SIGBUS) | EGI_SIGNAL(SIGFPE) | EGI_SIGNAL(SIGILL) | \
	 EGI_SIGNAL(SIGTRAP) | EGI_SIGNAL(SIGSYS))

/* What a call of the thread raises, or its computing: as the main thread has them, and so a task's end is the same. */
#define RAISED_BY_CALLS \
	(EGI_SIGNAL(SIGABRT) | EGI_SIGNAL(SIGPIPE) | EGI_SIGNAL(SIGXFSZ) | EGI_SIGNAL(SIGPROF))

static void set_signals(egi_signals blocked)
{
	sigset_t set = egi_signals_set(blocked);

	EGI_VERIFY(pthread_sigmask(SIG_SETMASK, &set, NULL) == 0, "cannot block signals");
}

static void close_signals(void)
{
	egi_signals open = RAISED_BY_INSTRUCTIONS | (RAISED_BY_CALLS & ~egi_thread_self.blocked);

	set_signals(~open);
}

void egi_thread_begin_spawn(void)
{
	if (egi_thread_self.spawns++ == 0 && egi_thread_self.is_ours)
		set_signals(egi_thread_self.blocked);
}

void egi_thread_end_spawns(unsigned count)
{
	egi_thread_self.spawns -= count;
	if (count > 0 && egi_thread_self.spawns == 0 && egi_thread_self.is_ours)
		close_signals();
}

sigset_t egi_thread_spawn_mask(void)
{
	return egi_signals_set(egi_thread_self.is_ours ? egi_thread_self.blocked : egi_signals_blocked());
}

static void set_slack(uint64_t slack_ns)
{
	/* Refused under some sandboxes: sleeps are then a little longer. */
	(void)prctl(PR_SET_TIMERSLACK, (unsigned long)slack_ns, 0UL, 0UL, 0UL);
}

void egi_thread_be_punctual(void)
{
	if (egi_thread_self.is_punctual)
		return;
	egi_thread_self.is_punctual = true;
	set_slack(PUNCTUAL);
}

void egi_thread_be_usual(void)
{
	if (!egi_thread_self.is_punctual)
		return;
	egi_thread_self.is_punctual = false;
	set_slack(egi_thread_self.slack_ns);
}

/* What a new thread needs to know of the one that starts it. */
struct start {
	void *(*main)(void *arg);
	void *arg;
	bool by_main;
	egi_signals blocked; /* by that thread; by the process, if it is one of ours */
};

/* What the main thread has, as far as it is known; otherwise what the thread has inherited stays. */
static void thread_find_slack(bool by_main)
{
	int inherited = prctl(PR_GET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL);
	uint64_t slack_ns = 0;
	struct egi_process process;

	egi_thread_self.slack_ns = inherited > 0 ? (uint64_t)inherited : 0;
	if (by_main)
		return;
	if (egi_process_noted(&process))
		slack_ns = process.slack_ns;
	else
		slack_ns = egi_likeness_slack_ns();
	if (slack_ns == 0 || slack_ns == egi_thread_self.slack_ns)
		return;
	egi_thread_self.slack_ns = slack_ns;
	set_slack(slack_ns);
}

static void *thread_begins(void *arg)
{
	struct start start = *(struct start *)arg;
	struct egi_process process = {.blocked = start.blocked};

	free(arg);
	egi_thread_self.is_ours = true;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	(void)egi_process_noted(&process);
	egi_thread_self.blocked = process.blocked;
	if (start.by_main)
		egi_thread_self.blocked = start.blocked;
	else
		egi_thread_self.is_odd = !egi_likeness_take(&egi_thread_self.blocked);
	thread_find_slack(start.by_main);
	egi_fpenv_begin(process.flush);
	close_signals();
	return start.main(start.arg);
}

/* Gives a stack the least size, if what it would be by default is smaller. */
static void stack_be_large_enough(pthread_attr_t *attr)
{
	size_t size;

	if (pthread_attr_getstacksize(attr, &size) == 0 && size < EGI_THREAD_STACK_LEAST)
		(void)pthread_attr_setstacksize(attr, EGI_THREAD_STACK_LEAST);
}

static int thread_start(pthread_t *ret_thread, struct start *start)
{
	pthread_attr_t attr;
	sigset_t every;
	int err;

	err = pthread_attr_init(&attr);
	if (err)
		return err;
	stack_be_large_enough(&attr);
	/* There is no moment at which the new thread could take a signal, and the caller's mask stays what it is. */
	sigfillset(&every);
	err = pthread_attr_setsigmask_np(&attr, &every);
	if (!err)
		err = pthread_create(ret_thread, &attr, thread_begins, start);
	pthread_attr_destroy(&attr);
	return err;
}

int egi_thread_create(pthread_t *ret_thread, void *(*main)(void *arg), void *arg)
{
	struct start *start = malloc(sizeof(*start));
	egi_signals blocked = egi_thread_self.blocked;

	if (!start)
		return -EAGAIN;
	egi_process_note();
	/* The new thread would inherit it. */
	egi_thread_be_usual();
	if (!egi_thread_self.is_ours)
		blocked = egi_signals_blocked();
	*start = (struct start){main, arg, egi_process_is_main(), blocked};
	if (thread_start(ret_thread, start) == 0)
		return 0;
	free(start);
	return -EAGAIN;
}

void egi_thread_start_child(void)
{
	egi_thread_self.id = 0;
	egi_thread_self.queue_life = 0;
	egi_process_start_child();
}

void egi_thread_open_child(void)
{
	if (!egi_thread_self.is_ours)
		return;
	egi_thread_be_usual();
	egi_thread_self.is_ours = false;
	set_signals(egi_thread_self.blocked);
}
