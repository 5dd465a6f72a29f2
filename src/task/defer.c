/* SPDX-License-Identifier: MIT */
/*
 * Deferred calls: a stack of them in the recovery of the running task. A scope is a mark in that stack, and lies in a
 * stack frame of the task; the open ones are chained, innermost first, so that a call which is taken out from below
 * lowers the marks above it. Nothing is ever read of a scope whose frame is gone: a panic only forgets the chain.
 */
#include "task/defer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/thread.h"
#include "os/verify.h"

EGI_COLD bool egi_defers_grow(struct egi_recovery *recovery)
{
	size_t room = recovery->defers_room * 2;
	struct egi_defer *defers = malloc(room * sizeof(*defers));

	if (!defers)
		return false;
	memcpy(defers, recovery->defers, recovery->defers_count * sizeof(*defers));
	if (recovery->defers != recovery->defers_inline)
		free(recovery->defers);
	recovery->defers = defers;
	recovery->defers_room = room;
	return true;
}

int eg_defer(void (*fn)(void *arg), void *arg)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;

	if (!fn)
		return -EINVAL;
	if (!recovery)
		return -EPERM;
	if (recovery->defers_count == recovery->defers_room && !egi_defers_grow(recovery))
		return -ENOMEM;
	recovery->defers[recovery->defers_count++] = (struct egi_defer){fn, arg, false};
	recovery->dirty = true;
	return 0;
}

/* Takes one out; the scopes that begin above it begin one lower. */
static void defers_remove(struct egi_recovery *recovery, size_t index)
{
	recovery->defers_count--;
	memmove(&recovery->defers[index], &recovery->defers[index + 1],
		(recovery->defers_count - index) * sizeof(recovery->defers[0]));
	for (struct eg_scope *scope = recovery->scope; scope && scope->eg_mark > index;
	     scope = scope->eg_outer)
		scope->eg_mark--;
	if (recovery->scope && recovery->scopes_begin > index)
		recovery->scopes_begin--;
}

int eg_undefer(void (*fn)(void *arg), void *arg)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;

	if (!fn)
		return -EINVAL;
	if (!recovery)
		return -EPERM;
	for (size_t i = recovery->defers_count; i > recovery->defers_base; i--) {
		const struct egi_defer *defer = &recovery->defers[i - 1];

		if (defer->fn == fn && defer->arg == arg) {
			defers_remove(recovery, i - 1);
			return 0;
		}
	}
	return -ENOENT;
}

void egi_recovery_undefer(struct egi_recovery *recovery, void (*fn)(void *arg), const void *arg)
{
	size_t i = recovery->defers_count;

	/* The program may have taken some out from below it. */
	while (recovery->defers[i - 1].fn != fn || recovery->defers[i - 1].arg != arg)
		i--;
	egi_recovery_run_defers(recovery, i);
	recovery->defers_count = i - 1;
}

void eg_scope_begin(struct eg_scope *scope)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;

	scope->eg_task = recovery;
	if (!recovery)
		return;
	scope->eg_outer = recovery->scope;
	scope->eg_mark = recovery->defers_count;
	if (!recovery->scope)
		recovery->scopes_begin = recovery->defers_count;
	recovery->scope = scope;
	/* So that the end of the task looks whether it was closed. */
	recovery->dirty = true;
}

void eg_scope_end(struct eg_scope *scope)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;

	EGI_VERIFY(scope->eg_task == recovery, "eg_scope_end in another task than eg_scope_begin");
	if (!recovery)
		return;
	EGI_VERIFY(recovery->scope == scope, "eg_scope_end of a scope that is not the innermost open one");
	/* Open until its calls were made: what they defer belongs to it, too. */
	egi_recovery_run_defers(recovery, scope->eg_mark);
	EGI_VERIFY(recovery->scope == scope, "a deferred call left a scope open");
	recovery->scope = scope->eg_outer;
}
