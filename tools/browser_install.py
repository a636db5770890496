"""Makes sure that the tests in the browser can run: Chromium, Node.js, playwright-core in .host/node_modules.

Missing programs are installed with apt-get where that is possible (Debian, as root), else one message
names them. Standard library only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from host import host_folder
from host_install import HostError

PLAYWRIGHT = "1.65.1"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_chromium() -> Path | None:
    """The browser: KMC_CHROMIUM when set, else the first one on the PATH."""
    named = os.environ.get("KMC_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    return Path(found) if found else None


def missing_packages() -> list[str]:
    """Debian packages of the programs that are not there."""
    wanted = {"nodejs": shutil.which("node"), "npm": shutil.which("npm"), "chromium": find_chromium()}
    return [package for package, found in wanted.items() if not found]


def playwright_folder() -> Path:
    """Where playwright-core is installed."""
    return host_folder() / "node_modules" / "playwright-core"


def install() -> None:
    """Install what is missing, or raise a HostError that names it."""
    missing = missing_packages()
    if missing:
        _install_programs(missing)
    if not (playwright_folder() / "package.json").is_file():
        print("host: playwright-core ...", file=sys.stderr, flush=True)
        host_folder().mkdir(parents=True, exist_ok=True)
        npm = shutil.which("npm") or "npm"
        options = ("--no-audit", "--no-fund", "--no-save", "--prefix", str(host_folder()))
        _command([npm, "install", *options, f"playwright-core@{PLAYWRIGHT}"], "npm install playwright-core")


def _install_programs(packages: list[str]) -> None:
    names = " ".join(packages)
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise HostError(
            f"the tests in the browser need {names}. On Debian: `sudo apt-get install {names}`; elsewhere "
            "install Node.js and Chromium or Chrome, and set KMC_CHROMIUM if it is not on the PATH."
        )
    print(f"host: apt-get install {names} ...", file=sys.stderr, flush=True)
    _command(["apt-get", "update"], "apt-get update")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    _command(
        ["apt-get", "install", "-y", "--no-install-recommends", *packages],
        f"apt-get install {names}",
        environment,
    )


def _command(command: list[str], what: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    if done.returncode != 0:
        last = "\n  ".join(done.stdout.strip().splitlines()[-8:])
        raise HostError(
            f"{what} failed with code {done.returncode}:\n  {last}\nRun the same command again to go on."
        )


def main() -> int:
    """The command line; errors are one message, never a traceback."""
    try:
        install()
    except HostError as error:
        print(f"host: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
