"""Trains the workbook's networks and writes their weights: `python -m workbook.models.train NAME`.

It needs PyTorch (`pip install -e '.[train]'`) and some minutes; learners need neither. The same seed, version of
PyTorch and processor give the same weights. What the card says was measured on the written weights, with this
workbook's own kernels.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.nn import functional

from workbook import network
from workbook.files import write_whole
from workbook.models import Card, architectures, evaluate, pages, photos
from workbook.models.digits import CLASSES, SIZE, digits
from workbook.models.export import Shape, to_onnx

SEED = 0
_HERE = Path(__file__).parent

# Digits: each time that one is shown it is turned, scaled and shifted by up to this much.
_TURN, _SCALE, _SHIFT = 0.2, 0.1, 0.15  # radian; share of the size; share of half the width
_DIGITS_BATCH = 50

# Photos: squares cut anywhere out of any training photo, turned and mirrored, with fresh noise.
_PATCH, _PHOTOS_BATCH = 48, 16  # pixels; squares a step

# Pages: small ones, and how much the boxes count beside the scores.
_PAGE, _PAGES_BATCH, _BOXES = 160, 8, 5


@dataclass(frozen=True)
class Recipe:
    """How one network is made.

    Attributes
    ----------
    build : function
        Returns the untrained network.
    batch : function
        Takes a random generator; returns one step's input and target.
    loss : function
        Of the network's output and the target.
    rate, decay : float
        Of AdamW.
    steps : int
    input_shape, output_shape : tuple of str or int
        Of the ONNX file.
    residual : bool
        Whether the input is added to what the network computes.
    ending : function
        Returns the layers, by name, that the file has behind the trained ones.
    """

    build: Callable[[], Any]
    batch: Callable[[np.random.Generator], tuple[Any, Any]]
    loss: Callable[[Any, Any], Any]
    rate: float
    decay: float
    steps: int
    input_shape: Shape
    output_shape: Shape
    residual: bool = False
    ending: Callable[[], Sequence[tuple[str, Any]]] = tuple


def _digit_batch(random: np.random.Generator) -> tuple[Any, Any]:
    known = digits("train")
    rows = random.choice(len(known), _DIGITS_BATCH, replace=False)
    images = torch.tensor(known.images[rows])
    turn = random.uniform(-_TURN, _TURN, _DIGITS_BATCH)
    scale = random.uniform(1 - _SCALE, 1 + _SCALE, _DIGITS_BATCH)
    right, down = random.uniform(-_SHIFT, _SHIFT, (2, _DIGITS_BATCH))
    cosine, sine = scale * np.cos(turn), scale * np.sin(turn)
    maps = np.array([[cosine, -sine, right], [sine, cosine, down]], np.float32).transpose(2, 0, 1)
    grid = functional.affine_grid(torch.tensor(maps), images.shape, align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False), torch.tensor(known.labels[rows])


def _photo_batch(random: np.random.Generator) -> tuple[Any, Any]:
    squares = []
    for name in random.choice(photos.names("train"), _PHOTOS_BATCH):
        image = photos.photo(str(name))[0, 0]
        top, left = (random.integers(size - _PATCH + 1) for size in image.shape)
        square = np.rot90(image[top : top + _PATCH, left : left + _PATCH], int(random.integers(4)))
        squares.append(square.T if random.integers(2) else square)
    clean = np.stack(squares)[:, None]
    noisy = photos.noisy(clean, seed=int(random.integers(2**32)))
    return torch.tensor(noisy), torch.tensor(clean - noisy)


def _page_batch(random: np.random.Generator) -> tuple[Any, Any]:
    """Pages; for each cell the box that its logits are to give, which digit there is, and whether there is one."""
    made = [pages.page("train", random, _PAGE) for _ in range(_PAGES_BATCH)]
    cells = _PAGE // pages.STRIDE
    target = np.zeros((_PAGES_BATCH, 4 + CLASSES + 1, cells, cells), np.float32)
    for n, page in enumerate(made):
        column, row = (page.boxes[:, :2].T // pages.STRIDE).astype(int)
        within = page.boxes[:, :2] / pages.STRIDE - np.stack([column, row], axis=1)
        target[n, :2, row, column] = (within + 0.5) / 2
        target[n, 2:4, row, column] = page.boxes[:, 2:] / pages.LARGEST
        target[n, 4 + page.labels, row, column] = target[n, -1, row, column] = 1
    return torch.tensor(np.stack([page.image for page in made])), torch.tensor(target)


def _detection_loss(logits: Any, target: Any) -> Any:
    """Focal loss of the scores (Lin et al., arXiv:1708.02002), and how far the boxes are off where there are digits."""
    scores, wanted, here = logits[:, 4:], target[:, 4:-1], target[:, -1:]
    miss = torch.abs(scores.sigmoid() - wanted) ** 2
    likely = (miss * functional.binary_cross_entropy_with_logits(scores, wanted, reduction="none")).sum()
    boxes = (torch.abs(logits[:, :4].sigmoid() - target[:, :4]) * here).sum()
    return (likely + _BOXES * boxes) / here.sum()


_SCORES: Shape = ("N", CLASSES)
RECIPES = {
    "digits_cnn": Recipe(
        build=architectures.digits_cnn,
        batch=_digit_batch,
        loss=functional.cross_entropy,
        rate=5e-3,
        decay=1e-2,
        steps=2000,
        input_shape=("N", 1, SIZE, SIZE),
        output_shape=_SCORES,
    ),
    "digits_depthwise": Recipe(
        build=architectures.digits_depthwise,
        batch=_digit_batch,
        loss=functional.cross_entropy,
        rate=1e-2,
        decay=1e-2,
        steps=3000,
        input_shape=("N", 1, SIZE, SIZE),
        output_shape=_SCORES,
    ),
    "denoiser": Recipe(
        build=architectures.denoiser,
        batch=_photo_batch,
        loss=functional.mse_loss,
        rate=2e-3,
        decay=0,
        steps=3000,
        input_shape=("N", 1, "H", "W"),
        output_shape=("N", 1, "H", "W"),
        residual=True,
    ),
    "digits_detector": Recipe(
        build=architectures.digits_detector,
        batch=_page_batch,
        loss=_detection_loss,
        rate=4e-3,
        decay=1e-2,
        steps=1200,
        input_shape=("N", 1, pages.SIDE, pages.SIDE),
        output_shape=("N", 4 + CLASSES, pages.SIDE // pages.STRIDE, pages.SIDE // pages.STRIDE),
        ending=partial(architectures.boxes_in_pixels, pages.SIDE),
    ),
}


def fit(recipe: Recipe, steps: int, on_step: Callable[[float], None]) -> Any:
    """Train a network with AdamW, from random weights.

    Parameters
    ----------
    recipe : Recipe
    steps : int
        The rate rises for a fifth of them, then falls to zero.
    on_step : function
        Called with the loss after each step.

    Returns
    -------
    torch.nn.Sequential
        In evaluation mode.
    """
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED)
    made = recipe.build()
    optimizer = torch.optim.AdamW(made.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=steps, pct_start=0.2)
    for _ in range(steps):
        x, target = recipe.batch(random)
        loss = recipe.loss(made(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        on_step(loss.item())
    return made.eval()


def train(name: str, folder: Path = _HERE, steps: int | None = None) -> Card:
    """Train a network; write NAME.onnx and its card NAME.json.

    Parameters
    ----------
    name : str
        A key of `RECIPES`.
    folder : Path
        Where to write; beside this file if not given.
    steps : int, optional
        The recipe's if None.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    recipe = RECIPES[name]
    steps = steps or recipe.steps
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    start = time.process_time()
    with Progress(*columns) as progress:
        task = progress.add_task(name, total=steps)
        made = fit(recipe, steps, lambda loss: progress.update(task, advance=1, description=f"{name} {loss:.4f}"))
    seconds = time.process_time() - start
    parameters = sum(part.numel() for part in made.parameters())
    for label, layer in recipe.ending():
        made.add_module(label, layer)
    model = to_onnx(made, name, recipe.input_shape, recipe.output_shape, recipe.residual)
    card = Card(
        name=name,
        parameters=parameters,
        seed=SEED,
        steps=steps,
        cpu_seconds=round(seconds),
        framework=f"torch {torch.__version__}",
        **evaluate(name, network.load(model)),
    )
    write_whole(folder / f"{name}.onnx", model.SerializeToString())
    write_whole(folder / f"{name}.json", card.as_json())
    return card


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in RECIPES:
        sys.exit(f"python -m workbook.models.train NAME: one of {', '.join(RECIPES)}")
    torch.set_num_threads(1)  # layers this small gain nothing from a second
    try:
        print(train(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit("Interrupted; nothing was written")
