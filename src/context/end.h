/* SPDX-License-Identifier: MIT */
#ifndef EGI_CONTEXT_END_H
#define EGI_CONTEXT_END_H

/*
 * The end of a context and of all below it: by whoever cancels it, or by the keeper when its deadline or a signal has come.
 */

#include "context/tree.h"

/* Ends a context and all below it, and makes the calls. Return: 0 or -EALREADY. */
int egi_ctx_end(eg_ctx *ctx, int err, eg_error *cause);

/* The same on the keeper, which leaves the calls to other threads. No reference is needed, but that nobody frees it. */
void egi_ctx_end_kept(eg_ctx *ctx, int err, eg_error *cause);

/* Sees to it that the context ends at its deadline, unasked. Return: 0 or -EAGAIN. */
int egi_ctx_attend(eg_ctx *ctx);

/* At the beginning: deadlines end their contexts. */
void egi_ctx_end_start(void);

#endif
