"""The report's numbers are those of the definitions, and its reasons follow from them."""

import re
from dataclasses import replace

import numpy as np
import pytest
from nets import images, mobile, sqnr

from kernels.geometry import Geometry, Window
from workbook.measuring.timing import Timing
from workbook.network import Network
from workbook.plain_text import COLUMNS
from workbook.quantize.byte_speed import Speed, filled
from workbook.quantize.calibration import calibrate
from workbook.quantize.layer_errors import report
from workbook.quantize.saturation import emulate
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantize


@pytest.fixture(scope="module")
def net():
    return mobile(spread=1.0)


@pytest.mark.parametrize(
    "scheme",
    [
        Scheme(),
        Scheme(equalise=True, per_channel=False),
        Scheme(activations="int8", weights="uint8"),
        Scheme(exclude=("c2",)),
    ],
)
def test_rows_and_output(net, scheme):
    x = images()
    recipe = calibrate(net, x, scheme)
    found = report(net, recipe, x[:4], seconds=0.001)
    assert [row.name for row in found.rows] == [n for n in ("c1", "c2", "c3", "y") if n not in scheme.exclude]
    assert found.output == pytest.approx(sqnr(quantize(net, recipe)(x[:4]), net(x[:4])))
    assert found.output_without_vnni == pytest.approx(
        sqnr(quantize(net, recipe, algorithm="saturating")(x[:4]), net(x[:4]))
    )
    for row in found.rows:
        assert row.alone > 25
        assert row.without_vnni <= row.so_far + 1e-9 or row.spoiled
    assert found.rows[0].alone == found.rows[0].so_far, "nothing is before the first layer"
    assert found.rows[-1].so_far == pytest.approx(found.output)


def test_spoiled_sums_are_the_emulators(net):
    x = images()
    recipe = calibrate(net, x)
    first = report(net, recipe, x, seconds=0.001).rows[0]
    constants = quantize(net, recipe).graph.constants
    zero = int(constants["x zero point"])
    q = np.clip(np.rint(x / constants["x scale"]) + zero, 0, 255).astype(np.uint8)
    assert first.spoiled == emulate(q, constants["c1 weight"], zero, padding=1).share_of_sums > 0


def test_seven_bits_spoil_nothing(net):
    found = report(net, calibrate(net, images(), Scheme(reduce_range=True)), images(), seconds=0.001)
    for row in found.rows:
        assert row.spoiled == 0
        assert row.without_vnni == row.so_far


def test_a_bad_layer_is_found():
    """One scale for all channels in one layer: alone, that layer is the only one to get worse."""
    net, x = mobile("relu", spread=2.0), images()
    schemes = Scheme(), Scheme(override={"c2": {"per_channel": False}})
    good, bad = (report(net, calibrate(net, x, scheme), x, seconds=0.001).rows for scheme in schemes)
    worse = {a.name: a.alone - b.alone for a, b in zip(good, bad, strict=True)}
    assert worse.pop("c2") > 2
    assert set(worse.values()) == {0}


def test_printed(net):
    found = report(net, calibrate(net, images()), images(4), seconds=0.001)
    assert re.search(r"^c1 +\d+\.\d +\d+\.\d +\d+\.\d\d% +-?\d+\.\d$", str(found), re.MULTILINE)
    assert len(str(found).splitlines()) == len(found.rows) + 6
    assert max(map(len, str(found).splitlines())) <= COLUMNS
    text = str(found.times)
    assert text.count("[measured]") == 3 * len(found.rows)
    for line in text.splitlines():
        if " ms" in line:
            assert line.count("[measured]") == 3
        if "faster" in line:
            assert line.startswith("[machine] ")
    assert "depthwise" not in text
    assert re.search(r"c2[^:]*: .*an input meets 1 of the \d+ filters|c2[^:]*: faster", text)


def test_no_image_is_refused(net):
    with pytest.raises(ValueError, match="at least one image"):
        report(net, calibrate(net, images()), images(0))


def speed(**changes):
    one = Timing.of([1.0])
    return replace(Speed(one, one, "winograd_f4", 4.0, 1.0, 4.0, 288, 32), **changes)


def test_reasons():
    assert speed().by_arithmetic == 1
    assert "not faster; arithmetic alone: 1.0x = 4.0 for bytes / 4.00, since float32 runs winograd_f4" in speed().why
    assert speed().why.endswith("which explains it")
    slow = speed(in_bytes=Timing.of([2.0]), filters=1, algorithm="direct", saved=1.0, filled=0.75)
    assert "not faster; arithmetic alone: 3.0x = 4.0 for bytes * 0.75, the filled part" in slow.why
    assert "other work than the 288 multiply-adds" in slow.why
    assert "an input meets 1 of the" in slow.why
    fast = speed(in_bytes=Timing.of([0.5]))
    assert fast.why.startswith("faster; ")
    assert fast.why.endswith("float32 spends more beside its multiply-adds than bytes do")


@pytest.mark.parametrize(("C", "S", "part"), [(64, 3, 1.0), (1, 4, 1.0), (6, 1, {4: 0.75, 2: 1.0}), (1, 3, 0.75)])
def test_filled_words(C, S, part):
    shape = Geometry.of((1, C, 9, 9), (8, C, S, S), Window.of(1, 0, 1, 1))
    allowed = part.values() if isinstance(part, dict) else [part]
    assert filled(shape) in allowed


def test_network_has_the_method():
    net = mobile()
    assert isinstance(net.quantize(images()), Network)
    np.testing.assert_array_equal(
        net.quantize(images(), Scheme(per_channel=False), threads=1)(images()),
        quantize(net, images(), Scheme(per_channel=False))(images()),
    )
