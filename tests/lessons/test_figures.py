"""Every figure of every lesson is legible in greyscale and for deuteranopes; so are the colours of the look itself."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable

import legible
import nbformat
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Text

from workbook import drawing
from workbook.drawing import look
from workbook.lessonkit.catalog import LESSONS, Lesson
from workbook.lessonkit.kernel_exercise import MAGIC

SMALLEST_TEXT = 11  # pt, at the size that the page shows


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Collect the figures that are written from now on, in either form."""
    figures: list[Figure] = []
    for name in ("svg", "png"):
        write: Callable[..., object] = getattr(drawing, name)

        def collect(figure: Figure, *rest: object, write: Callable[..., object] = write) -> object:
            figures.append(figure)
            return write(figure, *rest)

        monkeypatch.setattr(drawing, name, collect)
    return figures


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_every_panel_is_legible_at_every_corner(lesson: Lesson, drawn: list[Figure]) -> None:
    panels = importlib.import_module(f"workbook.lessons.{lesson.package}.panels")
    for name in lesson.panels:
        panel = getattr(panels, name)()
        for values in panel.corners():
            panel.set(**values)
    assert len(drawn) > len(lesson.panels)
    assert_legible(drawn)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_where_colour_is_a_number_there_is_a_scale(lesson: Lesson, drawn: list[Figure]) -> None:
    """A scale is a picture one number wide or high; greys are the pixels of a photo."""
    panels = importlib.import_module(f"workbook.lessons.{lesson.package}.panels")
    for name in lesson.panels:
        assert getattr(panels, name)().view
    assert len(drawn) == len(lesson.panels)
    maps = [image for figure in drawn for axes in figure.axes for image in axes.images if image.cmap.name != "gray"]
    assert {image.figure for image in maps if image.get_array().ndim == 2} == {
        image.figure for image in maps if 1 in image.get_array().shape
    }
    assert bool(maps) == (lesson.package in ("convolution", "winograd", "hardware"))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_every_picture_of_the_notebook_is_legible(
    lesson: Lesson, drawn: list[Figure], monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    """Runs the code cells here, and asks for what each shows, as a kernel does."""
    monkeypatch.setenv("WORKBOOK_QUICK", "1")
    notebook = nbformat.read(pytestconfig.rootpath / "notebooks" / f"{lesson.name}.ipynb", as_version=4)
    names: dict[str, object] = {"display": lambda shown: None}  # of text alone
    for cell in notebook.cells:
        if cell.cell_type == "code" and not cell.source.startswith(MAGIC):
            show(cell.source, names)
    stored = sum("image/png" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", ()))
    assert len(drawn) >= stored
    assert_legible(drawn)


def show(code: str, names: dict[str, object]) -> None:
    """Run a cell; what its last line returns is shown."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    if last:
        value = eval(ast.unparse(last), names)
        for form in ("_ipython_display_", "_repr_mimebundle_"):
            if hasattr(value, form):
                getattr(value, form)()


def assert_legible(figures: list[Figure]) -> None:
    for figure in figures:
        assert legible.confusions(figure) == []
        with look():
            assert legible.off_the_page(figure) == []
        texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
        assert min((text.get_fontsize() for text in texts), default=SMALLEST_TEXT) >= SMALLEST_TEXT
        assert figure.get_facecolor() == to_rgba("white")


def figure_of(*calls: tuple[str, dict[str, object]]) -> Figure:
    with look():
        figure = Figure()
        axes = figure.subplots()
        for method, options in calls:
            getattr(axes, method)([1, 2, 3], [1, 2, 3], **options)
    return figure


GREEN, RED = "#2ca02c", "#d62728"  # of matplotlib's old cycle, and its known trap


@pytest.mark.parametrize("method", ["plot", "bar", "scatter"])
@pytest.mark.parametrize("names", [{}, {"label": "a name"}])
def test_colours_that_are_confused_are_found(method: str, names: dict[str, object]) -> None:
    found = legible.confusions(figure_of((method, {"color": GREEN, **names}), (method, {"color": RED, **names})))
    assert len(found) == 2
    assert "in greyscale 11 apart" in found[0]
    assert "for a deuteranope 7 apart" in found[1]


@pytest.mark.parametrize(
    "calls",
    [
        [("plot", {"color": "black"}), ("plot", {"color": "orange"})],
        [("plot", {"color": GREEN}), ("plot", {"color": RED, "linestyle": "--"})],
        [("plot", {"color": GREEN, "marker": "o"}), ("plot", {"color": RED, "marker": "s"})],
        [("bar", {"color": GREEN}), ("bar", {"color": RED, "hatch": "//"})],
    ],
)
def test_colours_that_differ_or_have_another_form_pass(calls: list[tuple[str, dict[str, object]]]) -> None:
    assert legible.confusions(figure_of(*calls)) == []


def test_a_name_beside_the_data_counts_and_one_in_the_legend_does_not() -> None:
    figure = figure_of(("plot", {"color": GREEN, "label": "a"}), ("plot", {"color": RED, "label": "b"}))
    axes = figure.axes[0]
    axes.legend()
    assert legible.confusions(figure) != []
    axes.text(1, 1, "a")
    axes.text(2, 2, "b")
    assert legible.confusions(figure) == []


@pytest.mark.parametrize("write", ["text", "set_xlabel", "set_ylabel", "set_title", "set_xticks", "legend"])
def test_a_text_that_leaves_the_page_is_found(write: str) -> None:
    figure = figure_of(("plot", {}))
    assert legible.off_the_page(figure) == []
    long = "a text longer than its figure is wide, " * 9
    placed = {"text": (1, 1, long), "set_xticks": ([1, 9], ["here", long])}.get(write, (long,))
    if write == "legend":
        figure.legend(figure.axes[0].lines, placed)
    else:
        getattr(figure.axes[0], write)(*placed)
    assert [long in found for found in legible.off_the_page(figure)] == [True]


def test_a_rainbow_is_found() -> None:
    figure = figure_of()
    figure.axes[0].imshow(np.eye(3), cmap="jet")
    assert legible.confusions(figure) == ["colour map jet"]


def test_the_simulation_is_the_published_one() -> None:
    """White and greys stay; red and green of one lightness come close, blue and yellow stay apart."""
    assert legible.lightness("white") == pytest.approx(100, abs=0.1)
    assert legible.lightness("black") == 0
    assert legible.DEUTERANOPIA.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert legible.deuteranope_difference("white", "white") == 0
    trap, safe = (legible.deuteranope_difference(*pair) for pair in (("#b06000", "#708000"), ("blue", "yellow")))
    assert trap < legible.LEAST_DIFFERENCE < safe
