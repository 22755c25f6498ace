"""Published times over the batch size, to set beside ours: one GPU by two programs, and a chip that loads in parts."""

from __future__ import annotations

_NVIDIA = "NVIDIA, DeepLearningExamples (GitHub), PyTorch/Classification/ConvNets"

T4_SOURCE = (
    f"{_NVIDIA}/resnet50v1.5, README, inference performance on a T4 and a V100, container 21.03: PyTorch, mixed "
    "precision, average latency"
)
TENSORRT_SOURCE = (
    f"{_NVIDIA}/triton/resnet50, README, offline scenario on a T4: ONNX Runtime with TensorRT, FP16, average latency"
)
HAILO_SOURCE = (
    "Hailo, Model Zoo 2.11 (GitHub), docs/public_models/HAILO8, classification: compiled by Dataflow Compiler 3.27"
)

# ResNet-50 v1.5, 224x224, 16-bit floats: milliseconds of a batch.
T4_MS = {1: 12.96, 2: 13.18, 4: 12.99, 8: 12.82, 16: 15.8, 32: 29.54, 64: 57.41, 128: 114.24, 256: 225.95}
V100_MS = {1: 12.78, 2: 13.01, 4: 13.41, 8: 13.65, 16: 14.0, 32: 15.84, 64: 23.18, 128: 43.55, 256: 84.14}
TENSORRT_MS = {1: 3.003, 2: 3.998, 4: 5.747, 8: 8.998, 16: 15.113, 32: 28.353, 64: 53.187, 128: 100.155}

# Hailo-8, an accelerator of the edge: frames a second at batch 1 and at batch 8.
HAILO_FPS = {
    "ResNet-50": (1394, 1394),
    "MobileNetV2": (2434, 2434),
    "EfficientNet-Lite4": (84, 250),
    "HarDNet-39DS": (313, 1313),
    "ViT-Base": (36, 127),
}


def line(times: dict[int, float], most: int) -> tuple[float, float]:
    """Return the fixed cost of a batch, and the cost of a frame, of the line through batch 1 and a larger one.

        tau(B) = fixed + frame * B

    Parameters
    ----------
    times : dict of int to float
        Milliseconds by the batch size.
    most : int
        The larger batch, of those sizes.

    Returns
    -------
    (float, float)
        Seconds of a batch, and of each frame.

    Raises
    ------
    ValueError
        For a batch that is not larger than 1, or not published.
    """
    if most not in times or most <= 1:
        raise ValueError(f"most={most}: choose one of {', '.join(str(batch) for batch in times if batch > 1)}")
    frame = max(0.0, (times[most] - times[1]) / (most - 1))  # noise apart, no batch is done sooner than one image
    return (times[1] - frame) / 1e3, frame / 1e3
