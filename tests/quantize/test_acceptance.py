"""The trained networks on bytes, calibrated on 64 images and judged on those that nothing has seen before.

What they lose, with its 95 % interval from the same images before and after:

    digits_cnn         at most 0.5 points of accuracy
    digits_depthwise   at most 1 point with a scale for each channel; with one for all it collapses, and equalised at
                       most 1.5
    denoiser           at most 0.2 dB on each photo
"""

import numpy as np
import pytest

from workbook import models
from workbook.measuring import intervals
from workbook.models import digits, photos
from workbook.network import Network
from workbook.quantize.equalisation import spread
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantize

IMAGES = 64
PER_TENSOR = Scheme(per_channel=False)
EQUALISED = Scheme(per_channel=False, equalise=True)


def calibration():
    return digits.digits("calibration").images[:IMAGES]


def change(net, scheme, algorithm="auto"):
    """Of the accuracy, from float32 to bytes."""
    int8 = quantize(net, calibration(), scheme, algorithm=algorithm)
    return intervals.of_paired_difference(digits.right(net), digits.right(int8))


@pytest.fixture(scope="module")
def cnn():
    return models.load("digits_cnn")


@pytest.fixture(scope="module")
def depthwise():
    return models.load("digits_depthwise")


@pytest.fixture(scope="module")
def uneven(depthwise):
    """The same function, its channels rescaled by factors of 1/4 to 4."""
    return Network(spread(depthwise.graph, octaves=2))


@pytest.mark.parametrize("calibrator", ["minmax", "percentile", "mse"])
@pytest.mark.parametrize("activations", ["uint8", "int8"])
@pytest.mark.parametrize("per_channel", [True, False])
def test_digits(cnn, calibrator, activations, per_channel):
    scheme = Scheme(calibrator=calibrator, activations=activations, per_channel=per_channel)
    found = change(cnn, scheme)
    assert abs(found.value) <= 0.005
    assert -0.012 < found.low < found.high < 0.012


def test_uneven_is_the_same_function(depthwise, uneven):
    images = digits.digits("test").images
    np.testing.assert_array_equal(uneven(images), depthwise(images))


@pytest.mark.parametrize("name", ["depthwise", "uneven"])
def test_depthwise_with_a_scale_for_each_channel(name, request):
    assert abs(change(request.getfixturevalue(name), Scheme()).value) <= 0.01


@pytest.mark.parametrize("name", ["depthwise", "uneven"])
def test_depthwise_equalised(name, request):
    """One scale for all channels is enough then, of whatever kind the ranges were before."""
    assert abs(change(request.getfixturevalue(name), EQUALISED).value) <= 0.015


def test_depthwise_with_one_scale_collapses(depthwise, uneven):
    """As trained it loses many points; with more uneven channels not much more is left than what guessing gives."""
    assert change(depthwise, PER_TENSOR).high < -0.05
    assert digits.right(quantize(uneven, calibration(), PER_TENSOR)).mean() < 0.3


def test_bias_correction_wins_some_of_it_back(depthwise):
    plain, correct = (change(depthwise, Scheme(per_channel=False, bias_correction=c)) for c in (False, True))
    assert correct.low > plain.high


def test_without_vnni(depthwise):
    """Signed activations fill their bytes from the middle, where products are large; 7-bit weights are exact."""
    signed = {"activations": "int8", "symmetric_activations": True}
    assert change(depthwise, Scheme(**signed), "saturating").high < -0.05
    narrow = Scheme(**signed, reduce_range=True)
    assert change(depthwise, narrow, "saturating") == change(depthwise, narrow)


@pytest.mark.parametrize("calibrator", ["minmax", "percentile", "mse"])
def test_denoiser(calibrator):
    net = models.load("denoiser")
    int8 = quantize(net, photos.noisy_squares(IMAGES), Scheme(calibrator=calibrator))
    lost = [before.db - after.db for before, after in zip(photos.gains(net), photos.gains(int8), strict=True)]
    assert max(lost) <= 0.2
    found = intervals.of_mean(lost)
    assert -0.05 < found.low < found.high < 0.1
