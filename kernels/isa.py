"""Which instruction set the compiled algorithms use: the best that this CPU runs, or the one that KERNELS_ISA names.

Each algorithm is compiled once per instruction set, as kernels.direct_v3, kernels.direct_v4, ...; the chosen one
becomes kernels.direct. The choice is made once, at import.
"""

from __future__ import annotations

import importlib
import os
import sys

from kernels import cpu

_ALGORITHMS = ("naive", "direct", "depthwise", "im2col", "winograd")
_MULTIPLY_BYTES = ("quantized", "probe")  # are compiled for VNNI and dotprod too; the others take the level below
_BELOW = {"dotprod": "baseline", "v3_vnni": "v3", "v4_vnni": "v4"}
_LEVELS = ("baseline", "dotprod", "v3", "v3_vnni", "v4", "v4_vnni")


def _chosen() -> str:
    wanted = os.environ.get("KERNELS_ISA", "")
    runnable = cpu.runnable()
    if not wanted:
        return runnable[-1]
    if wanted not in _LEVELS:
        raise ImportError(
            f"KERNELS_ISA={wanted!r} is no instruction set of the kernels. Known: {', '.join(_LEVELS)}. "
            f"This CPU runs {', '.join(runnable)}."
        )
    if wanted not in runnable:
        raise ImportError(
            f"KERNELS_ISA={wanted!r} cannot run on this CPU, which runs {', '.join(runnable)}. "
            "Unset KERNELS_ISA to use the best of them."
        )
    return wanted


_LEVEL = _chosen()

for _name in (*_ALGORITHMS, *_MULTIPLY_BYTES):
    _level = _LEVEL if _name in _MULTIPLY_BYTES else _BELOW.get(_LEVEL, _LEVEL)
    _module = importlib.import_module(f"kernels.{_name}_{_level}")
    sys.modules[f"kernels.{_name}"] = _module
    setattr(sys.modules["kernels"], _name, _module)  # as `import kernels.direct` would do


def isa() -> str:
    """Return the instruction set in use: "baseline", "v3" (AVX2, FMA) or "v4" (AVX-512), with "_vnni", or "dotprod"."""
    return _LEVEL


def isas() -> tuple[str, ...]:
    """Return the instruction sets that this CPU can run, the best last."""
    return cpu.runnable()
