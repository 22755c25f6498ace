"""What the definition would take: its six loops are timed on a piece of each layer, and stretched to the whole.

The loops do the same work for every row of the output, so a layer takes as many times longer as it has more of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

import kernels
from workbook.advisor.layer_work import Work
from workbook.graphs.graph import Array
from workbook.graphs.windows import window
from workbook.measuring import timing

_MACS = 500_000  # of a piece: about a millisecond


def naive_seconds(
    works: tuple[Work, ...], constants: Mapping[str, Array], clock: Callable[[], float]
) -> dict[str, float]:
    """Return the seconds of each convolution by the definition, on one thread, by its name."""
    known: dict[object, float] = {}
    found = {}
    for work in works:
        if work.explanation is None:
            continue
        sizes = replace(work.layer, name="", added=False)
        if sizes not in known:
            known[sizes] = _seconds(work, constants[work.node.inputs[1]], clock)
        found[work.name] = known[sizes]
    return found


def _seconds(work: Work, weight: Array, clock: Callable[[], float]) -> float:
    """Time some rows of some filters of one image, without the zeros above and below it."""
    layer, moves = work.layer, window(work.node, weight.shape[2:])
    reach = (layer.R - 1) * moves.dilation[0] + 1
    a_row = layer.macs / (layer.N * layer.P)
    rows = min(max(1, int(_MACS / a_row)), max(1, (layer.H - reach) // layer.stride[0] + 1))
    filters = layer.K if layer.groups > 1 else min(layer.K, max(1, int(_MACS / a_row / rows * layer.K)))
    height = (rows - 1) * layer.stride[0] + reach
    x = np.random.default_rng(0).standard_normal((1, layer.C, height, layer.W), np.float32)
    _, left, _, right = moves.padding
    plan = kernels.Conv2d(
        weight[:filters],
        stride=moves.stride,
        padding=(0, left, 0, right),
        dilation=moves.dilation,
        groups=moves.groups,
        algorithm="naive",
        threads=1,
    )
    taken = timing.interleaved({"naive": lambda: plan(x)}, seconds=0, clock=clock)["naive"]
    return taken.median * layer.macs / (a_row * rows * filters / layer.K)
