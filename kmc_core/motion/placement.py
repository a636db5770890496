"""Placing a character: where the driver's picture lies in its picture, and how large each part becomes."""

import math
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor

from ..errors import KMCError
from .bones import SEEN, weighted_median
from .face_frame import to_head_frame
from .proportions import FACE, Proportions
from .skeleton import BODY_JOINTS, JOINT, LEFT, RIGHT
from .types import Track

PlacementMode = Literal["match picture", "match video"]

PELVIS, NOSE, FACE_CENTRE = "pelvis", "nose", "face"  # names of anchors
ROOTS: Final = tuple(JOINT[name] for name in (PELVIS, "neck", NOSE))
OFTEN: Final = 0.5  # share of the frames in which an anchor must be seen to be preferred


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

    place: Placement
    lengths: Tensor  # [LENGTHS] character pixels per driver pixel, part by part
    pose: Track  # the character's, in its first view
    rest_scale: float  # result pixels per pixel of that pose
    nose: Placement | None = None  # the head's own placement, where it has one
    face: Placement | None = None


def plan_placement(
    mode: PlacementMode,
    driver: Track,
    video: tuple[int, int],
    pose: Track,
    picture: tuple[int, int],
    proportions: Proportions,
    body_strength: float,
) -> Plan:
    """Where and how large the driver's parts become in the picture; `video` and `picture` are width, height.

    `body_strength` scales how far the head leaves its place in a bust shot. Raises KMCError where nothing
    that both show tells size or place.
    """
    if mode == "match video":
        place = _match_frames(video, picture)
        rest = place.scale / proportions.size if math.isfinite(proportions.size) else 1.0
        return Plan(place, proportions.relative * place.scale, pose, rest)
    if mode != "match picture":
        raise KMCError(f"Placement is '{mode}'; choose 'match picture' or 'match video'.")
    anchor = _shared_anchor(driver, pose, proportions)
    place = _match_at(anchor, driver, pose, proportions.size)
    lengths = proportions.relative * place.scale
    heads: dict[str, Placement] = {}
    if anchor != PELVIS:  # a bust shot, where the head must stay in its place in the picture
        shared = [name for name in (NOSE, FACE_CENTRE) if _is_shared(name, driver, pose)]
        heads = {name: _match_at(name, driver, pose, body_strength * float(lengths[FACE])) for name in shared}
    return Plan(place, lengths, pose, 1.0, heads.get(NOSE), heads.get(FACE_CENTRE))


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
