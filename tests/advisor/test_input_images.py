"""Images to calibrate with: from a folder, with clear words for what cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbook.advisor.input_images import CALIBRATING, JUDGES, Images, folder, for_network, noise
from workbook.advisor.input_shapes import main_input, shape_of
from workbook.errors import CommandError
from workbook.graphs.graph import Port


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for i, mode in enumerate(("L", "RGB", "RGBA")):
        Image.new(mode, (10 + i, 8), (128,) * len(mode) if mode != "L" else 128).save(tmp_path / f"{i}.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    return tmp_path


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_of_any_kind_become_arrays(pictures: Path, channels: int) -> None:
    found = folder(pictures, (channels, 6, 5))
    assert found.arrays.shape == (3, channels, 6, 5)
    assert found.arrays.dtype == np.float32
    assert not found.is_noise
    np.testing.assert_allclose(found.arrays[:, 0], 128 / 255, atol=0.01)


def test_mean_and_std(pictures: Path) -> None:
    found = folder(pictures, (1, 4, 4), mean=[0.5], std=[0.25])
    np.testing.assert_allclose(found.arrays, (128 / 255 - 0.5) / 0.25, atol=0.02)


def test_noise_is_the_same_every_time() -> None:
    np.testing.assert_array_equal(noise((3, 4, 5)).arrays, noise((3, 4, 5)).arrays)
    assert noise((3, 4, 5)).is_noise


def test_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="holds no image"):
        folder(tmp_path, (3, 4, 4))


def test_damaged_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(CommandError, match=r"a\.png cannot be read"):
        folder(tmp_path, (3, 4, 4))


def test_channels_that_no_picture_has(pictures: Path) -> None:
    with pytest.raises(CommandError, match="7 channels"):
        folder(pictures, (7, 4, 4))


def test_sizes_are_the_models_or_the_askers() -> None:
    assert shape_of(Port("x", (None, 3, None, None))) == (3, 224, 224)
    assert shape_of(Port("x", (None, 3, None, None)), (64, 48)) == (3, 64, 48)
    assert shape_of(Port("x", (1, 1, 28, 28))) == (1, 28, 28)
    assert shape_of(Port("x", None)) == (3, 224, 224)
    with pytest.raises(CommandError, match="takes images of 28 x 28"):
        shape_of(Port("x", (1, 1, 28, 28)), (64, 64))
    assert shape_of(Port("x", (8, 1, 28, 28))) == (1, 28, 28)
    assert shape_of(Port("x", (1, 32, 48, 3))) == (32, 48, 3)
    assert shape_of(Port("x", (None, 20, None))) == (20, 224)
    with pytest.raises(CommandError, match="--size is for images"):
        shape_of(Port("x", (1, 10)), (4, 4))


def test_each_channel_has_its_mean(pictures: Path) -> None:
    found = folder(pictures, (3, 4, 4), mean=[0, 0.25, 0.5], std=[1, 0.5, 0.25])
    for channel, (mean, std) in enumerate(((0, 1), (0.25, 0.5), (0.5, 0.25))):
        np.testing.assert_allclose(found.arrays[:, channel], (128 / 255 - mean) / std, atol=0.02)
    with pytest.raises(CommandError, match="--mean has 2 numbers"):
        folder(pictures, (3, 4, 4), mean=[0, 1])
    with pytest.raises(CommandError, match="--std not 0"):
        folder(pictures, (3, 4, 4), std=[0])


def test_channels_last_are_the_same_pixels(pictures: Path) -> None:
    first, last = folder(pictures, (3, 6, 5)), folder(pictures, (6, 5, 3), last=True)
    np.testing.assert_array_equal(first.arrays.transpose(0, 2, 3, 1), last.arrays)


def test_crop_keeps_the_middle(tmp_path: Path) -> None:
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 255
    Image.fromarray(wide).save(tmp_path / "a.png")
    assert folder(tmp_path, (1, 8, 8), crop=1).arrays.min() > 0.9
    assert folder(tmp_path, (1, 8, 8)).arrays.min() == 0


def test_half_of_the_images_judge_if_they_are_enough(pictures: Path) -> None:
    arrays = np.arange(2 * JUDGES + 1, dtype=np.float32).reshape(-1, 1)
    found = Images(arrays, "", is_noise=False)
    assert found.calibrating.ravel().tolist() == arrays.ravel()[::2].tolist()[:CALIBRATING]
    assert found.held_out.ravel().tolist() == arrays.ravel()[1::2].tolist()
    fewer = Images(arrays[:-2], "", is_noise=False)
    assert (len(fewer.calibrating), len(fewer.held_out)) == (len(fewer.arrays), 0)
    assert not len(noise((1,), 3 * JUDGES).held_out)
    several = Images(arrays[:5], "", is_noise=False, at_once=2)
    assert [batch.ravel().tolist() for batch in several.batches(several.arrays)] == [[0, 1], [2, 3], [4, 4]]
    assert not len(Images(arrays, "", is_noise=False, at_once=2).held_out)
    assert not len(folder(pictures, (1, 4, 4)).held_out)


def test_other_inputs_are_filled() -> None:
    ports = (Port("size", (1, 2), np.dtype(np.int64)), Port("x", (2, 3, 8, 8)))
    found = for_network(ports)
    assert main_input(ports).name == "x"
    assert found.at_once == 2
    assert found.beside["size"].tolist() == [[1, 1]]
    assert found.notes == ("x (2x3x8x8 float32) varies, and the others are fixed: size (1x2 int64, all 1)",)
    assert for_network(ports, fills={"size": 640}).beside["size"].tolist() == [[640, 640]]


def test_the_input_that_varies() -> None:
    """Images before rows, floats before integers, arrays before single numbers."""
    int64, uint8 = np.dtype(np.int64), np.dtype(np.uint8)
    ports = [
        Port("n", (), int64), Port("ids", (1, 9), int64), Port("rate", (3,)), Port("h", (2, 1, 8)),
        Port("bytes", (1, 8, 8, 3), uint8), Port("x", (1, 3, 8, 8)),
    ]  # fmt: skip
    for left in ("x", "bytes", "h", "ids", "rate"):
        assert main_input(ports).name == left
        ports = [port for port in ports if port.name != left]
    with pytest.raises(CommandError, match="no input of numbers: n"):
        main_input(ports)
    with pytest.raises(CommandError, match="texts or complex numbers are made up, which the network takes: words"):
        for_network((Port("x", (1, 4)), Port("words", (1,), np.dtype(object))))


def test_numbers_are_made_up_in_the_declared_type() -> None:
    for dtype, least, most in ((np.uint8, 0, 255), (np.int8, -128, 127), (np.int32, 0, 1), (np.bool_, 0, 1)):
        arrays = for_network((Port("x", (None, 4000), np.dtype(dtype)),)).arrays
        assert (arrays.dtype, int(arrays.min()), int(arrays.max())) == (np.dtype(dtype), least, most)
    assert for_network((Port("x", (None, 9), np.dtype(np.float16)),)).arrays.dtype == np.float16
    fixed = for_network((Port("x", (512,)),))
    assert (fixed.at_once, fixed.arrays.shape) == (512, (512,))
    assert len(np.unique(fixed.arrays)) == 512


def test_pictures_become_bytes_where_a_network_takes_them(pictures: Path) -> None:
    found = for_network((Port("x", (1, 6, 5, 3), np.dtype(np.uint8)),), pictures)
    assert found.arrays.dtype == np.uint8
    np.testing.assert_allclose(found.arrays, 128, atol=3)
