"""The controls of a panel: a slider over a range, a slider over listed values, and a choice.

What a control stands at is what the page shows, and what `Panel.set` takes: 256, not the eighth power of two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isclose
from numbers import Real
from typing import Any, Protocol

import ipywidgets as widgets

TOOLTIP = "tooltip" if hasattr(widgets.HTML, "tooltip") else "description_tooltip"  # as ipywidgets 7 calls it

_WIDTH = "290px"


def plain(value: object) -> str:
    """Return a value as a control shows it: 65536 is 65,536, and 0.625 stays."""
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


def powers_of_two(low: int, high: int) -> tuple[int, ...]:
    """Return 2**low to 2**high, for `Steps`."""
    return tuple(1 << power for power in range(low, high + 1))


class Control(Protocol):
    """What a panel needs of a control; `Slider`, `Steps` and `Choice` are controls."""

    @property
    def name(self) -> str:
        """The model's argument that it moves."""

    @property
    def label(self) -> str:
        """What the page calls it."""

    @property
    def default(self) -> object:
        """The value that the panel begins with."""

    @property
    def values(self) -> tuple[Any, ...]:
        """All that it can stand at, in the order of its keys."""

    def widget(self) -> Any:
        """Return a new ipywidget that holds the default."""

    def shown(self, value: Any) -> str:
        """Return a value as the page shows it."""

    def settled(self, value: Any) -> Any:
        """Return the value that a widget's value stands for."""

    def check(self, value: object) -> object:
        """Return the value, or raise a ValueError that names it and says what is possible."""

    def corners(self) -> tuple[object, ...]:
        """Return the values that a test tries: the ends of a range, every choice."""


@dataclass(frozen=True)
class Slider:
    """A number from `low` to `high` in steps; whole ones, unless the step is a fraction.

    A number can be typed beside the slider, too; one between two steps becomes the nearer of them.
    """

    name: str
    label: str
    low: float
    high: float
    default: float
    step: float = 1

    @property
    def values(self) -> tuple[Any, ...]:
        """Every step; whole numbers are ints."""
        steps = round((self.high - self.low) / self.step)
        return tuple(self.low + i * self.step for i in range(steps + 1))

    def widget(self) -> Any:
        """Return an IntSlider, or a FloatSlider that shows as many digits as its steps have."""
        kind = widgets.IntSlider if isinstance(self.step, int) else widgets.FloatSlider
        digits = {} if isinstance(self.step, int) else {"readout_format": f".{len(f'{self.step:g}') - 2}f"}
        made = kind(self.default, min=self.low, max=self.high, step=self.step, **digits, **_told(self.label))

        def settle(change: Any) -> None:
            """Move to the nearer step; but a page's 0.9999999999999999 is left alone, or this would hold up a drag."""
            if not isclose(change.new, self.settled(change.new)):
                made.value = self.settled(change.new)

        made.observe(settle, names="value")
        return made

    def settled(self, value: float) -> Any:
        """Return the value that is nearest to where the widget stands."""
        return self.values[round((value - self.low) / self.step)]

    def shown(self, value: float) -> str:
        """Return the number as the widget writes it."""
        return f"{value:d}" if isinstance(value, int) else f"{value:.{len(f'{self.step:g}') - 2}f}"

    def check(self, value: object) -> object:
        """Return one of the values."""
        if isinstance(value, Real) and not isinstance(value, bool) and self.low <= float(value) <= self.high:
            nearest = self.settled(float(value))
            if nearest == value:
                return nearest
        kind = "a whole number" if self.step == 1 else f"a multiple of {self.step:g}"
        raise ValueError(f"{self.name} takes {kind} from {self.low:g} to {self.high:g}, not {value!r}")

    def corners(self) -> tuple[object, ...]:
        """Return both ends."""
        return self.low, self.high


@dataclass(frozen=True)
class _Listed:
    """One of several values.

    Attributes
    ----------
    name, label : str
    values : tuple
        Numbers or words.
    default : object
    show : function
        Makes a value the text on the page.
    """

    name: str
    label: str
    values: tuple[Any, ...]
    default: Any
    show: Callable[[Any], str] = plain

    def shown(self, value: Any) -> str:
        """Return the value's text."""
        return self.show(value)

    def settled(self, value: Any) -> Any:
        """Return the value itself."""
        return value

    def check(self, value: object) -> object:
        """Return one of the values; its text will do."""
        if isinstance(value, str | Real) and not isinstance(value, bool):
            for known in self.values:
                if value in (known, str(known), self.show(known)):
                    return known
        raise ValueError(f"{self.name} takes one of {', '.join(map(repr, self.values))}, not {value!r}")

    def corners(self) -> tuple[object, ...]:
        """Return both ends."""
        return self.values[0], self.values[-1]

    def _options(self) -> dict[str, Any]:
        return {
            "value": self.default,
            "options": [(self.show(value), value) for value in self.values],
            **_told(self.label),
        }


class Steps(_Listed):
    """A slider over values that are not evenly spaced, such as powers of two."""

    def widget(self) -> Any:
        """Return a SelectionSlider."""
        return widgets.SelectionSlider(**self._options())


class Choice(_Listed):
    """A drop-down."""

    def widget(self) -> Any:
        """Return a Dropdown."""
        return widgets.Dropdown(**self._options())

    def corners(self) -> tuple[object, ...]:
        """Return all of them."""
        return self.values


def _told(label: str) -> dict[str, Any]:
    """Return what shows a label whole; without a tooltip a page would say "null"."""
    return {
        "description": label,
        TOOLTIP: label,
        "style": {"description_width": "initial"},
        "layout": widgets.Layout(width=_WIDTH, max_width="100%"),
    }
