"""Lesson 6, your network, as its notebook uses it, and what `workbook analyze` computes.

Which of the four tools helps a network, by how much: every layer by every program, the best mix of them, and the
tools one after the other, measured; then the same network on an accelerator of lesson 4's model.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Any

from IPython.display import display

from workbook.accelerator.presets import PRESETS
from workbook.advisor import accelerator_steps, advice, analysis_figure, analysis_report, input_images, mix
from workbook.advisor.accelerator_steps import Step
from workbook.advisor.analysis_result import Analysis
from workbook.advisor.file_analysis import run
from workbook.drawing import Picture
from workbook.errors import CommandError
from workbook.files import write_whole
from workbook.lessonkit.arguments import guard
from workbook.lessonkit.guess import keep, keeper
from workbook.lessonkit.hand_in import hand_in
from workbook.lessonkit.listing import Listing
from workbook.lessonkit.panel import Panel, named
from workbook.lessonkit.scoreboard import scoreboard
from workbook.lessonkit.sheet import Sheet
from workbook.lessons.analysis import exercises, model, panels
from workbook.lessons.analysis import tool_race as comparing
from workbook.lessons.analysis.chain_of_forms import chain_mix
from workbook.lessons.analysis.layer_text import LayerTable, Sentences
from workbook.lessons.analysis.model import SCENARIOS, judged
from workbook.lessons.analysis.tool_race import Compared
from workbook.measuring.made import Made
from workbook.measuring.this_machine import machine
from workbook.network import ModelError
from workbook.plain_text import COLUMNS

__all__ = [
    "SCENARIOS",
    "chain_mix",
    "chart",
    "check",
    "compare",
    "explore",
    "export",
    "guess",
    "hand_in",
    "hint",
    "judged",
    "layers",
    "machine",
    "reset",
    "scoreboard",
    "solution",
    "source",
    "steps",
    "verdicts",
    "yours",
]

_sheet = Sheet(exercises.EXERCISES)
check, hint, solution, reset = _sheet.check, _sheet.hint, _sheet.solution, _sheet.reset
guess = keeper("analysis")


def explore(panel: str = "tools") -> Panel[Any]:
    """Return a panel: "tools", a network on an accelerator; "scenario", a design against four limits.

    Raises
    ------
    ValueError
        For another name.
    """
    return named(panel, panels.tools, panels.scenario)


def compare(guess: object = ...) -> Compared:
    """Measure the tools one after the other on the denoiser and on ResNet-50; the scoreboard keeps the gains."""
    guess = keep("analysis", guess)
    found = comparing.compare(guess)
    comparing.record(found)
    return found


def chart(found: Analysis) -> Picture:
    """Return the waterfall of an analysis."""
    rungs = ", ".join(rung.name for rung in found.rungs if rung.is_ours)
    return Picture.of(lambda: analysis_figure.waterfall_figure(found), f"analysis.waterfall: {found.name}: {rungs}")


def layers(found: Analysis) -> LayerTable | Picture | Sentences:
    """Return the layers of an analysis: a table, a picture if there are many, or a sentence if there are none."""
    if not found.rows:
        return Sentences(advice.verdicts(found)[:1])
    if len(found.rows) <= 16:
        return LayerTable(found)
    text = f"analysis.layers: {found.name}, {len(found.rows)} layers: float32, Winograd, int8, taken"
    return Picture.of(lambda: analysis_figure.layers_figure(found.rows), text)


def steps(network: str, images: int = 1, machine: str = "x1") -> tuple[Step, ...]:
    """Return a network's steps on an accelerator, several images at once: from a wide type to all tools."""
    return accelerator_steps.ladder(model.workload(network), PRESETS[machine], images)


def verdicts(found: Analysis) -> None:
    """Show what each of the four tools did for a network, and which program to take."""
    display(
        Sentences(tuple(f"[machine] {sentence}" for sentence in (*advice.verdicts(found), advice.summary(found)[0])))
    )


def yours(panel: Panel[Any]) -> Analysis | None:
    """Analyze the file that is chosen in the first panel; None, and a line that says why, if that cannot be."""
    values = panel.values
    if "machine" not in values:
        print('not analyzed: it takes the panel of lesson.explore("tools")')
        return None
    if values["network"] in model.BUILT_IN:
        print("choose a file of yours in the panel, then run this cell again")
        return None
    try:
        file = Path(values["network"])
        return run(file, lambda _: None, machine=values["machine"], size=model.size_of(file, values["side"]), threads=1)
    except (CommandError, ModelError, OSError) as error:
        print(fill(f"not analyzed: {error}", COLUMNS))
        return None


def export(found: object = None, file: object = ...) -> None:
    """Write an analysis to an HTML page; a line says where, or why not."""
    if not isinstance(found, Analysis) or not isinstance(file, str | Path) or not Path(file).name:
        print("not exported: it takes an analysis and a file's name, such as 'my.html'")
        return
    try:
        write_whole(
            Path(file), analysis_report.document(found, Made.now(f"lesson.export(..., {str(file)!r})")).encode()
        )
    except (OSError, ValueError) as error:  # a name may hold what no file's does
        print(f"not exported: {file!r} cannot be written ({getattr(error, 'strerror', None) or error})")
    else:
        print(f"written: {file}")


def source(name: str) -> Listing:
    """Return the source of "mix", the minimum cut, or of "images", what networks are run on.

    Raises
    ------
    ValueError
        For another name.
    """
    modules = {"mix": mix, "images": input_images}
    if name not in modules:
        raise ValueError(f"no source {name!r}; there are {', '.join(modules)}")
    return Listing.of(modules[name])


def measurements() -> dict[str, float]:
    """Measure what the prose and the tables quote of the reference machine."""
    return comparing.compare(seconds=12).numbers


guard(__name__)
