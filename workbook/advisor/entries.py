"""The programs that take part in the race of whole networks, and those that dropped out of it, each with the reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from workbook.advisor.evidence import Outputs
from workbook.advisor.peer_programs import Bound
from workbook.graphs.graph import Array
from workbook.measuring import timing
from workbook.measuring.timing import Timing
from workbook.network import Network

T = TypeVar("T")

_PATIENCE = 200  # characters of why a program failed


@dataclass(frozen=True)
class Failed:
    """A program that could not be run, or whose time is not to be had, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class Entry:
    """A program of the whole network.

    Attributes
    ----------
    bind : function
        Takes inputs by their names, and returns a function that runs the program on them.
    plan : mapping of str to str
        The program of each layer; empty for another library's, which chooses itself.
    net : Network or None
        None for another library's.
    """

    bind: Callable[[Mapping[str, Array]], Bound]
    plan: Mapping[str, str]
    net: Network | None = None

    @classmethod
    def ours(cls, net: Network, plan: Mapping[str, str]) -> Entry:
        """Return an entry of the kernels."""
        return cls(lambda feed: lambda: net.run(feed), plan, net)


class _DroppedError(Exception):
    """A program failed while it was timed."""

    def __init__(self, name: str, why: Exception) -> None:
        super().__init__(name)
        self.name, self.why = name, why


@dataclass
class Entries:
    """The programs that run so far, by name, on one input.

    Attributes
    ----------
    feed : mapping of str to array
    threads : int or None
    failed : list of Failed
        A program is here or in `programs`, never in both.
    """

    feed: Mapping[str, Array]
    threads: int | None
    programs: dict[str, Entry] = field(default_factory=dict)
    bound: dict[str, Bound] = field(default_factory=dict)
    failed: list[Failed] = field(default_factory=list)

    def attempt(self, name: str, work: Callable[[], T]) -> T | None:
        """Do some work for a program; if it fails, keep why and return None."""
        try:
            return work()
        except Exception as error:  # whatever a library raises, or no memory: the other programs go on
            self.drop(name, error)
            return None

    def drop(self, name: str, error: Exception) -> None:
        """Leave a program out from now on."""
        words = " ".join(f"{type(error).__name__}: {error}".split())
        self.failed.append(Failed(name, words if len(words) <= _PATIENCE else f"{words[:_PATIENCE]} ..."))
        self.programs.pop(name, None)
        self.bound.pop(name, None)

    def take(self, name: str, made: Callable[[], Entry]) -> bool:
        """Take a program, if it can be made and runs; return whether it does."""

        def bound() -> tuple[Entry, Bound]:
            entry = made()
            run = entry.bind(self.feed)
            run()
            return entry, run

        if taken := self.attempt(name, bound):
            self.programs[name], self.bound[name] = taken
        return taken is not None

    def outputs(self, name: str, feeds: Iterable[Mapping[str, Array]]) -> Sequence[Outputs] | None:
        """Return a program's outputs for some inputs; None, and it is left out, if it fails."""
        entry = self.programs[name]
        return self.attempt(name, lambda: [[y.copy() for y in entry.bind(feed)()] for feed in feeds])

    def timed(
        self, names: Iterable[str], *, seconds: float | None, others: Mapping[str, Bound] | None = None,
        threads: int | None = None,
    ) -> dict[str, Timing]:  # fmt: skip
        """Time programs in turns; one that fails meanwhile is left out, and the others are timed again.

        Parameters
        ----------
        names : iterable of str
        seconds : float, optional
            As `timing.interleaved` takes them.
        others : mapping of name to function, optional
            To be timed with them; no entries.
        threads : int, optional
            Of all of them; those of the entries if None.
        """
        cases = {name: self.bound[name] for name in names if name in self.bound} | dict(others or {})
        one = (threads or self.threads) == 1
        while cases:
            try:
                return timing.interleaved(
                    {name: _guarded(name, run) for name, run in cases.items()}, seconds=seconds, alone=not one,
                    clock=time.process_time if one else time.perf_counter,
                )  # fmt: skip
            except _DroppedError as dropped:
                self.drop(dropped.name, dropped.why)
                del cases[dropped.name]
        return {}


def _guarded(name: str, run: Bound) -> Callable[[], object]:
    def guarded() -> object:
        try:
            return run()
        except Exception as error:
            raise _DroppedError(name, error) from error

    return guarded
