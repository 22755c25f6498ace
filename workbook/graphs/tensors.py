"""The arrays that a model stores: small ones are read at once, large ones stay where they are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import (
    ExternalDataInfo,
    load_external_data_for_model,
    load_external_data_for_tensor,
    uses_external_data,
)

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


def stored_beside(model: onnx.ModelProto, folder: Path) -> dict[str, Stored]:
    """Return the large arrays that a model keeps in other files by name, and read the small ones into it.

    onnx reads each of them once: it refuses files outside of the folder, and parts that a file does not have.

    Raises
    ------
    OSError, ValueError, onnx.checker.ValidationError
        If an array cannot be read.
    """
    files: dict[str, WeightsFile] = {}
    stored = {}
    for tensor in model.graph.initializer:
        if not uses_external_data(tensor):
            continue
        place = ExternalDataInfo(tensor)
        load_external_data_for_tensor(tensor, str(folder))
        length = len(tensor.raw_data)
        if length > LARGE and tensor.data_type in _PLAIN:
            if place.location not in files:
                with open(folder / place.location, "rb") as file:
                    files[place.location] = WeightsFile(file)
            stored[tensor.name] = _stored(tensor, files[place.location], Span(place.offset or 0, length))
            tensor.ClearField("raw_data")
    load_external_data_for_model(model, str(folder))  # what nodes hold
    return stored


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
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        raise ModelError(f"the stored array {tensor.name!r} cannot be read: {error}") from None
