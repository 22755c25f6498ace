"""Each sentence of advice against the numbers, on random reports."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from workbook.advisor import advice
from workbook.advisor.analysis_result import ALIKE, EXACT, MIX, NAIVE, Analysis
from workbook.advisor.programs import FLOAT
from workbook.measuring.intervals import Interval

PROGRAMS = (*FLOAT, "auto", "int8")


def shuffled(found: Analysis, random: np.random.Generator) -> Analysis:
    """Return a report with other times and losses."""
    rungs = []
    for rung in found.rungs:
        seconds = float(random.uniform(1e-3, 1e-2))
        loss = float(random.uniform(0, 0.1))
        proven = None if random.random() < 0.3 else Interval(loss, 0.9 * loss, 1.1 * loss)
        sqnr = float(random.choice([100, ALIKE - 1])) if rung.name == "onnxruntime" else rung.sqnr
        rungs.append(replace(rung, seconds=seconds, upper=1.1 * seconds, loss=proven, sqnr=sqnr))
    return replace(found, rungs=tuple(rungs), fps=float(random.uniform(50, 500)))


@pytest.mark.parametrize("seed", range(40))
def test_the_decision_is_the_fastest_that_may_be_taken(denoiser: Analysis, seed: int) -> None:
    found = shuffled(denoiser, np.random.default_rng(seed))
    decision, conditions, small, where, deadline = advice.summary(found)
    taken = found.rung(re.match(r"Take (.+?): ", decision)[1])  # type: ignore[index]
    assert taken
    allowed = [
        rung
        for rung in found.rungs
        if (rung.name in EXACT and rung.sqnr >= ALIKE)
        or (rung.name not in (*EXACT, NAIVE) and rung.loss and rung.loss.high <= found.max_loss)
    ]
    assert taken.seconds == min(rung.seconds for rung in allowed)
    exact = min((rung for rung in allowed if rung.name in EXACT), key=lambda rung: rung.seconds)
    assert f"{1e3 * taken.seconds:.2f} ms" in decision
    if taken is not exact:
        assert f"{exact.seconds / taken.seconds:.2f}x over the fastest exact program, {exact.name} " in decision
    else:
        other = found.rung(re.search(r"other one, (.+?), takes", decision)[1])  # type: ignore[index]
        assert other
        assert other.seconds == min(r.seconds for r in found.rungs if r not in (taken,) and r.name != NAIVE)
    assert f"{found.max_loss:.1%}" in conditions
    names = {"int8", "onnxruntime int8"} | {one.name for one in found.rungs if "int8" in one.programs.values()}
    rung = min((one for one in found.rungs if one.name in names), key=lambda r: r.seconds)
    assert f"{rung.name} takes {1e3 * rung.seconds:.2f} ms, {exact.seconds / rung.seconds:.2f}x over" in small
    assert ("no advice" in small) == (rung.loss is None)
    if rung.loss:
        assert ("not proven" in small) == (rung.loss.high > found.max_loss)
    assert ("does not keep" in deadline) == (taken.upper * found.fps > 1)
    assert " of the time lies outside" in where


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


def test_noise_beyond_all_bounds_is_never_taken(denoiser: Analysis) -> None:
    wild = Interval(math.inf, math.inf, math.inf)
    rungs = tuple(
        rung if rung.name in EXACT else replace(rung, seconds=1e-9, loss=wild, sqnr=-15.5) for rung in denoiser.rungs
    )
    found = replace(denoiser, rungs=rungs)
    assert found.best == found.exact
    assert found.best.name in EXACT
