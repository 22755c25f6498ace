import numpy as np
import numpy.typing as npt

from kernels.call import Call

_Floats = npt.NDArray[np.float32]

def activation(x: _Floats, kind: int, slope: float, y: _Floats, threads: int) -> Call: ...
def scale(x: _Floats, s: _Floats, lanes: bool, below_zero: bool, y: _Floats, threads: int) -> Call: ...
def softmax(x: _Floats, count: int, y: _Floats, threads: int) -> Call: ...
