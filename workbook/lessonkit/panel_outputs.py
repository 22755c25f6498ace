"""The three outputs of a panel: its live view and, for whoever opens the file without its kernel, a picture and words.

A front end that finds a live view in a file tries to show that and nothing else, and fails without the kernel. So the
live view has an output of its own, and picture and words, which any program shows, have theirs. They are brought up to
date while the panel is moved, so a file that is saved holds the state that the panel was left in. Style sheets decide
which of them a page shows: the one of the live view hides picture and words, the one of the words hides what a front
end says in place of a live view that it cannot show.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from IPython.display import DisplayHandle, display

from workbook.drawing import Picture

PANEL = "workbook-panel"  # class of a live view
STILL = "workbook-still"  # of the words below the picture
LATE = "workbook-late"  # of a live view whose figure does not come
CONTROLS = "workbook-controls"
MORE = "workbook-more"  # of the box that unfolds the controls below it
SLEEPING = "workbook-sleeping"  # of what shows in a live view whose kernel has gone

_VIEW = "application/vnd.jupyter.widget-view+json"
_WAKE = "To move it, run Setup, then this cell."
# Of JupyterLab, Notebook 7, Voila and nbconvert; of nbclassic; of VS Code.
_OUTPUT = ":is(.jp-OutputArea-child, .output_area, .output_container)"
_LIVE = f"{_OUTPUT}:has(.{PANEL})"
_DARK = "body[data-jp-theme-light=false]"
_NO_GLARE = "filter: brightness(0.8); border-radius: 6px"
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
{_DARK} :is(.workbook-place, .jp-RenderedImage img) {{ {_NO_GLARE} }}
.{PANEL} .workbook-line {{ line-height: 1.45 }}
.{MORE}:not(:has(:checked)) + .{CONTROLS} {{ display: none }}
.{PANEL} :is([role=slider], [contenteditable], select, input):focus-visible {{
    outline: 3px solid var(--jp-brand-color1, #1976d2) !important; outline-offset: 2px }}
@media (prefers-reduced-motion: reduce) {{ .{PANEL} * {{ transition: none !important }} }}
.{LATE}:not({_DEAD}) .workbook-work {{ visibility: visible }}
.{LATE}:not({_DEAD}) .workbook-place svg {{ opacity: 0.3 }}
.workbook-alert {{ border: 3px solid #b00020; padding: 0.6em 1em; color: var(--jp-content-font-color1, inherit) }}
{_DEAD}::before {{ content: none !important }}
</style>"""
_STILL_STYLE = f"""<style>
{_OUTPUT}:not(:has(.{PANEL})):has(+ {_OUTPUT} + {_OUTPUT} .{STILL}) {{ display: none }}
{_DARK} {_OUTPUT}:has(+ {_OUTPUT} .{STILL}) img {{ {_NO_GLARE} }}
</style>"""

# For screen readers: ipywidgets leaves a slider's handle and its box of text without a name, says the place in a list
# in place of the value, and replaces the line, so that what announces it is the node around it. For the keyboard, since
# pages take arrow keys for the cells: a control keeps them; shortcuts with a modifier stay the page's. This runs as
# soon as the panel is on the page, where a page lets it.
_HELP = """
const panel = this.closest('.workbook-panel');
panel.role = 'group';
panel.ariaLabel = this.title;
panel.querySelector('.workbook-line').parentElement.role = 'status';
const tell = () => panel.querySelectorAll('[role=slider]').forEach(handle => {
    const row = handle.closest('.widget-inline-hbox'), typed = row.querySelector('.widget-readout');
    const name = row.querySelector('label').textContent, text = typed.textContent;
    Object.assign(typed, {role: 'textbox', ariaLabel: name});
    handle.ariaLabel = name;
    if (handle.ariaValueText !== text) handle.ariaValueText = text;
});
tell();
const values = {subtree: true, attributes: true, attributeFilter: ['aria-valuetext']};
new MutationObserver(tell).observe(panel, values);
const keep = ({target, ctrlKey, altKey, metaKey}) => target.matches('[role=slider], select, input') &&
    target.toggleAttribute('data-lm-suppress-shortcuts', !(ctrlKey || altKey || metaKey));
for (const type of ['focusin', 'keydown', 'keyup']) panel.addEventListener(type, keep);
"""


def live_head(title: str) -> str:
    """Return what stands above the controls of a live view, and is not seen: its styles, its name, its helpers."""
    return (
        f"{_LIVE_STYLE}"
        f'<div class="{SLEEPING}" role="note">The kernel has restarted: this panel sleeps. {_WAKE}</div>'
        f'<div title="{html.escape(f"Panel: {title}")}" style="animation: workbook-shown 1ms 0.2s" '
        f'onanimationstart="{_HELP}"></div>'
    )


def line_html(line: str) -> str:
    """Return the HTML of a live view's line."""
    return f'<div class="workbook-line">{html.escape(line)}</div>'


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


def show_live(widget: str, name: str) -> None:
    """Make the output of a live view, as ipywidgets 7 and 8 both do.

    Parameters
    ----------
    widget : str
        Its model's id.
    name : str
        The panel's, for a program that shows text alone; a page shows nothing in place of the view.
    """
    view = {"version_major": 2, "version_minor": 0, "model_id": widget}
    display({_VIEW: view, "text/html": "", "text/plain": f"panel {name}"}, raw=True)


def still_line(page: str) -> str | None:
    """Return the line, as HTML, of an output that is the words below a panel's picture; None if it is another."""
    found = re.match(f'<div class="{STILL}"><div>(.*?)</div>', page, re.DOTALL)
    return found[1] if found else None
