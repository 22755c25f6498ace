"""Ends what a learner's function never would: an endless loop, on whatever kernel and in whatever thread it is called.

The function runs in a thread of its own, which is told to stop when its time is over. One that does not listen, because
it sleeps or catches everything, is left behind: it ends with the kernel.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

_Result = TypeVar("_Result")

_TELLINGS, _PATIENCE = 3, 0.3  # times that a thread is told to stop; seconds that it then has


class TooLongError(Exception):
    """The time was over."""


class _Stop(BaseException):
    """Ends the thread; not an Exception, which learners' functions catch."""


def run_within(seconds: float, function: Callable[[], _Result]) -> _Result:
    """Return what a function returns, and raise what it raises.

    Parameters
    ----------
    seconds : float
        The time that it may take.
    function : function
        Without arguments.

    Raises
    ------
    TooLongError
        If it takes longer.
    """
    returned: list[_Result] = []
    raised: list[BaseException] = []

    def work() -> None:
        try:
            returned.append(function())
        except BaseException as error:  # raised again by the caller
            raised.append(error)

    thread = threading.Thread(target=copy_context().run, args=(work,), name="answer", daemon=True)
    thread.start()
    try:
        thread.join(seconds)
        is_over = thread.is_alive()
    finally:  # after Ctrl-C too
        _end(thread)
    if is_over:
        raise TooLongError
    if raised:
        raise raised[0]
    return returned[0]


def _end(thread: threading.Thread) -> None:
    for _ in range(_TELLINGS):
        if not thread.is_alive():
            break
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Stop))
        thread.join(_PATIENCE)
