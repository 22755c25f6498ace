"""What a network is run on: the images of a folder, or noise from a fixed seed, of the types that it declares."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from workbook.advisor import input_shapes
from workbook.advisor.input_shapes import IMAGE, is_last, is_open, main_input, words
from workbook.errors import CommandError
from workbook.graphs.graph import Array, Port

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
NOISE = 4  # images
MOST = 64  # images of a folder
CALIBRATING = 16  # images at most: more hardly help
JUDGES = 16  # images that did not calibrate, at least: a bootstrap of fewer is far too narrow

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


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
    notes : tuple of str
        What was made up.
    """

    arrays: Array
    source: str
    is_noise: bool
    at_once: int = 1
    beside: Mapping[str, Array] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def are_images(self) -> bool:
        """Whether they have the axes of images, so that a folder could hold others."""
        return self.arrays.ndim == IMAGE

    @property
    def calibrating(self) -> Array:
        """Every second image, as many as are needed; all of them if too few would be left to judge with."""
        return self.arrays[::2][: CALIBRATING * self.at_once] if len(self.held_out) else self.arrays

    @property
    def held_out(self) -> Array:
        """The images that do not calibrate; none of noise, and none if they fill fewer than JUDGES batches."""
        others = self.arrays[1::2]
        return others if not self.is_noise and len(others) >= JUDGES * self.at_once else self.arrays[:0]

    def batches(self, images: Array) -> Iterator[Array]:
        """Yield as many images at once as the network takes, the last ones filled up by the first."""
        for first in range(0, len(images), self.at_once):
            yield np.resize(images[first : first + self.at_once], (self.at_once, *images.shape[1:]))

    def feed(self, name: str, images: Array) -> dict[str, Array]:
        """Return what all inputs take, the images by the name of theirs."""
        return {name: images, **self.beside}


def noise(shape: tuple[int, ...], count: int = NOISE, dtype: np.dtype[Any] | None = None) -> Images:
    """Return numbers of a fixed seed: floats from 0 to 1, any bytes, and of larger integers 0 and 1, as any table has.

    Parameters
    ----------
    shape : tuple of int
        Of an image, or of another input.
    count : int
    dtype : numpy.dtype, optional
        float32 if None.
    """
    dtype, random = dtype or np.dtype(np.float32), np.random.default_rng(0)
    if dtype.kind in "iub":
        ends = (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype in (np.uint8, np.int8) else (0, 1)
        arrays: Array = random.integers(*ends, (count, *shape), endpoint=True).astype(dtype)
    else:
        arrays = random.random((count, *shape), np.float32).astype(dtype, copy=False)
    what = "images" if len(shape) == IMAGE - 1 else "inputs"
    return Images(arrays, f"{count} {what} of noise (seed 0)", is_noise=True)


def for_network(
    inputs: Sequence[Port],
    path: Path | None = None,
    size: tuple[int, int] | None = None,
    mean: Sequence[float] = (0.0,),
    std: Sequence[float] = (1.0,),
    crop: float | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    fills: Mapping[str, float] | None = None,
) -> Images:
    """Return what a network is run on: the images of a folder, or noise, and its other inputs filled with a number.

    Parameters
    ----------
    inputs, path, size, mean, std, crop, shapes
        As `input_shapes.asked_for`, `input_shapes.taken` and `folder` take them.
    fills : mapping of str to float, optional
        What the other inputs are filled with, by their names; 1.

    Raises
    ------
    CommandError
        As they do; or if an input is unknown, or takes texts or complex numbers.
    """
    ports = input_shapes.asked_for(inputs, shapes or {})
    port, taken = main_input(ports), input_shapes.taken(ports, size)
    at_once, *shape = whole = taken[port.name]
    if path and len(whole) != IMAGE:
        raise CommandError(f"--calibration is for images; {port.name} takes {words(port.shape)}")
    if path:
        found = folder(path, tuple(shape), mean, std, crop, last=is_last(port.shape))
        arrays = np.rint(255 * found.arrays).clip(0, 255) if port.dtype.kind in "iu" else found.arrays
    else:
        found = noise(tuple(shape), max(NOISE, at_once), port.dtype)
        arrays = found.arrays
    others = {other.name: other.dtype for other in ports if other is not port}
    if unknown := (fills or {}).keys() - others.keys():
        raise CommandError(f"--fill {min(unknown)}: {', '.join(others) or 'no input'} can be filled")
    numbers = {**dict.fromkeys(others, 1.0), **(fills or {})}
    beside = {name: np.full(taken[name], numbers[name], dtype) for name, dtype in others.items()}
    notes = []
    if left := [f"{p.name} {words(taken[p.name])}" for p in ports if (p is not port or not size) and is_open(p)]:
        notes.append(f"sizes that the model leaves open are {', '.join(left)}; --shape NAME=SIZES gives others")
    if beside:
        fixed = [f"{name} ({words(y.shape)} {y.dtype}, all {numbers[name]:g})" for name, y in beside.items()]
        notes.append(f"{port.name} ({words(whole)} {port.dtype}) varies, and the others are fixed: {', '.join(fixed)}")
    return Images(arrays.astype(port.dtype, copy=False), found.source, found.is_noise, at_once, beside, tuple(notes))


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
