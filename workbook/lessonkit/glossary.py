"""The words of this workbook, and what other texts call the same things."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """One word.

    Attributes
    ----------
    word : str
        As this workbook uses it.
    meaning : str
        One sentence.
    elsewhere : tuple of str
        What other texts call it.
    """

    word: str
    meaning: str
    elsewhere: tuple[str, ...] = ()


TERMS = (
    Term(
        "activations",
        "The numbers that one layer passes to the next.",
        ("activation energies", "feature maps"),
    ),
    Term(
        "batch",
        "Images that go through the network together; batch 1 is one image at a time.",
    ),
    Term(
        "filter",
        "The weights that make one output channel: a small table for each input channel.",
        ("kernel",),
    ),
    Term(
        "filters of a layer",
        "All of them, K in number; the layer has K output channels.",
        ("convolutional kernel", "kernel"),
    ),
    Term(
        "kernel",
        "A program that computes a layer; never a filter.",
        ("operator", "primitive"),
    ),
    Term(
        "multiply-add (MAC)",
        "One product and its addition to a sum; hardware does it as one operation.",
        ("tensor op", "fused multiply-add", "FMA", "two FLOPs"),
    ),
    Term(
        "Winograd's algorithm",
        "A convolution with fewer multiplications. It is not a matrix product: Strassen's algorithm is the fast one.",
        ("fast matrix multiplication", "Winograd transformation"),
    ),
    Term(
        "INT8",
        "Whole numbers of 8 bits, with a scale that says what one of them stands for.",
        ("lower precision", "8-bit quantization"),
    ),
    Term(
        "calibration",
        "Running some images through a network to find the range of its activations before it is converted to INT8.",
        ("post-training quantization",),
    ),
    Term(
        "scale",
        "The real difference between what two neighbouring whole numbers stand for.",
        ("step", "quantization step"),
    ),
    Term(
        "zero point",
        "The whole number that stands for 0.",
        ("offset", "bias of the quantization"),
    ),
    Term(
        "per channel",
        "Each output channel's weights have a scale of their own; per tensor, a layer's weights share one.",
        ("per axis", "channel-wise"),
    ),
    Term(
        "saturation",
        "Values beyond the range of a type are replaced by the end of the range.",
        ("clipping", "clamping"),
    ),
    Term(
        "SQNR",
        "The ratio of a signal to the error of its quantization, in decibels; one bit is worth 6 of them.",
        ("SNR", "signal-to-noise ratio"),
    ),
    Term(
        "requantization",
        "Turning the 32-bit sums of a layer on bytes into the bytes of the next: scaled, rounded and clipped.",
        ("rescaling", "output stage"),
    ),
    Term(
        "folding",
        "Multiplying a BatchNormalization into the weights before it, so that it needs no operation of its own.",
        ("batch norm fusion", "Conv-BN fusion"),
    ),
    Term(
        "equalisation",
        "Dividing a channel by a number, and multiplying the weights that read it, so that ranges are alike.",
        ("cross-layer equalization", "weight equalization"),
    ),
    Term(
        "QDQ",
        "A file in INT8 with operators on floats between DequantizeLinear and QuantizeLinear; QOperator: QLinearConv.",
        ("fake quantization",),
    ),
    Term(
        "sensitivity",
        "What one layer costs the network if it alone is put into INT8, or alone is left in floats.",
        ("layer-wise quantization error", "quantization debugging"),
    ),
    Term(
        "VNNI",
        "Instructions of x86 that multiply four bytes by four and add the products to a sum of 32 bits.",
        ("DL Boost", "vpdpbusd", "sdot on ARM"),
    ),
    Term(
        "bfloat16",
        "The upper half of a float32: 8 bits of precision and the same range; FP16 has 11 bits and a small range.",
        ("bf16", "brain float"),
    ),
    Term(
        "PSNR",
        "The ratio of white to the root mean square error of an image, in dB; higher is closer to the original.",
        ("peak signal-to-noise ratio",),
    ),
    Term(
        "mAP",
        "Of a detector: the mean over classes of the average precision, which counts right boxes and missing ones.",
        ("mean average precision", "AP50"),
    ),
    Term(
        "eFPGA",
        "Logic inside a chip that can be connected in a new way while the chip runs.",
        ("embedded FPGA", "reconfigurable datapath"),
    ),
    Term(
        "datapath",
        "How a chip's multiply-add units are assigned to the dimensions of a layer, and how data reaches them.",
        ("spatial mapping", "spatial unrolling"),
    ),
    Term(
        "what stays",
        "The tensor that multipliers keep in registers while the other two move: weights, outputs (sums) or inputs.",
        ("dataflow", "weight-stationary", "output-stationary", "input-stationary"),
    ),
    Term(
        "port",
        "Where a memory on the chip is read or written; it moves so many bytes a cycle, by its width and its banks.",
        ("on-chip bandwidth",),
    ),
    Term(
        "line buffer",
        "Rows of a tensor that stay on the chip until the next layer's filter has seen them.",
        ("depth-first schedule", "layer fusion", "row streaming"),
    ),
    Term(
        "multiplier",
        "A multiply-add unit of an accelerator; some are idle in a round if their number does not divide the layer.",
        ("processing element", "PE", "MAC"),
    ),
    Term(
        "reconfiguration",
        "Changing the datapath while the chip runs; a shadow context is loaded while the old one still works.",
        ("partial reconfiguration", "context switch"),
    ),
    Term(
        "latency",
        "Time from an image to its answer, waiting included.",
        ("speed",),
    ),
    Term(
        "throughput",
        "Images per second, however long each of them takes.",
        ("speed", "performance"),
    ),
    Term(
        "p99",
        "The latency within which 99 of 100 frames stay; a camera is judged by it, not by the mean.",
        ("99th percentile", "tail latency"),
    ),
    Term(
        "coordinated omission",
        "A benchmark waits for each answer before it asks again, and so leaves out requests that would have waited.",
        ("closed loop",),
    ),
    Term(
        "MAC/byte",
        "Multiply-adds per byte moved; compared with the machine's ridge, it says what a layer waits for.",
        ("arithmetic intensity", "operational intensity", "ratio of computation to memory access"),
    ),
)


@dataclass(frozen=True)
class Glossary:
    """The terms as a notebook shows them."""

    terms: tuple[Term, ...]

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        head = ["| here | what it is | in other texts |", "| --- | --- | --- |"]
        table = [f"| {t.word} | {t.meaning} | {', '.join(t.elsewhere) or '–'} |" for t in self.terms]
        plain = [f"{t.word}: {t.meaning}" + "".join(f"\n    also: {name}" for name in t.elsewhere) for t in self.terms]
        return {"text/markdown": "\n".join(head + table), "text/plain": "\n".join(plain)}


def glossary() -> Glossary:
    """Return the table of all terms."""
    return Glossary(TERMS)
