"""Fixtures for all tests: the real host in this process, over HTTP, and its page in a browser."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# `python -m pytest` puts the repository first on the path, where our folder nodes/ hides the host's module.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]


def _make_core_importable() -> None:
    """Let `import kmc_core` work where the package is not installed, as in a user's own ComfyUI."""
    if importlib.util.find_spec("kmc_core") is not None:
        return
    package = ROOT / "kmc_core"
    spec = importlib.util.spec_from_file_location(
        "kmc_core", package / "__init__.py", submodule_search_locations=[str(package)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["kmc_core"] = module
    spec.loader.exec_module(module)


_make_core_importable()

import host as host_tool  # noqa: E402  (tools/ is on pytest's pythonpath)
from harness import browser  # noqa: E402
from harness.browser import PageReport  # noqa: E402
from harness.inprocess import InProcessHost  # noqa: E402
from harness.over_http import HttpHost  # noqa: E402


@pytest.fixture(scope="session")
def host_version() -> str:
    """Version of ComfyUI under test; set KMC_HOST_VERSION for another one."""
    return os.environ.get("KMC_HOST_VERSION", host_tool.DEFAULT_VERSION)


@pytest.fixture(scope="session")
def host(host_version: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcessHost]:
    """The real host in this process, with this pack loaded."""
    in_process = InProcessHost(host_tool.locate(host_version).comfyui, tmp_path_factory.mktemp("host"))
    yield in_process
    in_process.close()


@pytest.fixture(scope="session")
def running_host(
    host_version: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[host_tool.RunningHost]:
    """The real host as a process of its own, on the CPU."""
    with host_tool.running_host(
        tmp_path_factory.mktemp("http-host"), version=host_version, device="cpu"
    ) as running:
        yield running


@pytest.fixture(scope="session")
def http_host(running_host: host_tool.RunningHost) -> HttpHost:
    """A client of `running_host`."""
    return HttpHost(running_host)


@pytest.fixture
def page(running_host: host_tool.RunningHost, tmp_path: Path) -> Callable[..., PageReport]:
    """Opens the page of `running_host`: `page(workflow, renderer="nodes2", queue=True)`."""
    missing = browser.why_not()
    if missing:
        pytest.skip(missing)
    return functools.partial(browser.open_page, running_host.url, tmp_path / "page.png")
