/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_H
#define ERRGROUP_H

/*
 * liberrgroup: groups of tasks, the first error wins, one wait returns it.
 *
 * Start with errgroup/group.h. Link with `pkg-config --cflags --libs errgroup`.
 */

#include <errgroup/base.h>
#include <errgroup/batch.h>
#include <errgroup/command.h>
#include <errgroup/ctx.h>
#include <errgroup/error.h>
#include <errgroup/fault.h>
#include <errgroup/frame.h>
#include <errgroup/group.h>
#include <errgroup/limit.h>
#include <errgroup/observe.h>
#include <errgroup/panic.h>
#include <errgroup/pipeline.h>
#include <errgroup/spawn.h>
#include <errgroup/task.h>

#endif
