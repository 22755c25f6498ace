"""What there is to learn, in order: the one place that knows titles, minutes, objectives, panels and exercises.

The README, the command line and the tests read it. A new lesson is a new entry, a package with the four rooms (model,
figures, panels, exercises) and a notebook.
"""

from __future__ import annotations

from dataclasses import dataclass

HEADINGS = (
    "Setup",
    "Guess first",
    "The idea",
    "In code",
    "Explore",
    "Measure it here",
    "Where it breaks",
    "Exercises",
    "Keep",
)


@dataclass(frozen=True)
class Guess:
    """What a lesson asks for before it measures.

    Attributes
    ----------
    about : str
        What is guessed, as the scoreboard names it.
    result : str
        The name of the result that answers it.
    answers : tuple of str
        Ids of the cells whose outputs give it away: a learner's copy comes without these outputs.
    """

    about: str
    result: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Lesson:
    """One notebook and the package behind it.

    Attributes
    ----------
    number : int
        Its place in the workbook.
    package : str
        The folder below `workbook`.
    title : str
    question : str
        What the learner can answer at the end.
    minutes : int
        For reading, exploring and the exercises, by the rule of `docs/teaching.py`.
    objectives : tuple of str
        Each completes "you can ...".
    panels : tuple of str
        Names of the functions in the package's `panels` module.
    exercises : tuple of str
        Titles, in order; the ids are 1.1, 1.2, ...
    sections : tuple of str
        Headings below the title, in order; every lesson but the first has the same.
    file : str
        The notebook's name after the number; the package's if empty.
    guess : Guess, optional
    """

    number: int
    package: str
    title: str
    question: str
    minutes: int
    objectives: tuple[str, ...]
    panels: tuple[str, ...]
    exercises: tuple[str, ...]
    sections: tuple[str, ...] = HEADINGS
    file: str = ""
    guess: Guess | None = None

    @property
    def name(self) -> str:
        """The notebook's file name without `.ipynb`, such as "01_convolution"."""
        return f"{self.number:02d}_{self.file or self.package}"

    @property
    def heading(self) -> str:
        """The notebook's first line."""
        return f"# {self.number} · {self.title}"

    @property
    def headings(self) -> tuple[str, ...]:
        """The headings that the notebook has, in this order."""
        return self.heading, *(f"## {heading}" for heading in self.sections)

    @property
    def exercise_ids(self) -> tuple[str, ...]:
        """Such as ("1.1", "1.2", "1.3")."""
        return tuple(f"{self.number}.{i}" for i in range(1, len(self.exercises) + 1))

    @property
    def panel_names(self) -> tuple[str, ...]:
        """Such as ("convolution.window",)."""
        return tuple(f"{self.package}.{panel}" for panel in self.panels)


LESSONS: tuple[Lesson, ...] = (
    Lesson(
        number=0,
        package="start_here",
        title="Start here",
        question="What are the four tools, and what can one core of this machine do at most?",
        minutes=25,
        objectives=(
            "say what each of the four tools promises, in the words of the field",
            "read a measured number, and tell it from one that is computed",
            "find on a roofline whether a layer waits for memory or for the multiply-add units",
        ),
        panels=("roof",),
        exercises=("Bound a layer",),
        sections=("Setup", "The idea", "The roofline", "Exercise", "The scoreboard"),
    ),
    Lesson(
        number=1,
        package="convolution",
        title="Convolution",
        question="What does a convolution layer compute, and why do two programs that compute the same differ so much?",
        minutes=95,
        objectives=(
            "compute one output pixel of a convolution by hand",
            "count the multiply-adds of a layer from its sizes",
            "write a kernel, and say which ceiling each step of it breaks",
            "tell when the count of multiply-adds does not predict the time",
        ),
        panels=("window", "filters"),
        exercises=(
            "Compute a value",
            "Complete a function",
            "Decide under a budget",
            "Write a kernel",
            "Write a tile",
        ),
        guess=Guess("the fastest program over plain Python", "convolution.ladder.gain", ("measure",)),
    ),
    Lesson(
        number=2,
        package="winograd",
        title="Winograd's algorithm",
        question="Fewer multiplications for the same 3x3 layer: where do they go, and what is left of the gain?",
        minutes=90,
        objectives=(
            "compute two outputs of a filter with four multiplications, and say why the result is the same",
            "derive the matrices of a tile from points, and count what a tile saves and what its transforms cost",
            "predict for a layer whether a larger tile makes it faster",
            "choose a tile and its points for a type of number and an error that is allowed",
        ),
        panels=("layer", "points"),
        exercises=(
            "Predict a gain",
            "Build the matrices",
            "Decide under a budget",
            "Split a stride",
            "Write a transform",
        ),
        guess=Guess(
            "the fastest Winograd over the definition, 64 channels of 56x56", "winograd.best.at56", ("measure",)
        ),
    ),
    Lesson(
        number=3,
        package="quantization",
        title="INT8 quantization",
        question="A trained network on bytes alone: what does it lose, what does it gain, and when is the gain none?",
        minutes=70,
        objectives=(
            "turn numbers into bytes with a scale and a zero point, and compute a layer on bytes alone",
            "say why one scale for a layer can ruin a network, and how it is rescued",
            "choose how many images, and which range, a calibration needs",
            "say how Winograd's algorithm stays exact on bytes, and when it does not",
            "predict which layers become faster in INT8, and which do not",
        ),
        panels=("grid", "activations", "winograd"),
        exercises=("Take the zero point out", "Undo the wrap", "Stay within a loss"),
        file="int8_quantization",
        guess=Guess("the denoiser in INT8 over float32", "quantization.network.denoiser", ("time",)),
    ),
    Lesson(
        number=4,
        package="hardware",
        title="Flexible hardware",
        question="What does hardware gain that is reconfigured between layers, and what may a switch cost?",
        minutes=75,
        objectives=(
            "read a mapping as the loop nest that it is, and choose what stays in registers",
            "compare flexible hardware with the strongest fixed datapath, and see through a weak opponent",
            "say from which time of a switch on reconfiguration never pays, and what memory, area and batch do to that",
            "choose a machine for a network under budgets, where several are right",
        ),
        panels=("layer", "switch", "pays", "design"),
        exercises=("Choose what stays", "Complete a function", "Decide under budgets"),
        file="flexible_hardware",
        guess=Guess(
            "the fastest layer over the slowest, in multiply-adds a second", "hardware.core.spread", ("measure",)
        ),
    ),
    Lesson(
        number=5,
        package="streaming",
        title="Batch 1 for real time",
        question="A camera and a deadline: how many frames at once give the fastest answer?",
        minutes=65,
        objectives=(
            "compute how old a frame is at its result, from the camera, the service and the batch",
            "say what a batch shares, and which layers gain from it",
            "measure latency as a camera sees it, and see through a benchmark that waits for each answer",
            "tell when batch 1 fails, and choose a batch, a policy or another tool",
        ),
        panels=("camera", "load"),
        exercises=("The age of a frame", "The best batch", "From light to the arm"),
        file="batch1_streaming",
        guess=Guess("the age of the first of eight frames over a frame alone", "streaming.wait.batch8", ("compare",)),
    ),
    Lesson(
        number=6,
        package="analysis",
        title="Your network",
        question="Which of the four tools helps your network, by how much, here and on hardware made for it?",
        minutes=60,
        objectives=(
            "measure what each tool leaves of a network's time, one on top of the other",
            "say why gains do not multiply, and find the best mix of programs layer by layer",
            "analyze your own ONNX file, and read its report",
            "choose tools under limits of rate, latency, accuracy and power",
        ),
        panels=("tools", "scenario"),
        exercises=("Combine two gains", "Complete a function", "Decide under a budget"),
        file="your_network",
        guess=Guess(
            "the denoiser with all tools over a matrix product",
            "analysis.denoiser.best",
            ("measure", "measure-denoiser", "layers-denoiser", "breaks-verdicts", "keep-scoreboard"),
        ),
    ),
)


def lesson(name: str) -> Lesson:
    """Return the lesson of a notebook's or a package's name.

    Raises
    ------
    ValueError
        If there is none; the message lists those there are.
    """
    for entry in LESSONS:
        if name in (entry.name, entry.package):
            return entry
    raise ValueError(f"no lesson {name!r}; there are {', '.join(entry.name for entry in LESSONS)}")
