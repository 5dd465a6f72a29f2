/* SPDX-License-Identifier: MIT */
/*
 * The timing wheel against a plain list, in a time of its own: whatever is armed comes out at its tick or, at the next
 * turn, after it, and never before.
 */

#include "support.h"

#include "context/wheel.h"

#define TICK INT64_C(65536)

static struct egi_wheel wheel;

static void wheel_reset(void)
{
	memset(&wheel, 0, sizeof(wheel));
}

static uint64_t random_next(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

static void an_empty_wheel_has_nothing_to_do(void **state)
{
	(void)state;
	wheel_reset();
	assert_int_equal(egi_wheel_next_ns(&wheel), INT64_MAX);
	assert_false(egi_wheel_turn(&wheel, INT64_MAX));
	assert_null(egi_wheel_take(&wheel));
}

static void a_timer_is_due_at_its_tick_and_not_before(void **state)
{
	static const int64_t starts[] = {0, 1, TICK * 63, TICK * 4095 + 7, INT64_C(1) << 53, INT64_MAX / 2};
	static const int64_t delays[] = {
	    1, TICK - 1, TICK, TICK + 1, 64 * TICK, INT64_C(1000000000), INT64_C(1) << 60};

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		for (size_t k = 0; k < sizeof(delays) / sizeof(delays[0]); k++) {
			int64_t due = starts[i] + delays[k], at = (due + TICK - 1) / TICK * TICK;
			struct egi_timer timer;
			int64_t next;

			wheel_reset();
			egi_wheel_add(&wheel, &timer, due, starts[i]);
			assert_true(timer.armed);

			/* It may have to move down a few times; each step is before the end. */
			for (int steps = 0; (next = egi_wheel_next_ns(&wheel)) < at; steps++) {
				assert_true(steps < EGI_WHEEL_LEVELS);
				while (egi_wheel_turn(&wheel, next))
					assert_null(egi_wheel_take(&wheel));
			}
			assert_int_equal(next, at);
			assert_false(egi_wheel_turn(&wheel, at - 1));
			assert_true(egi_wheel_turn(&wheel, at));
			assert_ptr_equal(egi_wheel_take(&wheel), &timer);
			assert_false(timer.armed);
			assert_null(egi_wheel_take(&wheel));
			assert_int_equal(wheel.armed, 0);
		}
}

static void the_last_times_of_the_clock_have_their_place(void **state)
{
	struct egi_timer timers[3];

	(void)state;
	wheel_reset();
	for (int i = 0; i < 3; i++)
		egi_wheel_add(&wheel, &timers[i], INT64_MAX - 1 - i * TICK, 12345);
	assert_true(egi_wheel_next_ns(&wheel) > 0);
	for (int i = 0; i < 3; i++)
		egi_wheel_remove(&wheel, &timers[i]);
	assert_int_equal(egi_wheel_next_ns(&wheel), INT64_MAX);
}

/* Timers at random distances, some removed, time in random steps; a flat table is the judge. */
static void timers_come_out_as_a_list_says(void **state)
{
	enum { COUNT = 200 };
	static struct egi_timer timers[COUNT];
	static int64_t due[COUNT];
	uint64_t random = 88172645463325252U;

	(void)state;
	for (long round = 0; goes_on(round, 300); round++) {
		int64_t now = (int64_t)(random_next(&random) >> 2);
		int live = 0;

		wheel_reset();
		memset(due, 0, sizeof(due));
		for (int step = 0; step < 500; step++) {
			unsigned pick = (unsigned)(random_next(&random) % COUNT);
			struct egi_timer *timer;
			int64_t next;

			if (due[pick] == 0) {
				due[pick] = now + 1 + (int64_t)(random_next(&random) >> (2 + random % 61));
				if (due[pick] < 0 || due[pick] == INT64_MAX)
					due[pick] = INT64_MAX - 1;
				egi_wheel_add(&wheel, &timers[pick], due[pick], now);
				live++;
			} else if (random % 4 == 0) {
				egi_wheel_remove(&wheel, &timers[pick]);
				due[pick] = 0;
				live--;
			}
			if (step % 3)
				continue;

			/* The wheel asks to be turned at the next tick that matters, at the latest. */
			next = egi_wheel_next_ns(&wheel);
			for (int i = 0; i < COUNT; i++)
				assert_true(due[i] == 0 || next <= due[i] || next - due[i] < TICK);
			now += (int64_t)(random_next(&random) >> (3 + random % 60));
			if (now < 0 || now > INT64_MAX / 2)
				now = INT64_MAX / 2;
			while (egi_wheel_turn(&wheel, now))
				while ((timer = egi_wheel_take(&wheel)) != NULL) {
					long i = timer - timers;

					assert_true(due[i] != 0 && due[i] <= now);
					due[i] = 0;
					live--;
				}
			for (int i = 0; i < COUNT; i++)
				assert_true(due[i] == 0 || due[i] > now - now % TICK);
			assert_int_equal(wheel.armed, live);
		}
	}
}

/* More in one slot than is moved at once, and one of them removed on the way. */
static void a_crowd_moves_in_portions(void **state)
{
	enum { COUNT = 5000 };
	static struct egi_timer timers[COUNT];
	int64_t base = INT64_C(3600) * 1000000000;
	struct egi_timer *timer;
	long taken = 0, turns = 0;

	(void)state;
	wheel_reset();
	for (int i = 0; i < COUNT; i++)
		egi_wheel_add(&wheel, &timers[i], base + i, 1);
	while (egi_wheel_turn(&wheel, base + TICK)) {
		if (++turns == 2)
			egi_wheel_remove(&wheel, &timers[COUNT / 2]);
		while ((timer = egi_wheel_take(&wheel)) != NULL)
			taken++;
	}
	assert_true(turns > 2);
	assert_int_equal(taken, COUNT - 1);
	assert_int_equal(wheel.armed, 0);
	assert_int_equal(egi_wheel_next_ns(&wheel), INT64_MAX);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(an_empty_wheel_has_nothing_to_do),
	    TEST(a_timer_is_due_at_its_tick_and_not_before),
	    TEST(the_last_times_of_the_clock_have_their_place),
	    TEST(timers_come_out_as_a_list_says),
	    TEST(a_crowd_moves_in_portions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
