import numpy as np
import numpy.typing as npt

def evaluate(
    begins: npt.NDArray[np.int64],
    pieces: npt.NDArray[np.int64],
    shapes: npt.NDArray[np.int64],
    amounts: npt.NDArray[np.float64],
    values: npt.NDArray[np.int64],
    units: npt.NDArray[np.int64],
    ports: npt.NDArray[np.float64],
    clock_hz: float,
    rows: bool,
    overlap: bool,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64]]: ...
