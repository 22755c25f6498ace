import numpy as np
import numpy.typing as npt

from kernels.call import Call

_Bytes = npt.NDArray[np.uint8]
_Words = npt.NDArray[np.int32]

def reads_taps(C: int, S: int, per_word: int) -> bool: ...
def pack(weight: npt.NDArray[np.int8], groups: int, kind: int, has_zeros: bool) -> _Words: ...
def scratch_size(layer: dict[str, float], threads: int, kind: int, has_zeros: bool) -> int: ...
def cost(layer: dict[str, float], kind: int, has_zeros: bool) -> tuple[float, float, float, float]: ...
def bind(
    layer: dict[str, float],
    x: _Bytes,
    x_zero: int,
    flip: int,
    weight: _Words,
    offset: _Words,
    w_zero: _Words | None,
    scale: npt.NDArray[np.float32] | None,
    output: dict[str, float],
    y: _Bytes,
    threads: int,
    kind: int,
) -> Call: ...
