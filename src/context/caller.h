/* SPDX-License-Identifier: MIT */
#ifndef EGI_CONTEXT_CALLER_H
#define EGI_CONTEXT_CALLER_H

/*
 * The threads that call functions when a deadline or a signal has ended their context. The keeper, which ends it, leaves the
 * calls in queues and calls nobody.
 */

#include "context/callback.h"

/* The queue of the contexts that the keeper ended, for each lock of trees; under that lock. */
struct egi_ctx_queue *egi_ctx_caller_queue(unsigned lock);

/* On the keeper: there is something in a queue. Threads come for it by egi_ctx_caller_look. */
void egi_ctx_caller_note(unsigned lock);

/* On the keeper, when something was noted, and then when it says: has threads come. Returns when to look again. */
int64_t egi_ctx_caller_look(void);

/* At the beginning and in a forked child; at exit; around fork. */
void egi_ctx_caller_start(void);
void egi_ctx_caller_stop(void);
void egi_ctx_caller_lock(void);
void egi_ctx_caller_unlock(void);

/*
 * Has those end that have nothing to do. Returns whether some are about to; *ret_left: how many there are; *ret_waits: whether
 * calls wait, for which the keeper may have to start one.
 */
bool egi_ctx_caller_dismiss(int *ret_left, bool *ret_waits);

#endif
