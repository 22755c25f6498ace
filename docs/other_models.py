"""Runs ZigZag and SCALE-Sim on choices of lesson 4's model, and writes docs/other_models.md.

python docs/other_models.py [PYTHON]

PYTHON is an interpreter that has `zigzag-dse`, `scalesim`, `six`, `setuptools` and a numpy before 2.4; a second virtual
environment, since nothing of this is a dependency of the workbook. ZigZag is given the machine, the layer and every
loop, by `workbook.accelerator.zigzag_files`; SCALE-Sim simulates a systolic array of the same size.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from workbook.accelerator.layer_cost import cost
from workbook.accelerator.other_cost_models import scale_sim, zigzag_choice
from workbook.accelerator.presets import PRESETS
from workbook.accelerator.printed_nest import nest
from workbook.accelerator.systolic import output_stationary_cycles, weight_stationary_cycles
from workbook.accelerator.workload import Layer, resnet50
from workbook.files import write_whole

PAGE = Path(__file__).with_name("other_models.md")
MACHINE = PRESETS["x1"].but(winograd=None)
LAYERS = ("conv2_1.3x3", "conv4_2.expand", "conv5_2.3x3")
SMALL = ("conv4_2.expand", "conv5_2.3x3", "conv5_2.1x1")  # SCALE-Sim walks through every cycle
SYSTOLIC = {"ws": weight_stationary_cycles, "os": output_stationary_cycles}


def layer(name: str) -> Layer:
    """Return a layer of ResNet-50 alone, with nothing fused."""
    (found,) = (layer for layer in resnet50().layers if layer.name == name)
    return replace(found, pooled=None, added=False)


def zigzag_rows(python: str) -> Iterator[str]:
    """Yield a line of the table for each layer that ZigZag evaluates."""
    for name in LAYERS:
        chosen = cost(layer(name), MACHINE.array, MACHINE)
        best, worst = (seconds * MACHINE.clock_hz for seconds in chosen.band)
        answer = zigzag_choice(chosen, MACHINE, python)
        if answer.cycles is None:
            yield f"| {name} | {best:,.0f} to {worst:,.0f} | {answer.problem} | |"
            continue
        theirs = answer.cycles
        inside = "in the band" if best <= theirs <= worst else "outside"
        yield f"| {name} | {best:,.0f} to {worst:,.0f} | {theirs:,.0f} | {best / theirs - 1:+.1%}, {inside} |"


def scale_sim_rows(python: str) -> Iterator[str]:
    """Yield a line of the table for each layer and dataflow that SCALE-Sim simulates."""
    R, C = MACHINE.array.C, MACHINE.array.K
    for name in SMALL:
        of = layer(name)
        product = of.N * of.P * of.Q, of.C * of.R * of.S, of.K
        rounds = cost(of, MACHINE.array, MACHINE).cycles
        for dataflow, formula in SYSTOLIC.items():
            answer = scale_sim(R, C, *product, python, dataflow)
            if answer.cycles is None:
                yield f"| {name} | {dataflow} | {answer.problem} | | | | |"
                continue
            ours, theirs = formula(R, C, *product), answer.cycles
            errors = f"{ours / theirs - 1:+.1%} | {rounds:,.0f} | {rounds / theirs - 1:+.1%}"
            yield f"| {name} | {dataflow} | {theirs:,.0f} | {ours:,.0f} | {errors} |"


def page(python: str) -> str:
    """Return the page."""
    asked = "import importlib.metadata as m; print(m.version('zigzag-dse'), m.version('scalesim'))"
    versions = subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True).stdout.split()
    one = cost(layer(LAYERS[0]), MACHINE.array, MACHINE)
    return "\n".join(
        [
            "# Two other models on the same layers",
            "",
            f"ZigZag {versions[0]} and SCALE-Sim {versions[1]}, run by `python docs/other_models.py`; layers of "
            f"ResNet-50 on {MACHINE.array} of the preset x1, direct mode, all in cycles.",
            "",
            "## ZigZag, given machine, mapping and loops",
            "",
            "Ours is a band: from perfect overlap of computing and DRAM to none. ZigZag lets the first tile come and "
            "the last leave by themselves, and overlaps the rest.",
            "",
            "| layer | ours | ZigZag | least of ours over it |",
            "| --- | --- | --- | --- |",
            *zigzag_rows(python),
            "",
            "The first of them, as our model prints it:",
            "",
            "```",
            str(nest(one, MACHINE)),
            "```",
            "",
            "## SCALE-Sim, a systolic array",
            "",
            "ws: weights stay, os: outputs stay. `systolic` has its formulas. `cost()` counts rounds and no fill of a "
            "fold: where few pixels go through each fold, it is far too fast for such an array.",
            "",
            "| layer | | SCALE-Sim | formula | error | cost() | error |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *scale_sim_rows(python),
            "",
        ]
    )


if __name__ == "__main__":
    write_whole(PAGE, page(sys.argv[1] if len(sys.argv) > 1 else sys.executable).encode())
