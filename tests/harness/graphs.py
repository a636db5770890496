"""The pack's workflows cut short, to be run in the page."""

from __future__ import annotations

import json
from pathlib import Path

import workflows
from demo import entry
from harness.over_http import HttpHost
from harness.video_files import frames_of, write_video

FPS = 15


def short_graph(host: HttpHost, name: str, folder: Path, frames: int = 6) -> Path:
    """A workflow whose example video is replaced by the first frames of it, by way of Load Video."""
    prompt = json.loads((workflows.PROMPTS / f"{name}.json").read_text("utf-8"))
    source = workflows.GRAPHS / "assets" / entry(prompt, "KMC_ExampleVideo")["inputs"]["name"]
    video = write_video(host.input / "page.mp4", frames_of(source, frames), FPS)
    graph = json.loads((workflows.GRAPHS / f"{name}.json").read_text("utf-8"))
    (node,) = [node for node in graph["nodes"] if node["type"] == "KMC_ExampleVideo"]
    node |= {"type": "LoadVideo", "inputs": [], "properties": {}, "widgets_values": [video.name, "image"]}
    path = folder / f"{name}.json"
    path.write_text(json.dumps(graph))
    return path
