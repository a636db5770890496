"""Both hands in a chunk of frames: MediaPipe's palm detector and 21-point landmark net (arXiv 2006.10214).

Small hands are lost in a picture of the whole frame, so with a body the nets look at windows around its
wrists, cut from the original resolution.
"""

import math

import torch
from torch import Tensor

from ..motion.skeleton import JOINT, LEFT, RIGHT
from .crops import crop, from_crop, normalised_angle, picked, square, to_crop
from .detect import PALM_GRID, Detection, detect
from .follow import LOOSE, Look, at_rest, follow, from_anchor, held
from .suite import Perception, run

INPUT = 224
DEPTH = 2.5  # the net's depths are made shallower for training: MediaPipe's graphs divide them by 0.4
POINTS = 21
WRIST, INDEX_PIP, MIDDLE_PIP, RING_PIP = 0, 6, 10, 14
MIDDLE_MCP_OF_PALM = 2  # keypoint of the palm detector; 0 is the wrist
STEADY = [
    0,
    1,
    2,
    3,
    5,
    6,
    9,
    10,
    13,
    14,
    17,
    18,
]  # points that place the region: without the moving finger tips
PALM_MARGIN, PALM_SHIFT = 2.6, 0.5  # region over a detected palm, and its shift towards the fingers
HAND_MARGIN, HAND_SHIFT = 2.0, 0.1  # the same over the steady points

# Lengths against that of the forearm, in people: they tell a forearm that points at the camera from a short
# one.
UPPER_ARM, SHOULDERS, TORSO = 1.1, 1.3, 2.0
WINDOW = 2.4  # palm detector's window over the forearm
HAND_SIDE, HAND_REACH = (
    1.1,
    0.4,
)  # landmark region over the forearm where the detector is blind, and its way along it
STRAY = 0.6  # a hand's wrist is within this many forearms of the body's wrist
SAME_HAND = 0.3  # two hands whose points are closer than this share of their size are one
SHORT = 0.4  # forearms that seem shorter than this share of their length tell no direction
UNKNOWN = torch.full((4,), torch.nan)
ARMS = ((JOINT["l_shoulder"], JOINT["l_elbow"], JOINT["l_wrist"]),
        (JOINT["r_shoulder"], JOINT["r_elbow"], JOINT["r_wrist"]))  # fmt: skip


class HandTracker:
    """Follows the left and the right hand through the chunks of a clip."""

    def __init__(self, nets: Perception) -> None:
        self._nets = nets
        self._last = [UNKNOWN, UNKNOWN]  # as their anchors saw them
        self._anchor = [torch.zeros(3), torch.zeros(3)]  # of the last frame

    def __call__(self, frames: Tensor, body: Tensor | None) -> Tensor:
        """uint8 [n, 3, H, W] and the body [n, 25, 4] -> hands [n, 2, 21, 4], zeros where none is seen."""
        anchors = [self._anchors(body, side, len(frames)) for side in (LEFT, RIGHT)]
        looks = [
            follow(_HandWatcher(self._nets, frames, body, side), self._last[side], anchors[side])
            for side in (LEFT, RIGHT)
        ]
        scores = _without_doubles(looks, torch.stack(anchors)[..., :2])
        for side in (LEFT, RIGHT):
            seen = torch.nonzero(scores[side] > 0)[-1:, 0]
            rois = from_anchor(looks[side].roi[seen], anchors[side][seen])
            self._last[side] = rois[0] if len(seen) else UNKNOWN
            self._anchor[side] = anchors[side][-1]
        height, width = frames.shape[-2:]
        hands = [_joints(look, score, width, height) for look, score in zip(looks, scores, strict=True)]
        return torch.stack(hands, dim=1)

    def _anchors(self, body: Tensor | None, side: int, n: int) -> Tensor:
        """The body's wrist and the way of its forearm [n, 3], held where they are not seen."""
        if body is None:
            return at_rest(n)
        elbow, wrist = body[:, ARMS[side][1]], body[:, ARMS[side][2]]
        along = (wrist - elbow)[:, :2]
        clear = (elbow[:, 3] > 0) & (along.norm(dim=-1) > SHORT * _forearm(body, side))
        angle = torch.atan2(along[:, 1], along[:, 0])
        anchors = held(torch.cat([wrist[:, :2], angle[:, None]], dim=1), wrist[:, 3] > 0, self._anchor[side])
        anchors[:, 2:] = held(anchors, clear & (wrist[:, 3] > 0), self._anchor[side])[:, 2:]
        return anchors


class _HandWatcher:
    """One side's hand. Without a body, palms are searched in the whole frame and told apart by the net."""

    tolerance = LOOSE

    def __init__(self, nets: Perception, frames: Tensor, body: Tensor | None, side: int) -> None:
        self._nets, self._frames, self._side = nets, frames, side
        self._arm = None if body is None else body[:, list(ARMS[side])]  # n 3 4
        self._forearm = None if body is None else _forearm(body, side)

    def blank(self, n: int) -> Look:
        return Look(
            torch.zeros(n, POINTS, 3), torch.zeros(n), torch.full((n, 4), torch.nan), torch.zeros(n, 1)
        )

    def look_at(self, index: Tensor, rois: Tensor) -> Look:
        flat, score, right = run(
            self._nets.hand_landmarks, crop(picked(self._frames, index), rois, INPUT), (0, 1, 2)
        )
        points = from_crop(flat.unflatten(1, (POINTS, 3)), rois, INPUT)
        score = score[:, 0]
        if self._arm is not None and self._forearm is not None:
            wrist = self._arm[index, 2]
            far = (points[:, WRIST, :2] - wrist[:, :2]).norm(dim=-1) > STRAY * self._forearm[index]
            score = torch.where(far & (wrist[:, 3] > 0), 0, score)
        return Look(points, score, hand_region(points), right)

    def search(self, index: Tensor, near: Tensor) -> Tensor:
        if self._arm is not None and self._forearm is not None:
            return self._search_at_wrist(index, self._arm[index], self._forearm[index])
        height, width = self._frames.shape[-2:]
        whole = square(width, height).expand(len(index), 4)
        found = detect(self._nets.palm_detector, PALM_GRID, picked(self._frames, index), whole)
        return torch.stack([self._own(place, palms) for place, palms in zip(index, found, strict=True)])

    def _search_at_wrist(self, index: Tensor, arm: Tensor, forearm: Tensor) -> Tensor:
        """Rois [m, 4] of the hand at the end of the arm [m, 3, 4]; nan without a wrist.

        A palm near the wrist or the arm's own direction, whichever shows the hand better.
        """
        windows, guesses = _arm_rois(arm, forearm)
        known = torch.nonzero(~windows.isnan().any(1))[:, 0]
        if not len(known):
            return guesses
        found = detect(
            self._nets.palm_detector, PALM_GRID, picked(self._frames, index[known]), windows[known]
        )
        palms = torch.stack(
            [_palm_at(*seen) for seen in zip(found, arm[known, 2, :2], forearm[known], strict=True)]
        )
        both = torch.nonzero(~palms.isnan().any(1))[:, 0]
        if len(both):
            where = known[both]
            by_palm = self.look_at(index[where], palms[both]).score
            by_arm = self.look_at(index[where], guesses[where]).score
            guesses[where] = torch.where((by_palm >= by_arm)[:, None], palms[both], guesses[where])
        return guesses

    def _own(self, index: Tensor, palms: list[Detection]) -> Tensor:
        """The roi [4] of the best palm that the landmark net takes for a hand of this side; nan for none."""
        if not palms:
            return torch.full((4,), torch.nan)
        rois = torch.stack([_palm_roi(palm) for palm in palms])
        look = self.look_at(index.expand(len(rois)), rois)
        mine = look.extra[:, 0] if self._side == RIGHT else 1 - look.extra[:, 0]
        score = look.score * (mine > 0.5)
        return rois[score.argmax()] if score.any() else torch.full((4,), torch.nan)


def _forearm(body: Tensor, side: int) -> Tensor:
    """Length [n] in pixels that the forearm would have across the view, from the longest of the bones that
    are seen."""
    shoulder, elbow, wrist = ARMS[side]
    bones = ((elbow, wrist, 1.0), (shoulder, elbow, UPPER_ARM), (ARMS[LEFT][0], ARMS[RIGHT][0], SHOULDERS),
             (JOINT["neck"], JOINT["pelvis"], TORSO))  # fmt: skip
    lengths = [
        (body[:, a, :2] - body[:, b, :2]).norm(dim=-1) / ratio * ((body[:, a, 3] > 0) & (body[:, b, 3] > 0))
        for a, b, ratio in bones
    ]
    return torch.stack(lengths).amax(0)


def _arm_rois(arm: Tensor, forearm: Tensor) -> tuple[Tensor, Tensor]:
    """A wide upright window and a tight region for the hand of an arm [m, 3, 4]: rois [m, 4], nan without a
    wrist."""
    elbow, wrist = arm[:, 1], arm[:, 2]
    along = torch.where(
        (elbow[:, 3] > 0)[:, None], wrist[:, :2] - elbow[:, :2], wrist.new_tensor([0.0, -1.0])
    )
    along = along / along.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    centre = wrist[:, :2] + HAND_REACH * forearm[:, None] * along
    angle = normalised_angle(torch.atan2(along[:, 1], along[:, 0]) + math.pi / 2)
    window = torch.stack([centre[:, 0], centre[:, 1], WINDOW * forearm, torch.zeros_like(angle)], dim=1)
    tight = torch.stack([centre[:, 0], centre[:, 1], HAND_SIDE * forearm, angle], dim=1)
    known = ((wrist[:, 3] > 0) & (forearm > 0))[:, None]
    return torch.where(known, window, torch.nan), torch.where(known, tight, torch.nan)


def _palm_at(palms: list[Detection], wrist: Tensor, forearm: Tensor) -> Tensor:
    """The landmark region [4] of the palm that begins at `wrist` [2]; nan where none does."""
    near = [palm for palm in palms if (palm.points[0] - wrist).norm() < STRAY * forearm]
    if not near:
        return torch.full((4,), torch.nan)
    return _palm_roi(min(near, key=lambda palm: float((palm.points[0] - wrist).norm())))


def _palm_roi(palm: Detection) -> Tensor:
    """The landmark region [4] of a detected palm."""
    up = palm.points[MIDDLE_MCP_OF_PALM] - palm.points[0]
    angle = normalised_angle(torch.atan2(up[1], up[0]) + math.pi / 2)
    shift = PALM_SHIFT * palm.extent[1] * torch.stack([angle.sin(), -angle.cos()])
    return torch.cat([palm.centre + shift, PALM_MARGIN * palm.extent.max()[None], angle[None]])


def hand_region(points: Tensor) -> Tensor:
    """Hand points [n, 21, 3] -> the rois [n, 4] that hold them, fingers up."""
    knuckles = (points[:, INDEX_PIP] + points[:, RING_PIP]) / 4 + points[:, MIDDLE_PIP] / 2
    up = (knuckles - points[:, WRIST])[:, :2]
    angle = normalised_angle(torch.atan2(up[:, 1], up[:, 0]) + math.pi / 2)
    unit = torch.stack(
        [torch.zeros_like(angle), torch.zeros_like(angle), torch.ones_like(angle), angle], dim=1
    )
    upright = to_crop(points[:, STEADY], unit, 1)[..., :2]
    low, high = upright.amin(1), upright.amax(1)
    middle = (low + high) / 2
    middle = torch.stack(
        [middle[:, 0], middle[:, 1] - HAND_SHIFT * (high - low)[:, 1], torch.zeros_like(angle)], dim=1
    )
    centre = from_crop(middle[:, None], unit, 1)[:, 0, :2]
    side = HAND_MARGIN * (high - low).amax(1).clamp(min=1)
    return torch.cat([centre, side[:, None], angle[:, None]], dim=1)


def _without_doubles(looks: list[Look], wrists: Tensor) -> list[Tensor]:
    """Scores [n] of both sides; where both found one hand, it goes to the side whose body wrist [2, n, 2] is
    nearer."""
    left, right = looks
    apart = (left.points - right.points)[..., :2].norm(dim=-1).mean(1)
    size = (left.points.amax(1) - left.points.amin(1))[:, :2].amax(1)
    double = (left.score > 0) & (right.score > 0) & (apart < SAME_HAND * size)
    if wrists.any():
        ways = [
            (look.points[:, WRIST, :2] - wrist).norm(dim=-1)
            for look, wrist in zip(looks, wrists, strict=True)
        ]
        to_left = ways[LEFT] < ways[RIGHT]
    else:
        to_left = left.extra[:, 0] + right.extra[:, 0] < 1
    return [torch.where(double & ~to_left, 0, left.score), torch.where(double & to_left, 0, right.score)]


def _joints(look: Look, score: Tensor, width: int, height: int) -> Tensor:
    """Points and confidence [n, 21, 4], depth 0 at the wrist; zeros where no hand is seen or outside the
    picture."""
    points = look.points.clone()
    points[..., 2] = DEPTH * (points[..., 2] - points[:, :1, 2])
    x, y = points[..., 0], points[..., 1]
    seen = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (score > 0)[:, None]
    hands = torch.cat([points, score[:, None, None].expand(-1, POINTS, 1)], dim=-1)
    return torch.where(seen[..., None], hands, 0)
