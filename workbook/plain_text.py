"""Text and code that a notebook's page breaks between words alone; JupyterLab breaks plain output anywhere.

A page shows them as HTML with its own rule for lines, which wrap to whatever width there is. What reads the file
without a page, such as validation, has the text itself beside it.
"""

from __future__ import annotations

import html
import re

COLUMNS = 71  # of plain output that fit beside the list of files in a JupyterLab 1,000 pixels wide

_STYLE = (
    "white-space: pre-wrap; word-break: normal; overflow-wrap: break-word; "
    "font-family: var(--jp-code-font-family, monospace)"
)
_LOOKS = {"comment": "font-style: italic", "word": "font-weight: bold"}
_WORDS = {
    "python": "and as assert break class continue def del elif else except finally for from if import in is lambda not "
    "or pass raise return try while with yield",
    "c": "break case const do else extern for if inline return sizeof static struct switch typedef void while",
}
_WORDS["cython"] = _WORDS["python"] + " cdef cimport cpdef ctypedef inline nogil noexcept"
_COMMENTS = {"c": r"/\*.*?\*/|//[^\n]*"}
_PYTHON_COMMENTS = r'""".*?"""|#[^\n]*'
_STRINGS = r'"(?:[^"\\\n]|\\.)*"|' + r"'(?:[^'\\\n]|\\.)*'"


def as_html(text: str) -> str:
    """Return a text as it is, for a page that breaks it between words."""
    return _block(html.escape(text, quote=False))


def code_as_html(code: str, language: str) -> str:
    """Return source code in "python", "cython" or "c" in the page's colours, comments slanted and keywords bold."""
    words = "|".join(_WORDS[language].split())
    comments = _COMMENTS.get(language, _PYTHON_COMMENTS)
    parts = re.compile(rf"(?P<comment>{comments})|(?P<text>{_STRINGS})|\b(?P<word>{words})\b", re.DOTALL)
    done, pieces = 0, []
    for found in parts.finditer(code):
        pieces.append(html.escape(code[done : found.start()], quote=False))
        look = _LOOKS.get(found.lastgroup or "")
        piece = html.escape(found[0], quote=False)
        pieces.append(f'<span style="{look}">{piece}</span>' if look else piece)
        done = found.end()
    return _block("".join(pieces) + html.escape(code[done:], quote=False))


class Text:
    """What a notebook shows as its `str`."""

    def _repr_html_(self) -> str:
        return as_html(str(self))


def _block(content: str) -> str:
    return f'<pre style="{_STYLE}">{content}</pre>'
