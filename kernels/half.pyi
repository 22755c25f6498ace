import numpy as np
import numpy.typing as npt

_Halves = npt.NDArray[np.float16]
_Floats = npt.NDArray[np.float32]

def multiply_adds(steps: int) -> int: ...
def pack(weight: _Halves, groups: int) -> _Halves: ...
def scratch_size(layer: dict[str, float], threads: int) -> int: ...
def run(
    layer: dict[str, float],
    x: _Halves,
    weight: _Halves,
    bias: _Floats,
    residual: _Halves | None,
    y: _Halves,
    arena: _Floats,
    threads: int,
) -> None: ...
