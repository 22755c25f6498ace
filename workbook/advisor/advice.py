"""Why a layer gets its program, and what each of the four tools did for the network: sentences made of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping

from workbook.advisor.analysis_result import MIX, Analysis, Rung
from workbook.advisor.layer_work import Work
from workbook.advisor.programs import BASE, BYTES, WINOGRAD

_MUCH = 1.1  # a gain that is worth a word
_FEW = 10  # multiply-adds a byte below which a layer of float32 waits for memory on most processors


def reason(work: Work, seconds: Mapping[str, float], chosen: str) -> str:
    """Return why a layer runs by its program in the fastest rung."""
    base = seconds[BASE]

    def times(name: str) -> str:
        return f"{base / seconds[name]:.1f}x"

    winograd = min((name for name in WINOGRAD if name in seconds), key=seconds.__getitem__, default=None)
    if chosen == BYTES and seconds[BYTES] > min(seconds[winograd or BASE], base):
        return f"int8 {times(BYTES)}, slower, but conversions round it would take more"
    if chosen == BYTES:
        beside = f", Winograd {times(winograd)}" if winograd else f"; {_no_winograd(work)}"
        return f"int8 {times(BYTES)}{beside}"
    if chosen in WINOGRAD:
        if BYTES not in seconds:
            return f"Winograd {times(chosen)}; it cannot run on bytes"
        slower = seconds[BYTES] > seconds[chosen]
        return f"Winograd {times(chosen)}, int8 {times(BYTES)}" + ("" if slower else ", less than conversions take")
    if BYTES in seconds and base / seconds[BYTES] >= _MUCH:
        return f"int8 {times(BYTES)}, but conversions would take it back"
    if work.layer.macs_a_byte < _FEW:
        return f"no tool helps: {work.layer.macs_a_byte:.1f} multiply-adds a byte, it waits for memory"
    return "no tool helps" + (f": int8 {times(BYTES)}" if BYTES in seconds else ": it cannot run on bytes")


def _no_winograd(work: Work) -> str:
    options = work.explanation.options if work.explanation else ()
    why = next((option.obstacle for option in options if option.algorithm in WINOGRAD), "it is a matrix product")
    return f"no Winograd, {why}" if why else "Winograd is slower"


def _likeness(small: Rung) -> str:
    return "the output the same" if small.sqnr == math.inf else f"the output at {small.sqnr:.0f} dB"


def verdicts(found: Analysis) -> tuple[str, ...]:
    """Return what each of the four tools did for the network, a sentence each, and what to take."""
    winograd, small, mix = (found.rung(name) for name in ("winograd", BYTES, MIX))
    said = []
    if winograd:
        able = [row for row in found.rows if not math.isnan(row.winograd)]
        share = sum(row.work.layer.macs for row in able) / found.macs
        said.append(
            f"1 fast algorithms: {found.gain(winograd):.2f} x. {len(able)} of {len(found.rows)} layers can run "
            f"Winograd's algorithm, with {share:.0%} of the multiply-adds."
        )
    said.append(
        f"2 small numbers: {found.gain(small):.2f} x, {_likeness(small)}."
        if small
        else "2 small numbers: the network cannot be quantized."
    )
    if mix:
        others = min(rung.seconds for rung in (found.base, winograd, small) if rung)
        on_bytes = sum(program == BYTES for program in mix.programs.values())
        said.append(
            f"3 layer by layer: {found.gain(mix):.2f} x, {others / mix.seconds:.2f} x the best single program; "
            f"{on_bytes} of {len(found.rows)} layers on bytes."
        )
    said.append(_silicon(found))
    if len(found.batched) > 1:
        one, *_, many = sorted(found.batched)
        throughput = many * found.batched[one].whole.median / found.batched[many].whole.median
        longer = found.batched[many].whole.median / found.batched[one].whole.median
        said.append(
            f"4 one image at a time: {many} at once give {throughput:.2f} x the frames a second, and each takes "
            f"{longer:.1f} x as long, its wait for the others not counted."
        )
    best = found.best
    keeps = "keeps" if found.meets(best) else "does not keep"
    said.append(f"Take {best.name}: {found.gain(best):.2f} x, and it {keeps} up with {found.fps:g} frames a second.")
    return tuple(said)


def _silicon(found: Analysis) -> str:
    first, last = found.steps[0], found.steps[-1]
    return (
        f"3 flexible hardware, by the model of {found.machine}: {first.name} {first.ms:.2f} ms, {last.name} "
        f"{last.ms:.2f} ms a frame; all tools {first.ms / last.ms:.2f} x."
    )
