"""Pages of which a program writes the parts between `<!-- written: NAME -->` and `<!-- end -->`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping


def written(page: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """Return the page with these of its written parts anew; the others, which another program writes, stay."""
    return re.sub(
        r"(<!-- written: (\w+) -->\n).*?(<!-- end -->)",
        lambda match: f"{match[1]}{parts[match[2]]()}\n{match[3]}" if match[2] in parts else match[0],
        page,
        flags=re.DOTALL,
    )
