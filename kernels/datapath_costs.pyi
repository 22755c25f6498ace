import numpy as np
import numpy.typing as npt

def evaluate(
    sizes: npt.NDArray[np.int64],
    costs: npt.NDArray[np.float64],
    units: npt.NDArray[np.int64],
    clock_hz: float,
    overlap: bool,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.uint8]]: ...
