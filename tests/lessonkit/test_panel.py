"""Panels without a browser: moves, errors, and what stands on the page."""

import re

import numpy as np
import pytest
from made_panel import figure, make, readout

from workbook.lessonkit.panel import Panel, Slider
from workbook.lessonkit.panel_outputs import line_html


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
    assert made._line_view.value == line_html(made.readout)


def test_corners_reach_every_end_and_choice():
    corners = make().corners()
    assert {(c["number"], c["word"], c["offset"]) for c in corners} == {
        (0, "a", 0),
        (9, "a", 0),
        (3, "a", 0),
        (3, "b", 0),
        (3, "a", 5),
    }
