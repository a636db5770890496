"""Eyes: lids slide over an eyeball, they do not squeeze it. What shows between the lids is looked up where
the iris is in a view, lashes where that view's lids are.

Places on a face are in metres of the head at rest, from between the corners of an eye: x across, y down.
"""

from functools import cache
from typing import Final, NamedTuple

import torch
from torch import Tensor

from ..motion.face_mesh import LEFT_EYE, LEFT_IRIS, RIGHT_EYE, RIGHT_IRIS
from ..motion.skeleton import FACE_LANDMARKS

EYES: Final = ((RIGHT_EYE, RIGHT_IRIS), (LEFT_EYE, LEFT_IRIS))
LASHES: Final = 0.0015  # metres beside a lid that its lashes cover
EDGE: Final = 0.0005  # metres beside a lid that are the lid's alone
STRETCH: Final = 4.0  # a lid's skin becomes at most this much wider
# An eyeball is alike on all sides of its iris; the earlier the better.
SIDES: Final = ((1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0))
HIDDEN: Final = 2 * LASHES  # metres behind a lid from where the other side tells more
NOTHING: Final = 1e-6  # metres, or pixels per metre


class Place(NamedTuple):
    """Where one eye of a face lies in a picture."""

    turn: Tensor  # [2, 2] pixels per metre: how the face lies
    middle: Tensor  # [2] pixels, between the corners

    def on_face(self, pixels: Tensor) -> Tensor:
        """Pixels [N, 2] -> metres; 0 where a face is seen exactly from its side."""
        return torch.linalg.solve_ex(self.turn, (pixels - self.middle).mT).result.mT.nan_to_num(0, 0, 0)

    def in_picture(self, metres: Tensor) -> Tensor:
        """[N, 2] back."""
        return self.middle + metres @ self.turn.mT

    @property
    def scale(self) -> Tensor:
        """Pixels per metre where nothing is foreshortened."""
        return torch.linalg.matrix_norm(self.turn, 2).clamp(min=NOTHING)


class Eye(NamedTuple):
    """One eye in one picture, in metres on the face."""

    place: Place
    upper: Tensor  # [9, 2] the upper lid's edge from one corner to the other, x rising
    lower: Tensor  # [9, 2] the lower lid's
    iris: Tensor  # [2]


def eyes(landmarks: Tensor, head: Tensor) -> tuple[Eye, Eye]:
    """The right and the left eye of landmarks [478, 3]; `head` [3, 3] moves a head from its rest."""
    right, left = (_eye(landmarks[:, :2], head[:2, :2], *points) for points in EYES)
    return right, left


def _eye(landmarks: Tensor, turn: Tensor, contour: tuple[int, ...], iris: tuple[int, ...]) -> Eye:
    half = len(contour) // 2
    place = Place(turn, landmarks[[contour[0], contour[half]]].mean(0))
    upper, lower, ring = (
        place.on_face(landmarks[list(points)])
        for points in ((*contour[:1], *contour[: half - 1 : -1]), contour[: half + 1], iris)
    )
    return Eye(place, _rising(upper), _rising(lower), ring.mean(0))


def _rising(line: Tensor) -> Tensor:
    """A line from corner to corner [9, 2], left to right and nowhere back."""
    line = line if line[0, 0] < line[-1, 0] else line.flip(0)
    return torch.stack((line[:, 0].cummax(0).values, line[:, 1]), 1)


def eye_of(landmarks: Tensor) -> Tensor:
    """Of which eye's edge landmarks are, same shape: 0 the right, 1 the left, -1 none or no landmark."""
    given = (landmarks >= 0) & (landmarks < FACE_LANDMARKS)
    return torch.where(given, _edges().to(landmarks.device)[landmarks.clamp(0, FACE_LANDMARKS - 1)], -1)


@cache
def _edges() -> Tensor:
    found = torch.full((FACE_LANDMARKS,), -1)
    for number, (contour, _) in enumerate(EYES):
        found[list(contour)] = number
    return found


def lids_and_eyes(corners: Tensor) -> tuple[Tensor, Tensor]:
    """Which triangles with the landmarks [N, 3] are a lid's [N], from its edge to its skin, and which are an
    eye's opening [N]: 0, 1 or -1 for none.
    """
    eye = eye_of(corners)
    edge, same = eye >= 0, (eye == eye[:, :1]).all(1)
    return edge.any(1) & ~edge.all(1), torch.where(same, eye[:, 0], -1)


def lid_weights(corners: Tensor, weights: Tensor, here: Tensor, there: Tensor) -> Tensor:
    """Barycentric weights [N, 3] in a view for those in the picture that is painted, in triangles of lids
    with the landmarks [N, 3]: where a lid is wider here than there, its skin stretches and not the lashes on
    its edge. Corners are `here` and `there` [N, 3, 2+] metres.
    """
    edge = (eye_of(corners) >= 0).to(weights)
    skin = 1 - edge

    def width(places: Tensor) -> Tensor:
        first, second = (
            (places * part[..., None]).sum(1) / part.sum(1, keepdim=True) for part in (edge, skin)
        )
        return (first - second).norm(dim=-1, keepdim=True)

    stretch = (width(here) / width(there).clamp(min=NOTHING)).clamp(1, STRETCH)
    moved = weights * (1 + skin * (stretch - 1))
    return moved / moved.sum(1, keepdim=True)


def where_in_view(pixels: Tensor, eye: Eye, view: Eye) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels of a view for pixels [N, 2] of an eye: those of the eyeball [N, 2], those of the nearer lid and
    its lashes [N, 2], and the share [N] that the lid has.
    """
    at = eye.place.on_face(pixels)
    top, bottom = (_height(lid, at[:, 0]) for lid in (eye.upper, eye.lower))
    below, above = (at[:, 1] - top).clamp(min=0), (bottom - at[:, 1]).clamp(min=0)
    top, bottom = (_height(lid, at[:, 0]) for lid in (view.upper, view.lower))
    half = ((bottom - top) / 2).clamp(min=0)
    lid = torch.where(below < above, top + below.minimum(half), bottom - above.minimum(half))
    share = 1 - ((below.minimum(above) - EDGE) / LASHES).clamp(0, 1)
    ball = view.place.in_picture(_on_ball(at - eye.iris, view))
    return ball, view.place.in_picture(torch.stack((at[:, 0], lid), 1)), share


def _on_ball(offset: Tensor, view: Eye) -> Tensor:
    """Points of the eyeball at offsets [N, 2] from the iris, where a view shows them: what its lids cover is
    taken from the iris' other side, and what they cover there, too, from beside the lid.
    """
    points = view.iris + offset * offset.new_tensor(SIDES)[:, None]  # S N 2
    left, right = view.upper[0, 0], view.upper[-1, 0]
    x = points[..., 0].maximum(left + LASHES).minimum(right - LASHES)
    top, bottom = (_height(lid, x) for lid in (view.upper, view.lower))
    margin = ((bottom - top) / 4).clamp(min=0, max=LASHES)
    y = points[..., 1].maximum(top + margin).minimum((bottom - margin).maximum(top + margin))
    shown = torch.stack((x, y), -1)
    preferred = torch.arange(len(SIDES), 0, -1, device=x.device)[:, None]
    score = preferred * ((shown - points).abs().amax(-1) < HIDDEN) + preferred / (2 * len(SIDES))
    return shown[score.argmax(0), torch.arange(len(offset), device=x.device)]


def _height(line: Tensor, x: Tensor) -> Tensor:
    """y of a rising line [K, 2] at x, of any shape; beyond its ends that of the ends."""
    k = torch.searchsorted(line[:, 0].contiguous(), x.contiguous()).clamp(1, len(line) - 1)
    a, b = line[k - 1], line[k]
    share = ((x - a[..., 0]) / (b[..., 0] - a[..., 0]).clamp(min=NOTHING)).clamp(0, 1)
    return a[..., 1] + (b[..., 1] - a[..., 1]) * share
