/* SPDX-License-Identifier: MIT */
/*
 * Contexts that signals cancel.
 *
 * The handler notes the number and kicks the keeper (timer.h), which cancels. Ending a context takes locks and calls
 * functions of the program, so it cannot be done in the handler. A thread that waits in sigwait or on a signalfd(2) would
 * need the signal blocked in every thread of the program, which a library cannot have; a descriptor to write to could
 * not be had when the program has used up its own.
 *
 * The kernel puts the default action back as it calls the handler (SA_RESETHAND), so the second signal takes it even if
 * the program, or this library, is stuck. It calls it on the thread's alternate stack, if there is one: the program may
 * run on stacks of its own that have no room for a handler. What the handler itself needs is a hundred bytes or two.
 *
 * The action in place is the program's to change at any time. It is looked at in the same call that changes it: what is
 * not ours, nor what the kernel left after ours was called, is somebody else's, and is put back.
 *
 * Who listens, for which signals, and what their actions were is under a lock that is taken before any other of the
 * contexts' (tree.h): the keeper ends a context that listens without a reference, and the last reference takes the lock, too,
 * before the context is gone. The handler takes no lock; what it writes is one word.
 */
#include "context/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "context/end.h"
#include "context/tree.h"
#include "error/error.h"
#include "os/mutex.h"
#include "os/process.h"
#include "os/verify.h"

#define SIGNALS_MAX 64 /* as many as a word has bits; Linux has so many */

struct signalled_ctx {
	eg_ctx ctx;
	egi_signals wanted;
	uint32_t process; /* the fork count of the one that listens */
	LIST_ENTRY(signalled_ctx) link;
};

/* Everything is under the lock, which is taken before any other. */
static struct {
	struct egi_mutex lock;
	LIST_HEAD(, signalled_ctx) listening;
	unsigned users[SIGNALS_MAX + 1];
	struct sigaction before[SIGNALS_MAX + 1]; /* of signals that have users */
	bool masked;                              /* the thread that forks */
} signals = {
    .lock = EGI_MUTEX_INIT,
    .listening = LIST_HEAD_INITIALIZER(signals.listening),
};

/* A bit for each signal that has arrived and not been seen to. */
static egi_signals arrived;

static void handle(int signal)
{
	egi_signals bits = egi_load_relaxed_u64(&arrived);

	/* [K3] full: the signal before the kick; pairs with [K2]. */
	while (!egi_cas_u64(&arrived, &bits, bits | EGI_SIGNAL(signal)))
		;
	egi_timer_kick();
}

/* Whether an action is ours, or what the kernel makes of it. */
static bool is_ours(const struct sigaction *action)
{
	return action->sa_handler == handle || action->sa_handler == SIG_DFL;
}

/* Under lock. Return: 0, -EINVAL or -EBUSY. */
static int signal_take(int signal)
{
	struct sigaction ours = {.sa_handler = handle,
				 .sa_flags = (int)(SA_RESTART | SA_RESETHAND | SA_ONSTACK)},
			 before;

	if (sigaction(signal, &ours, &before) < 0)
		return -EINVAL;
	if (signals.users[signal] == 0) {
		signals.before[signal] = before;
	} else if (!is_ours(&before)) {
		sigaction(signal, &before, NULL);
		return -EBUSY;
	}
	signals.users[signal]++;
	return 0;
}

/* Under lock: puts the former action in place, unless somebody has put another one there. */
static void signal_restore(int signal)
{
	struct sigaction now;

	if (sigaction(signal, &signals.before[signal], &now) == 0 && !is_ours(&now))
		sigaction(signal, &now, NULL);
}

/* Under lock. */
static void signals_give_up(egi_signals wanted)
{
	for (int signal = 1; signal <= SIGNALS_MAX; signal++)
		if ((wanted & EGI_SIGNAL(signal)) != 0 && --signals.users[signal] == 0)
			signal_restore(signal);
}

/* Under lock. */
static int signals_take(egi_signals wanted)
{
	egi_signals taken = 0;

	for (int signal = 1; signal <= SIGNALS_MAX; signal++) {
		int err = (wanted & EGI_SIGNAL(signal)) != 0 ? signal_take(signal) : 0;

		if (err) {
			signals_give_up(taken);
			return err;
		}
		taken |= wanted & EGI_SIGNAL(signal);
	}
	return 0;
}

static bool is_usable(int signal)
{
	static const int refused[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE,
				      SIGILL,  SIGTRAP, SIGSYS,  SIGABRT};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (signal == refused[i])
			return false;
	return signal >= 1 && signal <= SIGNALS_MAX;
}

/* The program has given the context up: from here on the signals are as they were. */
static void signalled_finish(eg_ctx *ctx)
{
	struct signalled_ctx *signalled = EGI_CONTAINER_OF(ctx, struct signalled_ctx, ctx);

	if (signalled->process != egi_thread_fork_count)
		return;
	/* The keeper ends contexts under this lock, and has no reference, which would leave the program without knowing. */
	egi_mutex_lock(&signals.lock);
	LIST_REMOVE(signalled, link);
	signals_give_up(signalled->wanted);
	egi_mutex_unlock(&signals.lock);
	egi_timer_release();
}

/* Has a context that is complete listen. */
static int signalled_listen(struct signalled_ctx *signalled)
{
	int err = egi_timer_hold();

	if (err)
		return err;
	egi_mutex_lock(&signals.lock);
	err = signals_take(signalled->wanted);
	if (!err) {
		signalled->ctx.finish = signalled_finish;
		LIST_INSERT_HEAD(&signals.listening, signalled, link);
	}
	egi_mutex_unlock(&signals.lock);
	if (err)
		egi_timer_release();
	return err;
}

int eg_ctx_with_signals(eg_ctx *parent, const int *list, size_t count, eg_ctx **ret_ctx)
{
	struct signalled_ctx *signalled;
	egi_signals wanted = 0;
	eg_ctx *ctx;
	int err;

	if (!list || count == 0 || !ret_ctx)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		if (!is_usable(list[i]))
			return -EINVAL;
		wanted |= EGI_SIGNAL(list[i]);
	}
	ctx = egi_ctx_make(parent, sizeof(*signalled));
	if (!ctx)
		return -ENOMEM;
	signalled = EGI_CONTAINER_OF(ctx, struct signalled_ctx, ctx);
	signalled->wanted = wanted;
	signalled->process = egi_thread_fork_count;
	egi_ctx_join(ctx, 0);
	err = signalled_listen(signalled);
	if (err) {
		eg_ctx_unref(ctx);
		return err;
	}
	*ret_ctx = ctx;
	return 0;
}

/* The cause: "signal SIGINT", say, or the number where there is no name. */
static eg_error *signal_cause(int signal)
{
	const char *name = NULL;
	char text[32];

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 32)
	name = sigabbrev_np(signal);
#endif
	if (name)
		snprintf(text, sizeof(text), "signal SIG%s", name);
	else
		snprintf(text, sizeof(text), "signal %d", signal);
	return egi_error_make_plain(EG_ERROR_RETURNED, EG_ESIGNAL(signal), NULL, NULL, text);
}

/* Under lock. */
static void signalled_cancel(struct signalled_ctx *signalled, int signal)
{
	eg_error *cause = signal_cause(signal);

	egi_ctx_end_kept(&signalled->ctx, -ECANCELED, cause);
	eg_error_unref(cause);
}

/* On the keeper: cancels whoever listens to what has arrived. */
static void signals_see_to(void)
{
	struct signalled_ctx *signalled;
	egi_signals bits = egi_load_relaxed_u64(&arrived);

	/* [Z1] nothing is ordered: the look is after [K2] already, and takes what is there at once. */
	while (!egi_cas_u64(&arrived, &bits, 0))
		;
	egi_mutex_lock(&signals.lock);
	LIST_FOREACH(signalled, &signals.listening, link)
		if ((signalled->wanted & bits) != 0)
			signalled_cancel(signalled, __builtin_ctzll(signalled->wanted & bits) + 1);
	egi_mutex_unlock(&signals.lock);
}

void egi_signals_start(void)
{
	egi_timer_on_kick(signals_see_to);
}

/*
 * Around fork the signals are blocked, or the child could take one by our handler before the former actions are back, and
 * nobody would see to it.
 */
void egi_signals_lock(void)
{
	egi_signals used = 0;

	egi_mutex_lock(&signals.lock);
	for (int signal = 1; signal <= SIGNALS_MAX; signal++)
		if (signals.users[signal] != 0)
			used |= EGI_SIGNAL(signal);
	signals.masked = used != 0;
	if (signals.masked)
		egi_process_mask(used);
}

void egi_signals_unlock(void)
{
	if (signals.masked)
		egi_process_unmask();
	egi_mutex_unlock(&signals.lock);
}

void egi_signals_start_child(void)
{
	for (int signal = 1; signal <= SIGNALS_MAX; signal++) {
		if (signals.users[signal] != 0)
			signal_restore(signal);
		signals.users[signal] = 0;
	}
	LIST_INIT(&signals.listening);
	egi_store_relaxed_u64(&arrived, 0);
}
