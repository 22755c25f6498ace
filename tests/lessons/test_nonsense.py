"""Every helper that a lesson offers refuses nonsense in one sentence, and a notebook shows that sentence alone."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

from workbook.advisor.analysis_result import Analysis
from workbook.errors import CommandError
from workbook.lessonkit.arguments import guarded
from workbook.lessonkit.catalog import LESSONS
from workbook.lessons import analysis, convolution, hardware, quantization, start_here, streaming, winograd
from workbook.lessons.streaming.queueing import CameraRule
from workbook.plain_text import COLUMNS

NONSENSE = (None, -1, 0, True, "nonsense", float("nan"), [], (), object())

# Whatever it is, these answer it in a line of their own.
ANSWERING = ("check", "guess", "compare", "ladder", "export")

# What is no nonsense there: nothing, no time, no load, no layers, a name.
SENSIBLE = {
    "reach": (None, 0),
    "scoreboard": (None,),
    "beside_peers": (0,),
    "batch_bound": (0,),
    "random_arrivals": (0,),
    "hand_in": ("nonsense",),
}
SENSIBLE |= {"accuracy_with": ([], ())}

HELPERS = [
    pytest.param(getattr(face, name), id=f"{lesson.package}.{name}")
    for lesson in LESSONS
    for face in [importlib.import_module(f"workbook.lessons.{lesson.package}")]
    for name in face.__all__
    if callable(getattr(face, name)) and not inspect.isclass(getattr(face, name)) and name not in ANSWERING
]


def refusal(call: Callable[[], object]) -> str:
    """Return the sentence, as a notebook shows it."""
    with pytest.raises((ValueError, CommandError)) as caught:
        call()
    shown = caught.value._render_traceback_()  # type: ignore[union-attr]
    assert " ".join(shown).split() == f"{type(caught.value).__name__}: {caught.value}".split()
    assert max(map(len, shown)) <= COLUMNS
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("helper", HELPERS)
def test_nonsense_is_refused(helper: Any) -> None:
    needed = [p for p in inspect.signature(helper).parameters.values() if p.default is p.empty]
    places = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in needed) or 1
    for nonsense in NONSENSE:
        if not any(type(nonsense) is type(value) and nonsense == value for value in SENSIBLE.get(helper.__name__, ())):
            assert refusal(lambda nonsense=nonsense: helper(*[nonsense] * places))
    if places > 1:
        assert "missing" in refusal(helper)


SIZES = {"K": 1, "C": 1, "R": 1, "S": 1, "P": 1, "Q": 1}
CASES: list[tuple[Callable[[], object], str]] = [
    *(
        (lambda name=name: convolution.macs(**SIZES | {name: -1}), f"{name} must be at least 1, not -1")
        for name in SIZES
    ),
    (lambda: convolution.macs(**SIZES | {"K": 1.5}), "K must be a whole number, not 1.5 (float)"),
    (lambda: convolution.window(200, 0, "blur"), "row must be from 0 to 93, 200 is not: the filter would stick out"),
    (lambda: convolution.window(0, -1, "blur"), "column must be from 0 to 93, -1 is not"),
    (lambda: convolution.window(0, 0, "blurr"), "no filter 'blurr'; there are vertical edges, "),
    (convolution.grouped, "grouped needs a number of groups at least"),
    (lambda: convolution.grouped(0), "groups must divide the 64 channels, 0 does not"),
    (convolution.columns, "columns needs a layer at least"),
    (lambda: convolution.columns((2, 1)), "the filter's side must be odd"),
    (lambda: convolution.chart(3), "shown must be a Race or a Stair or a Survey or an OwnLayer, not 3 (int)"),
    (lambda: start_here.reach(-1.0), "seconds must be at least 0, not -1.0"),
    (lambda: winograd.layer(64, 0, 4), "the side of the map must be a whole number from 1 on, not 0"),
    (lambda: winograd.error("fp8"), "no type 'fp8'; there are fp32, fp16, bf16"),
    (lambda: winograd.cook_toom(2, ("half", 0, 1)), "'half' is no point: give a whole number, a Fraction"),
    (lambda: quantization.dimmed(-1), "factor must be a number above 0, such as 0.5, not -1"),
    (lambda: quantization.images("digits_cnn", -1), "count must be at least 1, not -1"),
    (lambda: quantization.accuracy_with("conv1"), "exclude must be a list, each a text, not 'conv1' (str)"),
    (lambda: quantization.quantize([], []), "network must be something with "),
    (lambda: hardware.roofline([]), "roofline needs at least one network of resnet50"),
    (lambda: hardware.setting("resnet50", "DRAM"), "memory must be one of 'no DRAM limit'"),
    (lambda: streaming.Modelled(-1, 0), "fixed and per_frame must be seconds, 0 or more, not -1"),
    (lambda: streaming.Policy("many"), "batch='many': a worker takes a whole number of frames, at least one"),
    (lambda: streaming.psnr(np.zeros(3), np.zeros(4)), "image and truth must have one shape"),
    (lambda: streaming.least_samples(1.0), "p and confidence must be between 0 and 1"),
    (lambda: streaming.live((0, 0)), ""),
    (lambda: analysis.judged("factory", "int8"), "scenario must be one of medical imaging"),
    (lambda: analysis.steps("nothing.onnx"), "There is no file nothing.onnx"),
]


@pytest.mark.parametrize(("call", "says"), CASES, ids=[says[:40] for _, says in CASES])
def test_it_says_what_is_wrong(call: Callable[[], object], says: str) -> None:
    with pytest.raises((ValueError, CommandError)) as caught:
        call()
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


def test_what_is_no_nonsense_passes() -> None:
    assert convolution.macs(**SIZES | {"K": np.int64(3)}) == 3
    assert winograd.error("fp32", 2, iter((0, "½", "-½"))) > 0
    run = streaming.stream(streaming.camera(9), streaming.Modelled(0, 0.001), streaming.Policy.newest())
    assert len(streaming.latencies(run.records)) == 9
    assert CameraRule(1, 0, 1).best_batch == 1


def test_a_notebook_shows_the_sentence_alone(capsys: pytest.CaptureFixture[str]) -> None:
    shell = InteractiveShell.instance()
    try:
        shell.run_cell("from workbook.lessons import convolution as lesson\nlesson.grouped()")
    finally:
        InteractiveShell.clear_instance()
    shown = capsys.readouterr().out
    assert shown.strip() == "ValueError: grouped needs a number of groups at least, such as 1"


def test_a_mistake_of_our_own_keeps_its_traceback() -> None:
    def broken(size: int) -> float:
        return 1 / (size - size)

    with pytest.raises(ZeroDivisionError) as caught:
        guarded(broken, "broken")(3)
    assert not hasattr(caught.value, "_render_traceback_")


class TestYourNetwork:
    def test_export_says_where_or_why_not(
        self, denoiser: Analysis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for found, file in ((None, "a.html"), (3, "a.html"), (denoiser, ...), (denoiser, 3), (denoiser, "")):
            analysis.export(found, file)
            assert capsys.readouterr().out.startswith("not exported: it takes an analysis")
        for file, why in (("no/folder/a.html", "No such file or directory"), ("a\0.html", "null")):
            analysis.export(denoiser, file)
            said = capsys.readouterr().out
            assert said.startswith(f"not exported: {file!r} cannot be written (")
            assert why in said
            assert said.count("\n") == 1
        analysis.export(denoiser, tmp_path / "a.html")
        assert capsys.readouterr().out == f"written: {tmp_path / 'a.html'}\n"
        assert [path.name for path in tmp_path.iterdir()] == ["a.html"]

    def test_yours_says_why_not(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "mine.onnx").write_bytes(b"no model")
        monkeypatch.chdir(tmp_path)
        panel = analysis.explore()
        panel.set(network="mine.onnx")
        assert analysis.yours(panel) is None
        said = capsys.readouterr().out
        assert said.startswith("not analyzed: ")
        assert max(map(len, said.splitlines())) <= COLUMNS
        assert analysis.yours(analysis.explore("scenario")) is None
        assert capsys.readouterr().out.startswith("not analyzed: it takes the panel of")
