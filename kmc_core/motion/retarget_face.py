"""The face's part of retargeting: the character's own face, with the driver's expression and head pose."""

from dataclasses import replace

import torch
from torch import Tensor

from .bones import SEEN
from .character import Character
from .face_frame import HeadFrame, from_head_frame, neutral_shape, to_head_frame
from .placement import Plan
from .proportions import FACE
from .skeleton import JOINT
from .trajectory import filled
from .types import FaceMotion, Track


def move_face(
    driver: Track, body: Tensor | None, character: Character, plan: Plan, strength: float
) -> FaceMotion | None:
    """The driver's face on the character; None where the driver has none.

    In a bust shot the plan places the head itself; else the face rides on the nose of `body` [F, 25, 4], the
    body already moved, or lies where the plan places all. Without a face in any of the character's views, the
    driver's own neutral face stands in for its shape.
    """
    face = driver.face
    if face is None:
        return None
    frame = to_head_frame(face)
    neutral = neutral_shape(face, frame.shape)
    own = _own_shape(character)
    shape = (neutral if own is None else own) + strength * (frame.shape - neutral)
    centre = _centres(driver, frame, body, plan)
    size = plan.lengths[FACE]
    moved = HeadFrame(centre, frame.scale * size, frame.rotation, shape)
    seen = (face.confidence >= SEEN).float()
    offset = (face.crop[:, :2] - frame.centre[:, :2]) * size
    crop = torch.cat([centre[:, :2] + offset, face.crop[:, 2:] * size], dim=1)
    expression = face.expression.float().clone()
    expression[:, 1:] = (expression[:, 1:] * strength).clamp(
        0, 1
    )  # the first coefficient is "neutral" itself
    return replace(
        face,
        landmarks=from_head_frame(moved) * seen[:, None, None],
        expression=expression,
        crop=crop * seen[:, None],
    )


def _own_shape(character: Character) -> Tensor | None:
    """[478, 3] the character's face, from the view that faces the camera most."""
    faces = [view for view in character.views if view.pose.face is not None and _seen(view.pose.face)]
    if not faces:
        return None
    pose = min(faces, key=lambda view: abs(view.yaw)).pose
    assert pose.face is not None
    return to_head_frame(pose.face).shape[0]


def _seen(face: FaceMotion) -> bool:
    return float(face.confidence[0]) >= SEEN


def _centres(driver: Track, frame: HeadFrame, body: Tensor | None, plan: Plan) -> Tensor:
    """[F, 3] where the head's centre comes to lie."""
    place, size = plan.face or plan.place, plan.lengths[FACE]
    centre = torch.cat([place(frame.centre[:, :2]), frame.centre[:, 2:] * size], dim=1)
    if plan.face is not None or body is None or driver.body is None:
        return centre
    nose = JOINT["nose"]
    attached = (driver.body[:, nose, 3] >= SEEN) & (frame.scale > 1e-3)
    if not bool(attached.any()):
        return centre
    old, new = driver.body[:, nose, :2].float(), body[:, nose, :2]
    # Frames without a nose keep the shift between body and picture that their neighbours have.
    shift = filled(new + (frame.centre[:, :2] - old) * size - centre[:, :2], attached)
    return torch.cat([centre[:, :2] + shift, centre[:, 2:]], dim=1)
