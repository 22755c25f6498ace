"""A run planned ahead for inputs of known shapes: each array's form and place, and each step bound to them.

Arrays that native operators read or write (native.py) lie in one arena (arena.py). An image in it is in lanes wherever
all who touch it can work so; inputs and outputs of the network, and what other operators touch, are plain.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

import kernels
from kernels.bound import Bound
from kernels.layout import in_lanes, lanes_shape
from workbook.network.arena import Life, aligned, offsets
from workbook.network.graph import Array, FloatArray, ModelError
from workbook.network.native import Joined, Native, Natives, View
from workbook.network.step import Constants, Step

_TYPES = (np.float32, np.uint8, np.int8)


class ShapesChangedError(Exception):
    """An operator returned another shape than when the run was planned."""


@dataclass(frozen=True)
class Seen:
    """Shape and type of an array in an earlier run."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    @property
    def bytes(self) -> int:
        """Of all its numbers."""
        return math.prod(self.shape) * self.dtype.itemsize

    @classmethod
    def of(cls, array: Array) -> Seen:
        """Describe an array."""
        return cls(array.shape, array.dtype)


class Run:
    """A network's steps between arrays of planned places. One run at a time: the arrays are written anew.

    Parameters
    ----------
    steps : sequence of Step
    constants : mapping of str to array
    seen : mapping of str to Seen
        Every array that is not constant, as in an earlier run.
    inputs, outputs : sequence of str
    natives : Natives
    """

    def __init__(
        self,
        steps: Sequence[Step],
        constants: Constants,
        seen: Mapping[str, Seen],
        inputs: Sequence[str],
        outputs: Sequence[str],
        natives: Natives,
    ) -> None:
        self._steps, self._constants, self._seen = steps, constants, seen
        self._inputs, self._outputs = inputs, outputs
        self._natives = [self._native(step, natives) for step in steps]
        self._placed = self._touched_by_natives()
        self._parents = self._shared()
        places, numbers = offsets(self._lives())
        lanes, self._arena = self._in_lanes(), aligned(numbers)
        self._arrays = {name: self._array(name, self._arena, places, name in lanes) for name in self._placed}
        self._others: dict[str, Array] = {}
        bound = [self._bound(step, operator) for step, operator in zip(steps, self._natives, strict=True)]
        self._scratch = aligned(max((call.scratch for call in bound), default=0))
        self._calls = bound
        self.bytes = self._arena.nbytes + self._scratch.nbytes

    def __call__(self, inputs: Mapping[str, Array]) -> Iterator[tuple[Step, Array]]:
        """Run the steps; yield each with its output as it lies, until the next step writes there.

        Raises
        ------
        ShapesChangedError
            If an operator that is not native returned another shape or type than it did when the run was planned.
        """
        self._others = dict(inputs)
        for name in self._placed & inputs.keys():
            np.copyto(self._arrays[name], inputs[name])
        for step, call in zip(self._steps, self._calls, strict=True):
            try:
                call(self._scratch)
            except ModelError:
                raise
            except ValueError as error:  # such as a NaN, which no byte stands for
                raise ModelError(f"{step.node}: {error}") from error
            yield step, self._as_it_lies(step.node.outputs[0])

    def plain(self, name: str) -> Array:
        """Return an array's numbers; nobody else will write to them."""
        if name not in self._arrays:
            return self._as_it_lies(name)
        array = self._arrays[name]
        return kernels.from_lanes(array) if in_lanes(array.shape) and len(self._seen[name].shape) == 4 else array.copy()

    def finish(self) -> list[Array]:
        """Return the outputs, and give up what other operators returned."""
        results = [self.plain(name) for name in self._outputs]
        self._others = {}
        return results

    def _native(self, step: Step, natives: Natives) -> Native | None:
        """Return the step's operator, if all that it reads and writes is float32 or bytes."""
        y, read = self._seen[step.node.outputs[0]], [self._seen[name] for name in self._computed(step)]
        if any(array.dtype not in _TYPES for array in (y, *read)):
            return None
        return natives.of(step, [array.shape for array in read], y.shape, y.dtype)

    def _computed(self, step: Step) -> list[str]:
        """Names of what the step reads and the file does not store."""
        return [name for name in step.reads if name in self._seen]

    def _natively(self) -> Iterator[tuple[Step, Native]]:
        return ((step, operator) for step, operator in zip(self._steps, self._natives, strict=True) if operator)

    def _touched_by_natives(self) -> set[str]:
        """Names of the arrays that native operators read or write: those lie in the arena."""
        return {name for step, _ in self._natively() for name in (*self._computed(step), step.node.outputs[0])}

    def _shared(self) -> dict[str, tuple[str, int]]:
        """Return whose memory an array lies in, and how many bytes behind its beginning.

        A view lies where its input does. What a Concat joins lies in its output from the beginning, if that is one
        image: the channels of one array then follow those of the other.
        """
        parents: dict[str, tuple[str, int]] = {}
        for step, operator in self._natively():
            y, read = step.node.outputs[0], self._computed(step)
            if isinstance(operator, View):
                parents[y] = (read[0], 0)
            if isinstance(operator, Joined) and self._seen[y].shape[0] == 1:
                offset = 0
                for name in read:
                    if name not in parents and name not in self._inputs:
                        parents[name] = (y, offset)
                    offset += self._seen[name].bytes
        return parents

    def _root(self, name: str) -> tuple[str, int]:
        """Return the array whose memory this one lies in, and where."""
        offset = 0
        while name in self._parents:
            name, further = self._parents[name]
            offset += further
        return name, offset

    def _lives(self) -> dict[str, Life]:
        """Return the life of each piece of memory: that of all arrays in it."""
        touched = [(-1, name) for name in self._inputs] + [(len(self._steps), name) for name in self._outputs]
        for i, step in enumerate(self._steps):
            touched += [(i, name) for name in (*step.reads, step.node.outputs[0])]
        when: dict[str, list[int]] = {}
        for i, name in touched:
            if name in self._placed:
                when.setdefault(self._root(name)[0], []).append(i)
        return {
            name: Life(-(-self._seen[name].bytes // 4), min(moments), max(moments)) for name, moments in when.items()
        }

    def _in_lanes(self) -> set[str]:
        """Return the arrays that lie in lanes: those that everyone who touches them, or their likes, takes so."""
        first = {name: name for name in self._placed}  # of the arrays that must lie alike, the one that stands for all

        def representative(name: str) -> str:
            while first[name] != name:
                name = first[name]
            return name

        plain = {name for name in self._placed if name in (*self._inputs, *self._outputs) or not self._has_lanes(name)}
        for step, operator in zip(self._steps, self._natives, strict=True):
            y, read = step.node.outputs[0], self._computed(step)
            if operator is None:
                plain.update(self._placed.intersection((y, *read)))
                continue
            for i in operator.alike:
                if i < len(read):
                    first[representative(read[i])] = representative(y)
            if not (operator.takes(True, False) or operator.takes(True, True)):
                plain.add(read[0])
            if not (operator.takes(False, True) or operator.takes(True, True)):
                plain.add(y)
        without = {representative(name) for name in plain}
        return {name for name in self._placed if representative(name) not in without}

    def _has_lanes(self, name: str) -> bool:
        """Whether an array is an image with whole vectors of channels; one of a single pixel is in both forms."""
        shape = self._seen[name].shape
        return len(shape) == 4 and shape[1] % kernels.LANES == 0 and shape[2] * shape[3] > 1

    def _array(self, name: str, arena: FloatArray, places: Mapping[str, int], lanes: bool) -> Array:
        root, offset = self._root(name)
        array, begin = self._seen[name], 4 * places[root] + offset
        numbers = arena.view(np.uint8)[begin : begin + array.bytes].view(array.dtype)
        return numbers.reshape(lanes_shape(array.shape) if lanes else array.shape)

    def _bound(self, step: Step, operator: Native | None) -> Bound:
        y = step.node.outputs[0]
        if operator:
            try:
                return operator.bind([self._arrays[name] for name in self._computed(step)], self._arrays[y])
            except ModelError:
                raise
            except ValueError as error:  # such as weights of a file that are not finite
                raise ModelError(f"{step.node}: {error}") from error

        def compute(*_: object) -> None:
            result = step(*(None if not name else self._as_it_lies(name) for name in step.reads))
            if y not in self._arrays:
                view = np.may_share_memory(result, self._arena)  # of what will be written anew
                self._others[y] = result.copy() if view else result
            elif Seen.of(result) == self._seen[y]:
                np.copyto(self._arrays[y], result)
            else:
                raise ShapesChangedError

        return Bound(step.node.op, 0, 1, compute)

    def _as_it_lies(self, name: str) -> Array:
        for arrays in (self._arrays, self._others):
            if name in arrays:
                return arrays[name]
        return self._constants[name]
