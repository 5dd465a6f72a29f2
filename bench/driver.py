# SPDX-License-Identifier: MIT
"""
The driver of the measurements; `sh bench/run` builds everything and calls it. It runs every case for every
runtime, writes the lines of results.jsonl as it goes, and prints a table of them at the end.

    plan.py             what is measured: runtimes, cases, sizes
    measure.py          one case at one size, for all runtimes in turn
    whole_programs.py   the cases that are made of whole programs
    child.py            a child process with a timeout
    machine.py          facts about the machine
    table.py            the table

Exit status: 0; 1 when a runtime failed; 2 for a wrong command line; 130 when interrupted.
"""

import argparse
import json
import os
import signal
import sys
import time

import child
import machine
import measure
import plan
import table
import whole_programs


def parse_arguments():
    parser = argparse.ArgumentParser(description="Measures the runtimes.", prog="bench/run")
    parser.add_argument("--quick", action="store_true", help="a few cases, rough figures, under 50 s")
    parser.add_argument("--only", metavar="CASE,...", help="these cases alone")
    parser.add_argument("--runtimes", metavar="NAME,...", help="these runtimes alone")
    parser.add_argument("--workers", type=int, default=plan.WORKERS, help="workers (default %(default)s)")
    parser.add_argument("--output", metavar="FILE", help="where the results go")
    parser.add_argument("--peer-sources", metavar="DIR", help="sources of runtimes that no package has: bench/README.md")
    parser.add_argument("--table", metavar="FILE", help="print the table of a results file, no more")
    parser.add_argument("--root", default=".", help=argparse.SUPPRESS)
    parser.add_argument("--build", help=argparse.SUPPRESS)
    parser.add_argument("--absent", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    known = [case.name for case in plan.CASES + whole_programs.CASES]
    arguments.cases = arguments.only.split(",") if arguments.only else None
    arguments.names = arguments.runtimes.split(",") if arguments.runtimes else None
    for given, names, what in ((arguments.cases, known, "case"),
                               (arguments.names, [runtime.name for runtime in plan.RUNTIMES], "runtime")):
        for name in given or []:
            if name not in names:
                parser.error(f"no {what} {name}; there are {', '.join(names)}")
    if arguments.workers < 1:
        parser.error("at least one worker")
    return arguments


def read_absent(path):
    """Reasons for what could not be built: lines of a runtime's name and text."""
    try:
        with open(path, encoding="utf-8") as lines:
            return dict(line.rstrip("\n").split("\t", 1) for line in lines if "\t" in line)
    except (OSError, TypeError):
        return {}


class Results:
    """The results file, written line by line, so that an interrupted run leaves what it has."""

    def __init__(self, path):
        self.lines = []
        self.file = open(path, "w", encoding="utf-8")

    def add(self, line):
        self.lines.append(line)
        self.file.write(json.dumps(line, separators=(",", ":")) + "\n")
        self.file.flush()
        if "failed" in line:
            words = [line["runtime"], line.get("case", ""), str(line.get("tasks", "")) + ":", line["failed"]]
            print("FAILED:", *words, file=sys.stderr, flush=True)

    def has_failed(self):
        return any("failed" in line for line in self.lines)


def choose_runtimes(arguments, results):
    """The programs that are there, and the cases each can do. Reports the others as absent."""
    reasons = read_absent(arguments.absent)
    names = [runtime.name for runtime in plan.RUNTIMES
             if not arguments.names or runtime.name in arguments.names]
    folders = [os.path.join(arguments.build, folder) for folder in ("runtimes", "release/bench/runtimes")]
    programs = {}
    abilities = {}
    for name, path in measure.find_programs([name for name in names if name not in reasons], folders).items():
        try:
            abilities[name] = measure.list_cases(path)
            unknown = abilities[name] - {case.name for case in plan.CASES}
            if unknown:
                raise child.ChildError(f"cases that are not in the plan: {', '.join(sorted(unknown))}")
            programs[name] = path
        except child.ChildError as error:
            results.add({"runtime": name, "failed": f"list: {error}"})
    for name in names:
        if name not in programs and not any(line.get("runtime") == name for line in results.lines):
            results.add({"runtime": name, "absent": reasons.get(name, "its program was not built")})
    return programs, abilities


def choose_cases(arguments):
    """The cases to run with their sizes and numbers of workers."""
    for case in plan.CASES:
        sizes = case.quick or case.sizes if arguments.quick else case.sizes
        if arguments.cases is not None:
            wanted = case.name in arguments.cases
        else:
            wanted = not arguments.quick or bool(case.quick)
        if wanted:
            for workers in case.workers or (arguments.workers,):
                for size in sizes:
                    yield case, workers, size


def run_all(arguments, results):
    effort = plan.QUICK if arguments.quick else plan.FULL
    begin = time.monotonic()
    programs, abilities = choose_runtimes(arguments, results)
    failed = set()
    chosen = list(choose_cases(arguments))
    for done, (case, workers, size) in enumerate(chosen):
        now = time.monotonic()
        end = now + (begin + effort.total_s - now) / (len(chosen) - done)
        # What fails once is not tried at the other sizes: a case that hangs takes a minute to find out.
        able = {name: path for name, path in programs.items()
                if case.name in abilities[name] and (case.name, name) not in failed}
        for sampler in measure.measure(case, workers, size, able, effort, end):
            if sampler.failure is not None:
                failed.add((case.name, sampler.runtime))
            for line in measure.records(case, workers, sampler):
                results.add(line)
        print(f"[{time.monotonic() - begin:4.0f} s] {case.name} {size}"
              + (f", {workers} workers" if case.workers else "") + f": {time.monotonic() - now:.1f} s",
              file=sys.stderr, flush=True)
    paths = whole_programs.Paths(os.path.join(arguments.build, "release/docs/examples"),
                                 os.path.join(arguments.build, "go-md5"))
    for case in whole_programs.CASES:
        if case.name in (arguments.cases or ([] if arguments.quick else [case.name])):
            for line in whole_programs.measure_case(case, paths, arguments.workers, effort):
                results.add(line)


def draw(arguments):
    """The plots. Results without them are results, so a failure is only said."""
    script = os.path.join(arguments.root, "bench/plots/plot.py")
    try:
        child.run([sys.executable, "-B", script, arguments.output, arguments.build], plan.TIMEOUT_S)
    except child.ChildError as error:
        print(f"no plots: {error}", file=sys.stderr)


def main():
    arguments = parse_arguments()
    if arguments.table:
        with open(arguments.table, encoding="utf-8") as lines:
            print("\n".join(table.table([json.loads(line) for line in lines])))
        return 0
    # Ending with an exception ends the child that runs.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    results = Results(arguments.output)
    results.add({"machine": machine.facts(arguments.root), "quick": arguments.quick})
    if results.lines[0]["machine"]["load"] > 0.5:
        print("The machine is not idle: the figures will be off.", file=sys.stderr)
    try:
        run_all(arguments, results)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    print("\n".join(table.table(results.lines)), flush=True)
    draw(arguments)
    return 1 if results.has_failed() else 0


if __name__ == "__main__":
    sys.exit(main())
