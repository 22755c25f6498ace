"""Photos to take noise from: eighteen grey images that scikit-image carries, cut into training and test by image.

A pair is a photo and the same photo with Gaussian noise, so no labels are needed: PSNR compares with the photo itself.
Grey, because half of them have no colour, and a network for colours would see grey as a colour that is easy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from skimage import color, data

FloatArray = npt.NDArray[np.float32]
Part = Literal["train", "test"]

SIGMA = 25  # of the noise, in steps of 8-bit grey; the level at which papers on denoising compare

# Chosen before anything was trained: what a camera sees, one texture, and no second view of a training scene.
_TEST: dict[str, Callable[[], npt.NDArray[np.uint8]]] = {
    "camera": data.camera,
    "chelsea": data.chelsea,
    "coffee": data.coffee,
    "coins": data.coins,
    "gravel": data.gravel,
    "rocket": data.rocket,
}
_TRAIN: dict[str, Callable[[], npt.NDArray[np.uint8]]] = {
    "astronaut": data.astronaut,
    "brick": data.brick,
    "cell": data.cell,
    "clock": data.clock,
    "grass": data.grass,
    "hubble": data.hubble_deep_field,
    "immunohistochemistry": data.immunohistochemistry,
    "moon": data.moon,
    "motorcycle left": lambda: data.stereo_motorcycle()[0],
    "motorcycle right": lambda: data.stereo_motorcycle()[1],
    "page": data.page,
    "retina": data.retina,
}
_PARTS = {"train": _TRAIN, "test": _TEST}


def names(part: Part) -> tuple[str, ...]:
    """Return the names of the photos of a part, "train" or "test".

    Raises
    ------
    ValueError
        For another part.
    """
    if part not in _PARTS:
        raise ValueError(f"the photos have the parts {', '.join(_PARTS)}, not {part!r}")
    return tuple(_PARTS[part])


@cache
def photo(name: str) -> FloatArray:
    """Return a photo.

    Returns
    -------
    (1, 1, H, W) float32
        Grey, from 0, black, to 1, white; colours are weighed as scikit-image's `rgb2gray` does.

    Raises
    ------
    ValueError
        For a name that is not there.
    """
    loaders = _TRAIN | _TEST
    if name not in loaders:
        raise ValueError(f"there is no photo {name!r}; there are {', '.join(loaders)}")
    pixels = loaders[name]()
    grey = color.rgb2gray(pixels) if pixels.ndim == 3 else pixels / 255
    image: FloatArray = grey.astype(np.float32)[None, None]
    image.flags.writeable = False
    return image


def noisy(clean: FloatArray, sigma: float = SIGMA, seed: int = 0) -> FloatArray:
    """Return an image with Gaussian noise of a standard deviation of `sigma` grey steps of 255; nothing is clipped."""
    noise = np.random.default_rng(seed).standard_normal(clean.shape, np.float32)
    result: FloatArray = clean + np.float32(sigma / 255) * noise
    return result


def noisy_squares(count: int, size: int = 96, seed: int = 0) -> FloatArray:
    """Return noisy pieces of the training photos, each of the next photo, cut out anywhere: images to calibrate on.

    Returns
    -------
    (count, 1, size, size) float32
    """
    random, squares = np.random.default_rng(seed), []
    for i in range(count):
        image = photo(names("train")[i % len(_TRAIN)])
        top, left = (random.integers(pixels - size + 1) for pixels in image.shape[2:])
        squares.append(image[:, :, top : top + size, left : left + size])
    return noisy(np.concatenate(squares), seed=seed + 1)


def psnr(image: FloatArray, clean: FloatArray) -> float:
    """Peak signal-to-noise ratio in dB of an image of the range 0 to 1: -10 log10(mean squared error)."""
    return float(-10 * np.log10(np.mean(np.square(image.astype(np.float64) - clean))))


@dataclass(frozen=True)
class Gain:
    """What a denoiser does to one photo; PSNR in dB before and after."""

    name: str
    before: float
    after: float

    @property
    def db(self) -> float:
        """How many dB it gains."""
        return self.after - self.before


def gains(denoise: Callable[[FloatArray], FloatArray], sigma: float = SIGMA, seed: int = 0) -> tuple[Gain, ...]:
    """Denoise each held-out photo.

    Parameters
    ----------
    denoise : function
        From a noisy (1, 1, H, W) to a clean one.
    sigma : float
        In grey steps of 255.
    seed : int
        Of the noise of the first photo; the next ones follow.
    """
    results = []
    for i, name in enumerate(names("test")):
        clean = photo(name)
        dirty = noisy(clean, sigma, seed + i)
        results.append(Gain(name, psnr(dirty, clean), psnr(denoise(dirty), clean)))
    return tuple(results)
