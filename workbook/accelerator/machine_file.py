"""Keeps a machine as a TOML file: a table for each of its parts, a line for each number."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from workbook.accelerator.machine import Machine
from workbook.errors import CommandError
from workbook.files import write_whole


def save(machine: Machine, path: Path) -> None:
    """Write a machine to a TOML file, whole or not at all."""
    write_whole(path, to_toml(machine).encode())


def load(path: Path) -> Machine:
    """Read a machine from a TOML file.

    Raises
    ------
    CommandError
        If the file is missing, is no TOML, or describes no machine that can be; the field is named.
    """
    try:
        return from_toml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CommandError(f"There is no file {path}") from None
    except (ValueError, UnicodeDecodeError) as error:  # tomllib's own error is a ValueError
        raise CommandError(f"{path}: {error}") from None


def changed(machine: Machine, changes: Mapping[str, Any]) -> Machine:
    """Return the machine with other values in some fields, each named as in the file: reconfiguration.contexts.

    Raises
    ------
    ValueError
        If there is no such field, or no machine that can be; the field is named.
    """
    values = _as_dict(machine)
    for name, value in changes.items():
        *path, field = name.split(".")
        table = values
        for part in path:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise ValueError(f"{name}: {part} is a value, not a table")
        table[field] = value
    return from_dict(values)


def to_toml(machine: Machine) -> str:
    """Write a machine as TOML; `from_toml` reads the same machine back."""
    return "\n".join(_table(_as_dict(machine), ())) + "\n"


def from_toml(text: str) -> Machine:
    """Read a machine from TOML.

    Raises
    ------
    ValueError
        If it is no TOML, or describes no machine that can be; the field is named.
    """
    return from_dict(tomllib.loads(text))


def from_dict(values: dict[str, Any]) -> Machine:
    """Make a machine from a dictionary as TOML gives it."""
    machine = _build(Machine, values, "")
    assert isinstance(machine, Machine)
    return machine


def _as_dict(value: Any) -> Any:
    """Plain dictionaries and lists; parts that a machine does not have are left out."""
    if dataclasses.is_dataclass(value):
        fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {name: _as_dict(item) for name, item in fields if item is not None}
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _table(values: dict[str, Any], path: tuple[str, ...]) -> list[str]:
    """The lines of a table: its own values first, then its tables."""
    lines = [f"[{'.'.join(path)}]"] if path else []
    lines += [f"{name} = {_value(value)}" for name, value in values.items() if not isinstance(value, dict)]
    for name, value in values.items():
        if isinstance(value, dict):
            lines += ["", *_table(value, (*path, name))]
    return lines


def _value(value: Any) -> str:
    """A number or text as TOML writes it; infinity is inf there as in Python."""
    return repr(value) if isinstance(value, float) else json.dumps(value)


def _build(kind: type[Any], values: dict[str, Any], where: str) -> Any:
    """Make a dataclass of a dictionary, naming the field that is unknown, missing or of the wrong kind."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    kinds = get_type_hints(kind)
    for name in values:
        if name not in fields:
            raise ValueError(f"unknown field {where}{name}; known are {', '.join(fields)}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise ValueError(f"{where}{name} is missing")
    return kind(**{name: _convert(kinds[name], value, f"{where}{name}") for name, value in values.items()})


def _convert(kind: Any, value: Any, where: str) -> Any:
    if get_origin(kind) is UnionType:
        (kind,) = (option for option in get_args(kind) if option is not NoneType)
    if dataclasses.is_dataclass(kind):
        assert isinstance(kind, type)
        if not isinstance(value, dict):
            raise ValueError(f"{where} must be a table, not {value!r}")
        return _build(kind, value, f"{where}.")
    origin = get_origin(kind)
    if origin is Mapping:
        if not isinstance(value, dict):
            raise ValueError(f"{where} must be a table, not {value!r}")
        return {name: _convert(float, item, f"{where}.{name}") for name, item in value.items()}
    if origin is tuple:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError(f"{where} must be a list of texts, not {value!r}")
        return tuple(value)
    if kind is bool:
        if not isinstance(value, bool):
            raise ValueError(f"{where} must be true or false, not {value!r}")
        return value
    wanted, word = _SCALARS.get(kind, (str, "a text"))
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise ValueError(f"{where} must be {word}, not {value!r}")
    return value


_SCALARS: dict[Any, tuple[type | tuple[type, ...], str]] = {
    int: (int, "a whole number"),
    float: ((int, float), "a number"),
}
