"""Which way a head and a body face, frame by frame, and how like each other two faces are."""

import math
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from ..motion.bones import SEEN
from ..motion.skeleton import JOINT
from ..motion.types import Track
from .types import View

# Pairs whose line crosses the body from its right to its left: where it points tells how the body is turned.
# Found hips know less of their depth, so they are asked only where the shoulders are not seen.
ACROSS: Final = tuple((JOINT[f"r_{name}"], JOINT[f"l_{name}"]) for name in ("shoulder", "hip"))
BLIND: Final = math.radians(50)  # a body turned less than this shows a face: without one it was misread
WRUNG: Final = math.radians(110)  # no neck turns a head further from the body than this
# Embeddings of one person lie 0.2 to 0.43 apart from like sides, of two people 0.67 and more.
SAME_PERSON: Final = 0.6


def facing(track: Track) -> Tensor:
    """Yaw [F, 2] of head and body in radians: 0 faces the camera, positive turns to the right of the picture.

    One that is not seen takes the other's; nan where neither is. A body that is told to face the camera where
    the face is not found is taken for not seen: at the back of a person detectors mistake left for right.
    """
    yaws = torch.full((track.frames, 2), torch.nan)
    if track.face is not None:
        rotation = track.face.rotation.float()
        yaw = torch.atan2(-rotation[:, 0, 2], rotation[:, 2, 2])
        yaws[:, 0] = torch.where(track.face.confidence >= SEEN, yaw, torch.nan)
    if track.body is not None:
        yaws[:, 1] = _body_yaw(track.body.float(), track.world)
    if track.face is not None:
        hidden = (track.face.confidence < SEEN) & (yaws[:, 1].abs() < BLIND)
        yaws[:, 1] = torch.where(hidden, torch.nan, yaws[:, 1])
    wrung = apart(yaws[:, 0], yaws[:, 1]) > WRUNG  # a face that a detector saw on the back of a head
    yaws[:, 0] = torch.where(wrung, torch.nan, yaws[:, 0])
    return torch.where(yaws.isnan(), yaws.flip(1), yaws)


def view_facing(view: View) -> Tensor:
    """Yaw [2] of head and body in a view; a pose that tells neither has the yaw that the view was given."""
    (yaws,) = facing(view.pose)
    return torch.where(yaws.isnan(), view.yaw, yaws)


def apart(a: Tensor, b: Tensor) -> Tensor:
    """Radians 0..pi between two yaws, nan where one is."""
    return torch.atan2((a - b).sin(), (a - b).cos()).abs()


def _body_yaw(body: Tensor, world: Tensor | None) -> Tensor:
    """[F, 25, 4] -> [F]; nan where neither shoulders nor hips are seen. Depth is better known in metres."""
    points = body[..., :3] if world is None else world.float()
    right, left = (list(side) for side in zip(*ACROSS, strict=True))
    seen = torch.minimum(body[:, right, 3], body[:, left, 3]) >= SEEN  # F 2
    both = points[:, left] - points[:, right]  # F 2 3
    across = torch.where(seen[:, :1], both[:, 0], both[:, 1])
    return torch.where(seen.any(1), torch.atan2(across[:, 2], across[:, 0]), torch.nan)


def strangers(views: Sequence[View]) -> dict[int, float]:
    """By position: views whose face is nobody's that leads back to the first face, and how far off it is.

    A head that turns changes its embedding, so a view counts as known that is like any known view.
    """
    faces = {i: view.embedding.float() for i, view in enumerate(views) if view.embedding is not None}
    distances = dict.fromkeys(faces, math.inf)
    known = [next(iter(faces))] if faces else []
    for face in known:  # grows while it is walked: everybody who is like somebody known
        for other, embedding in faces.items():
            distances[other] = min(distances[other], float((embedding - faces[face]).norm()))
            if other not in known and distances[other] <= SAME_PERSON:
                known.append(other)
    return {i: distances[i] for i in faces if i not in known}
