"""The pack's workflows in the host's page, with both of its renderers."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import workflows
from harness.browser import RENDERERS, PageReport, Renderer
from harness.graphs import short_graph
from harness.over_http import HttpHost
from host import PACK_FOLDER
from host_install import DEFAULT_VERSION
from workflow_engines import ALL_PLANS

NAMES = [plan.name for plan in ALL_PLANS]
FILES = {plan.name: {file.name for file in plan.models} for plan in ALL_PLANS}
# Questions to the page, answered when the run has ended.
# Nodes 2.0 draws nodes as elements, the classic canvas has none.
AS_PROMPT = "app.graphToPrompt().then(({output}) => output)"
INVALID_VALUES = """
app.graph._nodes.flatMap((node) => (node.widgets ?? []).filter(({type, value, options}) => {
    const choices = typeof options?.values === 'function' ? options.values() : options?.values
    return type === 'combo' ? Array.isArray(choices) && !choices.includes(value)
        : type === 'number' && (value < options.min || value > options.max)
}).map(({name, value}) => `${node.type}.${name} = ${value}`))"""
OVERLAPS = """(() => {
    const { scale, offset } = app.canvas.ds
    const boxes = app.graph._nodes.map((node) => {
        const element = document.querySelector(`[data-node-id="${node.id}"]`)?.getBoundingClientRect()
        const [x, y] = node.pos, [width, height] = node.size
        if (!element?.width) return [x, y - LiteGraph.NODE_TITLE_HEIGHT, x + width, y + height]
        const edges = [element.left, element.top, element.right, element.bottom]
        return edges.map((edge, i) => edge / scale - offset[i % 2])
    })
    const meet = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
    const pairs = app.graph._nodes.flatMap((_, i) => app.graph._nodes.slice(0, i).map((_, k) => [i, k]))
    return pairs.filter(([i, k]) => meet(boxes[i], boxes[k]))
        .map((pair) => pair.map((i) => app.graph._nodes[i].title).join(' and '))
})()"""
SHOWING = """app.graph._nodes.filter((node) => node.imgs?.length || node.videoContainer
    || document.querySelector(`[data-node-id="${node.id}"] :is(img, video)`)).map((node) => node.type)"""
# Points of light in the viewer of Preview Motion, whose stage is black where no limb is.
# It draws when its file has come, which takes a while on a busy machine.
VIEWER = """(async () => {
    const points = () => {
        const canvas = document.querySelector('.kmc-motion-viewer').shadowRoot.querySelector('.picture')
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
        return data.filter((value, i) => i % 4 === 0 && value + data[i + 1] + data[i + 2] > 200).length
    }
    const end = Date.now() + 60_000
    while (points() <= 100 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 200))
    return points()
})()"""
LIBRARY = "fetch('/kmc/subjects').then((answer) => answer.json()).then((all) => all.map(({ name }) => name))"
QUESTIONS = {"prompt": AS_PROMPT, "invalid": INVALID_VALUES, "overlaps": OVERLAPS, "showing": SHOWING}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_workflow_opens_complete_and_tidy(
    page: Callable[..., PageReport], http_host: HttpHost, renderer: Renderer, name: str
) -> None:
    report = page(workflows.GRAPHS / f"{name}.json", renderer=renderer, queue=False, ask=QUESTIONS)
    assert (report.page_errors, report.failed_requests, report.missing) == ([], [], [])
    assert report.answers["overlaps"] == []
    missing = [each for each in report.answers["invalid"] if each.rsplit(" = ", 1)[1] not in FILES[name]]
    assert missing == []
    if http_host.version == DEFAULT_VERSION:  # other versions know other inputs of the host's nodes
        expected = json.loads((workflows.PROMPTS / f"{name}.json").read_text("utf-8"))
        assert without_titles(report.answers["prompt"]) == expected


@pytest.mark.parametrize("name", ["01_portrait", "03_subject_library", "04_prompt_and_camera"])
@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_workflow_runs_and_shows_motion_and_result(
    page: Callable[..., PageReport], http_host: HttpHost, renderer: Renderer, name: str, tmp_path: Path
) -> None:
    questions = QUESTIONS | {"viewer": VIEWER, "library": LIBRARY}
    report = page(short_graph(http_host, name, tmp_path), renderer=renderer, ask=questions)
    assert report.ended == "execution_success", report.error or report.queued
    assert report.success
    assert report.answers["viewer"] > 100 and "SaveVideo" in report.answers["showing"]
    assert "KMC_PreviewMotion" not in report.answers["showing"], "the drawn video is shown beside the viewer"
    if name == "03_subject_library":
        assert "From a clip" in report.answers["library"], "the panel offers the character that was kept"
    assert report.answers["overlaps"] == []  # room was kept for the pictures that appeared


def without_titles(prompt: dict[str, Any]) -> dict[str, Any]:
    return {
        number: {"class_type": each["class_type"], "inputs": each["inputs"]}
        for number, each in prompt.items()
    }


def test_every_node_has_a_help_page(http_host: HttpHost) -> None:
    ids = [name for name in http_host.get("/object_info") if name.startswith("KMC_")]
    for name in ids:
        address = f"{http_host.url}/extensions/{PACK_FOLDER}/docs/{name}.md"
        with urllib.request.urlopen(address) as answer:
            assert answer.read().decode().startswith("# "), f"{name} has no help page"


def test_the_workflows_are_offered_as_templates_with_a_picture(http_host: HttpHost) -> None:
    assert set(NAMES) <= set(http_host.get("/workflow_templates")[PACK_FOLDER])
    for name in NAMES:
        picture = (workflows.GRAPHS / f"{name}.jpg").read_bytes()
        assert picture[:3] == b"\xff\xd8\xff" and len(picture) < 300_000
