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
        "Running some images through a network to find the range of its activations before it is put into INT8.",
        ("post-training quantization",),
    ),
    Term(
        "scale",
        "The real number that lies between what two neighbouring whole numbers stand for.",
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
        "What is beyond the range of a type becomes the end of the range.",
        ("clipping", "clamping"),
    ),
    Term(
        "SQNR",
        "How large a signal is over the error of its quantization, in dB; one bit is 6 of them.",
        ("SNR", "signal-to-noise ratio"),
    ),
    Term(
        "eFPGA",
        "Logic inside a chip that can be connected in a new way while the chip runs.",
        ("embedded FPGA", "reconfigurable datapath"),
    ),
    Term(
        "datapath",
        "How a chip's multiply-add units lie along the dimensions of a layer, and how data reaches them.",
        ("dataflow", "spatial unrolling", "mapping"),
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
        "Images a second, however long each of them takes.",
        ("speed", "performance"),
    ),
    Term(
        "p99",
        "The latency that 99 of 100 frames keep; a camera is judged by it, not by the mean.",
        ("99th percentile", "tail latency"),
    ),
    Term(
        "coordinated omission",
        "A benchmark waits for each answer before it asks again, and so leaves out those who would have waited.",
        ("closed loop",),
    ),
    Term(
        "MAC/byte",
        "Multiply-adds for each byte that is moved; with the machine's ridge it says what a layer waits for.",
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
