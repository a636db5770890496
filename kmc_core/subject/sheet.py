"""How the views of a subject were chosen, to look at: all pictures, numbered, the chosen ones framed."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .create import Created
from .facing import SAME_PERSON, strangers, view_facing
from .pick import Candidate
from .thumbnail import thumbnail
from .types import View

TILE, LINE, COLUMNS, BORDER = 160, 20, 6, 4  # pixels of a picture's side, of its caption; pictures in a row
PAPER, INK, CHOSEN = (24, 24, 26), (225, 225, 225), (80, 200, 120)
SIDES: Final = ("front", "right", "back", "left")  # that the yaw 0, 90, 180 and 270 degrees show


def sheet(created: Created) -> Tensor:
    """uint8 [3, H, W]: every candidate with its number and head yaw; the chosen framed, with their place."""
    columns = min(COLUMNS, len(created.candidates))
    rows = math.ceil(len(created.candidates) / columns)
    page = Image.new("RGB", (columns * TILE, rows * (TILE + LINE)), PAPER)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    for index, candidate in enumerate(created.candidates):
        left, top = index % columns * TILE, index // columns * (TILE + LINE)
        picture = thumbnail(candidate.view, TILE - 2 * BORDER)
        page.paste(picture, (left + (TILE - picture.width) // 2, top + (TILE - picture.height) // 2))
        chosen = candidate.number in created.chosen
        if chosen:
            draw.rectangle((left + 1, top + 1, left + TILE - 2, top + TILE - 2), None, CHOSEN, BORDER - 1)
        place = f"  view {created.chosen.index(candidate.number) + 1}" if chosen else ""
        caption = f"{candidate.number}{place}  {degrees(candidate.view):+d} deg"
        draw.text((left + BORDER, top + TILE + 3), caption, CHOSEN if chosen else INK, font)
    return torch.from_numpy(np.array(page)).permute(2, 0, 1).contiguous()


def report(created: Created) -> str:
    """The same as Markdown: which pictures became views, which sides they show, and warnings."""
    chosen = [_candidate(created, number) for number in created.chosen]
    lines = [
        f"Views: {', '.join(map(str, created.chosen))}; {len(created.candidates)} pictures show somebody."
    ]
    lines += [
        f"- {each.number}: {each.view.kind}, head {degrees(each.view):+d} degrees"
        + ("" if each.frame is None else f", frame {each.frame} of the clip")
        for each in chosen
    ]
    missing = [side for side in SIDES if side not in {side_of(each.view) for each in chosen}]
    if missing:
        lines.append(f"Sides without a view: {', '.join(missing)}.")
    return "\n".join([*lines, *likeness(created.subject.views, created.chosen)])


def likeness(views: Sequence[View], numbers: Sequence[int] = ()) -> list[str]:
    """A warning for every view whose face looks like another person's; numbered from 1 by default."""
    numbers = numbers or range(1, len(views) + 1)
    return [
        f"Warning: view {numbers[place]} looks like another person than the others (face distance "
        f"{distance:.2f}, one person's stay below {SAME_PERSON}); leave it out if it is."
        for place, distance in strangers(views).items()
    ]


def degrees(view: View) -> int:
    """Yaw of the head in degrees, positive to the right of the picture."""
    return round(math.degrees(view.yaw))


def side_of(view: View) -> str:
    """Which of SIDES a view shows, by the yaw of the body."""
    quarter = round(float(view_facing(view)[1].nan_to_num(0.0)) / (math.pi / 2))
    return SIDES[quarter % 4]


def _candidate(created: Created, number: int) -> Candidate:
    return next(each for each in created.candidates if each.number == number)
