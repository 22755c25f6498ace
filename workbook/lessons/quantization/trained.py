"""The trained networks that lesson 3 quantizes, their images, and how good a network is: each loaded once."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from workbook import models
from workbook.graphs.graph import Array, FloatArray
from workbook.lessonkit.arguments import at_least
from workbook.measuring.intervals import Interval, of_paired_difference
from workbook.models import digits, pages, photos
from workbook.network import Network
from workbook.quantize.calibration import Observations, Recipe, observe, prepared
from workbook.quantize.equalisation import spread
from workbook.quantize.scheme import Scheme

RESCALED = "digits_depthwise, rescaled"
DIGITS = ("digits_cnn", "digits_depthwise", RESCALED)

IMAGES = 64  # digits to calibrate with
SQUARES = 8  # noisy squares of photos to calibrate with
OCTAVES = 2  # a channel is divided by 1/4, 1/2, 1, 2 or 4


@cache
def network(name: str) -> Network:
    """Return a network in float32: one of `models.NAMES`, or RESCALED.

    Raises
    ------
    ValueError
        For another name.
    """
    if name == RESCALED:
        return Network(spread(network("digits_depthwise").graph, OCTAVES))
    return models.load(name)


def images(name: str, count: int | None = None) -> Array:
    """Return images to calibrate a network with; IMAGES digits, SQUARES squares or all pages if no count is given.

    Raises
    ------
    ValueError
        For a name that is no network's, or a count below 1.
    """
    network(name)
    if count is not None:
        at_least(1, count=count)
    if name == "denoiser":
        return photos.noisy_squares(count or SQUARES)
    if name == "digits_detector":
        return np.stack([page.image for page in pages.pages("calibration")[:count]])
    return digits.digits("calibration").images[: count or IMAGES]


def recipe(name: str, scheme: Scheme | None = None) -> Recipe:
    """Return the recipe that `calibrate` finds for a network on its images; they are looked at once for all schemes."""
    scheme = scheme or Scheme()
    return observations(name, scheme.equalise).recipe(scheme)


@cache
def observations(name: str, equalised: bool = False) -> Observations:
    """Return what the arrays of a network, or of its equalised form, held on its images."""
    return observe(Network(prepared(network(name).graph, Scheme(equalise=equalised))), images(name))


def accuracy(net: Network) -> float:
    """Return the share of the 1,000 test digits that a network reads right."""
    return float(digits.right(net).mean())


@cache
def right_in_float(name: str) -> npt.NDArray[np.bool_]:
    """Return for each test digit whether the network in float32 reads it right."""
    return digits.right(network(name))


def change(name: str, net: Network) -> Interval:
    """Return what a quantized form of a network changes in accuracy, with its 95 % interval: the same digits."""
    return of_paired_difference(right_in_float(name).tolist(), digits.right(net).tolist())


@cache
def camera() -> tuple[FloatArray, FloatArray]:
    """Return a held-out photo, and the same with noise."""
    clean = photos.photo("camera")
    return clean, photos.noisy(clean)
