"""Computes the rows of a sweep, on local processes or on a Dask cluster, and keeps each as soon as it is there.

The rows lie in a file, one JSON line each with the key of its task. A sweep that was interrupted, or is run again with
more machines, computes only what is not there.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, fields
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from workbook.errors import CommandError
from workbook.files import write_whole
from workbook.hardware.sweep import Row, Task, compute

_RETRIES = 3  # of a task that failed; one whose worker was lost goes to another by itself
_CONNECT = 10  # seconds


def run(
    tasks: Sequence[Task],
    kept: Path,
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    on_row: Callable[[], None] = lambda: None,
) -> list[Row]:
    """Compute the rows of all tasks that are not kept yet, and return all of them in the order of the tasks.

    Parameters
    ----------
    tasks : sequence of Task
    kept : Path
        The file of rows; each is added as soon as it is there, so an interrupt loses none.
    jobs : int, optional
        Local processes; as many as this one may use cores.
    scheduler : str, optional
        Address of a Dask scheduler, such as tcp://host:8786: its workers compute in place of local processes. They
        need this package.
    on_row : function, optional
        Called for each row, those that were kept included.

    Raises
    ------
    CommandError
        If Dask is not installed or its scheduler does not answer.
    """
    rows = _kept(kept)
    missing = {task.key: task for task in tasks if task.key not in rows}
    for task in tasks:
        if task.key not in missing:
            on_row()
    if missing:
        results = _on_cluster(missing, scheduler) if scheduler else _here(missing, jobs)
        with kept.open("a", encoding="utf-8") as file:
            for key, row in results:
                rows[key] = row
                file.write(json.dumps({"key": key, **asdict(row)}) + "\n")
                file.flush()
                for task in tasks:
                    if task.key == key:
                        on_row()
    return [rows[task.key] for task in tasks]


def _kept(path: Path) -> dict[str, Row]:
    """The rows that are there. A last line that an interrupt cut off is dropped from the file."""
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        write_whole(path, whole.encode())
    rows = {}
    names = {field.name for field in fields(Row)}
    for line in whole.splitlines():
        try:
            values = json.loads(line)
            key = values.pop("key")
        except (ValueError, KeyError, AttributeError):
            raise CommandError(f"{path} is no file of a sweep: move it away, or name another output") from None
        if set(values) == names:  # of another version of this program: computed anew
            rows[key] = Row(**values)
    return rows


def _ignore_interrupt() -> None:
    """Ctrl-C reaches every process of the terminal; the parent ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _here(missing: Mapping[str, Task], jobs: int | None) -> Iterator[tuple[str, Row]]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = min(jobs or cores, len(missing))
    if workers == 1:
        yield from ((key, compute(task)) for key, task in missing.items())
        return
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_ignore_interrupt)
    try:
        futures = {pool.submit(compute, task): key for key, task in missing.items()}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        from dask.distributed import Client
    except ImportError:
        raise CommandError("--scheduler needs Dask: pip install 'edge-ai-workbook[cluster]'") from None
    try:
        client = Client(address, timeout=_CONNECT, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise CommandError(f"no Dask scheduler answers at {address}: {error}") from None
    try:
        yield client
    finally:
        client.close()


def _on_cluster(missing: Mapping[str, Task], address: str) -> Iterator[tuple[str, Row]]:
    """Let a cluster compute; a task whose worker is lost goes to another one."""
    with _client(address) as client:
        from dask.distributed import as_completed as completed

        futures = {
            client.submit(compute, task, key=f"workbook-{key}", retries=_RETRIES, pure=True): key
            for key, task in missing.items()
        }
        try:
            for future in completed(list(futures)):
                yield futures[future], future.result()
        finally:
            client.cancel(list(futures))
