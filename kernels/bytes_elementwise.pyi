import numpy as np
import numpy.typing as npt

_Bytes = npt.NDArray[np.uint8]
_Floats = npt.NDArray[np.float32]

def add(
    a: _Bytes,
    a_scale: float,
    a_zero: int,
    a_flip: int,
    b: _Bytes,
    b_scale: float,
    b_zero: int,
    b_flip: int,
    scale: float,
    low: float,
    high: float,
    zero: int,
    y: _Bytes,
    threads: int,
) -> None: ...
def quantize(x: _Floats, scale: float, low: float, high: float, zero: int, y: _Bytes, threads: int) -> None: ...
def dequantize(x: _Bytes, scale: float, zero: int, flip: int, y: _Floats, threads: int) -> None: ...
def look_up(table: _Bytes, x: _Bytes, y: _Bytes) -> None: ...
