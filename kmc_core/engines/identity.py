"""What an engine is shown of a subject: its views for a motion, whole, or the face or the clothes alone."""

from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from ..errors import KMCError
from ..model.background import fill_background
from ..motion.bones import SEEN
from ..motion.skeleton import JOINT
from ..motion.types import Motion
from ..subject.identity import Identity, Part
from ..subject.select import shown_views
from ..subject.types import Subject, View

CHIN: Final = 152  # of the face landmarks
HEAD_JOINTS: Final = [JOINT[name] for name in ("nose", "l_eye", "r_eye", "l_ear", "r_ear")]
REACH: Final = 2.2  # head's radius with its hair, in distances from the face's centre to the chin
NAPE: Final = 0.5  # of the way from the neck to the ears: where a head without a face ends


def shown_subject(identity: Identity, motion: Motion, track: int = 0) -> Subject:
    """The subject with the views and the part of them that an identity tells, the main view first.

    `motion` is in the pixels of that view. At strength 0 that is the main view alone, which gives framing and
    scene. Raises KMCError where the part shows in no view.
    """
    subject = identity.subject
    if not subject.views:
        raise KMCError(f"Subject '{subject.name}' has no view. Create it from at least one picture.")
    if identity.strength == 0:
        return replace(subject, views=subject.views[:1])
    if 0 < identity.most < len(subject.views):
        subject = replace(subject, views=shown_views(motion, subject, identity.most, track))
    if identity.part == "whole character":
        return subject
    if identity.part == "face only" and all(head_region(view) is None for view in subject.views):
        raise KMCError(f"No view of '{subject.name}' shows a head; choose the whole character.")
    return replace(subject, views=tuple(view_part(view, identity.part) for view in subject.views))


def view_part(view: View, part: Part) -> View:
    """The view with the scene in the place of all of the person but a part; clothes have no face identity."""
    head = head_region(view)
    if head is None:
        head = torch.zeros_like(view.mask)
    kept = head if part == "face only" else 1 - head
    scene = fill_background(view.image, view.mask)
    embedding = view.embedding if part == "face only" else None
    return replace(
        view, image=view.image * kept + scene * (1 - kept), mask=view.mask * kept, embedding=embedding
    )


def head_region(view: View) -> Tensor | None:
    """[1, H, W] 1 on the head with its hair, down to the chin; None where the view shows no head."""
    found = _head(view)
    if found is None:
        return None
    middle, end = found  # the head's middle and where it ends below, pixels
    up = middle - end
    height, width = view.mask.shape[-2:]
    xs, ys = torch.arange(width) + 0.5, torch.arange(height) + 0.5
    places = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1)  # H W 2
    above = ((places - end) * up).sum(-1) > 0
    near = (places - middle).norm(dim=-1) < REACH * up.norm()
    return (above & near).float()[None]


def _head(view: View) -> tuple[Tensor, Tensor] | None:
    face, body = view.pose.face, view.pose.body
    if face is not None and float(face.confidence[0]) >= SEEN:
        points = face.landmarks[0, :, :2].float()
        return points.mean(0), points[CHIN]
    if body is None:
        return None
    seen = [joint for joint in HEAD_JOINTS if float(body[0, joint, 3]) >= SEEN]
    neck = body[0, JOINT["neck"]].float()
    if not seen or float(neck[3]) < SEEN:
        return None
    middle = body[0, seen, :2].float().mean(0)
    return middle, neck[:2] + NAPE * (middle - neck[:2])
