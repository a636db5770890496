"""The host's page with this pack, in a real browser and with both of its renderers."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.browser import RENDERERS, PageReport, Renderer
from harness.results import PICTURE


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_graph_runs_and_its_picture_appears(
    page: Callable[..., PageReport], renderer: Renderer, tmp_path: Path
) -> None:
    workflow = tmp_path / "picture.json"
    workflow.write_text(json.dumps(PICTURE))
    report = page(workflow, renderer=renderer)
    assert report.renderer == renderer
    assert (report.page_errors, report.failed_requests, report.missing) == ([], [], [])
    assert report.ended == "execution_success" and report.success
    assert report.nodes == 2 and report.pictures > 0 and report.shown == ["2"]
    assert report.screenshot.stat().st_size > 10_000


def test_an_unknown_node_is_reported(page: Callable[..., PageReport], tmp_path: Path) -> None:
    workflow = tmp_path / "unknown.json"
    workflow.write_text(json.dumps({**PICTURE, "3": {"class_type": "KMC_NoSuchNode", "inputs": {}}}))
    report = page(workflow, queue=False)
    assert report.missing == ["KMC_NoSuchNode"] and not report.success
