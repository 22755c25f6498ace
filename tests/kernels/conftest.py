"""What every test of the kernels shares."""

import os

import hypothesis

import kernels

# The same examples on every run; no deadline, because a busy machine is not a bug.
hypothesis.settings.register_profile("kernels", derandomize=True, max_examples=60, deadline=None, database=None)
hypothesis.settings.load_profile("kernels")


def pytest_report_header():
    return f"kernels: {kernels.isa()} of {', '.join(kernels.isas())}, KERNELS_ISA={os.environ.get('KERNELS_ISA', '')!r}"
