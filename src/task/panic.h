/* SPDX-License-Identifier: MIT */
#ifndef EGI_TASK_PANIC_H
#define EGI_TASK_PANIC_H

/*
 * Where panics are forbidden. What runs there has to come back: a panic ends the process, and a fault is the process's. It is a
 * count of the running task's, so that a task that another one helps with meanwhile is as free as ever. Outside of tasks it
 * is the thread's; there is nothing to unwind then, and it only finds an eg_panic_allow that is too many.
 */

/*
 * The library's own pair, around a call of the program's: on the same thread, in the same task. Return: how often panics were
 * forbidden before the first, and are after the second. These are the same, unless the program has not allowed what it
 * forbade in between, or has allowed more.
 */
unsigned egi_panic_forbid(void);
unsigned egi_panic_allow(void);

#endif
