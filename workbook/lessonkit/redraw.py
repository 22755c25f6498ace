"""When and where a panel draws: soon after a move, seldom enough for a kernel, and beside its event loop.

A kernel answers one message after the other, on that loop, and a move of a control is a message: one that came while a
figure is drawn would wait for it. So a figure is drawn in another thread, and shown from the loop.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

FIGURE_INTERVAL = 0.12  # s; the eye follows eight figures a second, and a kernel can draw them
PATIENCE = 0.3  # s that something may take before it is called late
REST = 0.6  # s without a move, after which a hand is taken to rest


class Redraw:
    """Draws at most every FIGURE_INTERVAL seconds, the last time after the last request.

    Without a running event loop nothing could be shown later: it draws at once. A kernel that is busy with a cell takes
    moves in another thread, on a loop that may end with the cell; so each loop that asks gets a task of its own.

    Parameters
    ----------
    draw : function
        Draws what is to be seen at this moment, in any thread, and returns a function that shows it.
    delay : float
        Seconds that pass after a request, and after each that comes meanwhile, before it draws.
    """

    def __init__(self, draw: Callable[[], Callable[[], None]], delay: float = 0.0) -> None:
        self._draw, self._delay = draw, delay
        self._task: asyncio.Task[None] | None = None
        self._asked = False
        self._due_at = 0.0  # by the monotonic clock, as
        self._free_at = 0.0

    def __call__(self) -> None:
        """Draw soon."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.now()
            return
        self._asked, self._due_at = True, time.monotonic() + self._delay
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._task = loop.create_task(self._run())

    def now(self) -> None:
        """Draw at once. What is under way is older, and will not be shown."""
        self._task = None
        self._draw()()

    async def _run(self) -> None:
        task = asyncio.current_task()
        while self._asked:
            while (wait := max(self._due_at, self._free_at) - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            if self._task is not task:
                return
            self._asked, self._free_at = False, time.monotonic() + FIGURE_INTERVAL
            show = await asyncio.to_thread(self._draw)
            if self._task is not task:
                return
            show()


class LateNotice:
    """Says that something is late, once it has taken PATIENCE.

    From a thread of its own, since what is late may hold up the kernel's loop. What is in time is not spoken of, which
    spares the page two messages a move.

    Parameters
    ----------
    say : function
        Called with True when it is late, and with False when it has come after that.
    """

    def __init__(self, say: Callable[[bool], object]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._late = False

    def begin(self) -> None:
        """Count from now on."""
        with self._lock:
            self._stop()
            self._timer = threading.Timer(PATIENCE, self._expired)
            self._timer.daemon = True
            self._timer.start()

    def end(self) -> None:
        """Count no longer."""
        with self._lock:
            self._stop()
            if self._late:
                self._late = False
                self._say(False)

    def _stop(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _expired(self) -> None:
        with self._lock:
            if threading.current_thread() is self._timer and not self._late:
                self._late = True
                self._say(True)
