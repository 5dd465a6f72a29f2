/* SPDX-License-Identifier: MIT */

/*
 * Scenarios of errors, panics and contexts: an error has its code whatever else could not be had.
 */

#include "scenarios.h"

#include <signal.h>

void scenario_collected_errors(void)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group = EG_GROUP_INIT;
	eg_error *errors[64] = {NULL};
	size_t kept, total;

	begin();
	options.limit = 2;
	options.collect = 64;
	if (!init(&group, NULL, &options))
		return;
	go_many(&group, count_and_fail, 40);
	CHECK(eg_group_wait(&group) == (accepted ? -EIO : 0));
	kept = eg_group_errors(&group, 64, errors);
	total = eg_group_error_count(&group);
	CHECK((long)total == accepted && atomic_load(&ran) == accepted);
	CHECK(kept <= total && !errors[kept]);
	for (size_t i = 0; i < kept; i++) {
		CHECK(eg_error_code(errors[i]) == -EIO && eg_error_kind(errors[i]) == EG_ERROR_RETURNED);
		CHECK(eg_error_message(errors[i]) != NULL);
	}
	CHECK(eg_group_error(&group) == errors[0]);
	CHECK(accepted == 0 || errors[0] != NULL);
	end(&group);
}

static int panics(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	atomic_fetch_add(&ran, 1);
	eg_panic("number %d", 5);
}

static int panics_with(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	atomic_fetch_add(&ran, 1);
	eg_panic_with(eg_error_create(-EPROTO, "carried"));
}

void scenario_panic(void)
{
	static const struct {
		eg_task_fn *fn;
		int code;
	} cases[] = {{panics, EG_EPANIC}, {panics_with, -EPROTO}};

	for (size_t i = 0; i < 2; i++) {
		eg_group group = EG_GROUP_INIT;

		begin();
		note(eg_group_go(&group, cases[i].fn, NULL));
		CHECK(eg_group_wait(&group) == (accepted ? cases[i].code : 0));
		CHECK(atomic_load(&ran) == accepted);
		if (accepted)
			CHECK(eg_error_kind(eg_group_error(&group)) == EG_ERROR_PANIC);
		end(&group);
	}
}

static int passes_on(eg_ctx *ctx, void *arg)
{
	eg_group inner = EG_GROUP_INIT;
	int err = eg_group_go(&inner, arg == NULL ? panics : passes_on, NULL), result;

	(void)ctx;
	if (err)
		return err;
	result = eg_group_pass(&inner);
	eg_group_destroy(&inner);
	return result;
}

void scenario_passed_on(void)
{
	eg_group group = EG_GROUP_INIT;
	int result;

	begin();
	note(eg_group_go(&group, passes_on, "again"));
	result = eg_group_wait(&group);
	/* What ran out inside is passed on as well. */
	CHECK(result == (atomic_load(&ran) ? EG_EPANIC : accepted ? -ENOMEM : 0));
	if (result == EG_EPANIC)
		CHECK(eg_error_kind(eg_group_error(&group)) == EG_ERROR_PANIC);
	CHECK((long)eg_group_error_count(&group) == accepted);
	end(&group);
}

static atomic_long defers_made, defers_run;

static void defer_count(void *arg)
{
	(void)arg;
	atomic_fetch_add(&defers_run, 1);
}

static int defers(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	atomic_fetch_add(&ran, 1);
	for (int i = 0; i < 30; i++) {
		int result = eg_defer(defer_count, NULL);

		CHECK(result == 0 || (result == -ENOMEM && i >= 8));
		if (result == 0)
			atomic_fetch_add(&defers_made, 1);
	}
	if (arg)
		eg_panic("after defers");
	return 0;
}

void scenario_many_defers(void)
{
	eg_group group = EG_GROUP_INIT;

	begin();
	atomic_store(&defers_made, 0);
	atomic_store(&defers_run, 0);
	note(eg_group_go(&group, defers, NULL));
	note(eg_group_go(&group, defers, "panic"));
	CHECK(eg_group_wait(&group) == 0 || eg_group_wait(&group) == EG_EPANIC);
	CHECK(atomic_load(&ran) == accepted);
	CHECK(atomic_load(&defers_run) == atomic_load(&defers_made));
	end(&group);
}

void scenario_context_tree(void)
{
	eg_error *cause = eg_error_create(-ESTALE, "why %d", 1);
	eg_ctx *ctx[4] = {NULL};
	int made = 0;

	CHECK(eg_error_code(cause) == -ESTALE);
	for (; made < 4; made++) {
		eg_ctx *child = (eg_ctx *)&made;
		int result = eg_ctx_with_cancel(made ? ctx[made - 1] : NULL, &child);

		CHECK(result == 0 || (result == -ENOMEM && child == (eg_ctx *)&made));
		if (result != 0)
			break;
		ctx[made] = child;
	}
	if (made > 0) {
		CHECK(eg_ctx_cancel(ctx[0], cause) == 0);
		CHECK(eg_ctx_err(ctx[made - 1]) == -ECANCELED);
		CHECK(eg_error_code(eg_ctx_cause(ctx[made - 1])) == -ESTALE);
	}
	for (int i = 0; i < made; i++)
		eg_ctx_unref(ctx[i]);
	eg_error_unref(cause);
}

static const char key;

static void count_up(void *value)
{
	atomic_fetch_add((atomic_long *)value, 1);
}

/* Every kind of context below the one before it; what cannot be made is left out. */
void scenario_context_kinds(void)
{
	static const int signals[] = {SIGUSR1};
	eg_ctx_callback callbacks[6] = {EG_CTX_CALLBACK_INIT};
	atomic_long called = 0, released = 0;
	eg_ctx *ctx[6], *parent = NULL;
	long registered = 0, valued = 0;
	int made = 0;

	for (int i = 0; i < 6; i++) {
		eg_ctx *child = (eg_ctx *)&made;
		int result;

		if (i == 0)
			result = eg_ctx_with_cancel(parent, &child);
		else if (i == 1)
			result = eg_ctx_with_value(parent, &key, &released, count_up, &child);
		else if (i == 2)
			result = eg_ctx_with_signals(parent, signals, 1, &child);
		else if (i == 3)
			result = eg_ctx_with_timeout(parent, INT64_C(3600000000000), &child);
		else if (i == 4)
			result = eg_ctx_with_timeout(parent, 0, &child);
		else
			result = eg_ctx_with_cancel(parent, &child);
		CHECK(result == 0 ||
		      (child == (eg_ctx *)&made && (result == -ENOMEM || (i == 2 && result == -EAGAIN))));
		if (result != 0)
			continue;
		valued += i == 1;
		parent = ctx[made++] = child;
		result = eg_ctx_on_end(child, count_up, &called, &callbacks[i]);
		CHECK(result == 0 || (i >= 3 && result == -EAGAIN));
		registered += result == 0;
		CHECK(i != 4 || eg_ctx_err(child) == -ETIMEDOUT);
		CHECK(eg_ctx_sleep_until(child, 0) == eg_ctx_err(child));
	}
	if (made > 0)
		CHECK(eg_ctx_cancel(ctx[0], NULL) == 0 || made == 1 || eg_ctx_err(ctx[0]) == -ETIMEDOUT);
	for (int i = 0; i < 6; i++)
		eg_ctx_off_end(&callbacks[i]);
	CHECK(atomic_load(&called) == registered);
	for (int i = 0; i < made; i++)
		eg_ctx_unref(ctx[i]);
	CHECK(atomic_load(&released) == valued);
}

/* A group under a deadline: it comes, with a thread for it or without. */
void scenario_deadline(void)
{
	eg_ctx *ctx;
	eg_group group;

	if (eg_ctx_with_timeout(NULL, 1000000, &ctx))
		return;
	begin();
	if (init(&group, ctx, NULL)) {
		go_many(&group, count_run, 3);
		CHECK(eg_group_wait(&group) == 0 && atomic_load(&ran) == accepted);
		end(&group);
	}
	CHECK(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
	CHECK(eg_ctx_err(ctx) == -ETIMEDOUT && eg_clock_now_ns() >= eg_ctx_deadline(ctx));
	eg_ctx_unref(ctx);
}

void scenario_errors_in_text(void)
{
	static FILE *stream;
	eg_group group = EG_GROUP_INIT;
	eg_error *cause = eg_error_create(-EIO, "the disk"), *error;
	char text[256] = "";
	int result;

	if (!stream)
		stream = fopen("/dev/null", "w");
	begin();
	error = eg_error_create_from(cause, -ENODATA, "no %s", "data");
	CHECK(eg_error_code(error) == -ENODATA);
	result = eg_error_print(error, stream);
	CHECK(result == 0 || result == -EIO);
	eg_error_format(error, text, sizeof(text));
	CHECK(memchr(text, 0, sizeof(text)) != NULL);
	eg_error_unref(cause);
	eg_error_unref(error);

	note(eg_group_go(&group, panics, NULL));
	CHECK(eg_group_wait(&group) == (accepted ? EG_EPANIC : 0));
	result = eg_error_print(eg_group_error(&group), stream);
	CHECK(result == 0 || result == -EIO);
	end(&group);
}

static inline __attribute__((always_inline)) void panic_inlined(void)
{
	atomic_fetch_add(&ran, 1);
	eg_panic("inlined");
}

static int panics_inlined(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	panic_inlined();
	return 0;
}

/* Lack of memory costs a frame its names at most, and what was said once of how many there are stays. */
void scenario_frames(void)
{
	struct eg_frame first[16], again = EG_FRAME_INIT;
	eg_group group = EG_GROUP_INIT;
	eg_error *error;
	size_t count;

	begin();
	note(eg_group_go(&group, panics_inlined, NULL));
	CHECK(eg_group_wait(&group) == (accepted ? EG_EPANIC : 0));
	error = eg_group_error(&group);
	count = eg_error_frame_count(error);
	for (size_t i = 0; i < count && i < 16; i++) {
		first[i] = (struct eg_frame)EG_FRAME_INIT;
		CHECK(eg_error_frame(error, i, &first[i]) == 0);
		CHECK(first[i].module != NULL && first[i].offset != 0);
	}
	CHECK(eg_error_format(error, NULL, 0) > 0 || !accepted);
	CHECK(eg_error_frame_count(error) == count);
	for (size_t i = 0; i < count && i < 16; i++) {
		CHECK(eg_error_frame(error, i, &again) == 0);
		CHECK(again.function == first[i].function && again.file == first[i].file);
		CHECK(again.line == first[i].line && again.offset == first[i].offset);
		CHECK(strcmp(again.build_id, first[i].build_id) == 0);
	}
	CHECK(eg_error_frame(error, count, &again) == -ENOENT);
	end(&group);
}

void scenario_resets(void)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group = EG_GROUP_INIT;

	options.limit = 2;
	if (!init(&group, NULL, &options))
		return;
	for (int i = 0; i < 3; i++) {
		int result;

		begin();
		go_many(&group, count_and_fail, 3);
		result = eg_group_wait(&group);
		CHECK(atomic_load(&ran) == accepted);
		CHECK(result == (accepted ? -EIO : 0));
		result = eg_group_reset(&group);
		CHECK(result == 0 || result == -ENOMEM);
		if (result != 0) {
			/* Unchanged: the error is still there. */
			CHECK(eg_error_code(eg_group_error(&group)) == (accepted ? -EIO : 0));
			break;
		}
		CHECK(eg_group_error(&group) == NULL);
	}
	end(&group);
}
