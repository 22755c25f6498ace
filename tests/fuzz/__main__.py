"""Hunts for layers, networks and files that fail: python -m tests.fuzz layers --cases 100000 --seed 1."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import click

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "kernels"), str(HERE.parent / "network")]

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the arrays are small

from hunt import Failed, hunt  # noqa: E402
from kinds import KINDS  # noqa: E402

WAIT = 0.5 if sys.stdout.isatty() else 30  # seconds from one line of progress to the next


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option("--cases", default=1000, show_default=True, type=click.IntRange(min=1), help="How many to try.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="The same seed: the same cases.")
def main(kind: str, cases: int, seed: int) -> None:
    """Try random cases; write those that fail, made small, to tests/fuzz/cases, where the tests find them.

    The exit code is 1 if one failed. Ctrl-C ends it.
    """
    start = shown = time.monotonic()
    tried, kept = 0, dict[Path, str]()

    def progress() -> None:
        rate = tried / max(time.monotonic() - start, 1e-9)
        line = f"{kind}: {tried} of {cases} cases, {rate:.0f}/s, {len(kept)} failures"
        print(f"\r{line}" if sys.stdout.isatty() else line, end="" if sys.stdout.isatty() else "\n", flush=True)

    try:
        for event in hunt(KINDS[kind], cases, seed):
            if isinstance(event, Failed):
                kept[event.keep(KINDS[kind])] = event.why
                print(f"\n{event.why}", flush=True)
            else:
                tried += event.new
            if time.monotonic() - shown > WAIT:
                shown = time.monotonic()
                progress()
    except KeyboardInterrupt:
        print("\nended by Ctrl-C")
    progress()
    print()
    for path, why in kept.items():
        print(f"{path.name}: {why.splitlines()[-1]}")
    sys.exit(bool(kept))


if __name__ == "__main__":
    main()
