# SPDX-License-Identifier: MIT
"""
The cases that are made of whole programs: what people use a task group for, by the example programs and by what else
people use. All have the same number of jobs, write to a pipe, and must print the same.

    md5all    the digests of all files of a real tree
    jobs      a program started for each of many inputs, which does nothing
"""

from collections import namedtuple
import os
import shutil

import child
import measure
import plan

# Files a process of xargs gets in md5all. Without a limit the first process gets nearly all of the tree.
XARGS_BATCH = "64"

# commands: (paths, jobs) to a dict of the contestants: name, command, and what it has to have.
# runs: at most so many, where one takes half a minute.
Case = namedtuple("Case", "name title unit commands runs")

# Where the programs of this project's are that take part.
Paths = namedtuple("Paths", "examples go_md5")


def pipe(source, command, *arguments):
    """A pipeline of two commands, whose arguments are $1 and so on."""
    return ["sh", "-c", f"{source} | {command}", "sh", *arguments]


def md5all_commands(paths, jobs):
    example = os.path.join(paths.examples, "md5all")
    find = 'find "$1" -type f -print0'
    tree = plan.MD5ALL_TREE
    return {
        "errgroup": ([example, "-j", str(jobs), tree], example),
        "go-errgroup-limit": ([paths.go_md5, str(jobs), tree], paths.go_md5),
        "xargs": (pipe(find, f'xargs -0 -n {XARGS_BATCH} -P "$2" md5sum', tree, str(jobs)), shutil.which("xargs")),
        "parallel": (pipe(find, 'parallel -0 -m -j "$2" md5sum', tree, str(jobs)), shutil.which("parallel")),
    }


def jobs_commands(paths, jobs):
    """What a job prints must be the same: its input, once."""
    example = os.path.join(paths.examples, "batch")
    echo, inputs = shutil.which("echo"), 'seq "$1"'
    count = str(plan.JOBS)
    return {
        "errgroup": (pipe(inputs, '"$2" -j "$3" "$4"', count, example, str(jobs), echo), example),
        "xargs": (pipe(inputs, 'xargs -n 1 -P "$2" "$3"', count, str(jobs), echo), shutil.which("xargs")),
        "parallel": (pipe(inputs, 'parallel -j "$2" "$3"', count, str(jobs), echo), shutil.which("parallel")),
    }


CASES = [
    Case("md5all", f"MD5 digests of all files under {plan.MD5ALL_TREE}", "files/s", md5all_commands, None),
    Case("jobs", "a program that does nothing but print its input, started for each", "jobs/s", jobs_commands, 3),
]


def find_case(name):
    return next((case for case in CASES if case.name == name), None)


def verify(command, expected):
    """Runs a command once, which also fills the page cache; returns its lines, which must be those expected."""
    output, _ = child.run(command, plan.PROGRAM_TIMEOUT_S)
    found = sorted(output.splitlines())
    if not found or expected is not None and found != expected:
        raise child.ChildError("prints something else than the first")
    return found


def measure_case(case, paths, jobs, effort):
    """Returns the lines of results.jsonl."""
    base = {"case": case.name, "workers": jobs, "unit": case.unit}
    # Several processes of xargs cut each other's lines in pieces, so what they print is compared with one job.
    alone = case.commands(paths, 1)
    contestants, lines, expected = {}, [], None
    for name, (command, needs) in case.commands(paths, jobs).items():
        if needs is None or not os.path.exists(needs):
            lines.append({**base, "runtime": name, "tasks": 0, "cannot": "not installed or not built"})
            continue
        try:
            expected = verify(alone[name][0], expected)
            contestants[name] = (command, [])
        except child.ChildError as error:
            lines.append({**base, "runtime": name, "tasks": 0, "failed": str(error)})
    for _ in range(case.runs or effort.runs_min):
        for name, (command, rates) in contestants.items():
            try:
                _, took = child.run(command, plan.PROGRAM_TIMEOUT_S)
                rates.append(len(expected) / took)
            except child.ChildError as error:
                lines.append({**base, "runtime": name, "tasks": len(expected), "failed": str(error)})
    return lines + [{**base, "runtime": name, "tasks": len(expected), **measure.summary(rates)}
                    for name, (_, rates) in contestants.items() if rates]
