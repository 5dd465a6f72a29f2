/* SPDX-License-Identifier: MIT */
/*
 * crash: tasks that fail in every way a program can, beside tasks that do not.
 *
 *     crash [KIND...]          nil division abort assert wild call overflow panic; all of them unless some are given
 *
 * For each kind seven orders are priced. The fourth cannot be, and that shows several calls deep: a pointer is nil, a
 * divisor is zero, an assertion does not hold. That ends its task and becomes the group's error; the other six are
 * not disturbed. Then the error is printed: what happened, the functions that led to it with file and line, and the
 * place that created the task. The exit status is 1.
 */

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errgroup.h>

/* The assertion that does not hold is there in every build. */
#undef NDEBUG
#include <assert.h>

/* Kept as functions of their own, so that the backtrace reads like the source also when optimised. */
#define KEEP_FRAME __attribute__((noinline))

#define ORDERS 7
#define ORDERS_BAD 4 /* the number of the one that cannot be priced */

struct customer {
	int discount;
};

struct order {
	int number;
	int quantity;
	int price;
	int total;
	/* How it goes wrong; volatile, so that the compiler does not see it coming. */
	void (*fail)(volatile struct order *order);
	struct customer *volatile customer;
	volatile int parts;
	int (*volatile tax)(int);
};

static atomic_int orders_priced;

/*
 * The kinds
 */

static KEEP_FRAME void order_read_discount(volatile struct order *order)
{
	order->price -= order->customer->discount;
}

static KEEP_FRAME void order_split(volatile struct order *order)
{
	order->price = order->price / order->parts;
}

static KEEP_FRAME void order_give_up(volatile struct order *order)
{
	if (order->quantity < 0)
		abort();
}

static KEEP_FRAME void order_assert_quantity(volatile struct order *order)
{
	assert(order->quantity >= 0);
}

static KEEP_FRAME void order_add_tax(volatile struct order *order)
{
	order->price += order->tax(order->price);
}

static KEEP_FRAME int order_sum(volatile struct order *order, int depth)
{
	volatile char page[4096];

	page[0] = (char)depth;
	return depth < order->quantity ? 0 : order_sum(order, depth + 1) + page[0];
}

static KEEP_FRAME void order_sum_up(volatile struct order *order)
{
	order->total = order_sum(order, 0);
}

static KEEP_FRAME void order_check_quantity(volatile struct order *order)
{
	if (order->quantity < 0)
		eg_panic("order %d: quantity %d", order->number, order->quantity);
}

static const struct kind {
	const char *name;
	void (*fail)(volatile struct order *order);
	struct customer *customer;
	unsigned fault; /* what has to be recovered for it; a panic needs nothing */
} kinds[] = {
    {"nil", order_read_discount, NULL, EG_FAULT_GO},
    {"division", order_split, NULL, EG_FAULT_GO},
    {"abort", order_give_up, NULL, EG_FAULT_GO},
    {"assert", order_assert_quantity, NULL, EG_FAULT_GO},
    {"wild", order_read_discount, (struct customer *)0x123456789abc, EG_FAULT_ALL},
    {"call", order_add_tax, NULL, EG_FAULT_GO},
    {"overflow", order_sum_up, NULL, EG_FAULT_GO | EG_FAULT_STACK},
    {"panic", order_check_quantity, NULL, 0},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/*
 * The orders
 */

static KEEP_FRAME int order_compute_total(struct order *order)
{
	if (order->fail != NULL)
		order->fail(order);
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

/* Each order is the loop's for a moment, and its task's from then on. */
static KEEP_FRAME void orders_submit(eg_group *group, const struct kind *kind)
{
	for (int number = 1; number <= ORDERS; number++) {
		struct order order = {.number = number, .quantity = 3, .price = 20};
		int error;

		if (number == ORDERS_BAD) {
			order.quantity = -2;
			order.fail = kind->fail;
			order.customer = kind->customer;
		}
		error = eg_group_go_copy(group, order_price, &order, sizeof(order));
		if (error != 0)
			fprintf(stderr, "crash: order %d: %s\n", number, eg_strerror(error));
	}
}

/* Return: whether all orders could be priced. */
static int kind_run(const struct kind *kind)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group = EG_GROUP_INIT;
	int error;

	/* A stack overflow is recovered on the library's own threads, so main only waits. */
	options.limit = 2;
	options.flags = EG_GROUP_NO_HELP;
	options.fault = kind->fault;
	error = eg_group_init(&group, NULL, &options);
	if (error != 0) {
		fprintf(stderr, "crash: %s\n", eg_strerror(error));
		return 0;
	}
	atomic_store(&orders_priced, 0);
	orders_submit(&group, kind);
	error = eg_group_wait(&group);

	printf("%s: %d of %d orders priced\n", kind->name, atomic_load(&orders_priced), ORDERS);
	fflush(stdout);
	eg_error_print(eg_group_error(&group), stderr);
	eg_group_destroy(&group);
	return error == 0;
}

static const struct kind *kind_find(const char *name)
{
	for (size_t k = 0; k < KINDS; k++)
		if (strcmp(kinds[k].name, name) == 0)
			return &kinds[k];
	return NULL;
}

int main(int argc, char **argv)
{
	int all_priced = 1;

	for (int i = 1; i < argc; i++) {
		if (kind_find(argv[i]) == NULL) {
			fprintf(stderr, "crash: no such kind: argument %d\nkinds:", i);
			for (size_t k = 0; k < KINDS; k++)
				fprintf(stderr, " %s", kinds[k].name);
			fputc('\n', stderr);
			return 2;
		}
	}
	for (int i = 1; i < argc; i++)
		all_priced &= kind_run(kind_find(argv[i]));
	for (size_t k = 0; argc == 1 && k < KINDS; k++)
		all_priced &= kind_run(&kinds[k]);
	return all_priced ? EXIT_SUCCESS : EXIT_FAILURE;
}
