"""Row streaming: the same bits as a run of the whole frame, in little memory, or a clear error."""

from dataclasses import replace

import graphs
import numpy as np
import pytest

from kernels import LANES
from kernels.arrays import Arenas
from workbook import models, network
from workbook.lessons.streaming import Pan
from workbook.measuring.timing import Timing
from workbook.network import ModelError
from workbook.rows.bands import Bands
from workbook.rows.row_clock import row_run
from workbook.rows.row_schedule import RowLayer, RowSchedule, Task

W55, DILATED, GROUPED = (
    graphs.random(8, 8, 5, 5),
    {"dilations": [2, 2], "pads": [2, 2, 2, 2]},
    graphs.random(8, 4, 3, 3),
)
STORED = {"w": graphs.W33, "w5": W55, "wd": graphs.DEPTHWISE, "wg": GROUPED, "w1": graphs.W11, "b": graphs.random(8)}
CHANNEL = {**STORED, "offset": graphs.random(1, 8, 1, 1)}


def conv(output, inputs="x w", **attributes):
    return graphs.node("Conv", inputs, output, **({"pads": [1, 1, 1, 1]} | attributes))


NETWORKS = {
    "one layer": [conv("y", "x w b")],
    "chain": [conv("a"), graphs.node("Relu", "a", "r"), conv("c", "r w b"), conv("y", "c w")],
    "residual": [conv("a"), conv("c", "a w"), graphs.node("Add", "c x", "y")],
    "two residuals": [
        conv("a"),
        conv("c", "a w"),
        graphs.node("Add", "x c", "s"),
        conv("e", "s w"),
        graphs.node("Add", "e a", "t"),
        graphs.node("LeakyRelu", "t", "y"),
    ],
    "add only": [conv("a"), graphs.node("Add", "a offset", "s"), graphs.node("Sub", "s x", "y")],
    "two readers": [conv("a"), conv("c", "a w"), conv("d", "a w5", pads=[2, 2, 2, 2]), graphs.node("Add", "c d", "y")],
    "filters": [
        conv("a", "x w5", pads=[2, 2, 2, 2]),
        conv("c", "a w1", pads=[0, 0, 0, 0]),
        conv("d", "c wd", group=8),
        conv("e", "d wg", group=2),
        conv("y", "e w", **DILATED),
    ],
    "all padding above": [conv("a", pads=[2, 1, 0, 1]), conv("y", "a w", pads=[0, 1, 2, 1])],
    "wider": [conv("y", pads=[1, 3, 1, 0])],
    "across": [conv("y", strides=[1, 2])],
    "nobody reads it": [conv("a"), conv("y")],
}


@pytest.mark.parametrize("size", [(29, 18), (5, 7), (1, 9)], ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_same_bits_as_the_whole_frame(name, size):
    proto = graphs.model(NETWORKS[name], CHANNEL)
    x = graphs.random(1, 8, *size)
    algorithms = ["direct", "im2col", "auto"]
    if name in ("one layer", "chain", "residual", "two residuals", "wider"):
        algorithms += ["winograd_f2", "winograd_f4", "winograd_f6"]
    for algorithm in algorithms:
        net = network.load(proto, algorithm=algorithm, threads=1)
        expected = net(x)
        for rows in (1, 4, 7, 40):
            bands = Bands(net, size, rows, algorithm=algorithm, threads=2)
            for _ in range(2):
                np.testing.assert_array_equal(bands(x), expected, err_msg=f"{algorithm}, {rows} rows")


def test_auto_takes_what_the_whole_frame_takes():
    """Between layers of whole vectors of channels a frame lies in lanes, where another algorithm may be faster."""
    stored = {"w": graphs.random(LANES, LANES, 3, 3), "w1": graphs.random(LANES, LANES, 1, 1)}
    nodes = [conv("a"), conv("c", "a w1", pads=[0, 0, 0, 0]), conv("d", "c w"), conv("y", "d w")]
    net = network.load(graphs.model(nodes, stored, ("N", LANES, "H", "W")), threads=1)
    for size in ((9, 7), (29, 18), (60, 80)):
        x = graphs.random(1, LANES, *size)
        assert net.algorithms(x).keys() == {node.name for node in net.graph.nodes}
        np.testing.assert_array_equal(Bands(net, size, 4, threads=2)(x), net(x))


@pytest.fixture(scope="module")
def frame():
    return Pan((61, 50), grey=True)(3)[0][None]


@pytest.fixture(scope="module")
def int8():
    return models.load("denoiser", threads=1).quantize(
        np.stack([Pan((24, 24), grey=True)(5 * i)[0] for i in range(64)]), threads=1
    )


@pytest.mark.parametrize("algorithm", ["direct", "winograd_f4", "winograd_f6", "auto"])
def test_the_denoiser(frame, algorithm):
    net = models.load("denoiser", algorithm=algorithm, threads=1)
    bands = Bands(net, (61, 50), 12, algorithm=algorithm, threads=1)
    np.testing.assert_array_equal(bands(frame), net(frame))


def test_the_denoiser_on_bytes(frame, int8):
    expected = int8(frame)
    for rows in (1, 8, 61):
        np.testing.assert_array_equal(Bands(int8, (61, 50), rows, threads=1)(frame), expected)


def test_rows_come_out_before_the_frame_has_come_in(frame):
    net = models.load("denoiser", algorithm="direct", threads=1)
    bands, expected = Bands(net, (61, 50), 10, algorithm="direct", threads=1), net(frame)
    ends, end = [], 0
    for top in range(0, 61, 10):
        rows = bands.feed(frame[:, :, top : top + 10])
        np.testing.assert_array_equal(rows, expected[:, :, end : end + rows.shape[2]])
        end += rows.shape[2]
        ends.append(end)
    assert tuple(ends) == bands.schedule.rows_out == (2, 12, 22, 32, 42, 52, 61)  # eight layers: eight rows behind


@pytest.mark.parametrize("on_bytes", [False, True])
def test_layers_share_their_scratch(frame, int8, monkeypatch, on_bytes):
    """As much as the layer needs that needs most, and none beside it."""
    net = int8 if on_bytes else models.load("denoiser", algorithm="direct", threads=1)
    bands, needs, run = Bands(net, (61, 50), 10, algorithm="direct", threads=1), [], Arenas.run
    monkeypatch.setattr(Arenas, "run", lambda arenas, bound: (needs.append(4 * bound.scratch), run(arenas, bound))[1])
    bands(frame)
    assert len(needs) > 7
    assert bands.scratch_bytes == max(needs) > 0


def test_bands_take_a_fraction_of_the_memory(int8):
    x = Pan((240, 64), grey=True)(0)[0][None]
    for net, algorithm, parts in (
        (models.load("denoiser", algorithm="direct", threads=1), "direct", 7),
        (int8, "auto", 5),
    ):
        run = row_run(net, x, 12, algorithm=algorithm, rounds=1)
        assert run.equal
        assert parts * run.band_bytes < run.whole_bytes


def test_a_frame_may_be_given_up(frame):
    net = models.load("denoiser", algorithm="direct", threads=1)
    bands = Bands(net, (61, 50), 20, algorithm="direct", threads=1)
    bands.feed(frame[:, :, :20] + 1)
    bands.restart()
    np.testing.assert_array_equal(bands(frame), net(frame))


@pytest.mark.parametrize(
    ("rows", "given"),
    [
        (np.zeros((1, 1, 11, 50), np.float32), r"float32 \(1, 1, 11, 50\)"),
        (np.zeros((1, 1, 10, 51), np.float32), r"float32 \(1, 1, 10, 51\)"),
        (np.zeros((1, 10, 50), np.float32), r"float32 \(1, 10, 50\)"),
        (np.zeros((1, 1, 10, 50)), r"float64 \(1, 1, 10, 50\)"),
        (None, "NoneType"),
    ],
    ids=str,
)
def test_rows_of_another_shape(rows, given):
    bands = Bands(models.load("denoiser"), (61, 50), 10)
    with pytest.raises(ValueError, match=rf"the next rows must be float32 \(1, 1, 10, 50\), not {given}"):
        bands.feed(rows)


def test_a_frame_of_another_height():
    bands = Bands(models.load("denoiser"), (61, 50), 10)
    with pytest.raises(ValueError, match="a frame must have 61 rows"):
        bands(np.zeros((1, 1, 62, 50), np.float32))


def test_after_an_error_a_new_frame_begins(int8, frame):
    bands = Bands(int8, (61, 50), 20, threads=1)
    bands.feed(frame[:, :, :20])
    with pytest.raises(ModelError, match="NaN"):
        bands.feed(np.full_like(frame[:, :, :20], np.nan))
    np.testing.assert_array_equal(bands(frame), int8(frame))
    bands.feed(frame[:, :, :20])
    with pytest.raises(ModelError, match="NaN"):
        bands.feed(np.full_like(frame[:, :, :20], np.nan))
    rows = [bands.feed(frame[:, :, top : top + 20]) for top in range(0, 61, 20)]
    np.testing.assert_array_equal(np.concatenate(rows, axis=2), int8(frame))


TALL = {"w": graphs.W33, "tall": graphs.random(1, 8, 4, 1)}
REFUSED = {
    "pool": ([graphs.node("MaxPool", "x", "y", kernel_shape=[2, 2])], "'y' .MaxPool.: it needs more than a few rows"),
    "stride": ([conv("y", strides=[2, 2])], r"'y' .Conv.: stride 2 and 1 \+ 1 rows of padding change the height"),
    "no padding": ([conv("y", pads=[0, 0, 0, 0])], r"row streaming needs stride 1 and 2 rows of padding"),
    "tall constant": ([graphs.node("Add", "x tall", "y")], "'y' .Add.: its constant 'tall' has rows of its own"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_networks_that_cannot_be_streamed(name):
    nodes, message = REFUSED[name]
    net = network.load(graphs.model(nodes, TALL))
    with pytest.raises(ModelError, match=message):
        Bands(net, (8, 8))


@pytest.mark.parametrize(
    ("reads", "last", "message"),
    [("w", False, r"node 'idle' .Relu.: it reads no rows of the frame"), ("x", True, "which its last node writes")],
)
def test_a_node_that_nobody_needs(reads, last, message):
    graph = network.read(graphs.model([conv("y")], STORED))
    idle = (network.Node("idle", "Relu", (reads,), ("nothing",)),)
    nodes = graph.nodes + idle if last else idle + graph.nodes
    with pytest.raises(ModelError, match=message):
        Bands(network.Network(replace(graph, nodes=nodes)), (8, 8))


@pytest.mark.parametrize("name", ["digits_cnn", "digits_depthwise"])
def test_models_that_cannot_be_streamed(name):
    with pytest.raises(ModelError, match=r"node '.*it needs more than a few rows|node '.*change the height"):
        Bands(models.load(name), (28, 28))


def test_channels_must_be_known():
    net = network.load(graphs.model([conv("y")], STORED, ("N", "C", "H", "W")))
    with pytest.raises(ModelError, match=r"'x' must be of shape \(N, C, H, W\) with known C"):
        Bands(net, (8, 8))


@pytest.mark.parametrize(("size", "rows"), [((0, 8), 4), ((8, 8), 0)])
def test_no_rows(size, rows):
    with pytest.raises(ValueError, match=r"both need a row at least|must not have a size below 1"):
        Bands(models.load("denoiser"), size, rows)


class TestSchedule:
    LAYERS = (RowLayer((0,), 1, 1, 4), RowLayer((1, 0), 1, 1, 4))

    def test_layers_lag_behind_by_their_tiles(self):
        schedule = RowSchedule(self.LAYERS, 20, 8)
        assert list(schedule.steps()) == [
            ((Task(0, 0, 4),),),
            ((Task(0, 4, 12), Task(1, 0, 8)),),
            ((Task(0, 12, 20), Task(1, 8, 16)), (Task(1, 16, 20),)),
        ]
        assert schedule.rows_out == (0, 8, 20)
        # of the frame: rows 0 .. 7 after band 1; of layer 0: rows 7 .. 11 after band 2
        assert schedule.rooms() == (8, 5)

    @pytest.mark.parametrize("band", [1, 3, 8, 100])
    @pytest.mark.parametrize("height", [1, 17, 64])
    def test_every_row_is_computed_once_and_in_order(self, height, band):
        schedule = RowSchedule((*self.LAYERS, RowLayer((2,), 2, 0, 1), RowLayer((3,), 0, 2, 6)), height, band)
        tasks = [task for rounds in schedule.steps() for tasks in rounds for task in tasks]
        for i, layer in enumerate(schedule.layers):
            own = [task for task in tasks if task.layer == i]
            assert [task.first for task in own] == [0, *(task.end for task in own[:-1])]
            assert own[-1].end == height
            assert all(task.first % layer.grain == 0 for task in own)
            assert all(task.end - task.first <= schedule.most(layer) for task in own)
        assert len(schedule.rows_out) == schedule.bands
        assert schedule.rows_out[-1] == height


def test_row_clock():
    net = models.load("denoiser", algorithm="direct", threads=1)
    run = row_run(net, Pan((32, 24), grey=True)(0)[0][None], 5, algorithm="direct", readout=10.0, rounds=2)
    assert run.equal
    assert len(run.bands) == len(run.out) == 7
    # a camera this slow waits for nobody: each band is done when it is there and computed
    arrivals = [10 * rows / 32 for rows in (5, 10, 15, 20, 25, 30, 32)]
    assert run.out == pytest.approx([a + c for a, c in zip(arrivals, run.bands, strict=True)])
    assert run.first_rows == run.out[1]  # 2 rows after 10
    assert run.last_rows == run.out[-1]
    assert run.whole_out == 10 + run.whole.median
    steady = replace(run, bands=(0.001,) * 7, whole=Timing.of([0.007]))  # as long together as the whole frame
    assert (steady.last_rows, steady.whole_out) == pytest.approx((10.001, 10.007))
    text = str(run).splitlines()
    assert [line.count("[measured]") for line in text] == [0, 3, 3, 0]
    assert text[-1] == "the same numbers, bit for bit: True"


def test_row_clock_of_a_camera_that_is_faster_than_computing():
    net = models.load("denoiser", algorithm="direct", threads=1)
    run = row_run(net, Pan((32, 24), grey=True)(0)[0][None], 8, algorithm="direct", readout=1e-9, rounds=1)
    assert run.last_rows == pytest.approx(run.computed)
