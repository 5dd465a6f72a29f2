/* SPDX-License-Identifier: MIT */
#ifndef TIMELINE_TEXTS_H
#define TIMELINE_TEXTS_H

/*
 * Texts, each kept once: a number stands for it. 0 is the empty one.
 */

#include <stddef.h>
#include <stdint.h>

struct texts {
	char *bytes;
	size_t length, size;
	uint32_t *table; /* of those texts whose hash leads there or before; 0: free */
	size_t table_size, count;
};

/* Begins as zeros. */
void texts_finish(struct texts *texts);

/* Return: 0, -ENOMEM, or -EFBIG beyond 4 GiB of them. */
int texts_add(struct texts *texts, const char *text, uint32_t *ret_number);

/* Valid until the next is added. */
const char *texts_get(const struct texts *texts, uint32_t number);

#endif
