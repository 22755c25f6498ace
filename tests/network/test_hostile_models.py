"""Models that are damaged, or made to do harm: each is refused with a sentence, and reads no file beside its folder."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from graphs import CASES, SAME, W33, Stored, model, node, random
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from workbook import network
from workbook.network import ModelError

CONV = {"w": W33}


def refused(proto: onnx.ModelProto | Path, message: str) -> None:
    with pytest.raises(ModelError, match=re.escape(message)):
        network.load(proto)


def test_cycle() -> None:
    nodes = [node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")]
    refused(model(nodes, {}), "node 'a' (Add) reads 'b', which the model does not store and no node before it writes")


def test_node_that_reads_itself() -> None:
    refused(model([node("Add", "x y", "y")], {}), "node 'y' (Add) reads 'y'")


def test_loop_without_a_body() -> None:
    body = helper.make_graph([], "body", [], [])
    loop = helper.make_node("Loop", ["", ""], ["y"], "forever", body=body)
    with pytest.raises(ModelError, match=r"Loop"):
        network.load(model([loop], {}))


HUGE: dict[str, tuple[list[onnx.NodeProto], Stored]] = {
    "ConstantOfShape": ([node("ConstantOfShape", "s", "y")], {"s": np.array([10**6] * 3)}),
    "Expand": ([node("Expand", "x s", "y")], {"s": np.array([10**9, 8, 9, 7])}),
    "Tile": ([node("Tile", "x s", "y")], {"s": np.array([10**5, 1, 10**5, 10**5])}),
    "Pad": ([node("Pad", "x s", "y")], {"s": np.array([0, 0, 0, 0, 0, 0, 10**6, 10**6])}),
    "Resize": ([node("Resize", "x - s", "y")], {"s": np.array([1, 1, 1e6, 1e6], np.float32)}),
    "Conv": ([node("Conv", "x w", "y", pads=[10**6] * 4)], CONV),
    "ConvTranspose": ([node("ConvTranspose", "x w", "y", strides=[10**6, 10**6])], CONV),
    "MaxPool": ([node("MaxPool", "x", "y", kernel_shape=[1, 1], pads=[0, 0, 10**6, 10**6])], {}),
}


@pytest.mark.parametrize("shape", [(1, 8, 9, 7), ("N", 8, "H", "W")], ids=["stated", "free"])
@pytest.mark.parametrize("op", HUGE)
def test_huge_arrays_are_refused_before_they_are_made(op: str, shape: tuple[int | str, ...]) -> None:
    with pytest.raises(ModelError, match=rf"node 'y' \({op}\).*(at most 2\^31 are taken|llocate|exceeds)"):
        network.load(model(*HUGE[op], shape)).run(random(1, 8, 9, 7))


@pytest.mark.parametrize("sizes", [[2**62, 2**62], [-1, 4], [2**40], [0, 9]])
def test_stored_array_whose_shape_lies(sizes: list[int]) -> None:
    proto = model([node("Conv", "x w", "y")], CONV)
    del proto.graph.initializer[0].dims[:]
    proto.graph.initializer[0].dims.extend(sizes)
    refused(proto, "the stored array 'w' cannot be read")


def test_stored_array_of_no_type() -> None:
    proto = model([node("Conv", "x w", "y")], CONV)
    proto.graph.initializer[0].data_type = 99
    refused(proto, "the stored array 'w' cannot be read: its type 99 is unknown")


@pytest.mark.parametrize(
    ("op", "attribute", "value"),
    [("Conv", "strides", "two"), ("Conv", "group", 1.5), ("Conv", "pads", 3), ("Transpose", "perm", [0, 0, 0, 0])],
)
def test_attribute_of_the_wrong_kind(op: str, attribute: str, value: Any) -> None:
    with pytest.raises(ModelError, match=rf"\(?{op}"):
        network.load(model([node(op, "x w" if op == "Conv" else "x", "y", **{attribute: value})], CONV)).run(
            random(1, 8, 9, 7)
        )


def test_integers_where_numbers_are_needed() -> None:
    """The weights are bytes; the message names the node."""
    refused(model([node("Conv", "x w", "y")], {"w": W33.astype(np.int8)}), "node name: y")


def _outside(tmp_path: Path, location: str) -> Path:
    """Write a model whose weights lie in another file, the secret one beside its folder."""
    (tmp_path / "secret.bin").write_bytes(W33.tobytes())
    folder = tmp_path / "model"
    folder.mkdir()
    proto = model([node("Conv", "x w", "y", **SAME)], CONV)
    stored = proto.graph.initializer[0]
    stored.ClearField("raw_data")
    stored.data_location = TensorProto.EXTERNAL
    stored.external_data.add(key="location", value=location)
    (folder / "net.onnx").write_bytes(proto.SerializeToString())
    return folder / "net.onnx"


@pytest.mark.parametrize("location", ["../secret.bin", "x/../../secret.bin", "{tmp}/secret.bin", "link.bin", "", "."])
def test_weights_outside_the_folder(tmp_path: Path, location: str) -> None:
    path = _outside(tmp_path, location.format(tmp=tmp_path))
    (path.parent / "link.bin").symlink_to(tmp_path / "secret.bin")
    refused(path, "keeps weights in another file, which cannot be read")


def test_weights_beside_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model without a path has no folder: nothing is read from where the program happens to be."""
    path = _outside(tmp_path, "secret.bin")
    monkeypatch.chdir(tmp_path)
    assert Path("secret.bin").exists()
    refused(onnx.load(path, load_external_data=False), "the stored array 'w' lies in another file")


@pytest.mark.parametrize(("key", "value"), [("length", str(2**60)), ("offset", str(2**60)), ("length", "many")])
def test_weights_of_impossible_length(tmp_path: Path, key: str, value: str) -> None:
    path = _outside(tmp_path, "weights.bin")
    os.rename(tmp_path / "secret.bin", path.parent / "weights.bin")
    network.load(path)
    proto = onnx.load(path, load_external_data=False)
    proto.graph.initializer[0].external_data.add(key=key, value=value)
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError, match="cannot be read"):
        network.load(path)


def _function(name: str, *calls: str) -> onnx.FunctionProto:
    nodes = [helper.make_node(call, ["x"], [f"y{i}"], domain="own") for i, call in enumerate(calls)]
    nodes.append(helper.make_node("Relu", ["x"], ["y"]))
    return helper.make_function("own", name, ["x"], ["y"], nodes, [helper.make_opsetid(d, 17) for d in ("", "own")])


def _with_functions(*functions: onnx.FunctionProto) -> onnx.ModelProto:
    proto = model([helper.make_node("f0", ["x"], ["y"], "y", domain="own")], {})
    proto.functions.extend(functions)
    return proto


def test_functions_are_written_out() -> None:
    net = network.load(_with_functions(_function("f0", "f1"), _function("f1")))
    assert [n.op for n in net.graph.nodes] == ["Relu"]


def test_function_that_calls_itself() -> None:
    refused(_with_functions(_function("f0", "f1"), _function("f1", "f0")), "the function 'f0' calls itself")


def test_functions_that_grow_without_bound() -> None:
    tower = [_function(f"f{i}", *[f"f{i + 1}"] * 10) for i in range(30)]
    refused(_with_functions(*tower, _function("f30")), "nodes; at most 100000 are taken")


def test_unknown_operator_names_the_node() -> None:
    refused(model([node("Unheard", "x", "y")], {}), "Unheard")


def test_operator_set_of_the_future() -> None:
    refused(model([node("Relu", "x", "y")], {}, opset=999), "of operator set 999; export it with one of 7 to")


WHOLE = CASES["conv, norm, relu"][0].SerializeToString()
HEAD = CASES["head with a reshape"][0].SerializeToString()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_changed_bytes_never_crash(tmp_path: Path, data: st.DataObject) -> None:
    """Any few bytes of a file may be wrong: it loads and runs, or it is refused."""
    content = bytearray(data.draw(st.sampled_from([WHOLE, HEAD])))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "changed.onnx"
    path.write_bytes(content)
    try:
        net = network.load(path)
        net.run({port.name: random(1, 8, 9, 7).astype(port.dtype) for port in net.inputs})
    except ModelError:
        return
