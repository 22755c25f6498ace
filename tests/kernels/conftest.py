"""What every test of the kernels shares."""

import os

import half_layer
import pytest

import kernels
from kernels import registry


def pytest_report_header():
    return f"kernels: {kernels.isa()} of {', '.join(kernels.isas())}, KERNELS_ISA={os.environ.get('KERNELS_ISA', '')!r}"


@pytest.fixture
def half_precision(monkeypatch):
    """Let the kernels compute in floats of 16 bits, emulated where the CPU lacks them; else they stay refused."""
    if half_layer.AVAILABLE:
        monkeypatch.setattr(registry, "SHORT", half_layer.emulation())
