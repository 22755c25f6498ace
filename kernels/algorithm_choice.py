"""What `algorithm="auto"` takes: of the algorithms that can run a layer, the one that the cost model finds fastest."""

from __future__ import annotations

import math
from functools import lru_cache

from kernels import cost
from kernels.geometry import Geometry
from kernels.registry import ALGORITHMS, obstacle, of_dtype


@lru_cache(maxsize=1024)
def counts(
    name: str,
    shape: Geometry,
    dtype: str = "float32",
    x_lanes: bool = False,
    y_lanes: bool = False,
    compact: bool = False,
) -> tuple[float, float, float, float]:
    """How many vectors of each kind an algorithm takes for a layer."""
    return of_dtype(dtype)[name].cost(shape.compiled(x_lanes=x_lanes, y_lanes=y_lanes, compact=compact))


@lru_cache(maxsize=1024)
def automatic(
    shape: Geometry, x_lanes: bool = False, y_lanes: bool = False, threads: int = 1, compact: bool = False
) -> str:
    """Choose what the cost model finds the fastest.

    Not naive, which is there to be read, and not F(6,3): a little faster than F(4,3), with four times its error.
    """
    sensible = (name for name in ALGORITHMS if name not in ("naive", "winograd_f6"))
    able = (name for name in sensible if not obstacle(name, shape.weight_shape, shape.window, x_lanes, y_lanes))

    def price(name: str) -> float:
        work = counts(name, shape, "float32", x_lanes, y_lanes, compact)
        return cost.vector_multiply_adds(name, work, math.prod(shape.weight_shape), threads, compact)

    return min(able, key=price)
