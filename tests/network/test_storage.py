"""Large arrays stay in their file: they are read when they are needed, and nobody keeps them."""

from __future__ import annotations

import gc
import io
import os
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from graphs import model, node, random
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from kernels import Stored
from workbook import network
from workbook.graphs.onnx_without_weights import Span, skeleton
from workbook.graphs.storage import Storage
from workbook.graphs.weights_file import WeightsFile
from workbook.network import ModelError

WIDE = random(256, 256, 3, 3)  # 2.4 MB
HEAD = random(1000, 256)
NORM = {part: np.abs(random(256, seed=i)) + 1 for i, part in enumerate(("scale", "shift", "mean", "variance"))}
SAME = {"pads": [1, 1, 1, 1]}


def deep() -> onnx.ModelProto:
    """A convolution with a normalisation, one without, and a matrix product."""
    nodes = [
        node("Conv", "x first", "a", **SAME),
        node("BatchNormalization", "a scale shift mean variance", "b"),
        node("Relu", "b", "c"),
        node("Conv", "c second", "d", **SAME),
        node("GlobalAveragePool", "d", "e"),
        node("Flatten", "e", "f"),
        node("Gemm", "f head", "y", transB=1),
    ]
    stored = {"first": WIDE, "second": WIDE / 40, "head": HEAD, **NORM}
    return model(nodes, stored, ("N", 256, "H", "W"))


@pytest.fixture(params=["in the model", "beside it"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / "deep.onnx"
    onnx.save(deep(), file, save_as_external_data=request.param == "beside it", location="weights.bin")
    return file


def test_the_same_numbers_as_from_memory(path: Path) -> None:
    ours, expected = network.load(path), network.load(deep())
    x = random(1, 256, 9, 9)
    assert np.array_equal(ours(x), expected(x))
    assert np.array_equal(ours(random(3, 256, 5, 5)), expected(random(3, 256, 5, 5)))
    assert str(ours.layers) == str(expected.layers)
    for name, array in expected.graph.constants.items():
        assert np.array_equal(ours.graph.constants[name], array)
        assert ours.graph.constants[name].dtype == array.dtype


def test_a_network_holds_its_packed_weights_alone(path: Path) -> None:
    x = random(1, 256, 9, 9)
    network.load(path, algorithm="direct", threads=1)(x)  # whatever the first run of all leaves behind
    gc.collect()
    tracemalloc.start()
    try:
        net = network.load(path, threads=1)
        net(x)
        gc.collect()
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    packed = net.packed_bytes
    assert packed > 2 * WIDE.nbytes + HEAD.nbytes
    assert held < packed + net.arena_bytes + 2**20
    assert peak < packed + net.arena_bytes + 4 * WIDE.nbytes


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[Span]:
    """How often each part of a file was read."""
    counts, read = Counter[Span](), WeightsFile.read

    def counting(file: WeightsFile, span: Span) -> np.ndarray:
        counts[span] += 1
        return read(file, span)

    monkeypatch.setattr(WeightsFile, "read", counting)
    return counts


def test_large_arrays_are_read_once_to_be_packed(path: Path, reads: Counter[Span]) -> None:
    """The normalisation is folded into the filters as they are read; the head is a matrix product of one row."""
    net, x = network.load(path, threads=1), random(1, 256, 9, 9)
    assert "BatchNormalization" not in [node.op for node in net.graph.nodes]
    assert str(net.layers)
    assert not reads
    for _ in range(2):
        net(x)
    assert [*reads.values()] == [1, 1, 1]


def test_quantization_reads_once_to_observe_and_once_to_round(path: Path, reads: Counter[Span]) -> None:
    int8 = network.load(path, threads=1).quantize(random(2, 256, 9, 9))
    assert [*reads.values()] == [2, 2, 2]
    int8(random(1, 256, 9, 9))
    assert [*reads.values()] == [2, 2, 2]  # bytes are no longer in that file
    reads.clear()
    int8.save(path.with_name("int8.onnx"))
    again = network.load(path.with_name("int8.onnx"), threads=1)
    assert not reads
    for _ in range(2):
        again(random(1, 256, 9, 9))
    assert [*reads.values()] == [1, 1, 1]


def test_weights_of_a_file_must_be_finite_when_they_are_packed(tmp_path: Path) -> None:
    proto = deep()
    wide = WIDE.copy()
    wide[3, 2, 1, 0] = np.nan
    proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(wide, "first"))
    onnx.save(proto, tmp_path / "nan.onnx")
    net = network.load(tmp_path / "nan.onnx")
    with pytest.raises(ModelError, match=r"\(Conv\): weight must be finite, but weight\[3, 2, 1, 0\] is nan"):
        net(random(1, 256, 9, 9))


def test_large_filters_of_winograd_stay_as_they_are() -> None:
    weight = random(512, 512, 3, 3)
    large = model([node("Conv", "x w", "y", **SAME)], {"w": weight}, ("N", 512, "H", "W"))
    net = network.load(large, algorithm="winograd_f4", threads=1)
    assert net.packed_bytes == weight.nbytes


def test_weights_outlive_the_name_of_their_file(path: Path) -> None:
    net, expected = network.load(path), network.load(deep())
    for file in path.parent.iterdir():
        file.unlink()
    for x in (random(1, 256, 2, 2), random(1, 256, 24, 24)):  # small and large images take different algorithms
        assert np.array_equal(net(x), expected(x))


def test_a_file_that_was_written_to_is_no_longer_read(path: Path) -> None:
    net, x = network.load(path), random(1, 256, 9, 9)
    y = net(x)
    for file in path.parent.iterdir():
        os.truncate(file, file.stat().st_size // 2)
    assert np.array_equal(net(x), y)  # what is packed is packed
    with pytest.raises(ModelError, match=r"has been changed since it was loaded; load it again"):
        net.graph.constants["head"]
    with pytest.raises(ModelError, match=r"has been changed since it was loaded; load it again"):
        net.save(path.with_name("copy.onnx"))
    assert not path.with_name("copy.onnx").exists()


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int8, np.uint8, np.int64])
def test_types(tmp_path: Path, dtype: type) -> None:
    array = (np.arange(2**17) % 100).reshape(2, -1).astype(dtype)
    path = tmp_path / "typed.onnx"
    onnx.save(
        model([node("Cast", "stored", "z", to=TensorProto.FLOAT), node("Add", "x z", "y")], {"stored": array}), path
    )
    read = network.read(path).constants["stored"]
    assert read.dtype == array.dtype
    assert np.array_equal(read, array)
    assert not read.flags.writeable


def test_four_bits(tmp_path: Path) -> None:
    proto = model([node("Cast", "stored", "z", to=TensorProto.FLOAT), node("Add", "x z", "y")], {}, opset=21)
    packed = np.arange(2**17, dtype=np.uint32).astype(np.uint8).tobytes()
    proto.graph.initializer.append(helper.make_tensor("stored", TensorProto.UINT4, [2**18], packed, raw=True))
    path = tmp_path / "four.onnx"
    onnx.save(proto, path)
    expected = numpy_helper.to_array(proto.graph.initializer[0])
    assert np.array_equal(network.read(path).constants["stored"], expected)


@pytest.mark.parametrize("sizes", [(256, 256, 3), (256, 256, 3, 4), (-256, -256, 3, 3), (2**40, 2**40)])
def test_shape_that_lies(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    proto = deep()
    proto.graph.initializer[0].dims[:] = sizes
    onnx.save(proto, tmp_path / "lies.onnx")
    with pytest.raises(ModelError, match="the stored array 'first' cannot be read: its shape is"):
        network.load(tmp_path / "lies.onnx")


def test_file_that_was_cut_off(tmp_path: Path) -> None:
    whole = deep().SerializeToString()
    path = tmp_path / "cut.onnx"
    for length in (1, 1000, 100_000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError, match="is not an ONNX model, or it was cut off"):
            network.load(path)


def test_skeleton_is_the_model_without_its_large_arrays() -> None:
    proto = deep()
    content = proto.SerializeToString()
    rest = skeleton(io.BytesIO(content))
    left = onnx.load_model_from_string(rest.content)
    assert len(rest.content) < 20_000
    for tensor, span in zip(left.graph.initializer, rest.spans, strict=True):
        if span:
            tensor.raw_data = content[span.offset : span.offset + span.length]
    assert sum(map(bool, rest.spans)) == 3
    assert left == proto


@settings(max_examples=200)
@given(data=st.data())
def test_skeleton_of_changed_bytes_is_theirs(data: st.DataObject) -> None:
    """Whatever protobuf makes of some bytes, it makes of what is left of them, but for the arrays."""
    content = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(SMALL) - 1))] = data.draw(st.integers(0, 255))
    rest = skeleton(io.BytesIO(content), largest=16)
    whole, left = _parsed(bytes(content)), _parsed(rest.content)
    if whole is None or left is None:
        assert whole is left
        return
    for tensor, span in zip(left.graph.initializer, rest.spans, strict=False):
        if span:
            tensor.raw_data = bytes(content[span.offset : span.offset + span.length])
    assert left.SerializeToString(deterministic=True) == whole.SerializeToString(deterministic=True)


SMALL = model([node("Conv", "x w b", "y")], {"w": random(2, 8, 3, 3), "b": random(2)}).SerializeToString()


def _parsed(content: bytes) -> onnx.ModelProto | None:
    try:
        return onnx.load_model_from_string(content)
    except Exception:  # protobuf's own
        return None


def test_storage_reads_what_it_is_asked_for() -> None:
    reads = []

    def read() -> np.ndarray:
        reads.append(1)
        return np.full((2, 3), 7, np.float32)

    storage = Storage({"far": Stored((2, 3), np.dtype(np.float32), read), "near": np.zeros(2, np.float32)})
    both = (storage | {"new": np.ones(1)}).only({"far", "new"})
    assert list(both) == ["far", "new"]
    assert both.outline("far").shape == (2, 3)
    assert both.outline("far").size == 6
    assert both.blank("far").tolist() == [[0] * 3] * 2
    doubled = Storage({"twice": both.changed("far", lambda array: 2 * array)})
    assert not reads
    assert doubled["twice"].tolist() == [[14] * 3] * 2
    assert len(reads) == 1
