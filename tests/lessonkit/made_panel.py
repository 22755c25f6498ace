"""A small panel that the tests of panels move: seven is an error of its model, eight one of its figure."""

import asyncio

from matplotlib.figure import Figure

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


async def all_is_drawn():
    """Wait until every figure that was asked for is drawn, however long that takes."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)
