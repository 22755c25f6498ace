from collections.abc import Callable

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[np.float32]

def pack(weight: _Array, groups: int) -> _Array: ...
def scratch_size(layer: dict[str, float], threads: int) -> int: ...
def cost(layer: dict[str, float]) -> tuple[float, float, float, float]: ...
def bind(
    layer: dict[str, float],
    x: _Array,
    weight: _Array,
    bias: _Array,
    residual: _Array | None,
    y: _Array,
    threads: int,
) -> Callable[[_Array], None]: ...
def run(
    layer: dict[str, float],
    x: _Array,
    weight: _Array,
    bias: _Array,
    residual: _Array | None,
    y: _Array,
) -> None: ...
