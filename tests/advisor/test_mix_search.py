"""The best mix keeps its budget, and takes less of what brings more noise."""

from __future__ import annotations

import numpy as np
import pytest

from workbook import models
from workbook.advisor import evidence, mix_search
from workbook.advisor.layer_work import layers
from workbook.advisor.mix_search import Mixing
from workbook.advisor.network_race import race
from workbook.advisor.programs import BASE, BYTES, network
from workbook.models import photos
from workbook.network import Network
from workbook.quantize.calibration import calibrate, prepared
from workbook.quantize.to_bytes import quantized


@pytest.fixture(scope="module")
def mixing() -> Mixing:
    """Of the denoiser, with bytes that are said to be much faster."""
    graph, x = models.load("denoiser", threads=1).graph, photos.noisy_squares(4, 48)
    base = network(graph, {}, 1)
    recipe = calibrate(base, x)
    small = Network(quantized(prepared(graph, recipe.scheme), recipe), threads=1)
    raced = race({BASE: base, BYTES: small}, x[:1], seconds=0)
    nodes = dict.fromkeys(raced[BYTES].nodes, 1e-09)
    fast = {**raced, BYTES: type(raced[BYTES])(raced[BYTES].whole, raced[BYTES].upper, nodes, raced[BYTES].works)}
    times = {work.name: {BASE: 1.0, BYTES: 1e-9} for work in layers(base, x[:1], 1)}
    return Mixing(base, small, recipe, times, fast, 1)


@pytest.mark.parametrize("max_loss", [0.0, 1e-3, 5e-3, 0.02, 1.0])
def test_the_mix_keeps_its_budget(mixing: Mixing, max_loss: float) -> None:
    feeds = [{mixing.base.inputs[0].name: x[None]} for x in photos.noisy_squares(2, 48)]
    exact = [mixing.base.run(feed) for feed in feeds]
    mixed, net = mix_search.search(mixing, feeds, exact, max_loss)
    found = max(evidence.losses([net.run(feed) for feed in feeds], exact))
    assert found <= max(max_loss, 1e-5)  # without any layer on bytes there is rounding
    assert {name: name in mixed for name in mixing.times} == {
        name: program == BYTES for name, program in mixing.plan(mixed).items()
    }
    if max_loss == 1.0:
        assert mixed >= mixing.times.keys()
    if not max_loss:
        assert not mixed


def test_noise_is_shared_by_neighbours(mixing: Mixing) -> None:
    x = photos.noisy_squares(1, 48)
    feed = {mixing.base.inputs[0].name: x}
    noises = mix_search._noises(mixing, frozenset(mixing.times), feed, mixing.base.run(feed))
    assert noises.keys() == mixing.times.keys()
    assert all(0 < noise < 0.01 for noise in noises.values())
    assert np.isfinite(sum(noises.values()))
