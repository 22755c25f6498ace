"""Analyzes a network: runs it by every program in turns, finds the best mix, and races whole networks.

What is found is yielded as it comes, so that whoever stops an analysis keeps what there is. A program that fails is a
row that says why. What is exact is what ONNX Runtime's outputs in float32 are, on the file as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from workbook.accelerator.machine import Machine
from workbook.advisor import layer_times
from workbook.advisor.accelerator_steps import ladder
from workbook.advisor.advice import reason
from workbook.advisor.analysis_result import ALIKE, ALIKE_HALF, MAX_LOSS, Analysis, Row, Rung
from workbook.advisor.energy import Bill
from workbook.advisor.entries import Entries
from workbook.advisor.input_images import JUDGES, Images
from workbook.advisor.input_shapes import main_input
from workbook.advisor.judge import Judge
from workbook.advisor.layer_times import NAIVE
from workbook.advisor.layer_work import workload
from workbook.advisor.network_race import Raced, race
from workbook.advisor.other_programs import OtherPrograms
from workbook.advisor.own_programs import OwnPrograms
from workbook.advisor.peer_programs import RUNTIME
from workbook.advisor.programs import BASE
from workbook.files import write_whole
from workbook.graphs.graph import Array
from workbook.measuring.others import Others, Usage
from workbook.measuring.timing import Timing
from workbook.network import ModelError, Network

Progress = Callable[[str], None]

_MIXING = 4  # images on which the mix is tried


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
    save: Path | None = None,
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
    save : Path, optional
        Where the recommended network is written, if it is on bytes; a program in float32 runs the file itself.

    Raises
    ------
    CommandError
        If the network has no input of numbers.
    ModelError
        If it cannot run on the images.
    """
    with TemporaryDirectory() as folder:
        study = _Study(net, images, threads, seconds, on_step or (lambda _: None), Path(folder))
        begun = Analysis(
            name=name, shape=(images.at_once, *images.arrays.shape[1:]), dtype=str(images.arrays.dtype),
            images=images.source, threads=threads, rows=(), rungs=(), batched={}, machine=machine.name, steps=(),
            fps=fps, bill=bill or Bill(), others=Others.since(Usage.now()), notes=(*images.notes, *_noise(images)),
            max_loss=max_loss, judges=sum(1 for _ in images.batches(images.held_out)),
        )  # fmt: skip
        last = begun
        for last in study.steps(begun, machine, file, batch):
            yield last
        if save and last.takes_bytes:
            study.save(last.best.name, save)


class _Study:
    """One network and its images, and the steps in which it is analyzed."""

    def __init__(
        self, net: Network, images: Images, threads: int | None, seconds: float | None, say: Progress, folder: Path
    ) -> None:
        self.images, self.seconds, self.say = images, seconds, say
        self.port = main_input(net.inputs).name
        self.before = Usage.now()
        self.entries = Entries(self._feeds(images.arrays[: images.at_once])[0], threads)
        say("shapes")
        self.own = OwnPrograms(net.graph, self.entries, seconds)
        self.others = OtherPrograms(net, self.entries, folder)

    def steps(self, found: Analysis, machine: Machine, file: Path | None, batch: int) -> Iterator[Analysis]:
        """Yield the analysis as it grows."""
        own, others, images = self.own, self.others, self.images
        self.say("the reference")
        others.take_runtime(file)
        judge = Judge(self.entries, self._feeds(images.held_out), self._feeds(images.arrays), found.max_loss)
        alike = ALIKE_HALF if others.holds_halves() else ALIKE
        steps = ladder(workload(found.name, own.works), machine) if own.works else ()
        found = replace(found, steps=steps, reference=judge.reference, alike=alike)
        self.say("the layers")
        own.race_layers()
        first = self._rungs(judge, (own.first, RUNTIME), 0)
        found = replace(found, outside=layer_times.outside(own.works, own.raced[own.first]))
        yield self._with(found, first)
        self.say("the definition")
        own.estimate_naive()
        self.say("calibration")
        notes = own.calibrate(self._feeds(images.calibrating))
        own.take_floats()
        trial = self._feeds(images.calibrating[: _MIXING * images.at_once])
        spent = own.take_bytes(trial, judge.outputs_of_reference(trial), found.max_loss)
        found = replace(found, notes=(*found.notes, *notes), spent=spent, fusion=own.fusion())
        yield self._with(found, first)
        self.say("other libraries")
        others.take_others(self._feeds(images.calibrating))
        self.say("whole networks")
        found = self._with(found, (*self._naive(), *self._rungs(judge, tuple(self.entries.programs), self.seconds)))
        yield found
        self.say("on other threads")
        elsewhere = others.elsewhere(self.seconds)
        found = replace(found, elsewhere=tuple(_rung(name, taken) for name, taken in elsewhere.items()))
        yield self._with(found, found.rungs)
        self.say("several images at once")
        batched, refused = self._batched(found.ours.name, batch)
        yield self._with(replace(found, batched=batched, notes=(*found.notes, *refused)), found.rungs)

    def save(self, name: str, path: Path) -> None:
        """Write a program that computes on bytes as an ONNX file."""
        if net := self.entries.programs[name].net:
            net.save(path)
        else:
            write_whole(path, self.others.files[name].read_bytes())

    def _feeds(self, images: Array) -> list[Mapping[str, Array]]:
        return [self.images.feed(self.port, some) for some in self.images.batches(images)]

    def _with(self, found: Analysis, rungs: Sequence[Rung]) -> Analysis:
        """Return the analysis with these rungs, and the program of each layer in the one that is recommended."""
        found = replace(found, rungs=tuple(rungs), others=Others.since(self.before), failed=tuple(self.entries.failed))
        taken = found.best if found.best.is_ours else found.ours
        fixed = next((step.schedule.costs for step in found.steps if step.name == "best fixed"), ())
        rows = []
        for work, cost, times in zip(self.own.works, fixed, self.own.times().values(), strict=True):
            chosen = taken.programs[work.name]
            rows.append(Row(work, times, chosen, reason(work.name, times, chosen, taken.name), cost))
        return replace(found, rows=tuple(rows))

    def _naive(self) -> tuple[Rung, ...]:
        """Return the definition: its convolutions, and all other nodes as they ran; nothing if it has no time."""
        slow = self.own.slow
        if not slow:
            return ()
        seconds = sum(slow.values())
        seconds += sum(taken for name, taken in self.own.raced[BASE].nodes.items() if name not in slow)
        plan = {work.name: NAIVE for work in self.own.works}
        return (Rung(NAIVE, seconds, seconds, seconds, math.nan, plan, is_stretched=True),)

    def _rungs(self, judge: Judge, names: Sequence[str], seconds: float | None) -> list[Rung]:
        """Race whole networks, and judge their outputs."""
        rungs = []
        for name, taken in self.entries.timed(names, seconds=seconds).items():
            plan = self.entries.programs[name].plan
            if judged := judge.of(name):
                sqnr, proof = judged
                rungs.append(replace(_rung(name, taken), sqnr=sqnr, programs=plan, evidence=proof))
        return rungs

    def _batched(self, name: str, batch: int) -> tuple[dict[int, Raced], tuple[str, ...]]:
        """Time one image and several at once."""
        net = self.entries.programs[name].net
        if batch == 1 or self.images.at_once > 1 or not net:
            return {}, ()
        found = {}
        for n in (1, batch):
            feed = {**self.entries.feed, self.port: np.repeat(self.entries.feed[self.port], n, axis=0)}
            try:
                found[n] = race({"": net}, feed, seconds=0, clock=self.own.tick)[""]
            except (ModelError, MemoryError) as error:
                return {}, (f"{batch} images at once: {error}",)
        return found, ()


def _rung(name: str, taken: Timing) -> Rung:
    return Rung(name, taken.median, taken.first_quartile, taken.third_quartile, math.nan, {})


def _noise(images: Images) -> tuple[str, ...]:
    if images.is_noise:
        more = "; give --calibration FOLDER of images" if images.are_images else ""
        return (f"calibrated on noise: times hold, losses do not{more}",)
    if not len(images.held_out):
        least = 2 * images.at_once * JUDGES
        return (f"{len(images.arrays)} images calibrate and none is left to judge with: give {least} at least",)
    return ()
