"""Ctrl-C ends every command where it waits, at once, whichever thread the system hands the signal to."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
import pytest
from command_line import COMMAND
from interrupting import descendants, ended, interrupt_another_thread, started, until

from workbook.tools.start import start

pytestmark = pytest.mark.usefixtures("nothing_left")

ENDLESS = "from pathlib import Path\nPath('running').touch()\nwhile True: pass"
WAITS = {
    "a lock": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "an event": "threading.Event().wait()",
    "a condition": "condition = threading.Condition(); condition.acquire(); condition.wait()",
    "a queue": "queue.Queue().get()",
    "a simple queue": "queue.SimpleQueue().get()",
    "a future": "futures.Future().result()",
    "futures": "list(futures.as_completed([futures.Future()]))",
    "a thread": "thread = threading.Thread(target=time.sleep, args=(900,), daemon=True); thread.start(); thread.join()",
    "a child": "child = subprocess.Popen(['sleep', '900']); atexit.register(child.kill); child.wait()",
    "a child's output": "subprocess.run(['sleep', '900'], capture_output=True)",
    "a child's output, for a time": "subprocess.run(['sleep', '900'], capture_output=True, timeout=900)",
    "a socket": "ends = socket.socketpair(); ends[0].recv(1)",
    "an event loop": "asyncio.run(asyncio.sleep(900))",
    "sleep": "time.sleep(900)",
}
PRELUDE = """
import asyncio, atexit, os, queue, socket, subprocess, sys, threading, time
from concurrent import futures
from workbook.interrupts import reach_the_main_thread
reach_the_main_thread()
print(flush=True)
"""


@pytest.mark.parametrize("wait", WAITS)
def test_every_kind_of_wait_ends(wait: str) -> None:
    code = f"{PRELUDE}\ntry: {WAITS[wait]}\nexcept KeyboardInterrupt: sys.exit('interrupted')"
    with started(sys.executable, "-c", code) as process:
        assert process.stdout
        process.stdout.readline()
        until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_SLEEPING, process)
        interrupt_another_thread(process)
        assert ended(process, []) == (1, "", "interrupted")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_what_is_ignored_stays_ignored(number: int) -> None:
    code = PRELUDE + "os.kill(os.getpid(), int(sys.argv[1]))\ntime.sleep(0.5)\nprint('went on')"
    with started(sys.executable, "-c", code, number.value, ignored=number) as process:
        assert ended(process, []) == (0, "\nwent on\n", "")


@pytest.mark.parametrize(
    ("command", "end"),
    [
        *((command, interrupt_another_thread) for command in ("check", "report", "render", "validate")),
        ("check", subprocess.Popen.terminate),
    ],
)
def test_a_notebook_that_runs(command: str, end: Callable[..., None], tmp_path: Path) -> None:
    folder = tmp_path / "my workbook"
    start(folder)
    notebook = folder / "00_start_here.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(ENDLESS)]), notebook)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    options = [folder, "--output", tmp_path / "index.html"] if command == "report" else [notebook]
    with started(COMMAND, command, *options) as process:
        until((folder / "running").exists, process)
        children = descendants(process)
        assert children
        end(process)
        code, _, err = ended(process, children)
    assert (code, err) == (1, "Aborted!")
    (folder / "running").unlink()
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert list(tmp_path.iterdir()) == [folder]


def test_a_sweep_on_processes(tmp_path: Path) -> None:
    vary = f"dram_gbs={','.join(map(str, range(1, 65)))}"
    command = [COMMAND, "sweep", "x1", "--network", "resnet50", "--vary", vary, "--output", tmp_path, "--jobs", 2]
    with started(*command) as process:
        until((tmp_path / "rows.jsonl").exists, process)
        until((tmp_path / "rows.jsonl").read_text, process)
        children = descendants(process)
        interrupt_another_thread(process)
        assert ended(process, children) == (1, "", "Aborted!")
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]
    assert (tmp_path / "rows.jsonl").read_text().endswith("}\n")


def test_the_processes_of_a_sweep_end_with_it(tmp_path: Path) -> None:
    vary = f"dram_gbs={','.join(map(str, range(1, 65)))}"
    command = [COMMAND, "sweep", "x1", "--network", "resnet50", "--vary", vary, "--output", tmp_path, "--jobs", 2]
    with started(*command) as process:
        until((tmp_path / "rows.jsonl").exists, process)
        until((tmp_path / "rows.jsonl").read_text, process)
        children = descendants(process)
        process.kill()
        assert ended(process, children)[0] == -signal.SIGKILL


class TestLab:
    def test_that_serves(self, tmp_path: Path) -> None:
        with started(COMMAND, "lab", tmp_path / "a", "--no-browser") as process:
            assert process.stdout
            assert "written" in process.stdout.readline()
            assert "(Ctrl-C ends it)" in process.stdout.readline()
            children = descendants(process)
            interrupt_another_thread(process)
            assert ended(process, children) == (0, f"\nended     your work is in {tmp_path / 'a'}\n", "")

    def test_in_the_background_it_says_what_ends_it(self, tmp_path: Path) -> None:
        with started(COMMAND, "lab", tmp_path / "a", "--no-browser", ignored=signal.SIGINT) as process:
            assert process.stdout
            assert "written" in process.stdout.readline()
            assert f"(kill {process.pid} ends it)" in process.stdout.readline()
            children = descendants(process)
            process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
            process.terminate()
            assert ended(process, children) == (0, f"\nended     your work is in {tmp_path / 'a'}\n", "")
