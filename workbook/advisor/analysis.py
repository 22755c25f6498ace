"""Analyzes a network: runs it by every program in turns, finds the best mix, runs the tools one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from workbook.accelerator.machine import Machine
from workbook.advisor.accelerator_steps import ladder
from workbook.advisor.advice import reason
from workbook.advisor.analysis_result import MIX, NAIVE, Analysis, Row, Rung
from workbook.advisor.energy import Bill, joules
from workbook.advisor.input_images import Images
from workbook.advisor.layer_work import Work, layers, workload
from workbook.advisor.mix import best_mix
from workbook.advisor.naive_estimate import naive_seconds
from workbook.advisor.network_race import Raced, clock, race
from workbook.advisor.programs import BASE, BYTES, FLOAT, WINOGRAD, conversions, network, on_bytes, owner
from workbook.errors import CommandError
from workbook.graphs.graph import Array
from workbook.measuring.others import Others, Usage
from workbook.network import ModelError, Network
from workbook.quantize.calibration import Recipe, calibrate
from workbook.quantize.layer_errors import sqnr
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantized

Progress = Callable[[str], None]

_NUMBERS = 1 << 18  # of the array on which conversions are timed


def analyze(
    net: Network,
    images: Images,
    machine: Machine,
    *,
    name: str = "network",
    threads: int | None = None,
    seconds: float | None = None,
    batch: int = 4,
    fps: float = 30,
    bill: Bill | None = None,
    on_step: Progress | None = None,
) -> Analysis:
    """Find which of the four tools helps a network, by how much, here and on an accelerator.

    Parameters
    ----------
    net : Network
        In float32, of one input and one output.
    images : Images
        To calibrate with; the first one is timed.
    machine : Machine
        For the model of lesson 4.
    name : str
    threads : int, optional
        At most so many work on a convolution; all cores if None. One is timed by its own clock.
    seconds : float, optional
        To spend on each of two comparisons; 1 s, or 0.2 s when WORKBOOK_QUICK is set. Each program runs three times
        at least.
    batch : int
        Images at once, for the fourth tool; 1 leaves that out.
    fps : float
        Of the camera to keep up with.
    bill : Bill, optional
    on_step : function, optional
        Called with what is done next.

    Raises
    ------
    CommandError
        If the network has no convolution in float32, or more than one input or output.
    ModelError
        If it cannot run on the images.
    """
    say = on_step or (lambda _: None)
    _check(net)
    before = Usage.now()
    x, tick = np.ascontiguousarray(images.arrays[:1]), clock(threads)
    say("shapes")
    base = network(net.graph, {}, threads)
    works = layers(base, x, threads)
    say("calibration")
    recipe, notes = _recipe(base, images.arrays)
    say("programs")
    programs = {BASE: base, **{program: _by_one(net, works, program, threads) for program in FLOAT[1:]}}
    small = Network(quantized(net.graph, recipe), threads=threads) if recipe else None
    raced = race({**programs, **({BYTES: small} if small else {})}, x, seconds=seconds, clock=tick)
    del programs
    say("the definition")
    slow = naive_seconds(works, net.graph.constants, tick)
    times = {work.name: _times(work, raced, slow, small) for work in works}
    plans: dict[str, Mapping[str, str]] = {
        BASE: {work.name: BASE for work in works},
        "winograd": {work.name: _fastest(times[work.name], (BASE, *WINOGRAD)) for work in works},
    }
    nets = {BASE: base, "winograd": network(net.graph, plans["winograd"], threads)}
    if small and recipe:
        plans[BYTES] = {work.name: BYTES if BYTES in times[work.name] else BASE for work in works}
        nets[BYTES] = small
        able = on_bytes(small.graph)
        mixed = best_mix(net.graph, *_prices(base, x, times, raced, small))
        plans[MIX] = {work.name: BYTES if work.name in mixed else _fastest(times[work.name], FLOAT) for work in works}
        if able > mixed:
            kept = replace(recipe, scheme=Scheme(exclude=tuple(sorted(able - mixed))))
            nets[MIX] = network(quantized(net.graph, kept), plans[MIX], threads)
    say("the tools, one after the other")
    tools = race(nets, x, seconds=seconds, clock=tick)
    if MIX in plans and MIX not in nets:  # all of it is on bytes: the same program has one time
        nets[MIX], tools[MIX] = nets[BYTES], tools[BYTES]
    exact = _outputs(base, images.arrays)
    rungs = []
    for rung, plan in plans.items():
        noise = math.inf if rung == BASE else sqnr(_outputs(nets[rung], images.arrays), exact)
        timed = tools[rung]
        rungs.append(Rung(rung, timed.whole.median, timed.upper, noise, joules(works, plan), plan))
    say("several images at once")
    best = min(rungs, key=lambda rung: rung.seconds).name
    batched, refused = _batched(nets[best], x, batch, tick)
    steps = ladder(workload(name, works), machine)
    fixed = next(step for step in steps if step.name == "best fixed").schedule.costs
    chosen = plans[best]
    return Analysis(
        name=name,
        shape=x.shape,
        images=images.source,
        threads=threads,
        rows=tuple(
            Row(w, times[w.name], chosen[w.name], reason(w, times[w.name], chosen[w.name]), cost)
            for w, cost in zip(works, fixed, strict=True)
        ),
        rungs=(_naive(works, slow, raced[BASE], net), *rungs),
        batched=batched,
        machine=machine.name,
        steps=steps,
        fps=fps,
        bill=bill or Bill(),
        others=Others.since(before),
        notes=(*notes, *refused, *_noise(images)),
    )


def _check(net: Network) -> None:
    if len(net.inputs) != 1 or len(net.outputs) != 1:
        names = ", ".join((*(port.name for port in net.inputs), *net.outputs))
        raise CommandError(f"networks of one input and one output are analyzed; this one has {names}")
    ops = {node.op for node in net.graph.nodes}
    if "Conv" not in ops:
        already = "; it is quantized already, give the float32 model" if "QLinearConv" in ops else ""
        raise CommandError(f"the network has no convolution in float32{already}")


def _recipe(net: Network, images: Array) -> tuple[Recipe | None, tuple[str, ...]]:
    try:
        return calibrate(net, (image[None] for image in images)), ()  # the model may take one at a time
    except ValueError as error:
        return None, (f"it is not quantized: {error}",)


def _by_one(net: Network, works: tuple[Work, ...], program: str, threads: int | None) -> Network:
    """Return the network with one program for all layers that it can run."""
    return network(net.graph, {work.name: program for work in works if program in work.eligible}, threads)


def _times(
    work: Work, raced: Mapping[str, Raced], slow: Mapping[str, float], small: Network | None
) -> dict[str, float]:
    """Return the seconds of a layer by each program that can run it."""
    times = {program: raced[program].nodes[work.name] for program in FLOAT if program in work.eligible}
    if work.explanation is None:  # a matrix product: one program in float32
        times[BASE] = raced[BASE].nodes[work.name]
    if work.name in slow:
        times[NAIVE] = slow[work.name]
    if small and work.name in on_bytes(small.graph):
        times[BYTES] = _parts(small, raced[BYTES])[work.name]
    return times


def _parts(small: Network, raced: Raced) -> dict[str, float]:
    """Return the seconds of each layer on bytes, with the nodes that its residual became."""
    seconds: dict[str, float] = {}
    for node in small.graph.nodes:
        seconds[owner(node)] = seconds.get(owner(node), 0) + raced.nodes[node.name]
    return seconds


def _fastest(times: Mapping[str, float], names: tuple[str, ...]) -> str:
    return min((name for name in names if name in times), key=times.__getitem__)


def _prices(
    net: Network, x: Array, times: Mapping[str, Mapping[str, float]], raced: Mapping[str, Raced], small: Network
) -> tuple[Mapping[str, float], ...]:
    """Return what `best_mix` takes: seconds of each node in both forms, and of converting each array."""
    floats = dict(raced[BASE].nodes)
    floats |= {name: min(seconds[p] for p in FLOAT if p in seconds) for name, seconds in times.items()}
    parts, able = _parts(small, raced[BYTES]), on_bytes(small.graph)
    sizes = {net.inputs[0].name: x.size, **{node.outputs[0]: y.size for node, y in net.trace(x)}}
    conversions = tuple({name: size * rate for name, size in sizes.items()} for rate in _conversion_rates())
    return floats, {name: parts[name] for name in able}, *conversions


def _conversion_rates() -> tuple[float, float]:
    """Return the seconds that one number takes to become a byte, and back."""
    x = np.random.default_rng(0).standard_normal((1, 1, 1, _NUMBERS), np.float32)
    nodes = race({"both": conversions()}, x, seconds=0, clock=clock(1))["both"].nodes
    return nodes["to bytes"] / x.size, nodes["to floats"] / x.size


def _outputs(net: Network, images: Array) -> Array:
    return np.concatenate([net(image[None]) for image in images])


def _naive(works: tuple[Work, ...], slow: Mapping[str, float], base: Raced, net: Network) -> Rung:
    """Return the definition: its convolutions, and all other nodes as they ran."""
    others = sum(seconds for name, seconds in base.nodes.items() if name not in slow)
    seconds = sum(slow.values()) + others
    plan = {work.name: NAIVE for work in works}
    return Rung(NAIVE, seconds, seconds, math.inf, joules(works, plan), plan, is_stretched=True)


def _batched(net: Network, x: Array, batch: int, tick: Callable[[], float]) -> tuple[dict[int, Raced], tuple[str, ...]]:
    """Time one image and several at once."""
    if batch == 1:
        return {}, ()
    try:
        sizes = (1, batch)
        return {n: race({"": net}, np.repeat(x, n, axis=0), seconds=0, clock=tick)[""] for n in sizes}, ()
    except ModelError as error:
        return {}, (f"{batch} images at once: {error}",)


def _noise(images: Images) -> tuple[str, ...]:
    if not images.is_noise:
        return ()
    return ("calibrated on noise: times hold, SQNR does not; give --calibration FOLDER of images",)
