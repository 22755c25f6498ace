"""The command, called from tests: in this process, or as a learner does."""

from __future__ import annotations

import sys
from pathlib import Path

from click.testing import CliRunner, Result

from workbook.cli import main

COMMAND = Path(sys.executable).with_name("workbook")


def run(*arguments: object) -> Result:
    """Run the command in this process; an exception that is not an exit is a failure of the command."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def assert_one_line_error(result: Result, *parts: str) -> None:
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    for part in parts:
        assert part in result.stderr
