import numpy as np
import numpy.typing as npt

from kernels.call import Call

_Floats = npt.NDArray[np.float32]

def scratch_size(layer: dict[str, float], threads: int) -> int: ...
def bind(
    layer: dict[str, float],
    x: _Floats,
    bias: _Floats,
    y: _Floats,
    threads: int,
    maximum: bool,
    count_padding: bool,
) -> Call: ...
