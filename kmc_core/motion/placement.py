"""Placing a character: where the driver's picture lies in its picture, and how large each part becomes.

A person who stands, walks or sits with the feet on the ground is placed by the ground, and its way over the
ground scales with its legs, so that feet do not slide. All others are placed by the pelvis, a bust by its
neck and head.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor

from ..errors import KMCError
from .bones import SEEN, weighted_median
from .face_frame import to_head_frame
from .proportions import FACE, Proportions, bone
from .skeleton import BODY_JOINTS, JOINT, LEFT, RIGHT
from .types import Track

PlacementMode = Literal["match picture", "match video"]

PELVIS, NOSE, FACE_CENTRE = "pelvis", "nose", "face"  # names of anchors
ROOTS: Final = tuple(JOINT[name] for name in (PELVIS, "neck", NOSE))
OFTEN: Final = 0.5  # share of the frames in which an anchor must be seen to be preferred
GROUNDED: Final = 0.3  # share of the frames in which a foot must stand for the ground to be the anchor
_LEG: Final = (bone("l_hip", "l_knee"), bone("l_knee", "l_ankle"))


@dataclass(frozen=True)
class Placement:
    """Where the driver's picture lies in the character's: target + scale * (point - source)."""

    source: Tensor  # [2] driver pixels
    target: Tensor  # [2] character pixels
    scale: float

    def __call__(self, points: Tensor) -> Tensor:
        """[..., 2] driver pixels -> [..., 2] character pixels."""
        return self.target + self.scale * (points - self.source)


@dataclass(frozen=True)
class Plan:
    """All that moving the parts needs to know about driver and character."""

    place: Placement  # of the body's root, and so of the ground that it stands on
    size: float  # character pixels per driver pixel
    lengths: Tensor  # [LENGTHS] the same, part by part
    pose: Track  # the character's, in its first view
    rest_scale: float  # result pixels per pixel of that pose
    nose: Placement | None = None  # the head's own placement, where it has one
    face: Placement | None = None
    grounded: bool = False  # whether `place` maps the ground onto the ground


def plan_placement(
    mode: PlacementMode,
    driver: Track,
    video: tuple[int, int],
    pose: Track,
    picture: tuple[int, int],
    proportions: Proportions,
    body_strength: float,
    standing: Tensor,
) -> Plan:
    """Where and how large the driver's parts become in the picture; `video` and `picture` are width, height.

    `body_strength` scales how far the head leaves its place in a bust shot; `standing` [F, 2] tells which of
    the driver's feet stand on the ground. Raises KMCError where nothing that both show tells size or place.
    """
    ground = _ground(driver, standing)
    stride = float(proportions.relative[list(_LEG)].mean())
    if mode == "match video":
        place = _match_frames(video, picture)
        size = place.scale
        rest = size / proportions.size if math.isfinite(proportions.size) else 1.0
        if ground is not None:
            place = Placement(ground, place(ground), size * stride)
        return Plan(place, size, proportions.relative * size, pose, rest, grounded=ground is not None)
    if mode != "match picture":
        raise KMCError(f"Placement is '{mode}'; choose 'match picture' or 'match video'.")
    anchor, size = _shared_anchor(driver, pose, proportions), proportions.size
    place = _match_at(anchor, driver, pose, size)
    lengths = proportions.relative * size
    own_ground = _ground(pose, torch.ones(pose.frames, 2, dtype=torch.bool))
    grounded = False
    if anchor == PELVIS and ground is not None and own_ground is not None:
        place, grounded = Placement(ground, own_ground, size * stride), True
    heads: dict[str, Placement] = {}
    if anchor != PELVIS:  # a bust shot, where the head must stay in its place in the picture
        shared = [name for name in (NOSE, FACE_CENTRE) if _is_shared(name, driver, pose)]
        heads = {name: _match_at(name, driver, pose, body_strength * float(lengths[FACE])) for name in shared}
    return Plan(place, size, lengths, pose, 1.0, heads.get(NOSE), heads.get(FACE_CENTRE), grounded)


def _ground(track: Track, standing: Tensor) -> Tensor | None:
    """[2] the point of the ground below the pelvis' median place; None where the feet are seldom on it."""
    if track.body is None or float(standing.any(dim=1).float().mean()) < GROUNDED:
        return None
    body = track.body.float()
    ankles = body[:, [JOINT["l_ankle"], JOINT["r_ankle"]]]  # F 2 4
    stands = standing & (ankles[..., 3] >= SEEN)
    pelvis, seen = _anchors(track)[PELVIS]
    if not bool(stands.any()) or not bool((seen > 0).any()):
        return None
    # The lower foot: the other may stand further away, or be just off the ground.
    height = ankles[..., 1].masked_fill(~stands, -float("inf")).amax(dim=1)
    beside = weighted_median(pelvis[:, 0], seen)
    return torch.stack([beside, weighted_median(height, stands.any(dim=1).float())])


def _shared_anchor(driver: Track, pose: Track, proportions: Proportions) -> str:
    """The best anchor that the picture shows and the driver shows often, else at all."""
    if math.isnan(proportions.size):
        raise KMCError(
            "The motion and the subject's pictures show no common part to compare sizes by; "
            "use a picture that shows what the video shows, or placement 'match video'."
        )
    for often in (OFTEN, 0.0):
        for name in _anchors(driver):
            if _is_shared(name, driver, pose, often):
                return name
    raise KMCError(
        "The motion and the subject's first picture show no common part to place the character by; "
        "use a picture that shows what the video shows, or placement 'match video'."
    )


def _is_shared(name: str, driver: Track, pose: Track, often: float = 0.0) -> bool:
    """Whether the picture shows the anchor and more than this share of the driver's frames do."""
    unseen = (torch.zeros(0), torch.zeros(1))
    ours, theirs = (_anchors(track).get(name, unseen)[1] for track in (driver, pose))
    return bool((theirs > 0).any()) and float((ours > 0).float().mean()) > often


def _match_at(name: str, driver: Track, pose: Track, scale: float) -> Placement:
    """The anchor's median in the driver on its place in the character's picture."""
    points, seen = _anchors(driver)[name]
    return Placement(
        weighted_median(points, seen[:, None].expand_as(points)), _anchors(pose)[name][0][0], scale
    )


def _anchors(track: Track) -> dict[str, tuple[Tensor, Tensor]]:
    """Candidate anchors, best first: positions [F, 2] and confidences [F], 0 where not seen."""
    anchors: dict[str, tuple[Tensor, Tensor]] = {}
    if track.body is not None:
        body = track.body.float()
        anchors |= {BODY_JOINTS[joint]: (body[:, joint, :2], body[:, joint, 3]) for joint in ROOTS}
    if track.face is not None:
        anchors[FACE_CENTRE] = (to_head_frame(track.face).centre[:, :2], track.face.confidence.float())
    if track.hands is not None:
        hands = track.hands.float()
        anchors |= {f"hand {side}": (hands[:, side, 0, :2], hands[:, side, 0, 3]) for side in (LEFT, RIGHT)}
    return {name: (points, seen * (seen >= SEEN)) for name, (points, seen) in anchors.items()}


def _match_frames(video: tuple[int, int], picture: tuple[int, int]) -> Placement:
    """The video's frame as large as it fits into the picture, centred."""
    source, target = torch.tensor(video, dtype=torch.float32), torch.tensor(picture, dtype=torch.float32)
    return Placement(source / 2, target / 2, float((target / source).min()))
