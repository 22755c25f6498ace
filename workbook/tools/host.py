"""What shows the notebooks, by the variables that it sets for what it starts, and what it cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Host:
    """A program or a service that shows notebooks.

    Attributes
    ----------
    name : str
    signs : tuple of str
        Each a variable, or a variable and its value, as NAME or NAME=value; one of them is enough.
    is_lab : bool
        Whether its pages are JupyterLab's, with widgets from this environment.
    widgets : tuple of int
        The major versions of ipywidgets that its pages understand, the best first.
    lacks : str
        What it cannot do, or what is not known of it; empty if all is well.
    todo : str
    """

    name: str
    signs: tuple[str, ...]
    is_lab: bool = True
    widgets: tuple[int, ...] = (8, 7)
    lacks: str = ""
    todo: str = ""

    @property
    def page(self) -> str:
        """What a panel would be seen in."""
        return "JupyterLab" if self.is_lab else self.name

    def is_here(self, environment: Mapping[str, str]) -> bool:
        """Whether one of the signs is in an environment."""
        parted = (sign.partition("=") for sign in self.signs)
        return any(name in environment and value in ("", environment[name]) for name, _, value in parted)


NONE = Host("none, but a terminal", ())

# Binder is a JupyterHub, too, so it comes first.
HOSTS = (
    Host(
        "Google Colab",
        ("COLAB_RELEASE_TAG",),
        is_lab=False,
        widgets=(7,),
        lacks="its folder is gone when the machine is, and nobody has tried the workbook there",
        todo="keep the ipywidgets that it has, and copy your notebooks and .scoreboard.json to your Drive",
    ),
    Host(
        "Binder",
        ("BINDER_LAUNCH_HOST",),
        lacks="its folder is gone soon after you leave, and others use the same machine, so times jump",
        todo="download your notebooks and .scoreboard.json before you leave",
    ),
    Host("JupyterHub", ("JUPYTERHUB_USER",)),
    Host(
        "VS Code",
        ("VSCODE_PID", "TERM_PROGRAM=vscode"),
        is_lab=False,
        lacks="nobody has tried the workbook there, only on a page of the same form",
        todo="where a panel does not move after its cell has run, use workbook lab",
    ),
    Host("Jupyter", ("JPY_SESSION_NAME", "JPY_PARENT_PID")),
)


def host_of(environment: Mapping[str, str]) -> Host:
    """Return the first host that has a sign in an environment, or none."""
    return next((host for host in HOSTS if host.is_here(environment)), NONE)
