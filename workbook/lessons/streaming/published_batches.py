"""Published times over the batch size, to set beside ours: a GPU whose fixed cost is large."""

from __future__ import annotations

T4_SOURCE = (
    "NVIDIA, DeepLearningExamples (GitHub), PyTorch/Classification/ConvNets/resnet50v1.5, README, inference "
    "performance on a T4, container 21.03: mixed precision, average latency"
)

# ResNet-50 v1.5, 224x224, mixed precision: milliseconds of a batch.
T4_MS = {1: 12.96, 2: 13.18, 4: 12.99, 8: 12.82, 16: 15.8, 32: 29.54, 64: 57.41, 128: 114.24, 256: 225.95}
