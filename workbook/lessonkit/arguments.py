"""Helpers of a lesson refuse what cannot be, in one sentence that names the argument.

`guard` compares what a helper is given with its type hints, before it runs; what a type does not say, such as a range,
the helper says itself, by a ValueError or a CommandError. IPython shows either as that sentence alone, without a
traceback: what went wrong is in the learner's cell, not in this package.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from textwrap import wrap
from typing import Any, Literal, ParamSpec, TypeVar, Union

import numpy as np

from workbook.errors import CommandError
from workbook.lessonkit.exercise import describe
from workbook.plain_text import COLUMNS

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def guard(face: str) -> None:
    """Guard every function that a lesson's `__init__` offers; call it at its end.

    Parameters
    ----------
    face : str
        The module's `__name__`; its `__all__` names what it offers.
    """
    module = sys.modules[face]
    for name in module.__all__:
        offered = getattr(module, name)
        if callable(offered) and not inspect.isclass(offered):
            setattr(module, name, guarded(offered, name))


def guarded(function: Callable[_Arguments, _Result], name: str) -> Callable[_Arguments, _Result]:
    """Return a function that refuses arguments which do not fit the hints.

    Parameters
    ----------
    function : function
    name : str
        As the learner calls it.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def called(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        try:
            misfit = _misfit(function, signature, name, args, kwargs)
            if misfit and not misfit.has_own_words:
                raise ValueError(misfit.sentence)
            try:
                result = function(*args, **kwargs)
            except (TypeError, AttributeError, LookupError, ArithmeticError):
                if misfit:
                    raise ValueError(misfit.sentence) from None
                raise
            if misfit:
                raise ValueError(misfit.sentence)
        except (ValueError, CommandError) as refusal:
            sentence = wrap(f"{type(refusal).__name__}: {refusal}", COLUMNS)
            refusal._render_traceback_ = lambda: sentence  # type: ignore[union-attr]
            raise
        return result

    return called


def at_least(least: float, **sizes: float) -> None:
    """Raise a ValueError unless each number is at least so large; it names the one that is not."""
    for name, size in sizes.items():
        if not size >= least:
            raise ValueError(f"{name} must be at least {least:g}, not {size}")


@dataclass(frozen=True)
class _Misfit:
    """An argument that is not of its type, and whether the helper may have better words, such as what there is."""

    sentence: str
    has_own_words: bool = False


def _misfit(
    function: Callable[..., object], signature: inspect.Signature, name: str, args: Any, kwargs: Any
) -> _Misfit | None:
    """Return what is wrong with the arguments of a call; None if they fit."""
    try:
        given = signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        return _Misfit(f"{name}: {error}; it takes {', '.join(map(str, signature.parameters)) or 'nothing'}")
    hints = typing.get_type_hints(function)
    for parameter, value in given.items():
        hint, several = (
            hints.get(parameter, Any),
            signature.parameters[parameter].kind is inspect.Parameter.VAR_POSITIONAL,
        )
        for one in value if several else (value,):
            if not _fits(one, hint):
                own = hint is str or (isinstance(one, float) and one != one)
                return _Misfit(f"{parameter} must be {_words(hint)}, not {describe(one)}", own)
    return None


def _fits(value: object, hint: Any) -> bool:
    """Whether a value is of a type; types that say nothing about values fit all."""
    if isinstance(hint, TypeVar):
        hint = hint.__bound__ or Any
    of, parts = typing.get_origin(hint), typing.get_args(hint)
    if of in (Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if of is Literal:
        return isinstance(value, str | int) and value in parts
    if of is tuple:
        return _fits_tuple(value, parts)
    if of is np.ndarray:
        return _is_array(value, has_fields=typing.get_args(parts[1]) == (np.void,))
    if of in (Sequence, list, Iterable):
        if not isinstance(value, Sequence | np.ndarray | Iterable) or isinstance(value, str):
            return False
        return of is Iterable or (isinstance(value, Sequence | np.ndarray) and all(_fits(v, parts[0]) for v in value))
    if hint is bool:
        return isinstance(value, bool | np.bool_)
    if hint in (int, float):
        is_number = isinstance(value, Integral if hint is int else Real) and not isinstance(value, bool)
        return is_number and value == value  # not a NaN
    kind = of or hint
    if getattr(kind, "_is_protocol", False):
        return all(hasattr(value, name) for name in _asked_of(kind))
    return not inspect.isclass(kind) or isinstance(value, kind)


def _fits_tuple(value: object, parts: tuple[Any, ...]) -> bool:
    if not isinstance(value, tuple | list):
        return False
    if parts[-1:] == (...,):
        return all(_fits(one, parts[0]) for one in value)
    return len(value) == len(parts) and all(map(_fits, value, parts))


def _is_array(value: object, *, has_fields: bool) -> bool:
    if has_fields:
        return isinstance(value, np.ndarray) and value.dtype.names is not None
    try:
        return np.asarray(value).dtype.kind in "fiub" and np.ndim(value) > 0  # type: ignore[arg-type]
    except ValueError:
        return False


def _asked_of(protocol: type) -> list[str]:
    """Name what a protocol asks for."""
    return [name for name in (*vars(protocol), *protocol.__annotations__) if not name.startswith("_")]


def _words(hint: Any) -> str:
    """Name a type as a learner would."""
    if isinstance(hint, TypeVar):
        hint = hint.__bound__
    of, parts = typing.get_origin(hint), typing.get_args(hint)
    if of in (Union, types.UnionType):
        return " or ".join(_words(part) for part in parts if part is not types.NoneType)
    if of is Literal:
        return f"one of {', '.join(map(repr, parts))}"
    if of is tuple and parts[-1:] != (...,):
        return f"{len(parts)} in brackets: {', '.join(map(_words, parts))}"
    if of is np.ndarray:
        return "an array of numbers"
    if of in (Sequence, Iterable, list, tuple):
        return f"a list, each {_words(parts[0])}"
    known = {int: "a whole number", float: "a number", str: "a text", bool: "True or False", Callable: "a function"}
    kind = of or hint
    if getattr(kind, "_is_protocol", False):
        return f"something with {', '.join(_asked_of(kind))}"
    name = str(getattr(kind, "__name__", kind))
    return known.get(kind, f"{'an' if name[0] in 'AEIOU' else 'a'} {name}")
