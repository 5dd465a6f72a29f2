# SPDX-License-Identifier: MIT
"""
md5all: the digests of all files of a real tree, by the example program and by what else people use for it.
All have the same number of jobs, write to a pipe, and must print the same digests.
"""

import os
import shutil

import child
import measure
import plan

# Files a process of xargs gets. Without a limit the first process gets nearly all of the tree.
XARGS_BATCH = "64"


def commands(example, go_program, jobs, tree):
    """The contestants: name, command, and what it has to have."""
    find = 'find "$1" -type f -print0 | '
    return {
        "errgroup": ([example, "-j", str(jobs), tree], example),
        "go-errgroup-limit": ([go_program, str(jobs), tree], go_program),
        "xargs": (["sh", "-c", find + f'xargs -0 -n {XARGS_BATCH} -P "$2" md5sum', "sh", tree, str(jobs)],
                  shutil.which("xargs")),
        "parallel": (["sh", "-c", find + 'parallel -0 -m -j "$2" md5sum', "sh", tree, str(jobs)],
                     shutil.which("parallel")),
    }


def verify(command, digests):
    """Runs a command once, which also fills the page cache; returns its lines, which must be the digests."""
    output, _ = child.run(command, plan.TIMEOUT_S)
    found = sorted(output.splitlines())
    if not found or digests is not None and found != digests:
        raise child.ChildError("other digests than the first")
    return found


def measure_all(example, go_program, jobs, tree, effort):
    """Returns the lines of results.jsonl."""
    base = {"case": "md5all", "workers": jobs, "unit": "files/s"}
    # Several processes of xargs cut each other's lines in pieces, so the digests are compared with one job.
    alone = commands(example, go_program, 1, tree)
    contestants, lines, digests = {}, [], None
    for name, (command, needs) in commands(example, go_program, jobs, tree).items():
        if needs is None or not os.path.exists(needs):
            lines.append({**base, "runtime": name, "tasks": 0, "cannot": "not installed or not built"})
            continue
        try:
            digests = verify(alone[name][0], digests)
            contestants[name] = (command, [])
        except child.ChildError as error:
            lines.append({**base, "runtime": name, "tasks": 0, "failed": str(error)})
    for _ in range(effort.runs_min):
        for name, (command, rates) in contestants.items():
            try:
                _, took = child.run(command, plan.TIMEOUT_S)
                rates.append(len(digests) / took)
            except child.ChildError as error:
                lines.append({**base, "runtime": name, "tasks": len(digests), "failed": str(error)})
    return lines + [{**base, "runtime": name, "tasks": len(digests), **measure.summary(rates)}
                    for name, (_, rates) in contestants.items() if rates]
