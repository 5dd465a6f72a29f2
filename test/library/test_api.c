/* SPDX-License-Identifier: MIT */
/*
 * Every exported function, once, through the shared library that is shipped: each is a symbol with an
 * address, as foreign function interfaces need, and does its simplest job when called through it.
 */

#include "support.h"

#include <signal.h>

/* Calls go through pointers, so that neither macros nor the compiler stand between test and symbol. */
static const struct {
	int (*version_number)(void);
	const char *(*version_string)(void);
	const char *(*strerror)(int);
	int64_t (*clock_now_ns)(void);
	int64_t (*clock_after_ns)(int64_t);
	int (*ctx_with_cancel)(eg_ctx *, eg_ctx **);
	eg_ctx *(*ctx_ref)(eg_ctx *);
	void (*ctx_unref)(eg_ctx *);
	int (*ctx_cancel)(eg_ctx *, eg_error *);
	int (*ctx_err)(const eg_ctx *);
	eg_error *(*ctx_cause)(const eg_ctx *);
	int (*ctx_with_deadline)(eg_ctx *, int64_t, eg_ctx **);
	int (*ctx_with_timeout)(eg_ctx *, int64_t, eg_ctx **);
	int (*ctx_with_value)(eg_ctx *, const void *, void *, void (*)(void *), eg_ctx **);
	int (*ctx_with_signals)(eg_ctx *, const int *, size_t, eg_ctx **);
	int (*ctx_without_cancel)(eg_ctx *, eg_ctx **);
	int64_t (*ctx_deadline)(const eg_ctx *);
	void *(*ctx_value)(const eg_ctx *, const void *);
	int (*ctx_fd)(eg_ctx *);
	int (*ctx_wait_until)(eg_ctx *, int64_t);
	int (*ctx_sleep_until)(eg_ctx *, int64_t);
	int (*ctx_poll)(eg_ctx *, struct pollfd *, nfds_t, int64_t);
	int (*command_run)(eg_ctx *, const struct eg_command *, struct eg_command_result *);
	void (*command_result_finish)(struct eg_command_result *);
	int (*ctx_on_end)(eg_ctx *, void (*)(void *), void *, eg_ctx_callback *);
	int (*ctx_off_end)(eg_ctx_callback *);
	eg_error *(*error_create)(int, const char *, ...);
	eg_error *(*error_create_from)(eg_error *, int, const char *, ...);
	eg_error *(*error_ref)(eg_error *);
	void (*error_unref)(eg_error *);
	int (*error_code)(const eg_error *);
	enum eg_error_kind (*error_kind)(const eg_error *);
	const char *(*error_message)(const eg_error *);
	eg_error *(*error_cause)(const eg_error *);
	eg_error *(*error_joined)(const eg_error *);
	int64_t (*error_task_index)(const eg_error *);
	int (*error_worker_slot)(const eg_error *);
	const struct eg_site *(*error_site)(const eg_error *);
	int (*error_print)(const eg_error *, FILE *);
	size_t (*error_format)(const eg_error *, char *, size_t);
	int (*error_print_line)(const eg_error *, FILE *);
	size_t (*error_format_line)(const eg_error *, char *, size_t);
	size_t (*error_frame_count)(const eg_error *);
	int (*error_frame)(const eg_error *, size_t, struct eg_frame *);
	int (*fail_saying)(int, const char *, ...);
	int (*fail_with)(eg_error *);
	int (*error_signal)(const eg_error *);
	int (*fault_set_mode)(unsigned);
	int (*group_init)(eg_group *, eg_ctx *, const struct eg_group_options *);
	int (*group_set_limit)(eg_group *, int);
	int (*group_go)(eg_group *, eg_task_fn *, void *);
	int (*group_go_at)(eg_group *, eg_task_fn *, void *, struct eg_site *);
	int (*group_try_go)(eg_group *, eg_task_fn *, void *);
	int (*group_try_go_at)(eg_group *, eg_task_fn *, void *, struct eg_site *);
	int (*group_go_copy)(eg_group *, eg_task_fn *, const void *, size_t);
	int (*group_go_copy_at)(eg_group *, eg_task_fn *, const void *, size_t, struct eg_site *);
	int (*group_wait)(eg_group *);
	int (*group_wait_until)(eg_group *, int64_t);
	int (*group_pass)(eg_group *);
	eg_error *(*group_error)(const eg_group *);
	size_t (*group_errors)(const eg_group *, size_t, eg_error **);
	size_t (*group_error_count)(const eg_group *);
	int (*group_report)(const eg_group *, FILE *);
	int (*group_fail)(eg_group *, eg_error *);
	int (*group_hold)(eg_group *);
	int (*group_release)(eg_group *);
	int (*group_fd)(eg_group *);
	eg_ctx *(*group_ctx)(const eg_group *);
	int (*group_cancel)(eg_group *, eg_error *);
	int (*group_reset)(eg_group *);
	int (*group_destroy)(eg_group *);
	void (*group_destroyp)(eg_group *);
	int (*group_slots)(const eg_group *);
	int (*group_stats)(const eg_group *, struct eg_stats *);
	int (*task_slot)(void);
	void *(*task_slot_data)(void);
	void (*panic)(const char *, ...);
	void (*panic_with)(eg_error *);
	void (*panic_set_hook)(eg_panic_hook_fn *, void *);
	int (*defer)(void (*)(void *), void *);
	int (*undefer)(void (*)(void *), void *);
	void (*scope_begin)(eg_scope *);
	void (*scope_end)(eg_scope *);
	void (*panic_forbid)(void);
	void (*panic_allow)(void);
} api = {
    .version_number = eg_version_number,
    .version_string = eg_version_string,
    .strerror = eg_strerror,
    .clock_now_ns = eg_clock_now_ns,
    .clock_after_ns = eg_clock_after_ns,
    .ctx_with_cancel = eg_ctx_with_cancel,
    .ctx_ref = eg_ctx_ref,
    .ctx_unref = eg_ctx_unref,
    .ctx_cancel = eg_ctx_cancel,
    .ctx_err = eg_ctx_err,
    .ctx_cause = eg_ctx_cause,
    .ctx_with_deadline = eg_ctx_with_deadline,
    .ctx_with_timeout = eg_ctx_with_timeout,
    .ctx_with_value = eg_ctx_with_value,
    .ctx_with_signals = eg_ctx_with_signals,
    .ctx_without_cancel = eg_ctx_without_cancel,
    .ctx_deadline = eg_ctx_deadline,
    .ctx_value = eg_ctx_value,
    .ctx_fd = eg_ctx_fd,
    .ctx_wait_until = eg_ctx_wait_until,
    .ctx_sleep_until = eg_ctx_sleep_until,
    .ctx_poll = eg_ctx_poll,
    .command_run = eg_command_run,
    .command_result_finish = eg_command_result_finish,
    .ctx_on_end = eg_ctx_on_end,
    .ctx_off_end = eg_ctx_off_end,
    .error_create = eg_error_create,
    .error_create_from = eg_error_create_from,
    .error_ref = eg_error_ref,
    .error_unref = eg_error_unref,
    .error_code = eg_error_code,
    .error_kind = eg_error_kind,
    .error_message = eg_error_message,
    .error_cause = eg_error_cause,
    .error_joined = eg_error_joined,
    .error_task_index = eg_error_task_index,
    .error_worker_slot = eg_error_worker_slot,
    .error_site = eg_error_site,
    .error_print = eg_error_print,
    .error_format = eg_error_format,
    .error_print_line = eg_error_print_line,
    .error_format_line = eg_error_format_line,
    .error_frame_count = eg_error_frame_count,
    .error_frame = eg_error_frame,
    .fail_saying = eg_fail,
    .fail_with = eg_fail_with,
    .error_signal = eg_error_signal,
    .fault_set_mode = eg_fault_set_mode,
    .group_init = eg_group_init,
    .group_set_limit = eg_group_set_limit,
    .group_go = eg_group_go,
    .group_go_at = eg_group_go_at,
    .group_try_go = eg_group_try_go,
    .group_try_go_at = eg_group_try_go_at,
    .group_go_copy = eg_group_go_copy,
    .group_go_copy_at = eg_group_go_copy_at,
    .group_wait = eg_group_wait,
    .group_wait_until = eg_group_wait_until,
    .group_pass = eg_group_pass,
    .group_error = eg_group_error,
    .group_errors = eg_group_errors,
    .group_error_count = eg_group_error_count,
    .group_report = eg_group_report,
    .group_fail = eg_group_fail,
    .group_hold = eg_group_hold,
    .group_release = eg_group_release,
    .group_fd = eg_group_fd,
    .group_ctx = eg_group_ctx,
    .group_cancel = eg_group_cancel,
    .group_reset = eg_group_reset,
    .group_destroy = eg_group_destroy,
    .group_destroyp = eg_group_destroyp,
    .group_slots = eg_group_slots,
    .group_stats = eg_group_stats,
    .task_slot = eg_task_slot,
    .task_slot_data = eg_task_slot_data,
    .panic = eg_panic,
    .panic_with = eg_panic_with,
    .panic_set_hook = eg_panic_set_hook,
    .defer = eg_defer,
    .undefer = eg_undefer,
    .scope_begin = eg_scope_begin,
    .scope_end = eg_scope_end,
    .panic_forbid = eg_panic_forbid,
    .panic_allow = eg_panic_allow,
};

/* Programs have these on their stacks and in their structures: a library with larger ones would write behind them. */
static void structures_have_the_size_that_programs_were_built_with(void **state)
{
	(void)state;
	assert_int_equal(sizeof(eg_group), 32);
	assert_int_equal(sizeof(eg_ctx_callback), 96);
	assert_int_equal(sizeof(eg_scope), 48);
	assert_int_equal(sizeof(struct eg_site), 24);
	/* These begin with their size and may grow, at the end. */
	assert_true(sizeof(struct eg_group_options) >= 32);
	assert_true(sizeof(struct eg_frame) >= 192);
	assert_true(sizeof(struct eg_command) >= 80);
	assert_true(sizeof(struct eg_command_result) >= 104);
}

static void base_functions_answer(void **state)
{
	char version[32];

	(void)state;
	snprintf(version, sizeof(version), "%d.%d.%d", EG_VERSION_MAJOR, EG_VERSION_MINOR, EG_VERSION_PATCH);
	assert_int_equal(api.version_number(), EG_VERSION_NUMBER);
	assert_string_equal(api.version_string(), version);
	assert_non_null(api.strerror(EG_EPANIC));
	assert_true(api.clock_now_ns() > 0);
	assert_true(api.clock_now_ns() <= api.clock_now_ns());
	assert_true(api.clock_now_ns() <= api.clock_after_ns(1));
}

static void context_functions_answer(void **state)
{
	eg_ctx *ctx = NULL;

	(void)state;
	assert_int_equal(api.ctx_with_cancel(NULL, &ctx), 0);
	assert_ptr_equal(api.ctx_ref(ctx), ctx);
	assert_int_equal(api.ctx_err(ctx), 0);
	assert_null(api.ctx_cause(ctx));
	assert_int_equal(api.ctx_cancel(ctx, NULL), 0);
	assert_int_equal(api.ctx_err(ctx), -ECANCELED);
	api.ctx_unref(ctx);
	api.ctx_unref(ctx);
}

static void do_nothing(void *arg)
{
	(void)arg;
}

static void derived_context_functions_answer(void **state)
{
	static const int signals[] = {SIGURG};
	eg_ctx *ctxs[5] = {NULL};
	eg_ctx_callback callback;

	(void)state;
	assert_int_equal(api.ctx_with_deadline(NULL, INT64_MAX - 1, &ctxs[0]), 0);
	assert_int_equal(api.ctx_with_timeout(ctxs[0], 3600000000000, &ctxs[1]), 0);
	assert_int_equal(api.ctx_with_value(ctxs[1], signals, &ctxs, NULL, &ctxs[2]), 0);
	assert_int_equal(api.ctx_with_signals(ctxs[2], signals, 1, &ctxs[3]), 0);
	assert_int_equal(api.ctx_without_cancel(ctxs[3], &ctxs[4]), 0);
	assert_true(api.ctx_deadline(ctxs[3]) < INT64_MAX - 1);
	assert_ptr_equal(api.ctx_value(ctxs[4], signals), &ctxs);
	assert_true(api.ctx_fd(ctxs[3]) >= 0);
	assert_int_equal(api.ctx_wait_until(ctxs[3], 0), -ETIMEDOUT);
	assert_int_equal(api.ctx_sleep_until(ctxs[3], 0), 0);
	assert_int_equal(api.ctx_poll(ctxs[3], NULL, 0, 0), 0);
	assert_int_equal(api.command_run(ctxs[3], NULL, NULL), -EINVAL);
	api.command_result_finish(NULL);
	assert_int_equal(api.ctx_on_end(ctxs[3], do_nothing, NULL, &callback), 0);
	assert_int_equal(api.ctx_off_end(&callback), 0);
	for (int i = 0; i < 5; i++)
		api.ctx_unref(ctxs[i]);
}

static void error_functions_answer(void **state)
{
	eg_error *inner = api.error_create(-EIO, "inner %d", 1);
	eg_error *outer = api.error_create_from(inner, -EPIPE, "outer %s", "two");
	FILE *null = fopen("/dev/null", "w");
	char text[4096];
	size_t length;

	(void)state;
	assert_non_null(null);
	assert_ptr_equal(api.error_ref(outer), outer);
	assert_int_equal(api.error_code(outer), -EPIPE);
	assert_int_equal(api.error_kind(outer), EG_ERROR_RETURNED);
	assert_string_equal(api.error_message(outer), "outer two");
	assert_ptr_equal(api.error_cause(outer), inner);
	assert_null(api.error_joined(outer));
	assert_int_equal(api.error_task_index(outer), -1);
	assert_int_equal(api.error_worker_slot(outer), -1);
	assert_int_equal(api.error_signal(outer), 0);
	assert_null(api.error_site(outer));
	assert_int_equal(api.error_print(outer, null), 0);
	length = api.error_format(outer, text, sizeof(text));
	assert_int_equal(length, strlen(text));
	assert_int_equal(api.error_print_line(outer, null), 0);
	length = api.error_format_line(outer, text, sizeof(text));
	assert_int_equal(length, strlen(text));
	assert_int_equal(api.fail_saying(-EIO, "outside"), -EIO);
	fclose(null);
	api.error_unref(outer);
	api.error_unref(outer);
	api.error_unref(inner);
}

static void group_functions_answer(void **state)
{
	static struct eg_site site = {__FILE__, "elsewhere", __LINE__, 0};
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	atomic_long ran = 0, *counter = &ran;
	struct eg_stats stats = EG_STATS_INIT;
	eg_error *error = NULL;
	eg_group group;

	(void)state;
	assert_int_equal(api.group_init(&group, NULL, &options), 0);
	assert_int_equal(api.group_set_limit(&group, 2), 0);
	assert_int_equal(api.group_go(&group, task_count, counter), 0);
	assert_int_equal(api.group_go_at(&group, task_count, counter, &site), 0);
	assert_int_equal(api.group_wait(&group), 0);
	assert_int_equal(api.group_try_go(&group, task_count, counter), 0);
	assert_int_equal(api.group_try_go_at(&group, task_count, counter, &site), 0);
	assert_int_equal(api.group_wait_until(&group, INT64_MAX), 0);
	assert_int_equal(api.group_go_copy(&group, task_nothing, "x", 1), 0);
	assert_int_equal(api.group_go_copy_at(&group, task_nothing, "x", 1, &site), 0);
	assert_int_equal(api.group_wait(&group), 0);
	assert_int_equal(atomic_load(&ran), 4);
	assert_null(api.group_error(&group));
	assert_int_equal(api.group_errors(&group, 1, &error), 0);
	assert_non_null(api.group_ctx(&group));
	assert_int_equal(api.group_hold(&group), 0);
	assert_true(api.group_fd(&group) >= 0);
	assert_int_equal(api.group_release(&group), 0);
	assert_int_equal(api.group_report(&group, NULL), -EINVAL);
	assert_int_equal(api.group_fail(&group, NULL), -EINVAL);
	assert_int_equal(api.group_reset(&group), 0);
	assert_int_equal(api.group_cancel(&group, NULL), 0);
	assert_int_equal(api.group_destroy(&group), 0);
	api.group_destroyp(&group);
	assert_int_equal(api.task_slot(), -1);
	assert_null(api.task_slot_data());
	assert_int_equal(api.group_slots(NULL), -EINVAL);
	assert_int_equal(api.group_stats(NULL, &stats), -EINVAL);
}

static void do_nothing_hook(eg_error *error, void *arg)
{
	(void)error;
	(void)arg;
}

static int task_give_up(eg_ctx *ctx, void *arg)
{
	eg_scope scope;

	(void)ctx;
	api.panic_forbid();
	api.scope_begin(&scope);
	CHECK(api.defer(do_nothing, NULL) == 0);
	CHECK(api.defer(do_nothing, NULL) == 0);
	CHECK(api.undefer(do_nothing, NULL) == 0);
	api.scope_end(&scope);
	CHECK(api.undefer(do_nothing, NULL) == -ENOENT);
	api.panic_allow();
	CHECK(api.defer(do_nothing, NULL) == 0);
	if (arg)
		api.panic_with(api.error_ref(arg));
	api.panic("gave up %d", 1);
	return 0;
}

static void panic_functions_answer(void **state)
{
	eg_error *error = api.error_create(-EIO, "value");
	struct eg_frame frame = EG_FRAME_INIT;
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(api.fault_set_mode(EG_FAULT_OFF), 0);
	api.panic_set_hook(do_nothing_hook, NULL);
	assert_int_equal(api.group_set_limit(&group, 1), 0);
	assert_int_equal(api.group_go(&group, task_give_up, NULL), 0);
	assert_int_equal(api.group_go(&group, task_give_up, error), 0);
	assert_int_equal(api.group_wait(&group), EG_EPANIC);
	assert_int_equal(api.group_error_count(&group), 2);
	assert_int_equal(api.group_pass(&group), EG_EPANIC);
	assert_true(api.error_frame_count(api.group_error(&group)) > 0);
	assert_int_equal(api.error_frame(api.group_error(&group), 0, &frame), 0);
	assert_non_null(frame.module);
	assert_int_equal(api.group_destroy(&group), 0);
	api.panic_set_hook(NULL, NULL);
	api.error_unref(error);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(structures_have_the_size_that_programs_were_built_with),
	    TEST(base_functions_answer),
	    TEST(context_functions_answer),
	    TEST(derived_context_functions_answer),
	    TEST(error_functions_answer),
	    TEST(group_functions_answer),
	    TEST(panic_functions_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
