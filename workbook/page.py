"""Turns notebooks into one HTML page that stands alone: pictures are inside it, and nothing is fetched."""

from __future__ import annotations

import html
import re
from typing import Any

import mistune
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_CODE_STYLE = "default"
_CSS = """
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: #222; }
body { background: white; }
h1 { margin-top: 3rem; }
pre { margin: 0; padding: .6rem .8rem; overflow-x: auto; font: 13px/1.4 ui-monospace, monospace; }
code { font: .9em ui-monospace, monospace; }
.highlight { background: #f5f5f5; border-left: 3px solid #bbb; margin: .8rem 0 0; max-height: 30rem; overflow: auto; }
.error { border: 2px solid #b00020; padding: .6rem .8rem; margin: .8rem 0; }
figure { margin: .8rem 0; }
figcaption { font-size: .85rem; color: #444; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; margin: .8rem 0; display: block; overflow-x: auto; }
th, td { border: 1px solid #bbb; padding: .3rem .5rem; text-align: left; vertical-align: top; font-size: .9rem; }
"""


def document(title: str, body: str) -> str:
    """Return a whole page."""
    css = _CSS + str(HtmlFormatter(style=_CODE_STYLE).get_style_defs(".highlight"))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{css}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def section(anchor: str, notebook: Any) -> str:
    """Return a notebook's cells with their outputs."""
    return f'<section id="{html.escape(anchor)}">\n{"".join(map(_cell, notebook.cells))}</section>\n'


def markdown(text: str) -> str:
    """Return Markdown as HTML; a link to another notebook becomes one to its section."""
    return re.sub(r'href="(\w+)\.ipynb"', r'href="#\1"', str(_MARKDOWN(text)))


class _Renderer(mistune.HTMLRenderer):
    """Highlights fenced code, as a listing of a kernel is."""

    def block_code(self, code: str, info: str | None = None) -> str:
        return _code(code, info or "text")


_MARKDOWN = mistune.create_markdown(escape=False, renderer=_Renderer(escape=False), plugins=["table"])


def _code(text: str, language: str) -> str:
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        lexer = get_lexer_by_name("text")
    return str(highlight(text, lexer, HtmlFormatter(style=_CODE_STYLE)))


def _cell(cell: Any) -> str:
    if cell.cell_type == "markdown":
        return markdown(cell.source)
    if cell.cell_type != "code" or not cell.source.strip():
        return ""
    return _code(cell.source, "python") + "".join(map(_output, cell.outputs))


def _output(output: Any) -> str:
    """Show the richest form that is static; a picture's words are its caption and its alternative text."""
    if output.output_type == "stream":
        return f"<pre>{html.escape(output.text)}</pre>\n"
    if output.output_type == "error":
        return f'<div class="error">{html.escape(f"{output.ename}: {output.evalue}")}</div>\n'
    text = html.escape(output.data.get("text/plain", ""))
    if "image/png" in output.data:
        width = output.metadata.get("image/png", {}).get("width")
        size = f' width="{int(width)}"' if width else ""
        picture = f'<img src="data:image/png;base64,{output.data["image/png"].strip()}" alt="{text}"{size}>'
        return f"<figure>{picture}<figcaption>{text}</figcaption></figure>\n"
    if "text/html" in output.data:
        return f"<div>{output.data['text/html']}</div>\n"
    if "text/markdown" in output.data:
        return markdown(output.data["text/markdown"])
    return f"<pre>{text}</pre>\n"
