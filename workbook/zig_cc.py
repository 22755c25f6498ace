"""The C compiler in the package ziglang, called like any other: python zig_cc.py OPTIONS ...

It is clang behind a driver that has names of its own for processors. Like `bootstrap.py`, which lets it compile the
kernels where there is no other, this file needs nothing of the workbook.
"""

from __future__ import annotations

import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

# What follows a + in -march=armv8.2-a+...
_ARM = {"dotprod": "dotprod", "fp16": "fullfp16", "i8mm": "i8mm"}


def spelled(option: str) -> str:
    """Return an option as zig spells it.

    Parameters
    ----------
    option : str
        As GCC and clang take it: -march=x86-64-v3, -march=armv8.2-a+dotprod.
    """
    if x86 := re.fullmatch(r"-march=(x86-64.*)", option):
        return "-march=" + x86[1].replace("-", "_")
    if arm := re.fullmatch(r"-march=armv8\.(\d)-a((?:\+\w+)*)", option):
        return f"-mcpu=generic+v8_{arm[1]}a" + "".join(f"+{_ARM[name]}" for name in arm[2].split("+")[1:])
    return option


def main() -> None:
    """Become the compiler."""
    package = find_spec("ziglang")
    if package is None or package.origin is None:
        sys.exit(f"The package ziglang is not installed for {sys.executable}")
    os.execv(Path(package.origin).with_name("zig"), ["zig", "cc", *map(spelled, sys.argv[1:])])


if __name__ == "__main__":
    main()
