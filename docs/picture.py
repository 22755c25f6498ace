"""Takes the README's picture from the real notebook: `python docs/picture.py`, with Chromium installed."""

from pathlib import Path

from workbook.tools.browser import opened
from workbook.tools.live_panel import LivePanel

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Run lesson 1, move its first slider a little, and take the panel's picture."""
    with opened("01_convolution.ipynb", height=1000) as notebook:
        notebook.run_all()
        panel = LivePanel(notebook.panels.first)
        panel.box.screenshot(path=ROOT / "docs" / "explorer.png")


if __name__ == "__main__":
    main()
