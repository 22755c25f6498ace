"""Times several programs of one network in turns, node by node: a busy moment of the machine falls on all alike."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workbook.graphs.graph import Feed
from workbook.measuring import timing
from workbook.measuring.timing import Timing
from workbook.network import Network
from workbook.network.node_table import Profile


@dataclass(frozen=True)
class Raced:
    """How long a network took.

    Attributes
    ----------
    whole : Timing
        Seconds of all its nodes, over the turns.
    upper : float
        Seconds that three runs of four kept, in the slowest turn.
    nodes : mapping of str to float
        Median seconds of each node by its name.
    works : mapping of str to str
        What each node does.
    """

    whole: Timing
    upper: float
    nodes: Mapping[str, float]
    works: Mapping[str, str]


def clock(threads: int | None) -> Callable[[], float]:
    """Return the clock for so many threads: of one, its own, which keeps other programs out."""
    return time.thread_time if threads == 1 else time.perf_counter


def race(
    networks: Mapping[str, Network],
    x: Feed,
    *,
    seconds: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
    on_failure: Callable[[str, Exception], None] | None = None,
) -> dict[str, Raced]:
    """Profile networks in turns.

    Parameters
    ----------
    networks : mapping of name to Network
    x : array, or mapping of str to array
    seconds : float, optional
        To spend on all together; 1 s, or 0.2 s when WORKBOOK_QUICK is set. Each has one turn of three runs at least.
    clock : function
        Returns seconds.
    on_failure : function, optional
        Called with the name of a network that fails and what it raised; the others go on. Without it, that is raised.
    """
    budget = seconds if seconds is not None else 0.2 if timing.quick() else 1.0
    turns: dict[str, list[Profile]] = {name: [] for name in networks}
    end = time.perf_counter() + budget
    while turns and (not all(turns.values()) or time.perf_counter() < end):
        for name in tuple(turns):
            try:
                turns[name].append(networks[name].profile(x, 0, clock))
            except Exception as error:
                if not on_failure:
                    raise
                on_failure(name, error)
                del turns[name]
    return {name: _raced(profiles) for name, profiles in turns.items()}


def _raced(turns: list[Profile]) -> Raced:
    nodes: dict[str, float] = defaultdict(float)
    for place, layer in enumerate(turns[0].layers.rows):
        nodes[layer.name] += statistics.median(turn.times[place].median for turn in turns)
    works = {layer.name: layer.work for layer in turns[0].layers.rows}
    upper = max(turn.whole.third_quartile for turn in turns)
    return Raced(Timing.of([turn.whole.median for turn in turns]), upper, dict(nodes), works)
