"""Takes the README's picture from the real notebook: `python docs/picture.py`, with Chromium installed."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests"))

from browser import LivePanel, Notebook, chromium  # noqa: E402  it lies beside the tests that use it

from workbook.lab import serving  # noqa: E402
from workbook.start import start  # noqa: E402


def main() -> None:
    """Run lesson 1, move its first slider a little, and take the panel's picture."""
    with TemporaryDirectory() as folder, serving(Path(folder), port=0) as server, chromium(1280, 1000) as page:
        start(Path(folder))
        notebook = Notebook(page, server, Path(folder, "01_convolution.ipynb"))
        notebook.run_all()
        panel = LivePanel(notebook.panels.first)
        panel.box.screenshot(path=ROOT / "docs" / "explorer.png")


if __name__ == "__main__":
    main()
