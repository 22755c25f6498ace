"""What the camera sees: a pan over a real photo with sensor noise. The picture without noise is known."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from workbook.camera.frames import Format

PHOTOS = ("astronaut", "coffee", "rocket", "chelsea", "camera")  # of those that scikit-image bundles
SIGMA = 25 / 255  # the noise that denoisers are compared at

FloatArray = npt.NDArray[np.float32]


class Pan:
    """A window that moves over a photo, in whole pixels, and turns at its borders.

    Parameters
    ----------
    size : (int, int)
        Height and width of the window.
    photo : str
        One of `PHOTOS`.
    grey : bool
        One channel instead of three. "camera" has no other.
    sigma : float
        Standard deviation of the noise, where white is 1. It is Gaussian, and not cut off at black and white.
    speed : (int, int)
        Pixels a frame, down and to the right.
    seed : int
        Of the noise. It is drawn once, and each frame gets another part of it: a fresh one takes a core for
        milliseconds, which the service would miss.

    Raises
    ------
    ValueError
        If there is no such photo, or the window is larger than it.
    """

    def __init__(
        self,
        size: tuple[int, int] = (288, 352),
        photo: str = "astronaut",
        *,
        grey: bool = False,
        sigma: float = SIGMA,
        speed: tuple[int, int] = (1, 2),
        seed: int = 0,
    ) -> None:
        self._photo = _channels(photo, grey)
        channels, *photo_size = self._photo.shape
        if not all(0 < side <= limit for side, limit in zip(size, photo_size, strict=True)):
            raise ValueError(f"size={size} is not within the photo {photo!r} of {photo_size[0]} x {photo_size[1]}")
        self.format = Format((channels, *size), np.dtype(np.float32))
        self._free = tuple(limit - side for side, limit in zip(size, photo_size, strict=True))
        self._speed = speed
        self._seed = seed
        random = np.random.default_rng(seed)
        margin = 64  # 64 x 64 parts to choose from
        self._noise = random.standard_normal((channels, size[0] + margin, size[1] + margin), np.float32)
        self._noise *= np.float32(sigma)
        self._margin = margin

    def __call__(self, number: int) -> tuple[FloatArray, FloatArray]:
        """Return frame `number` with noise, and without: two arrays (C, H, W), float32, black 0 and white 1."""
        truth = self._part(self._photo, *map(_back_and_forth, self._free, (step * number for step in self._speed)))
        place = np.random.default_rng((self._seed, number)).integers(self._margin, size=2)
        return truth + self._part(self._noise, *place), truth

    def _part(self, image: FloatArray, top: int, left: int) -> FloatArray:
        _, height, width = self.format.shape
        return np.ascontiguousarray(image[:, top : top + height, left : left + width])


def psnr(image: npt.NDArray[Any], truth: npt.NDArray[Any]) -> float:
    """Return the peak signal-to-noise ratio in dB, white being 1: 10 log10(1 / mean squared error).

    Raises
    ------
    ValueError
        If the two are no arrays of one shape, with pixels.
    """
    if np.shape(image) != np.shape(truth) or not np.size(image):
        raise ValueError(
            f"image and truth must have one shape, with pixels, not {np.shape(image)} and {np.shape(truth)}"
        )
    error = np.subtract(image, truth, dtype=np.float64)
    return float(-10 * np.log10(np.mean(error**2)))


def _back_and_forth(free: int, way: int) -> int:
    """Return the place after a way on a line from 0 to `free` with a turn at each end."""
    return free - abs(way % (2 * free) - free) if free else 0


@cache
def _channels(photo: str, grey: bool) -> FloatArray:
    """Return a photo as (C, H, W), black 0 and white 1."""
    import skimage.data

    if photo not in PHOTOS:
        raise ValueError(f"no photo {photo!r}; there are {', '.join(PHOTOS)}")
    pixels = np.atleast_3d(getattr(skimage.data, photo)()).astype(np.float32) / np.float32(255)
    if grey:
        pixels = pixels.mean(axis=2, keepdims=True)
    channels: FloatArray = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    channels.flags.writeable = False
    return channels
