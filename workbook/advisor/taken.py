"""Loads a network with the programs that an analysis takes, layer by layer."""

from __future__ import annotations

import json
import os
from pathlib import Path

from workbook.advisor.programs import AUTO, BYTES, network
from workbook.errors import CommandError
from workbook.network import Network, load


def load_taken(model: str | os.PathLike[str], report: str | os.PathLike[str], *, threads: int | None = None) -> Network:
    """Load a model with the program of each layer that a report of `workbook analyze --json` takes.

    Parameters
    ----------
    model : path
        The file that was analyzed; or, if the report takes bytes, the one that `--save` wrote.
    report : path
    threads : int, optional

    Raises
    ------
    CommandError
        If the report is of another model, or none.
    ModelError, OSError
        As `workbook.network.load` raises them.
    """
    try:
        plan = {layer["name"]: layer["take"] for layer in json.loads(Path(report).read_text())["layers"]}
    except (ValueError, LookupError, TypeError):
        raise CommandError(f"{report} is no report of `workbook analyze --json`") from None
    net = load(model, threads=threads)
    missing = plan.keys() - {node.name for node in net.graph.nodes}
    if missing and BYTES not in plan.values():
        raise CommandError(f"{report} is of another model: {model} has no layer {sorted(missing)[0]!r}")
    if set(plan.values()) <= {AUTO}:
        return net
    return network(net.graph, {name: program for name, program in plan.items() if program != BYTES}, threads)
