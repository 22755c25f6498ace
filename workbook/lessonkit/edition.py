"""The edition of a class: `class.json` beside the notebooks says which numbers its exercises have, and how many hints.

`workbook class-edition` writes it. Without it the exercises are those of the workbook, with all hints and solutions. A
notebook of a class holds its variant too, as metadata: collected alone it can still be checked, and WORKBOOK_CLASS then
names the file that says which.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from workbook.errors import CommandError

FILE = "class.json"
METADATA = "edge_ai_workbook"  # of a notebook: {"variant": ...}


@dataclass(frozen=True)
class Edition:
    """What a folder of notebooks says of its exercises.

    Attributes
    ----------
    variant : str
        The numbers of the exercises are drawn from it; empty for those of the workbook. It tells nobody's name.
    hints : int or None
        How many hints of each exercise are given; None for all.
    solutions : bool
        Whether they are shown.
    """

    variant: str = ""
    hints: int | None = None
    solutions: bool = True

    def as_text(self) -> str:
        """Return the file's text."""
        return json.dumps(asdict(self), indent=1) + "\n"


def here(folder: Path | None = None) -> Edition:
    """Return the edition of a folder, the current one if None; the workbook's own if the folder has no class.json.

    Raises
    ------
    CommandError
        If there is one that does not say what it must; the text names it.
    """
    path = folder / FILE if folder else Path(os.environ.get("WORKBOOK_CLASS") or FILE)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = Edition(**content)
        if not isinstance(found.variant, str) or not isinstance(found.hints, int | None):
            raise TypeError
    except FileNotFoundError:
        return Edition()
    except (ValueError, TypeError):
        raise CommandError(f"{path.name} beside the notebooks is damaged: ask your teacher for it again") from None
    return found
