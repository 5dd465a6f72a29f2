/* SPDX-License-Identifier: MIT */
/*
 * The library's threads are as the process is, whoever has them started: what a thread of the program has set for itself,
 * or the system keeps for each thread, does not reach tasks and callbacks that the library's threads run.
 *
 * Each case has a child process of its own, in which the thread in question is the first to use the library.
 */

#include "support.h"

#include <fenv.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#define LOOK_SIZE 512
#define SOMEBODY 54321u /* an id */

/*
 * A trait is something that a thread has for itself. `change` gives the calling thread another than it had, and returns
 * false where that is not allowed or makes no difference; `look` tells the calling thread's.
 */
struct trait {
	const char *name;
	bool (*change)(void);
	void (*look)(char text[LOOK_SIZE]);
	unsigned flags;
};

enum {
	THREADS_ALONE = 1, /* the library's threads do not have the main thread's either */
	NEEDS_PROC = 2,    /* nothing else tells the main thread's */
	NEEDS_MAIN = 4     /* nothing tells it when the main thread has ended */
};

static bool change_cpus(void)
{
	cpu_set_t set, one;

	if (sched_getaffinity(0, sizeof(set), &set) != 0 || CPU_COUNT(&set) < 2)
		return false;
	CPU_ZERO(&one);
	for (size_t cpu = 0; CPU_COUNT(&one) == 0; cpu++)
		if (CPU_ISSET(cpu, &set))
			CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) == 0;
}

static void look_at_cpus(char text[LOOK_SIZE])
{
	cpu_set_t set;
	int length = 0;

	CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
	for (size_t cpu = 0; cpu < 100; cpu++)
		length += snprintf(text + length, (size_t)(LOOK_SIZE - length), "%d", !!CPU_ISSET(cpu, &set));
}

/* Raising it again takes rights that not everybody has. */
static bool change_nice(void)
{
	return geteuid() == 0 && setpriority(PRIO_PROCESS, 0, 19) == 0;
}

static bool set_policy(int policy, int priority)
{
	struct sched_param param = {.sched_priority = priority};

	return sched_setscheduler(0, policy, &param) == 0;
}

static bool change_to_fifo(void)
{
	return set_policy(SCHED_FIFO, 1);
}

static bool change_to_round_robin(void)
{
	return set_policy(SCHED_RR, 2);
}

static bool change_to_batch(void)
{
	return set_policy(SCHED_BATCH, 0);
}

static bool change_to_idle(void)
{
	return geteuid() == 0 && set_policy(SCHED_IDLE, 0);
}

static void look_at_scheduling(char text[LOOK_SIZE])
{
	struct sched_param param;

	CHECK(sched_getparam(0, &param) == 0);
	snprintf(text, LOOK_SIZE, "policy %d, priority %d, nice %d", sched_getscheduler(0),
		 param.sched_priority, getpriority(PRIO_PROCESS, 0));
}

static bool change_io_priority(void)
{
	return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 7)) == 0;
}

static void look_at_io_priority(char text[LOOK_SIZE])
{
	snprintf(text, LOOK_SIZE, "%ld", syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0));
}

static bool change_name(void)
{
	return pthread_setname_np(pthread_self(), "somebody") == 0;
}

static void look_at_name(char text[LOOK_SIZE])
{
	memset(text, 0, LOOK_SIZE);
	CHECK(pthread_getname_np(pthread_self(), text, LOOK_SIZE) == 0);
}

/* Of one thread alone, which the C library's functions never do. */
static bool change_user(void)
{
	return geteuid() == 0 && syscall(SYS_setresuid, -1, SOMEBODY, -1) == 0;
}

static bool change_group(void)
{
	return geteuid() == 0 && syscall(SYS_setresgid, -1, SOMEBODY, -1) == 0;
}

static bool change_user_of_files(void)
{
	setfsuid(SOMEBODY);
	return (unsigned)setfsuid((uid_t)-1) == SOMEBODY;
}

static bool change_user_and_groups(void)
{
	const gid_t groups[] = {SOMEBODY, SOMEBODY + 1};

	return geteuid() == 0 && syscall(SYS_setgroups, 2, groups) == 0 && change_group() && change_user();
}

static bool change_capabilities(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};

	if (syscall(SYS_capget, &header, data) != 0 || data[0].effective == 0)
		return false;
	data[0].effective = data[1].effective = 0;
	return syscall(SYS_capset, &header, data) == 0;
}

static void look_at_identity(char text[LOOK_SIZE])
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};
	uid_t user[3];
	gid_t group[3], groups[100];
	int count = getgroups(100, groups), length;

	CHECK(getresuid(&user[0], &user[1], &user[2]) == 0 &&
	      getresgid(&group[0], &group[1], &group[2]) == 0);
	CHECK(syscall(SYS_capget, &header, data) == 0);
	length = snprintf(
	    text, LOOK_SIZE, "users %u %u %u %d, groups %u %u %u %d, capabilities %x %x %x of %x,", user[0],
	    user[1], user[2], setfsuid((uid_t)-1), group[0], group[1], group[2], setfsgid((gid_t)-1),
	    data[0].effective, data[1].effective, data[0].inheritable, data[0].permitted);
	for (int i = 0; i < count && length < LOOK_SIZE; i++)
		length += snprintf(text + length, (size_t)(LOOK_SIZE - length), " %u", groups[i]);
}

static bool change_slack(void)
{
	/* Of another thread the kernel tells it only to whoever has rights; the main thread does not use the library. */
	return geteuid() == 0 && prctl(PR_SET_TIMERSLACK, 777UL, 0UL, 0UL, 0UL) == 0;
}

static void look_at_slack(char text[LOOK_SIZE])
{
	snprintf(text, LOOK_SIZE, "%d", prctl(PR_GET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL));
}

static bool change_rounding(void)
{
	return fesetround(FE_UPWARD) == 0;
}

static bool change_traps(void)
{
	return feenableexcept(FE_DIVBYZERO | FE_INVALID) != -1;
}

static void look_at_rounding(char text[LOOK_SIZE])
{
	volatile double one = 1, three = 3;
	volatile long double long_one = 1, long_three = 3;

	snprintf(text, LOOK_SIZE, "%d, traps %d, %a, %La", fegetround(), fegetexcept(), one / three,
		 long_one / long_three);
}

#if defined(__x86_64__)
static bool change_denormals(void)
{
	_mm_setcsr(_mm_getcsr() | 0x8040);
	return true;
}

static void look_at_denormals(char text[LOOK_SIZE])
{
	volatile double least = 0x1p-1022, half = 0.5;

	snprintf(text, LOOK_SIZE, "%a", least * half);
}
#endif

static bool change_memory_policy(void)
{
	unsigned long first_node = 1;

	return syscall(SYS_set_mempolicy, MPOL_BIND, &first_node, 8 * sizeof(first_node)) == 0;
}

static void look_at_memory_policy(char text[LOOK_SIZE])
{
	int mode = -1;

	(void)syscall(SYS_get_mempolicy, &mode, NULL, 0UL, NULL, 0UL);
	snprintf(text, LOOK_SIZE, "%d", mode);
}

static bool change_stack_of_handlers(void)
{
	static char room[64 * 1024];
	stack_t stack = {.ss_sp = room, .ss_size = sizeof(room)};

	return sigaltstack(&stack, NULL) == 0;
}

/* Whether there is one; the library may give its threads one of their own. */
static void look_at_stack_of_handlers(char text[LOOK_SIZE])
{
	stack_t stack;

	CHECK(sigaltstack(NULL, &stack) == 0);
	snprintf(text, LOOK_SIZE, "%d", (stack.ss_flags & SS_DISABLE) == 0);
}

static bool change_cancellation(void)
{
	return pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL) == 0;
}

/* It is disabled on all of them. */
static void look_at_cancellation(char text[LOOK_SIZE])
{
	int before = -1;

	CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before) == 0);
	CHECK(pthread_setcancelstate(before, NULL) == 0);
	snprintf(text, LOOK_SIZE, "%s",
		 before == PTHREAD_CANCEL_DISABLE || thread_id() == getpid() ? "disabled" : "enabled");
}

static const struct trait traits[] = {
    {"CPUs", change_cpus, look_at_cpus, 0},
    {"nice value", change_nice, look_at_scheduling, 0},
    {"SCHED_FIFO", change_to_fifo, look_at_scheduling, 0},
    {"SCHED_RR", change_to_round_robin, look_at_scheduling, 0},
    {"SCHED_BATCH", change_to_batch, look_at_scheduling, 0},
    {"SCHED_IDLE", change_to_idle, look_at_scheduling, 0},
    {"I/O priority", change_io_priority, look_at_io_priority, 0},
    {"name", change_name, look_at_name, 0},
    {"effective user", change_user, look_at_identity, NEEDS_PROC},
    {"effective group", change_group, look_at_identity, NEEDS_PROC},
    {"user, group and groups", change_user_and_groups, look_at_identity, NEEDS_PROC},
    {"user for files", change_user_of_files, look_at_identity, NEEDS_PROC},
    {"capabilities", change_capabilities, look_at_identity, NEEDS_PROC},
    {"timer slack", change_slack, look_at_slack, NEEDS_PROC},
    {"rounding", change_rounding, look_at_rounding, THREADS_ALONE},
    {"floating-point traps", change_traps, look_at_rounding, THREADS_ALONE},
#if defined(__x86_64__)
    {"denormal numbers", change_denormals, look_at_denormals, THREADS_ALONE},
#endif
    {"memory policy", change_memory_policy, look_at_memory_policy, THREADS_ALONE | NEEDS_PROC | NEEDS_MAIN},
    {"stack of handlers", change_stack_of_handlers, look_at_stack_of_handlers, THREADS_ALONE},
    {"cancellation", change_cancellation, look_at_cancellation, THREADS_ALONE},
};

/*
 * What the library's threads are like: one that runs a task, and the one that serves deadlines.
 */
struct seen {
	const struct trait *trait;
	char task[LOOK_SIZE], callback[LOOK_SIZE];
	struct tally begin; /* for a thread that waits until it may use the library */
};

static int task_look(eg_ctx *ctx, void *arg)
{
	struct seen *seen = arg;

	(void)ctx;
	seen->trait->look(seen->task);
	return 0;
}

static void callback_look(void *arg)
{
	struct seen *seen = arg;

	seen->trait->look(seen->callback);
}

static void use_library(struct seen *seen)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group;

	options.limit = 1;
	options.flags = EG_GROUP_NO_HELP;
	EXPECT(eg_group_init(&group, NULL, &options) == 0);
	EXPECT(eg_group_go(&group, task_look, seen) == 0);
	EXPECT(eg_group_wait(&group) == 0);
	EXPECT(eg_group_destroy(&group) == 0);

	call_at_deadline(callback_look, seen);
}

struct user {
	struct seen seen;
	bool changes;
	bool could;
};

static void *user_main(void *arg)
{
	struct user *user = arg;

	if (user->changes)
		user->could = user->seen.trait->change();
	if (user->could)
		use_library(&user->seen);
	return NULL;
}

/* The child's exit status: 0, or this where the trait cannot be changed here. */
#define CANNOT 77

static void expect_same(const struct trait *trait, const char *where, const char *expected, const char *seen)
{
	if (strcmp(expected, seen) == 0)
		return;
	fprintf(stderr, "%s: %s has %s, not %s\n", trait->name, where, seen, expected);
	_exit(1);
}

static void child_of_odd_thread(void *arg)
{
	struct user user = {{arg, "", "", TALLY_INIT}, true, false};
	struct seen later = {arg, "", "", TALLY_INIT};
	char expected[LOOK_SIZE] = "";
	pthread_t thread;

	user.seen.trait->look(expected);
	EXPECT(pthread_create(&thread, NULL, user_main, &user) == 0);
	pthread_join(thread, NULL);
	if (!user.could)
		_exit(CANNOT);
	expect_same(later.trait, "its task", expected, user.seen.task);
	expect_same(later.trait, "its callback", expected, user.seen.callback);
	use_library(&later);
	expect_same(later.trait, "another's task", expected, later.task);
	expect_same(later.trait, "another's callback", expected, later.callback);
}

/* For those that have none of these flags. */
static void run_for_each_trait(void (*fn)(void *arg), unsigned without)
{
	size_t done = 0, wrong = 0;

	if (!child_may_start_threads())
		skip();
	for (size_t i = 0; i < sizeof(traits) / sizeof(traits[0]); i++) {
		struct trait trait = traits[i];
		struct child child;

		if ((trait.flags & without) != 0)
			continue;
		child_run(fn, &trait, &child);
		if (WIFEXITED(child.status) && WEXITSTATUS(child.status) == CANNOT)
			continue;
		done++;
		wrong += !child_exited(&child, 0);
	}
	assert_int_equal(wrong, 0);
	/* Where the system lets nothing be made different, in some containers, there is nothing to see. */
	if (done == 0)
		skip();
}

static void what_the_first_user_has_set_for_itself_reaches_no_task(void **state)
{
	(void)state;
	run_for_each_trait(child_of_odd_thread, 0);
}

/* A thread that has kept what the main thread, and so the process, has not any more. */
static void *user_waits(void *arg)
{
	struct user *user = arg;

	tally_await(&user->seen.begin, 1);
	use_library(&user->seen);
	return NULL;
}

static void child_of_odd_process(void *arg)
{
	struct user user = {{arg, "", "", TALLY_INIT}, false, true};
	char expected[LOOK_SIZE] = "";
	pthread_t thread;

	EXPECT(pthread_create(&thread, NULL, user_waits, &user) == 0);
	if (!user.seen.trait->change())
		_exit(CANNOT);
	user.seen.trait->look(expected);
	tally_add(&user.seen.begin, 1);
	pthread_join(thread, NULL);
	expect_same(user.seen.trait, "a task", expected, user.seen.task);
}

static void what_the_main_thread_has_is_what_tasks_get(void **state)
{
	(void)state;
	run_for_each_trait(child_of_odd_process, THREADS_ALONE);
}

static void look_at_groups(char text[LOOK_SIZE])
{
	snprintf(text, LOOK_SIZE, "%d groups", getgroups(0, NULL));
}

/* As a user of a large network may be, whose directory gives 1,015 at most. */
static void child_in_many_groups(void *arg)
{
	static const struct trait trait = {"groups", change_user_and_groups, look_at_groups, 0};
	const gid_t *first = arg;
	gid_t groups[1015];

	for (gid_t i = 0; i < 1015; i++)
		groups[i] = *first + i;
	if (geteuid() != 0 || access("/proc/self/status", R_OK) != 0 || setgroups(1015, groups) != 0)
		_exit(CANNOT);
	child_of_odd_thread((void *)(uintptr_t)&trait);
}

static void a_process_in_many_groups_has_its_tasks_in_all_of_them(void **state)
{
	const gid_t firsts[] = {1000, 4000000000};
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		skip();
	for (size_t i = 0; i < 2; i++) {
		child_run(child_in_many_groups, (void *)(uintptr_t)&firsts[i], &child);
		if (WIFEXITED(child.status) && WEXITSTATUS(child.status) == CANNOT)
			skip();
		assert_true(child_exited(&child, 0));
	}
}

#if defined(__x86_64__)
static bool keep_denormals(void)
{
	_mm_setcsr(0x1f80);
	return true;
}

/* As in a program built with -ffast-math. */
static void child_with_fast_math(void *arg)
{
	static const struct trait trait = {"denormal numbers", keep_denormals, look_at_denormals, 0};
	struct user user = {{&trait, "", "", TALLY_INIT}, true, false};
	eg_group group = EG_GROUP_INIT;
	pthread_t thread;

	(void)arg;
	EXPECT(change_denormals());
	EXPECT(eg_group_go(&group, task_nothing, NULL) == 0 && eg_group_wait(&group) == 0);
	EXPECT(eg_group_destroy(&group) == 0);
	EXPECT(pthread_create(&thread, NULL, user_main, &user) == 0);
	pthread_join(thread, NULL);
	expect_same(&trait, "a task", "0x0p+0", user.seen.task);
	expect_same(&trait, "a callback", "0x0p+0", user.seen.callback);
}
#endif

static void denormal_numbers_are_flushed_if_the_main_thread_flushes_them(void **state)
{
#if defined(__x86_64__)
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		skip();
	child_run(child_with_fast_math, NULL, &child);
	assert_true(child_exited(&child, 0));
#else
	(void)state;
	skip();
#endif
}

/* It stays as the kernel shows it, and is what the process was like. */
struct heir {
	struct user user;
	char expected[LOOK_SIZE];
};

static void *heir_main(void *arg)
{
	struct heir *heir = arg;

	await_end_of_main();
	user_main(&heir->user);
	if (!heir->user.could)
		_exit(CANNOT);
	expect_same(heir->user.seen.trait, "a task", heir->expected, heir->user.seen.task);
	expect_same(heir->user.seen.trait, "a callback", heir->expected, heir->user.seen.callback);
	_exit(0);
}

static void child_without_main(void *arg)
{
	static struct heir heir = {{{NULL, "", "", TALLY_INIT}, true, false}, ""};
	pthread_t thread;

	heir.user.seen.trait = arg;
	heir.user.seen.trait->look(heir.expected);
	EXPECT(pthread_create(&thread, NULL, heir_main, &heir) == 0);
	pthread_exit(NULL);
}

static void a_main_thread_that_has_ended_still_says_what_the_process_is_like(void **state)
{
	(void)state;
	/* The look for leaks does not find what lies on the stack of a main thread that has ended. */
	if (IS_ADDRESS_SANITIZED)
		skip();
	run_for_each_trait(child_without_main, NEEDS_MAIN);
}

static void child_without_proc(void *arg)
{
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    umount2("/proc", MNT_DETACH) != 0)
		_exit(CANNOT);
	child_of_odd_thread(arg);
}

static void without_proc_the_same_holds_for_what_system_calls_tell(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	run_for_each_trait(child_without_proc, NEEDS_PROC);
}

/* chrt -R: what the program starts is to be scheduled as usual. */
static void child_that_keeps_its_priority(void *arg)
{
	static const struct trait trait = {"reset on fork", NULL, look_at_scheduling, 0};
	struct user user = {{&trait, "", "", TALLY_INIT}, false, true};
	pthread_t thread;

	(void)arg;
	EXPECT(pthread_create(&thread, NULL, user_waits, &user) == 0);
	if (!set_policy(SCHED_FIFO | SCHED_RESET_ON_FORK, 1))
		_exit(CANNOT);
	tally_add(&user.seen.begin, 1);
	pthread_join(thread, NULL);
	expect_same(&trait, "a task", "policy 0, priority 0, nice 0", user.seen.task);
}

static void a_priority_that_the_main_thread_keeps_for_itself_reaches_no_task(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		skip();
	child_run(child_that_keeps_its_priority, NULL, &child);
	if (WIFEXITED(child.status) && WEXITSTATUS(child.status) == CANNOT)
		skip();
	assert_true(child_exited(&child, 0));
}

/*
 * What the process may not undo. The worker is not kept for others then: it ends in the first pause.
 */
static int task_look_at_nice(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	*(int *)arg = getpriority(PRIO_PROCESS, 0);
	return 0;
}

static int nice_of_task(void)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group;
	int nice = -1;

	options.limit = 1;
	options.flags = EG_GROUP_NO_HELP;
	EXPECT(eg_group_init(&group, NULL, &options) == 0);
	EXPECT(eg_group_go(&group, task_look_at_nice, &nice) == 0);
	EXPECT(eg_group_wait(&group) == 0);
	EXPECT(eg_group_destroy(&group) == 0);
	return nice;
}

static void *nice_main(void *arg)
{
	(void)arg;
	EXPECT(setpriority(PRIO_PROCESS, 0, 19) == 0);
	EXPECT(nice_of_task() == 19);
	return NULL;
}

static void child_without_rights(void *arg)
{
	const struct rlimit none = {0, 0};
	pthread_t thread;
	int nice = 19;

	(void)arg;
	EXPECT(setrlimit(RLIMIT_NICE, &none) == 0);
	EXPECT(geteuid() != 0 || setuid(SOMEBODY) == 0);
	EXPECT(pthread_create(&thread, NULL, nice_main, NULL) == 0);
	pthread_join(thread, NULL);
	/* Far from as long as an idle worker stays, and each use has it stay for longer. */
	for (int i = 0; i < 1000 && nice != getpriority(PRIO_PROCESS, 0); i++) {
		eg_ctx_sleep_until(NULL, eg_clock_now_ns() + 3000000);
		nice = nice_of_task();
	}
	EXPECT(nice == getpriority(PRIO_PROCESS, 0));
}

static void a_worker_that_cannot_be_like_the_process_is_not_kept(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads() || getpriority(PRIO_PROCESS, 0) == 19)
		skip();
	child_run(child_without_rights, NULL, &child);
	assert_true(child_exited(&child, 0));
}

/*
 * How a task computes that is unwound, and so does not come to putting back what it has set.
 */
static int task_round_and_panic(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	CHECK(fesetround(FE_DOWNWARD) == 0);
	eg_panic("rounding downwards");
}

static int task_look_at_rounding(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	CHECK(fegetround() == FE_TONEAREST);
	return 0;
}

static void what_a_task_that_panics_has_set_for_computing_is_put_back(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags <= EG_GROUP_NO_HELP; flags += EG_GROUP_NO_HELP) {
		struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
		eg_group group;

		options.limit = 1;
		options.flags = flags;
		assert_int_equal(eg_group_init(&group, NULL, &options), 0);
		for (int i = 0; i < 10; i++) {
			eg_group_go(&group, task_round_and_panic, NULL);
			eg_group_go(&group, task_look_at_rounding, NULL);
		}
		assert_int_equal(eg_group_wait(&group), EG_EPANIC);
		eg_group_destroy(&group);
		assert_int_equal(fegetround(), FE_TONEAREST);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(what_the_first_user_has_set_for_itself_reaches_no_task),
	    TEST(what_the_main_thread_has_is_what_tasks_get),
	    TEST(a_process_in_many_groups_has_its_tasks_in_all_of_them),
	    TEST(denormal_numbers_are_flushed_if_the_main_thread_flushes_them),
	    TEST(a_main_thread_that_has_ended_still_says_what_the_process_is_like),
	    TEST(without_proc_the_same_holds_for_what_system_calls_tell),
	    TEST(a_priority_that_the_main_thread_keeps_for_itself_reaches_no_task),
	    TEST(a_worker_that_cannot_be_like_the_process_is_not_kept),
	    TEST(what_a_task_that_panics_has_set_for_computing_is_put_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
