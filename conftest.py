"""What holds for `pytest tests` and for `pytest --nbval notebooks` alike."""

import pytest

OUTPUT_TIMEOUT = 30  # seconds that nbval waits for a cell's output; its own 5 are too few on a slow machine


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if hasattr(item, "output_timeout"):
            item.output_timeout = OUTPUT_TIMEOUT
