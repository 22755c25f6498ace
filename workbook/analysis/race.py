"""Times several programs of one network in turns, node by node: a busy moment of the machine falls on all alike."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from workbook import measure
from workbook.measure import Timing
from workbook.network import Network
from workbook.network.graph import Array

LEAST_ROUNDS = 3


@dataclass(frozen=True)
class Raced:
    """How long a network took.

    Attributes
    ----------
    whole : Timing
        Seconds of all its nodes.
    slowest : float
        Seconds of the slowest run.
    nodes : mapping of str to float
        Median seconds of each node by its name.
    """

    whole: Timing
    slowest: float
    nodes: Mapping[str, float]


def clock(threads: int | None) -> Callable[[], float]:
    """Return the clock for so many threads: of one, its own, which keeps other programs out."""
    return time.thread_time if threads == 1 else time.perf_counter


def race(
    networks: Mapping[str, Network],
    x: Array,
    *,
    seconds: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
    on_run: Callable[[], None] | None = None,
) -> dict[str, Raced]:
    """Run networks in turns.

    Parameters
    ----------
    networks : mapping of name to Network
    x : (N, C, H, W) float32
    seconds : float, optional
        To spend on all together; 1 s, or 0.2 s when WORKBOOK_QUICK is set. There are three rounds at least.
    clock : function
        Returns seconds.
    on_run : function, optional
        Called after each run, for a progress bar.
    """
    for network in networks.values():
        network.run(x)  # touches the memory, packs what "auto" has chosen
    budget = seconds if seconds is not None else 0.2 if measure.quick() else 1.0
    runs: dict[str, list[list[float]]] = {name: [] for name in networks}
    end = time.perf_counter() + budget
    while min(map(len, runs.values())) < LEAST_ROUNDS or time.perf_counter() < end:
        for name, network in networks.items():
            marks = [clock()]
            marks += [clock() for _ in network.trace(x)]
            runs[name].append(np.diff(marks).tolist())
            if on_run:
                on_run()
    return {name: _raced(network, runs[name]) for name, network in networks.items()}


def _raced(network: Network, runs: list[list[float]]) -> Raced:
    totals = [sum(run) for run in runs]
    nodes: dict[str, float] = defaultdict(float)
    for node, column in zip(network.graph.nodes, zip(*runs, strict=True), strict=True):
        nodes[node.name] += statistics.median(column)
    return Raced(Timing.of(totals), max(totals), dict(nodes))
