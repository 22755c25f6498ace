"""Post-training quantization: from a network in float32 to one that runs on bytes.

net = network.load("model.onnx")
int8 = quantize(net, images)
"""

from __future__ import annotations

from workbook.quantization.calibration import Recipe, calibrate, observe
from workbook.quantization.quantize import quantize
from workbook.quantization.report import report
from workbook.quantization.scheme import Scheme

__all__ = ["Recipe", "Scheme", "calibrate", "observe", "quantize", "report"]
