# SPDX-License-Identifier: MIT
"""
Running a child process with a timeout. Each has a process group of its own, so that ending it ends what it
started and nothing else.
"""

import os
import signal
import subprocess
import time


class ChildError(Exception):
    """A child that ended badly; `status` is its exit status, or None where it was killed."""

    def __init__(self, reason, status=None):
        super().__init__(reason)
        self.status = status


def kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""


def run(command, timeout_s, stdin=None):
    """Runs a command; returns its output and the seconds it took. ChildError unless it exits with 0."""
    begin = time.monotonic()
    try:
        process = subprocess.Popen(command, stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, start_new_session=True)
    except OSError as error:
        raise ChildError(str(error)) from error
    try:
        output, errors = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        kill_group(process)
        process.communicate()
        raise ChildError(f"no end after {timeout_s:.0f} s") from None
    except BaseException:
        kill_group(process)
        raise
    took = time.monotonic() - begin
    if process.returncode < 0:
        raise ChildError(f"killed by {signal.Signals(-process.returncode).name}")
    if process.returncode > 0:
        reason = last_line(errors.decode(errors="replace")) or f"exit status {process.returncode}"
        raise ChildError(reason, process.returncode)
    return output, took
