"""What the tests of the analysis share: one analysis of the denoiser, and one of a small network of many kinds."""

from __future__ import annotations

import numpy as np
import pytest

from workbook import models, photos
from workbook.analysis.images import Images, noise
from workbook.analysis.result import Analysis
from workbook.analysis.run import analyze
from workbook.hardware.presets import PRESETS


@pytest.fixture(scope="session", autouse=True)
def _quick() -> None:
    patch = pytest.MonkeyPatch()
    patch.setenv("WORKBOOK_QUICK", "1")


@pytest.fixture(scope="session")
def denoiser() -> Analysis:
    squares = Images(photos.noisy_squares(2, 64), "2 noisy squares", is_noise=False)
    return analyze(models.load("denoiser", threads=1), squares, PRESETS["x1"], name="denoiser", threads=1)


@pytest.fixture(scope="session")
def depthwise() -> Analysis:
    net = models.load("digits_depthwise", threads=1)
    shape = tuple(size or 28 for size in net.inputs[0].shape[1:])  # type: ignore[index]
    return analyze(net, noise(shape), PRESETS["efpga_40"], name="depthwise", threads=1, batch=2)  # type: ignore[arg-type]


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)
