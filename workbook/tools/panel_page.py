"""A panel on a page without a kernel: the HTML of its controls, figure and line, and the file that moves them.

The page holds the panel at its defaults, so there is something to see without JavaScript, on paper and in a search.
`book_files/panels.js` shows the controls, fetches the data of a panel once it comes near, and switches between stops.
"""

from __future__ import annotations

import hashlib
import html
import json
from pathlib import Path

from workbook.lessonkit.panel_outputs import WIDTH
from workbook.tools.panel_stops import MOST_BYTES, Recorded, Stops, packed

FOLDER = "_static/panels"


def write_data(recorded: Recorded, static: Path) -> str:
    """Write what moves a panel below the folder of static files; return its address, which changes with its content.

    Raises
    ------
    ValueError
        If it takes more than MOST_BYTES.
    """
    content = f"workbookPanels[{json.dumps(recorded.name)}]({packed(recorded)});\n".encode()
    if len(content) > MOST_BYTES:
        raise ValueError(f"{recorded.name} takes {len(content):,} bytes, more than {MOST_BYTES:,}")
    file = static / "panels" / f"{recorded.name}.js"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return f"{FOLDER}/{file.name}?{hashlib.sha256(content).hexdigest()[:8]}"


def panel_html(recorded: Recorded, address: str) -> str:
    """Return the panel at its defaults; `address` is that of its data."""
    begin = recorded.begin
    return (
        f'<div class="workbook-panel" role="group" aria-label="{_text(f"Panel: {recorded.title}")}" '
        f'data-name="{recorded.name}" data-src="{_text(address)}">\n'
        f'<div class="workbook-controls" hidden>{"".join(map(_control, recorded.controls))}</div>\n'
        f'<div class="workbook-place" style="aspect-ratio:{WIDTH}/{recorded.height}">{recorded.figures[begin]}</div>\n'
        f'<p class="workbook-line" role="status">{_text(recorded.lines[begin])}</p>\n'
        f'<p class="workbook-note">{_text(note(recorded))}</p>\n</div>'
    )


def note(recorded: Recorded) -> str:
    """Say what differs from the live panel."""
    stops = " × ".join(str(len(control.texts)) for control in recorded.controls)
    every = ", all of them." if recorded.whole else "; live, it takes every value."
    said = [f"Computed ahead at {stops} stops{every}"]
    if recorded.fixed:
        said.append(f"Only live: {', '.join(f'{label} (here {value})' for label, value in recorded.fixed.items())}.")
    if recorded.of_reference:
        said.append("Measured on the reference machine; live, on yours.")
    return " ".join(said)


def _control(control: Stops) -> str:
    label, shown = _text(control.label), _text(control.texts[control.default])
    if control.kind == "choice":
        options = "".join(
            f"<option{' selected' if stop == control.default else ''}>{_text(text)}</option>"
            for stop, text in enumerate(control.texts)
        )
        return f'<label><span>{label}</span> <select autocomplete="off">{options}</select></label>'
    return (
        f'<label><span>{label}</span> <input type="range" min="0" max="{len(control.texts) - 1}" '
        f'value="{control.default}" autocomplete="off" aria-valuetext="{shown}" '
        f'data-texts="{_text(json.dumps(control.texts, ensure_ascii=False))}"> '
        f'<span class="workbook-value" aria-hidden="true">{shown}</span></label>'
    )


def _text(text: str) -> str:
    return html.escape(text)
