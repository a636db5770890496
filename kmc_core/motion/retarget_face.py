"""The face's part of retargeting: the character's own face, with the driver's expression and head pose.

Expressions move as a difference to the driver's face at rest. Three things are no difference and are kept as
they are: closed eyes, closed lips, and where the eyes look.
"""

from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from .bones import SEEN
from .character import Character
from .expression import move_expression, move_shape, neutral_expression
from .face_frame import HeadFrame, from_head_frame, neutral_shape, to_head_frame
from .placement import Plan
from .proportions import FACE
from .skeleton import EXPRESSIONS, JOINT
from .trajectory import filled
from .types import FaceMotion, Track

CLOSED_EYES: Final = 0.5  # blink from which on a picture's eyes are shut and tell no eye at rest


def move_face(
    driver: Track,
    judged: FaceMotion | None,
    body: Tensor | None,
    character: Character,
    plan: Plan,
    strength: float,
) -> FaceMotion | None:
    """The driver's face on the character; None where the driver has none. `judged` tells the driver's face at
    rest; where it shows none, the driver itself does.

    In a bust shot the plan places the head itself; else the face rides on the nose of `body` [F, 25, 4], the
    body already moved, or lies where the plan places all. Without a face in any of the character's views, the
    driver's own neutral face stands in for its shape.
    """
    face = driver.face
    if face is None or not _seen(face).any():
        return face
    frame = to_head_frame(face)
    still = face if judged is None or not _seen(judged).any() else judged
    neutral = neutral_shape(still, frame.shape if still is face else to_head_frame(still).shape)
    own, own_expression = _own_face(character)
    shape = move_shape(frame.shape, neutral, neutral if own is None else own, strength)
    expression = move_expression(face.expression.float(), neutral_expression(still), own_expression, strength)
    centre = _centres(driver, frame, body, plan)
    size = plan.lengths[FACE]
    moved = HeadFrame(centre, frame.scale * size, frame.rotation, shape)
    seen = _seen(face).float()
    offset = (face.crop[:, :2] - frame.centre[:, :2]) * size
    crop = torch.cat([centre[:, :2] + offset, face.crop[:, 2:] * size], dim=1)
    return replace(
        face,
        landmarks=from_head_frame(moved) * seen[:, None, None],
        expression=expression,
        crop=crop * seen[:, None],
    )


def _own_face(character: Character) -> tuple[Tensor | None, Tensor]:
    """[478, 3] the character's face and its expression [52], from the view that faces the camera most.

    Views with open eyes come first: shut ones do not show what they look like at rest.
    """
    blinks = [EXPRESSIONS.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
    shown = [
        (bool((face.expression[0, blinks] > CLOSED_EYES).any()), abs(view.yaw), index, face)
        for index, view in enumerate(character.views)
        if (face := view.pose.face) is not None and bool(_seen(face)[0])
    ]
    if not shown:
        return None, torch.zeros(len(EXPRESSIONS))
    face = min(shown, key=lambda entry: entry[:3])[3]
    return to_head_frame(face).shape[0], face.expression[0].float()


def _seen(face: FaceMotion) -> Tensor:
    return face.confidence >= SEEN


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
