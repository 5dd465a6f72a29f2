/* SPDX-License-Identifier: MIT */
#ifndef EGI_CONTEXT_WAIT_H
#define EGI_CONTEXT_WAIT_H

/*
 * Waiting for the end of a context, from the inside.
 */

#include <errgroup/ctx.h>
#include <stdint.h>

/*
 * Once, at the beginning: a thread that is about to sleep until a time on a context, and whose CPU could be of use to
 * another, says so to `sleeps`, which returns until when to sleep at the latest before it is asked again.
 */
void egi_ctx_on_sleep(int64_t (*sleeps)(int64_t until_ns));

/*
 * When a thread that sleeps until a time, or until somebody tells it that the context is over, is to wake and look again at
 * the latest. Without a keeper that is the context's deadline, and with one a little later: it may have gone meanwhile.
 */
int64_t egi_ctx_wakes_ns(const eg_ctx *ctx, int64_t until_ns);

/* A thread is about to sleep until a time on a context, as above. Returns until when, before it looks and asks again. */
int64_t egi_ctx_sleeps(const eg_ctx *ctx, int64_t until_ns);

/*
 * The context's descriptor, as eg_ctx_fd gives it, but that nobody need see to the deadline: for those who look at the clock.
 * Return: the descriptor or a negative code.
 */
int egi_ctx_end_fd(eg_ctx *ctx);

/* At exit. */
void egi_ctx_wait_stop(void);

#endif
