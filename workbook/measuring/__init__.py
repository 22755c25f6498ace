"""Measuring on this machine: what is timed, how, and what the machine can do at most."""

from workbook.measuring.this_machine import (
    MEMORY,
    Machine,
    bandwidth_gbs,
    caches,
    cpu_name,
    machine,
    peak_byte_gmacs,
    peak_gmacs,
    working_sets,
)
from workbook.measuring.timing import Timing, interleaved, measured, quick

__all__ = [
    "MEMORY",
    "Machine",
    "Timing",
    "bandwidth_gbs",
    "caches",
    "cpu_name",
    "interleaved",
    "machine",
    "measured",
    "peak_byte_gmacs",
    "peak_gmacs",
    "quick",
    "working_sets",
]
