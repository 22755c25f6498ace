"""How a filter or a pool moves over the image: ONNX's attributes as `kernels.geometry.Window`."""

from __future__ import annotations

from collections.abc import Sequence

from kernels.geometry import Window
from workbook.network.graph import ModelError, Node


def window(node: Node, taps: Sequence[int]) -> Window:
    """Read strides, pads, dilations and group of a Conv or a pool.

    Parameters
    ----------
    node : Node
    taps : sequence of int
        Rows and columns of the filter, or of the pool.

    Raises
    ------
    ModelError, TypeError, ValueError
        For attributes that say nothing, or that this reader does not know.
    """
    attributes = node.attributes
    strides, dilations = tuple(attributes.get("strides", (1, 1))), tuple(attributes.get("dilations", (1, 1)))
    auto_pad = attributes.get("auto_pad", "NOTSET")
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        pads = _same(node, auto_pad, taps, strides, dilations)
    elif auto_pad in ("NOTSET", "VALID"):
        pads = tuple(attributes.get("pads", (0, 0, 0, 0))) if auto_pad == "NOTSET" else (0, 0, 0, 0)
    else:
        raise ModelError(f"{node}: auto_pad {auto_pad!r} is unknown")
    return Window.of(strides, pads, dilations, attributes.get("group", 1))  # type: ignore[arg-type]


def _same(
    node: Node, auto_pad: str, taps: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[int, ...]:
    """Zeros round the image that keep its size: (taps - 1) * dilation, an odd one at the end or at the beginning."""
    if any(stride != 1 for stride in strides):
        raise ModelError(
            f"{node}: with auto_pad {auto_pad} and strides {tuple(strides)} the padding depends on the image's size; "
            "export the model with explicit pads"
        )
    totals = [(tap - 1) * dilation for tap, dilation in zip(taps, dilations, strict=True)]
    smaller, larger = [total // 2 for total in totals], [total - total // 2 for total in totals]
    return (*smaller, *larger) if auto_pad == "SAME_UPPER" else (*larger, *smaller)
