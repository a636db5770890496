"""Places the nodes of a plan: groups from left to right, nodes of a group below each other, none overlapping.

Sizes are estimated from what a node shows; tests/test_page.py measures in the page, with both renderers, that
no node reaches into another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow_plan import Plan

# Pixels on the canvas. Rows are those of the page's taller renderer (Nodes 2.0), so that both fit.
TITLE, SOCKET_ROW, WIDGET_ROW, TEXT_BOX, PADDING = 30, 24, 34, 120, 16
WIDTH, NOTE_WIDTH = 320, 360
# Pictures and videos appear below the widgets in a run, and Load Video shows its file: room for them.
SHOWN = {
    "KMC_CreateSubject": 240,
    "KMC_ExampleImage": 300,
    "KMC_ExampleVideo": 520,  # an upright one of yours, by way of Load Video
    "KMC_PreviewMotion": 340,
    "KMC_DistilledSampler": 240,
    "KMC_AnimateLongVideo": 240,
    "SaveVideo": 340,
}
MULTILINE = {"KMC_EnhancePrompt": 1, "KMC_CreateSubject": 1, "CLIPTextEncode": 1}
GAP, COLUMN_GAP, FRAME, FRAME_TITLE = 40, 50, 20, 50
CHARACTERS_A_LINE, LINE_HEIGHT = 48, 20  # of a note


def place_groups(
    plan: Plan, nodes: Mapping[str, dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Nodes with position and size in the page's format, and the frames around the groups."""
    placed: list[dict[str, Any]] = []
    frames: list[dict[str, Any]] = []
    left = 0
    for column in sorted({group.column for group in plan.groups}):
        top = 0
        members = [group for group in plan.groups if group.column == column]
        widest = max(_size(nodes[key])[0] for group in members for key in group.steps)
        for group in members:
            y = top + FRAME_TITLE
            for key in group.steps:
                width, height = widest, _size(nodes[key])[1]
                where = {"pos": [left + FRAME, y + TITLE], "size": [width, height], "flags": {}, "mode": 0}
                placed.append(nodes[key] | where | {"order": len(placed)})
                y += TITLE + height + SHOWN.get(nodes[key]["type"], 0) + GAP
            bounding = [left, top, widest + 2 * FRAME, y - top - GAP + FRAME]
            frames.append(_frame(len(frames) + 1, group.title, group.color, bounding))
            top = y + FRAME
        left += widest + 2 * FRAME + COLUMN_GAP
    return placed, frames


def _size(node: Mapping[str, Any]) -> tuple[int, int]:
    if node["type"] == "MarkdownNote":
        text = node["widgets_values"][0]
        lines = sum(1 + len(line) // CHARACTERS_A_LINE for line in text.splitlines())
        return NOTE_WIDTH, lines * LINE_HEIGHT + 2 * PADDING
    sockets = max(sum("widget" not in each for each in node["inputs"]), len(node["outputs"]))
    boxes = MULTILINE.get(node["type"], 0)
    rows = len(node["widgets_values"]) - boxes
    return WIDTH, sockets * SOCKET_ROW + rows * WIDGET_ROW + boxes * TEXT_BOX + PADDING


def _frame(number: int, title: str, color: str, bounding: list[int]) -> dict[str, Any]:
    return {"id": number, "title": title, "bounding": bounding, "color": color, "font_size": 24, "flags": {}}
