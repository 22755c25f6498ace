"""What a notebook and a file keep of a panel: a picture and words, the same for the same state."""

import asyncio
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from made_panel import all_is_drawn, figure, make, readout
from traitlets.config import Config

from workbook.lessonkit import redraw
from workbook.lessonkit.panel import Panel, Slider


@pytest.fixture
def outputs(monkeypatch):
    """Collect what is shown, and each change of it, as a kernel would send it."""
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    publisher = CapturingDisplayPublisher()
    monkeypatch.setattr(shell, "display_pub", publisher)
    yield publisher.outputs
    InteractiveShell.clear_instance()


def test_nothing_is_computed_before_somebody_looks(outputs):
    asked = []

    def noted(number):
        asked.append(len(outputs))
        return number, "a"

    made = Panel("test.lazy", "A line", (Slider("number", "number", 0, 9, 3),), noted, figure, readout, height=9)
    assert asked == []
    made._ipython_display_()
    assert asked == [1], "the live view is on the page first"
    assert made.readout == "sum 3, word a"
    assert asked == [1]


def test_saves_what_it_shows(tmp_path):
    made = make()
    made.set(number=5)
    picture, drawing_ = made.save(tmp_path / "a.png"), made.save(str(tmp_path / "a.svg"))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert ElementTree.parse(drawing_).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    with pytest.raises(ValueError, match=r"\.png or \.svg.*a\.gif"):
        made.save(tmp_path / "a.gif")
    made.set(number=8)
    with pytest.raises(ValueError, match="eight cannot be drawn"):
        made.save(tmp_path / "b.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a.svg"]


def test_the_same_state_gives_the_same_svg_and_other_panels_other_ids():
    first, second, other = make(), make(), make(name="test.other")
    assert first.view == second.view
    first.set(number=5)
    first.set(number=3)
    assert first.view == second.view
    ids = [set(re.findall(r"url\(#(\w+)\)", made.view)) for made in (first, other)]
    assert ids[0]
    assert not ids[0] & ids[1]


def still(outputs, **values):
    """Return picture and words of a panel at these values, as `_ipython_display_` makes them."""
    made = make()
    made.set(**values)
    made._ipython_display_()
    return [output["data"] for output in outputs[-2:]]


def test_a_notebook_stores_a_picture_and_words_apart_from_the_live_view(outputs):
    make()._ipython_display_()
    live, picture, words = (output["data"] for output in outputs)
    assert "application/vnd.jupyter.widget-view+json" in live
    assert (live["text/html"], live["text/plain"]) == ("", "panel test.panel")
    assert set(picture) == {"image/png", "text/plain"}
    assert picture["text/plain"] == "test.panel: sum 3, word a"
    assert outputs[1]["metadata"] == {"image/png": {"width": 288}}, "three inches"
    assert "sum 3, word a" in words["text/html"]
    assert "run Setup, then this cell" in words["text/html"]
    assert words["text/plain"] == "A picture of the panel. To move it, run Setup, then this cell."
    assert [data["text/plain"] for data in still(outputs)] == [picture["text/plain"], words["text/plain"]]
    assert still(outputs)[0]["image/png"] == picture["image/png"]


def test_picture_and_words_follow_once_a_hand_rests(outputs, monkeypatch):
    monkeypatch.setattr(redraw, "REST", 0.05)

    async def drag():
        made = make()
        made._ipython_display_()
        shown = len(outputs)
        for number in (4, 5, 7, 6):  # 7 ends in an error
            made.controls["number"].value = number
        await all_is_drawn()
        changes = [(output["update"], output["data"]) for output in outputs[shown:]]
        made.controls["number"].value = 7
        await all_is_drawn()
        return changes, [output["data"] for output in outputs[-2:]]

    changes, after_an_error = asyncio.run(drag())
    assert [update for update, _ in changes] == [True, True], "once for all moves"
    assert [data for _, data in changes] == after_an_error == still(outputs, number=6)
    assert {output["transient"]["display_id"] for output in outputs if output["update"]} == {
        output["transient"]["display_id"] for output in outputs[1:3]
    }


def test_a_panel_that_never_drew_shows_its_error_and_no_picture(outputs):
    def broken():
        raise KeyError("nothing to say")

    Panel("test.broken", "A line", (), broken, figure, str, height=9)._ipython_display_()
    assert len(outputs) == 1


def test_pyplot_is_never_imported():
    code = (
        "import sys; from workbook.lessons import convolution as lesson; lesson.explore()._ipython_display_(); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
