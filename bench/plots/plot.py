# SPDX-License-Identifier: MIT
"""
plot.py RESULTS FOLDER: the plots of a results file, FOLDER/*.svg.

Each plot has a gnuplot script here, which says how it looks, and gets from this file what depends on the
data: the points, one block a runtime, and the runtimes' names with places where they do not run into each
other.
"""

import json
import math
import os
import subprocess
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))

# Name for readers, colour (Okabe and Ito's, which colour-blind people can tell apart), dash, width. The later
# ones are drawn above the earlier ones.
LOOKS = {
    "pthreadpool": ("pthreadpool (ranges)", "#8a8a8a", 5, 1.2),
    "cthreadpool": ("C-Thread-Pool", "#8a8a8a", 4, 1.4),
    "apr": ("APR", "#8a8a8a", 2, 1.4),
    "glib": ("GLib", "#8a8a8a", 1, 1.4),
    "libuv": ("libuv", "#E69F00", 1, 1.8),
    "go-errgroup": ("Go x/sync", "#009E73", 2, 1.8),
    "go-kratos": ("Go kratos", "#009E73", 1, 1.8),
    "rayon": ("rayon", "#CC79A7", 1, 1.8),
    "openmp-clang": ("OpenMP clang", "#56B4E9", 2, 1.8),
    "openmp-gcc": ("OpenMP gcc", "#56B4E9", 1, 1.8),
    "onetbb": ("oneTBB", "#0072B2", 1, 1.8),
    "floor": ("floor", "#000000", 3, 1.6),
    "errgroup": ("errgroup", "#D55E00", 1, 4),
}

# In heights of the plot: between two names, and where the highest may be.
LABEL_GAP = 0.052
LABEL_TOP = 1.02


def spread(places):
    """Moves places apart to LABEL_GAP, in their order, as little as it takes."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    clusters = []  # each a list of indices and the middle they want
    for i in order:
        clusters.append(([i], places[i]))
        while len(clusters) > 1:
            (low, low_middle), (high, high_middle) = clusters[-2:]
            reach = (len(low) + len(high)) / 2 * LABEL_GAP
            if high_middle - low_middle >= reach:
                break
            count = len(low) + len(high)
            middle = (low_middle * len(low) + high_middle * len(high)) / count
            clusters[-2:] = [(low + high, middle)]
    moved = [0.0] * len(places)
    for members, middle in clusters:
        for rank, i in enumerate(members):
            moved[i] = middle + (rank - (len(members) - 1) / 2) * LABEL_GAP
    shift = min(0.0, LABEL_TOP - max(moved))
    shift = max(shift, -min(moved))
    return [place + shift for place in moved]


class Plot:
    """One plot: the points of each runtime, and the axis that places are computed on."""

    def __init__(self, name, series, is_log=True):
        self.name = name
        self.series = {runtime: sorted(series[runtime]) for runtime in LOOKS if series.get(runtime)}
        values = [y for points in self.series.values() for _, y in points]
        if is_log:
            self.low = 10 ** (math.floor(math.log10(min(values)) * 4) / 4 - 0.02)
            self.high = 10 ** (math.ceil(math.log10(max(values)) * 4) / 4 + 0.02)
        else:
            self.low, self.high = 0, max(values) * 1.06
        self.is_log = is_log

    def height(self, value):
        """Where a value lies, from 0 at the bottom to 1 at the top."""
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def write(self, folder, places=None, notes=None, extra=""):
        """Writes the data and the settings. Places default to the heights of the lines' ends."""
        runtimes = list(self.series)
        if places is None:
            places = {runtime: self.height(self.series[runtime][-1][1]) for runtime in runtimes}
        with open(os.path.join(folder, self.name + ".dat"), "w", encoding="utf-8") as data:
            for runtime in runtimes:
                data.write(f"# {runtime}\n" + "".join(f"{x} {y}\n" for x, y in self.series[runtime]) + "\n\n")
        moved = dict(zip(runtimes, spread([places[runtime] for runtime in runtimes])))
        with open(os.path.join(folder, self.name + ".inc"), "w", encoding="utf-8") as settings:
            settings.write(f"count = {len(runtimes)}\nlow = {self.low:.6g}\nhigh = {self.high:.6g}\n{extra}")
            settings.write("array colour[count]\narray dash[count]\narray width[count]\n")
            for i, runtime in enumerate(runtimes, 1):
                title, colour, dash, width = LOOKS[runtime]
                width += i / 100  # gnuplot's SVG forgets the dash of a line that differs in nothing else
                y = moved[runtime]
                text = title + (f"  {notes[runtime]}" if notes else "")
                if runtime == "errgroup":
                    text = f"{{/:Bold {text}}}"
                settings.write(f"colour[{i}] = '{colour}'; dash[{i}] = {dash}; width[{i}] = {width}\n")
                settings.write(f"set arrow from graph 1.015, graph {y:.4f} to graph 1.055, graph {y:.4f} "
                               f"nohead lw {width} dt {dash} lc rgb '{colour}'\n")
                settings.write(f"set label \"{text}\" at graph 1.068, graph {y:.4f} tc rgb '{colour}'\n")

    def draw(self, folder, output):
        """Runs gnuplot."""
        data = os.path.join(folder, self.name)
        subprocess.run(["gnuplot", "-e", f"data='{data}.dat'; settings='{data}.inc'; here='{FOLDER}'",
                        os.path.join(FOLDER, self.name + ".gp")],
                       stdout=open(os.path.join(output, self.name + ".svg"), "wb"), check=True, timeout=30)


def series_of(lines, case, x="tasks", scale=1.0):
    """The points of each runtime for a case."""
    series = {}
    for line in lines:
        if line.get("case") == case and "median" in line and line["median"] > 0:
            series.setdefault(line["runtime"], []).append((line[x], line["median"] * scale))
    return series


def crossing(points):
    """The length from which on an efficiency curve stays above 50%, or None."""
    for (x, y), (x_next, y_next) in reversed(list(zip(points, points[1:]))):
        if y < 50 <= y_next:
            part = (50 - y) / (y_next - y)
            return math.exp(math.log(x) + part * math.log(x_next / x))
    return points[0][0] if points[0][1] >= 50 else None


def nanoseconds(value):
    if value is None:
        return "-"
    return f"{value:.3g} ns" if value < 999.5 else f"{value / 1000:.2g} µs"


def plot_metg(lines, folder):
    """The efficiency curves, whose ends are all in one place: the names are in the order of the crossing."""
    plot = Plot("metg", series_of(lines, "metg_curve"), is_log=False)
    plot.high = 104
    found = {runtime: crossing(points) for runtime, points in plot.series.items()}
    order = sorted(found, key=lambda runtime: found[runtime] or math.inf)
    places = {runtime: 0.90 - i * LABEL_GAP * 1.15 for i, runtime in enumerate(order)}
    plot.write(folder, places, {runtime: nanoseconds(value) for runtime, value in found.items()})
    return plot


WAKE_PANELS = (("wake_idle", "waited for"), ("wake_worker", "not waited for"))
WAKE_GAP_US = 1000


def plot_wake(lines, folder):
    """
    Median and 99th percentile of each runtime after a pause, of a task that its submitter waits for, and may run himself, and
    of one that another thread has to run: a row each, sorted by the latter.
    """
    figures = {}
    for line in lines:
        if "median" in line and line["runtime"] in LOOKS and line["tasks"] == WAKE_GAP_US:
            figures.setdefault(line["runtime"], {})[line["case"]] = line["median"]
    wanted = [f"{case}_{part}" for case, _ in WAKE_PANELS for part in ("p50", "p99")]
    rows = {runtime: [values[key] for key in wanted] for runtime, values in figures.items()
            if all(key in values for key in wanted)}
    order = sorted(rows, key=lambda runtime: -rows[runtime][2])
    plot = Plot("wake", {runtime: list(enumerate(row)) for runtime, row in rows.items()})
    with open(os.path.join(folder, "wake.dat"), "w", encoding="utf-8") as data:
        for i, runtime in enumerate(order):
            title, colour, _, _ = LOOKS[runtime]
            if runtime == "errgroup":
                title = f"{{/:Bold {title}}}"
            data.write(f"{i} \"{title}\" {int(colour[1:], 16)} {2.2 if runtime == 'errgroup' else 1} "
                       + " ".join(map(str, rows[runtime])) + "\n")
    with open(os.path.join(folder, "wake.inc"), "w", encoding="utf-8") as settings:
        settings.write(f"count = {len(order)}\nlow = {plot.low:.6g}\nhigh = {plot.high:.6g}\n"
                       f"panels = {len(WAKE_PANELS)}\narray what[panels]\ngap = {WAKE_GAP_US}\n")
        settings.write("".join(f"what[{i}] = \"{what}\"\n" for i, (_, what) in enumerate(WAKE_PANELS, 1)))
    return plot


def plots(lines, folder):
    """Those that there are figures for."""
    for name, case in (("cost", "batch_empty"), ("groups", "group_small")):
        series = series_of(lines, case)
        if any(len(points) > 1 for points in series.values()):
            plot = Plot(name, series)
            workers = next(line["workers"] for line in lines if line.get("case") == case)
            plot.write(folder, extra=f"workers = {workers}\n")
            yield plot
    if any(line.get("case") == "metg_curve" and "median" in line for line in lines):
        yield plot_metg(lines, folder)
    cases = {line.get("case") for line in lines if "median" in line and line.get("tasks") == WAKE_GAP_US}
    if all(f"{case}_p99" in cases for case, _ in WAKE_PANELS):
        yield plot_wake(lines, folder)
    series = series_of(lines, "scaling", x="workers", scale=1e-6)
    if series:
        plot = Plot("scaling", series, is_log=False)
        cores = next((line["machine"]["cores"] for line in lines if "machine" in line), 1)
        most = max(x for points in series.values() for x, _ in points)
        plot.high = max(plot.high, min(cores, most) * 1.1)
        plot.write(folder, extra=f"cores = {cores}\nmost = {most}\n")
        yield plot


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: plot.py RESULTS FOLDER")
    with open(sys.argv[1], encoding="utf-8") as results:
        lines = [json.loads(line) for line in results]
    folder = os.path.join(sys.argv[2], "plots")
    os.makedirs(folder, exist_ok=True)
    for plot in plots(lines, folder):
        plot.draw(folder, sys.argv[2])


if __name__ == "__main__":
    main()
