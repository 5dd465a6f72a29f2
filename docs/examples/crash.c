/* SPDX-License-Identifier: MIT */
/*
 * crash: a task that panics beside tasks that do not.
 *
 * Seven orders are priced. One has a quantity that makes no sense, which is found out several calls deep.
 * The panic ends that task and becomes the group's error; the others are not disturbed. Then the error is
 * printed: the message, the functions that led to it with file and line, and the place that created the
 * task.
 */

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <errgroup.h>

/* Kept as functions of their own, so that the backtrace reads like the source also when optimised. */
#define KEEP_FRAME __attribute__((noinline))

struct order {
	int number;
	int quantity;
	int price;
	int total;
};

static atomic_int orders_priced;

static KEEP_FRAME void order_check_quantity(const struct order *order)
{
	if (order->quantity < 0)
		eg_panic("order %d: quantity %d", order->number, order->quantity);
}

static KEEP_FRAME int order_compute_total(const struct order *order)
{
	order_check_quantity(order);
	return order->quantity * order->price;
}

static int order_price(eg_ctx *ctx, void *arg)
{
	struct order *order = arg;

	(void)ctx;
	order->total = order_compute_total(order);
	atomic_fetch_add(&orders_priced, 1);
	return 0;
}

static KEEP_FRAME void orders_submit(eg_group *group, struct order *orders, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		int error = eg_group_go(group, order_price, &orders[i]);

		if (error != 0)
			fprintf(stderr, "crash: order %d: %s\n", orders[i].number, eg_strerror(error));
	}
}

int main(void)
{
	struct order orders[] = {
	    {.number = 1, .quantity = 3, .price = 20},  {.number = 2, .quantity = 1, .price = 99},
	    {.number = 3, .quantity = 10, .price = 5},  {.number = 4, .quantity = -2, .price = 7},
	    {.number = 5, .quantity = 4, .price = 12},  {.number = 6, .quantity = 2, .price = 50},
	    {.number = 7, .quantity = 100, .price = 1},
	};
	const int count = (int)(sizeof(orders) / sizeof(orders[0]));
	eg_group group = EG_GROUP_INIT;
	int error;

	eg_group_set_limit(&group, 2);
	orders_submit(&group, orders, count);
	error = eg_group_wait(&group);

	printf("%d of %d orders priced\n", atomic_load(&orders_priced), count);
	fflush(stdout);
	if (error != 0)
		eg_error_print(eg_group_error(&group), stderr);
	eg_group_destroy(&group);
	return error != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
