"""An analysis as one HTML page that stands alone: pictures are inside it, and nothing is fetched."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Sequence

from workbook import page
from workbook.advisor import analysis_table, estimates
from workbook.advisor.advice import questions, summary, verdicts
from workbook.advisor.analysis_figure import layers_figure, steps_figure, waterfall_figure
from workbook.advisor.analysis_result import Analysis
from workbook.drawing import Picture
from workbook.measuring.made import Made

LABELS = ("Decision", "To have it", "Conditions", "Bytes", "Where the time goes")
"""Of the five lines of the summary; one that begins with its label does not say it twice."""

_STYLE = """
h1 { margin: 0 0 .2rem; overflow-wrap: anywhere; } h2 { margin-top: 2rem; } .made { color: #444; font-size: .85rem; }
dl.summary { border: 2px solid #222; padding: .4rem .9rem; margin: 1rem 0; display: grid;
  grid-template-columns: max-content 1fr; gap: .3rem 1rem; }
dl.summary dt { font-weight: 600; } dl.summary dd { margin: 0; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; white-space: nowrap; }
th, td { font-size: .78rem; padding: .2rem .35rem; }
th.number { white-space: normal; }
td.layer, td.outside { min-width: 7rem; overflow-wrap: anywhere; } td.why { min-width: 9rem; }
.made, li { overflow-wrap: anywhere; } .option { white-space: nowrap; }
@media (max-width: 40rem) {
  dl.summary { grid-template-columns: 1fr; gap: 0; } dl.summary dd { margin-bottom: .5rem; }
  body { margin-top: 1rem; } h1 { font-size: 1.5rem; }
  figure { overflow-x: auto; } figure img { max-width: none; min-width: 36rem; }
  figcaption { position: sticky; left: 0; }
}
@media print {
  @page { size: A4 landscape; margin: 12mm; }
  body { max-width: none; margin: 0; font-size: 11px; } h2, figcaption { break-after: avoid; }
  figure, tr, dl.summary { break-inside: avoid; }
  table { display: table; width: 100%; } th, td { font-size: 8px; padding: 1px 3px; overflow-wrap: anywhere; }
  td.number, th.number { white-space: normal; } td.layer, td.outside, td.why { min-width: 0; }
  figure img { max-height: 110mm; width: auto; }
}
"""


def document(found: Analysis, made: Made) -> str:
    """Return the page, which says how it was made: the decision first, then what it rests on."""
    here = f"{made.machine}, {made.date}"
    compared = f"gains over {found.exact.name}, the fastest exact program"
    body = [
        f"<h1>{html.escape(found.name)}</h1>",
        f'<p class="made">{_text(str(made))}</p>',
        _summary(found),
        _figure(
            Picture.of(lambda: waterfall_figure(found, found.exact), f"The whole network by each program; {compared}."),
            1, here,
        ),
        _table(analysis_table.rung_columns(found), analysis_table.rungs(found)),
        _list("How to read the table", analysis_table.footnotes(found)),
        *_titled("What failed", analysis_table.FAILED, analysis_table.failed(found)),
        _list("What is asked of a network", questions(found)),
        _list("The four tools", verdicts(found)),
        *(_layers(found, here) if found.rows else ()),
        *_titled(f"Outside the layers, by {found.base.name}", analysis_table.OUTSIDE, analysis_table.outside(found)),
        _list("On other machines, estimated", (estimates.on_raspberry_pi(found), estimates.on_accelerator(found))),
        *(_steps(found) if found.steps else ()),
    ]  # fmt: skip
    return page.document(f"{found.name}: which program to take", "\n".join(body), _STYLE)


def _layers(found: Analysis, here: str) -> tuple[str, ...]:
    text = "Each layer by its programs; a ring marks the one that is taken."
    return (
        "<h2>Layers</h2>",
        _figure(Picture.of(lambda: layers_figure(found.rows), text), 2, here),
        _table(analysis_table.LAYERS, map(analysis_table.layer, found.rows)),
    )


def _steps(found: Analysis) -> tuple[str, ...]:
    text = f"The tools on {found.machine}, on top of each other."
    picture = Picture.of(lambda: steps_figure(found.steps, found.machine), text)
    table = _table(analysis_table.STEPS, analysis_table.steps(found))
    return _figure(picture, 3, "by the model of lesson 4, not measured"), table


def _summary(found: Analysis) -> str:
    lines = zip(LABELS, summary(found), strict=True)
    return (
        '<dl class="summary">'
        + "".join(f"<dt>{name}</dt><dd>{_text(said.removeprefix(f'{name}: '))}</dd>" for name, said in lines)
        + "</dl>"
    )


def _text(sentence: str) -> str:
    """Return a sentence whose options, such as --save, stay on one line."""
    return re.sub(r"--\w[\w-]*", r'<span class="option">\g<0></span>', html.escape(sentence))


def _list(title: str, sentences: Iterable[str]) -> str:
    """Return sentences below their title; nothing if there is none."""
    lines = "".join(f"<li>{_text(sentence)}</li>\n" for sentence in sentences)
    return f"<h2>{html.escape(title)}</h2>\n<ul>\n{lines}</ul>" if lines else ""


def _titled(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return a table below its title; nothing if it has no row."""
    return (f"<h2>{html.escape(title)}</h2>", _table(columns, rows)) if rows else ()


def _figure(picture: Picture, number: int, origin: str) -> str:
    data = base64.b64encode(picture.image).decode()
    text = html.escape(picture.text)
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{text}" width="{picture.width}">'
        f"<figcaption>Figure {number}. {text} {html.escape(origin[:1].upper() + origin[1:])}.</figcaption></figure>"
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    names = [column.split()[0] if column in analysis_table.WORDS else "number" for column in columns]

    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(
            f'<{tag} class="{name}">{html.escape(cell)}</{tag}>' for name, cell in zip(names, cells, strict=True)
        ) + "</tr>"  # fmt: skip

    return "\n".join(["<table>", line(columns, "th"), *(line(row, "td") for row in rows), "</table>"])
