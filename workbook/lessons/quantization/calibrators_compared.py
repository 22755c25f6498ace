"""Which range to cover, judged by networks: the calibrators on the scores of a classifier and on a denoised photo."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from workbook.lessons.quantization.trained import accuracy, camera, network, recipe
from workbook.models import digits, photos
from workbook.plain_text import Text
from workbook.quantize.layer_errors import sqnr
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantize

SCHEMES = {
    "minmax": Scheme(),
    "percentile 99.99": Scheme(calibrator="percentile", percent=99.99),
    "percentile 99.9": Scheme(calibrator="percentile", percent=99.9),
    "percentile 99": Scheme(calibrator="percentile", percent=99),
    "mse": Scheme(calibrator="mse"),
}
_TEST = 200  # digits whose scores are compared


@dataclass(frozen=True)
class Compared(Text):
    """What each calibrator leaves of two networks.

    Attributes
    ----------
    accuracies, sqnrs, db : dict of str to float
        By calibrator: of digits_cnn the accuracy and the SQNR of its scores in dB, of the denoiser the PSNR in dB.
    """

    accuracies: dict[str, float]
    sqnrs: dict[str, float]
    db: dict[str, float]

    def __str__(self) -> str:
        lines = [f"{'calibrator':<18}{'digits_cnn':>11}{'SQNR of its scores':>20}{'photo, PSNR':>14}"]
        for name, share in self.accuracies.items():
            lines.append(f"{name:<18}{share:>11.1%}{self.sqnrs[name]:>17.1f} dB{self.db[name]:>11.2f} dB")
        return "\n".join(lines)

    __repr__ = __str__


@cache
def calibrated() -> Compared:
    """Quantize two networks by each calibrator; a second the first time."""
    net, test = network("digits_cnn"), digits.digits("test").images[:_TEST]
    clean, dirty = camera()
    exact = net(test)
    accuracies, sqnrs, db = {}, {}, {}
    for name, scheme in SCHEMES.items():
        reader = quantize(net, recipe("digits_cnn", scheme))
        accuracies[name], sqnrs[name] = accuracy(reader), sqnr(reader(test), exact)
        db[name] = photos.psnr(quantize(network("denoiser"), recipe("denoiser", scheme))(dirty), clean)
    return Compared(accuracies, sqnrs, db)
