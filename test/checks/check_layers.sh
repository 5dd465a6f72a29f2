#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The floors of src/. A file includes what lies in its own folder or on a floor below; nothing includes itself by way of
# others. What X.h declares, X.c defines, so whoever calls a function includes the file that has it, and calls run down
# as includes do; so do those of public functions, whose headers lie elsewhere. Concurrency Kit comes in through one door
# each: ck_pr.h through os/atomic.h, ck_ring.h through runtime/queue/ring.h.
#
#     sh test/checks/check_layers.sh
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1

# Lowest first. Folders of one line do not know each other. "." is src/ itself.
floors='
os
trace/unwind
trace
error
task
context
command
fault
runtime/queue
runtime/crew
runtime/limit
runtime/group
runtime/member
batch
.
'

# Declared below those who define them, because what is below has to reach what is on top:
# the first thread that uses the library begins it.
declared_below='egi_library_begin'

cd "$top/src" || exit 1
exec python3 - "$floors" "$declared_below" <<'END'
import os, re, sys

floor_of = {folder: floor for floor, line in enumerate(sys.argv[1].split("\n")) for folder in line.split()}
declared_below = sys.argv[2].split()

files = {}  # path -> text
for folder, _, names in os.walk("."):
    for name in names:
        if name.endswith((".c", ".h")):
            path = os.path.normpath(os.path.join(folder, name))
            with open(path, encoding="utf-8") as stream:
                files[path] = stream.read()


def folder_of(path):
    return os.path.dirname(path) or "."


def module_of(path):
    return os.path.splitext(path)[0]


number, failed = 0, False


def report(name, why):
    global number, failed
    number += 1
    print(("not ok" if why else "ok"), number, "-", name)
    for line in sorted(why):
        print("#", line)
    failed = failed or bool(why)


includes = [
    (path, number, target)
    for path, text in files.items()
    for number, line in enumerate(text.split("\n"), 1)
    for target in re.findall(r'^#include "(.*)"', line)
]

folders = {folder_of(path) for path in files}
report(
    "the table lists every folder and no other",
    [f"{folder} has no floor" for folder in folders - floor_of.keys()]
    + [f"{folder} is in the table and has no files" for folder in floor_of.keys() - folders],
)
report(
    "every include stays in its folder or points down",
    [
        f"{path}:{line}: includes {target}, which is not below it"
        for path, line, target in includes
        if folder_of(path) != folder_of(target)
        and not floor_of.get(folder_of(target), 99) < floor_of.get(folder_of(path), 0)
    ],
)

# Circles: modules that remain when those that include nothing of the rest are taken away, again and again.
below = {module_of(path): set() for path in files}
for path, _, target in includes:
    if module_of(path) != module_of(target):
        below[module_of(path)].add(module_of(target))
rest = set(below)
while True:
    ground = {module for module in rest if not below[module] & rest}
    if not ground:
        break
    rest -= ground
# What only lies above a circle is no part of it.
while True:
    above = {module for module in rest if not any(module in below[other] for other in rest)}
    if not above:
        break
    rest -= above
report("no file includes itself by way of others", [f"{m}: {', '.join(sorted(below[m] & rest))}" for m in rest])

# Functions: "type name(...)" at the beginning of a line, up to the first of ; and {.
function = re.compile(r"^(?!static|#|typedef|\s|/)[^;{}()#]*?\b(eg_[a-z0-9_]+|egi_[a-z0-9_]+)\([^;{}]*([;{])", re.M)
defined = {m.group(1): path for path, text in files.items() for m in function.finditer(text) if m.group(2) == "{"}
report(
    "what a header declares, its own source defines",
    [
        f"{path}: {m.group(1)} is defined in {defined.get(m.group(1), 'no file')}"
        for path, text in files.items()
        if path.endswith(".h")
        for m in function.finditer(re.sub(r"/\*.*?\*/", "", text, flags=re.S))
        if m.group(2) == ";" and m.group(1) not in declared_below
        and defined.get(m.group(1)) != module_of(path) + ".c"
    ],
)

# Public functions are declared in headers that every floor may include.
comment_or_text = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)
report(
    "every call stays in its folder or points down",
    {
        f"{path}: calls {name} of {defined[name]}"
        for path, text in files.items()
        for name in re.findall(r"\b(egi?_[a-z0-9_]+)\(", comment_or_text.sub("", text))
        if name in defined and name not in declared_below
        and folder_of(path) != folder_of(defined[name])
        and not floor_of.get(folder_of(defined[name]), 99) < floor_of.get(folder_of(path), 0)
    },
)

kit = [
    (path, header)
    for path, text in files.items()
    for header in re.findall(r"^#include <(ck_.*?)>", text, re.M)
]
doors = {("os/atomic.h", "ck_pr.h"), ("runtime/queue/ring.h", "ck_ring.h")}
report(
    "Concurrency Kit comes in through os/atomic.h and runtime/queue/ring.h",
    [f"{path} includes {header}" for path, header in kit if (path, header) not in doors],
)
print(f"1..{number}")
sys.exit(failed)
END
