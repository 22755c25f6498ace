"""What JupyterLab's export to HTML keeps with "Sanitize HTML output": what Markdown makes, and nothing that runs.

nbconvert's own filter knows neither headings nor paragraphs, and prints their tags as text (jupyter/nbconvert#2016).
`workbook lab` puts this one in its place.
"""

from __future__ import annotations

import re

import bleach

_TAGS = (
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "div", "span", "pre", "img", "del", "sub", "sup", "kbd"),
    *("table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "dl", "dt", "dd", "details", "summary"),
)
_ATTRIBUTES = {
    **bleach.ALLOWED_ATTRIBUTES,
    "*": ["class", "id", "title", "lang"],
    "a": ["href", "title"],
    "img": ["src", "alt", "width", "height"],
    "td": ["align", "colspan", "rowspan"],
    "th": ["align", "colspan", "rowspan"],
}
_NO_TEXT = re.compile(r"<(style|script)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)  # nobody reads what they hold


def clean(page: str | bytes) -> str:
    """Return HTML without what runs, loads or restyles: the filter `clean_html` of nbconvert's templates."""
    text = page.decode() if isinstance(page, bytes) else str(page)
    cleaned: str = bleach.clean(_NO_TEXT.sub("", text), tags={*bleach.ALLOWED_TAGS, *_TAGS}, attributes=_ATTRIBUTES)
    return cleaned
