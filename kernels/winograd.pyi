import numpy as np
import numpy.typing as npt

from kernels.call import Call

_Array = npt.NDArray[np.float32]

def points(m: int) -> tuple[float, ...]: ...
def pack(weight: _Array, groups: int, m: int) -> _Array: ...
def pack_compact(weight: _Array, groups: int) -> _Array: ...
def scratch_size(layer: dict[str, float], threads: int, m: int) -> int: ...
def cost(layer: dict[str, float], m: int) -> tuple[float, float, float, float]: ...
def bind(
    layer: dict[str, float],
    x: _Array,
    weight: _Array,
    bias: _Array,
    residual: _Array | None,
    y: _Array,
    threads: int,
    m: int,
) -> Call: ...
