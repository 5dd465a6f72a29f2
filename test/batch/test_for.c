/* SPDX-License-Identifier: MIT */
/*
 * Loops in one call: every index once, the first error out, and whole, however the loop is called and ends.
 */

#include "support.h"

#include <errgroup.h>
#include <limits.h>

static const int limits[] = {0, 1, 2, 3, 8, EG_LIMIT_NONE, EG_LIMIT_CPUS};

/* A loop's books: how often each index was called. `bad` fails with -EIO, by eg_fail; SIZE_MAX: none does. */
struct book {
	size_t count;
	size_t bad;
	atomic_long ran;
	atomic_uchar *calls;
};

static struct book book_make(size_t count, size_t bad)
{
	struct book book = {count, bad, 0, calloc(count + 1, sizeof(atomic_uchar))};

	assert_non_null(book.calls);
	return book;
}

static void book_finish(struct book *book)
{
	free(book->calls);
}

static int each_note(eg_ctx *ctx, void *arg, size_t index)
{
	struct book *book = arg;

	(void)ctx;
	CHECK(index < book->count);
	atomic_fetch_add(&book->calls[index], 1);
	atomic_fetch_add(&book->ran, 1);
	return index == book->bad ? eg_fail(-EIO, "index %zu is bad", index) : 0;
}

static int piece_note(eg_ctx *ctx, void *arg, size_t begin, size_t end)
{
	struct book *book = arg;
	int err = 0;

	CHECK(begin < end && end <= book->count);
	for (size_t i = begin; i < end && !err; i++)
		err = each_note(ctx, arg, i);
	return err;
}

static void book_is_full(const struct book *book)
{
	assert_int_equal(atomic_load(&book->ran), book->count);
	for (size_t i = 0; i < book->count; i++)
		assert_int_equal(atomic_load(&book->calls[i]), 1);
}

static void every_index_is_called_once_under_every_limit(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct book book = book_make((size_t)scaled(20000), SIZE_MAX);
		eg_error *error = (eg_error *)&book;

		assert_int_equal(
		    eg_for(NULL, book.count, each_note, &book, EG_GROUP_OPTIONS(.limit = limits[i]), &error),
		    0);
		assert_null(error);
		book_is_full(&book);
		book_finish(&book);
	}
}

static void pieces_are_every_index_once_whatever_the_grain(void **state)
{
	static const size_t grains[] = {0, 1, 7, 1000, 100000, SIZE_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(grains) / sizeof(grains[0]); i++) {
		struct book book = book_make((size_t)scaled(20001), SIZE_MAX);

		assert_int_equal(eg_for_pieces(NULL, book.count, grains[i], piece_note, &book, NULL, NULL),
				 0);
		book_is_full(&book);
		book_finish(&book);
	}
}

static void a_loop_of_nothing_is_done(void **state)
{
	struct book book = book_make(0, SIZE_MAX);

	(void)state;
	assert_int_equal(eg_for(NULL, 0, each_note, &book, NULL, NULL), 0);
	assert_int_equal(eg_for_pieces(NULL, 0, 0, piece_note, &book, NULL, NULL), 0);
	assert_int_equal(atomic_load(&book.ran), 0);
	book_finish(&book);
}

static void the_first_error_stops_what_has_not_started(void **state)
{
	struct book book = book_make(1000, 10);
	eg_error *error;

	(void)state;
	assert_int_equal(eg_for(NULL, book.count, each_note, &book, EG_GROUP_OPTIONS(.limit = 1), &error),
			 -EIO);
	assert_int_equal(atomic_load(&book.ran), 11);
	assert_string_equal(eg_error_message(error), "index 10 is bad");
	assert_int_equal(eg_error_task_index(error), 10);
	assert_string_equal(eg_error_site(error)->function, __func__);
	eg_error_unref(error);
	book_finish(&book);
}

static void errors_stop_nothing_if_that_is_wanted(void **state)
{
	struct book book = book_make(1000, 10);
	eg_error *error;

	(void)state;
	assert_int_equal(eg_for(NULL, book.count, each_note, &book,
				EG_GROUP_OPTIONS(.limit = 2, .halt = EG_HALT_NEVER), &error),
			 -EIO);
	book_is_full(&book);
	assert_string_equal(eg_error_message(error), "index 10 is bad");
	eg_error_unref(error);
	book_finish(&book);
}

static void a_parent_that_is_over_is_the_loops_error(void **state)
{
	struct book book = book_make(100, SIZE_MAX);
	eg_error *why = eg_error_create(-EDQUOT, "enough"), *error;
	eg_ctx *parent = ctx_under(NULL);

	(void)state;
	eg_ctx_cancel(parent, why);
	assert_int_equal(eg_for(parent, book.count, each_note, &book, NULL, &error), -ECANCELED);
	assert_int_equal(atomic_load(&book.ran), 0);
	assert_int_equal(eg_error_kind(error), EG_ERROR_SKIPPED);
	assert_ptr_equal(eg_error_cause(error), why);
	eg_error_unref(error);
	eg_error_unref(why);
	eg_ctx_unref(parent);
	book_finish(&book);
}

/*
 * What a call takes and refuses
 */

static void whatever_fails_the_error_is_set(void **state)
{
	struct eg_group_options wrong = EG_GROUP_OPTIONS_INIT;
	eg_error *error = (eg_error *)&wrong;

	(void)state;
	assert_int_equal(eg_for(NULL, 3, NULL, NULL, NULL, &error), -EINVAL);
	assert_int_equal(eg_error_code(error), -EINVAL);
	eg_error_unref(error);
	wrong.limit = -7;
	error = (eg_error *)&wrong;
	assert_int_equal(eg_for_pieces(NULL, 3, 1, piece_note, NULL, &wrong, &error), -EINVAL);
	assert_int_equal(eg_error_code(error), -EINVAL);
	eg_error_unref(error);
}

static void options_of_a_newer_header_are_taken_if_their_rest_is_zero(void **state)
{
	struct {
		struct eg_group_options known;
		long unknown;
	} newer = {{.size = sizeof(newer), .limit = 1}, 0};
	struct book book = book_make(10, SIZE_MAX);

	(void)state;
	assert_int_equal(eg_for(NULL, book.count, each_note, &book, &newer.known, NULL), 0);
	book_is_full(&book);
	newer.unknown = 1;
	assert_int_equal(eg_for(NULL, book.count, each_note, &book, &newer.known, NULL), -EINVAL);
	book_finish(&book);
}

static int slot_make(eg_ctx *ctx, void *arg, void **ret_data)
{
	(void)ctx;
	*ret_data = arg;
	return 0;
}

static int each_fails(eg_ctx *ctx, void *arg, size_t index)
{
	(void)index;
	return task_gauged(ctx, arg) == 0 ? -EIO : 0;
}

static int each_data(eg_ctx *ctx, void *arg, size_t index)
{
	(void)ctx, (void)index;
	CHECK(eg_task_slot_data() == arg);
	return 0;
}

static void a_loop_takes_all_options_of_a_group(void **state)
{
	struct book book = book_make(100, SIZE_MAX);
	eg_limit *limit;

	(void)state;
	assert_int_equal(eg_limit_create(2, &limit), 0);
	assert_int_equal(
	    eg_for(NULL, book.count, each_note, &book, EG_GROUP_OPTIONS(.shared_limit = limit), NULL), 0);
	book_is_full(&book);
	assert_int_equal(
	    eg_for(NULL, 100, each_data, &book,
		   EG_GROUP_OPTIONS(.shared_limit = limit, .slot_init = slot_make, .slot_arg = &book), NULL),
	    0);
	eg_limit_unref(limit);
	book_finish(&book);
}

static void as_many_errors_as_it_is_told_end_a_loop(void **state)
{
	(void)state;
	for (unsigned halt_after = 0; halt_after <= 3; halt_after++) {
		struct gauged gauged = {.yields = false};
		unsigned least = halt_after > 0 ? halt_after : 1;

		assert_int_equal(eg_for(NULL, 10, each_fails, &gauged,
					EG_GROUP_OPTIONS(.limit = 1, .halt_after = halt_after), NULL),
				 -EIO);
		assert_int_equal(atomic_load(&gauged.ran), least);
	}
}

static void the_functions_behind_the_macros_know_no_call_site(void **state)
{
	struct book book = book_make(3, 1);
	eg_error *error;

	(void)state;
	assert_int_equal((eg_for)(NULL, book.count, each_note, &book, NULL, &error), -EIO);
	assert_null(eg_error_site(error));
	eg_error_unref(error);
	assert_int_equal((eg_for_pieces)(NULL, book.count, 1, piece_note, &book, NULL, &error), -EIO);
	assert_null(eg_error_site(error));
	eg_error_unref(error);
	book_finish(&book);
}

/*
 * Inside tasks
 */

static int each_panic(eg_ctx *ctx, void *arg, size_t index)
{
	(void)ctx, (void)arg;
	if (index == 2)
		eg_panic("index %zu", index);
	return 0;
}

static int task_loop(eg_ctx *ctx, void *arg)
{
	(void)arg;
	return eg_for(ctx, 5, each_panic, NULL, NULL, NULL);
}

static void a_task_fails_with_the_error_of_its_loop(void **state)
{
	eg_group group = EG_GROUP_INIT;
	const eg_error *error;

	(void)state;
	eg_group_go(&group, task_loop, NULL);
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	error = eg_group_error(&group);
	assert_int_equal(eg_error_kind(error), EG_ERROR_PANIC);
	assert_non_null(strstr(eg_error_message(error), "index 2"));
	assert_true(eg_error_frame_count(error) > 0);
	eg_group_destroy(&group);
}

static int each_take(eg_ctx *ctx, void *arg, size_t index)
{
	eg_error **errors = arg;

	return eg_for(ctx, 5, each_panic, NULL, NULL, &errors[index]) == EG_EPANIC ? 0 : -1;
}

static void a_task_that_takes_the_error_need_not_fail(void **state)
{
	eg_error *errors[4];

	(void)state;
	assert_int_equal(eg_for(NULL, 4, each_take, errors, NULL, NULL), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(eg_error_kind(errors[i]), EG_ERROR_PANIC);
		eg_error_unref(errors[i]);
	}
}

struct levels {
	int limit;
	int depth;
	atomic_long leaves;
};

static int each_level(eg_ctx *ctx, void *arg, size_t depth)
{
	struct levels *levels = arg;

	(void)depth;
	return eg_for(ctx, 10, each_note, &(struct book){10, SIZE_MAX, 0, (atomic_uchar[10]){0}},
		      EG_GROUP_OPTIONS(.limit = levels->limit), NULL) ||
	       !atomic_fetch_add(&levels->leaves, 10);
}

static int each_top(eg_ctx *ctx, void *arg, size_t index)
{
	struct levels *levels = arg;

	(void)index;
	(void)each_level(ctx, arg, 0);
	return eg_for(ctx, 10, each_level, arg, EG_GROUP_OPTIONS(.limit = levels->limit), NULL);
}

static void loops_in_loops_need_no_more_places_than_there_are(void **state)
{
	(void)state;
	for (int limit = 1; limit <= 2; limit++) {
		struct levels levels = {limit, 0, 0};

		assert_int_equal(eg_for(NULL, 20, each_top, &levels, EG_GROUP_OPTIONS(.limit = limit), NULL),
				 0);
		assert_int_equal(atomic_load(&levels.leaves), 20 * 110);
	}
}

/*
 * A task ends the thread that called the loop. What the others work on is on that thread's stack.
 */

struct leaving {
	int limit;
	pthread_t thread;
	struct gauge inside;
	atomic_bool arrived, left, unwound;
	atomic_bool was_seen; /* somebody else was inside when it left */
};

/* Others run on until that thread arrives; those that run then stay until the end that it brings. */
static int each_leave(eg_ctx *ctx, void *arg, size_t index)
{
	struct leaving *leaving = arg;

	(void)index;
	if (pthread_equal(pthread_self(), leaving->thread)) {
		atomic_store(&leaving->arrived, true);
		for (int i = 0; i < 10000 && leaving->limit > 1 && atomic_load(&leaving->inside.now) == 0;
		     i++)
			sched_yield();
		atomic_store(&leaving->was_seen, atomic_load(&leaving->inside.now) > 0);
		atomic_store(&leaving->left, true);
		pthread_exit(NULL);
	}
	gauge_enter(&leaving->inside);
	while (atomic_load(&leaving->arrived) && !eg_ctx_err(ctx))
		sched_yield();
	gauge_leave(&leaving->inside);
	return 0;
}

static void see_that_nobody_is_inside(void *arg)
{
	struct leaving *leaving = arg;

	CHECK(atomic_load(&leaving->inside.now) == 0);
	atomic_store(&leaving->unwound, true);
}

static void *leaving_main(void *arg)
{
	struct leaving *leaving = arg;

	leaving->thread = pthread_self();
	pthread_cleanup_push(see_that_nobody_is_inside, leaving);
	(void)eg_for(NULL, 100000, each_leave, leaving, EG_GROUP_OPTIONS(.limit = leaving->limit), NULL);
	CHECK(!atomic_load(&leaving->left));
	pthread_cleanup_pop(0);
	return NULL;
}

static void a_task_that_ends_the_calling_thread_ends_the_loop_before(void **state)
{
	long seen = 0;

	(void)state;
	for (long round = 0; goes_on(round, 100); round++) {
		struct leaving leaving = {.limit = 1 + (int)round % 3};
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, leaving_main, &leaving), 0);
		pthread_join(thread, NULL);
		assert_true(atomic_load(&leaving.unwound) == atomic_load(&leaving.left));
		seen += atomic_load(&leaving.was_seen);
	}
	if (!seen)
		skip(); /* the calling thread never ran a task beside another */
}

static int each_leave_inside(eg_ctx *ctx, void *arg, size_t index)
{
	struct leaving *leaving = arg;

	(void)index;
	leaving->thread = pthread_self();
	return eg_for(ctx, 1, each_leave, leaving, NULL, NULL);
}

static void *leaving_inside_main(void *arg)
{
	struct leaving *leaving = arg;
	int code = eg_for(NULL, 1, each_leave_inside, leaving, NULL, NULL);

	/* Another thread was faster and has ended; or so it was inside as well, and nobody has. */
	CHECK(code == (atomic_load(&leaving->left) ? EG_EEXITED : 0));
	return NULL;
}

static void so_it_does_in_a_loop_in_a_loop(void **state)
{
	long left = 0;

	(void)state;
	for (long round = 0; goes_on(round, 100); round++) {
		struct leaving leaving = {.limit = 1};
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, leaving_inside_main, &leaving), 0);
		pthread_join(thread, NULL);
		left += atomic_load(&leaving.left);
	}
	assert_true(left > 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(every_index_is_called_once_under_every_limit),
	    TEST(pieces_are_every_index_once_whatever_the_grain),
	    TEST(a_loop_of_nothing_is_done),
	    TEST(the_first_error_stops_what_has_not_started),
	    TEST(errors_stop_nothing_if_that_is_wanted),
	    TEST(a_parent_that_is_over_is_the_loops_error),
	    TEST(whatever_fails_the_error_is_set),
	    TEST(options_of_a_newer_header_are_taken_if_their_rest_is_zero),
	    TEST(a_loop_takes_all_options_of_a_group),
	    TEST(as_many_errors_as_it_is_told_end_a_loop),
	    TEST(the_functions_behind_the_macros_know_no_call_site),
	    TEST(a_task_fails_with_the_error_of_its_loop),
	    TEST(a_task_that_takes_the_error_need_not_fail),
	    TEST(loops_in_loops_need_no_more_places_than_there_are),
	    TEST(a_task_that_ends_the_calling_thread_ends_the_loop_before),
	    TEST(so_it_does_in_a_loop_in_a_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
