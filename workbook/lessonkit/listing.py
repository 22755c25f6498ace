"""Source code as a notebook shows it, and as plain text."""

from __future__ import annotations

from dataclasses import dataclass

from workbook.plain_text import code_as_html


@dataclass(frozen=True)
class Listing:
    """A piece of source code.

    A fenced Markdown block would be highlighted by the page, and broken within words. What is marked here is little, so
    that the committed outputs depend on no highlighter and fit light and dark pages.

    Attributes
    ----------
    text : str
    language : "python", "cython" or "c"
    """

    text: str
    language: str

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        code = self.text.rstrip()
        return {"text/html": code_as_html(code, self.language), "text/plain": code}
