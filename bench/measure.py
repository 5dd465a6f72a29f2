# SPDX-License-Identifier: MIT
"""
One case at one size, measured for every runtime that can do it.

The runtimes take turns: in each round every runtime that has not settled yet runs as one short process, so
that a slow spell of the machine hits all of them. Rounds go on until all have settled or used up their time.
"""

import math
import os
import time

import child
import plan


class Sampler:
    """The runs of one runtime."""

    def __init__(self, runtime, program, size):
        self.runtime = runtime
        self.program = program
        self.size = size
        self.rows = []  # a tuple of figures for each run, or a list of pairs for a curve
        self.calls = 0
        self.spent_s = 0.0
        self.run_s = None  # how long a run takes
        self.failure = None
        self.cannot = None
        self.is_done = False

    def runs_next(self, case, effort):
        """How many runs the next process makes: as many as last as long as a process should."""
        if self.run_s is None or case.single or case.output == plan.CURVE:
            return 1
        fit = int(effort.call_s / max(self.run_s, 1e-6))
        return max(1, min(fit, effort.call_runs, effort.runs_max - len(self.rows)))

    def judge(self, case, effort):
        count = len(self.rows)
        # Memory is the same each time; more runs only show that.
        if case.single and self.spent_s >= effort.share_s:
            self.is_done = True
            return
        is_settled = (count >= effort.runs_min and self.calls >= effort.calls_min
                      and has_settled([key_figure(row) for row in self.rows]))
        is_late = count >= effort.runs_min and self.spent_s >= effort.share_s
        self.is_done = is_settled or is_late or count >= effort.runs_max or self.spent_s >= effort.most_s


def key_figure(row):
    """What the runs are compared by: the first figure, or for a curve all of it."""
    return sum(value for _, value in row) if isinstance(row, list) else row[0]


def percentile(ordered, part):
    return ordered[int((len(ordered) - 1) * part + 0.5)]


def has_settled(values):
    ordered = sorted(values)
    return percentile(ordered, 0.6) - percentile(ordered, 0.4) <= plan.SETTLED * abs(percentile(ordered, 0.5))


def parse(case, output, runs):
    """The rows of a runtime's output. Raises ChildError for what is not in the protocol."""
    try:
        lines = [[float(word) for word in line.split()] for line in output.decode().splitlines()]
    except ValueError:
        raise child.ChildError("output that is not figures") from None
    width = {plan.FIGURE: 1, plan.WAKE: 3, plan.CURVE: 2}[case.output]
    if any(len(line) != width or not all(map(math.isfinite, line)) for line in lines):
        raise child.ChildError(f"lines that do not have {width} figures")
    if case.output == plan.CURVE:
        if not lines:
            raise child.ChildError("an empty curve")
        return [lines]
    if len(lines) != runs:
        raise child.ChildError(f"{len(lines)} lines instead of {runs}")
    return [tuple(line) for line in lines]


def call(sampler, case, workers, effort):
    """Runs the runtime's process once."""
    runs = sampler.runs_next(case, effort)
    command = [sampler.program, case.name, str(workers), str(sampler.size), str(runs)]
    try:
        output, took = child.run(command, plan.TIMEOUT_S)
        sampler.rows += parse(case, output, runs)
    except child.ChildError as error:
        sampler.is_done = True
        if error.status == plan.EXIT_CANNOT:
            sampler.cannot = str(error)
        else:
            sampler.failure = str(error)
        return
    sampler.calls += 1
    sampler.spent_s += took
    # A process also warms up, once.
    sampler.run_s = took / (runs + 1)
    sampler.judge(case, effort)


def measure(case, workers, size, programs, effort, end):
    """
    Measures a case for `programs`, a dictionary of runtimes' names and paths. Returns the samplers. After `end`, a
    time of time.monotonic, a runtime that has figures makes no more.
    """
    samplers = [Sampler(name, path, plan.SMALLER.get((case.name, name), size))
                for name, path in programs.items()]
    first = 0
    while True:
        waiting = [sampler for sampler in samplers if not sampler.is_done]
        if not waiting:
            return samplers
        # Nobody is always first, or always after the same neighbour's heat.
        first = (first + 1) % len(waiting)
        for sampler in waiting[first:] + waiting[:first]:
            if sampler.rows and time.monotonic() > end:
                sampler.is_done = True
            else:
                call(sampler, case, workers, effort)


def summary(values):
    ordered = sorted(values)
    digits = {key: float(f"{percentile(ordered, part):.4g}")
              for key, part in (("median", 0.5), ("p10", 0.1), ("p90", 0.9))}
    return {**digits, "runs": len(ordered)}


def records(case, workers, sampler):
    """The lines of results.jsonl for what a sampler has found."""
    base = {"case": case.name, "runtime": sampler.runtime, "workers": workers, "tasks": sampler.size,
            "unit": case.unit}
    if case.output == plan.WAKE:
        parts = [{**base, "case": f"{case.name}_{part}", "unit": unit} for part, unit in plan.WAKE_PARTS]
    else:
        parts = [base]
    for reason, text in (("cannot", sampler.cannot), ("failed", sampler.failure)):
        if text is not None:
            return [{**part, reason: text} for part in parts]
    if case.output == plan.WAKE:
        return [{**part, **summary([row[i] for row in sampler.rows])} for i, part in enumerate(parts)]
    if case.output == plan.CURVE:
        lengths = {}
        for row in sampler.rows:
            for length, value in row:
                lengths.setdefault(length, []).append(value)
        return [{**base, "tasks": int(length), **summary(values)}
                for length, values in sorted(lengths.items())]
    return [{**base, **summary([row[0] for row in sampler.rows])}]


def find_programs(names, folders):
    """Paths of the runtimes' programs, by name; what is not there is left out."""
    found = {}
    for name in names:
        for folder in folders:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                found[name] = path
                break
    return found


def list_cases(program):
    """The cases that a runtime says it can do."""
    output, _ = child.run([program, "list"], plan.TIMEOUT_S)
    return set(output.decode().split())
