"""An HTML page that stands alone: it fetches nothing."""

from __future__ import annotations

import html

_CSS = """
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: #222; }
body { background: white; }
figure { margin: .8rem 0; }
figcaption { font-size: .85rem; color: #444; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; margin: .8rem 0; display: block; overflow-x: auto; }
th, td { border: 1px solid #bbb; padding: .3rem .5rem; text-align: left; vertical-align: top; font-size: .9rem; }
"""


def document(title: str, body: str, style: str = "") -> str:
    """Return a whole page, with a style of its own after the common one."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_CSS}{style}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
