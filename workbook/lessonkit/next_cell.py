"""Puts code into a cell of the notebook where its page can do that; elsewhere prints it."""

from __future__ import annotations

import ast
import os
import sys
from typing import Any

_SESSION = "JPY_SESSION_NAME"  # Jupyter's server sets it for the kernel of a page; what runs a file alone does not


def fill_cell(code: str) -> None:
    """Show code as a cell.

    In JupyterLab or Jupyter Notebook a cell that holds one call alone, the one that led here, becomes the code. A cell
    that holds more keeps it, and the code comes into a new one below. Where no page is known to listen it is printed.
    """
    shell = _shell()
    if shell is None:
        print(code)
    else:
        shell.set_next_input(code, replace=_is_one_call(shell))


def _shell() -> Any:
    """Return IPython's shell if it runs for a page of Jupyter's server; None if not."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell if os.environ.get(_SESSION) and hasattr(shell, "kernel") else None


def _is_one_call(shell: Any) -> bool:
    """Whether the cell that runs holds nothing else, no comment either: nothing is lost if it is replaced."""
    try:
        code = str(shell.get_parent()["content"]["code"])
        body = ast.parse(code).body
        is_call = len(body) == 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Call)
        return is_call and "#" not in code
    except (KeyError, TypeError, SyntaxError):
        return False
