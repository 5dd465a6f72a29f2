/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_PROCESS_H
#define EGI_OS_PROCESS_H

/*
 * What the process is like, as far as nobody but its main thread can tell: its timer slack, its way to treat denormal
 * numbers, and the signals that it blocks. The main thread notes it when it first uses the library, and whenever it
 * starts one of the library's threads.
 */

#include <signal.h>

#include "os/compiler.h"

/* Signals as the kernel counts them: signal n is bit n - 1. */
typedef uint64_t egi_signals;

#define EGI_SIGNAL(number) (UINT64_C(1) << ((number)-1))

/* Those that the calling thread blocks; and the set that has these in it. */
egi_signals egi_signals_blocked(void);
sigset_t egi_signals_set(egi_signals signals);

struct egi_process {
	egi_signals blocked;
	uint64_t slack_ns;
	uint64_t flush; /* of egi_fpenv_flush */
};

bool egi_process_is_main(void);

/* By the main thread; nothing happens on another. */
void egi_process_note(void);

/* Return: false while the main thread has noted nothing, with ret_process untouched. */
bool egi_process_noted(struct egi_process *ret_process);

/*
 * The calling thread blocks these, too, between the two: for the library's sake, and not long. The process's own signals
 * are those that it blocked before. One thread at a time, which may be another process's copy of it when it ends.
 */
void egi_process_mask(egi_signals signals);
void egi_process_unmask(void);

/*
 * Whoever looks at what the main thread blocks, looks again if it was masked meanwhile: the number of times so far, odd
 * while it is.
 */
uint32_t egi_process_masked(void);

/* In a forked child: its main thread is the one that forked, and has noted nothing. */
void egi_process_start_child(void);

#endif
