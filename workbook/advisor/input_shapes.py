"""The shapes of a network's inputs: its own, those that are asked for, and what is taken where both are open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from workbook.errors import CommandError
from workbook.graphs.graph import Port, Shape

IMAGE = 4  # axes
CHANNELS = (1, 3, 4)  # of pictures
SIDE = 224  # along each axis that the model leaves open, of an image or of another input

_NO_NUMBERS = "OSUc"  # kinds of types: texts, and complex numbers


def main_input(inputs: Sequence[Port]) -> Port:
    """Return the input that takes images, which has four axes; or else one of several axes; floats before integers.

    Raises
    ------
    CommandError
        If no input takes an array of numbers, or one takes texts or complex numbers.
    """
    if texts := [port.name for port in inputs if port.dtype.kind in _NO_NUMBERS]:
        raise CommandError(f"no texts or complex numbers are made up, which the network takes: {', '.join(texts)}")
    arrays = [port for port in inputs if port.shape != ()]
    if not arrays:
        raise CommandError(f"the network has no input of numbers: {', '.join(p.name for p in inputs) or 'none at all'}")

    def rank(port: Port) -> tuple[bool, bool, bool]:
        axes = IMAGE if port.shape is None else len(port.shape)
        return axes == IMAGE, axes > 1, port.dtype.kind not in "iub"

    return max(arrays, key=rank)


def asked_for(inputs: Sequence[Port], shapes: Mapping[str, tuple[int, ...]]) -> list[Port]:
    """Return the inputs, some of them of the shapes that are asked for, and others of the sizes that these name.

    Raises
    ------
    CommandError
        If there is no such input, or it has another shape.
    """
    known = {port.name: port.shape for port in inputs}
    for name, asked in shapes.items():
        if name not in known:
            raise CommandError(f"--shape {name}: the network has the inputs {', '.join(known)}")
        own = known[name]
        if own is not None and (
            len(asked) != len(own) or any(a not in (None, b) for a, b in zip(own, asked, strict=True))
        ):
            raise CommandError(f"--shape {name}={words(asked)}: the model takes {words(own)}")
    fixed = [replace(port, shape=shapes.get(port.name, port.shape)) for port in inputs]
    return [_with(port, {axis: n for other in fixed for axis, n in _names(other, other.shape)}) for port in fixed]


def taken(ports: Sequence[Port], size: tuple[int, int] | None = None) -> dict[str, tuple[int, ...]]:
    """Return the shape of each input.

    The main input's is that of `shape_of`. Sizes of one name are the same, and so are those of inputs that state the
    same shape. What is open then is 1.

    Raises
    ------
    CommandError
        As `main_input` and `shape_of` do.
    """
    main = main_input(ports)
    whole = ((main.shape or (1,))[0] or 1, *shape_of(main, size))
    named = dict(_names(main, whole))
    return {
        port.name: whole if port.shape == main.shape else tuple(n or 1 for n in _with(port, named).shape or ())
        for port in ports
    }


def shape_of(port: Port, size: tuple[int, int] | None = None) -> tuple[int, ...]:
    """Return the shape of one image that a network takes: channels, height and width, or channels last.

    Parameters
    ----------
    port : Port
        Of other than four axes: the first one counts the inputs, and what the others leave open is SIDE.
    size : (int, int), optional
        Height and width where the model leaves them open; SIDE x SIDE.

    Raises
    ------
    CommandError
        If the network takes images of another size, or no images and a size is given.
    """
    if port.shape is not None and len(port.shape) != IMAGE:
        if size:
            raise CommandError(f"--size is for images; {port.name} takes {words(port.shape)}: give --shape")
        return tuple(axis or SIDE for axis in port.shape[1:])
    last = is_last(port.shape)
    _, *image = port.shape or (None,) * IMAGE
    channels, height, width = (image[2], *image[:2]) if last else image
    if size and any(own not in (None, asked) for own, asked in zip((height, width), size, strict=True)):
        raise CommandError(f"--size {size[0]} {size[1]}: the model takes images of {height} x {width}")
    wanted = size or (SIDE, SIDE)
    sizes = height or wanted[0], width or wanted[1]
    return (*sizes, channels or 3) if last else (channels or 3, *sizes)


def is_last(shape: Shape | None) -> bool:
    """Whether the channels are the last axis."""
    return shape is not None and len(shape) == IMAGE and shape[3] in CHANNELS and shape[1] not in CHANNELS


def is_open(port: Port) -> bool:
    """Whether a size is open that is not the number of inputs at once."""
    return port.shape is None or None in port.shape[1:]


def words(shape: Shape | None) -> str:
    """Return a shape as --shape takes it, such as 1x16000; ? is any size."""
    return (
        "any shape" if shape is None else "x".join("?" if size is None else str(size) for size in shape) or "1 number"
    )


def _names(port: Port, shape: Shape | None) -> list[tuple[str, int]]:
    """Return the sizes in a shape of an input that have a name."""
    return [(axis, n) for axis, n in zip(port.axes, shape or (), strict=False) if axis and n]


def _with(port: Port, sizes: Mapping[str, int]) -> Port:
    """Return an input with sizes by their names."""
    axes = port.axes or ("",) * len(port.shape or ())
    return replace(
        port, shape=port.shape and tuple(n or sizes.get(axis) for n, axis in zip(port.shape, axes, strict=True))
    )
