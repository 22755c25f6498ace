"""The panel of lesson 5: which controls move which model, and how it is shown."""

from __future__ import annotations

from workbook.lessonkit.controls import Choice, Slider
from workbook.lessonkit.panel import Panel
from workbook.lessons.streaming import figures, load_figure, model, random_load


def camera() -> Panel[model.Explored]:
    """Choose a batch and what it costs; see how old frames become, for every batch, and why."""
    return Panel(
        name="streaming.camera",
        title="The age of the oldest frame over the batch, and when each frame arrives, waits and is computed",
        controls=(
            Slider("batch", "batch", 1, model.MOST, 8),
            Slider("fixed_ms", "ms a batch", 0, 80, 10),
            Slider("frame_ms", "ms a frame", 1, 40, 5),
        ),
        advanced=(
            Slider("period_ms", "camera, ms", 5, 100, 33),
            Choice("policy", "policy", tuple(model.POLICIES), model.FULL),
        ),
        model=model.explored,
        figure=figures.explored_figure,
        readout=figures.explored_readout,
        height=355,
    )


def load() -> Panel[random_load.Loaded]:
    """Choose how busy the service is and how frames come; see how old they are at their results."""
    return Panel(
        name="streaming.load",
        title="The age of a frame at its result over the load, by how frames come",
        controls=(
            Slider("load", "busy, %", 10, 99, 70),
            Slider("computed_ms", "ms a frame", 1, 50, 20),
            Choice("stream", "frames", tuple(random_load.STREAMS), random_load.RANDOM),
        ),
        model=random_load.loaded,
        figure=load_figure.load_figure,
        readout=load_figure.load_readout,
        height=346,
    )
