# SPDX-License-Identifier: MIT
"""
What `batch -j auto` gets done, beside what each fixed -j does: a table.

    python3 -B bench/jobs_auto.py BATCH [SECONDS [ROUNDS]]      20 and 3

BATCH is the example program, built. Each round runs, in turn, all numbers of jobs for a fifth of the seconds and auto
for all of them, its search included. Three loads:

    compute   some 20 ms of CPU
    service   a request on a loopback connection: 100 ms, 32 served at once, the others queue
    memory    128 MiB, filled
"""

import asyncio
import signal
import statistics
import subprocess
import sys
import threading
import time

import child

NUMBERS = (1, 2, 4, 8, 16, 32)
SERVED_AT_ONCE = 32
SERVICE_S = 0.1

# A line for each job that is done, so that lines can be counted. {0} is the service's port.
LOADS = {
    "compute": ["sh", "-c", "i=0; while [ $i -lt 40000 ]; do i=$((i + 1)); done; echo"],
    "service": ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/{0} && read -r answer <&3 && echo"],
    "memory": ["sh", "-c", "dd if=/dev/zero of=/dev/null bs=128M count=1 2>/dev/null && echo"],
}


class Service:
    """Answers each connection with a line."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.places = asyncio.Semaphore(SERVED_AT_ONCE)
        self.server = self.loop.run_until_complete(
            asyncio.start_server(self.answer, "127.0.0.1", 0, backlog=4096))
        self.port = self.server.sockets[0].getsockname()[1]
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    async def answer(self, _, writer):
        async with self.places:
            await asyncio.sleep(SERVICE_S)
        try:
            writer.write(b"done\n")
            await writer.drain()
            writer.close()
        except ConnectionError:
            pass


def rate(batch, jobs, command, seconds):
    """Jobs done in a second, of a run that is ended."""
    words = [*command, "{#}"]
    inputs = subprocess.Popen(["yes"], stdout=subprocess.PIPE, start_new_session=True)
    begin = time.monotonic()
    runner = subprocess.Popen([batch, "-j", str(jobs), *words], stdin=inputs.stdout, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, start_new_session=True)
    timer = threading.Timer(seconds, runner.send_signal, [signal.SIGTERM])
    timer.start()
    try:
        count = len(runner.stdout.read().splitlines())
        took = time.monotonic() - begin
        runner.wait()
    finally:
        timer.cancel()
        child.kill_group(runner)
        child.kill_group(inputs)
    return count / took


def main():
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__.strip())
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    service = Service()
    print(f"{'jobs/s':10}" + "".join(f"{f'-j {number}':>9}" for number in NUMBERS) + f"{'auto':>9}   auto by the best")
    for load, command in LOADS.items():
        command = [word.replace("{0}", str(service.port)) for word in command]
        rates = {jobs: [] for jobs in (*NUMBERS, "auto")}
        for _ in range(rounds):
            for jobs, found in rates.items():
                found.append(rate(sys.argv[1], jobs, command, seconds if jobs == "auto" else seconds / 5))
        medians = [statistics.median(found) for found in rates.values()]
        print(f"{load:10}" + "".join(f"{median:9.1f}" for median in medians)
              + f"   {medians[-1] / max(medians[:-1]):.2f}", flush=True)


if __name__ == "__main__":
    main()
