/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_CTX_H
#define ERRGROUP_CTX_H

/*
 * A context: the signal that work should stop, with why, until when, and what goes with it.
 *
 * Contexts form a tree. Ending one ends everything derived from it and nothing above it. A context ends at
 * most once, when it is cancelled, its deadline passes or a signal arrives; from its end on it is over, and
 * keeps the cause. NULL is accepted everywhere and means the background context, which never ends, has no
 * deadline and no values.
 *
 *     err = eg_ctx_with_timeout(ctx, EG_SECONDS(2), &limited);
 *     ...
 *     err = fetch(limited, url);
 *     eg_ctx_cancel(limited, NULL);
 *     eg_ctx_unref(limited);
 *
 * Work can learn of the end in four ways: ask eg_ctx_err now and then; sleep in eg_ctx_wait_until or
 * eg_ctx_sleep_until; wait for its own descriptors in eg_ctx_poll, or with eg_ctx_fd beside them; or have a
 * function called, by eg_ctx_on_end, that wakes whatever it blocks in.
 *
 * A group hands its context to its tasks and cancels it at the first error, or when it has been waited for.
 * Work that outlives the group must not be given that context as it is: give it eg_ctx_without_cancel of it,
 * or derive from the one above.
 *
 * Deadlines and signals are served by one thread of the library, and what they call by another, or by more if
 * functions wait. These threads exist only while there is something to do and for some seconds afterwards.
 *
 * In a forked child contexts are copies. What was registered before the fork does nothing there: no function
 * is called, no descriptor is raised, no signal cancels. Whoever asks or waits for a context of before learns
 * of its end, by a deadline too, and what the child registers and derives works as ever.
 */

#include <errgroup/base.h>
#include <poll.h>

EG_BEGIN_DECLS

#define EG_CTX_NO_DEADLINE INT64_MAX /* the deadline of a context that has none */

/*
 * Derives a context that ends when its parent does, or when it is cancelled. If the parent is over, so is the
 * result, with the same cause. Every context can be cancelled, whichever function made it.
 *
 * Ownership: the caller owns one reference to *ret_ctx; the child keeps its parent alive. Dropping the last
 * reference to a context unlinks it from its parent and cancels nothing. The library itself keeps a context
 * only for a registered function, until that has returned. Threads: any. Blocking: for the tree's lock.
 * Return: 0; -EINVAL for a NULL ret_ctx; -ENOMEM. *ret_ctx is untouched on failure.
 */
EG_PUBLIC int eg_ctx_with_cancel(eg_ctx *parent, eg_ctx **ret_ctx) EG_MUST_CHECK;

/*
 * The same, and the context ends with -ETIMEDOUT at a time, never before it and usually within a tenth of a
 * millisecond of it. A parent's earlier deadline stands.
 *
 * @deadline_ns  as eg_clock_now_ns counts; in the past: the result is over; EG_CTX_NO_DEADLINE: as
 *               eg_ctx_with_cancel
 * @timeout_ns   from now on; 0 or less: the result is over. Sums beyond the clock's range are no deadline
 *
 * Setting the wall clock changes nothing. A clock that a preloaded library gives the program instead of the
 * kernel's, as libfaketime does, is kept to. If no thread can be started, eg_ctx_err, eg_ctx_cause,
 * eg_ctx_wait_until and eg_ctx_sleep_until read the clock themselves from then on, and what needs a thread
 * says so: see eg_ctx_fd and eg_ctx_on_end.
 * Return: as eg_ctx_with_cancel.
 */
EG_PUBLIC int eg_ctx_with_deadline(eg_ctx *parent, int64_t deadline_ns, eg_ctx **ret_ctx) EG_MUST_CHECK;
EG_PUBLIC int eg_ctx_with_timeout(eg_ctx *parent, int64_t timeout_ns, eg_ctx **ret_ctx) EG_MUST_CHECK;

/*
 * Derives a context that carries a value, which eg_ctx_value finds from it and from everything derived from
 * it.
 *
 * @key      an address that only you use: that of a static variable, say. Keys are compared, not followed
 * @release  called with the value when the context is freed, on the thread that drops the last reference; or
 *           NULL
 *
 * Ownership: the value is the context's from now on, unless this fails. Return: as eg_ctx_with_cancel, and
 * -EINVAL for a NULL key.
 */
EG_PUBLIC int eg_ctx_with_value(eg_ctx *parent, const void *key, void *value, void (*release)(void *value),
				eg_ctx **ret_ctx) EG_MUST_CHECK;

/*
 * Derives a context that the first of these signals cancels, with an error of code EG_ESIGNAL(signal) as the
 * cause. The second takes its default action, which usually ends the process. The former action of each
 * signal is put back when the last context made for it is freed. Several contexts may be made for one signal:
 * it cancels all of them; a context made after it had arrived listens anew.
 *
 * @signals  numbers as in signal.h; not SIGKILL, SIGSTOP or what a fault raises (SIGSEGV and the like)
 *
 * A signal that was ignored is listened to as well; who wants a program started by nohup to stay deaf to
 * SIGHUP leaves it out of the list.
 * Threads: any. The signal has to be unblocked in some thread of the program; the library's own threads block
 * it. What the signal interrupts is restarted where the system does that; poll and its like return EINTR. The
 * handler runs on the thread's alternate stack, if it has one. In a forked child the former actions are in
 * place again before any signal is delivered, and none cancels contexts of the parent.
 * Return: as eg_ctx_with_cancel; -EINVAL for no signals or one that cannot be used; -EBUSY if somebody has
 * since replaced the action for a signal that other contexts listen to; -EAGAIN if no thread can be started.
 */
EG_PUBLIC int eg_ctx_with_signals(eg_ctx *parent, const int *signals, size_t count,
				  eg_ctx **ret_ctx) EG_MUST_CHECK;

/*
 * Derives a context that has the parent's values, but neither its end nor its deadline: for work that goes on
 * after the parent is over, like a log entry written in the background.
 *
 * Return: as eg_ctx_with_cancel.
 */
EG_PUBLIC int eg_ctx_without_cancel(eg_ctx *parent, eg_ctx **ret_ctx) EG_MUST_CHECK;

/*
 * Takes or gives back a reference. eg_ctx_ref returns its argument. Threads: any.
 */
EG_PUBLIC eg_ctx *eg_ctx_ref(eg_ctx *ctx);
EG_PUBLIC void eg_ctx_unref(eg_ctx *ctx);

/*
 * Cancels the context and everything derived from it. The first end wins; later ones do nothing.
 *
 * @cause  why; gains a reference of its own. NULL means plain "canceled"
 *
 * Threads: any, but not from a signal handler. Blocking: for the tree's lock, and for the functions
 * registered with eg_ctx_on_end, which it calls; the tree is walked without recursion.
 * Return: 0 if this call cancelled it; -EALREADY if it was over before; -EINVAL for NULL, the background
 * context.
 */
EG_PUBLIC int eg_ctx_cancel(eg_ctx *ctx, eg_error *cause);

/*
 * Why the context is over, as a code: 0 while it is not, then -ECANCELED, or -ETIMEDOUT when a deadline, its
 * own or an ancestor's, ended it. Two loads.
 * Threads: any. Blocking: never, but for the tree's lock where no thread sees to a deadline that has passed.
 * Ordering: what was written before the end is visible once this is non-zero.
 */
EG_PUBLIC int eg_ctx_err(const eg_ctx *ctx);

/*
 * Why the context is over, as an error: the cause given to the cancellation that reached it; "deadline
 * exceeded", code -ETIMEDOUT, for a deadline; code EG_ESIGNAL(signal) for a signal.
 *
 * Ownership: borrowed; it lives as long as the context. Threads: any. Return: NULL while eg_ctx_err is 0.
 */
EG_PUBLIC eg_error *eg_ctx_cause(const eg_ctx *ctx);

/*
 * When the context is going to end at the latest, its ancestors' deadlines included, or EG_CTX_NO_DEADLINE.
 * Threads: any. One load.
 */
EG_PUBLIC int64_t eg_ctx_deadline(const eg_ctx *ctx);

/*
 * The value that the context, or else its nearest ancestor, carries under the key; NULL if there is none.
 * Ownership: borrowed; it lives as long as the context. Threads: any. Blocking: never; the search passes over
 * contexts without values.
 */
EG_PUBLIC void *eg_ctx_value(const eg_ctx *ctx, const void *key);

/*
 * A descriptor that becomes readable when the context is over, and stays so: for poll, select, epoll and
 * io_uring's polls. It is made at the first call; later ones return the same. That of the background context
 * is never readable.
 *
 * Ownership: the context's: do not read it, write it or close it; it is closed when the context is freed.
 * Threads: any. It is close-on-exec, and never one of the three standard descriptors, even if these are
 * closed. In a forked child it is of no use: ask again there.
 * Return: the descriptor; -EMFILE, -ENFILE or -ENOMEM when there is none to be had; -EAGAIN if the context
 * has a deadline and no thread can be started to see to it.
 */
EG_PUBLIC int eg_ctx_fd(eg_ctx *ctx);

/*
 * Waits until the context is over, or until a time.
 *
 * @deadline_ns  as eg_clock_now_ns counts; in the past means: only look. EG_CTX_NO_DEADLINE: as long as it
 *               takes
 *
 * Threads: any. Return: 0, the context is over; -ETIMEDOUT, the time has come and it is not.
 */
EG_PUBLIC int eg_ctx_wait_until(eg_ctx *ctx, int64_t deadline_ns) EG_MUST_CHECK;

/*
 * Sleeps until a time, or until the context is over.
 *
 * @time_ns  as eg_clock_now_ns counts; in the past means: only look at the context
 *
 * Threads: any. Return: 0, the time has come; the code of eg_ctx_err if the context is over.
 */
EG_PUBLIC int eg_ctx_sleep_until(eg_ctx *ctx, int64_t time_ns);

/*
 * poll(2) that the context ends: waits until one of the descriptors is ready, or until a time, or until the
 * context is over, which counts for more than what is ready at the same moment.
 *
 *     struct pollfd fds[] = {{socket, POLLIN, 0}};
 *
 *     ready = eg_ctx_poll(ctx, fds, 1, EG_CTX_NO_DEADLINE);
 *     if (ready < 0)
 *             return ready;
 *
 * @fds          as poll takes them; revents are set when this succeeds, and untouched when it fails
 * @deadline_ns  as eg_clock_now_ns counts; in the past means: only look. EG_CTX_NO_DEADLINE: as long as it
 *               takes
 *
 * Signals do not cut it short, and no thread is needed for deadlines. Of the context it takes the descriptor
 * of eg_ctx_fd, and from 16 descriptors on some memory.
 * Threads: any. Blocking: as said.
 * Return: how many of the descriptors have revents; 0, the time has come and none has; the code of eg_ctx_err
 * if the context is over; -EINVAL for NULL fds with a count, or for more descriptors, with the context's,
 * than the process may have; -EMFILE, -ENFILE or -ENOMEM when there is no descriptor, or no memory, to be had.
 */
EG_PUBLIC int eg_ctx_poll(eg_ctx *ctx, struct pollfd *fds, nfds_t count, int64_t deadline_ns) EG_MUST_CHECK;

/*
 * A callback: the room for a function registered with eg_ctx_on_end. All-zero is registered nowhere.
 */
typedef struct eg_ctx_callback {
	uint64_t eg_private[12];
} eg_ctx_callback;

/* clang-format off */
#define EG_CTX_CALLBACK_INIT {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}
/* clang-format on */

/*
 * Has a function called once when the context ends: at once, by this very call, if it is over.
 *
 * @fn            called with no lock of the library held, on the thread that cancels, or on one of the
 *                library's own at a deadline or a signal. It should be short, since others wait for it, and
 *                must return: no pthread_exit, and panics are forbidden (eg_panic_forbid). It may use the
 *                library: unregister itself, cancel, drop the last reference, wait for deadlines and groups
 * @ret_callback  must stay where it is until eg_ctx_off_end has returned, which the function itself may call
 *
 * Ownership: the callback keeps the context alive until the function has been called or is unregistered.
 * Threads: any. Blocking: for the tree's lock. Ordering: functions of one context are called in no particular
 * order.
 * Return: 0; -EINVAL for a NULL fn or ret_callback; -EAGAIN if the context has a deadline and no thread can
 * be started to see to it. *ret_callback is untouched on failure.
 */
EG_PUBLIC int eg_ctx_on_end(eg_ctx *ctx, void (*fn)(void *arg), void *arg,
			    eg_ctx_callback *ret_callback) EG_MUST_CHECK;

/*
 * Unregisters a function. When this returns it is not running and is not going to be called, and the callback
 * and what its argument points to may be freed. Called from inside the function itself, it does not wait for
 * it.
 *
 * In a forked child nothing is called that was registered before, and this waits for nobody.
 *
 * Threads: any, one at a time for each callback. Blocking: until the function has returned, if another thread
 * is calling it. Return: 0, it was not called, though the context may be over by now (nor was an all-zero
 * callback's); -EALREADY, it was, or this is it; -EINVAL for NULL.
 */
EG_PUBLIC int eg_ctx_off_end(eg_ctx_callback *callback);

EG_END_DECLS

#endif
