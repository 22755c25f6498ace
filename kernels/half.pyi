from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.call import Call

_Halves = npt.NDArray[Any]  # of float16, or of bfloat16 in the module `bfloat`
_Floats = npt.NDArray[np.float32]

def multiply_adds(rounds: int) -> int: ...
def pack(weight: _Halves, groups: int) -> _Halves: ...
def scratch_size(layer: dict[str, float], threads: int) -> int: ...
def cost(layer: dict[str, float]) -> tuple[float, float, float, float]: ...
def bind(
    layer: dict[str, float],
    x: _Halves,
    weight: _Halves,
    bias: _Floats,
    residual: _Halves | None,
    y: _Halves,
    threads: int,
) -> Call: ...
