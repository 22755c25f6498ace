"""Analyzes a network: runs it by every program in turns, finds the best mix, and races whole networks.

What is found is yielded as it comes, so that whoever stops an analysis keeps what there is. A program that fails is a
row that says why.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np

from workbook.accelerator.machine import Machine
from workbook.advisor import evidence, peer_programs
from workbook.advisor.accelerator_steps import ladder
from workbook.advisor.advice import reason
from workbook.advisor.analysis_result import MAX_LOSS, MIX, NAIVE, Analysis, Failed, Outside, Row, Rung
from workbook.advisor.energy import Bill
from workbook.advisor.evidence import Outputs
from workbook.advisor.input_images import Images, main_input
from workbook.advisor.layer_work import Work, layers, workload
from workbook.advisor.mix import best_mix
from workbook.advisor.naive_estimate import naive_seconds
from workbook.advisor.network_race import Raced, clock, race
from workbook.advisor.peer_programs import RUNTIME, RUNTIME_INT8
from workbook.advisor.programs import (
    AUTO,
    BASE,
    BEST_FLOAT,
    BYTES,
    FLOAT,
    WINOGRAD,
    conversions,
    network,
    on_bytes,
    owner,
)
from workbook.errors import CommandError
from workbook.graphs.graph import Array
from workbook.measuring import timing
from workbook.measuring.others import Others, Usage
from workbook.measuring.this_machine import cores
from workbook.measuring.timing import Timing
from workbook.network import ModelError, Network
from workbook.quantize.calibration import Recipe, calibrate
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantized

Progress = Callable[[str], None]
Feed = Mapping[str, Array]
T = TypeVar("T")

_NUMBERS = 1 << 18  # of the array on which conversions are timed
_WEIGHTS = (1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100)  # of a layer's noise beside its time: the cut with a budget
_PATIENCE = 200  # characters of why a program failed


def analyze(net: Network, images: Images, machine: Machine, **options: Any) -> Analysis:
    """Return all that `analyses`, whose parameters these are, finds in the end."""
    *_, found = analyses(net, images, machine, **options)
    return found


def analyses(
    net: Network,
    images: Images,
    machine: Machine,
    *,
    name: str = "network",
    file: Path | None = None,
    threads: int | None = None,
    seconds: float | None = None,
    batch: int = 4,
    fps: float = 30,
    max_loss: float = MAX_LOSS,
    bill: Bill | None = None,
    on_step: Progress | None = None,
) -> Iterator[Analysis]:
    """Find which of the four tools helps a network, by how much, here and on an accelerator; yield what is found.

    Parameters
    ----------
    net : Network
        In float32.
    images : Images
        To calibrate and to judge with; the first ones are timed.
    machine : Machine
        For the model of lesson 4.
    name : str
    file : Path, optional
        From which other libraries read the network; written from `net` if None.
    threads : int, optional
        At most so many work on a convolution; all cores if None. One is timed by its own clock.
    seconds : float, optional
        To spend on each of two comparisons; 1 s, or 0.2 s when WORKBOOK_QUICK is set. Each program runs three times
        at least.
    batch : int
        Images at once, for the fourth tool; 1 leaves that out.
    fps : float
        Of the camera to keep up with.
    max_loss : float
        The largest root mean square error, over the root mean square output, of a program to recommend.
    bill : Bill, optional
    on_step : function, optional
        Called with what is done next.

    Raises
    ------
    CommandError
        If the network has no convolution in float32, or no input of numbers.
    ModelError
        If it cannot run on the images.
    """
    yield from _Study(net, images, threads, seconds, on_step or (lambda _: None)).steps(
        Analysis(
            name=name, shape=(images.at_once, *images.arrays.shape[1:]), images=images.source, threads=threads,
            rows=(), rungs=(), batched={}, machine=machine.name, steps=(), fps=fps, bill=bill or Bill(),
            others=Others.since(Usage.now()), notes=_noise(images), max_loss=max_loss, judges=len(images.held_out),
        ),
        machine, file, batch,
    )  # fmt: skip


class _Study:
    """The programs of one network, and what they take."""

    def __init__(self, net: Network, images: Images, threads: int | None, seconds: float | None, say: Progress) -> None:
        _check(net)
        self.net, self.images, self.threads, self.seconds, self.say = net, images, threads, seconds, say
        self.port = main_input(net.inputs).name
        self.x = self._feeds(images.arrays[:1])[0]
        self.tick = clock(threads)
        self.before = Usage.now()
        self.failed: list[Failed] = []
        self.nets: dict[str, Network] = {}
        self.file: Path | None = None
        self.files: dict[str, Path] = {}
        self.runners: dict[str, Callable[[], object]] = {}
        self.plans: dict[str, Mapping[str, str]] = {}
        self.outputs: dict[str, Callable[[Sequence[Feed]], list[Outputs]]] = {}

    def steps(self, found: Analysis, machine: Machine, file: Path | None, batch: int) -> Iterator[Analysis]:
        """Yield the analysis as it grows."""
        self.say("shapes")
        base = network(self.net.graph, {}, self.threads)
        native = {layer.name for layer in base.layers.rows if layer.native}
        works = tuple(work for work in layers(base, self.x, self.threads) if work.name in native)
        if not works:
            raise CommandError("the network has no convolution of two dimensions with stored weights")
        steps = ladder(workload(found.name, works), machine)
        self.say("programs")
        programs = self._runnable({BASE: base, **{
            program: network(self.net.graph, {w.name: program for w in works if program in w.eligible}, self.threads)
            for program in FLOAT[1:]
        }, AUTO: network(self.net.graph, dict.fromkeys((w.name for w in works), AUTO), self.threads)})  # fmt: skip
        raced = race(programs, self.x, seconds=self.seconds, clock=self.tick)
        self._own(BASE, base, {work.name: BASE for work in works})
        found = replace(found, steps=steps, outside=_outside(works, raced[BASE]))
        yield self._with_rows(found, works, raced, {}, None, (self._provisional(raced[BASE]),))
        self.say("calibration")
        recipe, notes = self._recipe(base)
        small = self._small(recipe) if recipe else None
        if small:
            raced |= race({BASE: base, BYTES: small}, self.x, seconds=self.seconds, clock=self.tick) | {
                BASE: raced[BASE]
            }
        self.say("the definition")
        slow = self._attempt(NAIVE, lambda: naive_seconds(works, self.net.graph.constants, self.tick)) or {}
        found = replace(found, notes=(*found.notes, *notes), failed=tuple(self.failed))
        times = {work.name: _times(work, raced, slow, small) for work in works}
        self._floats(works, times, programs)
        if small and recipe:
            self._bytes(base, works, times, raced, small, recipe, found.max_loss)
        yield self._with_rows(found, works, raced, slow, small, (self._provisional(raced[BASE]),))
        with TemporaryDirectory() as folder:
            self.say("other libraries")
            self._peers(file, Path(folder))
            self.say("whole networks")
            rungs = self._rungs()
            naive = (_naive(works, slow, raced[BASE]),) if slow else ()
            found = replace(self._with_rows(found, works, raced, slow, small, (*naive, *rungs)),
                            failed=tuple(self.failed))  # fmt: skip
            yield found
            self.say("on other threads")
            found = replace(found, elsewhere=self._elsewhere(file, Path(folder)))
        self.say("several images at once")
        batched, refused = self._batched(found.fastest.name, batch)
        yield replace(
            found, batched=batched, notes=(*found.notes, *refused), others=Others.since(self.before),
            failed=tuple(self.failed),
        )  # fmt: skip

    def _feeds(self, images: Array) -> list[Feed]:
        return [self.images.feed(self.port, some) for some in self.images.batches(images)]

    def _attempt(self, name: str, work: Callable[[], T]) -> T | None:
        """Do some work; if it fails, keep why and return None."""
        try:
            return work()
        except Exception as error:  # whatever a library raises: the other programs go on
            words = " ".join(f"{type(error).__name__}: {error}".split())
            self.failed.append(Failed(name, words if len(words) <= _PATIENCE else f"{words[:_PATIENCE]} ..."))
            return None

    def _runnable(self, programs: Mapping[str, Network]) -> dict[str, Network]:
        """Return the programs that can run; the first one has to."""
        programs[BASE].run(self.x)
        return {
            name: net
            for name, net in programs.items()
            if name == BASE or self._attempt(name, lambda net=net: net.run(self.x)) is not None  # type: ignore[misc]
        }

    def _own(self, name: str, net: Network, plan: Mapping[str, str]) -> None:
        """Take a network of ours as a rung, if it runs."""
        if self._attempt(name, lambda: net.run(self.x)) is None:
            return
        self.plans[name] = plan
        self.runners[name] = lambda: net.run(self.x)
        self.outputs[name] = lambda feeds: [net.run(feed) for feed in feeds]
        self.nets[name] = net

    def _provisional(self, raced: Raced) -> Rung:
        return Rung(BASE, raced.whole.median, raced.upper, math.inf, self.plans[BASE])

    def _with_rows(
        self, found: Analysis, works: Sequence[Work], raced: Mapping[str, Raced], slow: Mapping[str, float],
        small: Network | None, rungs: tuple[Rung, ...],
    ) -> Analysis:  # fmt: skip
        """Return the analysis with these rungs, and the program of each layer in the one that is recommended."""
        found = replace(found, rungs=rungs, rows=(), others=Others.since(self.before))
        best = found.best if found.best.programs else min(
            (rung for rung in rungs if rung.programs and rung.name not in (NAIVE, BYTES, MIX)),
            key=lambda rung: rung.seconds,
        )  # fmt: skip
        fixed = next(step for step in found.steps if step.name == "best fixed").schedule.costs
        rows = []
        for work, cost in zip(works, fixed, strict=True):
            times, chosen = _times(work, raced, slow, small), best.programs[work.name]
            rows.append(Row(work, times, chosen, reason(work.name, times, chosen, best.name), cost))
        return replace(found, rows=tuple(rows))

    def _recipe(self, net: Network) -> tuple[Recipe | None, tuple[str, ...]]:
        if len(net.inputs) > 1:
            return None, ("it is not quantized: it has several inputs, and calibration takes one",)
        try:
            return calibrate(net, (image[None] for image in self.images.calibrating)), ()
        except (ValueError, ArithmeticError, LookupError, TypeError) as error:
            return None, (f"it is not quantized: {error}",)

    def _small(self, recipe: Recipe) -> Network | None:
        def made() -> Network:
            net = Network(quantized(self.net.graph, recipe), threads=self.threads)
            net.run(self.x)
            return net

        return self._attempt(BYTES, made)

    def _floats(
        self, works: Sequence[Work], times: Mapping[str, Mapping[str, float]], programs: Mapping[str, Network]
    ) -> None:
        """Take the rungs in float32."""
        for name, able in (("winograd", (BASE, *WINOGRAD)), (BEST_FLOAT, FLOAT)):
            plan = {work.name: _fastest(times[work.name], able) for work in works}
            net = self._attempt(name, lambda plan=plan: network(self.net.graph, plan, self.threads))  # type: ignore[misc]
            if net:
                self._own(name, net, plan)
        if AUTO in programs:
            self._own(AUTO, programs[AUTO], {work.name: AUTO for work in works})

    def _bytes(
        self, base: Network, works: Sequence[Work], times: Mapping[str, Mapping[str, float]],
        raced: Mapping[str, Raced], small: Network, recipe: Recipe, max_loss: float,
    ) -> None:  # fmt: skip
        """Take the network on bytes, and the mix: all that the minimum cut finds, or less if its loss is too large."""
        able = on_bytes(small.graph)
        self._own(BYTES, small, {w.name: BYTES if BYTES in times[w.name] else BASE for w in works})

        def mixed_plan(mixed: frozenset[str]) -> dict[str, str]:
            return {w.name: BYTES if w.name in mixed else _fastest(times[w.name], FLOAT) for w in works}

        def made(mixed: frozenset[str]) -> Network:
            kept = replace(recipe, scheme=Scheme(exclude=tuple(sorted(able - mixed))))
            return network(quantized(self.net.graph, kept), mixed_plan(mixed), self.threads)

        def mix() -> tuple[frozenset[str], Network]:
            floats, as_bytes, to_bytes, to_floats = self._prices(base, times, raced, small)
            feeds = self._feeds(self.images.calibrating[: self.images.at_once])
            exact = [base.run(feed) for feed in feeds]

            def loss_of(net: Network) -> float:
                return max(evidence.losses([net.run(feed) for feed in feeds], exact))

            mixed = best_mix(self.net.graph, floats, as_bytes, to_bytes, to_floats)
            net = made(mixed) if mixed else network(self.net.graph, mixed_plan(mixed), self.threads)
            if not mixed or loss_of(net) <= max_loss:
                return mixed, net
            noise = {name: loss_of(made(frozenset((name,)))) ** 2 for name in mixed}
            whole = sum(floats.values())
            for weight in _WEIGHTS:
                dear = {
                    name: seconds + weight * whole * min(noise.get(name, 0.0) / max_loss**2, 1e9)
                    for name, seconds in as_bytes.items()
                    if name in mixed
                }
                fewer = best_mix(self.net.graph, floats, dear, to_bytes, to_floats)
                if not fewer:
                    break
                net = made(fewer)
                if loss_of(net) <= max_loss:
                    return fewer, net
            return frozenset(), network(self.net.graph, mixed_plan(frozenset()), self.threads)

        if taken := self._attempt(MIX, mix):
            self._own(MIX, taken[1], mixed_plan(taken[0]))

    def _prices(
        self, net: Network, times: Mapping[str, Mapping[str, float]], raced: Mapping[str, Raced], small: Network
    ) -> tuple[Mapping[str, float], ...]:
        """Return what `best_mix` takes: seconds of each node in both forms, and of converting each array."""
        floats = {node.name: raced[BASE].nodes.get(node.name, 0.0) for node in self.net.graph.nodes}
        floats |= {name: min(seconds[p] for p in FLOAT if p in seconds) for name, seconds in times.items()}
        parts, able = _parts(small, raced[BYTES]), on_bytes(small.graph)
        sizes = {name: array.size for name, array in self.x.items()}
        sizes |= {node.outputs[0]: y.size for node, y in net.trace(self.x)}
        prices = tuple({name: size * rate for name, size in sizes.items()} for rate in _conversion_rates())
        return floats, {name: parts[name] for name in able & parts.keys()}, *prices

    def _peers(self, file: Path | None, folder: Path) -> None:
        """Take the other libraries as rungs."""
        threads = self.threads or len(cores())
        source = file or self._attempt(RUNTIME, lambda: self._saved(folder))
        if not source:
            return
        self.file = source
        names = list(peer_programs.installed())
        target = folder / "int8.onnx"

        def quantize() -> Path:
            peer_programs.quantize_by_runtime(source, target, self._feeds(self.images.calibrating))
            return target

        written = self._attempt(RUNTIME_INT8, quantize) if RUNTIME in names else None
        names += [RUNTIME_INT8] if written else []
        self.files = {RUNTIME_INT8: target}
        for name in names:

            def runner(feed: Feed, name: str = name) -> Callable[[], list[Array]]:
                return self._peer(name, feed, threads)

            def first(runner: Callable[[Feed], Callable[[], list[Array]]] = runner) -> Callable[[], list[Array]]:
                made = runner(self.x)
                made()
                return made

            if run := self._attempt(name, first):
                self.runners[name] = run
                self.outputs[name] = lambda feeds, runner=runner: [runner(feed)() for feed in feeds]  # type: ignore[misc]

    def _peer(self, name: str, feed: Feed, threads: int) -> Callable[[], list[Array]]:
        file = self.files.get(name, self.file)
        assert file
        return peer_programs.runner(name, file, self.net.graph, feed, threads)

    def _saved(self, folder: Path) -> Path:
        self.net.save(folder / "network.onnx")
        return folder / "network.onnx"

    def _rungs(self) -> tuple[Rung, ...]:
        """Race whole networks, and judge their outputs on images that did not calibrate, if there are any."""
        timed = self._timed(self.runners, self.threads)
        judges = self.images.held_out
        feeds = self._feeds(judges if len(judges) else self.images.arrays)
        exact = self.outputs[BASE](feeds)
        rungs = []
        for name, timing_of in timed.items():
            found = exact if name == BASE else self._attempt(name, lambda name=name: self.outputs[name](feeds))  # type: ignore[misc]
            if found is None:
                continue
            losses = [0.0] * len(exact) if found is exact else evidence.losses(found, exact)
            proven = evidence.interval(losses) if len(judges) else None
            rungs.append(Rung(name, timing_of.median, timing_of.third_quartile, evidence.decibels(losses),
                              self.plans.get(name, {}), loss=proven))  # fmt: skip
        return tuple(rungs)

    def _timed(self, runners: Mapping[str, Callable[[], object]], threads: int | None) -> dict[str, Timing]:
        return timing.interleaved(
            runners, seconds=self.seconds, alone=threads != 1,
            clock=time.process_time if threads == 1 else time.perf_counter,
        )  # fmt: skip

    def _elsewhere(self, file: Path | None, folder: Path) -> tuple[Rung, ...]:
        """Time ONNX Runtime on all cores beside one thread, or on one thread beside all cores."""
        there, here = len(cores()), self.threads or len(cores())
        other = there if here != there else 1
        runners = {}
        for name in (RUNTIME, RUNTIME_INT8):
            if name in self.runners and other != here:
                run = self._attempt(name, lambda name=name: self._peer(name, self.x, other))  # type: ignore[misc]
                if run:
                    runners[f"{name}, {other} thread{'s' if other > 1 else ''}"] = run
        if not runners:
            return ()
        return tuple(Rung(name, found.median, found.third_quartile, math.nan, {})
                     for name, found in self._timed(runners, other).items())  # fmt: skip

    def _batched(self, name: str, batch: int) -> tuple[dict[int, Raced], tuple[str, ...]]:
        """Time one image and several at once."""
        if batch == 1 or self.images.at_once > 1:
            return {}, ()
        found = {}
        for n in (1, batch):
            feed = {**self.x, self.port: np.repeat(self.x[self.port], n, axis=0)}
            try:
                found[n] = race({"": self.nets[name]}, feed, seconds=0, clock=self.tick)[""]
            except ModelError as error:
                return {}, (f"{batch} images at once: {error}",)
        return found, ()


def _check(net: Network) -> None:
    ops = {node.op for node in net.graph.nodes}
    if "Conv" not in ops:
        already = "; it is quantized already, give the float32 model" if "QLinearConv" in ops else ""
        raise CommandError(f"the network has no convolution in float32{already}")


def _outside(works: Iterable[Work], base: Raced) -> tuple[Outside, ...]:
    """Return what is none of the layers, the longest first."""
    named = {work.name for work in works}
    others = [Outside(name, base.works[name], seconds) for name, seconds in base.nodes.items() if name not in named]
    return tuple(sorted(others, key=lambda node: -node.seconds))


def _times(
    work: Work, raced: Mapping[str, Raced], slow: Mapping[str, float], small: Network | None
) -> dict[str, float]:
    """Return the seconds of a layer by each program that can run it."""
    able = (*work.eligible, AUTO)
    times = {
        program: raced[program].nodes[work.name] for program in (*FLOAT, AUTO) if program in raced and program in able
    }
    if work.explanation is None:  # a matrix product: one program in float32
        times[BASE] = raced[BASE].nodes[work.name]
    if work.name in slow:
        times[NAIVE] = slow[work.name]
    if small and work.name in on_bytes(small.graph) & (parts := _parts(small, raced[BYTES])).keys():
        times[BYTES] = parts[work.name]
    return times


def _parts(small: Network, raced: Raced) -> dict[str, float]:
    """Return the seconds of each layer on bytes, with the nodes that its residual became."""
    seconds: dict[str, float] = {}
    for node in small.graph.nodes:
        if node.name in raced.nodes:  # else ONNX Runtime computes it together with others
            seconds[owner(node)] = seconds.get(owner(node), 0) + raced.nodes[node.name]
    return seconds


def _fastest(times: Mapping[str, float], names: tuple[str, ...]) -> str:
    return min((name for name in names if name in times), key=times.__getitem__)


def _conversion_rates() -> tuple[float, float]:
    """Return the seconds that one number takes to become a byte, and back."""
    x = np.random.default_rng(0).standard_normal((1, 1, 1, _NUMBERS), np.float32)
    nodes = race({"both": conversions()}, x, seconds=0, clock=clock(1))["both"].nodes
    return nodes["to bytes"] / x.size, nodes["to floats"] / x.size


def _naive(works: Sequence[Work], slow: Mapping[str, float], base: Raced) -> Rung:
    """Return the definition: its convolutions, and all other nodes as they ran."""
    others = sum(seconds for name, seconds in base.nodes.items() if name not in slow)
    seconds = sum(slow.values()) + others
    return Rung(NAIVE, seconds, seconds, math.inf, {work.name: NAIVE for work in works}, is_stretched=True)


def _noise(images: Images) -> tuple[str, ...]:
    if images.is_noise:
        return ("calibrated on noise: times hold, losses do not; give --calibration FOLDER of images",)
    if not len(images.held_out):
        return (f"{len(images.arrays)} images calibrate and none is left to judge with: give 4 at least",)
    return ()
