/* SPDX-License-Identifier: MIT */
#ifndef EGI_TASK_COPY_H
#define EGI_TASK_COPY_H

/*
 * Tasks that need more than two words: those with a copied argument, and those whose function's address leaves no
 * room for the site. The task's argument is then a box, which the task frees when it ends, by whatever way; who
 * discards such a task frees the box.
 */

#include <errgroup/task.h>

/*
 * Makes a box around fn and a copy of `size` bytes, or `arg` itself when bytes is NULL and size 0.
 * Return: 0, -EOVERFLOW or -ENOMEM.
 */
int egi_box_make(eg_task_fn *fn, void *arg, const void *bytes, size_t size, void **ret_box);

/* The function of every boxed task. */
int egi_box_run(eg_ctx *ctx, void *box);

/* Frees a box whose task is not going to run. */
void egi_box_free(void *box);

#endif
