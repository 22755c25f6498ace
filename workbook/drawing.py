"""The look of every figure, and its two forms: inline SVG for a live panel, PNG for a committed notebook.

Colours come from the petroff cycle, which stays apart for colour-blind readers; text is 11 pt at final size on white.
Figures are `matplotlib.figure.Figure` and never pyplot's, so that none outlives its cell.
"""

from __future__ import annotations

import html
import io
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.typing import ColorType
from PIL import Image

COLORS: tuple[ColorType, ...] = tuple(mpl.color_sequences["petroff10"])
INK = "#222222"
CSS_DPI = 96
PNG_DPI = 144  # 1.5 pixels a CSS pixel: sharp on most screens, small in the file

_ONE_THREAD = threading.RLock()
_PAGE_WIDE_STYLE = re.compile(r"\s*<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)  # inline, it would style the page

_NAMED = "marks: "  # begins the id of an artist whose marks have names, which stand behind it
_NAMED_MARKS = re.compile(rf"""<g id=(["']){_NAMED}(.*?)\1>(.*?)</g>""", re.DOTALL)
_BETWEEN = " | "

_LOOK: dict[Any, Any] = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": 11,
    "axes.prop_cycle": cycler(color=COLORS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titley": 1.0,  # a fixed place: finding a free one measures every tick and takes a third of the time
    "figure.facecolor": "white",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 11,
    "image.cmap": "viridis",
    "legend.fontsize": 11,
    "savefig.facecolor": "white",
    "svg.fonttype": "none",  # text stays text: a quarter of the bytes, and a screen reader can read it
    "text.color": INK,
    "xtick.color": INK,
    "xtick.labelsize": 11,
    "ytick.color": INK,
    "ytick.labelsize": 11,
}


@contextmanager
def look(salt: str = "workbook") -> Iterator[None]:
    """Make the context in which figures are made and written. Others wait: matplotlib has one look for all threads.

    Parameters
    ----------
    salt : str
        Where the ids inside an SVG come from: the same salt gives the same bytes, and two figures on one page need two.
    """
    with _ONE_THREAD, mpl.rc_context({**_LOOK, "svg.hashsalt": salt}):
        yield


def name_marks(marks: Line2D, names: Iterable[str]) -> None:
    """Give each mark of a line what a page says when the pointer rests on it, such as its layer and its numbers."""
    marks.set_gid(_NAMED + _BETWEEN.join(names))


def _titled(found: re.Match[str]) -> str:
    """Give each mark of an artist its `<title>`; if one is not drawn, as NaN is not, none has one."""
    names = found[2].split(_BETWEEN)
    first, *rest = re.split(r"(<use [^>]*)/>", found[3])
    marks, between = rest[::2], rest[1::2]
    if len(marks) != len(names):
        return f"<g>{found[3]}</g>"
    for mark, name, after in zip(marks, names, between, strict=True):
        first += f"{mark}><title>{name}</title></use>{after}"
    return f"<g>{first}</g>"


def svg(figure: Figure, description: str) -> str:
    """Return the figure as an `<svg>` element that shrinks with its page; call it inside `look`.

    Parameters
    ----------
    figure : Figure
    description : str
        What a screen reader says, and the tooltip: the element's `<title>`.
    """
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    _, _, element = text.getvalue().partition("<svg ")
    attributes, _, content = element.partition(">")
    content = _NAMED_MARKS.sub(_titled, _PAGE_WIDE_STYLE.sub("", content, count=1))
    style = "display:block;max-width:100%;height:auto;background:white;stroke-linejoin:round"
    return (
        f'<svg role="img" style="{style}" {attributes}>'
        f"<title>{html.escape(description, quote=False)}</title>{content.strip()}"
    )


def png(figure: Figure) -> bytes:
    """Return the figure as a PNG file of 256 colours, the same bytes each time; call it inside `look`."""
    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=PNG_DPI, metadata={"Software": None})
    Image.open(full).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, format="png", optimize=True)
    return small.getvalue()


@dataclass(frozen=True)
class Picture:
    """A figure that does not move, as a notebook shows it.

    Attributes
    ----------
    image : bytes
        A PNG file.
    width : int
        At which to show it, in CSS pixels, so that its text has the size of the page's.
    text : str
        What it shows, in words and numbers that are the same everywhere: validation compares them.
    """

    image: bytes
    width: int
    text: str

    @classmethod
    def of(cls, make: Callable[[], Figure], text: str) -> Picture:
        """Make a figure in the workbook's look and keep its PNG."""
        with look():
            figure = make()
            return cls(png(figure), round(figure.get_figwidth() * CSS_DPI), text)

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, object], dict[str, object]]:
        return {"image/png": self.image, "text/plain": self.text}, {"image/png": {"width": self.width}}
