# SPDX-License-Identifier: MIT
"""
Facts about the machine and the versions of what is measured, for the first line of the results.
"""

import os
import platform
import subprocess
import time

import plan


def first_line(*command):
    """The first line that a command prints, or None where there is no such command."""
    try:
        output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
                                timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = output.stdout.decode(errors="replace").splitlines()
    return lines[0] if lines else None


def word_of(line, place):
    """A word of a line that may not be there."""
    return line.split()[place] if line else None


def field(path, name):
    """The value of a line `name: value` or `name=value` of a file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                key, _, value = line.replace("=", ":", 1).partition(":")
                if key.strip() == name:
                    return value.strip().strip('"')
    except OSError:
        pass
    return None


def versions():
    """Versions of the compilers and of the peers' packages."""
    found = {
        "gcc": first_line("gcc", "-dumpfullversion"),
        "clang": first_line("clang", "-dumpversion"),
        "go": word_of(first_line("/usr/bin/go", "version") or first_line("go", "version"), 2),
        "rustc": word_of(first_line("/usr/bin/rustc", "--version") or first_line("rustc", "--version"), 1),
    }
    for runtime in plan.RUNTIMES:
        if runtime.package is not None:
            found[runtime.package] = first_line("dpkg-query", "-W", "-f", "${Version}\n", runtime.package)
    return {name: version for name, version in found.items() if version}


def facts(root):
    """Everything, as one dictionary."""
    memory_kib = (field("/proc/meminfo", "MemTotal") or "0").split()[0]
    return {
        "cpu": field("/proc/cpuinfo", "model name") or platform.machine(),
        "architecture": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(memory_kib) / 1024 / 1024, 1),
        "hypervisor": "hypervisor" in (field("/proc/cpuinfo", "flags") or "").split(),
        "kernel": platform.release(),
        "system": field("/etc/os-release", "PRETTY_NAME") or platform.system(),
        "libc": " ".join(platform.libc_ver()),
        "errgroup": first_line("git", "-C", root, "describe", "--always", "--dirty"),
        "date": time.strftime("%Y-%m-%d"),
        "load": round(os.getloadavg()[0], 2),
        "versions": versions(),
    }
