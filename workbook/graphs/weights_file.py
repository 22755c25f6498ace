"""Reads parts of a file that stays open, each when it is needed."""

from __future__ import annotations

import os
import weakref
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from workbook.graphs.graph import ModelError
from workbook.graphs.onnx_without_weights import Span


class WeightsFile:
    """A file that holds arrays. It may be renamed or deleted, but must not be written to.

    Parameters
    ----------
    file : open file
        May be closed; this one stays open as long as it is needed.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._name = file.name
        self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        self._written = self._when_written()

    def read(self, span: Span) -> npt.NDArray[np.uint8]:
        """Return the bytes that lie there, which nobody may change.

        Raises
        ------
        ModelError
            If the file has been changed.
        """
        content = np.empty(span.length, np.uint8)
        left, at = content.data, span.offset
        while left and (count := os.preadv(self._descriptor, [left], at)):
            left, at = left[count:], at + count
        if left or self._when_written() != self._written:
            raise ModelError(f"{self._name} has been changed since it was loaded; load it again")
        content.setflags(write=False)
        return content

    def _when_written(self) -> tuple[int, int]:
        """Return size and time of the last change: whoever writes to the file changes one of them."""
        status = os.fstat(self._descriptor)
        return status.st_size, status.st_mtime_ns
