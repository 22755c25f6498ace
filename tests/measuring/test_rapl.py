"""The processor's own count of energy, read from a tree of files like Linux's."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbook.measuring.rapl import Counters


def zone(tree: Path, path: str, name: str, microjoules: str, most: int = 1_000_000) -> None:
    folder = tree / path
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in (("name", name), ("energy_uj", microjoules), ("max_energy_range_uj", str(most))):
        (folder / file).write_text(f"{text}\n", "ascii")


def test_packages_are_added_up_and_their_parts_are_not(tmp_path: Path) -> None:
    """Linux shows every zone flat, the cores of package 0 beside package 0; "psys" is the whole computer."""
    for path, name, first in (
        ("intel-rapl:0", "package-0", "100"),
        ("intel-rapl:0:0", "core", "50"),
        ("intel-rapl:1", "package-1", "200"),
        ("intel-rapl:2", "psys", "900"),
    ):
        zone(tmp_path, path, name, first)
    (tmp_path / "intel-rapl").mkdir()  # the control type itself, without a counter
    before = Counters.now(tmp_path)
    zone(tmp_path, "intel-rapl:0", "package-0", "250100")
    zone(tmp_path, "intel-rapl:0:0", "core", "150050")
    zone(tmp_path, "intel-rapl:1", "package-1", "500200")
    zone(tmp_path, "intel-rapl:2", "psys", "999900")
    after = Counters.now(tmp_path)
    assert before is not None
    assert after is not None
    assert before.joules(after) == pytest.approx(0.75)


def test_a_counter_begins_again(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", "900000")
    before = Counters.now(tmp_path)
    zone(tmp_path, "intel-rapl:0", "package-0", "200000")
    after = Counters.now(tmp_path)
    assert before is not None
    assert after is not None
    assert before.joules(after) == pytest.approx(0.3)


def test_where_there_is_none_nothing_is_read(tmp_path: Path) -> None:
    assert Counters.now(tmp_path / "none") is None
    zone(tmp_path, "intel-rapl:0", "dram", "1")
    assert Counters.now(tmp_path) is None


def test_what_may_not_be_read_is_none(tmp_path: Path) -> None:
    """Root reads any file, so the counter is made one that nobody can read as a number."""
    zone(tmp_path, "intel-rapl:0", "package-0", "1")
    zone(tmp_path, "intel-rapl:1", "package-1", "no number")
    assert Counters.now(tmp_path) is None
    (tmp_path / "intel-rapl:1" / "energy_uj").unlink()
    assert Counters.now(tmp_path) is None
