"""Machines: what cannot be is refused by name, and a TOML file keeps every number."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import pytest

from workbook.accelerator.datapath import Datapath, datapaths, mappings
from workbook.accelerator.datapath_table import evaluate
from workbook.accelerator.machine import Reconfiguration, Winograd
from workbook.accelerator.machine_file import from_toml, load, save, to_toml
from workbook.accelerator.presets import PRESETS, preset
from workbook.accelerator.schedule import fixed, switch_seconds
from workbook.accelerator.step_energy import Energy, read_pj
from workbook.accelerator.workload import Layer, Workload
from workbook.errors import CommandError

X1 = PRESETS["x1"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dram_gbs": 0}, "dram_gbs must be above 0, not 0"),
        ({"dram_gbs": math.nan}, "dram_gbs must be above 0, not nan"),
        ({"clock_mhz": -1}, "clock_mhz must be above 0, not -1"),
        ({"macs": 0}, "macs must be above 0, not 0"),
        ({"array": Datapath(128, 64)}, "array: 128 C x 64 K needs 8192 multipliers, but macs is 4096"),
        ({"rates": {}}, "rates must name at least one type"),
        ({"rates": {"int9": 1}}, "rates must be one of int4, int8, .*, not 'int9'"),
        ({"rates": {"int8": 0}}, "rates.int8 must be above 0, not 0"),
        ({"energy": Energy({"fp32": 1})}, "energy.mac_pj has no int8, which rates names"),
        ({"reconfiguration__contexts": 3}, "reconfiguration.contexts must be one of 1, 2, not 3"),
        ({"reconfiguration__port_mhz": 0}, "reconfiguration.port_mhz must be above 0, not 0"),
        ({"reconfiguration__bits": -1}, "reconfiguration.bits must be 0 or more, not -1"),
        ({"reconfiguration__source": "disk"}, "reconfiguration.source must be one of chip, dram, not 'disk'"),
        ({"winograd__tile": 0}, "winograd.tile must be above 0, not 0"),
        ({"winograd__types": ("int3",)}, "winograd.types must be one of"),
        ({"energy__leakage_w": -1}, "energy.leakage_w must be 0 or more, not -1"),
        ({"energy__mac_pj": {"int8": -1}}, "energy.mac_pj.int8 must be 0 or more, not -1"),
        ({"ram": 1}, "x1 has no ram; it has name, macs"),
        ({"winograd__size": 1}, "winograd has no size; it has tile"),
    ],
)
def test_machines_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        X1.but(**changes)


def test_parts_that_a_machine_does_not_have_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="nvdla_2048 has no reconfiguration, so its bits cannot be set"):
        PRESETS["nvdla_2048"].but(reconfiguration__bits=1)


def test_a_type_that_a_machine_does_not_have() -> None:
    with pytest.raises(ValueError, match="eyeriss has no int8; its rates are for int16"):
        PRESETS["eyeriss"].rate("int8")


def test_datapath_without_a_multiplier() -> None:
    with pytest.raises(ValueError, match="datapath: K must be at least 1 multiplier, not 0"):
        Datapath(64, 0)


@pytest.mark.parametrize("name", PRESETS)
def test_a_file_keeps_every_number(name: str, tmp_path: Path) -> None:
    path = tmp_path / "machine.toml"
    save(PRESETS[name], path)
    assert load(path) == PRESETS[name]
    assert pickle.loads(pickle.dumps(PRESETS[name])) == PRESETS[name]


def test_a_short_file_is_enough() -> None:
    text = 'name = "mine"\nmacs = 64\nclock_mhz = 100\nsram_kb = 64\ndram_gbs = 1.5\n[array]\nC = 8\nK = 8\n'
    machine = from_toml(text)
    assert machine.rates == {"int8": 1}
    assert machine.reconfiguration is None
    assert machine.ridge == pytest.approx(64 * 100e6 / 1.5e9)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("macs = 4096", "macs = 40.96", "macs must be a whole number, not 40.96"),
        ("macs = 4096", "mac = 4096", "unknown field mac; known are name, macs"),
        ("macs = 4096", "", "macs is missing"),
        ("clock_mhz = 933", 'clock_mhz = "fast"', "clock_mhz must be a number, not 'fast'"),
        ("clock_mhz = 933", "clock_mhz = true", "clock_mhz must be a number, not True"),
        ("dram_gbs = 17.068", "dram_gbs = 0", "dram_gbs must be above 0, not 0"),
        ("contexts = 1", "contexts = 5", "reconfiguration.contexts must be one of 1, 2, not 5"),
        ("port_mhz = 1\n", 'port_mhz = "1"\n', "reconfiguration.port_mhz must be a number"),
        ('types = ["int8"]', "types = 8", "winograd.types must be a list of texts, not 8"),
        ('name = "x1"', 'name = "x1', "line 1"),
        ('name = "x1"', 'winograd = 3\nname = "x1"', "Cannot|winograd must be a table"),
        ("bf16 = 0.5", 'bf16 = "half"', "rates.bf16 must be a number, not 'half'"),
    ],
)
def test_files_that_describe_no_machine(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "machine.toml"
    text = to_toml(X1)
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(CommandError, match=message) as error:
        load(path)
    assert str(path) in str(error.value)


def test_missing_file_and_unknown_preset(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no file"):
        load(tmp_path / "none.toml")
    with pytest.raises(CommandError, match=r"no machine 'x2'; there are x1, .*, or name a \.toml file"):
        preset("x2")


def test_x1_reconfigures_in_the_time_that_is_usually_quoted() -> None:
    assert switch_seconds(X1) == pytest.approx(4e-6)
    assert X1.dram_gbs == pytest.approx(17.07, abs=0.005)  # one x32 LPDDR4X at 4267 MT/s
    assert X1.array.multipliers == X1.macs


def test_a_fixed_machine_never_switches() -> None:
    assert switch_seconds(PRESETS["nvdla_2048"]) == math.inf


def test_ports_and_winograd_arithmetic() -> None:
    assert Reconfiguration(bits=640, port_bits=32, port_mhz=100).port_mbs == 400
    assert Winograd(tile=2).gain == 2.25
    assert Winograd(tile=4).gain == 4
    assert Winograd(weights="transformed").weight_growth == 16 / 9
    assert Winograd(weights="direct").weight_growth == 1


def test_datapaths_are_all_powers_of_two_that_fit() -> None:
    found = datapaths(16)
    brute = {
        Datapath(1 << a, 1 << b, 1 << c, 1 << d)
        for a in range(5) for b in range(5) for c in range(5) for d in range(5)
        if 1 << a + b + c + d <= 16
    }  # fmt: skip
    assert set(found) == brute
    assert len(found) == len(brute)
    assert str(Datapath(64, 64)) == "64 C x 64 K"
    assert str(Datapath()) == "1 multiplier"


def test_rows_take_channels_or_taps() -> None:
    assert mappings(Datapath(64, 64)) == (Datapath(64, 64), Datapath(21, 64, tap=3), Datapath(7, 64, tap=9))
    assert mappings(Datapath(4, 8)) == (Datapath(4, 8), Datapath(1, 8, tap=3))
    assert mappings(Datapath(K=4, pixel=14, tap=3)) == (Datapath(K=4, pixel=14, tap=3),)
    for datapath in datapaths(64):
        assert all(mapping.multipliers <= datapath.multipliers for mapping in mappings(datapath))


class TestEnergy:
    @pytest.mark.parametrize(("kb", "pj"), [(8, 10 / 8), (32, 20 / 8), (1024, 100 / 8), (16, 14.142 / 8), (2, 5 / 8)])
    def test_a_larger_memory_costs_more_a_byte(self, kb: float, pj: float) -> None:
        """Horowitz's three sizes; between the first two it grows with the square root of the size."""
        assert read_pj(kb) == pytest.approx(pj, rel=1e-4)

    def test_beyond_a_megabyte_there_are_banks(self) -> None:
        assert read_pj(13 * 1024) == read_pj(1024)

    def test_a_number_of_its_own_has_no_size(self) -> None:
        own = X1.but(energy__sram_pj_per_byte=3.0, energy__dram_pj_per_bit=40.0)
        assert own.sram_pj == own.but(sram_kb=8).sram_pj == 3
        assert own.energy.band(own.sram_kb) == ((3, 3), (8, 40))

    def test_the_band_of_a_frame_holds_its_energy(self) -> None:
        """By hand for one layer: multiply-adds once, bytes on the chip and in DRAM at both ends."""
        layer = Layer("layer", 64, 8, 8, 64, 8, 8)
        schedule = fixed(evaluate(Workload("one", (layer,)), X1, (Datapath(64, 64),)))
        (cost,) = schedule.costs
        least, most = schedule.mj_band
        assert least < schedule.mj_per_image < most
        assert least == pytest.approx(
            1e-9 * (layer.macs * 0.23 + cost.traffic.bytes * 1.25 + 8 * cost.dram_bytes * 8), rel=1e-12
        )
        assert most == pytest.approx(
            1e-9 * (layer.macs * 0.23 + cost.traffic.bytes * 12.5 + 8 * cost.dram_bytes * 31), rel=1e-12
        )
