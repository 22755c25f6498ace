"""A panel: at most three controls, one figure, one line of exact numbers.

A move of a control evaluates the model. The line follows at once, the figure, which takes longer to draw, when
`workbook/lessonkit/redraw.py` says so; it always ends on the last move. The view is one `widgets.HTML` node that holds
an SVG and is updated in place; its place is there before the first figure, so the page does not jump. A figure that is
late is dimmed, and the panel says what it is computing.

Nothing is computed before somebody looks: a cell that shows a panel has it on the page first.

An exception in the model or in the figure shows as a red box in the place of the figure and stays in `Panel.error`
until the next good move. `Panel.set` drives a panel without a browser.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import ipywidgets as widgets
from matplotlib.figure import Figure

from workbook import drawing
from workbook.files import write_whole
from workbook.lessonkit import redraw
from workbook.lessonkit.controls import TOOLTIP, Control
from workbook.lessonkit.controls import Choice as Choice
from workbook.lessonkit.controls import Slider as Slider
from workbook.lessonkit.controls import Steps as Steps
from workbook.lessonkit.panel_outputs import (
    CONTROLS,
    LATE,
    MORE,
    PANEL,
    Still,
    alert,
    line_html,
    live_head,
    place,
    show_live,
)

MOST_CONTROLS = 3

Result = TypeVar("Result")


class Panel(Generic[Result]):
    """Controls, a model, and two views of what the model returns.

    Parameters
    ----------
    name : str
        As the catalog knows it, such as "convolution.window"; the ids inside the SVG come from it.
    title : str
        What the figure shows, for a screen reader.
    controls : sequence of Control
        Three at most.
    model : function
        Takes each control's value by name; returns what the views need.
    figure : function
        Turns the model's result into a Figure.
    readout : function
        Turns the model's result into one line of exact numbers.
    height : int
        Of the figure, in CSS pixels.
    work : str
        What takes the time where a move takes long, such as "timing tiles on this machine".
    advanced : sequence of Control
        More controls, folded away.
    on_reference : function, optional
        The model with the reference machine's numbers, where `model` measures this machine: a page without a kernel
        shows it.

    Attributes
    ----------
    controls : mapping of name to ipywidget
        A test moves `panel.controls["row"].value` as a hand would.
    """

    def __init__(
        self,
        name: str,
        title: str,
        controls: Sequence[Control],
        model: Callable[..., Result],
        figure: Callable[[Result], Figure],
        readout: Callable[[Result], str],
        *,
        height: int,
        work: str = "computing",
        advanced: Sequence[Control] = (),
        on_reference: Callable[..., Result] | None = None,
    ) -> None:
        if len(controls) > MOST_CONTROLS:
            raise ValueError(f"{name} has {len(controls)} controls; at most {MOST_CONTROLS}, the others are advanced")
        self.name, self.title, self.height = name, title, height
        self._declared = {control.name: control for control in (*controls, *advanced)}
        self._model, self._figure, self._line = model, figure, readout
        self._on_reference = on_reference
        self._folded = frozenset(control.name for control in advanced)
        self.controls: Mapping[str, Any] = {name: control.widget() for name, control in self._declared.items()}
        self._error: Exception | None = None
        self._readout = ""
        self._content = ""
        self._place = place(height, work)
        self._view = _html(self._place.format(""))
        self._line_view = _html(line_html(""), min_height="60px")  # three lines
        self._box = self._layout([c.name for c in controls], [c.name for c in advanced])
        self._redraw = redraw.Redraw(self._draw)
        self._late_notice = redraw.LateNotice(
            lambda late: self._box.add_class(LATE) if late else self._box.remove_class(LATE)
        )
        self._still: Still | None = None  # there is one once the panel is shown
        self._restill = redraw.Redraw(self._draw_still, redraw.REST)
        self._drawn: tuple[Result, str] | None = None
        self._setting = False
        self._begun = False
        for widget in self.controls.values():
            widget.observe(self._on_move, names="value")

    @property
    def error(self) -> Exception | None:
        """What the last move raised."""
        self._begin()
        return self._error

    @property
    def readout(self) -> str:
        """The line as it stands."""
        self._begin()
        return self._readout

    @property
    def defaults(self) -> dict[str, object]:
        """The value that each control begins with."""
        return {name: control.default for name, control in self._declared.items()}

    @property
    def declared(self) -> Mapping[str, Control]:
        """Each control as the lesson declared it."""
        return self._declared

    @property
    def folded(self) -> frozenset[str]:
        """The names of the advanced controls."""
        return self._folded

    @property
    def shows_reference(self) -> bool:
        """Whether what it shows of a machine is the reference machine's, not this one's."""
        return self._model is self._on_reference

    @property
    def values(self) -> dict[str, Any]:
        """The value of each control."""
        return {name: self._declared[name].settled(widget.value) for name, widget in self.controls.items()}

    @property
    def view(self) -> str:
        """The HTML in the place of the figure: the SVG, or the red box."""
        self._begin()
        return self._content

    def set(self, **values: object) -> None:
        """Move controls by name and draw at once.

        Raises
        ------
        ValueError
            For a name that the panel does not have or a value that its control cannot take; nothing has moved then.
        """
        unknown = [name for name in values if name not in self._declared]
        if unknown:
            raise ValueError(f"{self.name} has no control {unknown[0]!r}; it has {', '.join(self._declared)}")
        checked = {name: self._declared[name].check(value) for name, value in values.items()}
        self._setting = True
        try:
            for name, value in checked.items():
                self.controls[name].value = value
        finally:
            self._setting = False
        self._begun = False
        self._begin()

    def show_reference(self) -> None:
        """Show the reference machine from now on, in place of this one; nothing is measured any more."""
        self._model, self._begun = self._on_reference or self._model, False

    def save(self, path: str | Path) -> Path:
        """Write the figure as it stands to a .png or .svg file, and return its path.

        Raises
        ------
        ValueError
            For another kind of file, or if the last move ended in an error.
        """
        path = Path(path)
        if path.suffix not in (".png", ".svg"):
            raise ValueError(f"a panel is saved as a .png or .svg file, not {path.name}")
        if self.error is not None or self._drawn is None:
            raise ValueError(f"{self.name} shows no figure: {self.error}") from self.error
        write_whole(path, self.view.encode() if path.suffix == ".svg" else self._picture(*self._drawn)[0].image)
        return path

    def corners(self) -> list[dict[str, object]]:
        """Return the settings that a test tries: each control at each of its corners, the others at their defaults."""
        return [
            {**self.defaults, name: value} for name, control in self._declared.items() for value in control.corners()
        ]

    def _begin(self) -> None:
        """Compute and draw at once, if that has not been done yet."""
        if not self._begun:
            self._begun = True
            self._move()
            self._redraw.now()

    def _on_move(self, _change: object) -> None:
        if not self._setting:
            self._begun = True
            self._move()
            self._redraw()

    def _move(self) -> None:
        """Evaluate the model and write the line."""
        self._late_notice.begin()
        try:
            result = self._model(**self.values)
            self._moved = result, self._line(result)
        except Exception as error:
            self._show(error)
        else:
            self._error = None
            self._say(self._moved[1])

    def _draw(self) -> Callable[[], None]:
        """Draw what the last move gave, and return what shows it: by then, another move may have ended in an error."""
        if self._error is not None:
            return lambda: None
        moved = result, line = self._moved
        drawn: str | Exception
        try:
            with drawing.look(self.name):
                drawn = drawing.svg(self._figure(result), f"{self.title}. {line}")
        except Exception as error:
            drawn = error
        gc.collect(1)  # a figure is cyclic garbage; some dozens at once would hold up a move for a tenth of a second

        def show() -> None:
            if isinstance(drawn, Exception):
                if moved is self._moved:
                    self._show(drawn)
            elif self._error is None:
                self._drawn = moved
                self._fill(drawn, late=moved is not self._moved)
                if self._still:
                    self._restill()

        return show

    def _draw_still(self) -> Callable[[], None]:
        """Draw the last good figure as a picture for the file, and return what puts it there."""
        still = self._still
        if self._drawn is None or still is None:
            return lambda: None
        picture, line = self._picture(*self._drawn)
        return lambda: still.update(picture, line)

    def _picture(self, result: Result, line: str) -> tuple[drawing.Picture, str]:
        return drawing.Picture.of(lambda: self._figure(result), f"{self.name}: {line}"), line

    def _fill(self, content: str, late: bool = False) -> None:
        """Show this in the place of the figure; `late` if the controls have moved on since."""
        self._content = content
        self._view.value = self._place.format(content)
        if late:
            self._late_notice.begin()
        else:
            self._late_notice.end()

    def _say(self, line: str) -> None:
        self._readout = line
        self._line_view.value = line_html(line)

    def _show(self, error: Exception) -> None:
        """Put the red box in the place of the figure."""
        self._error = error
        self._say("No numbers: the last move ended in an error.")
        self._fill(alert(error))

    def _layout(self, shown: list[str], folded: list[str]) -> Any:
        rows = [_row(self.controls[name] for name in shown)]
        if folded:
            more = widgets.Checkbox(description="advanced", indent=False, **{TOOLTIP: ""}).add_class(MORE)
            rows += [more, _row(self.controls[name] for name in folded)]
        return widgets.VBox([_html(live_head(self.title)), *rows, self._view, self._line_view]).add_class(PANEL)

    def _ipython_display_(self) -> None:
        """Show the live view, and make the picture and words that stay in the file."""
        show_live(self._box.model_id, self.name)
        self._begin()
        if self._drawn:
            self._still = self._still or Still()
            self._still.show(*self._picture(*self._drawn))
        _shorten_collections()


def named(name: str, *panels: Callable[[], Panel[Any]]) -> Panel[Any]:
    """Return the panel that the function of this name makes.

    Raises
    ------
    ValueError
        If none of the functions has it; the message lists those that there are.
    """
    makers = {make.__name__: make for make in panels}
    if name not in makers:
        raise ValueError(f"no panel {name!r}; there are {', '.join(makers)}")
    return makers[name]()


def _row(controls: Iterable[Any]) -> Any:
    return widgets.HBox(list(controls), layout=widgets.Layout(flex_flow="row wrap")).add_class(CONTROLS)


def _html(page: str, **layout: str) -> Any:
    """Return a widget that shows HTML; without a tooltip of its own it would have one that says "null"."""
    return widgets.HTML(page, **{TOOLTIP: ""}, layout=widgets.Layout(**layout))


def _shorten_collections() -> None:
    """Have the garbage collector leave alone what is there now, so that a collection takes a few milliseconds."""
    gc.collect()
    gc.freeze()
