"""A model's file without its large arrays: what is left is small, and says where in the file they are.

A message of protobuf is a row of fields: a key, which holds the field's number and kind, and what it stores. Of the
fields that hold other messages or bytes, the length comes first. So the way to the stored arrays,

    ModelProto.graph (7) -> GraphProto.initializer (5) -> TensorProto.raw_data (9),

can be walked from key to key, and what lies beside it copied as it is.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import BinaryIO

_WAY = (7, 5, 9)
LARGE = 2**16  # bytes; what is smaller costs less memory than the notes on where it is
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5  # kinds of fields


@dataclass(frozen=True)
class Span:
    """A part of a file, in bytes."""

    offset: int
    length: int


@dataclass(frozen=True)
class Skeleton:
    """What is left of a model.

    Attributes
    ----------
    content : bytes
        A ModelProto.
    spans : tuple of (Span or None)
        For each stored array, in order, where its bytes are; None if they are in `content`. Empty if all are.
    """

    content: bytes
    spans: tuple[Span | None, ...]


def skeleton(file: BinaryIO, largest: int = LARGE) -> Skeleton:
    """Read a model without its arrays above `largest` bytes; all of it if its fields are not as they should be."""
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    try:
        walk = _Walk(file, largest)
        return Skeleton(walk.message(end, _WAY), tuple(walk.spans))
    except _OddFieldError:
        file.seek(0)
        return Skeleton(file.read(), ())


class _OddFieldError(ValueError):
    """A field that ends behind its message, or of a kind or number that nobody writes."""


@dataclass
class _Walk:
    file: BinaryIO
    largest: int
    spans: list[Span | None] = field(default_factory=list)

    def message(self, end: int, way: tuple[int, ...]) -> bytes:
        """Return the message that ends there, without the arrays at the end of the way."""
        parts = []
        while (at := self.file.tell()) < end:
            key = self.varint()
            number, kind = key >> 3, key & 7
            if not 0 < number < 2**29:
                raise _OddFieldError
            if kind == _VARINT:
                self.varint()
            elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
                self.file.seek(8 if kind == _EIGHT_BYTES else 4, os.SEEK_CUR)
            elif kind != _LENGTH:
                raise _OddFieldError
            else:
                length = self.varint()
                begin = self.file.tell()
                if begin + length > end:
                    raise _OddFieldError
                if number == way[0]:
                    parts.append(self.on_the_way(key, Span(begin, length), way[1:]))
                    continue
                self.file.seek(length, os.SEEK_CUR)
            parts.append(self.bytes_from(at))
        if at > end:
            raise _OddFieldError
        return b"".join(parts)

    def on_the_way(self, key: int, span: Span, rest: tuple[int, ...]) -> bytes:
        """Return a field that holds arrays, or is one, as it is kept."""
        if not rest:
            self.spans[-1] = span if span.length > self.largest else None
            content = b"" if self.spans[-1] else self.file.read(span.length)
            self.file.seek(span.offset + span.length)
            return _varint(key) + _varint(len(content)) + content if content else b""
        if len(rest) == 1:
            self.spans.append(None)
        content = self.message(span.offset + span.length, rest)
        return _varint(key) + _varint(len(content)) + content

    def bytes_from(self, begin: int) -> bytes:
        """Return what was passed since."""
        end = self.file.tell()
        self.file.seek(begin)
        content = self.file.read(end - begin)
        if len(content) < end - begin:
            raise _OddFieldError
        return content

    def varint(self) -> int:
        """Read a number: seven bits a byte, the lowest first; the eighth says whether another byte follows."""
        number = 0
        for shift in range(0, 70, 7):
            byte = self.file.read(1)
            if not byte:
                raise _OddFieldError
            number |= (byte[0] & 127) << shift
            if byte[0] < 128:
                return number
        raise _OddFieldError


def _varint(number: int) -> bytes:
    """Return a number as `_Walk.varint` reads it."""
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])
