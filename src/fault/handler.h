/* SPDX-License-Identifier: MIT */
#ifndef EGI_FAULT_HANDLER_H
#define EGI_FAULT_HANDLER_H

/*
 * The handler of signals that faults raise.
 */

#include <signal.h>

void egi_fault_handle(int signal, siginfo_t *info, void *context);

/* Says which process it is: in another, a forked one that nobody told, nothing is recovered. */
void egi_fault_start_process(void);

#endif
