/* SPDX-License-Identifier: MIT */
#ifndef EGI_CONTEXT_SIGNALS_H
#define EGI_CONTEXT_SIGNALS_H

/*
 * Contexts that signals cancel, from the inside: what the library's life asks of them.
 */

/* At the beginning, and for the fork handlers. In a forked child the former actions are put back. */
void egi_signals_start(void);
void egi_signals_lock(void);
void egi_signals_unlock(void);
void egi_signals_start_child(void);

#endif
