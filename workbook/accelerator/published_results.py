"""Numbers that others measured or computed, and where. Nothing here is ours.

Sources
-------
* NVDLA: NVIDIA's performance sheet (ResNet-50, 2048 multiply-adds, 512 KB, 10 GB/s, 1 GHz) and the primer's table.
* SCALE-Sim: the report of PyPI's scalesim 3.0.
* ZigZag: PyPI's zigzag-dse 3.9.1, run by docs/other_models.py.
* UG909: AMD, Dynamic Function eXchange, bandwidth of the configuration ports. FABulous: its documentation.
* Flex Logix: InferX X1, gains of the Winograd mode, and YOLOv3 at 1920x1080, batch 1 (2019).
* Eyeriss: Chen et al., JSSC 52(1), 2017, tables V (AlexNet, batch 4) and VI (VGG-16, batch 3); 65 nm, 200 MHz.
* DPU: AMD, Vitis AI 2.5 model zoo, KV260, B4096 at 300 MHz, batch 1.
"""

from __future__ import annotations

NVDLA_CYCLES = 7_113_691
NVDLA_FPS = (269, 153, 93, 46, 20, 7.3, 3.6)
"""In the order of `presets.NVDLA_TABLE`."""

SCALE_SIM = ((128, 128, 128, 128, 128, 509), (128, 128, 128, 256, 128, 1019), (128, 128, 32, 128, 128, 413))
"""Rows and columns of the array, T, depth, columns of the product, and the total cycles."""

SCALE_SIM_OUTPUTS = ((196, 256, 1024, 24_447), (49, 4608, 512, 37_871), (49, 2048, 512, 17_391))
"""T, depth, columns of a product on 64 x 64 units whose outputs stay, and the total cycles: docs/other_models.md."""

ZIGZAG_CYCLES = {"conv2_1.3x3": 40_145, "conv4_2.expand": 28_114, "conv5_2.3x3": 132_926}
"""Of layers of ResNet-50 on 64 x 64 multipliers of the preset x1, with the loops of our model."""

PORTS = (("7 series ICAP", 32, 100, 400), ("UltraScale ICAP", 32, 200, 800))
"""Port, bits, MHz, MB/s."""

FABULOUS = (32, 20, 8, 640, 80)
"""Rows of bits, frames, LUT4 of a tile, its configuration bits, bits for a LUT4."""

WINOGRAD_GAINS = {"yolov3_416": 1.7, "resnet50": 1.4}

X1_YOLOV3_FPS = 12.7

EYERISS_ALEXNET = {
    "conv1": (154, 16.5),
    "conv2": (135, 39.2),
    "conv3": (156, 21.8),
    "conv4": (156, 16.0),
    "conv5": (156, 10.0),
}
"""Active units and milliseconds of processing, batch 4."""

EYERISS_VGG16 = {
    "conv1_1": (156, 38.0),
    "conv1_2": (156, 810.6),
    "conv2_1": (156, 405.3),
    "conv2_2": (156, 810.8),
    "conv3_1": (156, 204.0),
    "conv3_2": (156, 408.1),
    "conv3_3": (156, 408.1),
    "conv4_1": (168, 105.1),
    "conv4_2": (168, 210.0),
    "conv4_3": (168, 210.0),
    "conv5_1": (163, 48.3),
    "conv5_2": (168, 48.5),
    "conv5_3": (168, 48.5),
}
"""Active units and milliseconds of processing, batch 3."""

DPU_FPS = {"yolov3_416": 14.48, "vgg16": 21.50, "vgg19": 18.55, "resnet50": 94.21, "mobilenet_v2": 290.6}
"""By one thread, from image to result; resnet50 is the zoo's resnet_v1_50."""
