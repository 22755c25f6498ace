"""Panels without a browser: moves, errors, timing, and what a notebook stores of them."""

import asyncio
import itertools
import re
import subprocess
import sys
import threading
import time
from xml.etree import ElementTree

import numpy as np
import pytest
from interrupting import PATIENCE
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.figure import Figure
from traitlets.config import Config

from workbook import drawing
from workbook.lessonkit import redraw
from workbook.lessonkit.panel import Choice, Panel, Slider


def model(number, word, offset):
    if number == 7:
        raise ZeroDivisionError("seven is not possible <here>")
    return number + offset, word


def figure(result):
    if result[0] == 8:
        raise RuntimeError("eight cannot be drawn")
    made = Figure(figsize=(3, 2))
    axes = made.subplots()
    axes.plot([0, result[0]])
    axes.set_title(result[1])
    return made


def readout(result):
    return f"sum {result[0]}, word {result[1]}"


def make(name="test.panel", drawn=None):
    def counted(result):
        if drawn is not None:
            drawn.append(result)
        return figure(result)

    return Panel(
        name=name,
        title="A <line>",
        controls=(Slider("number", "number", 0, 9, 3), Choice("word", "word", ("a", "b"), "a")),
        advanced=(Slider("offset", "offset", 0, 5, 0),),
        model=model,
        figure=counted,
        readout=readout,
        height=200,
    )


def test_begins_at_the_defaults():
    made = make()
    assert made.readout == "sum 3, word a"
    assert made.values == made.defaults == {"number": 3, "word": "a", "offset": 0}
    assert made.error is None


def test_a_hand_on_a_control_moves_line_and_figure():
    made = make()
    before = made.view
    made.controls["number"].value = 5
    assert made.readout == "sum 5, word a"
    assert made.view != before


def test_set_moves_several_controls_and_draws_once():
    drawn = []
    made = make(drawn=drawn)
    drawn.clear()
    made.set(number=4, word="b", offset=2)
    assert made.readout == "sum 6, word b"
    assert drawn == [(6, "b")]


def test_set_takes_numpys_whole_numbers():
    made = make()
    made.set(number=np.int64(4))
    assert made.readout == "sum 4, word a"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"numbr": 1}, ["numbr", "number", "word", "offset"]),
        ({"number": 10}, ["number", "0", "9", "10"]),
        ({"number": -1}, ["number", "-1"]),
        ({"number": 2.5}, ["number", "2.5"]),
        ({"number": True}, ["number", "True"]),
        ({"number": None}, ["number", "None"]),
        ({"word": "c"}, ["word", "'a'", "'b'", "'c'"]),
        ({"number": np.array([1, 2])}, ["number", "array"]),
        ({"word": np.array(["a", "b"])}, ["word", "array"]),
        ({"word": ["a"]}, ["word", "['a']"]),
        ({"number": 5, "offset": "x"}, ["offset", "'x'"]),
    ],
)
def test_set_refuses_what_no_control_takes_and_moves_nothing(values, words):
    made = make()
    with pytest.raises(ValueError, match=".*".join(re.escape(word) for word in words)):
        made.set(**values)
    assert made.values == made.defaults
    assert made.readout == "sum 3, word a"


@pytest.mark.parametrize(
    ("number", "kind", "text"),
    [(7, ZeroDivisionError, "seven is not possible &lt;here&gt;"), (8, RuntimeError, "eight cannot be drawn")],
)
def test_an_error_shows_in_the_place_of_the_figure_until_the_next_good_move(number, kind, text):
    made = make()
    made.controls["number"].value = number
    assert isinstance(made.error, kind)
    assert kind.__name__ in made.view
    assert text in made.view
    assert 'role="alert"' in made.view
    assert "No numbers" in made.readout
    made.controls["number"].value = 5
    assert made.error is None
    assert made.view.startswith("<svg")
    assert made.readout == "sum 5, word a"


def test_an_error_in_the_readout_is_caught_too():
    def broken(result):
        raise KeyError("nothing to say")

    made = Panel("test.broken", "A line", (), lambda: (1, "a"), figure, broken, height=200)
    assert isinstance(made.error, KeyError)


def test_at_most_three_controls_stand_in_front():
    sliders = [Slider(f"s{i}", f"s{i}", 0, 1, 0) for i in range(4)]
    with pytest.raises(ValueError, match="4 controls"):
        Panel("test.many", "Many", sliders, lambda **_: (1, "a"), figure, readout, height=200)


async def all_is_drawn():
    """Wait until every figure that was asked for is drawn, however long that takes."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)


def test_with_a_running_loop_the_line_follows_at_once_and_the_figure_at_intervals():
    drawn = []

    async def drag():
        made = make(drawn=drawn)
        await asyncio.sleep(redraw.FIGURE_INTERVAL)
        drawn.clear()
        start = asyncio.get_running_loop().time()
        for number, offset in itertools.product((0, 1, 2, 3, 4, 5), (0, 1, 2, 3, 4)):
            made.controls["number"].value = number
            made.controls["offset"].value = offset
            assert made.readout == f"sum {number + offset}, word a"
            await asyncio.sleep(0.01)
        seconds = asyncio.get_running_loop().time() - start
        await all_is_drawn()
        return seconds

    seconds = asyncio.run(drag())
    assert drawn[-1] == (9, "a"), "the figure must end on the last move"
    assert 2 <= len(drawn) <= seconds / redraw.FIGURE_INTERVAL + 2


def test_with_a_running_loop_set_draws_at_once():
    drawn = []

    async def program():
        made = make(drawn=drawn)
        made.controls["number"].value = 1
        made.set(number=2)
        assert drawn[-1] == (2, "a")
        count = len(drawn)
        await all_is_drawn()
        assert len(drawn) == count, "the figure that a hand had asked for is drawn already"

    asyncio.run(program())


class Slow:
    """A panel whose figure, once it is being drawn, waits until it may go on."""

    def __init__(self):
        self.began, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()
        self.panel = Panel(
            "test.slow", "A line", (Slider("number", "number", 0, 9, 3),), self.model, self.figure, str, height=9
        )
        assert self.panel.readout == "(3, 'a')"

    def model(self, number):
        return model(number, "a", 0)

    def figure(self, result):
        self.began.set()
        assert self.may_end.wait(PATIENCE)
        return figure(result)

    async def move_until_it_draws(self, number):
        self.may_end.clear()
        self.began.clear()
        self.panel.controls["number"].value = number
        await asyncio.to_thread(self.began.wait, PATIENCE)

    async def finish(self):
        self.may_end.set()
        await all_is_drawn()


def test_a_move_is_answered_while_a_figure_is_drawn():
    async def drag():
        slow = Slow()
        await slow.move_until_it_draws(4)
        slow.panel.controls["number"].value = 5
        assert slow.panel.readout == "(5, 'a')"
        assert "(3, 'a')" in slow.panel.view
        await slow.finish()
        assert "(5, 'a')" in slow.panel.view

    asyncio.run(drag())


def test_an_error_is_not_covered_by_an_older_figure_nor_by_an_older_error():
    async def drag(first, then):
        slow = Slow()
        await slow.move_until_it_draws(first)
        slow.panel.controls["number"].value = then
        await slow.finish()
        return slow.panel

    made = asyncio.run(drag(4, 7))
    assert isinstance(made.error, ZeroDivisionError)
    assert "seven is not possible" in made.view
    made = asyncio.run(drag(8, 5))
    assert made.error is None
    assert made.readout == "(5, 'a')"
    assert "(5, 'a')" in made.view


def test_set_is_not_followed_by_an_older_figure():
    async def program():
        slow = Slow()
        await slow.move_until_it_draws(4)
        slow.may_end.set()
        slow.panel.set(number=5)
        await slow.finish()
        assert "(5, 'a')" in slow.panel.view

    asyncio.run(program())


def test_a_loop_that_has_ended_holds_no_figure_back():
    """A kernel that is busy with a cell takes moves in another thread, with a loop of its own."""

    async def move(made, number):
        made.controls["number"].value = number

    async def move_and_wait(made, number):
        await move(made, number)
        await all_is_drawn()

    made = make()
    ended = asyncio.new_event_loop()
    ended.run_until_complete(move(made, 4))
    asyncio.run(move_and_wait(made, 5))
    assert "sum 5, word a" in made.view
    for task in asyncio.all_tasks(ended):
        task.cancel()
    ended.run_until_complete(asyncio.sleep(0))
    ended.close()


def test_the_view_is_one_node_with_a_labelled_svg_in_a_place_that_is_there_before():
    made = make()
    node = made._view
    assert "aspect-ratio:730/200" in node.value
    made.set(number=5)
    assert made._view is node
    assert "aspect-ratio:730/200" in node.value
    assert made.view in node.value
    assert re.match(r'<svg role="img" style="[^"]*max-width:100%[^"]*" .*?><title>A &lt;line&gt;. sum 5', made.view)
    assert made.view.endswith("</svg>")
    assert "<style" not in made.view, "a style sheet inside inline SVG applies to the whole page"
    assert 'aria-live="polite"' in made._line_view.value


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


def test_a_late_figure_is_marked_until_it_is_there(monkeypatch):
    monkeypatch.setattr(redraw, "PATIENCE", 0.01)

    def is_late(panel):
        return "workbook-late" in panel._box._dom_classes

    async def drag():
        slow = Slow()
        assert not is_late(slow.panel)
        await slow.move_until_it_draws(4)
        while not is_late(slow.panel):
            await asyncio.sleep(0.01)
        slow.panel.controls["number"].value = 5
        assert is_late(slow.panel)
        await slow.finish()
        assert not is_late(slow.panel)
        slow.panel.controls["number"].value = 7  # an error comes at once
        assert not is_late(slow.panel)

    asyncio.run(drag())


def test_a_model_that_holds_up_the_loop_is_late_too(monkeypatch):
    monkeypatch.setattr(redraw, "PATIENCE", 0.01)
    late = threading.Event()

    def held_up(number):
        made._box.observe(lambda change: late.set(), names="_dom_classes")
        assert late.wait(PATIENCE)
        return number, "a"

    made = Panel("test.held", "A line", (Slider("number", "number", 0, 9, 3),), held_up, figure, readout, height=9)
    assert made.readout == "sum 3, word a"
    assert "workbook-late" not in made._box._dom_classes


def test_what_is_in_time_is_not_spoken_of():
    said = []
    lateness = redraw.Lateness(said.append)
    for _ in range(3):
        lateness.begin()
    lateness.end()
    lateness.end()
    assert said == []


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


@pytest.fixture
def outputs(monkeypatch):
    """Collect what is shown, and each change of it, as a kernel would send it."""
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    publisher = CapturingDisplayPublisher()
    monkeypatch.setattr(shell, "display_pub", publisher)
    yield publisher.outputs
    InteractiveShell.clear_instance()


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


def test_corners_reach_every_end_and_choice():
    corners = make().corners()
    assert {(c["number"], c["word"], c["offset"]) for c in corners} == {
        (0, "a", 0),
        (9, "a", 0),
        (3, "a", 0),
        (3, "b", 0),
        (3, "a", 5),
    }


def test_pyplot_is_never_imported():
    code = (
        "import sys; from workbook.lessons import convolution as lesson; lesson.explore()._ipython_display_(); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_look_does_not_leak():
    import matplotlib as mpl

    before = mpl.rcParams["svg.hashsalt"]
    with drawing.look("inside"):
        assert mpl.rcParams["svg.hashsalt"] == "inside"
    assert mpl.rcParams["svg.hashsalt"] == before


def test_a_look_waits_for_the_look_of_another_thread():
    import matplotlib as mpl

    before = mpl.rcParams["svg.hashsalt"]
    entered = threading.Event()

    def another():
        with drawing.look("another"):
            entered.set()
            time.sleep(0.05)
            assert mpl.rcParams["svg.hashsalt"] == "another"

    thread = threading.Thread(target=another)
    thread.start()
    entered.wait(PATIENCE)
    with drawing.look("ours"):
        thread.join()
        assert mpl.rcParams["svg.hashsalt"] == "ours"
    assert mpl.rcParams["svg.hashsalt"] == before
