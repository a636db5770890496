"""Long hair in the sheet of a view: one cloth that hangs on the head and ends on the chest.

Bound by place alone, hair beside the neck would follow the neck, and hair on a shoulder the shoulder: a head
that turns would tear it.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor

from .proxy_body import CHEST, HEAD

TONE: Final = 0.2  # difference of colour from which two pieces are not of one kind
LIES: Final = 0.04  # metres from the body's outline within which hair ends on it
HANGS: Final = 0.1  # metres from where hair lies on the chest to where it follows the head
NEAR: Final = 0.015  # metres by which a further end of the hair says less of what a strand ends on


class Corners(NamedTuple):
    """What is known of a sheet's corners."""

    where: Tensor  # [G, 2] in metres in the picture
    apart: Tensor  # [G] metres to the body's outline
    held: Tensor  # [G, P] how much each part of it holds them by their place
    beside: Tensor  # [G, 3] the colour of the body next to them
    colour: Tensor  # [G, 3]


class Sheet(NamedTuple):
    """Squares of cloth between corners. Where hair borders on the rest, both have corners of their own."""

    squares: Tensor  # [N, 4] indices of corners
    held: Tensor  # [C, P] how much each part holds a corner
    at: Tensor  # [C] at which corner of the grid it lies
    hair: Tensor  # [N] which squares are hair


def plain(squares: Tensor, held: Tensor) -> Sheet:
    """A sheet without hair."""
    return Sheet(squares, held, torch.arange(len(held), device=held.device), squares[:, 0] < 0)


def hang_hair(sheet: Sheet, known: Corners) -> Sheet:
    """A plain sheet in which what joins the head's own hair, differs from the chest beside it and lies on it
    hangs between the two.
    """
    first, second = sheet.squares.flatten(), sheet.squares.roll(-1, 1).flatten()
    first, second = torch.cat((first, second)), torch.cat((second, first))
    steps = first, second, (known.where[first] - known.where[second]).norm(dim=-1)
    alike = (known.colour[first] - known.colour[second]).norm(dim=-1) < TONE
    above, chest = sheet.held.argmax(1) == HEAD, known.held.argmax(1) == CHEST
    foreign = chest & ((known.colour - known.beside).norm(dim=-1) > TONE)
    hair = _away(above, above | foreign, *(values[alike] for values in steps)).isfinite()
    over = torch.cat((sheet.squares[:, [0, 3]], sheet.squares[:, [1, 2]]))  # corners and those below them
    goes_on = torch.zeros_like(hair).index_fill(0, over[hair[over[:, 1]], 0], True)
    ends = hair & ~above & ~goes_on & (known.apart < LIES)
    high = _away(ends, hair, *steps)  # nowhere near the chest: infinitely
    strand = hair & ((high < HANGS) | ~above)
    up = (high / HANGS).clamp(0, 1)
    up, border = _spread(up * up * (3 - 2 * up), strand, sheet.squares)
    border &= ~hair
    near = torch.softmax(-torch.cdist(known.where, known.where[ends]) / NEAR, 1)  # of no ends: none
    hung = near @ known.held[ends] * (1 - up[:, None])
    hung[:, HEAD] += up
    squares, doubles = strand[sheet.squares].any(1), border.nonzero()[:, 0]
    own = torch.arange(len(doubles), device=doubles.device) + len(sheet.at)
    double = sheet.at.index_copy(0, doubles, own)
    return Sheet(
        torch.where(squares[:, None], double[sheet.squares], sheet.squares),
        torch.cat((torch.where(strand[:, None], hung, sheet.held), hung[doubles])),
        torch.cat((sheet.at, doubles)),
        squares,
    )


def _away(start: Tensor, free: Tensor, first: Tensor, second: Tensor, length: Tensor) -> Tensor:
    """Metres [G] from the nearest of start [G] on steps of a length from corner `first` to corner `second`,
    through free [G] corners alone.
    """
    far = torch.where(start, 0.0, torch.inf)
    while True:
        nearer = torch.where(free, far.scatter_reduce(0, second, far[first] + length, "amin"), torch.inf)
        if torch.equal(nearer, far):
            return far
        far = nearer


def _spread(values: Tensor, known: Tensor, squares: Tensor) -> tuple[Tensor, Tensor]:
    """Values [G] where known [G], beside them the mean of what the squares [N, 4] around know; and which [G]
    lie beside them.
    """
    squares = squares[known[squares].any(1)]
    share = known[squares].to(values)
    mean = (values[squares] * share).sum(1) / share.sum(1)
    told = torch.stack((mean, torch.ones_like(mean))).repeat_interleave(4, 1)
    sums, count = values.new_zeros(2, len(values)).index_add_(1, squares.flatten(), told)
    beside = (count > 0) & ~known
    return torch.where(beside, sums / count, values), beside
