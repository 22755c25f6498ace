"""Exercises in which the learner writes a kernel: compiled, checked in a process of its own, and timed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from workbook.lessonkit.exercise import NOT_ATTEMPTED, Outcome, WrongKindError, correct, describe, not_yet
from workbook.lessonkit.kernel_build import NoCompilerError, RefusedError, build
from workbook.lessonkit.kernel_trial import Trial, try_kernel
from workbook.measuring import timing

MAGIC = "%%kernel"

_OF_PROSE = re.compile(r'"""(?s:.*?)"""|#.*')  # what says something to people, not to the compiler


@dataclass(frozen=True)
class KernelMistake:
    """A wrong kernel that people do write, and words that only its message contains."""

    name: str
    answer: str
    says: str


@dataclass(frozen=True)
class KernelExercise:
    """One exercise whose cell begins with `%%kernel ID` and holds Cython.

    Attributes
    ----------
    id : str
        Such as "1.4".
    stub : str
        The learner's text as it is found; three dots stand for what to write.
    solution : str
    head : str
        What is compiled before the learner's text. It has `run`, which takes the addresses and sizes of a
        `kernel_problem.Problem`, and `least`, which returns the smallest sizes that the kernel can work on.
    task : Path
        A file with what `kernel_problem.KernelTask` asks for.
    what : str
        What one of the task's problems is, in the plural.
    before, ours : str
        The rung before, and the project's kernel, as the task's `rivals` name them.
    gain : float
        How many times faster than the rung before it must be.
    too_slow : str
        What to think about if it is not.
    hints : tuple of str
        Each tells more.
    mistakes : tuple of KernelMistake
    """

    id: str
    stub: str
    solution: str
    head: str
    task: Path
    what: str
    before: str
    ours: str
    gain: float
    too_slow: str
    hints: tuple[str, ...]
    mistakes: tuple[KernelMistake, ...]

    @property
    def cell(self) -> str:
        """The learner's cell as the notebook has it."""
        return f"{MAGIC} {self.id}\n{self.stub}"

    @property
    def solved_cell(self) -> str:
        """The learner's cell with the solution filled in."""
        return f"{MAGIC} {self.id}\n{self.solution}"

    def check(self, answer: object) -> Outcome:
        """Compile a text, and judge and time what it does; never raises, and an interrupt is an outcome too."""
        try:
            outcome = self._judged(answer)
        except WrongKindError as message:
            outcome = Outcome("error", str(message))
        except NoCompilerError as missing:
            outcome = Outcome("not attempted", f"{missing}. Reading on needs no compiler.")
        except RefusedError as said:
            outcome = Outcome("error", f"it does not compile\n{said}")
        except KeyboardInterrupt:
            outcome = Outcome("error", "you interrupted it, and it was ended")
        return replace(outcome, exercise=self.id)

    def _judged(self, answer: object) -> Outcome:
        if answer is ...:
            return NOT_ATTEMPTED
        if not isinstance(answer, str):
            raise WrongKindError(f"a cell that begins with {MAGIC} {self.id} is asked for, you gave {describe(answer)}")
        if "..." in _OF_PROSE.sub("", answer):
            return NOT_ATTEMPTED
        trial = try_kernel(build(self.head, answer), self.task, self.before)
        if trial.failure:
            return not_yet(trial.failure)
        gain = trial.rates["yours"] / trial.rates[self.before]
        bits = "to the bit" if trial.same_bits else "within the bound of what rounding may do"
        right = f"it computes {trial.problems} {self.what} as the definition does, {bits}"
        if gain < self.gain:
            verdict: Callable[[str], Outcome] = not_yet
            right += f"; but it is less than {self.gain:g} x as fast as {self.before}: {self.too_slow}"
        else:
            verdict = correct
        return verdict("\n".join((right, *self._rates(trial))))

    def _rates(self, trial: Trial) -> list[str]:
        """A line for each kernel that was timed, the learner's first."""
        lines = [
            f"{name:<14}{timing.measured(rate, 'GMAC/s', 8)}"
            f"{timing.measured(100 * rate / trial.peak, '% of the peak', 9)}"
            for name, rate in trial.rates.items()
        ]
        share = trial.rates["yours"] / trial.rates[self.ours]
        return [*lines, f"[machine] yours reaches {share:.0%} of {self.ours}, our kernel", *trial.trust]
