import numpy as np
import numpy.typing as npt

from kernels.call import Call

BITS: dict[int, int]
MOST: int

def pack(weight: npt.NDArray[np.int32], m: int) -> npt.NDArray[np.int32]: ...
def scratch_size(layer: dict[str, float], threads: int, m: int) -> int: ...
def cost(layer: dict[str, float], m: int) -> tuple[float, float, float, float]: ...
def bind(
    layer: dict[str, float],
    x: npt.NDArray[np.uint8],
    x_zero: int,
    flip: int,
    weight: npt.NDArray[np.int32],
    low: npt.NDArray[np.int32],
    offset: npt.NDArray[np.int32],
    scale: npt.NDArray[np.float32] | None,
    output: dict[str, float],
    y: npt.NDArray[np.uint8],
    threads: int,
    m: int,
) -> Call: ...
