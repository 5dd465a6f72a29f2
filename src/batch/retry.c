/* SPDX-License-Identifier: MIT */
/*
 * A function that is tried again. Each attempt is the one task of a group of its own, so that whatever it ends with is an
 * error. The errors of the latest attempts are kept, and made into one chain at the end.
 *
 * Before attempt n + 1 it sleeps for a time that is chosen at random between 0 and first * 2^(n-1), or the longest delay if
 * that is less. That is "full jitter": M. Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015, where of several
 * ways it is the one by which many callers of one service get in one another's way least. The numbers are splitmix64's, of
 * G. Steele, D. Lea and C. Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014, begun by the system's for each
 * call.
 */
#include <errgroup/batch.h>
#include <errno.h>
#include <sys/random.h>

#include "batch/run.h"
#include "error/error.h"
#include "os/clock.h"
#include "os/exception.h"
#include "os/sized.h"
#include "task/recovery.h"

#define KEPT_MAX 16 /* errors: what is tried a million times fails of a few reasons */
#define ATTEMPTS_DEFAULT 3
#define FIRST_DELAY_DEFAULT (100 * EGI_MILLISECOND)
#define DELAY_MAX_DEFAULT (10 * EGI_SECOND)

struct retry {
	struct eg_retry_options options; /* each as it is meant: no field is 0 for its default */
	struct eg_group_options group;
	int64_t delay_ns; /* the longest before the next attempt */
	uint64_t random;  /* 0: not begun */
	uint64_t failed;  /* attempts; the errors of the latest are kept: */
	eg_error *kept[KEPT_MAX];
};

static const struct eg_retry_options options_default = EG_RETRY_OPTIONS_INIT;

static int retry_init(struct retry *retry, const struct eg_retry_options *options)
{
	struct eg_retry_options *taken = &retry->options;
	int err;

	if (options && !egi_sized_is_known(options, options->size, sizeof(*options)))
		return -EINVAL;
	*taken = options ? *options : options_default;
	if (taken->reserved != 0 || taken->first_delay_ns < EG_RETRY_NO_DELAY || taken->delay_max_ns < 0 ||
	    taken->attempt_timeout_ns < 0)
		return -EINVAL;
	if (taken->attempts == 0)
		taken->attempts = ATTEMPTS_DEFAULT;
	if (taken->first_delay_ns == 0)
		taken->first_delay_ns = FIRST_DELAY_DEFAULT;
	if (taken->delay_max_ns == 0)
		taken->delay_max_ns = DELAY_MAX_DEFAULT;
	err = egi_run_options(taken->group, 1, &retry->group);
	if (err)
		return err;
	retry->group.limit = 1;
	retry->delay_ns = taken->first_delay_ns == EG_RETRY_NO_DELAY ? 0 : taken->first_delay_ns;
	retry->random = retry->failed = 0;
	return 0;
}

static void retry_keep(struct retry *retry, eg_error *error)
{
	eg_error **place = &retry->kept[retry->failed % KEPT_MAX];

	if (retry->failed >= KEPT_MAX)
		eg_error_unref(*place);
	*place = error;
	retry->failed++;
}

/* The number of the first attempt whose error is there. */
static uint64_t retry_first_kept(const struct retry *retry)
{
	return retry->failed > KEPT_MAX ? retry->failed - KEPT_MAX : 0;
}

/* The last error, caused by the one before, and so on. Nothing is kept any more. */
static eg_error *retry_error(struct retry *retry)
{
	eg_error *last = NULL;

	for (uint64_t i = retry_first_kept(retry); i < retry->failed; i++) {
		eg_error *error = retry->kept[i % KEPT_MAX];

		last = last ? egi_error_add_cause(error, last) : error;
	}
	retry->failed = 0;
	return last;
}

static void retry_forget(void *arg)
{
	eg_error_unref(retry_error(arg));
}

/*
 * Whether to try again
 */

/* If the predicate panics, the task that tries ends here. Not inlined: see EGI_RECOVERY_CALL. */
static EGI_NOINLINE bool retry_ask_inside(struct retry *retry, const eg_error *error)
{
	eg_scope scope;
	bool yes;

	eg_scope_begin(&scope);
	/* Without memory for it the errors would be lost then, and there is no other attempt. */
	yes = eg_defer(retry_forget, retry) == 0;
	if (yes)
		EGI_RECOVERY_CALL(
		    EGI_CALL_PROGRAM(yes = retry->options.retry_if(error, retry->options.retry_arg)));
	(void)eg_undefer(retry_forget, retry);
	eg_scope_end(&scope);
	return yes;
}

static bool retry_ask(struct retry *retry, const eg_error *error)
{
	bool yes;

	if (egi_thread_self.recovery)
		return retry_ask_inside(retry, error);
	EGI_CALL_PROGRAM(yes = retry->options.retry_if(error, retry->options.retry_arg));
	return yes;
}

/* What the program did wrong is not going to be right the next time; what an attempt's own time has ended may. */
static bool is_worth_it(const eg_error *error, bool was_late)
{
	enum eg_error_kind kind = eg_error_kind(error);

	if (was_late)
		return kind == EG_ERROR_RETURNED || kind == EG_ERROR_SKIPPED;
	return kind == EG_ERROR_RETURNED && eg_error_code(error) != -ECANCELED;
}

/*
 * Delays
 */

static void random_begin(uint64_t *random)
{
	int saved = errno;

	if (getrandom(random, sizeof(*random), GRND_NONBLOCK) != sizeof(*random))
		*random = (uint64_t)eg_clock_now_ns() ^ egi_thread_id() << 48 ^ (uint64_t)(uintptr_t)random;
	errno = saved;
}

/* splitmix64 */
static uint64_t random_next(uint64_t *random)
{
	uint64_t mixed = *random += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	return mixed ^ mixed >> 31;
}

/* A time between 0 and the longest delay, which doubles. */
static int64_t retry_delay(struct retry *retry)
{
	int64_t longest =
	    retry->delay_ns < retry->options.delay_max_ns ? retry->delay_ns : retry->options.delay_max_ns;

	if (longest == 0)
		return 0;
	if (retry->random == 0)
		random_begin(&retry->random);
	if (__builtin_mul_overflow(retry->delay_ns, 2, &retry->delay_ns))
		retry->delay_ns = INT64_MAX;
	return (int64_t)((unsigned __int128)random_next(&retry->random) * ((uint64_t)longest + 1) >> 64);
}

/* Sleeps until the next attempt. False if the context is over, or is going to be by then. */
static bool retry_sleep(struct retry *retry, eg_ctx *parent)
{
	int64_t time_ns = egi_clock_after(retry_delay(retry));

	return time_ns < eg_ctx_deadline(parent) && eg_ctx_sleep_until(parent, time_ns) == 0;
}

/*
 * Attempts
 */

struct attempt {
	int code;
	bool began; /* the code is the task's, or says why it did not start */
	bool was_late;
	eg_error *error;
};

/* The group for an attempt, below a context with the attempt's own deadline, if it has one. */
static int attempt_begin(struct egi_run *run, const struct retry *retry, eg_ctx *parent, int64_t deadline_ns)
{
	eg_ctx *ctx;
	int err;

	if (deadline_ns == EG_CTX_NO_DEADLINE)
		return egi_run_begin_with(run, parent, &retry->group);
	err = eg_ctx_with_deadline(parent, deadline_ns, &ctx);
	if (err) {
		*run = (struct egi_run){0};
		return err;
	}
	err = egi_run_begin_with(run, ctx, &retry->group);
	/* The group keeps it. */
	eg_ctx_unref(ctx);
	return err;
}

static struct attempt retry_attempt(const struct retry *retry, eg_ctx *parent, eg_task_fn *fn, void *arg,
				    struct eg_site *site)
{
	int64_t timeout_ns = retry->options.attempt_timeout_ns;
	int64_t deadline_ns = timeout_ns > 0 ? egi_clock_after(timeout_ns) : EG_CTX_NO_DEADLINE;
	struct attempt attempt;
	struct egi_run run;
	int err = attempt_begin(&run, retry, parent, deadline_ns);

	if (!err)
		err = eg_group_go_at(&run.group, fn, arg, site);
	attempt.began = !err;
	attempt.code = egi_run_end(&run, err, &attempt.error);
	if (attempt.code == EG_EFORKED)
		attempt.began = false;
	attempt.was_late =
	    attempt.code != 0 && deadline_ns != EG_CTX_NO_DEADLINE && eg_clock_now_ns() >= deadline_ns;
	return attempt;
}

/* Whether there is to be another attempt after one that has failed. */
static bool retry_goes_on(struct retry *retry, eg_ctx *parent, const struct attempt *attempt)
{
	if (!attempt->began || retry->failed >= retry->options.attempts || eg_ctx_err(parent) != 0)
		return false;
	return retry->options.retry_if ? retry_ask(retry, attempt->error)
				       : is_worth_it(attempt->error, attempt->was_late);
}

int eg_retry_at(eg_ctx *parent, eg_task_fn *fn, void *arg, const struct eg_retry_options *options,
		eg_error **ret_error, struct eg_site *site)
{
	struct retry retry;
	struct attempt attempt;
	int code = fn ? retry_init(&retry, options) : -EINVAL;

	if (code)
		return egi_run_tell(code, NULL, ret_error);
	do {
		attempt = retry_attempt(&retry, parent, fn, arg, site);
		if (attempt.code == 0) {
			retry_forget(&retry);
			return egi_run_tell(0, NULL, ret_error);
		}
		/* The parent was over before it started: what the one before says is more. */
		if (retry.failed > 0 && eg_error_kind(attempt.error) == EG_ERROR_SKIPPED &&
		    eg_ctx_err(parent) != 0) {
			eg_error_unref(attempt.error);
			break;
		}
		code = attempt.code;
		retry_keep(&retry, attempt.error);
	} while (retry_goes_on(&retry, parent, &attempt) && retry_sleep(&retry, parent));
	return egi_run_tell(code, retry_error(&retry), ret_error);
}

int(eg_retry)(eg_ctx *parent, eg_task_fn *fn, void *arg, const struct eg_retry_options *options,
	      eg_error **ret_error)
{
	return eg_retry_at(parent, fn, arg, options, ret_error, NULL);
}
