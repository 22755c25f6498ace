import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float32]

def activation(x: _Floats, kind: int, slope: float, y: _Floats, threads: int) -> None: ...
def scale(x: _Floats, s: _Floats, lanes: bool, y: _Floats, threads: int) -> None: ...
