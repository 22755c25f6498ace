"""The script that trains, where PyTorch is installed: a few steps, and what it writes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the extra train")

from workbook import models, network  # noqa: E402
from workbook.models import train  # noqa: E402

STEPS = 3


@pytest.mark.parametrize("name", models.NAMES)
def test_what_is_written_is_what_was_trained(name: str, tmp_path: Path) -> None:
    recipe = train.RECIPES[name]
    losses: list[float] = []
    made = train.fit(recipe, STEPS, losses.append)
    card = train.train(name, tmp_path, STEPS)
    for label, layer in recipe.ending():
        made.add_module(label, layer)
    side = recipe.input_shape[-1] if isinstance(recipe.input_shape[-1], int) else 28
    x = np.random.default_rng(0).random((2, 1, side, side), np.float32)
    with torch.inference_mode():
        expected = made(torch.tensor(x)).numpy() + (x if recipe.residual else 0)
    y = network.load(tmp_path / f"{name}.onnx")(x)
    assert np.abs(y - expected).max() <= 1e-5 * np.abs(expected).max()
    assert len(losses) == STEPS == card.steps
    assert (tmp_path / f"{name}.json").read_bytes() == card.as_json()


def test_every_model_has_a_recipe() -> None:
    assert tuple(train.RECIPES) == models.NAMES


def test_training_learns() -> None:
    losses: list[float] = []
    train.fit(train.RECIPES["digits_cnn"], 40, losses.append)
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


def test_interrupt_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    recipe = train.RECIPES["denoiser"]
    monkeypatch.setitem(train.RECIPES, "denoiser", replace(recipe, batch=interrupted))
    with pytest.raises(KeyboardInterrupt):
        train.train("denoiser", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [[], ["resnet"]])
def test_command_tells_the_names(arguments: list[str]) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "workbook.models.train", *arguments], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr.strip().endswith("NAME: one of digits_cnn, digits_depthwise, denoiser, digits_detector")
