"""The fuzzer's cases that once failed, and a few new ones of each kind, the same on every run."""

from __future__ import annotations

from pathlib import Path

import half_layer
import pytest
from hunt import CASES, Failed, Kind, Tried, checked, hunt
from hypothesis import strategies as st
from kinds import KINDS

KEPT = sorted(CASES.iterdir())


@pytest.mark.parametrize("path", KEPT, ids=[path.name for path in KEPT])
def test_case_that_failed_once(path: Path) -> None:
    if "-half-" in path.name and "float16" not in half_layer.AVAILABLE:
        pytest.skip("the compiler knows no float16 on this processor")
    (kind,) = (kind for kind in KINDS.values() if path.name.startswith(f"{kind.name}-"))
    checked(kind, path.read_bytes())


@pytest.mark.parametrize(("name", "cases"), [("layers", 200), ("graphs", 50), ("damage", 100)])
def test_new_cases(name: str, cases: int) -> None:
    failed = [event for event in hunt(KINDS[name], cases, seed=0) if isinstance(event, Failed)]
    assert not failed, failed[0].why


def numbers() -> st.SearchStrategy[bytes]:
    return st.integers(0, 1000).map(lambda number: str(number).encode())


def at_most_100(case: bytes) -> None:
    assert int(case) <= 100


def crash_above_100(case: bytes) -> None:
    if int(case) > 100:
        import ctypes

        ctypes.string_at(0)


def never_end_above_100(case: bytes) -> None:
    while int(case) > 100:
        pass


def test_a_failure_is_made_small_and_kept(tmp_path: Path) -> None:
    kind = Kind("number", ".txt", numbers, at_most_100)
    events = list(hunt(kind, 4, seed=1))
    assert sum(isinstance(event, Tried) and event.new for event in events) == 4
    failed = [event for event in events if isinstance(event, Failed)]
    assert {failure.case for failure in failed} == {b"101"}
    path = failed[0].keep(kind, tmp_path)
    with pytest.raises(AssertionError):
        checked(kind, path.read_bytes())


def test_a_crash_is_told() -> None:
    events = hunt(Kind("crash", ".txt", numbers, crash_above_100), 4, seed=1)
    failed = next(event for event in events if isinstance(event, Failed))
    assert int(failed.case) > 100
    assert failed.why == "the process was ended by SIGSEGV"


def test_the_same_seed_draws_the_same() -> None:
    kind = Kind("any", ".txt", numbers, int)
    first, second = (list(hunt(kind, 20, seed=1)) for _ in range(2))
    assert first == second
    assert len({event.case for event in first}) > 10


def test_a_case_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hunt.SECONDS", 0.05)
    with pytest.raises(AssertionError, match=r"more than 0.05 s"):
        checked(Kind("endless", ".txt", numbers, never_end_above_100), b"101")
