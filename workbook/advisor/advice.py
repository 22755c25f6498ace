"""Why a layer gets its program, what to take, and what each of the four tools did: sentences made of numbers.

Every gain says over what.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from workbook.advisor.analysis_result import MIX, Analysis, Rung
from workbook.advisor.programs import AUTO, BASE, BEST_FLOAT, BYTES, FLOAT

_LARGE = 0.2  # part of the time that is worth a word


def reason(name: str, seconds: Mapping[str, float], chosen: str, rung: str) -> str:
    """Return why a layer runs by its program in a rung: its time beside that of the program it is compared with.

    Parameters
    ----------
    name : str
        Of the layer.
    seconds : mapping of str to float
        By each program.
    chosen, rung : str
        Its program, in which rung.

    Raises
    ------
    KeyError
        If the layer has no time by the program that was chosen.
    """
    if chosen not in seconds:
        raise KeyError(f"layer {name!r} has no time by {chosen!r}")
    floats = {program: seconds[program] for program in FLOAT if program in seconds and program != chosen}
    others = floats if chosen != AUTO else {BASE: seconds[BASE]}
    said = []
    if others:
        opponent = min(others, key=others.__getitem__)
        said.append(f"{chosen} {_over(others[opponent], seconds[chosen])} over {opponent}")
    else:
        said.append(f"{chosen} is its one program in float32")
    if chosen == BYTES and floats and seconds[BYTES] > min(floats.values()):
        said.append("slower alone, but the cut counts the conversions round it too")
    if chosen != BYTES and BYTES in seconds:
        gain = f"int8 {_over(seconds[chosen], seconds[BYTES])} over {chosen}"
        said.append(f"{gain} without conversions" if rung == MIX else f"{gain}, but {rung} has no bytes")
    elif chosen != BYTES:
        said.append("no time on bytes")
    return "; ".join(said)


def _over(before: float, after: float) -> str:
    return f"{before / after:.2f}x"


def summary(found: Analysis) -> tuple[str, ...]:
    """Return the decision and its conditions, in five lines."""
    return _decision(found), _conditions(found), on_bytes(found), _where(found), _deadline(found)


def _decision(found: Analysis) -> str:
    best, exact = found.best, found.exact
    if best.name != exact.name:
        return (
            f"Take {best.name}: {_ms(best)}, {_over(exact.seconds, best.seconds)} over the fastest exact program, "
            f"{exact.name} ({_ms(exact)})."
        )
    others = [rung for rung in found.rungs if rung.name != best.name and not rung.is_stretched]
    if not others:
        return f"Take {best.name}: {_ms(best)}; nothing else was timed."
    next_one = min(others, key=lambda rung: rung.seconds)
    return (
        f"Take {best.name}: {_ms(best)}, the fastest exact program; the fastest other one, {next_one.name}, takes "
        f"{_ms(next_one)}."
    )


def _conditions(found: Analysis) -> str:
    threads = "one thread" if found.threads == 1 else f"{found.threads or 'all'} threads"
    return (
        f"It holds for {'x'.join(map(str, found.shape))} on {threads} of this machine, the whole network, "
        f"and a loss of {found.max_loss:.1%} at most."
    )


def on_bytes(found: Analysis) -> str:
    """Return what speaks for bytes, or against them: the fastest program that computes on them."""
    able = [rung for rung in found.rungs if rung.name in (BYTES, MIX, "onnxruntime int8")]
    able = [rung for rung in able if rung.name != MIX or BYTES in rung.programs.values()]
    if not able:
        why = next((one.why for one in found.failed if one.name == BYTES), "") or "no program on bytes was timed"
        return f"Bytes: {why.rstrip('.')}."
    rung = min(able, key=lambda one: one.seconds)
    time = f"{rung.name} takes {_ms(rung)}, {_over(found.exact.seconds, rung.seconds)} over {found.exact.name}"
    if rung.loss is None:
        return f"Bytes: {time}; no advice, since no image judged its loss: give a folder of 4 images at least."
    loss = f"its loss is {rung.loss.value:.1%} ({rung.loss.low:.1%} to {rung.loss.high:.1%}) on {found.judges} images"
    verdict = "within" if found.keeps(rung) else "not proven to be within"
    return f"Bytes: {time}; {loss} that did not calibrate, {verdict} {found.max_loss:.1%}."


def _where(found: Analysis) -> str:
    outside = sum(node.seconds for node in found.outside)
    whole = outside + sum(row.seconds[BASE] for row in found.rows)
    first = f"; the longest is {found.outside[0].name} ({found.outside[0].work})" if found.outside else ""
    longest = first if outside > _LARGE * whole else ""
    largest = max(found.rows, key=lambda row: row.seconds[BASE])
    return (
        f"By im2col {outside / whole:.0%} of the time lies outside the layers{longest}; "
        f"the longest layer, {largest.work.name}, has {largest.seconds[BASE] / whole:.0%}."
    )


def _deadline(found: Analysis) -> str:
    best = found.best
    keeps = "keeps" if found.meets(best) else "does not keep"
    return (
        f"{best.name} {keeps} up with {found.fps:g} frames a second: three runs of four took {1e3 * best.upper:.2f} ms."
    )


def _ms(rung: Rung) -> str:
    return f"{1e3 * rung.seconds:.2f} ms"


def verdicts(found: Analysis) -> tuple[str, ...]:
    """Return what each of the four tools did for the network, a sentence each, over what."""
    winograd, floats, small, mix = (found.rung(name) for name in ("winograd", BEST_FLOAT, BYTES, MIX))
    said = []
    if winograd:
        able = [row for row in found.rows if not math.isnan(row.winograd)]
        share = sum(row.work.layer.macs for row in able) / found.macs
        said.append(
            f"1 fast algorithms: {found.gain(winograd):.2f} x over im2col. {len(able)} of {len(found.rows)} layers can "
            f"run Winograd's algorithm, with {share:.0%} of the multiply-adds."
        )
    if small:
        against = f", {_over(floats.seconds, small.seconds)} over the best float32 by layer" if floats else ""
        said.append(f"2 small numbers: {found.gain(small):.2f} x over im2col{against}, {_likeness(small)}.")
    elif found.rung("winograd"):
        said.append("2 small numbers: the network cannot be quantized.")
    if mix:
        others = min((rung for rung in (found.base, winograd, small) if rung), key=lambda rung: rung.seconds)
        count = sum(program == BYTES for program in mix.programs.values())
        said.append(
            f"3 layer by layer: {found.gain(mix):.2f} x over im2col, {_over(others.seconds, mix.seconds)} over "
            f"{others.name}; {count} of {len(found.rows)} layers on bytes."
        )
    said.append(_silicon(found))
    if len(found.batched) > 1:
        one, *_, many = sorted(found.batched)
        throughput = many * found.batched[one].whole.median / found.batched[many].whole.median
        longer = found.batched[many].whole.median / found.batched[one].whole.median
        said.append(
            f"4 one image at a time: {many} at once give {throughput:.2f} x the frames a second of one by "
            f"{found.fastest.name}, and each takes {longer:.1f} x as long, its wait for the others not counted."
        )
    return (*said, _decision(found))


def _likeness(small: Rung) -> str:
    return "the output the same" if small.sqnr == math.inf else f"the output at {small.sqnr:.0f} dB"


def _silicon(found: Analysis) -> str:
    first, last = found.steps[0], found.steps[-1]
    return (
        f"3 flexible hardware, by the model of {found.machine}: {first.name} {first.ms:.2f} ms, {last.name} "
        f"{last.ms:.2f} ms a frame; all tools {first.ms / last.ms:.2f} x over {first.name} on its own array."
    )
