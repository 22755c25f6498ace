import numpy as np
import numpy.typing as npt

def undominated(costs: npt.NDArray[np.float64], layouts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]: ...
def cheapest(
    seconds: npt.NDArray[np.float64],
    leave: npt.NDArray[np.float64],
    relayout: npt.NDArray[np.float64],
    layouts: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]: ...
def ring(
    seconds: npt.NDArray[np.float64],
    leave: npt.NDArray[np.float64],
    relayout: npt.NDArray[np.float64],
    layouts: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]: ...
