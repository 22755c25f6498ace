"""Networks of today's kinds: the same numbers as ONNX Runtime's, all multiply-adds of convolutions on the kernels."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from workbook import network
from workbook.benchmarks.tabled_networks import TABLED

MACS = {  # published, at 224 x 224
    **{"efficientnet_b0": 0.39e9, "mobilenet_v2": 0.30e9, "mobilenet_v3": 0.22e9},
    **{"unet": 2.2e9, "yolo_v8": 0.53e9},
}


@pytest.mark.parametrize("name", TABLED)
def test_numbers_and_who_computes_them(name: str) -> None:
    model, x = TABLED[name](), np.random.default_rng(0).standard_normal((1, 3, 224, 224), np.float32)
    net = network.load(model, threads=1)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"image": x})[0]
    y = net(x)
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= 1e-4 * np.abs(expected).max()
    assert net.profile(x, seconds=0).macs == pytest.approx(MACS[name], rel=0.05)
    foreign = {row.op.partition(" ")[0] for row in net.layers.fallbacks}
    assert foreign == ({"ConvTranspose"} if name == "unet" else set())
