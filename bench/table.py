# SPDX-License-Identifier: MIT
"""
The table for readers, made of the lines of results.jsonl.
"""

import plan
import whole_programs

REFERENCES = ("floor", "errgroup")
HEAD = f"{'':20}{'':>10}{'median':>12}{'p10':>12}{'p90':>12}{'runs':>6}{'x floor':>11}{'x errgroup':>13}"
RULE = "-" * len(HEAD)


def figure(value):
    """Four digits, thousands grouped."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) >= 0.001 else "0"


def ratio(value, reference, more_is_better):
    """How many times worse than the reference; '-' without one."""
    if not reference or not value:
        return "-"
    times = reference / value if more_is_better else value / reference
    return f"{times:.2f}" if times < 100 else f"{times:,.0f}"


def find_case(name):
    """The plan's case of a line, whose wake-up cases have a suffix."""
    for case in plan.CASES:
        if name == case.name or name.startswith(case.name + "_") and case.output == plan.WAKE:
            return case
    return None


def is_more_better(name):
    case = find_case(name)
    if whole_programs.find_case(name):
        return True
    return case is not None and case.more_is_better


def title(name):
    case = find_case(name)
    if whole_programs.find_case(name):
        return whole_programs.find_case(name).title
    if case is None:
        return ""
    parts = {"p50": ": median", "p99": ": 99th percentile", "cpu": ": CPU time of the process"}
    return case.title + (parts[name.rsplit("_", 1)[-1]] if case.output == plan.WAKE else "")


def size_of(line):
    """What the rows of a case are grouped by."""
    return line["workers"] if line["case"] == "scaling" else line["tasks"]


def block(lines, more_is_better, alone):
    """The rows of one size, the best first. `alone` are the figures with one worker, for scaling."""
    references = {line["runtime"]: line["median"] for line in lines}
    ordered = sorted(lines, key=lambda line: -line["median"] if more_is_better else line["median"])
    for line in ordered:
        ratios = [ratio(line["median"], references.get(name), more_is_better) for name in REFERENCES]
        row = (f"{line['runtime']:20}{size_of(line):>10}{figure(line['median']):>12}{figure(line['p10']):>12}"
               f"{figure(line['p90']):>12}{line['runs']:>6}{ratios[0]:>11}{ratios[1]:>13}")
        if alone.get(line["runtime"]):
            row += f"{line['median'] / alone[line['runtime']]:>10.2f}"
        yield row


def dashes(lines, names, absent):
    """A row for each runtime without figures: what failed, what cannot be done, what is absent."""
    known = {line["runtime"] for line in lines}
    for line in lines:
        word = next((word for word in ("failed", "cannot") if word in line), None)
        if word is not None:
            mark = "FAILED" if word == "failed" else "-"
            yield f"{line['runtime']:20}{size_of(line):>10}{mark:>12}  {line[word]}"
    for name in names:
        if name not in known and name not in absent:
            yield f"{name:20}" + "".join(f"{'-':>{width}}" for width in (10, 12, 12, 12, 6, 11, 13))


def case_table(name, lines, names, absent):
    """The table of one case."""
    more_is_better = is_more_better(name)
    unit = lines[0]["unit"]
    figures = [line for line in lines if "median" in line]
    heading = HEAD.replace(" " * 30, f"{'runtime':20}{'workers' if name == 'scaling' else 'tasks':>10}", 1)
    alone = {}
    if name == "scaling":
        alone = {line["runtime"]: line["median"] for line in figures if line["workers"] == 1}
        heading += f"{'speed-up':>10}"
    yield f"{name}, {unit}{' (more is better)' if more_is_better else ''}: {title(name)}"
    yield heading
    sizes = sorted({size_of(line) for line in figures})
    for i, size in enumerate(sizes):
        if i > 0:
            yield ""
        yield from block([line for line in figures if size_of(line) == size], more_is_better, alone)
    yield from dashes(lines, names, absent)
    yield ""


def machine_head(machine, quick):
    """What is known of the machine, on a few lines."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    yield f"{machine['cpu']}, {machine['cores']} CPUs" + (", virtual" if machine["hypervisor"] else "") + \
        f", {machine['memory_gib']} GiB; {machine['system']}, Linux {machine['kernel']}, {machine['libc']}"
    yield f"errgroup {machine['errgroup']}, {machine['date']}, load {machine['load']}" + \
        ("; a quick run: rough figures" if quick else "")
    words, line = versions.split(", "), ""
    for word in words:
        if len(line) + len(word) > 105:
            yield line.rstrip()
            line = ""
        line += word + ("" if word == words[-1] else ", ")
    yield line
    yield ""


def table(lines):
    """All of it, as lines of text."""
    machine = next((line for line in lines if "machine" in line), None)
    absent = {line["runtime"]: line["absent"] for line in lines if "absent" in line}
    measured = [line for line in lines if "case" in line]
    present = {line["runtime"] for line in measured if not whole_programs.find_case(line["case"])}
    names = [runtime.name for runtime in plan.RUNTIMES if runtime.name in present and runtime.of is None and runtime.folder is None]
    if machine is not None:
        yield from machine_head(machine["machine"], machine.get("quick"))
    for name in dict.fromkeys(line["case"] for line in measured):
        yield from case_table(name, [line for line in measured if line["case"] == name],
                              [] if whole_programs.find_case(name) else names, absent)
    for name, reason in absent.items():
        yield f"{name:20} absent: {reason}"
