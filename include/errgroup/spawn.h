/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_SPAWN_H
#define ERRGROUP_SPAWN_H

/*
 * Programs that tasks start. A program blocks the signals that the thread which started it blocked, and the
 * library's threads block nearly all. After fork(2) the library puts that right in the child; system(3),
 * popen(3), posix_spawn(3) and vfork(2) give it no chance to.
 */

#include <errgroup/base.h>

EG_BEGIN_DECLS

/*
 * Between these two the calling thread blocks the signals that the process blocks, which is what the main
 * thread blocked when the calling one was started; and so do the programs that it starts.
 *
 *     eg_spawn_begin();
 *     status = system("make");
 *     eg_spawn_end();
 *
 * Sections nest. One that is open when its task ends, be it by a panic, ends with it. Meanwhile a signal that
 * is sent to the process may be handled on the calling thread. On a thread of the program nothing changes: it
 * has its own mask.
 *
 * Threads: any, in tasks and in functions called when a context ends. Blocking: never. An end without a
 * beginning is misuse: one line on standard error, and abort.
 */
EG_PUBLIC void eg_spawn_begin(void);
EG_PUBLIC void eg_spawn_end(void);

EG_END_DECLS

#endif
