"""Measures the kernels beside the libraries, and writes the README's section on it.

    python docs/performance.py measure          runs every benchmark of RUNS, some minutes; writes performance.json
    python docs/performance.py measure int8     runs those whose names begin so, and keeps the others
    python docs/performance.py                  writes the README's section from performance.json

A test fails on a section that is not the file's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from pathlib import Path
from statistics import geometric_mean, median
from tempfile import TemporaryDirectory
from typing import Any

import written as parts

from workbook.errors import CommandError
from workbook.files import write_whole
from workbook.measuring import timing
from workbook.side_by_side.layer_cases import IM2COL, ONE_THREAD
from workbook.side_by_side.layer_report import BEST_OF_WIDELY_USED, FASTEST, WIDELY_USED

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "README.md"
FILE = ROOT / "docs" / "performance.json"

# What the sets of layers are called in the README.
LAYERS = {
    "winograd": "3x3, stride 1",
    "rest": "1x1, strided, depthwise",
    "resnet50": "ResNet-50",
    "int8": "3x3, 1x1, strided",
    "random": "50 random layers",
}


@dataclass(frozen=True)
class Run:
    """One benchmark: `workbook bench` with these options, the kernels on the best instruction set or on a named one."""

    layers: str
    threads: int = 1
    dtype: str = "float32"
    isa: str = ""

    @property
    def name(self) -> str:
        """What the run is called in the file."""
        return " ".join(filter(None, (self.layers, self.dtype, f"x{self.threads}", self.isa)))

    @property
    def arguments(self) -> tuple[str, ...]:
        """What follows `workbook bench`."""
        return "--layers", self.layers, "--threads", str(self.threads), "--dtype", self.dtype

    @property
    def command(self) -> str:
        """What a reader types."""
        return " ".join(("workbook bench", *self.arguments))

    def report(self, folder: Path) -> dict[str, Any]:
        """Run it in a process of its own, because an instruction set is chosen at import."""
        file = folder / "report.json"
        command = [sys.executable, "-m", "workbook", "bench", *self.arguments, "--json", str(file)]
        environment = {**os.environ, **({"KERNELS_ISA": self.isa} if self.isa else {})}
        if subprocess.run(command, env=environment).returncode:
            raise CommandError(f"{self.name}: workbook bench failed; {FILE.name} has what it had")
        report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        report["made"]["command"] = self.command  # without the file, which is gone
        return report


class NetworksRun(Run):
    """The same for whole networks."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """What follows `workbook bench`."""
        return "networks", "--threads", str(self.threads), "--dtype", self.dtype


RUNS = (
    *(Run(layers, threads) for layers in ("winograd", "rest", "resnet50") for threads in (1, 2)),
    Run("random"),
    Run("winograd", isa="v3"),
    Run("int8", dtype="int8"),
)
WINOGRAD, WINOGRAD_X2, REST, _, _, _, RANDOM, V3, INT8 = RUNS
NETWORKS, NETWORKS_X2 = (NetworksRun("networks", threads) for threads in (1, 2))
BYTES, BYTES_X2 = (NetworksRun("networks", threads, "int8") for threads in (1, 2))
NETWORKS_RUNS = (NETWORKS, NETWORKS_X2, BYTES, BYTES_X2)
ALL_RUNS = (*RUNS, *NETWORKS_RUNS)
LARGE = 100e6  # multiply-adds of a layer that two threads should share well


@dataclass(frozen=True)
class Target:
    """A number of a run's summary that the project wants to reach.

    Attributes
    ----------
    run : Run
    what : str
    number : function of all reports
    floor, goal : float, optional
        What must be reached, and what is aimed at.
    at_most : bool
        Whether less is better.
    timed : bool
        Whether it depends on times; other programs change them.
    """

    run: Run
    what: str
    number: Callable[[dict[str, Any]], float | None]
    floor: float | None = None
    goal: float | None = None
    at_most: bool = False
    timed: bool = True

    def reached(self, wanted: float | None, reports: dict[str, Any]) -> str:
        """Say whether the number is good enough; no time of a disturbed run is."""
        number = self.number(reports)
        if wanted is None or number is None:
            return ""
        limit = f"{'≤' if self.at_most else '≥'} {wanted:g}"
        if self.timed and _disturbed(reports[self.run.name]) > timing.BUSY:
            return f"{limit}: measure again, other programs ran"
        good = number <= wanted if self.at_most else number >= wanted
        return f"{limit}: {'reached' if good else 'not reached'}"


def _disturbed(report: dict[str, Any]) -> float:
    """Part of the time in which other programs had the core."""
    disturbed: float = report.get("summary", report)["disturbed"]
    return disturbed


def _over(run: Run, peer: str) -> Callable[[dict[str, Any]], float | None]:
    return lambda reports: reports[run.name]["summary"]["speedups"].get(peer)


def _lowest(run: Run) -> Callable[[dict[str, Any]], float | None]:
    return lambda reports: reports[run.name]["summary"]["lowest"]["speedup"]


def _of_summary(run: Run, *keys: str) -> Callable[[dict[str, Any]], float | None]:
    return lambda reports: reduce(getitem, keys, reports[run.name]["summary"])


def _speedup(run: NetworksRun) -> Callable[[dict[str, Any]], float | None]:
    return lambda reports: reports[run.name]["speedup"]


def _two_threads(reports: dict[str, Any]) -> float:
    """What the second thread gains on large layers."""
    rows = [row for run in RUNS if run.threads == 2 for row in reports[run.name]["rows"] if row["macs"] >= LARGE]
    return geometric_mean(row["beside"][ONE_THREAD]["median"] / row["ours"][row["auto"]]["median"] for row in rows)


def _micro_kernel(reports: dict[str, Any]) -> float:
    """What the micro-kernel reaches of the peak, which each run measures: the median of those on one thread."""
    return median(reports[run.name]["micro_kernel"] for run in RUNS if run.threads == 1 and not run.isa)


def _v3_over_v4(reports: dict[str, Any]) -> float:
    """The speed of the kernels held to AVX2 over their speed with AVX-512."""
    pairs = zip(reports[WINOGRAD.name]["rows"], reports[V3.name]["rows"], strict=True)
    return geometric_mean(v4["ours"][v4["auto"]]["median"] / v3["ours"][v3["auto"]]["median"] for v4, v3 in pairs)


TARGETS = (
    Target(WINOGRAD, f"3x3, over the {BEST_OF_WIDELY_USED}", _over(WINOGRAD, BEST_OF_WIDELY_USED), 1.6, 2.0),
    Target(WINOGRAD, "3x3, over ncnn", _over(WINOGRAD, "ncnn"), 1.0, 1.3),
    Target(WINOGRAD, "3x3, lowest layer over the fastest library", _lowest(WINOGRAD), 0.8, 0.95),
    Target(REST, "1x1, strided, depthwise, over the fastest library", _over(REST, FASTEST), 0.8, 1.0),
    Target(REST, "1x1, strided, depthwise, lowest layer", _lowest(REST), goal=0.85),
    Target(WINOGRAD, "micro-kernel over the peak", _micro_kernel, 0.9),
    Target(WINOGRAD_X2, "two threads over one, layers of 100 million multiply-adds and more", _two_threads, 1.8),
    Target(V3, "3x3, AVX2 over AVX-512", _v3_over_v4, 0.4),
    Target(RANDOM, "time predicted, the worst of 50 layers", _of_summary(RANDOM, "worst_prediction"), 2, at_most=True),
    Target(INT8, "int8, over the fastest library", _over(INT8, FASTEST), 0.75, 1.0),
    Target(INT8, "int8, lowest layer", _lowest(INT8), goal=0.85),
    Target(INT8, "int8 over our float32 im2col", _of_summary(INT8, "times", IM2COL), 2.5),
    Target(
        INT8,
        "packed weights, int8 over float32",
        _of_summary(INT8, "packed_share"),
        floor=0.3,
        at_most=True,
        timed=False,
    ),
    Target(NETWORKS, "networks, over the fastest library", _speedup(NETWORKS), 0.9, 1.1),
    Target(NETWORKS_X2, "networks, two threads, over the fastest library", _speedup(NETWORKS_X2), 0.9, 1.1),
    Target(BYTES, "networks, int8, over the fastest library", _speedup(BYTES), 0.7, 1.0),
    Target(BYTES_X2, "networks, int8, two threads, over the fastest library", _speedup(BYTES_X2), 0.7, 1.0),
)


def measure(prefix: str = "") -> None:
    """Run every benchmark whose name begins so, each into the file when it has ended; the others stay."""
    wanted = [run for run in ALL_RUNS if run.name.startswith(prefix)]
    if not wanted:
        raise CommandError(f"no run begins with {prefix!r}; there are {', '.join(run.name for run in ALL_RUNS)}")
    reports, failed = saved(), []
    with TemporaryDirectory() as folder:
        for number, run in enumerate(wanted, start=1):
            print(f"{number}/{len(wanted)} {run.name}", flush=True)
            try:
                reports[run.name] = run.report(Path(folder))
            except CommandError as error:
                failed.append(str(error))
            else:
                write_whole(FILE, json.dumps(reports, indent=1).encode() + b"\n")
    if failed:
        raise CommandError("\n".join(failed))


def performance(reports: dict[str, Any]) -> str:
    """Return the section: the machine, a row a run, the targets."""
    return "\n\n".join([_machine(reports), _speedups(reports), _peaks(reports), _networks(reports), _targets(reports)])


def _machine(reports: dict[str, Any]) -> str:
    first = reports[RUNS[0].name]
    machine, busy = first["machine"], max(map(_disturbed, reports.values()))
    packages = {"Python": first["versions"]["python"], "NumPy": first["versions"]["numpy"], **first["peers"]}
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['isa']}; {first['date']}. "
        f"{', '.join(f'{name} {version}' for name, version in packages.items())}. "
        f"Other programs had the core for {busy:.0%} of the time in the run that was disturbed most."
    )


def _speedups(reports: dict[str, Any]) -> str:
    peers = list(reports[RUNS[0].name]["peers"])
    headings = [*peers, "fastest of them", "share of the peak", "lowest layer"]
    rows = [["layers", "threads", *headings], ["---"] * (2 + len(headings))]
    for run in RUNS:
        summary = reports[run.name]["summary"]
        speedups, lowest = summary["speedups"], summary["lowest"]
        rows.append(
            [
                ", ".join(filter(None, (LAYERS[run.layers], run.dtype.removeprefix("float32"), run.isa))),
                str(run.threads),
                *(f"{speedups[name]:.2f}×" if name in speedups else "" for name in (*peers, FASTEST)),
                f"{summary['share_of_peak']:.0%}",
                f"{lowest['speedup']:.2f}×, {lowest['layer'].replace('->', '→')} beside {lowest['peer']}, "
                f"at {lowest['share_of_peak']:.0%} of the peak",
            ]
        )
    return _table(rows)


def _peaks(reports: dict[str, Any]) -> str:
    int8, over = reports[INT8.name]["summary"], reports[RUNS[0].name]["summary"]["speedups"]
    widely = ", ".join(name for name in WIDELY_USED if name in over)  # those that were measured
    floats = [dtype for dtype in ("float32", "float16") if dtype in int8["times"]]
    gained = " and ".join(f"{int8['times'][dtype]:.2f}× our {dtype}" for dtype in floats)
    peaks = int8["peaks"]
    rates = ", ".join(f"{dtype} {peaks[dtype]:.0f}" for dtype in (*floats, "int8"))
    ratios = " and ".join(f"{peaks['int8'] / peaks[dtype]:.2f}× {dtype}" for dtype in floats)
    gains = (f"{LAYERS[run.layers]} {_gain(reports[run.name]['summary'])}" for run in RUNS if run.threads > 1)
    return "\n".join(
        [
            f"* {LAYERS['winograd']}: {over[BEST_OF_WIDELY_USED]:.2f}× over the best of {widely} on each layer.",
            f"* int8: {gained}. The peaks of one core are {rates} GMAC/s: int8 is {ratios}."
            + ("" if "float16" in floats else " This CPU has no arithmetic in float16."),
            f"* Two threads over one, and what the peak gains by the second: {'; '.join(gains)}.",
        ]
    )


def _networks(reports: dict[str, Any]) -> str:
    """A row a network and number of threads: the time, how it is spent, the peers' over it, and the memory."""
    peers, shares = list(reports[NETWORKS.name]["peers"]), ("conv", "pool", "gemm", "rest")
    rows = [["network", "threads", "ms", *peers, *shares, "MB", *(f"MB of {peer}" for peer in peers)]]
    rows.append(["---"] * len(rows[0]))
    for run in NETWORKS_RUNS:
        for row in reports[run.name]["rows"]:
            ours, memory = row["times"]["ours"]["median"], row["memory"]
            over = [f"{row['times'][peer]['median'] / ours:.2f}×" if peer in row["times"] else "" for peer in peers]
            spent = [f"{row['shares'].get(kind, 0):.0%}" for kind in shares]
            taken = [f"{memory[engine] / 1e6:.0f}" if engine in memory else "" for engine in ("ours", *peers)]
            name = ", ".join(filter(None, (row["network"], run.dtype.removeprefix("float32"))))
            rows.append([name, str(run.threads), f"{1e3 * ours:.1f}", *over, *spent, *taken])
    return _table(rows)


def _gain(summary: dict[str, Any]) -> str:
    peaks = summary["peaks"]
    return f"{summary['times'][ONE_THREAD]:.2f}× and {peaks['float32'] / peaks[ONE_THREAD]:.2f}×"


def _targets(reports: dict[str, Any]) -> str:
    rows = [["target", "measured", "floor", "goal"], ["---"] * 4]
    for target in TARGETS:
        states = (target.reached(wanted, reports) for wanted in (target.floor, target.goal))
        number = target.number(reports)
        rows.append([target.what, "" if number is None else f"{number:.2f}×", *states])
    return _table(rows)


def _table(rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def written(page: str, reports: dict[str, Any]) -> str:
    """Return the page with its section anew."""
    return parts.written(page, {"performance": lambda: performance(reports)})


def saved() -> dict[str, Any]:
    """Return the file's reports by the names of their runs."""
    reports: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return reports


if __name__ == "__main__":
    if sys.argv[1:2] not in ([], ["measure"]) or len(sys.argv) > 3:
        sys.exit(__doc__)
    try:
        if sys.argv[1:]:
            measure(*sys.argv[2:])
    except CommandError as error:
        sys.exit(f"Error: {error}")
    write_whole(PAGE, written(PAGE.read_text(encoding="utf-8"), saved()).encode())
