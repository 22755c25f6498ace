from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.call import Call

_Bytes = npt.NDArray[np.uint8]
_Floats = npt.NDArray[np.float32]

def add(a: _Bytes, b: _Bytes, sum: dict[str, Any], output: dict[str, float], y: _Bytes, threads: int) -> Call: ...
def quantize(x: _Floats, scale: float, inverse: float, output: dict[str, float], y: _Bytes, threads: int) -> bool: ...
def dequantize(x: _Bytes, scale: float, zero: int, flip: int, y: _Floats, threads: int) -> Call: ...
def look_up(table: _Bytes, x: _Bytes, y: _Bytes, threads: int) -> Call: ...
