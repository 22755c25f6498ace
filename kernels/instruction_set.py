"""Which instruction set the compiled algorithms use: the best that this CPU runs, or the one that KERNELS_ISA names.

Each algorithm is compiled once per instruction set, as kernels.direct_v3, kernels.direct_v4, ...; the chosen one
becomes kernels.direct. The choice is made once, at import.
"""

from __future__ import annotations

import importlib
import os
import sys

from kernels import cpu
from kernels.levels import COMPILED, LEVELS


def _chosen() -> str:
    wanted = os.environ.get("KERNELS_ISA", "")
    runnable = cpu.runnable()
    if not wanted:
        return runnable[-1]
    if wanted not in LEVELS:
        raise ImportError(
            f"KERNELS_ISA={wanted!r} is no instruction set of the kernels. Known: {', '.join(LEVELS)}. "
            f"This CPU runs {', '.join(runnable)}."
        )
    if wanted not in runnable:
        raise ImportError(
            f"KERNELS_ISA={wanted!r} cannot run on this CPU, which runs {', '.join(runnable)}. "
            "Unset KERNELS_ISA to use the best of them."
        )
    return wanted


_LEVEL = _chosen()


def level_of(name: str) -> str | None:
    """Return for which instruction set the module in use of an algorithm was compiled; None if none runs here."""
    return next((level for level in reversed(LEVELS[: LEVELS.index(_LEVEL) + 1]) if _runs(name, level)), None)


def _runs(name: str, level: str) -> bool:
    return level in COMPILED[name] and level in cpu.runnable()


for _name in COMPILED:
    if _level := level_of(_name):  # those of 16 bits have no module that runs on every CPU
        _module = importlib.import_module(f"kernels.{_name}_{_level}")
        sys.modules[f"kernels.{_name}"] = _module
        setattr(sys.modules["kernels"], _name, _module)  # as `import kernels.direct` would do


def isa() -> str:
    """Return the instruction set in use; `kernels.cpu.runnable` says what each name means."""
    return _LEVEL


def isas() -> tuple[str, ...]:
    """Return the instruction sets that this CPU can run, the best last."""
    return cpu.runnable()
