"""A pre-flight report to look at: a table as Markdown, and the same as a picture with both framings."""

from typing import Final

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .bones import SEEN
from .character import Character
from .check import Light, Report
from .part import track_of
from .skeleton import BODY_BONES
from .types import Motion, Track

Colour = tuple[int, int, int]
COLOURS: Final[dict[Light, Colour]] = {"green": (46, 160, 90), "amber": (226, 152, 32), "red": (212, 58, 52)}
PAPER, INK, QUIET, RULE = (250, 250, 248), (34, 34, 34), (110, 110, 110), (222, 222, 218)
WIDTH, MARGIN, SKETCH = 1024, 24, 220  # pixels; a sketch's longer side
COLUMNS: Final = (("", 26), ("check", 120), ("measured", 330), ("green up to", 150), ("what to do", 350))
FONT_SIZE, LINE = 14, 19
VERDICTS: Final[dict[Light, str]] = {
    "green": "Ready to go.",
    "amber": "Will work, with the flaws marked amber.",
    "red": "Will fail where it is red; mend that first.",
}


def as_markdown(report: Report) -> str:
    """The report as a Markdown table, the verdict above it and the crop below."""
    rows = [
        f"| {finding.light} | {finding.name} | {finding.measured} | {finding.limit} | {finding.remedy} |"
        for finding in report.findings
    ]
    x, y, width, height = report.crop
    return "\n".join(
        [
            f"**{report.light}**: {VERDICTS[report.light]}",
            "",
            "| light | check | measured | green up to | what to do |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"Driver as the picture is framed: x {x}, y {y}, width {width}, height {height}.",
        ]
    )


def report_picture(report: Report, motion: Motion, character: Character, person: int = 0) -> Tensor:
    """uint8 [3, H, 1024]: the framing of the driver and of the character's main picture, then the table."""
    view = character.views[0]
    picture = (view.image.shape[-1], view.image.shape[-2])
    font = ImageFont.load_default(FONT_SIZE)
    cells = [[_wrapped(text, font, width - 12) for text, (_, width) in zip(row, COLUMNS, strict=True)]
             for row in _rows(report)]  # fmt: skip
    heights = [max(map(len, row)) * LINE + 10 for row in cells]
    top = 70 + SKETCH + 2 * MARGIN
    sheet = Image.new("RGB", (WIDTH, top + sum(heights) + LINE + 2 * MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.rounded_rectangle((MARGIN, MARGIN, MARGIN + 26, MARGIN + 26), 13, COLOURS[report.light])
    draw.text(
        (MARGIN + 40, MARGIN + 13), VERDICTS[report.light], INK, ImageFont.load_default(22), anchor="lm"
    )
    _sketch(
        draw,
        (MARGIN, 80),
        motion.size,
        track_of(motion, person),
        "driver; the frame shows what the picture shows",
        report.crop,
    )
    _sketch(draw, (WIDTH // 2, 80), picture, view.pose, "picture of the character", None)
    _table(draw, top, [[[name] for name, _ in COLUMNS], *cells], [LINE + 6, *heights], report)
    return torch.from_numpy(np.array(sheet)).permute(2, 0, 1).contiguous()


def _rows(report: Report) -> list[tuple[str, ...]]:
    return [("", f.name, f.measured, f.limit, f.remedy or "-") for f in report.findings]


def _table(
    draw: ImageDraw.ImageDraw, top: int, cells: list[list[list[str]]], heights: list[int], report: Report
) -> None:
    font = ImageFont.load_default(FONT_SIZE)
    for index, (row, height) in enumerate(zip(cells, heights, strict=True)):
        left = MARGIN
        for lines, (_, width) in zip(row, COLUMNS, strict=True):
            draw.multiline_text((left, top + 5), "\n".join(lines), INK if index else QUIET, font, spacing=4)
            left += width
        if index:
            draw.ellipse((MARGIN, top + 6, MARGIN + 14, top + 20), COLOURS[report.findings[index - 1].light])
        top += height
        draw.line((MARGIN, top, WIDTH - MARGIN, top), RULE)


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _sketch(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    size: tuple[int, int],
    track: Track,
    title: str,
    crop: tuple[int, int, int, int] | None,
) -> None:
    """A frame to scale with the bones of its best moment, and a crop inside it."""
    scale = SKETCH / max(size)
    left, top = corner
    draw.rectangle((left, top, left + size[0] * scale, top + size[1] * scale), (238, 238, 234), RULE)
    for (x0, y0), (x1, y1) in _bones(track):
        ends = [(left + x0 * scale, top + y0 * scale), (left + x1 * scale, top + y1 * scale)]
        draw.line(_clipped(ends, corner, size, scale), (70, 92, 140), 3)
    if crop is not None:
        x, y, width, height = (value * scale for value in crop)
        draw.rectangle((left + x, top + y, left + x + width, top + y + height), None, COLOURS["red"], 2)
    draw.text((left, top + size[1] * scale + 4), title, QUIET, ImageFont.load_default(12))


def _clipped(
    ends: list[tuple[float, float]], corner: tuple[int, int], size: tuple[int, int], scale: float
) -> list[tuple[float, float]]:
    """Ends kept inside the frame."""
    low, high = np.array(corner), np.array(corner) + np.array(size) * scale
    return [(float(x), float(y)) for x, y in (np.clip(end, low, high) for end in ends)]


def _bones(track: Track) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Ends in pixels of all bones that are seen in the frame that sees most; none without a body."""
    if track.body is None or not len(track.body):
        return []
    body = track.body[int((track.body[..., 3] >= SEEN).sum(dim=1).argmax())].tolist()
    return [
        ((body[a][0], body[a][1]), (body[b][0], body[b][1]))
        for a, b in BODY_BONES
        if body[a][3] >= SEEN and body[b][3] >= SEEN
    ]
