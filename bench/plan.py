# SPDX-License-Identifier: MIT
"""
What is measured: the runtimes, and the cases with their sizes.

A runtime is a program that speaks the protocol of README.md; which cases it can do it says itself. A case
here says at which sizes it is run, in which unit it answers, and whether more is better. There is no other list of
them: as a program this one prints the library's benchmarks for meson.
"""

import os
from collections import namedtuple

# The programs, in the order of a round. `package` is the Debian package whose version is reported. `of`: it is a variant
# of that runtime for a few cases. `folder`: it is built from sources, if the user has them: in so named a folder of those of
# --peer-sources. Neither kind is missed in the cases that it has not.
Runtime = namedtuple("Runtime", "name package of folder", defaults=(None, None))

RUNTIMES = [
    Runtime("errgroup", None),
    Runtime("floor", None),
    Runtime("onetbb", "libtbb-dev"),
    Runtime("onetbb-static", "libtbb-dev", of="onetbb"),
    Runtime("openmp-gcc", "libgomp1"),
    Runtime("openmp-gcc-guided", "libgomp1", of="openmp-gcc"),
    Runtime("openmp-gcc-dynamic", "libgomp1", of="openmp-gcc"),
    Runtime("openmp-clang", "libomp-dev"),
    Runtime("openmp-clang-guided", "libomp-dev", of="openmp-clang"),
    Runtime("openmp-clang-dynamic", "libomp-dev", of="openmp-clang"),
    Runtime("rayon", "librust-rayon-dev"),
    Runtime("go-kratos", "golang-go"),
    Runtime("go-kratos-nolimit", "golang-go"),
    Runtime("go-errgroup", "golang-golang-x-sync-dev"),
    Runtime("go-errgroup-limit", "golang-golang-x-sync-dev"),
    Runtime("libuv", "libuv1-dev"),
    Runtime("glib", "libglib2.0-dev"),
    Runtime("apr", "libaprutil1-dev"),
    Runtime("cthreadpool", "cthreadpool-dev"),
    Runtime("pthreadpool", "libpthreadpool-dev"),
    Runtime("libfork", None, folder="libfork"),
    Runtime("toomanycooks", None, folder="TooManyCooks"),
    Runtime("enkits", None, folder="enkiTS"),
    Runtime("taskflow", None, folder="taskflow"),
]

# What a line of a runtime's output holds: one figure; "p50 p99 cpu" of wake-ups; a point of a curve.
FIGURE, WAKE, CURVE = "figure", "wake", "curve"
WAKE_PARTS = (("p50", "ns"), ("p99", "ns"), ("cpu", "%"))

Case = namedtuple("Case", "name unit sizes quick output more_is_better workers single title")


def case(name, unit, sizes, title, quick=(), output=FIGURE, more_is_better=False, workers=None, single=False):
    """A case. `single`: a process can give one figure only; `workers` overrides how many there are."""
    return Case(name, unit, sizes, quick, output, more_is_better, workers, single, title)


def scaling_workers():
    """From one worker to twice the CPUs; powers of two where there are many."""
    most = 2 * (os.cpu_count() or 1)
    return list(range(1, most + 1)) if most <= 8 else [n for n in (2**i for i in range(12)) if n <= most]


MILLION = 1000 * 1000
GROUP_SIZES = (1, 2, 8, 64, 1000)
GAPS_US = (0, 10, 100, 1000)

CASES = [
    case("batch_empty", "ns/task", (1000, 10000, 100000, MILLION, 10 * MILLION),
         "n empty tasks from one submitter, submission and wait", quick=(1000, 100000)),
    case("submit_only", "ns/task", (MILLION,),
         "the submitting half of it, with the workers held", quick=(200000,)),
    case("drain_only", "ns/task", (MILLION,),
         "the other half: the same tasks once the workers are let go"),
    case("group_small", "ns/group", GROUP_SIZES,
         "a group made, k empty tasks, wait, the group destroyed", quick=GROUP_SIZES),
    case("stream_1us", "%", (100000,),
         "tasks of 1 us submitted one by one: efficiency", quick=(20000,), more_is_better=True),
    case("stream_slow", "%", (100000,),
         "the same with a submitter that works for 1 us after each", quick=(20000,), more_is_better=True),
    case("metg50", "ns", (100000,),
         "length of task at which half of the time is work, all submitted before", quick=(5000,)),
    case("metg50_stream", "ns", (100000,),
         "the same with the submission counted", quick=(5000,)),
    case("metg_curve", "%", (100000,),
         "efficiency at each length of task in ns, submission counted", output=CURVE, more_is_better=True),
    case("pending_memory", "bytes", (10 * MILLION,),
         "resident memory for each task that is pending", quick=(MILLION,), single=True),
    case("skynet", "ns/leaf", (MILLION,),
         "a tree of groups of ten with n leaves"),
    case("spawn_nested", "ns/task", (27,),
         "the calls of fib(n) as tasks that submit two others, in one group"),
    case("fork_join", "ns/call", (27,),
         "fib(n), a group in each call"),
    case("fork_both", "ns/call", (27,),
         "fib(n), each call by the runtime's call for two halves"),
    case("queens", "ms", (11,),
         "the ways to place n queens: a square of a row, or the others, by the same call"),
    case("wake_idle", "ns", GAPS_US,
         "one task after a pause of so many us, and the wait for it", output=WAKE),
    case("wake_worker", "ns", (10, 100, 1000, 20000),
         "the same, run by another thread while the submitter blocks", output=WAKE),
    case("idle_cpu", "%", (1000,),
         "CPU use from 1 ms to 101 ms after the last of n tasks"),
    case("cancel_pending", "us", (MILLION,),
         "from the first error to the return of the wait, with n tasks pending"),
    case("panic", "ns", (10000,),
         "n tasks that panic six calls deep, each recovered with its trace; one worker", workers=(1,)),
    case("fault", "ns", (10000,),
         "n tasks that dereference nil six calls deep, each recovered with its trace; one worker", workers=(1,)),
    case("uneven", "ratio", (5000,),
         "n tasks of Pareto distributed length: makespan by the least possible"),
    case("for_range", "ns/index", (100 * MILLION,),
         "a sum over n indices, in pieces"),
    case("for_range_each", "ns/index", (100 * MILLION,),
         "a call for each of n indices"),
    case("for_uneven", "ratio", (5000,),
         "n indices of Pareto distributed length: makespan by the least possible"),
    case("for_ramp", "ratio", (5000,),
         "n indices of evenly rising length: makespan by the least possible"),
    case("pipeline", "ns/item", (MILLION,),
         "n items through a source, a parallel stage and a sink in order, all empty"),
    case("pipeline_1us", "ns/item", (100000,),
         "the same with 1 us of work in the parallel stage"),
    case("ctx_create", "ns", (MILLION,),
         "a context made, cancelled and given back", quick=(100000,)),
    case("ctx_child", "ns", (MILLION,),
         "the same below a context that can be cancelled", quick=(100000,)),
    case("ctx_timeout", "ns", (MILLION,),
         "the same with a deadline in an hour", quick=(100000,)),
    case("ctx_cancel", "ms", (MILLION,),
         "cancelling a context with n children"),
    case("ctx_deadlines", "us", (100000,),
         "n deadlines within half a second: how late, 99th percentile"),
    case("ctx_wake", "us", (0, 1, 2),
         "cancellation of what waits for it (0), polls (1), submits (2): until it goes on, 99th percentile"),
    case("scaling", "tasks/s", (100000,),
         "tasks of 1 us by number of workers", more_is_better=True, workers=scaling_workers()),
]

# A million blocked goroutines take gigabytes, and libomp takes minutes for ten million pending tasks: these do
# less, and their lines say so.
SMALLER = {("pending_memory", "go-errgroup"): MILLION, ("pending_memory", "openmp-clang"): MILLION}

# How long measuring goes on. A runtime has settled after `runs_min` runs in `calls_min` processes, when the middle
# fifth of its runs lies within 2% of the median. If it does not, it stops after `share_s` or `runs_max`; and one so slow
# that it cannot make `runs_min` runs in `most_s` stops at what it has. `call_s` is how long one process should run, and
# `call_runs` the most runs it makes. `total_s` is for all: the cases that are left have equal shares of what is left of
# it, and once a case's share is over a runtime that has figures makes no more. So no machine takes for ever, and no case
# is left with less than the others because it comes last.
Effort = namedtuple("Effort", "runs_min runs_max calls_min share_s most_s call_s call_runs total_s")

FULL = Effort(runs_min=5, runs_max=60, calls_min=3, share_s=0.8, most_s=4.0, call_s=0.25, call_runs=20,
              total_s=1800)
QUICK = Effort(runs_min=3, runs_max=9, calls_min=1, share_s=0.12, most_s=0.2, call_s=0.05, call_runs=9,
               total_s=35)

SETTLED = 0.02
TIMEOUT_S = 60
EXIT_CANNOT = 77
WORKERS = 2

MD5ALL_TREE = "/usr/include"
JOBS = 10000
# As many jobs, one after the other, take GNU parallel a minute on a slow machine.
PROGRAM_TIMEOUT_S = 300


def benchmarks():
    """A line for each case and quick size, or size where it has no quick ones: case, workers, size, runs."""
    for entry in CASES:
        runs = 1 if entry.single or entry.output == CURVE else 3
        for size in entry.quick or entry.sizes:
            yield f"{entry.name} {(entry.workers or (WORKERS,))[-1]} {size} {runs}"


if __name__ == "__main__":
    print("\n".join(benchmarks()))
