/* SPDX-License-Identifier: MIT */
/*
 * Two calls at once, in a process in which things go wrong: one of them faults, or forks. Apart from the others, since tools that
 * look for memory errors see to both themselves.
 */

#include "support.h"

#include <sys/wait.h>

/* A task of a group with a limit of 2. */
static int run_task(eg_task_fn *fn, void *arg, unsigned faults, eg_error **ret_error)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group;
	int code;

	options.limit = 2;
	options.fault = faults;
	EXPECT(eg_group_init(&group, NULL, &options) == 0);
	EXPECT(eg_group_go(&group, fn, arg) == 0);
	code = eg_group_wait(&group);
	*ret_error = eg_error_ref(eg_group_error(&group));
	eg_group_destroy(&group);
	return code;
}

/*
 * A fault
 */

struct faulting {
	struct tally met;
	int parties; /* 2: the second call is another worker's; 1: whoever has the time */
	int which;   /* call faults */
	atomic_int over;
	int over_at_defer;
};

static int *volatile nowhere;

static int part(struct faulting *faulting, int i)
{
	tally_meet(&faulting->met, faulting->parties);
	if (faulting->which == i)
		*nowhere = 1;
	for (int turn = 0; turn < 1000; turn++)
		sched_yield();
	atomic_fetch_add(&faulting->over, 1);
	return 0;
}

static int first_part(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	return part(arg, 0);
}

static int second_part(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	return part(arg, 1);
}

static void note_over(void *arg)
{
	struct faulting *faulting = arg;

	faulting->over_at_defer = atomic_load(&faulting->over);
}

static int task_fault(eg_ctx *ctx, void *arg)
{
	CHECK(eg_defer(note_over, arg) == 0);
	return eg_both(ctx, first_part, arg, second_part, arg);
}

static bool has_message(const eg_error *error, const char *message)
{
	for (; error; error = eg_error_cause(error))
		if (eg_error_message(error) && strstr(eg_error_message(error), message))
			return true;
	return false;
}

static void a_fault_goes_on_in_the_caller(void **state)
{
	(void)state;
	if (IS_SANITIZED || is_emulated())
		skip();
	for (int i = 0; i < 4; i++) {
		struct faulting faulting = {.met = TALLY_INIT, .parties = 1 + i / 2, .which = i % 2};
		eg_error *error;

		assert_int_equal(run_task(task_fault, &faulting, EG_FAULT_GO, &error), EG_EFAULTED);
		assert_true(has_message(error, "nil pointer dereference"));
		eg_error_unref(error);
		/* What runs is over before the task's deferred calls are made. */
		assert_int_equal(faulting.over_at_defer, atomic_load(&faulting.over));
		assert_in_range(faulting.over_at_defer, faulting.parties - 1, 1);
	}
}

/*
 * A child
 */

struct forking {
	struct tally met, may_end;
	pid_t child;
};

static int fork_first(eg_ctx *ctx, void *arg)
{
	struct forking *forking = arg;

	(void)ctx;
	tally_meet(&forking->met, 2);
	forking->child = fork();
	if (forking->child != 0)
		tally_add(&forking->may_end, 1);
	return 0;
}

static int be_left_behind(eg_ctx *ctx, void *arg)
{
	struct forking *forking = arg;

	(void)ctx;
	tally_meet(&forking->met, 2);
	tally_await(&forking->may_end, 1);
	return 0;
}

static int task_fork(eg_ctx *ctx, void *arg)
{
	struct forking *forking = arg;
	int code = eg_both(ctx, fork_first, forking, be_left_behind, forking);

	/* Who was to make the second call is in the parent. */
	if (forking->child == 0)
		_exit(code == EG_EFORKED ? 0 : 1);
	return code;
}

static void run_fork(void *arg)
{
	struct forking forking = {TALLY_INIT, TALLY_INIT, 0};
	eg_error *error;
	int status;

	(void)arg;
	EXPECT(run_task(task_fork, &forking, 0, &error) == 0);
	EXPECT(waitpid(forking.child, &status, 0) == forking.child);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void in_a_forked_child_nobody_is_waited_for(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		skip();
	child_run(run_fork, NULL, &child);
	if (!child_exited(&child, 0))
		print_message("%s\n", child.text);
	assert_true(child_exited(&child, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_fault_goes_on_in_the_caller),
	    TEST(in_a_forked_child_nobody_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
