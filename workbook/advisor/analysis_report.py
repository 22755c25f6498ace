"""An analysis as one HTML page that stands alone: pictures are inside it, and nothing is fetched."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

from workbook import page
from workbook.advisor import analysis_table
from workbook.advisor.advice import summary, verdicts
from workbook.advisor.analysis_figure import layers_figure, steps_figure, waterfall_figure
from workbook.advisor.analysis_result import Analysis
from workbook.drawing import Picture
from workbook.measuring.made import Made


def document(found: Analysis, made: Made) -> str:
    """Return the page, which says how it was made."""
    pictures = [
        Picture.of(lambda: waterfall_figure(found), f"The whole network by each program, measured on {made.machine}."),
        Picture.of(
            lambda: layers_figure(found.rows),
            f"Each layer by its programs, on {made.machine}; a ring: the program taken.",
        ),
        Picture.of(lambda: steps_figure(found.steps, found.machine), f"The same tools on {found.machine}, by a model."),
    ]
    waterfall, layers, steps = map(_figure, pictures)
    head = [f"# {_text(found.name)}", "", _text(str(made)), ""]
    first = [f"* {_text(sentence)}" for sentence in summary(found)]
    said = ["", "## The four tools", "", *(f"* {_text(sentence)}" for sentence in verdicts(found)[:-1])]
    body = [
        page.markdown("\n".join([*head, *first, *said])),
        waterfall,
        _table(analysis_table.RUNGS, analysis_table.rungs(found)),
        page.markdown("\n".join(f"* {_text(line)}" for line in analysis_table.footnotes(found))),
        *_titled("What failed", analysis_table.FAILED, analysis_table.failed(found)),
        page.markdown("## Layers"),
        layers,
        _table(analysis_table.LAYERS, map(analysis_table.layer, found.rows)),
        *_titled("Outside the layers, by im2col", analysis_table.OUTSIDE, analysis_table.outside(found)),
        page.markdown(f"## {_text(found.machine)}, by a model"),
        steps,
        _table(analysis_table.STEPS, analysis_table.steps(found)),
    ]
    return page.document(f"{found.name}: which tool helps", "\n".join(body))


def _titled(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return a table below its title; nothing if it has no row."""
    return (page.markdown(f"## {title}"), _table(columns, rows)) if rows else ()


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
