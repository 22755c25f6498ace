"""Controls: what they stand at, what they take, and what they show."""

import numpy as np
import pytest

from workbook.lessonkit.controls import Choice, Slider, Steps

WHOLE = Slider("row", "row", 0, 9, 3)
EIGHTHS = Slider("a", "a", 0.125, 3, 1, 0.125)
LANES = Steps("lanes", "multipliers", (64, 128, 8192), 128)
CHANNELS = Choice("channels", "channels", (32, 64, 1024), 64)
WORDS = Choice("word", "a word", ("a", "b"), "a")
each = pytest.mark.parametrize("control", [WHOLE, EIGHTHS, LANES, CHANNELS, WORDS], ids=lambda control: control.name)


@each
def test_a_widget_stands_at_the_default_and_takes_every_value(control):
    widget = control.widget()
    assert widget.value == control.default
    for value in control.values:
        widget.value = value
        assert widget.value == value
        assert control.check(value) == value
    assert set(control.corners()) <= set(control.values)


@each
def test_labels_are_whole_and_tooltips_say_something(control):
    widget = control.widget()
    assert widget.description == widget.tooltip == control.label
    assert widget.style.description_width == "initial"


@pytest.mark.parametrize(
    ("control", "texts"),
    [
        (WHOLE, ["0", "9"]),
        (EIGHTHS, ["0.125", "3.000"]),
        (LANES, ["64", "8,192"]),
        (CHANNELS, ["32", "1,024"]),
        (WORDS, ["a", "b"]),
    ],
)
def test_the_page_shows_real_values(control, texts):
    assert [control.shown(control.values[i]) for i in (0, -1)] == texts


def test_a_page_s_rounding_is_not_sent_back():
    """An answer in the middle of a drag would set the slider back."""
    widget = EIGHTHS.widget()
    widget.value = almost = 1.8749999999999998
    assert widget.value == almost
    assert EIGHTHS.settled(almost) == 1.875


def test_a_number_that_is_typed_between_two_steps_becomes_the_nearer():
    widget = EIGHTHS.widget()
    for typed, stands in ((0.625, 0.625), (0.6, 0.625), (0.55, 0.5), (99, 3)):
        widget.value = typed
        assert widget.value == stands


@pytest.mark.parametrize(
    ("control", "value", "taken"),
    [
        (WHOLE, np.int64(4), 4),
        (EIGHTHS, 0.625, 0.625),
        (EIGHTHS, 2, 2.0),
        (LANES, 8192.0, 8192),
        (CHANNELS, 64, 64),
        (CHANNELS, "64", 64),
        (CHANNELS, "1024", 1024),
        (CHANNELS, "1,024", 1024),
    ],
)
def test_takes_the_value_in_any_sensible_form(control, value, taken):
    found = control.check(value)
    assert found == taken
    assert type(found) is type(taken)


@pytest.mark.parametrize(
    ("control", "value", "words"),
    [
        (WHOLE, 10, "row takes a whole number from 0 to 9, not 10"),
        (WHOLE, 2.5, "a whole number"),
        (WHOLE, float("nan"), "not nan"),
        (EIGHTHS, 0.6, "a takes a multiple of 0.125 from 0.125 to 3, not 0.6"),
        (EIGHTHS, True, "not True"),
        (LANES, 7, "lanes takes one of 64, 128, 8192, not 7"),
        (LANES, None, "not None"),
        (CHANNELS, np.array([64]), "not array"),
        (WORDS, 1, "word takes one of 'a', 'b', not 1"),
        (WORDS, ["a"], "not ..a.."),
    ],
)
def test_refuses_the_rest_and_says_what_there_is(control, value, words):
    with pytest.raises(ValueError, match=words):
        control.check(value)
