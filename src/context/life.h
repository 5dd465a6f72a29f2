/* SPDX-License-Identifier: MIT */
#ifndef EGI_CONTEXT_LIFE_H
#define EGI_CONTEXT_LIFE_H

/*
 * All of this folder, as far as the library's beginning and end, and forking, are concerned.
 */

#include <stdbool.h>
#include <stdint.h>

/*
 * At the beginning; at exit, when nothing ends by itself any more.
 *
 * @sleeps  see egi_ctx_on_sleep
 */
void egi_contexts_start(int64_t (*sleeps)(int64_t until_ns));
void egi_contexts_stop(void);

/* Around fork. */
void egi_contexts_lock(void);
void egi_contexts_unlock(void);
void egi_contexts_start_child(void);

/* Has the threads end that have nothing to do. Returns whether some are about to; *ret_left: how many there are. */
bool egi_contexts_dismiss(int *ret_left);

#endif
