import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float32]

def scratch_size(layer: dict[str, float], threads: int) -> int: ...
def run(
    layer: dict[str, float],
    x: _Floats,
    bias: _Floats,
    y: _Floats,
    arena: _Floats,
    threads: int,
    *,
    maximum: bool,
    count_padding: bool,
) -> None: ...
