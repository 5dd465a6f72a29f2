#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Adds up the test cases of meson's testlog.json files and shows what failed.

    tally.py NAME=LOG...

One line for each test program with what it took and its cases, slowest first, and the output of those that failed. The
last line is "N passed, N failed, N skipped" over all logs. A case is a TAP line; a program that dies, runs out of time
or stops before its plan is complete counts as one more failed case. Exits 1 when anything failed.

A LOG that is not a testlog is a TAP file; NAME:CODE:SECONDS=LOG then gives the exit status of the program that wrote it
and what it took.
"""
import json
import re
import sys

PLAN = re.compile(r"^1\.\.(\d+)(\s*#\s*skip.*)?", re.I)
LINE = re.compile(r"^(not ok|ok)\b([^#]*)(?:#\s*(\w+))?", re.I)
TAIL = 60


def count(text, code, verdict):
    """The passed, failed and skipped cases of one program's TAP text, and why it is bad beyond them."""
    passed = failed = skipped = 0
    planned = None
    for line in text.splitlines():
        plan = PLAN.match(line)
        if plan:
            planned = int(plan.group(1))
            if planned == 0 or plan.group(2):
                skipped += 1
                planned = 0
            continue
        case = LINE.match(line)
        if not case:
            continue
        # cmocka writes "not ok N # SKIP" for a skipped case.
        if (case.group(3) or "").upper().startswith("SKIP"):
            skipped += 1
        elif case.group(1).lower() == "ok":
            passed += 1
        else:
            failed += 1
    why = None
    if verdict == "TIMEOUT":
        why = "ran out of time"
    elif planned is None:
        why = "no plan: it ended early"
    elif planned and passed + failed + skipped != planned:
        why = f"{passed + failed + skipped} of {planned} cases reported"
    elif code and not failed:
        why = f"exit status {code}"
    elif verdict == "ERROR" and not failed and not code:
        why = "bad TAP"
    if why:
        failed += 1
    return passed, failed, skipped, why


def tests_of(name, log, code, seconds):
    with open(log, encoding="utf-8", errors="replace") as stream:
        if not log.endswith("testlog.json"):
            yield name, stream.read(), "", code, "", seconds
            return
        for line in stream:
            entry = json.loads(line)
            yield (entry["name"], entry.get("stdout", ""), entry.get("stderr", ""), entry["returncode"],
                   entry["result"], entry["duration"])


def main():
    # What tests print is shown in any locale.
    sys.stdout.reconfigure(errors="backslashreplace")
    total = [0, 0, 0]
    lines = []
    failures = []
    for argument in sys.argv[1:]:
        name, log = argument.split("=", 1)
        name, code, seconds = (name + "::").split(":")[:3]
        for test, out, err, status, verdict, seconds in tests_of(name, log, int(code or 0), float(seconds or 0)):
            passed, failed, skipped, why = count(out, status, verdict)
            total = [total[0] + passed, total[1] + failed, total[2] + skipped]
            title = test if test == name else f"{name}: {test.split(' / ')[-1]}"
            lines.append((seconds, title, passed, failed, skipped))
            if failed:
                failures.append((title, why, (out + err).splitlines()))
    for seconds, title, passed, failed, skipped in sorted(lines, key=lambda line: (-line[0], line[1])):
        print(f"{seconds:7.1f} s  {title:<40} {passed:5} passed {failed:4} failed {skipped:4} skipped")
    for title, why, text in failures:
        print(f"\nFAILED {title}" + (f": {why}" if why else ""))
        if len(text) > TAIL:
            bad = [line for line in text[:-TAIL] if line.startswith("not ok")]
            text = bad + [f"... the last {TAIL} lines:"] + text[-TAIL:]
        for line in text:
            print("    " + line)
    if failures:
        print()
    print("{} passed, {} failed, {} skipped".format(*total))
    return 1 if total[1] or not total[0] else 0


sys.exit(main())
