/* SPDX-License-Identifier: MIT */
#ifndef TIMELINE_SPANS_H
#define TIMELINE_SPANS_H

/*
 * What ran: spans, in lanes. A span takes 32 bytes, and each name its length once.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "texts.h"

/* Rows of a lane. What lies deeper is in the last. */
#define ROWS_MAX 16

struct span {
	int64_t begin_ns, end_ns;
	uint32_t lane, name, error; /* error: 0 for none; numbers of texts */
	uint8_t row;                /* how many it lies in; 0: outermost */
	bool is_instant : 1;        /* a moment, and no span */
	bool is_on_path : 1;
	bool is_open : 1; /* its end has not been read yet, and is the number of the one it lies in */
	bool has_no_end : 1;
};

#define SPAN_NONE UINT32_MAX

struct lane {
	uint32_t process, thread; /* texts */
	uint32_t name;            /* or 0 */
	int64_t order;
	uint32_t open; /* the innermost span that is open */

	/* From spans_finish on. */
	size_t first, count;
	int64_t busy_ns;
	unsigned rows;
};

struct spans {
	struct texts texts;
	struct span *items;
	size_t count, size;
	struct lane *lanes;
	size_t lane_count, lane_size;
	uint32_t *lane_table; /* lanes by hash, plus one; 0: free */
	size_t lane_table_size;
	uint32_t lane_last; /* the one asked for last */
	struct process {
		uint32_t process, name;
	} * processes;
	size_t process_count;

	int64_t begin_ns, end_ns; /* of all */
	size_t failed, moments;
};

/* Begins as zeros. Failing calls return -ENOMEM. */
void spans_free(struct spans *spans);

/* The lane of that thread, made if need be; process and thread are texts. */
int spans_lane(struct spans *spans, uint32_t process, uint32_t thread, uint32_t *ret_lane);

int spans_name_process(struct spans *spans, uint32_t process, uint32_t name);
uint32_t spans_process_name(const struct spans *spans, uint32_t process);

int spans_add(struct spans *spans, const struct span *span);

/* A span that begins now, and one that ends: the innermost that is open. An end without a beginning is nothing. */
int spans_begin(struct spans *spans, const struct span *span);
void spans_end(struct spans *spans, uint32_t lane, int64_t end_ns, uint32_t error);

/*
 * All have been added: lanes and spans are put in order, by lane, then begin; and it is seen which lies in which. What has no
 * end ends with the run.
 */
int spans_finish(struct spans *spans);

#endif
