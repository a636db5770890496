"""The host's page in a headless Chromium: loads a workflow, queues it, and reports what the page showed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import system_install
from host import PACK_FOLDER

PAGE = Path(__file__).resolve().parents[1] / "browser" / "page.mjs"
Renderer = Literal["classic", "nodes2"]
RENDERERS: tuple[Renderer, ...] = ("classic", "nodes2")
START_MARGIN_S = 120.0  # for Chromium and the page, on a busy machine


@dataclass(frozen=True)
class PageReport:
    """What happened in the page."""

    renderer: Renderer
    node_types: int  # known to the page
    screenshot: Path
    page_errors: list[str]  # uncaught JavaScript errors
    failed_requests: list[str]  # files of this pack that the page could not get
    missing: list[str]  # node types of the workflow that the page does not know
    nodes: int = 0  # on the canvas
    node_elements: int = 0  # in the document: Nodes 2.0 draws nodes as elements, the classic canvas has none
    queued: Mapping[str, Any] = field(default_factory=dict)  # the host's answer to the queue button
    ended: str | None = None  # execution_success, execution_error, execution_interrupted
    error: str | None = None  # what the failing node raised
    previews: int = 0  # pictures that arrived while nodes ran
    progress: int = 0  # steps of progress bars
    shown: list[str] = field(default_factory=list)  # ids of nodes that reported something to show
    pictures: int = 0  # pictures and videos drawn on nodes at the end
    answers: Mapping[str, Any] = field(
        default_factory=dict
    )  # values of the expressions in `ask` and from `drive`, by name

    @property
    def success(self) -> bool:
        """Whether the page opened without an error and the queue, when asked for, ran to its end."""
        clean = not (self.page_errors or self.failed_requests or self.missing)
        return clean and self.ended in (None, "execution_success")


def why_not() -> str | None:
    """What is missing on this machine to open the page, or None."""
    missing = system_install.missing_packages("browser")
    if missing:
        return f"not installed: {', '.join(missing)}"
    if not system_install.playwright_folder().is_dir():
        return "playwright-core is not installed: run `python tools/system_install.py browser`"
    return None


def open_page(
    url: str,
    screenshot: Path,
    workflow: Path | None = None,
    *,
    renderer: Renderer = "classic",
    queue: bool = True,
    seconds: float = 240.0,
    drive: Path | None = None,
    ask: Mapping[str, str] = MappingProxyType({}),
) -> PageReport:
    """Open the page of the host at `url`, load `workflow` (graph or API format), queue it and wait.

    drive: a JavaScript module whose default export is called with Playwright's page after the run; the object
    that it gives joins the answers.
    ask: JavaScript expressions by name, evaluated in the page at the end; a promise is awaited.
    """
    options = {
        "url": url,
        "playwright": str(system_install.playwright_folder()),
        "chromium": str(system_install.find_chromium()),
        "renderer": renderer,
        "workflow": None if workflow is None else str(workflow),
        "queue": queue,
        "screenshot": str(screenshot),
        "pack": PACK_FOLDER,
        "seconds": seconds,
        "drive": None if drive is None else str(drive),
        "ask": dict(ask),
    }
    command = [shutil.which("node") or "node", str(PAGE), json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * seconds + START_MARGIN_S)
    if done.returncode != 0:
        raise RuntimeError(f"the page could not be driven:\n{done.stderr.strip()[-3000:]}")
    return PageReport(screenshot=screenshot, **json.loads(done.stdout.strip().splitlines()[-1]))
