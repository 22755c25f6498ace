"""What a learner's kernel is asked to compute, and how its answer is judged: bit by bit, or within a derived bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Problem:
    """One call of a kernel, with the output that it must have.

    Attributes
    ----------
    name : str
        Says the sizes.
    inputs : dict of str to array
        What the kernel reads; their addresses are the first arguments of its `run`, in this order.
    sizes : tuple of int
        The arguments behind the output's address.
    expected : array of float32
        By the definition, its sums in order.
    bound : array of float32
        How far an output may be from that if its sums are in another order.
    """

    name: str
    inputs: dict[str, npt.NDArray[np.generic]]
    sizes: tuple[int, ...]
    expected: FloatArray
    bound: FloatArray

    def wrong(self, y: FloatArray) -> str:
        """Say which output is the first that is wrong, and by how much; empty if none is."""
        with np.errstate(invalid="ignore"):
            is_wrong = ~(np.abs(y - self.expected) <= self.bound)  # a NaN is wrong
        if not is_wrong.any():
            return ""
        place = tuple(int(i) for i in np.argwhere(is_wrong)[0])
        got, right = float(y[place]), float(self.expected[place])
        where = f"{self.name}: y[{', '.join(map(str, place))}]"
        count = f"{int(is_wrong.sum())} of {y.size} outputs are wrong"
        if np.isnan(got):
            return f"{where} was never written, or is no number; {count}"
        return f"{where} is {got:.6g}, the definition gives {right:.6g}: {abs(got - right):.2g} apart; {count}"


class KernelTask(Protocol):
    """A file that says what kernels of a kind are asked; the process that runs them loads it by its path."""

    def refuses(self, least: tuple[int, ...]) -> str:
        """Say why no layer suits a kernel that works on no smaller sizes; empty if there are layers."""

    def problems(self, least: tuple[int, ...]) -> Iterable[Problem]:
        """Yield small problems with tails, none smaller than a kernel says that it can work on."""

    def timed(self, seed: int) -> Problem:
        """Return a problem that is worth timing, each seed another one."""

    def rivals(self, problem: Problem, before: str) -> dict[str, Callable[[], object]]:
        """Return what stands beside the learner's kernel: the rung before, and ours."""

    def macs(self, problem: Problem) -> int:
        """Count the multiply-adds of a problem."""
