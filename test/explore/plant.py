#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Makes a copy of the library's sources with all planted bugs in it, each behind a switch of its own, and the list of
them.

    plant.py SOURCES PLANTED OUT [DEPFILE]

SOURCES is src/, PLANTED the folder of descriptions, OUT where the copy goes, headers in their folders and the others in one, DEPFILE a makefile that says what was
read. A description, NAME.plant, has lines "scenario:", "delay:" and "schedules:", which say who finds the bug and how
soon, and any number of parts

    file: runtime/queue/queue.c
    <<<<
    text that stands in the file, exactly once
    ====
    text to put in its place, in which PLANTED is true when the bug is in effect
    >>>>

The texts begin and end anywhere in a line. Lines that begin with # are for the reader. When a text is not found, or
found more than once, the source has changed, and so must the description: the bug is not planted then, and its test
says so and fails.
"""
import os
import sys

# What goes before every text that was changed.
HEAD = """extern unsigned explore_planted;
#define EXPLORE_PLANTED(number) (explore_planted == (number))
"""


def fail(text):
    sys.exit("plant.py: " + text)


def parse(path):
    """The fields of a description and its parts, each (file, old, new)."""
    fields, parts = {}, []
    state, old, new = "fields", [], []
    with open(path, encoding="utf-8") as stream:
        for line in stream:
            mark = line.rstrip("\n")
            if mark == "<<<<":
                state, old, new = "old", [], []
            elif mark == "====":
                state = "new"
            elif mark == ">>>>":
                parts.append((fields["file"], "".join(old)[:-1], "".join(new)[:-1]))
                state = "fields"
            elif state == "old":
                old.append(line)
            elif state == "new":
                new.append(line)
            elif mark and not mark.startswith("#"):
                key, _, value = mark.partition(":")
                fields[key.strip()] = value.strip()
    for key in ("scenario", "delay", "schedules"):
        if key not in fields:
            fail(f"{path} says no {key}")
    if not parts:
        fail(f"{path} changes nothing")
    return fields, parts


def main():
    sources, planted, out = sys.argv[1:4]
    texts, read = {}, []
    for folder, _, names in sorted(os.walk(sources)):
        for name in sorted(names):
            if name.endswith((".c", ".h")):
                read.append(os.path.join(folder, name))
                with open(read[-1], encoding="utf-8") as stream:
                    texts[os.path.relpath(read[-1], sources)] = stream.read()
    rows = []
    for path in sorted(os.listdir(planted)):
        if not path.endswith(".plant"):
            continue
        number = len(rows) + 1
        read.append(os.path.join(planted, path))
        fields, parts = parse(read[-1])
        changed, gone = dict(texts), ""
        for name, old, new in parts:
            found = changed.get(name, "").count(old)
            if found != 1:
                gone = f"a text of {path} stands {found} times in {name}, not once"
                break
            changed[name] = changed[name].replace(old, new.replace("PLANTED", f"EXPLORE_PLANTED({number})"))
        if not gone:
            texts = changed
        rows.append((path[: -len(".plant")], fields, gone))
    os.makedirs(out, exist_ok=True)
    for name, text in texts.items():
        if "EXPLORE_PLANTED" in text:
            text = HEAD + text
        path = os.path.join(out, name if name.endswith(".h") else name.replace("/", "-"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
    with open(os.path.join(out, "planted_headers.h"), "w", encoding="utf-8") as stream:
        stream.write("".join(f'#include "{name}"\n' for name in texts if name.endswith(".h")))
    with open(os.path.join(out, "planted_list.c"), "w", encoding="utf-8") as stream:
        stream.write('#include "planted.h"\n\n')
        stream.write('unsigned explore_planted __attribute__((section("explore_kept")));\n\n')
        stream.write("const struct explore_plant explore_plants[] = {\n")
        for name, fields, gone in rows:
            where = f'"{fields["scenario"]}", {fields["delay"]}, {fields["schedules"]}'
            stream.write(f'    {{"{name}", {where}, "{gone}"}},\n')
        stream.write("};\n\n")
        stream.write(f"const unsigned explore_plants_count = {len(rows)};\n")
    for depfile in sys.argv[4:]:
        with open(depfile, "w", encoding="utf-8") as stream:
            stream.write(os.path.join(out, "planted_list.c") + ": " + " ".join(read) + "\n")


main()
