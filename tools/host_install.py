"""Installs ComfyUI and one environment for it, for this pack, and for the tools, from the package registry."""

from __future__ import annotations

import os
from pathlib import Path

DEFAULT_VERSION = "0.30.0"
VERSIONS = {"0.30.0": None, "0.24.0": None, "0.18.2": None, "0.16.3": None}


class HostError(RuntimeError):
    """The host cannot be used; the message says what to do."""


def sources_folder(folder: Path, version: str) -> Path:
    """Where the sources of one version lie."""
    return folder / f"ComfyUI-{version}"


def pythons_of(environment: Path) -> tuple[Path, ...]:
    """Where the Python of an environment can lie: Windows, its embedded form, elsewhere."""
    if os.name == "nt":
        return environment / "Scripts" / "python.exe", environment / "python.exe"
    return (environment / "bin" / "python",)


def environment_python(folder: Path) -> Path:
    """The Python of the installed environment."""
    return pythons_of(folder / "venv")[0]
