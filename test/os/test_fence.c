/* SPDX-License-Identifier: MIT */
/*
 * membarrier(2) that is refused: from the start, for a moment, or for good when it has worked before, as in a sandbox that
 * the program enters late. Groups go on to work. The library's calls of the system go through here.
 */

#include "support.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "os/clock.h"
#include "os/fence.h"

/* What the next calls of membarrier(2) do. */
static atomic_int refusals;  /* so many are refused */
static atomic_int refuse_by; /* with this code */
static atomic_int barriers, registrations;
static atomic_bool sleeping_is_refused;

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (number == SYS_membarrier) {
		bool registers = a == MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;

		atomic_fetch_add(registers ? &registrations : &barriers, 1);
		/* A registration that was lost can be had again; otherwise both are refused. */
		if (atomic_load(&refusals) > 0 && !(registers && atomic_load(&refuse_by) == EPERM)) {
			atomic_fetch_sub(&refusals, 1);
			errno = atomic_load(&refuse_by);
			return -1;
		}
	}
	if (number == SYS_clock_nanosleep && atomic_load(&sleeping_is_refused)) {
		errno = EPERM;
		return -1;
	}
	return __real_syscall(number, a, b, c, d, e, f);
}

static void refuse(int count, int code)
{
	atomic_store(&refuse_by, code);
	atomic_store(&refusals, count);
	atomic_store(&barriers, 0);
	atomic_store(&registrations, 0);
}

static bool is_asymmetric(void)
{
	return egi_load_relaxed_u32(&egi_fence_is_asymmetric) != 0;
}

/* As when the library begins. False where the kernel has no membarrier(2). */
static bool start_over(void)
{
	refuse(0, 0);
	egi_fence_start();
	return is_asymmetric();
}

/* Small groups one after the other, tasks of groups that help each other, and long ones beside short ones. */
static void use_groups(void)
{
	for (long i = 0; goes_on(i, 200); i++) {
		struct hold hold = HOLD_INIT;
		eg_group group = EG_GROUP_INIT;
		atomic_long ran = 0;

		CHECK(eg_group_set_limit(&group, 3) == 0);
		CHECK(eg_group_go(&group, task_hold, &hold) == 0);
		for (int k = 0; k < 300; k++)
			CHECK(eg_group_go(&group, task_count, &ran) == 0);
		tally_await(&hold.started, 1);
		tally_add(&hold.release, 1);
		CHECK(eg_group_wait(&group) == 0);
		CHECK(atomic_load(&ran) == 300);
		CHECK(eg_group_destroy(&group) == 0);
	}
}

static void a_refusal_for_want_of_memory_is_tried_again(void **state)
{
	(void)state;
	if (!start_over())
		skip();
	refuse(3, ENOMEM);
	errno = 0;
	egi_fence_heavy();
	assert_int_equal(errno, 0);
	assert_int_equal(atomic_load(&barriers), 4);
	assert_true(is_asymmetric());
}

static void a_registration_that_was_lost_is_made_again(void **state)
{
	(void)state;
	if (!start_over())
		skip();
	refuse(1, EPERM);
	egi_fence_heavy();
	assert_int_equal(atomic_load(&registrations), 1);
	assert_int_equal(atomic_load(&barriers), 2);
	assert_true(is_asymmetric());
}

static void memory_that_stays_short_ends_in_full_fences(void **state)
{
	(void)state;
	if (!start_over())
		skip();
	refuse(INT_MAX, ENOMEM);
	egi_fence_heavy();
	assert_false(is_asymmetric());
	use_groups();
}

/* The wait stands for what the kernel does not do; after it heavy fences ask the kernel no more. */
static void the_first_heavy_fences_after_a_refusal_wait(void **state)
{
	int64_t before;

	(void)state;
	if (!start_over())
		skip();
	refuse(INT_MAX, ENOSYS);
	before = eg_clock_now_ns();
	egi_fence_heavy();
	assert_true(eg_clock_now_ns() - before >= 10 * EGI_MILLISECOND);
	assert_false(is_asymmetric());
	assert_int_equal(atomic_load(&barriers), 1);
	egi_fence_heavy();
	assert_int_equal(atomic_load(&barriers), 1);
	before = eg_clock_now_ns();
	egi_fence_heaviest();
	assert_true(eg_clock_now_ns() - before >= 10 * EGI_MILLISECOND);
}

static void a_refusal_to_sleep_as_well_is_no_obstacle(void **state)
{
	(void)state;
	if (!start_over())
		skip();
	refuse(INT_MAX, EPERM);
	atomic_store(&sleeping_is_refused, true);
	egi_fence_heavy();
	assert_false(is_asymmetric());
	use_groups();
	atomic_store(&sleeping_is_refused, false);
}

static void groups_work_when_it_is_refused_from_the_start(void **state)
{
	(void)state;
	refuse(INT_MAX, ENOSYS);
	egi_fence_start();
	assert_false(is_asymmetric());
	use_groups();
	assert_int_equal(atomic_load(&barriers), 0);
}

struct refusing {
	atomic_bool ends;
	atomic_long rounds;
};

/* Small groups, each of them biased and shown anew. */
static void *use_main(void *arg)
{
	struct refusing *refusing = arg;

	while (!atomic_load(&refusing->ends)) {
		eg_group group = EG_GROUP_INIT;
		atomic_long ran = 0;

		for (int k = 0; k < 20; k++)
			CHECK(eg_group_go(&group, task_count, &ran) == 0);
		CHECK(eg_group_wait(&group) == 0);
		CHECK(atomic_load(&ran) == 20);
		CHECK(eg_group_destroy(&group) == 0);
		atomic_fetch_add(&refusing->rounds, 1);
	}
	return NULL;
}

static void groups_in_use_at_the_moment_of_a_refusal_lose_no_task(void **state)
{
	struct refusing refusing = {false, 0};
	pthread_t threads[3];

	(void)state;
	if (!start_over())
		skip();
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_main, &refusing), 0);
	while (atomic_load(&refusing.rounds) < 100)
		sched_yield();
	refuse(INT_MAX, EPERM);
	while (atomic_load(&refusing.rounds) < scaled(2000))
		sched_yield();
	use_groups();
	atomic_store(&refusing.ends, true);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/*
 * The kernel itself refuses: a filter of system calls.
 */

static bool sandbox(int code)
{
	struct sock_filter filter[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)code),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program, 0L, 0L,
		       0L) == 0;
}

enum { NO_SANDBOX = 77 };

static void child_enters_sandbox(void *arg)
{
	(void)start_over();
	use_groups();
	if (!sandbox((int)(intptr_t)arg))
		_exit(NO_SANDBOX);
	use_groups();
	egi_fence_heavy();
	EXPECT(!is_asymmetric());
	use_groups();
}

static void a_sandbox_may_be_entered_when_groups_have_been_used(void **state)
{
	static const int codes[] = {EPERM, ENOSYS, EACCES};

	(void)state;
	if (!child_may_start_threads())
		skip();
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct child child;

		child_run(child_enters_sandbox, CODE(codes[i]), &child);
		if (WIFEXITED(child.status) && WEXITSTATUS(child.status) == NO_SANDBOX)
			skip();
		assert_true(child_exited(&child, 0));
	}
}

static int finish(void **state)
{
	(void)state;
	(void)start_over();
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_refusal_for_want_of_memory_is_tried_again),
	    TEST(a_registration_that_was_lost_is_made_again),
	    TEST(the_first_heavy_fences_after_a_refusal_wait),
	    TEST(memory_that_stays_short_ends_in_full_fences),
	    TEST(a_refusal_to_sleep_as_well_is_no_obstacle),
	    TEST(groups_work_when_it_is_refused_from_the_start),
	    TEST(groups_in_use_at_the_moment_of_a_refusal_lose_no_task),
	    TEST(a_sandbox_may_be_entered_when_groups_have_been_used),
	};

	/* The library begins, so that it does not in the middle of a test; without threads, which make fences too. */
	eg_ctx_unref(ctx_under(NULL));
	return cmocka_run_group_tests(tests, NULL, finish);
}
