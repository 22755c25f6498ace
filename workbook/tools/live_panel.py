"""A panel as it stands in a browser: moved by keys, read and timed on the page; and its twin in this process."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator

from playwright.sync_api import Locator, expect

from workbook.lessonkit.catalog import Lesson
from workbook.lessonkit.controls import Control
from workbook.lessonkit.panel import Panel
from workbook.tools.browser import PATIENCE, Notebook

_SCROLLS = 20

# Calls back when the frame with what has changed is on the screen: after the next frame's callbacks and its painting.
_WATCH = """(box, [event, line]) => {
    const painted = () => new Promise(done => requestAnimationFrame(() => {
        const {port1, port2} = new MessageChannel();
        port1.onmessage = () => done(performance.now());
        port2.postMessage(null);
    }));
    box.move = new Promise(answer => {
        let began, said, drawn;
        const begin = event => { began = event.timeStamp };
        box.addEventListener(event, begin, {capture: true, once: true});
        const watcher = new MutationObserver(() => {
            if (box.querySelector('[role=status]')?.textContent === line) said ??= painted();
            if (box.querySelector('svg[role=img] > title')?.textContent.endsWith(line)) drawn ??= painted();
            if (!said || !drawn) return;
            watcher.disconnect();
            Promise.all([said, drawn]).then(ends => answer(ends.map(end => end - began)));
        });
        watcher.observe(box, {childList: true, subtree: true, characterData: true});
    });
}"""
_WAIT = """(box, patience) => Promise.race([box.move, new Promise((_, give_up) =>
    setTimeout(() => give_up(new Error('the line and the figure of a move did not come')), patience))])"""

_SEEN = """box => new Promise(answer => requestAnimationFrame(() => requestAnimationFrame(() => {
    const {top, bottom} = box.getBoundingClientRect();
    answer(bottom > 0 && top < window.innerHeight);
})))"""


class LivePanel:
    """One panel of a notebook that has run."""

    def __init__(self, box: Locator) -> None:
        self.box = box
        self.bring_into_view()
        self.sliders = box.get_by_role("slider")
        self.controls = box.locator("[role=slider], select")
        self.line = box.locator("[role=status]")
        self.figure = box.locator("svg[role=img]")
        self.error = box.get_by_role("alert")

    def bring_into_view(self) -> None:
        """Scroll until the panel is there to stay: a cell is laid out when it comes near, which moves the others."""
        for _ in range(_SCROLLS):
            self.box.scroll_into_view_if_needed()
            if self.box.evaluate(_SEEN):
                return
        raise AssertionError(f"not in view after {_SCROLLS} scrolls")

    def visible_controls(self) -> list[int]:
        """Return the places in `controls` of those that are not folded away."""
        return [i for i, control in enumerate(self.controls.all()) if control.is_visible()]

    def texts(self) -> list[str]:
        """Return what the page shows each control to stand at, in order."""
        read = """box => [...box.querySelectorAll('[role=slider], select')].map(control => control.value
            ?? control.closest('.widget-inline-hbox').querySelector('.widget-readout').textContent)"""
        return list(self.box.evaluate(read))

    def timed_step(self, control: int, step: int, line: str) -> tuple[float, float]:
        """Move a control by one step, and return the seconds until the page has painted the line and the figure.

        Parameters
        ----------
        control : int
            Its place in `controls`.
        step : int
            1 or -1: to the next value or to the one before.
        line : str
            What the line says then; it says something else before.
        """
        moved = self.controls.nth(control)
        slider = moved.get_attribute("role") == "slider"
        self.box.evaluate(_WATCH, ["keydown" if slider else "change", line])
        if slider:
            moved.press("ArrowRight" if step > 0 else "ArrowLeft")
        else:
            moved.select_option(index=int(moved.evaluate("choice => choice.selectedIndex")) + step)
        said, drawn = self.box.evaluate(_WAIT, PATIENCE)
        return said / 1e3, drawn / 1e3

    def expect_line(self, line: str) -> None:
        """Wait until the line of numbers, and the figure, are those of a move."""
        expect(self.line).to_have_text(line)
        expect(self.figure.locator("title").first).to_have_text(re.compile(re.escape(line)))

    def picture(self) -> bytes:
        """Return the figure's pixels."""
        return self.figure.screenshot()

    def top(self) -> float:
        """Return how far below the window's upper edge the panel begins, in CSS pixels."""
        return float(self.box.evaluate("box => box.getBoundingClientRect().top"))

    def watch_height(self) -> None:
        """Begin to note every height that the panel takes."""
        self.box.evaluate(
            "box => { box.heights = []; new ResizeObserver(() => box.heights.push(box.offsetHeight)).observe(box) }"
        )

    def heights(self) -> set[int]:
        """Return the heights noted so far."""
        return set(self.box.evaluate("box => [...box.heights, box.offsetHeight]"))


def twins(notebook: Notebook, lesson: Lesson) -> Iterator[tuple[Panel[object], LivePanel]]:
    """Yield each panel of a lesson twice, at the same values: in this process, where it can be asked, and on a page."""
    module = importlib.import_module(f"workbook.lessons.{lesson.package}.panels")
    for i, name in enumerate(lesson.panels):
        panel: Panel[object] = getattr(module, name)()
        live = LivePanel(notebook.panels.nth(i))
        shown = zip(panel.declared.values(), live.texts(), strict=True)  # a cell may have moved it
        panel.set(**{control.name: value_of(control, text) for control, text in shown})
        yield panel, live


def value_of(control: Control, text: str) -> object:
    """Return the value that a page shows as this text."""
    return next(value for value in control.values if control.shown(value) == text)
