"""The look's own tools: names of marks in an SVG, and a look that ends where it began."""

from __future__ import annotations

import threading
import time
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from interrupting import PATIENCE
from matplotlib.figure import Figure

from workbook.drawing import look, name_marks, png, svg

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ["conv1: 2 < 3", 'a "deep" layer & one more', "last"]


def drawn(xs: list[float], names: list[str], **options: Any) -> ElementTree.Element:
    with look():
        figure = Figure()
        axes = figure.subplots()
        axes.plot([1, 2], [1, 2], "o")
        (line,) = axes.plot(xs, range(len(xs)), "s-", **options)
        axes.set(xlim=(0, 9), ylim=(-1, 9))
        name_marks(line, names)
        assert png(figure).startswith(b"\x89PNG")
        return ElementTree.fromstring(svg(figure, "three marks"))


@pytest.mark.parametrize("options", [{}, {"clip_on": False}])
def test_every_mark_has_its_name_and_no_other_has_one(options: dict[str, object]) -> None:
    page = drawn([1, 4, 8], NAMES, **options)
    assert [mark.findtext(f"{SVG}title") for mark in page.iter(f"{SVG}use") if len(mark)] == NAMES
    assert page.findtext(f"{SVG}title") == "three marks"
    assert not any("marks: " in element.get("id", "") for element in page.iter())


def test_a_mark_that_is_not_drawn_takes_the_names_of_all() -> None:
    """They would stand at the wrong marks."""
    page = drawn([1, float("nan"), 8], NAMES)
    assert not any(len(mark) for mark in page.iter(f"{SVG}use"))


def test_the_look_does_not_leak() -> None:
    before = mpl.rcParams["svg.hashsalt"]
    with look("inside"):
        assert mpl.rcParams["svg.hashsalt"] == "inside"
    assert mpl.rcParams["svg.hashsalt"] == before


def test_a_look_waits_for_the_look_of_another_thread() -> None:
    before = mpl.rcParams["svg.hashsalt"]
    entered = threading.Event()

    def another() -> None:
        with look("another"):
            entered.set()
            time.sleep(0.05)
            assert mpl.rcParams["svg.hashsalt"] == "another"

    thread = threading.Thread(target=another)
    thread.start()
    entered.wait(PATIENCE)
    with look("ours"):
        thread.join()
        assert mpl.rcParams["svg.hashsalt"] == "ours"
    assert mpl.rcParams["svg.hashsalt"] == before
