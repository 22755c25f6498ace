"""Source code as a notebook shows it: highlighted by the page, and as plain text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Listing:
    """A piece of source code.

    It is shown as a fenced Markdown block, which JupyterLab, GitHub and nbconvert highlight, each in its own theme.
    Highlighting it here would tie the committed outputs to the version of the highlighter.
    """

    text: str
    language: str

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return {"text/markdown": f"```{self.language}\n{self.text.rstrip()}\n```", "text/plain": self.text.rstrip()}
