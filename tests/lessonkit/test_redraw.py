"""Panels in a running loop: when the line follows, when the figure, and what is said meanwhile."""

import asyncio
import itertools
import threading

from interrupting import PATIENCE
from made_panel import all_is_drawn, figure, make, model, readout

from workbook.lessonkit import redraw
from workbook.lessonkit.panel import Panel, Slider


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
    notice = redraw.LateNotice(said.append)
    for _ in range(3):
        notice.begin()
    notice.end()
    notice.end()
    assert said == []
