"""Makes sure that programs outside Python are there: for the tests in a browser, and to render people.

    python tools/system_install.py [browser] [rendering]      both when none is named

What is missing is installed with apt-get where that is possible (Debian, as root), else one message names it.
playwright-core comes from npm into .host/node_modules. Standard library only.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from host import host_folder
from host_install import HostError

PLAYWRIGHT = "1.65.1"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
EGL_VENDORS = (Path("/usr/share/glvnd/egl_vendor.d"), Path("/etc/glvnd/egl_vendor.d"))
MOTION_CAPTURE = Path("/usr/share/assimp/models/BVH/01_01.bvh")


def find_chromium() -> Path | None:
    """The browser: KMC_CHROMIUM when set, else the first one on the PATH."""
    named = os.environ.get("KMC_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    return Path(found) if found else None


def _has_egl_driver() -> bool:
    """Whether some vendor, Mesa or that of the GPU, can draw without a screen."""
    return any(folder.is_dir() and any(folder.iterdir()) for folder in EGL_VENDORS)


# Debian packages of each purpose, with what tells that one is not needed.
PACKAGES: dict[str, dict[str, Callable[[], Any]]] = {
    "browser": {
        "nodejs": lambda: shutil.which("node"),
        "npm": lambda: shutil.which("npm"),
        "chromium": find_chromium,
    },
    "rendering": {
        "libegl1": lambda: ctypes.util.find_library("EGL"),
        "libegl-mesa0": _has_egl_driver,
        "libgl1-mesa-dri": _has_egl_driver,
        "assimp-testmodels": MOTION_CAPTURE.is_file,
    },
}


def missing_packages(purpose: str) -> list[str]:
    """Debian packages of one purpose that are not there."""
    return [package for package, is_there in PACKAGES[purpose].items() if not is_there()]


def playwright_folder() -> Path:
    """Where playwright-core is installed."""
    return host_folder() / "node_modules" / "playwright-core"


def install(purposes: list[str]) -> None:
    """Install what is missing, or raise a HostError that names it."""
    missing = [package for purpose in purposes for package in missing_packages(purpose)]
    if missing:
        _install_packages(missing)
    if "browser" in purposes and not (playwright_folder() / "package.json").is_file():
        print("host: playwright-core ...", file=sys.stderr, flush=True)
        host_folder().mkdir(parents=True, exist_ok=True)
        npm = shutil.which("npm") or "npm"
        options = ("--no-audit", "--no-fund", "--no-save", "--prefix", str(host_folder()))
        _command([npm, "install", *options, f"playwright-core@{PLAYWRIGHT}"], "npm install playwright-core")


def _install_packages(packages: list[str]) -> None:
    names = " ".join(packages)
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise HostError(
            f"this needs {names}. On Debian: `sudo apt-get install {names}`; elsewhere install what gives "
            "the same programs, and set KMC_CHROMIUM to Chromium or Chrome if it is not on the PATH."
        )
    print(f"host: apt-get install {names} ...", file=sys.stderr, flush=True)
    _command(["apt-get", "update"], "apt-get update")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    _command(install, f"apt-get install {names}", environment)


def _command(command: list[str], what: str, environment: dict[str, str] | None = None) -> None:
    output = subprocess.PIPE
    done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, text=True, env=environment)
    if done.returncode != 0:
        last = "\n  ".join(done.stdout.strip().splitlines()[-8:])
        raise HostError(f"{what} failed with code {done.returncode}:\n  {last}\nRun it again to go on.")


def main() -> int:
    """The command line; errors are one message, never a traceback."""
    purposes = sys.argv[1:] or list(PACKAGES)
    unknown = [purpose for purpose in purposes if purpose not in PACKAGES]
    if unknown:
        print(f"host: unknown purpose {unknown[0]}: expected one of {', '.join(PACKAGES)}", file=sys.stderr)
        return 2
    try:
        install(purposes)
    except HostError as error:
        print(f"host: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
