"""The three outputs of a panel: its live view and, for whoever opens the file without its kernel, a picture and words.

A front end that finds a live view in a file tries to show that and nothing else, and fails without the kernel. So the
live view has an output of its own, and picture and words, which any program shows, have theirs. They are brought up to
date while the panel is moved, so a file that is saved holds the state that the panel was left in. Style sheets decide
which of them a page shows: the one of the live view hides picture and words, the one of the words hides what a front
end says in place of a live view that it cannot show.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass

from IPython.display import DisplayHandle, display

from workbook.drawing import Picture

PANEL = "workbook-panel"  # class of a live view
STILL = "workbook-still"  # of the words below the picture
LATE = "workbook-late"  # of a live view whose figure does not come
CONTROLS = "workbook-controls"
SLEEPING = "workbook-sleeping"  # of what shows in a live view whose kernel has gone

_WAKE = "To move it, run Setup, then this cell."
_OUTPUT = ":is(.jp-OutputArea-child, .output_area)"  # of JupyterLab, Notebook 7 and nbconvert; of nbclassic
_LIVE = f"{_OUTPUT}:has(.{PANEL})"
_DARK = "body[data-jp-theme-light=false]"
_DEAD = ".jupyter-widgets-disconnected"  # ipywidgets' class of a view whose kernel has gone

WIDTH = 730  # of a figure, CSS pixels: 7.6 inches

# Within :has() stand classes alone: an * there would have the browser look at the whole page with each new figure.
_LIVE_STYLE = f"""<style>
{_LIVE} + {_OUTPUT}:has(+ {_OUTPUT} .{STILL}), {_LIVE} + {_OUTPUT} + {_OUTPUT}:has(.{STILL}) {{ display: none }}
.{SLEEPING} {{ display: none; margin: 2px; padding: 0 0.8em; border-left: 4px solid #b00020 }}
{_DEAD} .{SLEEPING} {{ display: block }}
.{PANEL}{_DEAD} .{CONTROLS} {{ opacity: 0.5; pointer-events: none }}
@keyframes workbook-shown {{}}
.workbook-place {{ position: relative; max-width: {WIDTH}px; overflow: auto }}
.workbook-work {{ visibility: hidden; position: absolute; top: 40%; left: 0; right: 0; z-index: 1; text-align: center }}
.workbook-work span {{ padding: 0.4em 1em; border-radius: 4px; background: #222222; color: white }}
{_DARK} .workbook-place {{ filter: brightness(0.8); border-radius: 6px }}
.{PANEL} [role=status] {{ line-height: 1.45 }}
.{LATE} .workbook-work {{ visibility: visible }}
.{LATE} .workbook-place svg {{ opacity: 0.3 }}
.workbook-alert {{ border: 3px solid #b00020; padding: 0.6em 1em; color: var(--jp-content-font-color1, inherit) }}
{_DEAD}::before {{ content: none !important }}
</style>"""
_STILL_STYLE = f"""<style>
{_OUTPUT}:not(:has(.{PANEL})):has(+ {_OUTPUT} + {_OUTPUT} .{STILL}) {{ display: none }}
{_DARK} {_OUTPUT}:has(+ {_OUTPUT} .{STILL}) img {{ filter: brightness(0.8); border-radius: 6px }}
</style>"""

# ipywidgets leaves a slider's handle without a name, and Notebook 7 takes its arrow keys for the cells; shortcuts with
# a modifier stay the page's. This runs as soon as the panel is on the page, where a page lets it.
_NAME_HANDLES = """
const panel = this.closest('.workbook-panel');
const name = ({ctrlKey, altKey, metaKey}) => panel.querySelectorAll('[role=slider]').forEach(handle => {
    handle.ariaLabel = handle.closest('.widget-inline-hbox').querySelector('label').textContent;
    handle.toggleAttribute('data-lm-suppress-shortcuts', !(ctrlKey || altKey || metaKey));
});
name(event);
for (const type of ['focusin', 'keydown', 'keyup']) panel.addEventListener(type, name);
"""

LIVE = (
    f"{_LIVE_STYLE}"
    f'<div class="{SLEEPING}" role="note">The kernel has restarted: this panel sleeps. {_WAKE}</div>'
    f'<div style="animation: workbook-shown 1ms 0.2s" onanimationstart="{_NAME_HANDLES}"></div>'
)


@dataclass(frozen=True)
class Words:
    """What stands below the picture: the panel's line, and how to wake it."""

    line: str

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        wake = f"A picture of the panel. {_WAKE}"
        page = f'<div class="{STILL}"><div>{html.escape(self.line)}</div><em>{wake}</em></div>\n{_STILL_STYLE}'
        return {"text/html": page, "text/plain": wake}


class Still:
    """Picture and words of one panel, wherever it is shown."""

    def __init__(self) -> None:
        self._picture, self._words = DisplayHandle(), DisplayHandle()

    def show(self, picture: Picture, line: str) -> None:
        """Make the outputs of the cell that is running."""
        self._picture.display(picture)
        self._words.display(Words(line))

    def update(self, picture: Picture, line: str) -> None:
        """Replace what they show, in every cell."""
        self._picture.update(picture)
        self._words.update(Words(line))


def place(height: int, work: str) -> str:
    """Return the HTML of a figure's place, with {} where the figure goes; it keeps its form on a narrow page.

    Parameters
    ----------
    height : int
        Of the figure where there is room for WIDTH, in CSS pixels.
    work : str
        What the panel is doing while the figure is late.
    """
    words = html.escape(work[:1].upper() + work[1:]).replace("{", "{{").replace("}", "}}")
    return (
        f'<div class="workbook-place" style="aspect-ratio:{WIDTH}/{height}">'
        f'<div class="workbook-work"><span>{words} …</span></div>{{}}</div>'
    )


def alert(error: Exception) -> str:
    """Return the red box that stands in the place of the figure after an error."""
    text = f"{html.escape(type(error).__name__)}: {html.escape(str(error))}"
    return f'<div class="workbook-alert" role="alert"><b>Error</b> {text}</div>'


def show_live(view: Mapping[str, object], name: str) -> None:
    """Make the output of a live view.

    Parameters
    ----------
    view : mapping of str to object
        A widget's MIME bundle.
    name : str
        The panel's, for a program that shows text alone; a page shows nothing in place of the view.
    """
    display({**view, "text/html": "", "text/plain": f"panel {name}"}, raw=True)


def belongs_to_a_live_view(page: str) -> bool:
    """Whether an output's HTML is the words below a panel's picture, which say how to wake it."""
    return page.startswith(f'<div class="{STILL}">')
