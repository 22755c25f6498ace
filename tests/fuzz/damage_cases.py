"""Damaged ONNX files: each is refused with a ModelError, or it loads and runs.

Bytes are changed, or what the file says: numbers, names, types, whole parts. A case is the damaged file.
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
import warnings
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from graphs import CASES, SAME, W33, model, node, random
from hunt import Kind
from hypothesis import strategies as st
from onnx import TensorProto

from workbook import network
from workbook.graphs.onnx_writer import to_onnx
from workbook.quantize.to_bytes import quantize

BESIDE = "weights.bin"  # a file in the folder of each case
MOST = 10**6  # numbers of an input

INTEGERS = (0, 1, -1, 2, 3, 7, 99, 2**15, 2**31 - 1, -(2**31), 2**31, 2**32, 2**40, 2**62, 2**63 - 1, -(2**63))
FLOATS = (0.0, -1.0, float("nan"), float("inf"), float("-inf"), 3e38, 1e-45)
TEXTS = ("", "x", "y", "none", "\0", "a" * 3000, "SAME_UPPER", "constant", "com.microsoft", "own", BESIDE)
PLACES = (BESIDE, "", ".", "..", "../secret.bin", "/etc/passwd", "/dev/zero", "none.bin", "damaged.onnx")
WRAPPED = (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_ENUM)


@functools.cache
def whole() -> tuple[bytes, ...]:
    """Return the files that are damaged: those of the tests, some of them on bytes, and the trained ones."""
    small = [proto for proto, _ in CASES.values()]
    on_bytes = [
        to_onnx(quantize(network.load(CASES[name][0]), random(4, 8, 9, 8)).graph)
        for name in ("conv, norm, relu", "head", "two convolutions added", "a clip that no kernel has", "parts")
    ]
    outside = model([node("Conv", "x w", "y", **SAME)], {"w": W33})
    outside.graph.initializer[0].ClearField("raw_data")
    put_outside(outside.graph.initializer[0], BESIDE)
    trained = [path.read_bytes() for path in files("workbook.models").iterdir() if path.name.endswith(".onnx")]
    protos = (*small, *on_bytes, outside)
    return (*(proto.SerializeToString(deterministic=True) for proto in protos), *sorted(trained))


def put_outside(tensor: TensorProto, place: str, **span: int) -> None:
    """Say of a stored array that it lies in another file."""
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": place, **span}.items():
        tensor.external_data.add(key=key, value=str(value))


@functools.cache
def operators() -> tuple[str, ...]:
    """Return the names of all operators."""
    return tuple(sorted({schema.name for schema in onnx.defs.get_all_schemas()}))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw a file and what becomes of it; most changed bytes make a file that says nothing, so they are fewer."""
    content = draw(st.sampled_from(whole()))
    if draw(st.integers(0, 4)):
        proto = onnx.load_model_from_string(content)
        for _ in range(draw(st.integers(1, 3))):
            rewrite(draw, proto)
        content = proto.SerializeToString(deterministic=True)
    else:
        for _ in range(draw(st.integers(1, 4))):
            content = overwritten(draw, content)
    return content


def overwritten(draw: st.DrawFn, content: bytes) -> bytes:
    """Change, remove, add or repeat some bytes; half of the places are among the first, which are no weights."""
    most = draw(st.sampled_from([min(len(content), 300), len(content)]))
    i, count = draw(st.integers(0, max(most - 1, 0))), draw(st.sampled_from([1, 2, 3, 8, 50, 1000]))
    before, part, after = content[:i], content[i : i + count], content[i + count :]
    kind = draw(st.sampled_from(["flip", "set", "flip", "set", "remove", "insert", "repeat", "cut"]))
    if kind == "flip" and part:
        return before + bytes([part[0] ^ 1 << draw(st.integers(0, 7))]) + part[1:] + after
    if kind == "set" and part:
        return before + bytes([draw(st.integers(0, 255))]) + part[1:] + after
    if kind == "insert":
        return before + draw(st.binary(min_size=1, max_size=9)) + part + after
    return before + {"repeat": part * 2 + after, "cut": b""}.get(kind, after)


def messages(message: Message) -> Iterator[Message]:
    """Yield a message and all in it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if repeated(field) else (value,):
                yield from messages(part)


def repeated(field: FieldDescriptor) -> bool:
    """Whether a field holds a row of values."""
    return bool(field.is_repeated)


def rewrite(draw: st.DrawFn, proto: onnx.ModelProto) -> None:
    """Change one field of one part of a model."""
    parts = list(messages(proto))
    part = parts[draw(st.integers(0, len(parts) - 1))]
    if isinstance(part, TensorProto) and draw(st.booleans()):
        span = {key: draw(st.sampled_from(INTEGERS)) for key in ("offset", "length") if draw(st.booleans())}
        put_outside(part, draw(st.sampled_from(PLACES)), **span)
        return
    fields = [field for field, _ in part.ListFields()] if draw(st.integers(0, 3)) else list(part.DESCRIPTOR.fields)
    if not fields:
        return
    field = fields[draw(st.integers(0, len(fields) - 1))]
    if field.message_type is not None:
        rewrite_parts(draw, part, field, [other for other in parts if other.DESCRIPTOR is field.message_type])
    elif not repeated(field):
        with contextlib.suppress(ValueError, TypeError):  # an enumeration may be closed
            setattr(part, field.name, drawn_value(draw, field, getattr(part, field.name), proto))
    else:
        row = getattr(part, field.name)
        i, kind = draw(st.integers(0, max(len(row) - 1, 0))), draw(st.sampled_from(["set", "remove", "add"]))
        if kind == "add" or not row:
            nothing = {field.TYPE_BYTES: b"", field.TYPE_STRING: ""}.get(field.type, 0)
            row.append(drawn_value(draw, field, row[i] if row else nothing, proto))
        elif kind == "remove":
            del row[i]
        else:
            row[i] = drawn_value(draw, field, row[i], proto)


def rewrite_parts(draw: st.DrawFn, part: Message, field: FieldDescriptor, alike: list[Message]) -> None:
    """Leave a part out, or put another of its kind in its place or beside it."""
    other = alike[draw(st.integers(0, len(alike) - 1))] if alike and draw(st.booleans()) else None
    copy = type(other).FromString(other.SerializeToString()) if other is not None else None
    value = getattr(part, field.name)
    if not repeated(field):
        part.ClearField(field.name)
        if copy is not None:
            getattr(part, field.name).CopyFrom(copy)
    elif copy is not None:
        value.add().CopyFrom(copy)
    elif value:
        i, j = (draw(st.integers(0, len(value) - 1)) for _ in range(2))
        if draw(st.booleans()):
            del value[i]
        else:  # the order of nodes, or of inputs
            first, second = (type(one).FromString(one.SerializeToString()) for one in (value[i], value[j]))
            value[i].CopyFrom(second)
            value[j].CopyFrom(first)


def drawn_value(draw: st.DrawFn, field: FieldDescriptor, old: Any, proto: onnx.ModelProto) -> Any:
    """Draw another value for a field."""
    if field.cpp_type in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        return draw(st.sampled_from(FLOATS))
    if field.type == FieldDescriptor.TYPE_BYTES:
        return draw(st.sampled_from([b"", old[:-1], old + b"\0", old[: len(old) // 2], b"\xff\xfe", b"1", old * 2]))
    if field.type == FieldDescriptor.TYPE_STRING:
        if field.name == "op_type" and draw(st.booleans()):
            return draw(st.sampled_from(operators()))
        names = [name for one in proto.graph.node for name in (*one.input, *one.output, one.op_type)]
        return draw(st.sampled_from([*names, *TEXTS]))
    number = draw(st.one_of(st.sampled_from(INTEGERS), st.integers(-3, 3).map(lambda more: int(old) + more)))
    if field.cpp_type in WRAPPED:
        return (number + 2**31) % 2**32 - 2**31 if field.cpp_type != FieldDescriptor.CPPTYPE_UINT32 else number % 2**32
    return (number + 2**63) % 2**64 - 2**63 if field.cpp_type != FieldDescriptor.CPPTYPE_UINT64 else number % 2**64


def check(content: bytes) -> None:
    """Load a file and run what it holds, if it is a network of inputs that are not too large."""
    warnings.filterwarnings("ignore", "Ignoring unknown external data key")  # onnx's, of what it does not read
    with tempfile.TemporaryDirectory() as outer, contextlib.suppress(network.ModelError):
        folder = Path(outer, "model")
        folder.mkdir()
        Path(outer, "secret.bin").write_bytes(W33.tobytes())
        (folder / BESIDE).write_bytes(W33.tobytes())
        (folder / "damaged.onnx").write_bytes(content)
        net = network.load(folder / "damaged.onnx", threads=1)
        str(net.layers)
        feed = {port.name: array_for(port) for port in net.inputs}
        if all(array is not None for array in feed.values()):
            net.run(feed)
            net.run(feed)
        net.save(folder / "saved.onnx")


def array_for(port: network.graph.Port) -> np.ndarray[Any, Any] | None:
    """Return an array that an input takes; None if it would be too large."""
    usual = (1, 8, 9, 7)
    shape = usual if port.shape is None else [size or (*usual, *(2,) * 99)[i] for i, size in enumerate(port.shape)]
    return None if np.prod(np.float64(shape)) > MOST or len(shape) > 32 else random(*shape).astype(port.dtype)


def cases() -> st.SearchStrategy[bytes]:
    """Return the strategy."""
    return damaged()


DAMAGE = Kind("damage", ".onnx", cases, check)
