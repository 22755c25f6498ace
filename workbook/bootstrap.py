"""Makes the environment that everything else runs in: `.venv`, the package in it, its kernels compiled.

    python3 -I workbook/bootstrap.py [EXTRA ...]        an extra is one of pyproject.toml's: test, peers

It runs before anything is installed, so it needs Python alone, and any Python 3.6 can read it as far as the line that
says which one is needed. A step prints one line; what stops it prints one line that says what to do. What has been done
is written down in `.venv/workbook.json`, so that a second call does nothing, and an interrupted one goes on.
"""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path


def too_old(version: str) -> str:
    """Say that this Python will not do, and which one would."""
    newer = [name for name in ("python3.14", "python3.13", "python3.12", "python3.11") if shutil.which(name)]
    example = newer[0] if newer else "/path/to/python3.12"
    return f"Python 3.11 or newer is needed, this is {version}; set PYTHON, for example: make lab PYTHON={example}"


if sys.version_info < (3, 11):  # noqa: UP036  an older Python gets this far, and must be told
    sys.exit(too_old(".".join(map(str, sys.version_info[:2]))))

import tomllib  # noqa: E402  Python 3.11 has it

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
BUILD = ROOT / "build"
STAMP = VENV / "workbook.json"
LOG = VENV / "install.log"
ZIG_CC = ROOT / "workbook" / "zig_cc.py"
LEAST = {"GCC": 11, "clang": 14}  # GCC 11 is the first that knows x86-64-v3 and x86-64-v4

# What a line in the output of pip means; the first that is found decides.
_CAUSES = (
    (
        ("No space left on device", "Disk quota exceeded"),
        "The disk is full: about 2 GB are needed.",
    ),
    (
        ("NewConnectionError", "Failed to establish a new connection", "NameResolutionError", "ProxyError", "SSLError"),
        "The package index cannot be reached: check the network, or name a mirror in PIP_INDEX_URL.",
    ),
    (
        ("ConnectTimeoutError", "ReadTimeoutError", "Read timed out", "ProtocolError"),
        "The package index does not answer: try again, or name a mirror in PIP_INDEX_URL.",
    ),
    (
        ("ninja: build stopped", "meson-logs"),
        "The kernels do not compile.",
    ),
)
_GET_ONE = "; on Debian and Ubuntu: apt install gcc libc6-dev"
_OR_ZIG = "; or, on any system: pip install 'edge-ai-workbook[compiler]'"
_COMPILER_ERROR = re.compile(r"^\S+\.(pyx|pxd|h|c):\d+:\d+: .*$", re.MULTILINE)


class SetupError(Exception):
    """What stops the bootstrap: one line that says what to do."""


def explain(output: str) -> str:
    """Turn what a failed command printed into one line."""
    for signs, meaning in _CAUSES:
        if any(sign in output for sign in signs):
            place = _COMPILER_ERROR.search(output)
            return f"{meaning} {place.group()}." if place else meaning
    errors = [line for line in output.splitlines() if line.startswith("ERROR: ")]
    return errors[0].removeprefix("ERROR: ") if errors else "That failed."


def check_python() -> None:
    """Find out before starting whether this Python can make an environment and compile for itself."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise SetupError(
            f"This is the free-threaded Python {version}, for which the kernels are not made; "
            f"set PYTHON to the ordinary one, for example: make lab PYTHON=python{version}"
        )
    get_one = "on Debian and Ubuntu: apt install python"
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        raise SetupError(f"Python's venv module is missing; {get_one}{version}-venv") from None
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        raise SetupError(f"Python's headers (Python.h) are missing; {get_one}{version}-dev")


def find_compiler() -> list[str]:
    """Return the command of a C compiler that builds the kernels: what CC names, or else the system's, or ziglang's.

    Raises
    ------
    SetupError
        If there is none; it says what is wrong with the one that would have been the first choice.
    """
    return list(_find_compiler(os.environ.get("CC", ""), os.environ.get("PATH", "")))


@cache
def _find_compiler(named: str, path: str) -> tuple[str, ...]:
    if named:
        check_compiler(shlex.split(named), "; or name another one in CC")
        return tuple(shlex.split(named))
    candidates = [[name] for name in ("cc", "gcc", "clang") if shutil.which(name, path=path)]
    if find_spec("ziglang"):
        candidates.append([sys.executable, "-P", str(ZIG_CC)])
    wrong = [SetupError(f"There is no C compiler{_GET_ONE}{_OR_ZIG}")]
    for command in candidates:
        try:
            check_compiler(command, _OR_ZIG)
        except SetupError as error:
            wrong.append(error)
        else:
            return tuple(command)
    raise wrong[1 if len(wrong) > 1 else 0]


def check_compiler(command: list[str], otherwise: str) -> None:
    """Raise a SetupError unless the kernels can be built with this compiler; `otherwise` ends what it says."""
    name, get_one = " ".join(command), _GET_ONE + otherwise
    if not shutil.which(command[0]):
        raise SetupError(f"There is no C compiler {name}{get_one}")
    asked = subprocess.run(
        [*command, "-E", "-P", "-"], input="__GNUC__ __clang_major__", capture_output=True, text=True
    )
    gcc, _, clang = asked.stdout.strip().partition(" ")
    kind, version = ("clang", clang) if clang.isdigit() else ("GCC", gcc)
    if asked.returncode == 0 and (not version.isdigit() or int(version) < LEAST[kind]):
        needed = " or ".join(f"{kind} {number}" for kind, number in LEAST.items())
        raise SetupError(f"{needed} or newer is needed, but the compiler {name} is {kind} {version}{get_one}")
    with tempfile.TemporaryDirectory() as folder:
        program = "#include <stdlib.h>\nint main(void) { return 0; }"
        compile_it = [*command, "-x", "c", "-", "-o", str(Path(folder, "a.out"))]
        if subprocess.run(compile_it, input=program, capture_output=True, text=True).returncode:
            raise SetupError(f"The C compiler {name} cannot compile an empty program{get_one}")


def say(step: str, text: str) -> None:
    """Print the line of one step."""
    print(f"{step:<9} {text}", flush=True)


def run(command: list[str], **variables: str) -> str:
    """Run a command, the environment's tools first in its PATH; show on a terminal what it is at, log all it says."""
    environment = dict(os.environ, PATH=f"{PYTHON.parent}{os.pathsep}{os.environ.get('PATH', '')}", **variables)
    environment.pop("PYTHONPATH", None)
    width = shutil.get_terminal_size().columns - 1
    start = time.monotonic()
    lines = []
    with subprocess.Popen(
        command, env=environment, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                lines.append(line)
                if sys.stdout.isatty():
                    now = f"{'':<9} {time.monotonic() - start:3.0f} s  {line.strip()}"
                    print(f"\r\033[K{now[:width]}", end="", flush=True)
        except KeyboardInterrupt:  # which the command need not have got
            process.terminate()
            raise
    if sys.stdout.isatty():
        print("\r\033[K", end="", flush=True)
    with LOG.open("a", encoding="utf-8") as log:
        log.writelines([f"$ {shlex.join(command)}\n", *lines])
    output = "".join(lines)
    if process.returncode:
        raise SetupError(f"{explain(output)} All that was said is in {LOG.relative_to(ROOT)}")
    return output


def pip(*arguments: str, **variables: str) -> None:
    """Run the environment's pip."""
    options = ["--disable-pip-version-check", "--no-input", "--progress-bar=off", "--retries=2"]
    run([str(PYTHON), "-m", "pip", *arguments, *options], **variables)


def read_stamp() -> dict[str, object]:
    """Return what an earlier call wrote down, or nothing."""
    try:
        return dict(json.loads(STAMP.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def make_venv(done: dict[str, object], venv: dict[str, str]) -> None:
    """Make `.venv` from nothing; what was built for another Python or in another folder goes with it."""
    if done.get("folder", venv["folder"]) != venv["folder"]:
        say("moved", f"this folder was {done['folder']}; .venv is made again")
    say("venv", f".venv, with Python {sys.version.split()[0]}")
    shutil.rmtree(VENV, ignore_errors=True)
    shutil.rmtree(BUILD, ignore_errors=True)
    base = getattr(sys, "_base_executable", sys.executable)  # not the one in the .venv that was just removed
    made = subprocess.run([base, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if made.returncode:
        raise SetupError(f"Python could not make .venv: {(made.stderr or made.stdout).strip().splitlines()[-1]}")


def install(project: bytes, extras: list[str], compiler: list[str] | None) -> None:
    """Install the package so that its sources stay where they are; the build tools come first, without isolation.

    Without a compiler, that of the extra named so is one of the tools.
    """
    settings = tomllib.loads(project.decode())
    tools = list(settings["build-system"]["requires"])
    variables = {}
    if compiler is None:
        tools += (tool for tool in settings["project"]["optional-dependencies"]["compiler"] if tool not in tools)
        compiler = [str(PYTHON), "-P", str(ZIG_CC)]
        variables["AR"] = shlex.join([str(PYTHON), "-m", "ziglang", "ar"])
    say("tools", ", ".join(tools))
    pip("install", *tools)
    check_compiler(compiler, "")
    variables["CC"] = shlex.join(compiler)
    target = f".[{','.join(extras)}]" if extras else "."
    say("install", f"{target} and what it needs, compiling the kernels; this takes some minutes")
    pip("install", "--no-build-isolation", "--editable", target, **variables)


def compile_changes() -> None:
    """Compile what has changed since; importing would do it too, but silently."""
    for folder in BUILD.glob("*/build.ninja"):
        ninja = [str(PYTHON.with_name("ninja")), "-C", str(folder.parent)]
        if "no work to do" not in run([*ninja, "-n"]):
            say("compile", "what has changed in the kernels")
            run(ninja)


def bootstrap(extras: set[str]) -> None:
    """Bring `.venv` up to date: do what has not been done yet."""
    done = read_stamp()
    venv = {"python": f"{sys.version} in {sys.base_prefix}", "folder": str(ROOT)}
    project = (ROOT / "pyproject.toml").read_bytes()
    installed = done.get("extras", [])
    assert isinstance(installed, list)
    extras = extras | set(installed)
    named = os.environ.get("CC") or done.get("compiler", "")
    wanted = {**venv, "pyproject": hashlib.sha256(project).hexdigest(), "extras": sorted(extras), "compiler": named}
    built = PYTHON.exists() and BUILD.exists()
    if built and done == wanted:
        compile_changes()
        return
    check_python()
    compiler = None
    try:
        compiler = find_compiler()
    except SetupError as error:
        if os.environ.get("CC"):
            raise
        say("compiler", f"ziglang's. {str(error).partition(';')[0]}")
        extras |= {"compiler"}
        wanted["extras"] = sorted(extras)
    if not built or any(done.get(key) != value for key, value in venv.items()):
        make_venv(done, venv)
        STAMP.write_text(json.dumps(venv), encoding="utf-8")
    elif done.get("compiler", "") != named:
        say("compiler", f"{named}; what another one made is made again")
        STAMP.write_text(json.dumps(venv), encoding="utf-8")
        for folder in BUILD.glob("cp*"):
            shutil.rmtree(folder)
    install(project, sorted(extras), compiler)
    STAMP.write_text(json.dumps(wanted), encoding="utf-8")
    say("ready", ".venv")


def main() -> None:
    """Make the environment, with the extras named on the command line."""
    try:
        bootstrap(set(sys.argv[1:]))
    except SetupError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{error.filename or ROOT}: {error.strerror}")
    except KeyboardInterrupt:
        sys.exit("Interrupted; the next call goes on from here")


if __name__ == "__main__":
    main()
