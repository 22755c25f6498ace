"""Computes the rows of a sweep, on local processes or on a Dask cluster, and keeps each as soon as it is there.

The rows lie in a file, one JSON line each with the key of its task. A sweep that was interrupted, or is run again with
more machines, computes only what is not there.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from workbook.accelerator.sweep_rows import Row, Task, compute
from workbook.errors import CommandError
from workbook.files import write_whole
from workbook.processes import in_processes

_RETRIES = 3  # of a task that failed; one whose worker was lost goes to another by itself
CONNECT_SECONDS = 10  # for the scheduler to answer
JOIN_SECONDS = 30  # for the first of its workers to be there
_RESUME = "The rows that were done are kept: run it again to resume"


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
        need this package, of the same version.
    on_row : function, optional
        Called for each row, those that were kept included.

    Raises
    ------
    CommandError
        If Dask is not installed, its scheduler does not answer or has no workers, or processes die; what is done is
        kept.
    """
    keys = [task.key for task in tasks]
    times = Counter(keys)
    rows = _kept(kept)
    missing = {key: task for key, task in zip(keys, tasks, strict=True) if key not in rows}
    for key in keys:
        if key not in missing:
            on_row()
    if missing:
        results = _on_cluster(missing, scheduler) if scheduler else _here(missing, jobs)
        with kept.open("a", encoding="utf-8") as file:
            for key, row in results:
                rows[key] = row
                file.write(json.dumps({"key": key, **asdict(row)}) + "\n")
                file.flush()
                for _ in range(times[key]):
                    on_row()
    return [rows[key] for key in keys]


def _kept(path: Path) -> dict[str, Row]:
    """The rows that are there. A last line that a crash cut off is dropped from the file."""
    if not path.exists():
        return {}
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    rows = {}
    names = {field.name for field in fields(Row)}
    for line in whole.splitlines():
        try:
            values = json.loads(line)
            key = values.pop("key")
        except (ValueError, KeyError, AttributeError, TypeError):
            raise CommandError(f"{path} is no file of a sweep: move it away, or name another output") from None
        if set(values) == names:  # else of another version of this program: computed anew
            rows[key] = Row(**values)
    if whole != content:
        write_whole(path, whole)
    return rows


def _here(missing: Mapping[str, Task], jobs: int | None) -> Iterator[tuple[str, Row]]:
    keys = list(missing)
    try:
        yield from ((keys[place], row) for place, row in in_processes(compute, list(missing.values()), jobs))
    except BrokenProcessPool:
        raise CommandError(
            f"A process of the sweep died, perhaps for lack of memory; try --jobs 1. {_RESUME}"
        ) from None


def _on_cluster(missing: Mapping[str, Task], address: str) -> Iterator[tuple[str, Row]]:
    """Let a cluster compute; a task whose worker is lost goes to another one."""
    with _client(address) as client:
        from dask.distributed import as_completed as completed

        futures = {
            client.submit(compute, task, key=f"workbook-{key}", retries=_RETRIES, pure=True): key
            for key, task in missing.items()
        }
        try:
            client.wait_for_workers(1, timeout=JOIN_SECONDS)
            for future in completed(list(futures), loop=client.loop):
                yield futures[future], future.result()
        except TimeoutError:
            start = f"dask worker {address}"
            raise CommandError(f"The Dask scheduler at {address} has no workers; start one: {start}") from None
        except Exception as error:  # whatever a worker or the connection to it raised
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            raise CommandError(f"The cluster at {address} could not compute a row: {what}. {_RESUME}") from error
        finally:
            client.cancel(list(futures))


@contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        from dask.distributed import Client
    except ImportError:
        raise CommandError("--scheduler needs Dask: pip install 'edge-ai-workbook[cluster]'") from None
    if address.startswith("http"):  # of its dashboard, perhaps; Dask would try it for long
        raise CommandError(f"no Dask scheduler answers at {address}: its address begins with tcp:// or tls://")
    # In a thread that Ctrl-C does not meet: a client that is half made cannot be closed.
    connecting = ThreadPoolExecutor(1).submit(Client, address, timeout=CONNECT_SECONDS, set_as_default=False)
    try:
        client = connecting.result()
    except (OSError, TypeError, ValueError) as error:  # TypeError: tls without a certificate
        raise CommandError(f"no Dask scheduler answers at {address}: {error}") from None
    except KeyboardInterrupt:
        connecting.add_done_callback(lambda made: made.exception() or made.result().close())
        raise
    log = logging.getLogger("tornado.application")
    log.addFilter(_is_no_cancelled_wait)
    try:
        yield client
    finally:
        client.close()
        log.removeFilter(_is_no_cancelled_wait)


def _is_no_cancelled_wait(record: logging.LogRecord) -> bool:
    """Whether a message is another than Dask's own about a wait that Ctrl-C has ended before it began."""
    return "sync.<locals>.cancel" not in record.getMessage()
