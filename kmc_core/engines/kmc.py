"""Conditions of the KMC animator from a motion and a subject; the same code in training and in use."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import KMCError
from ..model.background import fill_background
from ..model.conditions import KEEP, AnimatorConditions
from ..model.limbs import Pose
from ..model.params import AnimatorParams
from ..model.prior import move_person
from ..model.proxy_paint import samples_of
from ..model.proxy_views import Picture
from ..motion.draw import limb_maps
from ..motion.part import part_of, track_of
from ..motion.skeleton import BODY_JOINTS, EXPRESSIONS, FACE_LANDMARKS
from ..motion.types import Motion, Track
from ..subject.identity import Identity
from ..subject.types import Subject, View
from .identity import shown_subject

Progress = Callable[[int, int], None]  # frames done, frames in all
Check = Callable[[], None]  # raises to cancel

MIDDLE_KNUCKLE: Final = 9
FILLS: Final = 0.1  # a picture this close to the canvas' shape is stretched to fill it
DRAWN_AT: Final = 0.5  # maps are drawn at half the signal's resolution


def no_progress(done: int, total: int) -> None:
    """Nobody watches."""


def no_check() -> None:
    """Nobody cancels."""


def canvas_size(
    params: AnimatorParams, picture: tuple[int, int], size: tuple[int, int] = (0, 0)
) -> tuple[int, int]:
    """Width and height of the canvas, multiples of the patch, in the shape of the picture (width, height).

    A side that is given stays; 0 follows the picture from the other side, both 0 take the trained area.
    """
    width, height = picture
    scale = params.size / (width * height) ** 0.5
    if size[0] or size[1]:
        scale = size[0] / width if size[0] else size[1] / height
    fitted = (max(1, round(side * scale / params.patch)) * params.patch for side in picture)
    followed_width, followed_height = fitted
    return size[0] or followed_width, size[1] or followed_height


def animate_conditions(
    motion: Motion,
    identity: Identity,
    *,
    params: AnimatorParams,
    size: tuple[int, int] = (0, 0),
    start: int = 0,
    length: int = 0,
    strengths: Mapping[str, float] = MappingProxyType({}),
    track: int = 0,
    progress: Progress = no_progress,
    check: Check = no_check,
) -> tuple[AnimatorConditions, tuple[int, int]]:
    """Conditions and canvas (width, height) for a part of a motion; the text is left empty, the host
    supplies it.

    size 0 takes that side from the subject's main picture; strengths 0..1 by the names of KEEP.
    """
    part = part_of(motion, start, length)
    subject = shown_subject(identity, part, track)
    height, width = subject.views[0].image.shape[-2:]
    canvas = canvas_size(params, (width, height), size)
    text = torch.zeros(1, params.text.length, params.text.dim)
    told = build_conditions(
        part,
        subject,
        text,
        params=params,
        size=canvas,
        track=track,
        progress=progress,
        check=check,
    )
    values = {"identity": identity.strength, **strengths}
    keep = told.keep * torch.tensor([values.get(name, 1.0) for name in KEEP])
    return replace(told, keep=keep), canvas


def build_conditions(
    motion: Motion,
    subject: Subject,
    text: Tensor,
    *,
    params: AnimatorParams,
    size: tuple[int, int],
    track: int = 0,
    progress: Progress = no_progress,
    check: Check = no_check,
) -> AnimatorConditions:
    """Conditions of one clip, batch 1, for a motion in the pixels of the subject's first view.

    text [1, L, C] is the encoded prompt, size the canvas in signal pixels (width, height).
    """
    width, height = size
    if width % params.patch or height % params.patch:
        fitting = [max(1, side // params.patch) * params.patch for side in size]
        raise KMCError(
            f"The animator's size must be a multiple of {params.patch}, got {width}x{height}. "
            f"Use {fitting[0]}x{fitting[1]}."
        )
    person = fitted_person(motion, subject, track)
    target = canvas_pose(person, *placement(motion.size, size))
    views = [canvas_view(view, size) for view in subject.views]
    pictures, masks, poses = zip(*views, strict=True)
    scene = fill_background(pictures[0], masks[0])
    moved = move_person(
        painted_views(subject, size), target, background=scene, progress=progress, check=check
    )
    hands, wrists = hand_features(target, size)
    references = torch.stack([torch.cat((p, m)) for p, m in zip(pictures, masks, strict=True)])
    maps = [_maps(pose, size) for pose in poses]
    return AnimatorConditions(
        moved=torch.cat((moved.colour, moved.coverage), 1).transpose(0, 1)[None],
        background=moved.background[None, :, None],
        maps=_maps(target, size).transpose(0, 1)[None],
        hands=hands[None],
        hand_positions=wrists[None],
        face=face_features(person)[None],
        references=references[None],
        reference_maps=torch.cat(maps)[None],
        identity=_identity(subject)[None],
        text=text,
        keep=torch.ones(1, len(KEEP)),
    )


def canvas_pose(track: Track, scale: Tensor, offset: Tensor) -> Pose:
    """A track in canvas pixels: x, y times scale [2] plus offset [2]; absent parts get confidence 0."""
    frames = track.frames
    depth = scale.prod().sqrt()

    def placed(points: Tensor) -> Tensor:
        return torch.cat((points[..., :2] * scale + offset, points[..., 2:3] * depth, points[..., 3:]), -1)

    face = track.face
    return Pose(
        body=placed(torch.zeros(frames, len(BODY_JOINTS), 4) if track.body is None else track.body.float()),
        hands=placed(torch.zeros(frames, 2, 21, 4) if track.hands is None else track.hands.float()),
        landmarks=placed(torch.zeros(frames, FACE_LANDMARKS, 3) if face is None else face.landmarks.float()),
        face_seen=torch.zeros(frames) if face is None else face.confidence.float(),
    )


def placement(picture: tuple[int, int], size: tuple[int, int], filled: bool = False) -> tuple[Tensor, Tensor]:
    """Factor [2] and offset [2] (x, y) that fit a picture (width, height) into the middle of a canvas.

    A picture of the canvas' own shape fills it, although rounding to patches stretches it by a few percent.
    `filled`: it fills any canvas, cut where it is too long, as in the results of the 14B engines.
    """
    scale = (max if filled else min)(size[0] / picture[0], size[1] / picture[1])
    inner = [max(1, round(side * scale)) for side in picture]
    if not filled and all(abs(a - b) < b * FILLS for a, b in zip(inner, size, strict=True)):
        inner = list(size)
    factor = torch.tensor([a / b for a, b in zip(inner, picture, strict=True)])
    return factor, torch.tensor([float((a - b) // 2) for a, b in zip(size, inner, strict=True)])


def fitted_person(motion: Motion, subject: Subject, track: int) -> Track:
    """Person `track` of a motion in the pixels of the subject's first view. KMCError when it is in others."""
    if not subject.views:
        raise KMCError(f"Subject '{subject.name}' has no view. Create it from at least one picture.")
    height, width = subject.views[0].image.shape[-2:]
    if motion.size != (width, height):
        raise KMCError(
            f"The motion is in a frame of {motion.size[0]}x{motion.size[1]} pixels, the picture of "
            f"'{subject.name}' has {width}x{height}. Fit it to the subject with Retarget Motion first."
        )
    if motion.frames == 0:
        raise KMCError("The motion has no frames; encode a video that shows a person.")
    return track_of(motion, track)


def canvas_view(view: View, size: tuple[int, int], filled: bool = False) -> tuple[Tensor, Tensor, Pose]:
    """Picture [3, H, W] in -1..1, mask [1, H, W] and pose of a view placed on the canvas, the rest grey."""
    (width, height), picture = size, (view.image.shape[-1], view.image.shape[-2])
    factor, offset = placement(picture, size, filled)
    inner = [round(picture[axis] * float(factor[axis])) for axis in (1, 0)]
    left, top = int(offset[0]), int(offset[1])
    pads = (left, width - inner[1] - left, top, height - inner[0] - top)
    image = F.interpolate(view.image[None].float() * 2 - 1, size=inner, mode="bilinear", antialias=True)[0]
    mask = F.interpolate(view.mask[None].float(), size=inner, mode="bilinear", antialias=True)[0]
    return (
        F.pad(image, pads).clamp(-1, 1),
        F.pad(mask, pads).clamp(0, 1),
        canvas_pose(view.pose, factor, offset),
    )


def painted_views(subject: Subject, size: tuple[int, int], filled: bool = False) -> list[Picture]:
    """The views on a canvas (width, height), each as much larger as the prior's samples are finer than its
    pixels, where the picture is.
    """
    pictures = []
    for view in subject.views:
        larger = round(max(view.image.shape[-2:]) / max(size))
        times = max(1, min(samples_of(size), larger))
        pictures.append(Picture(*canvas_view(view, (size[0] * times, size[1] * times), filled)))
    return pictures


def hand_features(pose: Pose, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Features [F, 2, 67] of both hands (joints in the wrist's frame, place, size, confidence) and wrists
    y, x.
    """
    joints, confidence = pose.hands[..., :3], pose.hands[..., 3].mean(-1, keepdim=True)
    wrist = joints[..., :1, :]
    length = (joints[..., MIDDLE_KNUCKLE, :2] - wrist[..., 0, :2]).norm(dim=-1, keepdim=True).clamp(min=1.0)
    shape = ((joints - wrist) / length[..., None]).clamp(-4, 4).flatten(-2)
    place = wrist[..., 0, :2] / torch.tensor(size) * 2 - 1
    features = torch.cat((shape, place, length / size[1] * 10, confidence), -1)
    return features * (confidence > 0), wrist[..., 0, :2].flip(-1)


def face_features(track: Track) -> Tensor:
    """Features [F, 59] of the face: expression, two columns of its rotation, confidence; zeros where
    unseen.
    """
    if track.face is None:
        return torch.zeros(track.frames, len(EXPRESSIONS) + 7)
    face = track.face
    features = torch.cat(
        (face.expression, face.rotation[..., :2].flatten(1), face.confidence[:, None]), -1
    ).float()
    return features * (face.confidence[:, None] > 0)


def _maps(pose: Pose, size: tuple[int, int]) -> Tensor:
    width, height = size
    return limb_maps(
        pose.body,
        pose.hands,
        pose.landmarks,
        size=(int(height * DRAWN_AT), int(width * DRAWN_AT)),
        scale=DRAWN_AT,
        face_confidence=pose.face_seen,
    )


def _identity(subject: Subject) -> Tensor:
    """Mean face embedding [128] of the views that show a face; zeros without one."""
    seen = [view.embedding for view in subject.views if view.embedding is not None]
    return torch.stack(seen).float().mean(0) if seen else torch.zeros(128)
