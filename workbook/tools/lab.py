"""Serves JupyterLab on the learner's copy: on loopback, with a token, without a question about news.

Works as root, in a container and without a display too; there it opens no browser, and the address is enough.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from socket import create_connection
from urllib.parse import quote, urlsplit

import zmq

from workbook.errors import CommandError

_START_SECONDS = 60  # a cold disk takes its time
_STOP_SECONDS = 10  # for the kernels to end

# What JupyterLab does unless the learner has set it otherwise: no question about news, no look for a newer version.
_SETTINGS = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
# Where these are installed, every server loads them, and they print of themselves; a learner's own needs none of them.
_SERVER_PARTS = (
    "voila.server_extension",
    *(
        f"nbgrader.server_extensions.{name}"
        for name in ("assignment_list", "course_list", "formgrader", "validate_assignment")
    ),
)
_PAGE_PARTS = ("@voila-dashboards/jupyterlab-preview", "@jupyter/nbgrader")  # their buttons would do nothing
_SERVER = {"ServerApp": {"jpserver_extensions": dict.fromkeys(_SERVER_PARTS, False)}}
_PAGE = {"disabledExtensions": dict.fromkeys(_PAGE_PARTS, True)}


@dataclass(frozen=True)
class Server:
    """A running JupyterLab.

    Attributes
    ----------
    url : str
        Its root, such as http://127.0.0.1:8888/.
    token : str
        Lets a browser in.
    process : subprocess.Popen
        The server itself.
    """

    url: str
    token: str
    process: subprocess.Popen[bytes]

    def address(self, notebook: str | None = None, view: str = "lab/tree") -> str:
        """Return what to open in a browser, to land in JupyterLab or in one of its notebooks.

        Parameters
        ----------
        notebook : str, optional
            Its file.
        view : str
            What shows it: "lab/tree", or "notebooks" for Notebook 7, where that is installed.
        """
        return f"{self.url}{f'{view}/{quote(notebook)}' if notebook else 'lab'}?token={self.token}"

    def stop(self) -> None:
        """Let the server end its kernels and itself, within reason; signals make it print, or leave kernels behind."""
        url = urlsplit(self.url)
        connection = HTTPConnection(url.netloc, timeout=_STOP_SECONDS)
        with closing(connection), suppress(OSError, HTTPException):  # it may have ended by itself
            connection.request("POST", f"{url.path}api/shutdown", headers={"Authorization": f"token {self.token}"})
            connection.getresponse()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_STOP_SECONDS)


def can_show_browser() -> bool:
    """Whether a browser would open where the learner sees it: there is a display, and no container or root shell."""
    display = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    container = any(Path(sign).exists() for sign in ("/.dockerenv", "/run/.containerenv"))
    return display and not container and os.geteuid() != 0


def kept_options() -> dict[str, str]:
    """Return the options of a Jupyter server that the workbook sets wherever it serves."""
    options = {"HTMLExporter.filters": "clean_html=workbook.tools.sanitized_html.clean"}
    if zmq.has("curve"):
        options["KernelManager.transport_encryption"] = "auto"  # or each kernel warns of a network that it never uses
    return options


@contextmanager
def serving(
    folder: Path,
    *,
    first: str | None = None,
    browser: bool = False,
    port: int | None = None,
    everywhere: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run JupyterLab on a folder as long as the context lasts.

    Parameters
    ----------
    folder : Path
        Its root: JupyterLab shows nothing above it.
    first : str, optional
        The notebook that the browser opens on.
    browser : bool
        Open one.
    port : int, optional
        8888 or, if that is taken, the next free one.
    everywhere : bool
        Listen on every address and not on loopback alone: a container's port is reached from outside of it.
    environment : mapping of str to str, optional
        What JupyterLab and its kernels see beside the environment of this process.

    Raises
    ------
    CommandError
        If the server ends before it serves.
    """
    options: dict[str, str | bool | int] = {
        "ServerApp.ip": "0.0.0.0" if everywhere else "127.0.0.1",
        "ServerApp.root_dir": str(folder.resolve()),
        "ServerApp.open_browser": browser,
        "ServerApp.allow_root": True,
        "Application.log_level": "ERROR",
        "LabApp.default_url": f"/lab/tree/{quote(first)}" if first else "/lab",
        **kept_options(),
    }
    if port is not None:
        options |= {"ServerApp.port": port, "ServerApp.port_retries": 0}
    command = [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as private:
        Path(private, "labconfig").mkdir()
        for name, content in (
            ("labconfig/default_setting_overrides.json", _SETTINGS),
            ("labconfig/page_config.json", _PAGE),
            ("jupyter_server_config.json", _SERVER),
        ):
            Path(private, name).write_text(json.dumps(content), encoding="utf-8")
        token = secrets.token_hex(24)  # ours, or Jupyter would print a page about its own
        variables = {
            **os.environ,
            **(environment or {}),
            "JUPYTER_TOKEN": token,
            "JUPYTER_RUNTIME_DIR": private,
            "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, [private, os.environ.get("JUPYTER_CONFIG_PATH")])),
        }
        # A group of its own: Ctrl-C reaches this process alone, which then ends the server in one way.
        process = subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, process_group=0)
        try:
            server = Server(_wait_for(process, Path(private)), token, process)
            try:
                yield server
            finally:
                server.stop()
        finally:
            process.kill()  # does nothing to one that has ended
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], runtime: Path) -> str:
    """Wait until the server has written down its address, which is before it listens, and listens; return it."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise CommandError(
                f"JupyterLab ended with exit code {process.returncode} before it served; its reason is above"
            )
        for written in runtime.glob("jpserver-*.json"):
            with suppress(ValueError, ConnectionRefusedError):  # not yet whole, not yet open
                server = json.loads(written.read_text(encoding="utf-8"))
                create_connection(("127.0.0.1", server["port"]), timeout=1).close()
                return f"{'https' if server['secure'] else 'http'}://127.0.0.1:{server['port']}{server['base_url']}"
        time.sleep(0.05)
    raise CommandError(f"JupyterLab did not start within {_START_SECONDS} s")
