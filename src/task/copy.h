/* SPDX-License-Identifier: MIT */
#ifndef EGI_TASK_COPY_H
#define EGI_TASK_COPY_H

/*
 * Tasks that need more than two words: those with a copied argument, and those whose function's address leaves no
 * room for the site. The task's argument is then a block that has the function and the argument, or a copy of it; the task
 * frees it when it ends, by whatever way; who discards such a task frees it.
 */

#include <errgroup/task.h>

/*
 * Makes a block of fn and a copy of `size` bytes, or `arg` itself when bytes is NULL and size 0.
 * Return: 0, -EOVERFLOW or -ENOMEM.
 */
int egi_copy_make(eg_task_fn *fn, void *arg, const void *bytes, size_t size, void **ret_copy);

/* The function of every such task; its argument is the block. */
int egi_copy_run(eg_ctx *ctx, void *copy);

/* Frees the block of a task that is not going to run. */
void egi_copy_free(void *copy);

#endif
