"""What holds for `pytest tests` and for `pytest --nbval notebooks` alike."""

import os
import tempfile
from pathlib import Path

import pytest

OUTPUT_TIMEOUT = 30  # seconds that nbval waits for a cell's output; its own 5 are too few on a slow machine


def pytest_configure(config):
    """Keep what is measured here, in this process and in the notebooks' kernels, out of the learner's scoreboard."""
    folder = tempfile.TemporaryDirectory()
    config.add_cleanup(folder.cleanup)
    os.environ["WORKBOOK_SCOREBOARD"] = str(Path(folder.name, "scoreboard.json"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if hasattr(item, "output_timeout"):
            item.output_timeout = OUTPUT_TIMEOUT
