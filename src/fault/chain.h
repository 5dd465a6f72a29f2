/* SPDX-License-Identifier: MIT */
#ifndef EGI_FAULT_CHAIN_H
#define EGI_FAULT_CHAIN_H

/*
 * The handlers of the process for signals that faults raise: put in front of those that are there, to which all is
 * handed on that is not ours to recover.
 */

#include <signal.h>
#include <stdbool.h>
#include <ucontext.h>

/*
 * Puts a handler in front, or, the second time, looks whether it still is. Under a lock of the caller's.
 * Return: 0; -EBUSY when somebody has replaced it.
 */
int egi_fault_chain_install(void (*handler)(int signal, siginfo_t *info, void *context));

/*
 * A set of the signals of faults that the calling thread has blocked, which makes a fault the end of the process; and the
 * same ones taken, and blocked again.
 */
unsigned egi_fault_chain_blocked(void);
void egi_fault_chain_unblock(unsigned set);
void egi_fault_chain_block(unsigned set);

/*
 * In that handler: a signal that was sent, and of a set that is blocked but for the library, stays one that is blocked and
 * pending. Return: false, with nothing done, if it is another one.
 *
 * @in_task  it may be the task that calls abort(), which takes its signal first
 */
bool egi_fault_chain_put_back(int signal, siginfo_t *info, ucontext_t *context, unsigned set, bool in_task);

/* In that handler, of one that was recovered: what the task has blocked is taken from now on. */
void egi_fault_chain_take_all(ucontext_t *context);

/* In that handler: does what would have happened without it. */
void egi_fault_chain_pass(int signal, siginfo_t *info, void *context);

/*
 * In that handler: has the process end by the signal, with what is in the context.
 *
 * @info  of a signal that was sent, which is sent again; NULL: the interrupted instruction raises it again
 */
void egi_fault_chain_end(int signal, siginfo_t *info);

#endif
