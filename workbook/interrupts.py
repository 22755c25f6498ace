"""Ctrl-C ends a command at once, wherever it waits.

Python turns a signal into KeyboardInterrupt in the main thread alone, and only once that one is awake. The system may
hand the signal to another thread, or to the main one just before it falls asleep: then it sleeps on, until the lock,
the child or the socket that it waits for is there. So a thread listens for signals and wakes the main one, which leaves
every wait as it is, those of libraries too.
"""

from __future__ import annotations

import os
import signal
import threading
import time

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_WAKE = signal.SIGURG  # a signal that nothing else here uses, and that does nothing but to wake
_TIMES, _EVERY = 10, 0.1  # s between two; the main thread may have been just before its wait at the first


def reach_the_main_thread() -> None:
    """Treat a request to end and a closed terminal like Ctrl-C, and wake the main thread for each.

    What is ignored stays so: nohup and a shell that runs a job in the background ask for it. Call it in the main
    thread, once a process.
    """
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    signal.signal(_WAKE, lambda *_: None)
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    threading.Thread(target=_wake, args=(heard, threading.get_ident()), name="interrupts", daemon=True).start()


def how_to_end() -> str:
    """Return what ends this process: "Ctrl-C", or "kill" and its number where that is ignored."""
    return f"kill {os.getpid()}" if signal.getsignal(signal.SIGINT) is signal.SIG_IGN else "Ctrl-C"


def _wake(heard: int, main: int) -> None:
    while numbers := os.read(heard, 1):
        if numbers[0] in ENDING:
            for _ in range(_TIMES):
                signal.pthread_kill(main, _WAKE)
                time.sleep(_EVERY)
