"""Writes notebooks as a static site: a page for each, and panels that move there.

Sphinx with MyST-NB and the PyData theme makes the site; docs/design.md says why. What is added here is small: panels
(`panel_page.py`), formulas as MathML (`mathml.py`), a front page, and a style sheet (`book_files/`). The site asks for
nothing beyond its own files, and works from a folder as it does from a server.
"""

from __future__ import annotations

import copy
import io
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import nbformat

from workbook.errors import CommandError
from workbook.lessonkit.catalog import LESSONS
from workbook.lessonkit.panel_outputs import still_line
from workbook.tools import panel_stops, stops_ahead
from workbook.tools.panel_page import panel_html, write_data
from workbook.tools.panel_stops import MOST_STOPS
from workbook.tools.start import shipped

TITLE = "Edge AI Workbook"
_FILES = files("workbook.tools") / "book_files"
_MARK = "searchindex.js"  # a folder that has it is a book, and may be replaced
_LIVE = "panel "  # begins the text of a live view
_FRONT_PANEL = re.compile(r"^\{panel:([\w.]+)\}$", re.MULTILINE)
_COLUMNS = re.compile(r"\S {3,}\S")  # a table in plain text, which must not be broken
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)

_SETTINGS: dict[str, Any] = {
    "project": TITLE,
    "html_title": TITLE,
    "language": "en",
    "extensions": ["myst_nb", "workbook.tools.mathml"],
    "html_math_renderer": "mathml",
    "myst_enable_extensions": ["dollarmath"],
    "myst_heading_anchors": 3,
    "nb_execution_mode": "off",
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_css_files": ["book.css"],
    "html_js_files": [("panels.js", {"defer": "defer"})],
    "html_context": {"default_mode": "auto"},
    "html_favicon": "favicon.svg",
    "html_theme": "pydata_sphinx_theme",
    "html_sidebars": {"**": ["lessons"], "search": []},
    "html_theme_options": {
        "navbar_align": "right",
        "navbar_center": [],
        "primary_sidebar_end": [],
        "secondary_sidebar_items": ["page-toc"],
        "article_header_start": [],
        "footer_start": ["about"],
        "footer_end": [],
        "search_bar_text": "Search the workbook",
        "show_toc_level": 1,
        "back_to_top_button": False,
    },
}


def lessons() -> dict[str, Any]:
    """Return the notebooks that come with the package, by name and in the order of the lessons."""
    sources = dict(shipped())
    return {
        lesson.name: nbformat.reads(sources[f"{lesson.name}.ipynb"].read_text(encoding="utf-8"), as_version=4)
        for lesson in LESSONS
    }


def front_page() -> str:
    """Return the Markdown of the page that comes first."""
    table = "| number | lesson | minutes | question |\n|---|---|---|---|\n" + "".join(
        f"| {lesson.number} | [{lesson.title}]({lesson.name}.ipynb) | {lesson.minutes} | {lesson.question} |\n"
        for lesson in LESSONS
    )
    return (_FILES / "index.md").read_text(encoding="utf-8").replace("{lessons}", table)


def check_folder(folder: Path) -> None:
    """Raise a CommandError if what writes pages is missing, or the folder holds something else than pages."""
    missing = [name for name in ("sphinx", "myst_nb", "pydata_sphinx_theme") if not find_spec(name)]
    if missing:
        need = "pip install 'edge-ai-workbook[book]'"
        raise CommandError(f"What writes the pages is not installed ({', '.join(missing)}): {need}")
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise CommandError(f"{folder} holds something that this command did not write: name another folder")


def write_book(
    folder: Path,
    notebooks: Mapping[str, Any],
    front: str,
    most: int = MOST_STOPS,
    on_stops: Callable[[int, int], None] = lambda done, of: None,
) -> list[str]:
    """Write notebooks as a site, whole or not at all. They are not run.

    Parameters
    ----------
    folder : Path
        Where to. An older book that is there is replaced.
    notebooks : mapping of str to NotebookNode
        By the names that their pages get, in order.
    front : str
        Markdown of the page that comes first; `{panel:convolution.window}` on a line of its own is a panel.
    most : int
        Stops of a control. If 0, panels are the pictures that their notebooks hold.
    on_stops : function
        Called with the number of stops of panels that are computed, and of all.

    Returns
    -------
    list of str
        What Sphinx warned of.

    Raises
    ------
    CommandError
        If Sphinx is not installed, the folder holds something else or cannot be written, or a panel cannot be computed.
    """
    check_folder(folder)
    known = set(panel_stops.names()) if most else set()
    wanted = {*_FRONT_PANEL.findall(front), *(name for book in notebooks.values() for name in _panels(book))} & known
    recorded = stops_ahead.computed(sorted(wanted), most, on_stops)
    with tempfile.TemporaryDirectory() as temporary:
        source, site = Path(temporary, "source"), Path(temporary, "site")
        static = source / "_static"
        static.mkdir(parents=True)
        panels = {name: panel_html(panel, write_data(panel, static)) for name, panel in recorded.items()}
        for file in ("book.css", "panels.js"):
            (static / file).write_bytes((_FILES / file).read_bytes())
        for file in ("lessons.html", "about.html", "favicon.svg"):
            (source / file).write_bytes((_FILES / file).read_bytes())
        (source / "index.md").write_text(_with_panels(front, panels, notebooks), encoding="utf-8")
        for name, notebook in notebooks.items():
            nbformat.write(_for_a_page(notebook, panels), source / f"{name}.ipynb")
        said = _build(source, site)
        shutil.rmtree(site / "_sources", ignore_errors=True)  # empty
        (site / ".nojekyll").touch()  # else GitHub's pages leave out the folders that begin with _
        _replace(folder, site)
    return said


def _build(source: Path, site: Path) -> list[str]:
    from sphinx.application import Sphinx  # not part of every installation
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    said = io.StringIO()
    settings = {**_SETTINGS, "templates_path": ["."], "html_static_path": ["_static"]}
    settings["release"] = settings["version"] = version("edge-ai-workbook")
    with patch_docutils(), docutils_namespace(), warnings.catch_warnings():  # what extensions register ends with it
        warnings.simplefilter("ignore")  # of what Python and docutils mean to drop
        app = Sphinx(source, None, site, source.with_name("trees"), "html", settings, status=None, warning=said)
        app.build()
    return click.unstyle(said.getvalue()).splitlines()


def _replace(folder: Path, site: Path) -> None:
    """Put a site in the place of a folder; a rename at the end, so that nobody sees half a book."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as beside:
        new, old = Path(beside, "new"), Path(beside, "old")
        try:
            shutil.copytree(site, new)
        except shutil.Error as error:  # it has a reason for each file
            raise CommandError(f"{folder} cannot be written: {error.args[0][0][-1]}") from None
        if folder.exists():
            folder.rename(old)
        new.rename(folder)


def _panels(notebook: Any) -> Iterator[str]:
    """Yield the names of the panels that a notebook shows."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            text = output.get("data", {}).get("text/plain", "")
            if text.startswith(_LIVE):
                yield text.removeprefix(_LIVE)


def _with_panels(front: str, panels: Mapping[str, str], names: Iterable[str]) -> str:
    """Return the front page with its panels, and the pages that follow it."""
    text = _FRONT_PANEL.sub(lambda found: f"```{{raw}} html\n{panels[found[1]]}\n```", front)
    return "\n".join([text, "```{toctree}", ":hidden:", "", *names, "```", ""])


def _for_a_page(notebook: Any, panels: Mapping[str, str]) -> Any:
    """Return a copy of a notebook in which panels move, and pictures have words for who does not see them."""
    page = nbformat.from_dict(copy.deepcopy(notebook))
    page.metadata["language_info"] = {"name": "python"}  # how code is coloured
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = _COMMENT.sub("", cell.source)
        if cell.cell_type != "code":
            continue
        cell.outputs = list(_moving(cell.outputs, panels))
        words = [output.data.get("text/plain", "") for output in cell.outputs if "image/png" in output.get("data", {})]
        if words:
            cell.metadata["mystnb"] = {"image": {"alt": "; ".join(words)}}
    return page


def _moving(outputs: Iterable[Any], panels: Mapping[str, str]) -> Iterator[Any]:
    """Yield outputs with the panel that moves in place of a live view, its picture, and the words below.

    Without one, picture and line stay, and how to wake the panel goes.
    """
    moved = ""
    for output in outputs:
        data = output.get("data", {})
        text, line = data.get("text/plain", ""), still_line(data.get("text/html", ""))
        if text.startswith(_LIVE):
            moved = text.removeprefix(_LIVE)
            if moved in panels:
                yield nbformat.v4.new_output("display_data", {"text/html": panels[moved]})
        elif moved in panels and (line is not None or text.startswith(f"{moved}:")):
            continue
        elif line is not None:
            yield nbformat.v4.new_output("display_data", {"text/html": f'<p class="workbook-line">{line}</p>'})
        else:
            if _COLUMNS.search(text) and data.get("text/html", "").startswith("<pre "):
                data["text/html"] = data["text/html"].replace("<pre ", '<pre class="workbook-columns" ', 1)
            yield output
