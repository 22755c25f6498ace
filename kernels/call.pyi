from typing import Any

import numpy.typing as npt

class Call:
    def __init__(self) -> None: ...
    def __call__(self, arena: npt.NDArray[Any]) -> None: ...
