"""Images to calibrate with, and to time: from a folder, or noise from a fixed seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from workbook.errors import CommandError
from workbook.graphs.graph import FloatArray, Port

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
NOISE = 4  # images
MOST = 64  # images of a folder
SIDE = 224  # of an image whose size the model leaves open

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class Images:
    """What a network is run on.

    Attributes
    ----------
    arrays : (n, C, H, W) float32
    source : str
        Where they are from, in words.
    is_noise : bool
        Then ranges and errors say little of the network's work.
    """

    arrays: FloatArray
    source: str
    is_noise: bool


def shape_of(port: Port, size: tuple[int, int] | None = None) -> tuple[int, int, int]:
    """Return channels, height and width of the images that a network takes.

    Parameters
    ----------
    port : Port
    size : (int, int), optional
        Height and width where the model leaves them open; SIDE x SIDE.

    Raises
    ------
    CommandError
        If the network takes no images, or images of another size.
    """
    if port.shape is not None and len(port.shape) != 4:
        raise CommandError(
            f"the input {port.name!r} has the shape {port.shape}: this is for networks of images, N C H W"
        )
    batch, channels, height, width = port.shape or (None, None, None, None)
    if batch not in (None, 1):
        raise CommandError(f"the model takes {batch} images at once: export it for one, or with a free batch")
    if size and any(own not in (None, asked) for own, asked in zip((height, width), size, strict=True)):
        raise CommandError(f"--size {size[0]} {size[1]}: the model takes images of {height} x {width}")
    wanted = size or (SIDE, SIDE)
    return channels or 3, height or wanted[0], width or wanted[1]


def noise(shape: tuple[int, int, int], count: int = NOISE) -> Images:
    """Return numbers from 0 to 1 of a fixed seed."""
    arrays = np.random.default_rng(0).random((count, *shape), np.float32)
    return Images(arrays, f"{count} images of noise (seed 0)", is_noise=True)


def folder(path: Path, shape: tuple[int, int, int], mean: float = 0, std: float = 1) -> Images:
    """Read the first images of a folder, by their names, scaled to the network's size.

    Parameters
    ----------
    path : Path
    shape : (int, int, int)
        Channels, height and width.
    mean, std : float
        A pixel from 0 to 1 becomes (pixel - mean) / std.

    Raises
    ------
    CommandError
        If there is no image in the folder, or one cannot be read.
    """
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in ENDINGS)[:MOST]
    if not files:
        raise CommandError(f"{path} holds no image; known are {', '.join(ENDINGS)}")
    if std == 0:
        raise CommandError("--std must not be 0")
    arrays = (np.stack([_read(file, shape) for file in files]) - np.float32(mean)) / np.float32(std)
    return Images(arrays, f"{len(files)} images of {path.name}", is_noise=False)


def _read(file: Path, shape: tuple[int, int, int]) -> FloatArray:
    channels, height, width = shape
    if channels not in _MODES:
        raise CommandError(f"the network takes images of {channels} channels: a picture has 1, 3 or 4")
    try:
        with Image.open(file) as picture:
            scaled = picture.convert(_MODES[channels]).resize((width, height), Image.Resampling.BILINEAR)
    except (UnidentifiedImageError, OSError) as error:
        raise CommandError(f"{file} cannot be read as an image: {error}") from None
    pixels = np.asarray(scaled, np.float32).reshape(height, width, channels) / np.float32(255)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))
