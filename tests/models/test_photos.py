"""The photos: cut by image, without a download; noise that is what it says; PSNR by its definition."""

from __future__ import annotations

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from workbook.models import photos

ALL = (*photos.names("train"), *photos.names("test"))


@pytest.mark.parametrize("name", ALL)
def test_photo_is_grey_and_of_the_range_0_to_1(name: str) -> None:
    image = photos.photo(name)
    assert image.dtype == np.float32
    assert image.shape[:2] == (1, 1)
    assert min(image.shape[2:]) >= 191
    assert image.min() >= 0
    assert 0.7 < image.max() <= 1
    assert not image.flags.writeable


def test_no_photo_is_in_both_parts() -> None:
    """Not by name, and not by its pixels: the two most alike are still far apart."""
    assert len(set(ALL)) == len(ALL)
    small = {name: photos.photo(name)[0, 0, :191:3, :384:3] for name in ALL if photos.photo(name).shape[3] >= 384}
    for a, b in product(photos.names("train"), photos.names("test")):
        if a in small and b in small:
            assert np.abs(small[a] - small[b]).mean() > 0.05, (a, b)


def test_photos_come_without_a_download() -> None:
    """With the package that downloads hidden, and every connection refused."""
    code = """
import socket, sys
sys.modules["pooch"] = None
socket.socket.connect = lambda *_: sys.exit("connects")
from workbook import photos
for part in ("train", "test"):
    for name in photos.names(part):
        photos.photo(name)
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr == ""


def test_noise_is_of_the_deviation_that_was_asked_for() -> None:
    clean = photos.photo("camera")
    noise = 255 * (photos.noisy(clean, sigma=25, seed=1) - clean)
    assert noise.std() == pytest.approx(25, rel=0.01)
    assert abs(noise.mean()) < 0.2
    assert np.array_equal(photos.noisy(clean, seed=1), photos.noisy(clean, seed=1))
    assert not np.array_equal(photos.noisy(clean, seed=1), photos.noisy(clean, seed=2))
    assert photos.noisy(clean).dtype == np.float32


def test_psnr_is_scikit_images() -> None:
    clean = photos.photo("coins")
    dirty = photos.noisy(clean)
    expected = peak_signal_noise_ratio(clean.astype(np.float64), dirty.astype(np.float64), data_range=1)
    assert photos.psnr(dirty, clean) == pytest.approx(expected)
    assert photos.psnr(dirty, clean) == pytest.approx(-20 * np.log10(25 / 255), abs=0.1)


def test_gains_of_doing_nothing_and_of_knowing_the_photo() -> None:
    assert [gain.db for gain in photos.gains(lambda image: image)] == [0] * 6
    halved = iter([(photos.photo(name), i) for i, name in enumerate(photos.names("test"))])

    def half(image: photos.FloatArray) -> photos.FloatArray:
        clean, seed = next(halved)
        assert np.array_equal(image, photos.noisy(clean, seed=seed))
        return (image + clean) / 2

    assert [gain.db for gain in photos.gains(half)] == pytest.approx([20 * np.log10(2)] * 6, abs=1e-3)


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match="the photos have the parts train, test, not 'all'"):
        photos.names("all")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="there is no photo 'lena'; there are astronaut, brick"):
        photos.photo("lena")


def test_noisy_squares() -> None:
    found = photos.noisy_squares(14, size=48)
    assert (found.shape, found.dtype) == ((14, 1, 48, 48), np.float32)
    np.testing.assert_array_equal(found, photos.noisy_squares(14, size=48))
    assert not np.array_equal(found, photos.noisy_squares(14, size=48, seed=1))
    # What differs between neighbouring pixels is noise for the most part: its standard deviation is sqrt(2) * sigma.
    page = found[photos.names("train").index("page")]
    assert np.median(np.abs(np.diff(page))) < 4 * photos.SIGMA / 255
