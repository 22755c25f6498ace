"""Every panel of the workbook with each control at its ends."""

from __future__ import annotations

import html
import importlib
import re

import pytest

from workbook.lessonkit.catalog import LESSONS

PANELS = [(lesson.package, name) for lesson in LESSONS for name in lesson.panels]


@pytest.mark.parametrize(("package", "name"), PANELS)
def test_it_works_at_every_corner(package: str, name: str) -> None:
    panel = getattr(importlib.import_module(f"workbook.lessons.{package}.panels"), name)()
    assert panel.name == f"{package}.{name}"
    views, readouts = set(), set()
    for values in panel.corners():
        panel.set(**values)
        assert panel.error is None, (values, panel.error)
        assert panel.view.startswith("<svg")
        assert abs(height_of(panel.view) - panel.height) < 1
        assert html.escape(panel.readout, quote=False) in panel.view
        views.add(panel.view)
        readouts.add(panel.readout)
    corners = {tuple(values.items()) for values in panel.corners()}
    assert len(views) == len(readouts) == len(corners), "some control changes nothing"


def height_of(svg: str) -> float:
    """Return the height of a figure in CSS pixels."""
    found = re.search(r'<svg [^>]*height="([\d.]+)pt"', svg)
    assert found
    return float(found[1]) / 72 * 96
