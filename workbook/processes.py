"""Computes many things at once, in processes that end with this one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from typing import TypeVar

from kernels.cores import cores

Task = TypeVar("Task")
Result = TypeVar("Result")


def in_processes(
    compute: Callable[[Task], Result], tasks: Sequence[Task], jobs: int | None = None
) -> Iterator[tuple[int, Result]]:
    """Yield (place of a task, what `compute` makes of it), each as soon as it is there.

    After Ctrl-C, what is under way ends and is yielded too, and then the interrupt is raised.

    Parameters
    ----------
    compute : function
        One of a module, since other processes find it by its name.
    tasks : sequence
    jobs : int, optional
        Processes; as many as there are cores. With one of them, or of tasks, it is this process that computes.

    Raises
    ------
    concurrent.futures.process.BrokenProcessPool
        If a process dies.
    """
    workers = min(jobs or cores(), len(tasks))
    if workers <= 1:
        yield from ((place, compute(task)) for place, task in enumerate(tasks))
        return
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_with_parent)
    try:
        with _interrupts_held():
            waiting = {pool.submit(compute, task): place for place, task in enumerate(tasks)}
        try:
            for future in as_completed(list(waiting)):
                yield waiting[future], future.result()
                del waiting[future]
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)  # what is under way ends, and is kept
            yield from ((place, future.result()) for future, place in waiting.items() if not future.cancelled())
            raise
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """Let this process end when its parent does; it would wait for the next task for ever."""

    def watch(parent: BaseProcess) -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, args=(parent_process(),), daemon=True).start()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Keep Ctrl-C for the end of the block. Processes that it starts never get one: their parent ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
