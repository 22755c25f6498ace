"""JupyterHub for a class on one machine: TEACHING.md says how to start it.

Each learner is a Unix user of the group `learners`, logs in with that password, and finds a copy of the workbook in the
own home, which nobody else can read. A learner's processes are limited, so that one cannot take the machine from all.
"""

import os
import pwd
import resource
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyterhub.spawner import LocalProcessSpawner

from workbook.tools.lab import kept_options

MEMORY = 3 << 30  # bytes of each process; lesson 6 takes about one
PROCESSES = 300  # of each learner, threads included; a kernel has about 20
IDLE = 3600  # seconds after which a kernel ends that no page is open on
HERE = shlex.quote(str(Path(sys.executable).parent))  # where the programs of this Python are

for _folder in Path(os.path.realpath(sys.executable)).parents:
    if not _folder.stat().st_mode & 0o001:
        sys.exit(f"{_folder} is closed to learners, so they cannot run {sys.executable}: take /usr/bin/python3")

c: Any = get_config()  # type: ignore[name-defined]  # noqa: F821


class Limited(LocalProcessSpawner):
    """A server with limits that its learner cannot lift."""

    def make_preexec_fn(self, name: str) -> Callable[[], None]:
        """Return what runs in the new process before the server does: the limits first, while it is still root's."""
        become = super().make_preexec_fn(name)

        def begin() -> None:
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES, PROCESSES))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.umask(0o077)
            become()

        return begin


def close_home(spawner: LocalProcessSpawner) -> None:
    """Let nobody else look into the learner's home."""
    Path(pwd.getpwnam(spawner.user.name).pw_dir).chmod(0o700)


c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.JupyterHub.authenticator_class = "pam"
c.LocalAuthenticator.allowed_groups = {"learners"}
c.PAMAuthenticator.open_sessions = False

c.JupyterHub.spawner_class = Limited
c.Spawner.pre_spawn_hook = close_home
c.Spawner.cmd = ["sh", "-c", f'{HERE}/workbook start && exec {HERE}/jupyterhub-singleuser "$@"', "sh"]
c.Spawner.args = [f"--{name}={value}" for name, value in kept_options().items()]
c.Spawner.args += [f"--MappingKernelManager.cull_idle_timeout={IDLE}"]
c.Spawner.notebook_dir = "~/my-workbook"
c.Spawner.default_url = "/lab/tree/00_start_here.ipynb"
c.Spawner.environment = {"JUPYTER_CONFIG_PATH": str(Path(__file__).parent)}
c.Spawner.start_timeout = 180  # a class begins all at once
c.Spawner.http_timeout = 180
