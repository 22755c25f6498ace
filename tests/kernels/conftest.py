"""What every test of the kernels shares."""

import os

import kernels


def pytest_report_header():
    return f"kernels: {kernels.isa()} of {', '.join(kernels.isas())}, KERNELS_ISA={os.environ.get('KERNELS_ISA', '')!r}"
