"""What a network is run on: the images of a folder, or noise from a fixed seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from workbook.errors import CommandError
from workbook.graphs.graph import Array, Port, Shape

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
NOISE = 4  # images
MOST = 64  # images of a folder
SIDE = 224  # of an image whose size the model leaves open
JUDGES = 2  # images that did not calibrate, at least, for an interval

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_IMAGE = 4  # axes


@dataclass(frozen=True)
class Images:
    """What a network is run on.

    Attributes
    ----------
    arrays : (n, C, H, W) float32, or as the network takes them
    source : str
        Where they are from, in words.
    is_noise : bool
        Then ranges and errors say little of the network's work.
    at_once : int
        Images that the network takes at once.
    beside : mapping of str to array
        What its other inputs take, always the same.
    """

    arrays: Array
    source: str
    is_noise: bool
    at_once: int = 1
    beside: Mapping[str, Array] = field(default_factory=dict)

    @property
    def calibrating(self) -> Array:
        """Every second image; all if too few would be left to judge with."""
        return self.arrays[::2] if len(self.held_out) else self.arrays

    @property
    def held_out(self) -> Array:
        """The images that do not calibrate; none of noise, and none if they were fewer than JUDGES."""
        others = self.arrays[1::2]
        return others if not self.is_noise and len(others) >= JUDGES else self.arrays[:0]

    def batches(self, images: Array) -> Iterator[Array]:
        """Yield as many images at once as the network takes, the last ones filled up by the first."""
        for first in range(0, len(images), self.at_once):
            yield np.resize(images[first : first + self.at_once], (self.at_once, *images.shape[1:]))

    def feed(self, name: str, images: Array) -> dict[str, Array]:
        """Return what all inputs take, the images by the name of theirs."""
        return {name: images, **self.beside}


def main_input(inputs: Sequence[Port]) -> Port:
    """Return the input that takes images: the first of four axes, or else the first of numbers.

    Raises
    ------
    CommandError
        If no input takes numbers.
    """
    numbers = [port for port in inputs if port.dtype.kind == "f" and (port.shape is None or len(port.shape) > 1)]
    if not numbers:
        raise CommandError(f"the network has no input of numbers: {', '.join(p.name for p in inputs) or 'none at all'}")
    return next((port for port in numbers if port.shape is None or len(port.shape) == _IMAGE), numbers[0])


def shape_of(port: Port, size: tuple[int, int] | None = None) -> tuple[int, ...]:
    """Return the shape of one image that a network takes: channels, height and width, or channels last.

    Parameters
    ----------
    port : Port
        Of other than four axes: what it leaves open is SIDE.
    size : (int, int), optional
        Height and width where the model leaves them open; SIDE x SIDE.

    Raises
    ------
    CommandError
        If the network takes images of another size, or no images and a size is given.
    """
    if port.shape is not None and len(port.shape) != _IMAGE:
        if size:
            raise CommandError(f"--size is for images; the input {port.name!r} has the shape {port.shape}")
        return tuple(axis or SIDE for axis in port.shape[1:])
    last = _is_last(port.shape)
    _, *image = port.shape or (None,) * _IMAGE
    channels, height, width = (image[2], *image[:2]) if last else image
    if size and any(own not in (None, asked) for own, asked in zip((height, width), size, strict=True)):
        raise CommandError(f"--size {size[0]} {size[1]}: the model takes images of {height} x {width}")
    wanted = size or (SIDE, SIDE)
    sizes = height or wanted[0], width or wanted[1]
    return (*sizes, channels or 3) if last else (channels or 3, *sizes)


def _is_last(shape: Shape | None) -> bool:
    """Whether the channels are the last axis."""
    return shape is not None and len(shape) == _IMAGE and shape[3] in _MODES and shape[1] not in _MODES


def noise(shape: tuple[int, ...], count: int = NOISE) -> Images:
    """Return numbers from 0 to 1 of a fixed seed."""
    arrays = np.random.default_rng(0).random((count, *shape), np.float32)
    return Images(arrays, f"{count} images of noise (seed 0)", is_noise=True)


def for_network(
    inputs: Sequence[Port],
    path: Path | None = None,
    size: tuple[int, int] | None = None,
    mean: Sequence[float] = (0.0,),
    std: Sequence[float] = (1.0,),
    crop: float | None = None,
) -> Images:
    """Return what a network is run on: the images of a folder, or noise, and its other inputs filled with ones.

    The parameters are those of `main_input`, `shape_of` and `folder`.

    Raises
    ------
    CommandError
        As they do.
    """
    port = main_input(inputs)
    shape = shape_of(port, size)
    if path and len(shape) != _IMAGE - 1:
        raise CommandError(f"--calibration is for images; the input {port.name!r} has the shape {port.shape}")
    found = folder(path, shape, mean, std, crop, last=_is_last(port.shape)) if path else noise(shape)
    others = {
        other.name: np.ones([axis or 1 for axis in other.shape or ()], other.dtype)
        for other in inputs
        if other.name != port.name
    }
    at_once = port.shape[0] if port.shape and port.shape[0] else 1
    return Images(found.arrays.astype(port.dtype, copy=False), found.source, found.is_noise, at_once, others)


def folder(
    path: Path,
    shape: tuple[int, ...],
    mean: Sequence[float] = (0.0,),
    std: Sequence[float] = (1.0,),
    crop: float | None = None,
    *,
    last: bool = False,
) -> Images:
    """Read the first images of a folder, by their names, scaled to the network's size.

    Parameters
    ----------
    path : Path
    shape : (int, int, int)
        Channels, height and width; or channels last.
    mean, std : sequence of float
        A pixel from 0 to 1 becomes (pixel - mean) / std; one for all channels, or one for each.
    crop : float, optional
        The share of a picture's middle that is kept, 0.875 for 224 of 256 pixels, with its proportions; stretched if
        None.
    last : bool
        Whether the channels are the last axis.

    Raises
    ------
    CommandError
        If there is no image in the folder, or one cannot be read, or a word does not fit the channels.
    """
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in ENDINGS)[:MOST]
    if not files:
        raise CommandError(f"{path} holds no image; known are {', '.join(ENDINGS)}")
    channels = shape[2] if last else shape[0]
    size = shape[:2] if last else shape[1:]
    for name, values in (("--mean", mean), ("--std", std)):
        if len(values) not in (1, channels):
            raise CommandError(f"{name} has {len(values)} numbers: give one, or one for each of {channels} channels")
    if not all(std) or not all(map(math.isfinite, (*mean, *std))):
        raise CommandError(f"--mean and --std must be finite and --std not 0, not {list(mean)} and {list(std)}")
    pixels = np.stack([_read(file, channels, (size[0], size[1]), crop) for file in files])
    arrays = (pixels - np.array(mean, np.float32)) / np.array(std, np.float32)
    arrays = arrays if last else np.ascontiguousarray(arrays.transpose(0, 3, 1, 2))
    return Images(arrays, f"{len(files)} images of {path.name}", is_noise=False)


def _read(file: Path, channels: int, size: tuple[int, int], crop: float | None) -> Array:
    if channels not in _MODES:
        raise CommandError(f"the network takes images of {channels} channels: a picture has 1, 3 or 4")
    width_height = size[1], size[0]
    try:
        with Image.open(file) as picture:
            right = picture.convert(_MODES[channels])
            if crop is None:
                scaled = right.resize(width_height, Image.Resampling.BILINEAR)
            else:
                scaled = ImageOps.fit(right, width_height, Image.Resampling.BILINEAR, bleed=(1 - crop) / 2)
    except (UnidentifiedImageError, OSError) as error:
        raise CommandError(f"{file} cannot be read as an image: {error}") from None
    return np.asarray(scaled, np.float32).reshape(*size, channels) / np.float32(255)
