"""Runs a graph: its native nodes one by one, the parts of ONNX Runtime as a whole (graphs/partition.py).

An array is given up as soon as nobody will read it any more.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from workbook.files import write_whole
from workbook.graphs.graph import Array, Feed, Graph, ModelError, Node, Port
from workbook.graphs.onnx_writer import to_onnx
from workbook.graphs.operators.byte_table import ByteTable
from workbook.graphs.operators.operator import UNKNOWN, Operator, Outline, Plan, Settings
from workbook.graphs.partition import Step, steps_of
from workbook.graphs.runtime_part import RuntimePart
from workbook.graphs.shapes import typed
from workbook.graphs.storage import Storage
from workbook.measuring import timing
from workbook.measuring.timing import Timing
from workbook.network.node_table import Layers, Profile, macs, row_of
from workbook.network.run_plan import Run, ShapesChangedError
from workbook.quantize.to_bytes import quantize

_MOST_PLANS = 4  # shapes of inputs whose plans are kept


class Network:
    """A network with its weights packed, to be run on many inputs.

    Parameters
    ----------
    graph : Graph
        As `read` returns it, or rewritten by passes.
    algorithm, threads
        As `kernels.Conv2d` takes them, for every convolution.
    integer_algorithm : str
        As `kernels.QLinearConv` takes it, for every convolution of bytes.
    beside : iterable of Network
        Of those with the same stored arrays and the same settings, layers that are alike are taken, with what they have
        packed of their weights, and parts of ONNX Runtime with their sessions.

    Attributes
    ----------
    graph : Graph
    inputs : tuple of Port
    outputs : tuple of str
    operators : tuple of (Operator or RuntimePart)
        The nodes, ready to run, in order.

    Raises
    ------
    ModelError
        If a node is not supported; the message names it.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        algorithm: str = "auto",
        threads: int | None = None,
        integer_algorithm: str = "auto",
        beside: Iterable[Network] = (),
    ) -> None:
        self.operators: tuple[Step, ...]
        self.graph, self.inputs, self.outputs = graph, graph.inputs, graph.outputs
        self._names = {port.name: port for port in self.inputs}
        self._settings = settings = Settings(algorithm, threads, integer_algorithm)
        same = (net for net in beside if net.graph.constants is graph.constants and net._settings == settings)
        known = [step for net in same for step in net.operators if isinstance(step, RuntimePart) or step.packs]
        self.operators = steps_of(typed(graph), settings, known)
        self._plannable = True
        self._read = _ReadOnce(graph.constants)
        self._lock = threading.Lock()
        self._runs: dict[Hashable, list[Run]] = {}
        last = {name: i for i, operator in enumerate(self.operators) for name in operator.reads}
        self._last_read = tuple(
            tuple(name for name, i in last.items() if i == here and name not in self.outputs)
            for here in range(len(self.operators))
        )

    def __call__(self, x: Feed) -> Array:
        """Return the output of a network that has one.

        Raises
        ------
        ModelError
            If it has several, or as `run` does.
        """
        if len(self.outputs) != 1:
            raise ModelError(f"the network has the outputs {', '.join(self.outputs)}; call run(x), which returns all")
        return self.run(x)[0]

    def run(self, x: Feed) -> list[Array]:
        """Return all outputs, in the file's order.

        Parameters
        ----------
        x : array, or mapping of str to array
            The input, or each input by its name; images are (N, C, H, W) float32.

        Raises
        ------
        ModelError
            If an input is missing or has another shape than the network takes, or if a node cannot compute what it is
            given; the message names it.
        """
        values = self._values(x)
        run, free = self._take_run(values)
        try:
            if run:
                for _ in run(values):
                    pass
                return run.finish()
        except ShapesChangedError:
            self._plannable = False
        finally:
            if run:
                free.append(run)
        for _ in self._walk(values):
            pass
        return [values[name] if name in values else self._read[name] for name in self.outputs]

    def trace(self, x: Feed) -> Iterator[tuple[Node, Array]]:
        """Run the network; yield each node with its output as soon as it is there.

        A node with several outputs comes once for each, with that one alone. What nodes of ONNX Runtime pass on to each
        other is computed once more, to be seen. An output that is not kept is given up when its last reader has run, so
        that a look at every array, as a calibration takes it, needs no more memory than a run.
        """
        values = self._values(x)
        with self._planned(values) as run:
            if run:
                for operator in run(values):
                    yield from _traced(operator, partial(run.read, operator), map(run.plain, operator.writes))
                return
        for operator in self._walk(values):
            read = partial(_given, operator, values, self._read.__getitem__)
            yield from _traced(operator, read, (values[name] for name in operator.writes))

    @property
    def layers(self) -> Layers:
        """A table of the nodes and their weights."""
        constants = self.graph.constants
        return Layers(
            tuple(row_of(step.nodes, constants, native=isinstance(step, Operator)) for step in self.operators)
        )

    def algorithms(self, x: Feed) -> dict[str, str]:
        """Return what computes each node for an input like this, such as "winograd_f4", by the name of the node.

        It goes by the form in which the arrays between the layers lie, too. Nothing is computed; the result is empty if
        the network cannot be planned.
        """
        run = self._new_run(self._values(x))  # not kept: who computes row by row has no room for whole arrays
        return run.algorithms if run else {}

    @property
    def packed_bytes(self) -> int:
        """Bytes of the weights that are packed so far."""
        return sum(operator.packed_bytes for operator in self.operators)

    @property
    def arena_bytes(self) -> int:
        """Bytes that hold the arrays between the layers, and scratch, of all runs planned so far."""
        return sum(run.bytes for runs in self._runs.values() for run in runs)

    def profile(self, x: Feed, seconds: float | None = None, clock: Callable[[], float] = time.perf_counter) -> Profile:
        """Time every node within runs of the whole network.

        Parameters
        ----------
        x : array, or mapping of str to array
        seconds : float, optional
            To spend; 1 s, or 0.2 s when WORKBOOK_QUICK is set. At least three runs are made.
        clock : function
            Returns seconds; `time.thread_time` keeps other programs out of a network of one thread.
        """
        shapes = {name: y.shape for node, y in self.trace(x) for name in node.writes}  # this also packs weights
        budget = seconds if seconds is not None else 0.2 if timing.quick() else 1.0
        times: list[list[float]] = []
        end, values = time.perf_counter() + budget, self._values(x)
        with self._planned(values) as run:
            while len(times) < 3 or time.perf_counter() < end:
                marks = [clock()]
                marks += [clock() for _ in (run(values) if run else self._walk(dict(values)))]
                times.append(np.diff(marks).tolist())
        timings = [Timing.of(list(column)) for column in zip(*times, strict=True)]
        ends = tuple(shapes.get(operator.writes[-1], ()) for operator in self.operators)
        constants = self.graph.constants
        counts = tuple(sum(macs(node, constants, shapes) for node in step.nodes) for step in self.operators)
        return Profile(self.layers, ends, counts, tuple(timings), Timing.of([sum(run) for run in times]))

    def of_graph(self, graph: Graph, *, threads: int | None = None, integer_algorithm: str = "auto") -> Self:
        """Return a network that runs another graph; the parameters are those of the class."""
        return type(self)(graph, threads=threads, integer_algorithm=integer_algorithm)

    def quantize(self, calibration: Any, scheme: Any = None, **options: Any) -> Network:
        """Return a network on bytes; the parameters are those of `workbook.quantize.quantize`."""
        return quantize(self, calibration, scheme, **options)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network as an ONNX file; a quantized one in the QDQ form, which other runtimes take too.

        Raises
        ------
        ModelError
            If a node cannot be written; the message names it.
        OSError
            If the file cannot be written; it is then as it was.
        """
        write_whole(Path(path), to_onnx(self.graph).SerializeToString())

    @contextmanager
    def _planned(self, values: Mapping[str, Array]) -> Iterator[Run | None]:
        """Lend a planned run for these inputs; None if it cannot be planned."""
        run, free = self._take_run(values)
        try:
            yield run
        finally:
            if run:
                free.append(run)

    def _take_run(self, values: Mapping[str, Array]) -> tuple[Run | None, list[Run]]:
        """Return a planned run that nobody else is using, or None, and where to put it back.

        The plans of the last few shapes are kept.
        """
        shapes = tuple([(array.shape, array.dtype) for array in values.values()])
        with self._lock:
            free = self._runs.setdefault(shapes, [])
            self._runs[shapes] = self._runs.pop(shapes)  # the last one used is the last to go
            while len(self._runs) > _MOST_PLANS:
                del self._runs[next(iter(self._runs))]
            run = free.pop() if free else None
        return run or self._new_run(values), free

    def _new_run(self, values: Mapping[str, Array]) -> Run | None:
        """Find the shapes of all arrays, and plan a run for them; None if that cannot be.

        Most operators tell what they write. The others are called, on zeros in the place of what was not computed, and
        of large constants.
        """
        if not self._plannable:
            return None
        seen, plans = {name: Outline.of(array) for name, array in values.items()}, list[Plan]()

        def compute(step: Step, *read: Array | None) -> Sequence[Array]:
            plan = UNKNOWN if isinstance(step, RuntimePart) else step.plan(*(seen.get(name) for name in step.reads))
            plans.append(plan)
            arrays = step.run(*read) if plan.y is None else [np.zeros(plan.y.shape, plan.y.dtype)]
            seen.update((name, Outline.of(y)) for name, y in zip(step.writes, arrays, strict=True))
            return arrays

        try:
            for _ in self._walk(dict(values), compute, Storage.of(self.graph.constants).blank):
                pass
            return Run(self.operators, plans, self._read, seen, tuple(values), self.outputs, self._last_read)
        except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError):
            return None  # if it is not for the zeros, a run without a plan meets it again, and names the node

    def _walk(
        self,
        values: dict[str, Array],
        compute: Callable[..., Sequence[Array]] = lambda step, *read: step.run(*read),
        constant: Callable[[str], Array] | None = None,
    ) -> Iterator[Step]:
        """Call the operators on `values`, which holds the inputs, and in the end the outputs."""
        constant = constant or self._read.__getitem__
        for step, done in zip(self.operators, self._last_read, strict=True):
            arrays = compute(step, *_given(step, values, constant))
            values.update(zip(step.writes, arrays, strict=True))
            del arrays
            yield step
            for name in done:
                values.pop(name, None)

    def _values(self, x: Feed) -> dict[str, Array]:
        """Check the inputs and return them by name."""
        names = self._names
        if not isinstance(x, Mapping):
            if len(names) != 1:
                raise ModelError(f"the network has the inputs {', '.join(names)}; pass a mapping of name to array")
            (name,) = names
            x = {name: x}
        if x.keys() != names.keys():
            raise ModelError(f"the network has the inputs {', '.join(names)}, not {', '.join(map(str, x))}")
        for port in self.inputs:
            _check(x[port.name], port)
        return {name: x[name] for name in names}


def _given(step: Step, values: Mapping[str, Array], constant: Callable[[str], Array]) -> list[Any]:
    """Return the arrays that a step reads; None for one that is left out."""
    return [None if not name else values[name] if name in values else constant(name) for name in step.reads]


def _traced(step: Step, read: Callable[[], Sequence[Any]], written: Iterable[Array]) -> Iterator[tuple[Node, Array]]:
    """Yield the nodes of a step with their outputs."""
    if not isinstance(step, RuntimePart | ByteTable):
        for y in written:
            yield step.node, y
        return
    for node, name, y in step.trace(*read()):
        yield (node if node.outputs == (name,) else replace(node, outputs=(name,))), y


class _ReadOnce(dict[str, Array]):
    """The constants that runs read as they are: from then on they stay."""

    def __init__(self, constants: Mapping[str, Array]) -> None:
        self._constants = constants

    def __missing__(self, name: str) -> Array:
        array = self[name] = self._constants[name]
        return array


def _check(array: Array, port: Port) -> None:
    if not isinstance(array, np.ndarray):
        raise TypeError(f"the input {port.name!r} must be a NumPy array, not {type(array).__name__}")
    if array.dtype != port.dtype and not (port.dtype == object and array.dtype.kind in "US"):
        raise ModelError(f"the input {port.name!r} must hold {port.dtype}, not {array.dtype}")
    if port.shape is None or array.shape == port.shape:
        return
    fits = array.ndim == len(port.shape) and all(
        size in (None, given) for size, given in zip(port.shape, array.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in port.shape)
        raise ModelError(f"the input {port.name!r} must have the shape ({wanted}), not {array.shape}")
