import numpy as np
import numpy.typing as npt

from kernels.call import Call

_Bytes = npt.NDArray[np.uint8]
_Words = npt.NDArray[np.int32]

def pack(weight: npt.NDArray[np.int8]) -> _Words: ...
def scratch_size(layer: dict[str, float], threads: int, flip: int) -> int: ...
def cost(layer: dict[str, float], flip: int) -> tuple[float, float, float, float]: ...
def bind(
    layer: dict[str, float],
    x: _Bytes,
    x_zero: int,
    flip: int,
    weight: _Words,
    offset: _Words,
    scale: npt.NDArray[np.float32],
    output: dict[str, float],
    y: _Bytes,
    threads: int,
) -> Call: ...
