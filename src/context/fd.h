/* SPDX-License-Identifier: MIT */
#ifndef EGI_CONTEXT_FD_H
#define EGI_CONTEXT_FD_H

/*
 * An event as a descriptor that becomes readable: once and for all, what eg_ctx_fd gives out; or until it is lowered. It knows no
 * context.
 *
 * Threads: its owner's lock is held around all of it.
 */

struct egi_ctx_fd {
	int read, write; /* the same number, or the ends of a pipe; -1: it is not open */
};

#define EGI_CTX_FD_NONE ((struct egi_ctx_fd){-1, -1})

/* Return: 0, or a negative errno with nothing opened. Neither end is a standard descriptor. */
int egi_ctx_fd_open(struct egi_ctx_fd *ret_fd);

/* Makes it readable for good, by the end that is written to. */
void egi_ctx_fd_raise(int write);

/* Makes it readable, by that end, until it is lowered; and not readable any more. */
void egi_ctx_fd_raise_once(int write);
void egi_ctx_fd_lower(const struct egi_ctx_fd *fd);

/* Closes it, if it is open. */
void egi_ctx_fd_close(struct egi_ctx_fd *fd);

#endif
