"""What the same INT8 networks come to on a CPU without VNNI, emulated by the kernels' own "saturating"."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from workbook.lessons.quantization.model import weight_of
from workbook.lessons.quantization.trained import accuracy, camera, network, recipe
from workbook.models import photos
from workbook.plain_text import Text
from workbook.quantize.affine import Affine
from workbook.quantize.saturation import emulate
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantize

_CROP = 96  # pixels of the photo, both ways, whose first layer is emulated


@dataclass(frozen=True)
class Without(Text):
    """The two kinds of CPU.

    Attributes
    ----------
    db : dict of str to float
        PSNR of the denoised photo in dB.
    accuracies : dict of str to float
        Of the depthwise network.
    pairs : float
        The part of the sums of two products that did not fit 16 bits, in the denoiser's first layer.
    """

    db: dict[str, float]
    accuracies: dict[str, float]
    pairs: float

    def __str__(self) -> str:
        lines = [f"{'':<30}{'photo, PSNR':>13}{'digits_depthwise':>19}"]
        lines += [f"{name:<30}{self.db[name]:>10.2f} dB{self.accuracies[name]:>19.1%}" for name in self.db]
        lines.append(f"denoiser, first layer: {self.pairs:.1%} of the sums of two products leave 16 bits")
        return "\n".join(lines)

    __repr__ = __str__


CASES = {
    "VNNI": (Scheme(), "direct"),
    "no VNNI": (Scheme(), "saturating"),
    "no VNNI, weights of 7 bits": (Scheme(reduce_range=True), "saturating"),
}


@cache
def saturated() -> Without:
    """Run the denoiser and the depthwise network as each kind of CPU would; a second the first time."""
    clean, dirty = camera()
    db, accuracies = {}, {}
    for name, (scheme, algorithm) in CASES.items():
        nets = [
            quantize(network(net), recipe(net, scheme), algorithm=algorithm) for net in ("denoiser", "digits_depthwise")
        ]
        db[name], accuracies[name] = photos.psnr(nets[0](dirty), clean), accuracy(nets[1])
    return Without(db, accuracies, _pairs())


def _pairs() -> float:
    dirty = camera()[1][:, :, :_CROP, :_CROP]
    of_x = Affine.of_range(dirty.min(), dirty.max())
    w = weight_of("denoiser", "conv1")
    of_w = Scheme().of_weights(w)
    return emulate(of_x.quantize(dirty), of_w.quantize(w), int(of_x.zero_point), padding=1).share_of_pairs
