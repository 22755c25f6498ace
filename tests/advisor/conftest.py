"""What the tests of the analysis share: one analysis of the denoiser, and one of a small network of many kinds."""

from __future__ import annotations

import numpy as np
import pytest
from analyses import denoiser as denoiser

from workbook import models
from workbook.accelerator.presets import PRESETS
from workbook.advisor.analysis import analyze
from workbook.advisor.analysis_result import Analysis
from workbook.advisor.input_images import noise


@pytest.fixture(scope="session", autouse=True)
def _quick() -> None:
    patch = pytest.MonkeyPatch()
    patch.setenv("WORKBOOK_QUICK", "1")


@pytest.fixture(scope="session")
def depthwise() -> Analysis:
    net = models.load("digits_depthwise", threads=1)
    shape = tuple(size or 28 for size in net.inputs[0].shape[1:])  # type: ignore[index]
    return analyze(net, noise(shape), PRESETS["efpga_40"], name="depthwise", threads=1, batch=2)  # type: ignore[arg-type]


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)
