/* SPDX-License-Identifier: MIT */
/*
 * crash: tasks that crash beside tasks that do not.
 *
 *     crash [all | abort | assert | call | division | nil | overflow | panic | wild]
 *
 * Orders are priced. One of them, or with "all" one of each kind, has something wrong with it, which is found out
 * several calls deep: by eg_panic where the program looks, and by a fault where it does not. That ends the order's
 * task and becomes an error of the group; the others are not disturbed. Then the errors are printed: the message,
 * the functions that led to it with file and line, and the place that created the task.
 */

#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errgroup.h>

/* Kept as functions of their own, so that the backtrace reads like the source also when optimised. */
#define KEEP_FRAME __attribute__((noinline))

enum { ORDERS_MAX = 20 };

struct order {
	int number;
	int quantity;
	int price;
	int total;
	const char *defect; /* what is wrong with it, or NULL */
};

static atomic_int orders_priced;

/* What a program with a bug has in place of what it needs. Volatile: the compiler is not to know. */
static int *volatile no_discount;
static int *volatile wild_discount = (int *)0x410000001234;
static int (*volatile no_rounding)(int total);
static volatile int no_parts;

/* Compilers see that this does not end, which is the defect. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#pragma GCC diagnostic ignored "-Winfinite-recursion"
#elif defined(__clang__)
#pragma clang diagnostic ignored "-Winfinite-recursion"
#endif

static KEEP_FRAME int order_sum_parts(const struct order *order, volatile int *parts)
{
	volatile int room[100];

	room[0] = *parts + order->price;
	return order_sum_parts(order, &room[0]) + *parts;
}

static KEEP_FRAME void order_check_quantity(const struct order *order)
{
	if (order->quantity < 0)
		eg_panic("order %d: quantity %d", order->number, order->quantity);
}

static KEEP_FRAME int order_apply_discount(const struct order *order, int total)
{
	volatile int result = total;

	if (!order->defect)
		return result;
	if (strcmp(order->defect, "nil") == 0)
		result -= *no_discount;
	else if (strcmp(order->defect, "wild") == 0)
		result = total % *wild_discount;
	else if (strcmp(order->defect, "division") == 0)
		result /= no_parts;
	else if (strcmp(order->defect, "call") == 0)
		result = no_rounding(result);
	else if (strcmp(order->defect, "overflow") == 0)
		result = order_sum_parts(order, &result);
	else if (strcmp(order->defect, "abort") == 0)
		abort();
	else
		assert(result < 0);
	return result;
}

static KEEP_FRAME int order_compute_total(const struct order *order)
{
	order_check_quantity(order);
	return order_apply_discount(order, order->quantity * order->price);
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

static void order_spoil(struct order *order, const char *defect)
{
	if (strcmp(defect, "panic") == 0)
		order->quantity = -2;
	else
		order->defect = defect;
}

/* Seven good orders, one of them spoilt, or all kinds of spoilt ones after them. Returns how many there are. */
static int orders_make(struct order *orders, const char *wanted)
{
	static const char *const defects[] = {"nil",  "division", "abort",    "assert",
					      "wild", "call",     "overflow", "panic"};
	int i, count = 0;

	for (i = 0; i < 7; i++)
		orders[count++] = (struct order){.number = i + 1, .quantity = 3 + i, .price = 20 - i};
	for (i = 0; i < 8; i++) {
		if (strcmp(wanted, "all") == 0) {
			orders[count] = (struct order){.number = count + 1, .quantity = 1, .price = 10};
			order_spoil(&orders[count++], defects[i]);
		} else if (strcmp(wanted, defects[i]) == 0) {
			order_spoil(&orders[3], defects[i]);
			return count;
		}
	}
	return count > 7 ? count : 0;
}

int main(int argc, char **argv)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	struct order orders[ORDERS_MAX];
	eg_error *errors[ORDERS_MAX];
	const int count = orders_make(orders, argc > 1 ? argv[1] : "panic");
	eg_group group;
	size_t failed, i;
	int error;

	if (count == 0) {
		fprintf(stderr, "crash: there is no defect '%s'\n", argv[1]);
		return 2;
	}
	options.limit = 2;
	options.collect = ORDERS_MAX;
	/* A stack that overflows has to be one of the library's own. */
	options.flags = EG_GROUP_NO_HELP;
	options.fault = EG_FAULT_ALL | EG_FAULT_STACK;
	error = eg_group_init(&group, NULL, &options);
	if (error == -ENOTSUP) {
		fprintf(stderr, "crash: faults are not recovered on this machine\n");
		options.fault = EG_FAULT_OFF;
		error = eg_group_init(&group, NULL, &options);
	}
	if (error != 0) {
		fprintf(stderr, "crash: %s\n", eg_strerror(error));
		return 2;
	}
	orders_submit(&group, orders, count);
	error = eg_group_wait(&group);

	printf("%d of %d orders priced\n", atomic_load(&orders_priced), count);
	fflush(stdout);
	failed = eg_group_errors(&group, ORDERS_MAX, errors);
	for (i = 0; i < failed; i++)
		eg_error_print(errors[i], stderr);
	eg_group_destroy(&group);
	return error != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
