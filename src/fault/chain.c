/* SPDX-License-Identifier: MIT */
/*
 * Handlers stay once they are in place: taking one out again would take out what somebody has put in front of it since. What
 * was there before is written once, before ours can be called, and read by handlers on any thread from then on; but for a
 * handler that wanted to be called once (SA_RESETHAND), which the kernel would have forgotten as well.
 *
 * Signals are told apart by how they came. One that an instruction raised comes again when the instruction is tried again,
 * so it need not be kept; one that was sent does not, and is sent again.
 */
#include "fault/chain.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/compiler.h"

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

#define SIGNALS_COUNT (sizeof(signals) / sizeof(signals[0]))

static struct sigaction before[SIGNALS_COUNT];
static bool is_installed;

static struct sigaction *before_of(int signal)
{
	for (size_t i = 0; i < SIGNALS_COUNT; i++)
		if (signals[i] == signal)
			return &before[i];
	return NULL;
}

static bool is_ours(const struct sigaction *action, void (*handler)(int, siginfo_t *, void *))
{
	return (action->sa_flags & SA_SIGINFO) != 0 && action->sa_sigaction == handler;
}

int egi_fault_chain_install(void (*handler)(int signal, siginfo_t *info, void *context))
{
	struct sigaction ours, now;

	for (size_t i = 0; i < SIGNALS_COUNT; i++) {
		if (sigaction(signals[i], NULL, &now))
			return -errno;
		if (is_installed && !is_ours(&now, handler))
			return -EBUSY;
		if (!is_installed)
			before[i] = now;
	}
	if (is_installed)
		return 0;
	is_installed = true;
	for (size_t i = 0; i < SIGNALS_COUNT; i++) {
		memset(&ours, 0, sizeof(ours));
		ours.sa_sigaction = handler;
		/* Not blocked meanwhile: the handler reads what may fault. */
		ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | (before[i].sa_flags & SA_RESTART);
		sigemptyset(&ours.sa_mask);
		if (sigaction(signals[i], &ours, NULL))
			return -errno;
	}
	return 0;
}

/* Whether an instruction raised the signal, which it does again when it is tried again. */
static bool is_synchronous(const siginfo_t *info)
{
	return info->si_code > 0 && (info->si_signo != SIGBUS || info->si_code != BUS_MCEERR_AO);
}

unsigned egi_fault_chain_blocked(void)
{
	unsigned set = 0;
	sigset_t blocked;

	if (pthread_sigmask(SIG_BLOCK, NULL, &blocked))
		return 0;
	for (size_t i = 0; i < SIGNALS_COUNT; i++)
		if (sigismember(&blocked, signals[i]) > 0)
			set |= 1u << i;
	return set;
}

static sigset_t mask_of(unsigned set)
{
	sigset_t mask;

	sigemptyset(&mask);
	for (size_t i = 0; i < SIGNALS_COUNT; i++)
		if ((set & 1u << i) != 0)
			sigaddset(&mask, signals[i]);
	return mask;
}

void egi_fault_chain_unblock(unsigned set)
{
	sigset_t mask = mask_of(set);

	pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
}

void egi_fault_chain_block(unsigned set)
{
	sigset_t mask = mask_of(set);

	pthread_sigmask(SIG_BLOCK, &mask, NULL);
}

/*
 * By kill it waits for any thread again, and by tgkill for this one. Which of the two sigqueue and pthread_sigqueue were is
 * not told; the first is the usual one, and this thread can take what waits for any.
 *
 * Several that were pending arrive one within another, before the first one's handler has run: each return blocks what
 * those before it have put back.
 */
bool egi_fault_chain_put_back(int signal, siginfo_t *info, ucontext_t *context, unsigned set, bool in_task)
{
	bool is_abort = signal == SIGABRT && info->si_code == SI_TKILL && info->si_pid == getpid();
	unsigned bit = 1u << (before_of(signal) - before);
	sigset_t pending;

	if (is_synchronous(info) || (is_abort && in_task) || (set & bit) == 0)
		return false;
	egi_fault_chain_block(bit);
	if (info->si_code == SI_TKILL)
		syscall(SYS_rt_tgsigqueueinfo, getpid(), (pid_t)syscall(SYS_gettid), signal, info);
	else
		syscall(SYS_rt_sigqueueinfo, getpid(), signal, info);
	sigpending(&pending);
	for (size_t i = 0; i < SIGNALS_COUNT; i++)
		if ((set & 1u << i) != 0 && sigismember(&pending, signals[i]) > 0)
			sigaddset(&context->uc_sigmask, signals[i]);
	return true;
}

void egi_fault_chain_take_all(ucontext_t *context)
{
	for (size_t i = 0; i < SIGNALS_COUNT; i++)
		sigdelset(&context->uc_sigmask, signals[i]);
}

void egi_fault_chain_end(int signal, siginfo_t *info)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = SIG_DFL;
	sigaction(signal, &action, NULL);
	/* It arrives when the handler returns. */
	if (info)
		syscall(SYS_rt_tgsigqueueinfo, getpid(), (pid_t)syscall(SYS_gettid), signal, info);
}

void egi_fault_chain_pass(int signal, siginfo_t *info, void *context)
{
	struct sigaction *saved = before_of(signal), action = *saved;
	sigset_t mask;

	if (action.sa_handler == SIG_IGN && !is_synchronous(info))
		return;
	/* The kernel does not let a fault be ignored either. */
	if (action.sa_handler == SIG_IGN || action.sa_handler == SIG_DFL) {
		egi_fault_chain_end(signal, is_synchronous(info) ? NULL : info);
		return;
	}
	if ((action.sa_flags & (int)SA_RESETHAND) != 0)
		saved->sa_handler = SIG_DFL;
	/* The mask from before comes back with the context. */
	mask = action.sa_mask;
	if ((action.sa_flags & SA_NODEFER) == 0)
		sigaddset(&mask, signal);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	if ((action.sa_flags & SA_SIGINFO) != 0)
		action.sa_sigaction(signal, info, context);
	else
		action.sa_handler(signal);
}
