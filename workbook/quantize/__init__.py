"""From float32 to bytes after training: calibration, scales, the network on bytes, and what it loses.

net = network.load("model.onnx")
int8 = quantize(net, images)
"""

from workbook.quantize.affine import Affine
from workbook.quantize.calibration import Recipe, calibrate, observe
from workbook.quantize.layer_errors import report
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantize

__all__ = ["Affine", "Recipe", "Scheme", "calibrate", "observe", "quantize", "report"]
