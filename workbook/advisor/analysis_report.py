"""An analysis as one HTML page that stands alone: pictures are inside it, and nothing is fetched."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

from workbook import page
from workbook.advisor import analysis_table
from workbook.advisor.advice import verdicts
from workbook.advisor.analysis_figure import layers_figure, steps_figure, waterfall_figure
from workbook.advisor.analysis_result import Analysis
from workbook.drawing import Picture
from workbook.measuring.made import Made


def document(found: Analysis, made: Made) -> str:
    """Return the page, which says how it was made."""
    pictures = [
        Picture.of(lambda: waterfall_figure(found), "The whole network, one tool on top of the other."),
        Picture.of(
            lambda: layers_figure(found.rows), "Each layer by its programs; a ring: what the fastest rung takes."
        ),
        Picture.of(lambda: steps_figure(found.steps, found.machine), f"The same tools on {found.machine}, by a model."),
    ]
    waterfall, layers, steps = map(_figure, pictures)
    head = [f"# {_text(found.name)}", "", _text(str(made)), ""]
    said = [f"* {_text(sentence)}" for sentence in verdicts(found)]
    body = [
        page.markdown("\n".join([*head, *said])),
        waterfall,
        _table(analysis_table.RUNGS, (analysis_table.rung(found, rung) for rung in found.rungs)),
        page.markdown("\n".join(f"* {_text(line)}" for line in analysis_table.footnotes(found))),
        page.markdown("## Layers"),
        layers,
        _table(analysis_table.LAYERS, map(analysis_table.layer, found.rows)),
        page.markdown(f"## {_text(found.machine)}, by a model"),
        steps,
        _table(analysis_table.STEPS, analysis_table.steps(found)),
    ]
    return page.document(f"{found.name}: which tool helps", "\n".join(body))


def _text(text: str) -> str:
    return html.escape(text, quote=False).replace("*", r"\*")


def _figure(picture: Picture) -> str:
    data = base64.b64encode(picture.image).decode()
    text = html.escape(picture.text)
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{text}" width="{picture.width}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return "\n".join(["<table>", line(columns, "th"), *(line(row, "td") for row in rows), "</table>"])
