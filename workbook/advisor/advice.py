"""Why a layer gets its program, what to take, and what each of the four tools did: sentences made of numbers.

Every gain says over what.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from workbook.advisor.analysis_result import MIX, Analysis, Rung
from workbook.advisor.peer_programs import RUNTIME, RUNTIME_INT8
from workbook.advisor.programs import AUTO, BASE, BEST_FLOAT, BYTES, BYTES_DIRECT, FLOAT

_LARGE = 0.2  # part of the time that is worth a word
_SHOWN = 6  # names in a sentence
_IMAGE = 4  # axes
_NO_LAYERS = "No layer is a two-dimensional convolution in float32, so the four tools have nothing to act on"
_ENDLESS = 100  # a gain that nobody needs to know exactly


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
        said.append("slower alone, but the conversions around it count too")
    if chosen != BYTES and BYTES in seconds:
        gain = f"int8 {_over(seconds[chosen], seconds[BYTES])} over {chosen}"
        said.append(f"{gain} without conversions" if rung == MIX else f"{gain}, but {rung} is all in float32")
    elif chosen != BYTES:
        said.append("no time on bytes")
    return "; ".join(said)


def _over(before: float, after: float) -> str:
    return f"{before / after:.2f}x"


def summary(found: Analysis) -> tuple[str, ...]:
    """Return the decision, what to do, its conditions, what bytes are worth, and where the time goes: five lines."""
    return _decision(found), how(found), _conditions(found), on_bytes(found), _where(found)


def _decision(found: Analysis) -> str:
    best, exact = found.best, found.exact
    if best.name != exact.name:
        said = (
            f"Take {best.name}: {_ms(best)}, {_over(exact.seconds, best.seconds)} over the fastest exact program, "
            f"{exact.name} ({_ms(exact)})"
        )
    else:
        others = [rung for rung in found.rungs if rung is not best and found.is_exact(rung)]
        said = f"Take {best.name}: {_ms(best)}, the fastest exact program"
        if others:
            second = min(others, key=lambda rung: rung.seconds)
            said += f", {_over(second.seconds, best.seconds)} over the next one, {second.name} ({_ms(second)})"
    if found.rivals:
        *first, last = (rung.name for rung in found.rivals)
        names = f"{', '.join(first)} or {last}" if first else last
        return f"{said}. Their runs overlap: no difference is proven from {names}."
    return f"{said}."


def how(found: Analysis) -> str:
    """Return what a reader does to have the recommended program."""
    name, threads = found.best.name, found.threads or "all cores as"
    count = f"intra_op_num_threads={found.threads}" if found.threads else "its own number of threads"
    load = "workbook.network.load"
    said = {
        RUNTIME: f"run the file as it is by ONNX Runtime, with {count}",
        RUNTIME_INT8: (
            "run onnxruntime.quantization's quant_pre_process, then quantize_static (QDQ, weights by channel) on your "
            "images; --save FILE writes the result"
        ),
        "openvino": f"compile the file by OpenVINO for the CPU, in f32, on {threads} threads",
        "ncnn": f"convert the file for ncnn, and run it on {threads} threads",
        BASE: f'{load}(FILE, algorithm="im2col")',
        AUTO: f"{load}(FILE)",
        BYTES_DIRECT: f'{load}(FILE).quantize(IMAGES, algorithm="direct")',
        BYTES: f"{load}(FILE).quantize(IMAGES); --save FILE writes it in QDQ form, which ONNX Runtime takes too",
        MIX: "--save FILE writes it in QDQ form, for workbook.network.load or ONNX Runtime",
    }
    by_layer = "workbook.advisor.taken.load_taken(FILE, REPORT.json), with the report that --json writes"
    return f"To have it: {said.get(name, by_layer)}."


def _conditions(found: Analysis) -> str:
    best = found.best
    threads = "one thread" if found.threads == 1 else f"{found.threads or 'all'} threads"
    keeps = "keeps" if found.meets(best) else "does not keep"
    compared = "ONNX Runtime's outputs" if found.reference == RUNTIME else "im2col's outputs, as ONNX Runtime failed"
    return (
        f"It holds for {'x'.join(map(str, found.shape))} on {threads} of this machine, and a loss of "
        f"{found.max_loss:.1%} at most against {compared}; {best.name} {keeps} up with {found.fps:g} frames a second: "
        f"three runs of four took {1e3 * best.upper:.2f} ms at most.{_disturbed(found)}"
    )


def _disturbed(found: Analysis) -> str:
    others = found.others
    return (
        f" Other programs kept {others.cores:.1f} of {others.of} cores busy: measure again before you rely on it."
        if others.disturb
        else ""
    )


def on_bytes(found: Analysis) -> str:
    """Return what speaks for bytes, or against them: the fastest program that computes on them."""
    able = [rung for rung in found.rungs if rung.computes_bytes]
    if not able:
        why = next((one.why for one in found.failed if one.name in (BYTES, RUNTIME_INT8)), "") or next(
            (note for note in found.notes if "not quantized" in note), "no program on bytes was timed"
        )
        return f"Bytes: {why.rstrip('.')}."
    kept = [rung for rung in able if found.keeps(rung)]
    rung = min(kept or able, key=lambda one: one.seconds)
    time = f"{rung.name} takes {_ms(rung)}, {_over(found.exact.seconds, rung.seconds)} over {found.exact.name}"
    if rung.evidence is None:
        if len(found.shape) != _IMAGE:
            return f"Bytes: {time}; no advice, since made-up inputs cannot judge its loss."
        return f"Bytes: {time}; no advice, since no image judged its loss: give --calibration a folder of 32 images."
    loss = rung.evidence.loss
    said = f"its loss is {loss.value:.1%} (95 %: {loss.low:.1%} to {loss.high:.1%}) on {rung.evidence.images} images"
    where = f", largest in {rung.evidence.where}" if rung.evidence.where else ""
    verdict = "within" if found.keeps(rung) else "not proven to be within"
    same = rung.evidence.same
    scores = (
        f"; the largest score stays in place on {same.value:.0%} ({same.low:.0%} to {same.high:.0%})" if same else ""
    )
    return f"Bytes: {time}; {said} that did not calibrate{where}, {verdict} {found.max_loss:.1%}{scores}."


def _where(found: Analysis) -> str:
    outside = sum(node.seconds for node in found.outside)
    whole = outside + sum(row.seconds[BASE] for row in found.rows)
    first = f"; the longest is {found.outside[0].name} ({found.outside[0].work})" if found.outside else ""
    if not found.rows:
        share = f", with {found.outside[0].seconds / whole:.0%} of the time" if whole else ""
        return f"{_NO_LAYERS}{first}{share}."
    longest = first if outside > _LARGE * whole else ""
    largest = max(found.rows, key=lambda row: row.seconds[BASE])
    return (
        f"By im2col {outside / whole:.0%} of the time lies outside the layers{longest}; "
        f"the longest layer, {largest.work.name}, has {largest.seconds[BASE] / whole:.0%}."
    )


def _ms(rung: Rung) -> str:
    return f"{1e3 * rung.seconds:.2f} ms"


def questions(found: Analysis) -> tuple[str, ...]:
    """Return what practitioners ask of a network, answered from what was measured, a sentence or two each."""
    return tuple(filter(None, (_wrong(found), _why_bytes(found), _excluded(found), _fused(found), _amdahl(found))))


def _wrong(found: Analysis) -> str:
    if not found.wrong:
        return ""
    names = ", ".join(f"{rung.name} ({_decibels(rung.sqnr)})" for rung in found.wrong)
    return f"Not exact, and not recommended: {names} against {found.reference}; {found.alike:g} dB are rounding."


def _why_bytes(found: Analysis) -> str:
    spent, small = found.spent, found.rung(BYTES)
    if not spent or not small or not spent.layers:
        return ""
    left = sum(node.seconds for node in spent.left)
    longest = f", most in {spent.left[0].name} ({spent.left[0].work})" if spent.left else ""
    faster = "faster" if small.seconds < found.ours.seconds else "slower"
    return (
        f"Why int8 is {faster} than {found.ours.name}: its {spent.layers} layers on bytes take "
        f"{1e3 * spent.on_bytes:.2f} ms, {_over(spent.in_float, spent.on_bytes)} over the same ones by the best "
        f"float32; conversions take {1e3 * spent.conversions:.2f} ms, and what stays in float32 {1e3 * left:.2f} ms"
        f"{longest}."
    )


def _excluded(found: Analysis) -> str:
    mix = found.rung(MIX)
    if not mix or BYTES not in mix.programs.values():
        return ""
    out = [row.work.name for row in found.rows if BYTES in row.seconds and mix.programs[row.work.name] != BYTES]
    if not out:
        return "What to exclude from quantization: nothing; the mix has all layers on bytes that can be."
    shown = ", ".join(out[:_SHOWN]) + (f" and {len(out) - _SHOWN} more" if len(out) > _SHOWN else "")
    return f"What to exclude from quantization, for the kernels' time and your loss: {shown}."


def _fused(found: Analysis) -> str:
    fusion = found.fusion
    if not fusion:
        return ""
    return (
        f"Fusing activations and sums into the layers: {_over(fusion.unfused, fusion.fused)} over im2col unfused "
        f"({1e3 * fusion.unfused:.2f} ms), with {fusion.fused_bytes / 1e6:.1f} MB moved between layers in place of "
        f"{fusion.unfused_bytes / 1e6:.1f} MB."
    )


def _amdahl(found: Analysis) -> str:
    floats = found.rung(BEST_FLOAT)
    if not floats:
        return ""
    outside = sum(node.seconds for node in found.outside)
    most = floats.seconds / outside if outside else math.inf
    bound = f"{most:.1f}x" if most < _ENDLESS else "more than 100x"
    return (
        f"Amdahl's law: {1e3 * outside:.2f} ms lie outside the layers, so no tool for layers alone gains more than "
        f"{bound} over the best float32 by layer."
    )


def _decibels(sqnr: float) -> str:
    return f"{sqnr:.1f} dB" if math.isfinite(sqnr) else "no numbers or other shapes"


def verdicts(found: Analysis) -> tuple[str, ...]:
    """Return what each of the four tools did for the network, a sentence each, and over what."""
    winograd, floats, small, mix = (found.rung(name) for name in ("winograd", BEST_FLOAT, BYTES, MIX))
    direct = found.rung(BYTES_DIRECT)
    said = [] if found.rows else [f"{_NO_LAYERS}: whole networks are compared."]
    if winograd:
        able = [row for row in found.rows if not math.isnan(row.winograd)]
        share = sum(row.work.layer.macs for row in able) / found.macs
        said.append(
            f"1 fast algorithms: {found.gain(winograd):.2f}x over im2col. {len(able)} of {len(found.rows)} layers can "
            f"run Winograd's algorithm, with {share:.0%} of the multiply-adds."
        )
    if small:
        against = f", {_over(floats.seconds, small.seconds)} over the best float32 by layer" if floats else ""
        said.append(f"2 small numbers: {found.gain(small):.2f}x over {found.base.name}{against}, {_likeness(small)}.")
        if direct:
            over = _over(direct.seconds, small.seconds)
            said[-1] += f" By Winograd's algorithm on bytes it is {over} over int8 direct."
    elif found.rung("winograd"):
        said.append("2 small numbers: the network cannot be quantized.")
    if mix:
        others = min((rung for rung in (found.base, winograd, small) if rung), key=lambda rung: rung.seconds)
        count = sum(program == BYTES for program in mix.programs.values())
        said.append(
            f"3 layer by layer: {found.gain(mix):.2f}x over im2col, {_over(others.seconds, mix.seconds)} over "
            f"{others.name}; {count} of {len(found.rows)} layers on bytes."
        )
    if found.steps:
        said.append(_silicon(found))
    if len(found.batched) > 1:
        one, *_, many = sorted(found.batched)
        throughput = many * found.batched[one].whole.median / found.batched[many].whole.median
        longer = found.batched[many].whole.median / found.batched[one].whole.median
        said.append(
            f"4 one image at a time: {many} at once give {throughput:.2f}x the frames a second of one by "
            f"{found.ours.name}, and each takes {longer:.1f}x as long, its wait for the others not counted."
        )
    return tuple(said)


def _likeness(small: Rung) -> str:
    return "the output the same" if small.sqnr == math.inf else f"the output at {small.sqnr:.0f} dB"


def _silicon(found: Analysis) -> str:
    first, last = found.steps[0], found.steps[-1]
    return (
        f"3 flexible hardware, by the model of {found.machine}: {first.name} {first.ms:.2f} ms, {last.name} "
        f"{last.ms:.2f} ms a frame; all tools {first.ms / last.ms:.2f}x over {first.name} on its own array."
    )
