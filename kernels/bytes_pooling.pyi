import numpy as np
import numpy.typing as npt

from kernels.call import Call

_Bytes = npt.NDArray[np.uint8]

def scratch_size(layer: dict[str, float], threads: int) -> int: ...
def bind(
    layer: dict[str, float],
    x: _Bytes,
    x_zero: int,
    flip: int,
    ratio: float,
    output: dict[str, float],
    y: _Bytes,
    maximum: bool,
    count_padding: bool,
    threads: int,
) -> Call: ...
