/* SPDX-License-Identifier: MIT */

/*
 * Walks on machines that the stepper does not know, by libgcc's unwinder, tried on the machine at hand.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trace/trace.h"

#if EGI_UNWIND_IS_NATIVE
#error "this is a test of what is done elsewhere"
#endif

#if defined(__clang__)
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif

/* Keeps the call before it from becoming a tail call, which would have no frame. */
#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

static unsigned skipped;
static const void *stop;
static struct egi_trace *captured;

static NOINLINE void deep(unsigned depth)
{
	if (depth > 0)
		deep(depth - 1);
	else
		captured = egi_trace_capture(skipped, stop);
	NO_TAIL_CALL();
}

static NOINLINE void base(unsigned depth)
{
	stop = __builtin_frame_address(0);
	deep(depth);
	NO_TAIL_CALL();
}

/* Captures the function so many times. */
static struct egi_trace *capture(unsigned times, unsigned skip)
{
	skipped = skip;
	base(times - 1);
	assert_non_null(captured);
	return captured;
}

static void frames_are_those_up_to_the_stop(void **state)
{
	(void)state;
	for (unsigned times = 1; times < 2 * EGI_WALK_MAX; times++) {
		struct egi_trace *trace = capture(times, 0);
		unsigned kept = times < EGI_WALK_MAX ? times : EGI_WALK_MAX;

		assert_int_equal(egi_trace_count(trace), kept);
		assert_int_equal(egi_trace_elided(trace), times - kept);
		assert_false(egi_trace_is_cut(trace));
		for (unsigned i = 2; i < kept; i++)
			assert_true(egi_trace_frame(trace, i).offset == egi_trace_frame(trace, 1).offset);
		egi_trace_free(trace);
	}
}

static void innermost_frames_are_skipped(void **state)
{
	struct egi_trace *trace;

	(void)state;
	trace = capture(5, 2);
	assert_int_equal(egi_trace_count(trace), 3);
	egi_trace_free(trace);
	trace = capture(5, 7);
	assert_int_equal(egi_trace_count(trace), 0);
	egi_trace_free(trace);
}

static void a_stop_that_is_not_reached_cuts_the_trace(void **state)
{
	(void)state;
	stop = (const void *)UINTPTR_MAX;
	skipped = 0;
	deep(2);
	assert_true(egi_trace_count(captured) > 4);
	assert_true(egi_trace_is_cut(captured));
	egi_trace_free(captured);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(frames_are_those_up_to_the_stop),
	    cmocka_unit_test(innermost_frames_are_skipped),
	    cmocka_unit_test(a_stop_that_is_not_reached_cuts_the_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
