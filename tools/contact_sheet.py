"""One picture that shows a demo at a glance: for each case driver, skeleton and result at a few moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

MOMENTS = 6
CELL_HEIGHT, LABEL_WIDTH, GAP = 168, 176, 6
SHEET_WIDTH = 1980  # two blocks of upright clips side by side
WIDEST_CELL = 4 / 3  # wider frames are cropped around their middle
PAPER, INK, QUIET = (250, 250, 248), (30, 30, 30), (120, 120, 120)


@dataclass(frozen=True)
class Row:
    """One case: a title, the character's picture, and the three clips, equally long in time."""

    title: str
    character: Path
    driver: Path
    skeleton: Path
    result: Path


def save_contact_sheet(rows: Sequence[Row], path: Path) -> None:
    """Write the sheet as a picture file; narrow blocks stand side by side."""
    blocks = [_block(row) for row in rows]
    width = max(SHEET_WIDTH, *(block.width for block in blocks))
    left, top, places = 0, 3 * GAP, []
    for block in blocks:  # all are equally high
        if left + block.width > width:
            left, top = 0, top + block.height + 3 * GAP
        places.append((left, top))
        left += block.width
    sheet = Image.new("RGB", (width, top + blocks[-1].height + 3 * GAP), PAPER)
    for block, place in zip(blocks, places, strict=True):
        sheet.paste(block, place)
    sheet.save(path)


def save_thumbnail(row: Row, path: Path) -> None:
    """Write a small picture of one moment: the driver, and what became of the character."""
    cells = [_cell(frames_at(clip, 3)[1]) for clip in (row.driver, row.result)]
    picture = Image.new("RGB", (sum(cell.width for cell in cells) + GAP, CELL_HEIGHT), PAPER)
    picture.paste(cells[0], (0, 0))
    picture.paste(cells[1], (cells[0].width + GAP, 0))
    picture.save(path, quality=88)


def frames_at(path: Path, moments: int) -> list[Image.Image]:
    """Frames of a clip at the middles of `moments` equal parts."""
    with av.open(str(path)) as container:
        count = sum(1 for _ in container.decode(video=0))
    if count == 0:
        raise ValueError(f"{path} holds no frame")
    wanted = [int((k + 0.5) * count / moments) for k in range(moments)]
    with av.open(str(path)) as container:
        found = {
            index: frame.to_image()
            for index, frame in enumerate(container.decode(video=0))
            if index in wanted
        }
    return [found[index] for index in wanted]


def _block(row: Row) -> Image.Image:
    """Three strips below each other, the case's name and the character's picture to their left."""
    clips = {"driver": row.driver, "skeleton": row.skeleton, "result": row.result}
    strips = {name: [_cell(frame) for frame in frames_at(path, MOMENTS)] for name, path in clips.items()}
    # A skeleton is drawn in the character's frame, so widths differ between strips: columns take the widest.
    cell_width = max(cell.width for cells in strips.values() for cell in cells)
    size = (LABEL_WIDTH + MOMENTS * (cell_width + GAP), len(strips) * (CELL_HEIGHT + GAP))
    block = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(block)
    for number, (name, cells) in enumerate(strips.items()):
        top = number * (CELL_HEIGHT + GAP)
        draw.text((LABEL_WIDTH - GAP, top + CELL_HEIGHT // 2), name, QUIET, _font(18), anchor="rm")
        for column, cell in enumerate(cells):
            block.paste(
                cell, (LABEL_WIDTH + column * (cell_width + GAP) + (cell_width - cell.width) // 2, top)
            )
    draw.text((2 * GAP, 2 * GAP), row.title, INK, _font(20))
    with Image.open(row.character) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((LABEL_WIDTH - 84, CELL_HEIGHT))
    block.paste(picture, (2 * GAP, 2 * (CELL_HEIGHT + GAP) + (CELL_HEIGHT - picture.height) // 2))
    return block


def _cell(frame: Image.Image) -> Image.Image:
    """A frame at the sheet's cell height, cropped to its middle when very wide."""
    pixels = np.asarray(frame)
    height, width = pixels.shape[:2]
    keep = min(width, round(height * WIDEST_CELL))
    left = (width - keep) // 2
    cropped = Image.fromarray(pixels[:, left : left + keep])
    size = (max(1, round(keep * CELL_HEIGHT / height)), CELL_HEIGHT)
    return cropped.resize(size, Image.Resampling.BICUBIC)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
