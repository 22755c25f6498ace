"""Each sentence of advice against the numbers, on random reports."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from workbook.advisor import advice
from workbook.advisor.analysis_result import EXACT, MIX, Analysis, Rung
from workbook.advisor.evidence import Evidence
from workbook.advisor.layer_times import NAIVE
from workbook.advisor.programs import FLOAT
from workbook.measuring.intervals import Interval
from workbook.measuring.others import Others

PROGRAMS = (*FLOAT, "auto", "int8")


def proof(loss: float, images: int = 16) -> Evidence:
    around = Interval(loss, 0.9 * loss, 1.1 * loss)
    return Evidence(around, 2 * loss, Interval(0.5, 0.3, 0.7), Interval(0.9, 0.8, 1.0), images)


def shuffled(found: Analysis, random: np.random.Generator) -> Analysis:
    """Return a report with other times, losses and wrong results."""
    rungs = []
    for rung in found.rungs:
        seconds = float(random.uniform(1e-3, 1e-2))
        shown = proof(float(random.uniform(0, 0.1))) if rung.name not in EXACT and random.random() < 0.7 else None
        sqnr = float(random.choice([100, found.alike - 1]))
        rungs.append(
            replace(rung, seconds=seconds, lower=0.97 * seconds, upper=1.03 * seconds, evidence=shown, sqnr=sqnr)
        )
    return replace(found, rungs=tuple(rungs), fps=float(random.uniform(50, 500)))


def allowed(found: Analysis, rung: Rung) -> bool:
    """Whether a program may be taken, said once more in other words than the report's."""
    if rung.name == NAIVE:
        return False
    if rung.name in EXACT:
        return rung.name == "onnxruntime" or rung.sqnr >= found.alike
    return rung.evidence is not None and rung.evidence.loss.high <= found.max_loss


@pytest.mark.parametrize("seed", range(60))
def test_the_decision_is_the_fastest_that_may_be_taken(denoiser: Analysis, seed: int) -> None:
    found = shuffled(denoiser, np.random.default_rng(seed))
    decision, action, conditions, small, where = advice.summary(found)
    taken = found.rung(re.match(r"Take (.+?): ", decision)[1])  # type: ignore[index]
    assert taken
    able = [rung for rung in found.rungs if allowed(found, rung)]
    exact = min((rung for rung in able if rung.name in EXACT), key=lambda rung: rung.seconds)
    proven = [rung.seconds for rung in able if rung.name in EXACT or rung.upper < exact.lower]
    assert taken.seconds == min(proven)
    assert taken.seconds <= found.rung("onnxruntime").seconds  # type: ignore[union-attr]
    assert f"{1e3 * taken.seconds:.2f} ms" in decision
    if taken is not exact:
        assert f"{exact.seconds / taken.seconds:.2f}x over the fastest exact program, {exact.name} " in decision
    elif len(exacts := [rung for rung in able if rung.name in EXACT]) > 1:
        second = sorted(exacts, key=lambda rung: rung.seconds)[1]
        assert f"{second.seconds / taken.seconds:.2f}x over the next one, {second.name} " in decision
    near = [rung.name for rung in able if rung is not taken and rung.lower <= taken.upper]
    assert ("no difference is proven" in decision) == bool(near)
    assert all(name in decision for name in near)
    assert action.startswith("To have it: ")
    assert f"{found.max_loss:.1%}" in conditions
    assert ("does not keep up" in conditions) == (taken.upper * found.fps > 1)
    assert f"three runs of four took {1e3 * taken.upper:.2f} ms at most" in conditions
    on_bytes = [r for r in found.rungs if "int8" in r.name or "int8" in r.programs.values()]
    shown = min([r for r in on_bytes if allowed(found, r)] or on_bytes, key=lambda r: r.seconds)
    assert f"{shown.name} takes {1e3 * shown.seconds:.2f} ms, {exact.seconds / shown.seconds:.2f}x over" in small
    assert ("no advice" in small) == (shown.evidence is None)
    if shown.evidence:
        assert ("not proven" in small) == (shown.evidence.loss.high > found.max_loss)
    assert " of the time lies outside" in where


@pytest.mark.parametrize("seed", range(60))
def test_answers_fit_the_numbers(denoiser: Analysis, seed: int) -> None:
    found = shuffled(denoiser, np.random.default_rng(seed))
    said = " ".join(advice.questions(found))
    wrong = [rung.name for rung in found.rungs if rung.name in EXACT and not allowed(found, rung)]
    assert ("Not exact" in said) == bool(wrong)
    assert all(name in said for name in wrong)
    assert found.spent
    assert f"{found.spent.in_float / found.spent.on_bytes:.2f}x over the same ones by the best float32" in said
    small, ours = found.rung("int8"), found.ours
    assert small
    assert f"Why int8 is {'faster' if small.seconds < ours.seconds else 'slower'} than {ours.name}" in said
    assert found.fusion
    assert f"{found.fusion.unfused / found.fusion.fused:.2f}x over im2col unfused" in said


@pytest.mark.parametrize("name", [*EXACT, "int8", MIX, "onnxruntime int8"])
def test_every_program_has_its_action(denoiser: Analysis, name: str) -> None:
    """What a reader does, whichever program wins."""
    rung = replace(denoiser.base, name=name, seconds=1e-9, lower=1e-9, upper=1e-9, sqnr=100.0, evidence=proof(0.01))
    others = [other for other in denoiser.rungs if other.name != name]
    found = replace(denoiser, rungs=(*others, rung))
    assert found.best.name == name
    words = {"openvino": "OpenVINO", "ncnn": "ncnn"}
    tools = ("load", "load_taken", "ONNX Runtime", "onnxruntime.quantization", "--save")
    assert any(word in advice.how(found) for word in (words.get(name), *tools) if word)


@pytest.mark.parametrize("seed", range(100))
def test_a_reason_is_made_of_the_layers_own_times(seed: int) -> None:
    random = np.random.default_rng(seed)
    able = ["im2col", *(name for name in PROGRAMS[1:] if random.random() < 0.6)]
    seconds = {name: float(random.uniform(1e-4, 1e-3)) for name in able}
    chosen = str(random.choice(able))
    said = advice.reason("conv1", seconds, chosen, MIX)
    for faster, gain, slower in re.findall(r"(\w+) ([\d.]+)x over (\w+)", said):
        assert float(gain) == pytest.approx(seconds[slower] / seconds[faster], abs=0.006)
    floats = [seconds[name] for name in FLOAT if name in seconds]
    assert ("slower alone" in said) == (chosen == "int8" and seconds["int8"] > min(floats))
    assert ("no time on bytes" in said) == ("int8" not in seconds)


def test_a_program_without_a_time_has_no_reason() -> None:
    with pytest.raises(KeyError, match="conv1"):
        advice.reason("conv1", {"im2col": 1.0}, "int8", MIX)


def test_a_gain_that_is_noise_is_no_reason_to_lose_accuracy(denoiser: Analysis) -> None:
    exact, small = replace(denoiser.exact, seconds=1e-3, lower=0.9e-3, upper=1.1e-3), denoiser.rung("int8")
    assert small
    near = replace(small, seconds=0.95e-3, lower=0.94e-3, upper=0.96e-3, evidence=proof(0.01))
    found = replace(denoiser, rungs=(exact, near))
    assert found.best == exact
    assert "Their runs overlap: no difference is proven from int8." in advice.summary(found)[0]
    far = replace(near, seconds=0.8e-3, lower=0.79e-3, upper=0.81e-3)
    assert replace(found, rungs=(exact, far)).best == far


def test_conditions_say_when_other_programs_disturbed(denoiser: Analysis) -> None:
    quiet, loud = (replace(denoiser, others=Others(cores, 2)) for cores in (0.0, 1.5))
    assert "Other programs" not in advice.summary(quiet)[2]
    assert "Other programs kept 1.5 of 2 cores busy: measure again" in advice.summary(loud)[2]


def test_a_loss_says_where_it_is_largest(denoiser: Analysis) -> None:
    blind = replace(proof(1.0), where="output 0[:, 4:22]")
    rungs = tuple(rung if rung.name in EXACT else replace(rung, evidence=blind) for rung in denoiser.rungs)
    assert "did not calibrate, largest in output 0[:, 4:22], not proven" in advice.on_bytes(
        replace(denoiser, rungs=rungs)
    )


def test_noise_beyond_all_bounds_is_never_taken(denoiser: Analysis) -> None:
    wild = proof(math.inf)
    rungs = tuple(
        rung if rung.name in EXACT else replace(rung, seconds=1e-9, evidence=wild, sqnr=-15.5)
        for rung in denoiser.rungs
    )
    found = replace(denoiser, rungs=rungs)
    assert found.best == found.exact
    assert found.best.name in EXACT
