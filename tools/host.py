"""Finds, installs, starts and stops the real ComfyUI that the demo and the tests run on.

    python tools/host.py install [--version 0.30.0]   one environment and the host's sources, in .host/
    python tools/host.py run     [--version 0.30.0]   start it with this pack and stay in the foreground
    python tools/host.py path                         print the folder of ComfyUI (--python: its Python)
    python tools/host.py needs   MODULE...            say which of these its Python cannot import

`COMFYUI_PATH` names a ComfyUI that you already have: it is used as it is, nothing is installed into it. Its
Python is `COMFYUI_PYTHON`, else the environment inside that folder, else the Python that runs this file.
`KMC_HOST_DIR` moves `.host/` elsewhere. Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import host_install
from host_install import DEFAULT_VERSION, VERSIONS, HostError

ROOT = Path(__file__).resolve().parents[1]
# The folder under custom_nodes/, a part of every URL of our web files: it must not follow the clone's name.
PACK_FOLDER = "kmc-motion-control"
BASE_FOLDERS = ("custom_nodes", "models", "input", "output", "temp", "user/default")
# Without it the page opens a template browser over the canvas.
PAGE_SETTINGS = {"Comfy.TutorialCompleted": True}
START_TIMEOUT_S = 240.0
STOP_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class HostPaths:
    """A ComfyUI that can be started: its source folder and the Python that has its requirements."""

    comfyui: Path
    python: Path
    own: bool  # False: the user's, named by COMFYUI_PATH


@dataclass(frozen=True)
class RunningHost:
    """A host that answers at `url`; `log` holds all that it printed."""

    url: str
    pid: int
    base: Path
    log: Path
    version: str


def host_folder() -> Path:
    """The git-ignored folder of everything that is installed."""
    return Path(os.environ.get("KMC_HOST_DIR") or ROOT / ".host").absolute()


def locate(version: str = DEFAULT_VERSION) -> HostPaths:
    """The host to use: the user's when COMFYUI_PATH is set, else the installed one. HostError if none is."""
    users = os.environ.get("COMFYUI_PATH")
    if users:
        return _users_host(Path(users).expanduser().absolute())
    folder = host_folder()
    comfyui, python = host_install.sources_folder(folder, version), host_install.environment_python(folder)
    if not (comfyui / "main.py").is_file() or not python.is_file():
        raise HostError(
            f"ComfyUI {version} is not installed in {folder}. "
            f"Run `python tools/host.py install --version {version}`, or set COMFYUI_PATH to your own."
        )
    return HostPaths(comfyui, python, own=True)


def _users_host(comfyui: Path) -> HostPaths:
    if not (comfyui / "main.py").is_file():
        raise HostError(
            f"COMFYUI_PATH is {comfyui}, which has no main.py: set it to the folder of ComfyUI that has one."
        )
    named = os.environ.get("COMFYUI_PYTHON")
    if named:
        return HostPaths(comfyui, Path(named).expanduser().absolute(), own=False)
    environments = [
        comfyui / "venv",
        comfyui / ".venv",
        comfyui / "python_embeded",
        comfyui.parent / "python_embeded",
    ]
    for environment in environments:
        for python in host_install.pythons_of(environment):
            if python.is_file():
                return HostPaths(comfyui, python, own=False)
    return HostPaths(comfyui, Path(sys.executable), own=False)


def find_device(paths: HostPaths) -> Literal["cpu", "accelerator"]:
    """What the host's torch can compute on. HostError when that Python has no torch."""
    probe = "import torch; print(torch.cuda.is_available() or torch.backends.mps.is_available() or "
    probe += "(hasattr(torch, 'xpu') and torch.xpu.is_available()))"
    try:
        found = subprocess.run(
            [str(paths.python), "-c", probe], capture_output=True, text=True, env=_environment()
        )
    except OSError as error:
        raise HostError(
            f"{paths.python} cannot be started ({error}): set COMFYUI_PYTHON to ComfyUI's Python."
        ) from error
    if found.returncode != 0:
        reason = (found.stderr.strip().splitlines() or ["no message"])[-1]
        raise HostError(
            f"{paths.python} cannot import torch ({reason}), so it cannot run {paths.comfyui}: "
            "set COMFYUI_PYTHON to the Python that starts your ComfyUI."
        )
    return "accelerator" if found.stdout.strip() == "True" else "cpu"


def require_modules(paths: HostPaths, modules: Sequence[str]) -> None:
    """HostError that names the modules which the host's Python lacks; our own environment has them all."""
    probe = "import sys, importlib.util as u; print(*(m for m in sys.argv[1:] if u.find_spec(m) is None))"
    command = [str(paths.python), "-c", probe, *modules]
    # Not from this folder, where everything of ours can be imported.
    found = subprocess.run(command, capture_output=True, text=True, env=_environment(), cwd=paths.comfyui)
    if lacking := ", ".join(found.stdout.split()):
        raise HostError(
            f"{paths.python} lacks {lacking}. Install what is missing there (pyproject.toml lists it), "
            "or unset COMFYUI_PATH to work with the environment in .host/."
        )


def prepare_base(base: Path, pack: Path = ROOT) -> None:
    """Make `base` a complete base directory of the host, with `pack` linked into its custom_nodes."""
    for name in BASE_FOLDERS:
        (base / name).mkdir(parents=True, exist_ok=True)
    settings = base / "user" / "default" / "comfy.settings.json"
    if not settings.exists():
        settings.write_text(json.dumps(PAGE_SETTINGS))
    link = base / "custom_nodes" / PACK_FOLDER
    if not link.exists():
        _link_folder(pack, link)


def _link_folder(target: Path, link: Path) -> None:
    if os.name == "nt":  # symbolic links need a privilege there, junctions do not
        subprocess.run(["cmd", "/c", "mklink", "/J", str(link), str(target)], check=True, capture_output=True)
    else:
        link.symlink_to(target, target_is_directory=True)


@contextlib.contextmanager
def running_host(
    base: Path | None = None,
    *,
    version: str = DEFAULT_VERSION,
    device: Literal["auto", "cpu"] = "auto",
    port: int | None = None,
    arguments: Sequence[str] = (),
) -> Iterator[RunningHost]:
    """Start the host with this pack, headless, and yield it once it answers; stop it at the end of the block.

    base: base directory, kept afterwards; a temporary one is used and deleted when not given.
    arguments: more command-line arguments for the host's main.py.
    """
    paths = locate(version)
    use_cpu = device == "cpu" or find_device(paths) == "cpu"
    with contextlib.ExitStack() as stack:
        if base is None:
            base = Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory(prefix="kmc-host-", ignore_cleanup_errors=True)
                )
            )
        prepare_base(base)
        port = port or _free_port()
        log = base / "host.log"
        command = start_command(paths, base, port, use_cpu, arguments)
        output = stack.enter_context(log.open("wb"))
        process = subprocess.Popen(
            command,
            cwd=paths.comfyui,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=_environment(),
        )
        stack.callback(_stop, process)
        url = f"http://127.0.0.1:{port}"
        stats = _wait_until_up(process, url, log)
        yield RunningHost(url, process.pid, base, log, stats["system"].get("comfyui_version", version))


def start_command(
    paths: HostPaths, base: Path, port: int, use_cpu: bool, arguments: Sequence[str]
) -> list[str]:
    """The command line that starts the host headless on 127.0.0.1."""
    command = [
        str(paths.python),
        "main.py",
        "--listen",
        "127.0.0.1",
        "--port",
        str(port),
        "--base-directory",
        str(base),
    ]
    command += [
        "--database-url",
        f"sqlite:///{(base / 'user' / 'comfyui.db').as_posix()}",
        "--disable-api-nodes",
    ]
    command += ["--disable-auto-launch", "--preview-method", "latent2rgb"]
    return [*command, *(["--cpu"] if use_cpu else []), *arguments]


def _environment() -> dict[str, str]:
    """Ours less PYTHONPATH: with the repository on it, our folder nodes/ would hide the host's module."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return environment | {"HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_up(process: subprocess.Popen, url: str, log: Path) -> dict:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never ask a proxy for 127.0.0.1
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise HostError(
                f"ComfyUI ended with code {process.returncode} while starting. Its last lines:\n{_tail(log)}"
            )
        try:
            with opener.open(f"{url}/system_stats", timeout=5) as answer:
                return json.load(answer)
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise HostError(f"ComfyUI did not answer within {START_TIMEOUT_S:.0f} s. Its last lines:\n{_tail(log)}")


def _stop(process: subprocess.Popen) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: Path, lines: int = 25) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _run(arguments: argparse.Namespace, more: list[str]) -> None:
    base = host_folder() / "base"
    with running_host(base, version=arguments.version, port=arguments.port, arguments=more) as host:
        print(f"ComfyUI {host.version} at {host.url} (log: {host.log}). Ctrl-C stops it.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)


def main() -> int:
    """The command line; errors are one message, never a traceback."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verb", choices=("install", "run", "path", "needs"))
    parser.add_argument(
        "--version", choices=sorted(VERSIONS), default=DEFAULT_VERSION, help="version of ComfyUI"
    )
    parser.add_argument("--port", type=int, default=8188, help="for run")
    parser.add_argument("--python", action="store_true", help="for path: print only the Python")
    arguments, more = parser.parse_known_args()
    if more and arguments.verb not in ("run", "needs"):
        parser.error(f"unknown arguments: {' '.join(more)}")
    try:
        if arguments.verb == "install":
            _install(arguments.version)
        elif arguments.verb == "run":
            _run(arguments, more)
        elif arguments.verb == "needs":
            require_modules(locate(arguments.version), more)
        else:
            paths = locate(arguments.version)
            print(paths.python if arguments.python else paths.comfyui)
    except HostError as error:
        print(f"host: {error}", file=sys.stderr)
        return 1
    return 0


def _install(version: str) -> None:
    if os.environ.get("COMFYUI_PATH"):
        paths = locate(version)
        find_device(paths)
        print(f"Using {paths.comfyui} with {paths.python}: nothing is installed.")
        return
    host_install.install(host_folder(), version, ROOT)


if __name__ == "__main__":
    sys.exit(main())
