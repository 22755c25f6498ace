"""Pages of which a program writes the parts between `<!-- written: NAME -->` and `<!-- end -->`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping


def written(page: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """Return the page with its written parts anew.

    Raises
    ------
    KeyError
        If the page has a part that nobody writes.
    """
    return re.sub(
        r"(<!-- written: (\w+) -->\n).*?(<!-- end -->)",
        lambda match: f"{match[1]}{parts[match[2]]()}\n{match[3]}",
        page,
        flags=re.DOTALL,
    )
