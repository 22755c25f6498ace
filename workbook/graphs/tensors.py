"""The arrays that a model stores: small ones are read at once, large ones stay where they are."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import ExternalDataInfo, uses_external_data

from kernels import Stored
from workbook.graphs.graph import Array, ModelError
from workbook.graphs.onnx_without_weights import LARGE, Span
from workbook.graphs.weights_file import WeightsFile

_PLAIN = (  # stored as NumPy holds them
    *(TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16),
    *(TensorProto.INT8, TensorProto.UINT8, TensorProto.INT32, TensorProto.INT64),
)


def array_of(tensor: TensorProto) -> Array:
    """Return a stored array, which nobody may change.

    Raises
    ------
    ModelError
        If it cannot be read; the message names it.
    """
    if tensor.data_location == TensorProto.EXTERNAL:
        raise ModelError(f"the stored array {tensor.name!r} lies in another file; load the model by its path")
    with _named(tensor):
        array: Array = numpy_helper.to_array(tensor)
    array.flags.writeable = False
    return array


def dense(sparse: onnx.SparseTensorProto) -> Array:
    """Return a sparse stored array as a dense one, which nobody may change.

    Raises
    ------
    ModelError
        If it cannot be read; the message names it.
    """
    values, places, shape = array_of(sparse.values), array_of(sparse.indices), tuple(sparse.dims)
    with _named(sparse.values):
        array: Array = np.zeros(shape, values.dtype)
        array.reshape(-1)[places if places.ndim == 1 else np.ravel_multi_index(tuple(places.T), shape)] = values
    array.flags.writeable = False
    return array


def stored_within(model: onnx.ModelProto, file: WeightsFile, spans: tuple[Span | None, ...]) -> dict[str, Stored]:
    """Return the large arrays of a model's own file by name.

    Parameters
    ----------
    model : onnx.ModelProto
        Without the bytes at the spans; those of types that are packed more tightly are put back.
    file : WeightsFile
    spans : tuple of (Span or None)
        Where the bytes of each stored array are, if they are not in the model.

    Raises
    ------
    ModelError
        If the bytes do not fit an array's shape.
    """
    stored = {}
    for tensor, span in zip(model.graph.initializer, spans, strict=False):
        if span and tensor.data_type in _PLAIN:
            stored[tensor.name] = _stored(tensor, file, span)
        elif span:
            tensor.raw_data = file.read(span).tobytes()
    return stored


def stored_beside(model: onnx.ModelProto, path: Path) -> dict[str, Stored]:
    """Return the large arrays that a model keeps in other files by name, and read the small ones into it.

    Parameters
    ----------
    model : onnx.ModelProto
    path : Path
        Of the model. The other files lie in its folder or below; caches keep links there, to files beside the one that
        the model's own name links to.

    Raises
    ------
    OSError, ValueError
        If an array cannot be read, or lies elsewhere.
    """
    files: dict[str, WeightsFile] = {}
    stored = {}
    for tensor in model.graph.initializer:
        if not uses_external_data(tensor):
            continue
        place = ExternalDataInfo(tensor)
        with open(_beside(path, place.location), "rb") as file:
            span = _span(place, file)
            if span.length > LARGE and tensor.data_type in _PLAIN:
                if place.location not in files:
                    files[place.location] = WeightsFile(file)
                stored[tensor.name] = _stored(tensor, files[place.location], span)
                _put(tensor, b"")
    for tensor in _tensors(model.graph):
        if uses_external_data(tensor):
            place = ExternalDataInfo(tensor)
            with open(_beside(path, place.location), "rb") as file:
                span = _span(place, file)
                file.seek(span.offset)
                _put(tensor, file.read(span.length))
    return stored


def _put(tensor: TensorProto, content: bytes) -> None:
    """Store the bytes of an array in the model itself."""
    tensor.raw_data = content
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]


def graphs_within(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Yield the graphs of a node's attributes: branches and bodies."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _tensors(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    """Yield all stored arrays: those of the graph, of its nodes, and of the graphs within these."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
        for inner in graphs_within(node):
            yield from _tensors(inner)


def _beside(path: Path, location: str) -> Path:
    """Return the file that a model names, unless its name or a link leads away from the model's folders."""
    named = path.parent / location
    if not location or Path(location).is_absolute() or ".." in Path(location).parts:
        raise ValueError(f"the name {location!r} leads out of the model's folder")
    real = named.resolve(strict=True)
    folders = path.parent.resolve(), path.resolve().parent
    if not any(real.is_relative_to(folder) for folder in folders):
        raise ValueError(f"{location!r} is a link that leads out of the model's folder, to {real}")
    return real


def _span(place: ExternalDataInfo, file: BinaryIO) -> Span:
    """Return where an array lies in its file; up to the end, if no length is stated."""
    size, offset = file.seek(0, os.SEEK_END), int(place.offset or 0)
    length = int(place.length) if place.length else size - offset
    if offset < 0 or length < 0 or offset + length > size:
        raise ValueError(f"bytes {offset} to {offset + length} were asked for, of {size}")
    return Span(offset, length)


def _stored(tensor: TensorProto, file: WeightsFile, span: Span) -> Stored:
    shape, dtype = tuple(tensor.dims), helper.tensor_dtype_to_np_dtype(tensor.data_type)
    with _named(tensor):
        if math.prod(shape) * dtype.itemsize != span.length:
            raise ValueError(f"its shape is {shape}, but it has {span.length} bytes")
    little_endian = dtype.newbyteorder("<")
    return Stored(shape, dtype, lambda: file.read(span).view(little_endian).astype(dtype, copy=False).reshape(shape))


@contextmanager
def _named(tensor: TensorProto) -> Iterator[None]:
    """Say which array cannot be read, and why."""
    try:
        if any(size < 0 for size in tensor.dims):
            raise ValueError(f"its shape is {tuple(tensor.dims)}")
        yield
    except KeyError as error:
        raise ModelError(f"the stored array {tensor.name!r} cannot be read: its type {error} is unknown") from None
    except (ValueError, TypeError, IndexError, OverflowError, MemoryError) as error:
        raise ModelError(f"the stored array {tensor.name!r} cannot be read: {error}") from None
