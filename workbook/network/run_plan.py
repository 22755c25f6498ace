"""A run planned ahead for inputs of known shapes: each array's form and place, and each operator bound to them.

Arrays that bound operators read or write lie in one arena (arena.py). An image in it is in lanes wherever all who touch
it can work so; inputs and outputs of the network, and what operators that must be called touch, are plain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

import kernels
from kernels.bound import Bound
from kernels.layout import in_lanes, lanes_shape
from workbook.graphs.graph import Array, FloatArray, ModelError
from workbook.graphs.operators.operator import UNKNOWN, Constants, Outline, Plan
from workbook.graphs.partition import Step
from workbook.graphs.runtime_part import RuntimePart
from workbook.network.arena import Life, aligned, offsets

_TYPES = (np.float32, np.uint8, np.int8)


class ShapesChangedError(Exception):
    """An operator returned another shape than when the run was planned."""


class Run:
    """A network's operators between arrays of planned places. One run at a time: the arrays are written anew.

    Parameters
    ----------
    operators : sequence of (Operator or RuntimePart)
    plans : sequence of Plan
        Of each.
    constants : mapping of str to array
    seen : mapping of str to Outline
        Every array that is not constant.
    inputs, outputs : sequence of str
    last_read : sequence of tuple of str
        Of each operator, the arrays that no later one reads.
    """

    def __init__(
        self,
        operators: Sequence[Step],
        plans: Sequence[Plan],
        constants: Constants,
        seen: Mapping[str, Outline],
        inputs: Sequence[str],
        outputs: Sequence[str],
        last_read: Sequence[tuple[str, ...]],
    ) -> None:
        self._operators, self._constants, self._seen = operators, constants, seen
        self._inputs, self._outputs = inputs, outputs
        self._plans = [
            plan if plan.bind and self._has_place(operator) else UNKNOWN
            for operator, plan in zip(operators, plans, strict=True)
        ]
        bindable = [operator for operator, _ in self._bindable()]
        bindable += [step for step in operators if isinstance(step, RuntimePart) and self._has_place(step)]
        self._placed = {name for operator in bindable for name in self._touched(operator)}
        self._placed_inputs = tuple(self._placed.intersection(inputs))
        self._parents = self._shared()
        places, numbers = offsets(self._lives())
        lanes, self._arena = self._in_lanes(), aligned(numbers)
        self._arrays = {name: self._array(name, self._arena, places, name in lanes) for name in self._placed}
        self._others: dict[str, Array] = {}
        # While weights are packed they are there twice: the largest come first, when nothing else is there yet.
        order = sorted(range(len(operators)), key=lambda i: -self._plans[i].packs)
        bound = {i: self._bound(operators[i], self._plans[i]) for i in order}
        self._calls = [bound[i] for i in range(len(operators))]
        given_up = [tuple(name for name in names if name not in self._placed) for names in last_read]
        self._steps = list(zip(operators, self._calls, given_up, strict=True))
        self._scratch = aligned(max((call.scratch for call in self._calls), default=0))
        self.bytes = self._arena.nbytes + self._scratch.nbytes

    @property
    def algorithms(self) -> dict[str, str]:
        """What computes each node, such as "winograd_f4", by the name of the node."""
        steps = zip(self._operators, self._calls, strict=True)
        return {node.name: call.algorithm for operator, call in steps for node in operator.nodes}

    def __call__(self, inputs: Mapping[str, Array]) -> Iterator[Step]:
        """Run the operators; yield each when it has written its outputs, until the next one writes there.

        Raises
        ------
        ShapesChangedError
            If an operator that is called returned another shape or type than it did when the run was planned.
        """
        self._others.clear()
        self._others.update(inputs)
        for name in self._placed_inputs:
            np.copyto(self._arrays[name], inputs[name])
        for operator, call, done in self._steps:
            try:
                call(self._scratch)
            except ModelError:
                raise
            except ValueError as error:  # such as a NaN, which no byte stands for
                raise ModelError(f"{operator.nodes[0]}: {error}") from error
            yield operator
            for name in done:
                self._others.pop(name, None)

    def read(self, operator: Step) -> list[Array]:
        """Return the plain arrays that an operator has read, until the next one writes there."""
        return [self._as_it_lies(name) for name in operator.reads]

    def plain(self, name: str) -> Array:
        """Return an array's numbers; nobody else will write to them."""
        if name not in self._arrays:
            return self._as_it_lies(name)
        array = self._arrays[name]
        return kernels.from_lanes(array) if in_lanes(array.shape) and len(self._seen[name].shape) == 4 else array.copy()

    def finish(self) -> list[Array]:
        """Return the outputs, and give up what other operators returned."""
        results = [self.plain(name) for name in self._outputs]
        self._others.clear()
        return results

    def _has_place(self, operator: Step) -> bool:
        """Whether all that an operator reads and writes is of a type that lies in the arena, and not empty."""
        arrays = [self._seen[name] for name in self._touched(operator)]
        return all(array.dtype in _TYPES and array.bytes for array in arrays)

    def _computed(self, operator: Step) -> list[str]:
        """Names of what an operator reads and the file does not store."""
        return [name for name in operator.reads if name in self._seen]

    def _touched(self, operator: Step) -> list[str]:
        return [*self._computed(operator), *operator.writes]

    def _bindable(self) -> Iterator[tuple[Step, Plan]]:
        return ((operator, plan) for operator, plan in zip(self._operators, self._plans, strict=True) if plan.bind)

    def _shared(self) -> dict[str, tuple[str, int]]:
        """Return whose memory an array lies in, and how many bytes behind its beginning.

        A view lies where its input does. What a Concat joins lies in its output from the beginning, if that is one
        image: the channels of one array then follow those of the other.
        """
        parents: dict[str, tuple[str, int]] = {}
        for operator, plan in self._bindable():
            y, read = operator.writes[0], self._computed(operator)
            if plan.memory == "x":
                parents[y] = (read[0], 0)
            if plan.memory == "parts" and self._seen[y].shape[0] == 1:
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
        touched = [(-1, name) for name in self._inputs] + [(len(self._operators), name) for name in self._outputs]
        for i, operator in enumerate(self._operators):
            touched += [(i, name) for name in (*operator.reads, *operator.writes)]
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
        for operator, plan in zip(self._operators, self._plans, strict=True):
            if plan.bind is None:
                plain.update(self._placed.intersection(self._touched(operator)))
                continue
            y, read = operator.writes[0], self._computed(operator)
            for i in plan.alike:
                first[representative(read[i])] = representative(y)
            if not (plan.takes(True, False) or plan.takes(True, True)):
                plain.add(read[0])
            if not (plan.takes(False, True) or plan.takes(True, True)):
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

    def _bound(self, operator: Step, plan: Plan) -> Bound:
        """Bind an operator to its arrays; what is returned does not hold the run, which holds it."""
        if plan.bind:
            try:
                read = [self._arrays[name] for name in self._computed(operator)]
                return plan.bind(read, self._arrays[operator.writes[0]])
            except ModelError:
                raise
            except (TypeError, ValueError) as error:  # such as weights of a file that are not finite
                raise ModelError(f"{operator.nodes[0]}: {error}") from error

        arrays, others, arena, seen = self._arrays, self._others, self._arena, self._seen
        lying = partial(_as_it_lies, arrays, others, self._constants)

        def compute(*_: object) -> None:
            results = operator.run(*(lying(name) if name else None for name in operator.reads))
            for name, result in zip(operator.writes, results, strict=True):
                if name not in arrays:
                    view = np.may_share_memory(result, arena)  # of what will be written anew
                    others[name] = result.copy() if view else result
                elif Outline.of(result) == seen[name]:
                    np.copyto(arrays[name], result)
                else:
                    raise ShapesChangedError

        if not isinstance(operator, RuntimePart):
            return Bound(operator.node.op, 0, 1, compute)
        if self._placed.issuperset(self._touched(operator)):
            ready = operator.bind(
                *([self._arrays[name] for name in names] for names in (operator.reads, operator.writes))
            )

            def run(*_: object) -> None:
                try:
                    ready()
                except Exception:  # an output has another shape now; or the call that follows says what is wrong
                    compute()

            return Bound("ONNX Runtime", 0, 1, run)
        return Bound("ONNX Runtime", 0, 1, compute)

    def _as_it_lies(self, name: str) -> Array:
        return _as_it_lies(self._arrays, self._others, self._constants, name)


def _as_it_lies(placed: Mapping[str, Array], others: Mapping[str, Array], constants: Constants, name: str) -> Array:
    return placed[name] if name in placed else others[name] if name in others else constants[name]
