"""A fixture that the tests of the advisor and of its lesson share: one analysis of the denoiser."""

from __future__ import annotations

import pytest

from workbook import models
from workbook.accelerator.presets import PRESETS
from workbook.advisor.analysis import analyze
from workbook.advisor.analysis_result import Analysis
from workbook.advisor.input_images import JUDGES, Images
from workbook.models import photos


@pytest.fixture(scope="session")
def denoiser() -> Analysis:
    squares = Images(photos.noisy_squares(2 * JUDGES, 64), f"{2 * JUDGES} noisy squares", is_noise=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBOOK_QUICK", "1")
        return analyze(models.load("denoiser", threads=1), squares, PRESETS["x1"], name="denoiser", threads=1)
