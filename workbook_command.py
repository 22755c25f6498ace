"""The entry of the command `workbook`, outside of the package so that it can tell why the package does not import.

That is a foreign `kernels` package, an instruction set in KERNELS_ISA that this CPU lacks, or, in a developer's clone,
a kernel that does not compile.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; what keeps the package from being imported is said without a traceback."""
    try:
        from workbook.interrupts import reach_the_main_thread

        reach_the_main_thread()
        from workbook.cli import main as command

        command()
    except KeyboardInterrupt:  # while the package was imported; later the command itself says so
        sys.exit("Aborted!")
    except ImportError as error:
        sys.exit("\n".join([f"Error: {error}", *getattr(error, "__notes__", ())]))
