"""How a filter or a pool moves over the image: ONNX's attributes as `kernels.geometry.Window`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kernels.geometry import Window
from workbook.graphs.graph import ModelError, Node


def of_images(node: Node, axes: int) -> Node:
    """Return a node whose window has two axes: of one with a single axis, the same in an image of one row.

    Parameters
    ----------
    node : Node
        A convolution.
    axes : int
        Of its arrays, 3 or 4.

    Raises
    ------
    ModelError
        If its attributes are of a window of other axes.
    """
    idle = {"strides": 1, "dilations": 1, "kernel_shape": 1, "pads": 0}  # along an axis of one row
    attributes = dict(node.attributes)
    for name in idle.keys() & attributes.keys():
        values = tuple(attributes[name])
        if len(values) != (axes - 2) * (2 if name == "pads" else 1):
            raise ModelError(f"{node}: {name} are {values}, of a window of other axes than the weight's")
        if axes == 3:
            attributes[name] = tuple(number for value in values for number in (idle[name], value))
    return replace(node, attributes=attributes)


def window(node: Node, taps: Sequence[int], image: Sequence[int] | None = None) -> Window:
    """Read strides, pads, dilations and group of a Conv or a pool.

    Parameters
    ----------
    node : Node
    taps : sequence of int
        Rows and columns of the filter, or of the pool.
    image : sequence of int, optional
        Height and width. Where the padding depends on them (`depends_on_image`), there is none without.

    Raises
    ------
    ModelError, TypeError, ValueError
        For attributes that say nothing, or that this reader does not know.
    """
    attributes = node.attributes
    strides, dilations = tuple(attributes.get("strides", (1, 1))), tuple(attributes.get("dilations", (1, 1)))
    auto_pad = attributes.get("auto_pad", "NOTSET")
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        size = image or (1, 1)  # with strides of 1, the padding of any image
        pads = _same(auto_pad, size, taps, strides, dilations) if image or set(strides) == {1} else (0, 0, 0, 0)
    elif auto_pad in ("NOTSET", "VALID"):
        pads = tuple(attributes.get("pads", (0, 0, 0, 0))) if auto_pad == "NOTSET" else (0, 0, 0, 0)
    else:
        raise ModelError(f"{node}: auto_pad {auto_pad!r} is unknown")
    return Window.of(strides, pads, dilations, attributes.get("group", 1))  # type: ignore[arg-type]


def depends_on_image(node: Node) -> bool:
    """Tell whether the padding is known only with the size of the image."""
    same = node.attributes.get("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER")
    return same and set(node.attributes.get("strides", (1, 1))) != {1}


def _same(
    auto_pad: str, image: Sequence[int], taps: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[int, ...]:
    """Zeros round the image for an output of ceil(size / stride), an odd one at the end or at the beginning."""
    totals = [
        max(((size - 1) // stride) * stride + (tap - 1) * dilation + 1 - size, 0)
        for size, tap, stride, dilation in zip(image, taps, strides, dilations, strict=True)
    ]
    smaller, larger = [total // 2 for total in totals], [total - total // 2 for total in totals]
    return (*smaller, *larger) if auto_pad == "SAME_UPPER" else (*larger, *smaller)
